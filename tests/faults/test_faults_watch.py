"""That the oracle and a test come to an end, whatever the subject does."""

import asyncio
from typing import cast

import pytest
from baseline import Needs
from centre import Centre
from subject import Subject
from trial import ending
from watch import Watch, watched


class Frozen:
    """A program that never answers, whose caller takes every end for a timeout."""

    program = "plain"

    def clock(self) -> float:
        return 0.0

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
    assert watch.wrong == ["O1: /metrics met with TimeoutError"]


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


class Sick:
    """A program that serves its page, says now and then that its loops stand still, and holds ever more tasks."""

    program = "ours"

    def __init__(self, *beats: int) -> None:
        self._beats = iter(beats)

    async def ask(self, path: str, **_: str) -> tuple[int, str]:
        return (200, "") if path == "/metrics" else (next(self._beats, 200), "")

    def clock(self) -> float:
        return 0.0

    def resident(self) -> float:
        return 50.0

    def descriptors(self) -> int:
        return 20

    async def tasks(self) -> int:
        return 100


@pytest.mark.looptime
@pytest.mark.parametrize(("beats", "wrong"), [((503,), []), ((503, 503), ["O1: /-/healthy says 503"]), ((), [])])
async def test_the_oracle_asks_whether_the_loops_tick(beats: tuple[int, ...], wrong: list[str]) -> None:
    watch = Watch(cast("Subject", Sick(*beats)), Centre("sick"), (), 1.0)
    async with watched(watch):
        await asyncio.sleep(1)
    assert watch.wrong == wrong


@pytest.mark.looptime
async def test_the_oracle_wants_tasks_to_come_to_an_end() -> None:
    subject = cast("Subject", Sick())
    await Needs(50.0, 20, 95).again(subject)
    with pytest.raises(AssertionError, match=r"O5: \+0 MiB, \+0 descriptors, \+90 tasks"):
        await Needs(50.0, 20, 10).again(subject)
