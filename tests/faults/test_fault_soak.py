"""Case 82: 50 accounts and faults without end; `make soak MINUTES=60` for as long as you like."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from centre import Centre, served
from fake_vendor import Asked, Last, Said, answer
from hurry import SPEED
from subject import serving, started
from trial import config_of
from watch import Watch, watched

ACCOUNTS, SHARE = 50, 0.1
AT_FIRST_MIB, AN_HOUR_MIB, AT_MOST_MIB = 8.0, 3.0, 24.0
"""By how much memory may rise: the oldest generation of garbage is collected after half a day of such a life."""
GROWN = 10.0
"""By how much that of descriptors and tasks may rise, be it in a minute or in an hour."""
_EVERY = 0.25  # seconds between two measurements
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


def slope(times: list[float], values: list[float]) -> float:
    """Return the rise in a second after Theil and Sen: the median over all pairs of measurements."""
    step = max(1, len(times) // 400)
    points = list(zip(times, values, strict=True))[::step]
    return median((b - a) / (t - s) for n, (s, a) in enumerate(points) for t, b in points[n + 1 :])


@pytest.mark.thorough
async def test_fault_82_fifty_accounts_and_every_tenth_answer_spoilt(
    program: str, tmp_path: Path, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
) -> None:
    seconds = 60 * float(pytestconfig.getoption("--minutes"))
    measured: dict[str, list[float]] = {"time": [], "MiB": [], "descriptors": [], "tasks": []}
    async with (
        unsteady(seed=7) as centres,
        started(program, config_of(*centres), tmp_path) as subject,
    ):
        await serving(subject)
        watch = Lenient(subject, centres[0], centres[1:], SPEED)
        told = time.monotonic()
        end = told + seconds
        async with watched(watch):
            while time.monotonic() < end:
                measured["time"].append(time.monotonic())
                measured["MiB"].append(subject.resident())
                measured["descriptors"].append(subject.descriptors())
                measured["tasks"].append(await subject.tasks() if program == "ours" else 0)
                if time.monotonic() > told + _TOLD_EVERY:
                    told += _TOLD_EVERY
                    latest = ", ".join(
                        f"{values[-1]:.0f} {name}" for name, values in measured.items() if name != "time"
                    )
                    _log.info("%s", latest)
                await asyncio.sleep(_EVERY)
        assert await subject.stop() in {0, -15}
    warm = len(measured["time"]) // 2
    times = measured.pop("time")[warm:]
    lived = SPEED * (times[-1] - times[0]) / 3600
    record_property("hours that the subject lived", round(SPEED * seconds / 3600, 2))
    record_property("answers spoilt", sum(centre.spoilt for centre in centres))
    for name, values in measured.items():
        rise = slope(times, values[warm:]) * (times[-1] - times[0])
        record_property(f"{name} risen over the second half", round(rise, 1))
        _log.info("%s have risen by %.1f over the second half, %.1f hours of its life", name, rise, lived)
        memory = min(AT_FIRST_MIB + AN_HOUR_MIB * lived, AT_MOST_MIB)
        assert rise <= (memory if name == "MiB" else GROWN), f"{name} rise by {rise:.1f} in {lived:.1f} h"
    assert sum(centre.spoilt for centre in centres) > SHARE / 2 * sum(len(centre.asked) for centre in centres)
    for name, figure in watch.figures.items():
        record_property(name, figure)
    assert not watch.wrong, "\n".join(watch.wrong)
