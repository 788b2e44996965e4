"""Cases 48 and 52: clocks that jump, a process that stands still, polls that outlast their interval."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from centre import AGENTS, QUEUES
from fake_vendor import Asked, Said
from hurry import INTERVAL, SPEED
from injected import Wall
from oauth_door import Door, Secrets
from trial import Trial, failures, tried

HOUR, DAY = 3_600.0, 86_400.0
BEAT = INTERVAL / SPEED
"""Seconds of ours between two polls."""


@pytest.mark.parametrize("shift", [pytest.param(-HOUR, marks=pytest.mark.thorough), DAY])
async def test_fault_48_a_wall_clock_that_is_set(program: str, tmp_path: Path, shift: float) -> None:
    wall, door, secrets = Wall(tmp_path / "wall", SPEED), Door(life=3600), Secrets(tmp_path)
    environment = {"WALL": str(wall.file)}
    async with tried(program, tmp_path, configure=secrets.plain, door=door, environment=environment) as trial:
        before, polls, began = await trial.subject.page(), trial.sick.polls(AGENTS), time.monotonic()
        wall.shift(shift)
        await trial.recovered()
        await trial.recovered()
        page = await trial.recovered()
        beats = (time.monotonic() - began) / BEAT
        assert 2 <= trial.sick.polls(AGENTS) - polls <= beats + 2
        assert failures(page) == 0
        last, then = (
            one.value("last_success_timestamp_seconds", account="sick", endpoint=AGENTS) for one in (page, before)
        )
        assert last is not None
        assert then is not None
        assert abs(wall.now() - last) < 60  # it tells the new time ...
        assert abs(last - then - shift) < 600  # ... which is far from the old
        assert len(door.calls) == 1


async def stopped(trial: Trial, seconds: float) -> tuple[int, int]:
    """Let the subject stand still; see what its first page shows, and how many polls follow at once."""
    async with trial.watch.resting():
        trial.subject.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        waiting = asyncio.create_task(trial.subject.ask("/metrics"))
        await asyncio.sleep(0.05)
        assert not waiting.done()  # it does stand still
        asked = {name: trial.sick.polls(name) for name in (AGENTS, QUEUES)}
        trial.watch.forget()
        trial.subject.process.send_signal(signal.SIGCONT)
        status, text = await waiting
        assert status == 200
        trial.watch.judge(text, time.monotonic())
        await asyncio.sleep(BEAT / 2)
    return tuple(trial.sick.polls(name) - before for name, before in asked.items())  # type: ignore[return-value]


@pytest.mark.parametrize("seconds", [60.0, pytest.param(600.0, marks=pytest.mark.thorough)])
async def test_fault_48_a_process_that_stands_still(program: str, tmp_path: Path, seconds: float) -> None:
    """The token has died meanwhile, by the clock alone: it is renewed before anybody refuses it."""
    door, secrets = Door(life=seconds), Secrets(tmp_path)
    async with tried(program, tmp_path, configure=secrets.plain, door=door) as trial:
        calls, refused = len(door.calls), door.refused
        at_once = await stopped(trial, seconds / SPEED)
        assert max(at_once) <= 2, "it caught up on what it had missed"
        page = await trial.recovered()
        assert len(door.calls) > calls
        assert door.refused == refused
        if program == "ours":
            missed = page.value("polls_skipped_total", account="sick", endpoint=AGENTS) or 0
            assert missed >= seconds / INTERVAL - 3


async def test_fault_52_a_poll_that_outlasts_its_interval(program: str, tmp_path: Path) -> None:
    """A vendor cannot make it last so long, since each poll has a deadline; a machine that stands still can."""
    times: list[float] = []
    pids: list[int] = []

    def stop(asked: Asked) -> Said | None:
        if AGENTS in asked.target:
            times.append(time.monotonic())
            if pids:
                os.kill(pids.pop(), signal.SIGSTOP)  # in the midst of a poll
        return None

    async with tried(program, tmp_path, door=stop) as trial:
        async with trial.watch.resting():
            pids.append(trial.subject.pid)
            while pids:  # noqa: ASYNC110 - the vendor is asked by another process
                await asyncio.sleep(0.01)
            asked = len(times)
            await asyncio.sleep(3.5 * BEAT)
            assert len(times) == asked
            trial.subject.process.send_signal(signal.SIGCONT)
            await asyncio.sleep(BEAT / 2)
        page = await trial.recovered()
        assert len(times) - asked <= 3
        if program == "ours":
            assert (page.value("polls_skipped_total", account="sick", endpoint=AGENTS) or 0) >= 2


@pytest.mark.thorough  # case 31 is the everyday one
async def test_fault_52_a_vendor_that_is_slower_than_the_interval(trial: Trial) -> None:
    times: list[float] = []

    def slow(_asked: Asked, _sound: object) -> Said:
        times.append(time.monotonic())
        return never()

    async def never() -> AsyncIterator[bytes]:
        await asyncio.sleep(3 * BEAT)
        yield b""

    with trial.fault(slow, AGENTS):
        await trial.failed("timeout", times=3)
        await trial.aged_out()
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert min(gaps) > 0.7 * BEAT  # one has ended before the next began
    await trial.recovered()
