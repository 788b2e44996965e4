"""Case 82: 50 accounts and faults without end; `make soak MINUTES=60` for as long as you like."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from centre import Centre, served
from fake_vendor import Asked, Last, Said, answer
from hurry import SPEED
from subject import ENDS, Subject, serving, started
from trial import config_of
from watch import Watch, watched

ACCOUNTS, SHARE = 50, 0.1
BLOCKS = 40_000
"""Of memory, a tenth of all: so many come and go with polls under way. In a minute there are 400 faults in a half,
and an answer that is kept has hundreds of blocks."""
AT_FIRST_MIB, AN_HOUR_MIB, AT_MOST_MIB = 12.0, 3.0, 24.0
"""By how much the process may grow: what refers to itself and has aged is collected once an hour."""
AN_ACCOUNT = 1
"""Descriptors and tasks that may come and go with it; what stayed of each fault would be several hundred."""
_WINDOW, _EVERY = 4.0, 0.2  # seconds in which the least is looked for, and between two looks
_TOLD_EVERY = 60.0
_log = logging.getLogger(__name__)


class Unsteady(Centre):
    """An account of whose answers every tenth is spoilt, in one way or another."""

    chance: random.Random
    spoilt = 0

    def answer(self, asked: Asked) -> Said | Awaitable[Said]:
        """Answer, or not quite."""
        if self.chance.random() >= SHARE:
            return super().answer(asked)
        self.spoilt += 1
        with self.fault(self.chance.choice(_SPOILS)):
            return super().answer(asked)


def _cut(_: Asked, document: dict[str, Any]) -> Said:
    whole = answer(document)
    return Last(whole[: len(whole) // 2])


_SPOILS = (
    _cut,
    lambda *_: answer({"error": "Internal"}, status=500),
    lambda *_: answer(b"<html>Sorry</html>", content_type="text/html"),
    lambda *_: answer(b""),
    lambda *_: answer({"unheard": "of"}),
    lambda *_: answer({}, status=429, retry_after="5"),
    lambda *_: Last(reset=True),
)


class Lenient(Watch):
    """An oracle to which all accounts are sick: what was there of one may go."""

    def _judge_presence(self, *_: Any) -> None:
        pass


@asynccontextmanager
async def unsteady(seed: int) -> AsyncIterator[list[Unsteady]]:
    """Serve all accounts until the end of the block."""
    async with AsyncExitStack() as stack:
        centres = []
        for number in range(ACCOUNTS):
            centre = Unsteady(f"a{number}", agents=2)
            centre.chance = random.Random(f"{seed} {number}")
            await stack.enter_async_context(served(centre))
            centres.append(centre)
        yield centres


@dataclass(frozen=True)
class Floor:
    """The least that a subject held within some seconds: what comes and goes is not in it."""

    mib: float
    descriptors: int
    tasks: int
    blocks: int


async def floor(subject: Subject) -> Floor:
    seen = []
    end = time.monotonic() + _WINDOW
    while time.monotonic() < end:
        blocks = await subject.blocks()
        seen.append((subject.resident(), subject.descriptors(), await subject.tasks(), blocks))
        await asyncio.sleep(_EVERY)
    return Floor(*map(min, zip(*seen, strict=True)))


async def lived(subject: Subject, seconds: float) -> None:
    """Let it live for so long, and tell from time to time how it does."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(left, _TOLD_EVERY))
        _log.info("%.0f MiB, %d descriptors", subject.resident(), subject.descriptors())


@pytest.mark.thorough
async def test_fault_82_fifty_accounts_and_every_tenth_answer_spoilt(
    program: str, tmp_path: Path, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
) -> None:
    seconds = 60 * float(pytestconfig.getoption("--minutes"))
    async with (
        unsteady(seed=7) as centres,
        started(program, config_of(*centres), tmp_path) as subject,
    ):
        await serving(subject)
        watch = Lenient(subject, centres[0], centres[1:], SPEED)
        async with watched(watch):
            await lived(subject, seconds / 2 - _WINDOW)
            half = await floor(subject)
            await lived(subject, seconds / 2 - _WINDOW)
            whole = await floor(subject)
        assert await subject.stop() in ENDS[program]
    hours = SPEED * seconds / 3600
    record_property("hours that the subject lived", round(hours, 2))
    record_property("answers spoilt", sum(centre.spoilt for centre in centres))
    record_property("MiB grown over the second half", round(whole.mib - half.mib, 1))
    record_property("descriptors risen over it", whole.descriptors - half.descriptors)
    record_property("tasks risen over it", whole.tasks - half.tasks)
    record_property("blocks of memory risen over it", whole.blocks - half.blocks)
    if hours >= 10:  # before that it is mostly chance
        record_property("MiB grown in an hour of its life <= 1", round((whole.mib - half.mib) / hours * 2, 2))
    _log.info("%s, then %s", half, whole)
    assert whole.descriptors <= half.descriptors + AN_ACCOUNT * ACCOUNTS
    assert whole.tasks <= half.tasks + AN_ACCOUNT * ACCOUNTS
    assert whole.blocks <= half.blocks + BLOCKS
    assert whole.mib <= half.mib + min(AT_FIRST_MIB + AN_HOUR_MIB * hours / 2, AT_MOST_MIB)
    assert sum(centre.spoilt for centre in centres) > SHARE / 2 * sum(len(centre.asked) for centre in centres)
    for name, figure in watch.figures.items():
        record_property(name, figure)
    assert not watch.wrong, "\n".join(watch.wrong)
