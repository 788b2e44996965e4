import os
import shutil
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for program in marker.args:
            if shutil.which(program) is None:
                if os.environ.get("CI") == "true":
                    pytest.fail(f"{program} is missing, and CI must not skip", pytrace=False)
                pytest.skip(f"{program} is not installed")


class _Reply(aiohttp.ClientResponse):
    """A reply as aioresponses 0.7.9 makes it, with the `stream_writer` that aiohttp asks for since 3.14."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, stream_writer=SimpleNamespace(output_size=0), **kwargs)


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses]:
    """Answers without a socket, so that time can be virtual too."""
    monkeypatch.setattr("aioresponses.core.ClientResponse", _Reply)
    with aioresponses() as answers:
        yield answers
