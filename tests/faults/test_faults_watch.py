"""That the oracle and a test come to an end, whatever the subject does."""

import asyncio
from typing import cast

import pytest
from centre import Centre
from subject import Subject
from trial import ending
from watch import Watch, watched


class Frozen:
    """A program that never answers, whose caller takes every end for a timeout."""

    async def ask(self, *_: object, **__: object) -> tuple[int, str]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise TimeoutError from None
        raise AssertionError


@pytest.mark.looptime
async def test_the_oracle_ends_though_its_end_is_taken_for_a_timeout() -> None:
    watch = Watch(cast("Subject", Frozen()), Centre("sick"), (), 1.0)
    async with asyncio.timeout(5):
        async with watched(watch):
            await asyncio.sleep(1)
    assert watch.wrong == ["O1: a scrape met with TimeoutError"]


@pytest.mark.looptime
async def test_a_test_without_end_falls() -> None:
    async def endless() -> None:
        await asyncio.Event().wait()

    async def impatient() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(AssertionError, match="not come to an end after 60 s"):
        await ending(endless, 60)()
    with pytest.raises(TimeoutError, match="of its own"):
        await ending(impatient, 60)()
