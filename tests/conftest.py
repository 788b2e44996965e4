import asyncio
import os
import shutil
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest
from aioresponses import aioresponses

pytest_plugins = ["trial"]


def pytest_sessionstart() -> None:
    asyncio.set_event_loop(None)  # else a plugin that asks for the loop in a plain test makes one, and leaks it


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
        super().__init__(*args, stream_writer=Mock(output_size=0), **kwargs)


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses]:
    """Answers without a socket, so that time can be virtual too."""
    monkeypatch.setattr("aioresponses.core.ClientResponse", _Reply)
    with aioresponses() as answers:
        yield answers
