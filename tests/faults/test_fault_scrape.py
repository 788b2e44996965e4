"""Cases 65 to 67 and 72: crowds at the door, and what is told while all goes wrong."""

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from big import big
from centre import AGENTS, QUEUES
from crowd import HALF, PATIENCE, WHOLE, Line, ask, brisk, lines, rest
from fake_vendor import Asked, Said, answer
from granting import silent
from hurry import INTERVAL, SPEED
from subject import Subject
from trial import Trial, tried

BIG = 9 * 2**20
ZIPPED = {"Accept-Encoding": "gzip"}

Record = Callable[[str, object], None]


async def lingering(one: Line, began: float) -> float:
    """Return the seconds after which the server has closed a connection without a word."""
    assert await rest(one) == b""
    return time.monotonic() - began


@pytest.mark.parametrize("speed", [SPEED, pytest.param(1.0, marks=pytest.mark.thorough)])
async def test_fault_65_headers_that_never_end_and_silence(
    speed: float, program: str, tmp_path: Path, record_property: Record
) -> None:
    async with tried(program, tmp_path, speed=speed, configure=brisk if speed == 1 else str) as trial:
        port, waits, began, hostile = trial.subject.port, [], time.monotonic(), []
        async with AsyncExitStack() as stack:
            for data in 4 * [HALF] + 4 * [b""]:  # so few at a time that we know when each came
                hostile += [lingering(one, time.monotonic()) for one in await lines(stack, port, 50, data)]
            if speed == 1:  # at another they may be gone already
                assert trial.subject.descriptors() > trial.baseline.descriptors + 200, "they never came in"
            closing = asyncio.gather(*hostile)
            while not closing.done():
                asked = trial.subject.clock()
                assert (await ask(port)).status == 200
                waits.append(trial.subject.clock() - asked)
                await asyncio.sleep(0.02)
                assert time.monotonic() < began + 10 / speed + PATIENCE / 4, "they are still there"
            if speed == 1:
                record_property("the last is closed after, s <= 10", round(max(await closing), 1))
            await closing
        record_property(
            "p99 of honest scrapes, ms <= 50", round(1_000 * sorted(waits)[math.ceil(0.99 * len(waits)) - 1], 1)
        )


@pytest.mark.thorough
async def test_fault_66_readers_that_do_not_read(program: str, tmp_path: Path, record_property: Record) -> None:
    async with big(program, tmp_path, SPEED) as subject:
        whole = len((await ask(subject.port)).body)
        assert whole > BIG, f"the page is too small: {whole}"
        memory, opened, most = subject.resident(), subject.descriptors(), 0.0
        async with AsyncExitStack() as stack:
            slow = await lines(stack, subject.port, 50, WHOLE)
            began = time.monotonic()
            assert subject.descriptors() > opened + 40, "they were cut at once"  # calls of polls come and go
            while subject.descriptors() >= opened + 10:
                most = max(most, subject.resident() - memory)
                assert (await ask(subject.port, headers=ZIPPED)).status == 200
                assert time.monotonic() < began + 30 / SPEED + PATIENCE / 4, "they are still served"
                await asyncio.sleep(0.02)
            record_property("seconds of its own to cut them", round((time.monotonic() - began) * SPEED, 1))
            got = await asyncio.gather(*map(rest, slow))
            assert all(0 < len(answer) < whole for answer in got), "they were not slow"
        record_property("MiB for 50 slow readers <= 64", round(most, 1))
        assert most <= 64, f"50 readers cost {most:.0f} MiB"


async def begun(one: Line) -> None:
    async with asyncio.timeout(PATIENCE):
        await one[0].readexactly(1)


async def beyond_the_cap(subject: Subject, record: Record) -> None:
    """See the first scrape refused at once that is one too many, and the other doors open."""
    async with AsyncExitStack() as stack:
        stuck = await lines(stack, subject.port, 64, WHOLE)
        await asyncio.gather(*map(begun, stuck))
        began = subject.clock()
        refused = await ask(subject.port)
        took = subject.clock() - began
        record("seconds to refuse", round(took, 3))
        assert (refused.status, refused.headers.get("retry-after")) == (503, "1")
        assert took < 1, "it had to queue"
        assert [(await ask(subject.port, f"/-/{door}")).status for door in ("healthy", "ready")] == [200, 200]
        assert not any(writer.is_closing() for _, writer in stuck)


@pytest.mark.thorough
async def test_fault_67_five_hundred_scrapes_at_once(
    program: str, tmp_path: Path, record_property: Record
) -> None:
    speed = 1.0  # at another an honest crowd would be too slow
    async with big(program, tmp_path, speed) as subject:
        if program == "ours":  # the plain exporter has no cap, and is judged by how it bears the crowd
            await beyond_the_cap(subject, record_property)
        began = time.monotonic()
        while (await ask(subject.port, headers=ZIPPED)).status != 200:
            assert time.monotonic() < began + PATIENCE, "it stays busy"
        began = time.monotonic()
        scrapes = [ask(subject.port, headers=ZIPPED, room=2**18) for _ in range(500)]
        replies = await asyncio.gather(*scrapes)
        took = time.monotonic() - began
        good = [reply for reply in replies if reply.status == 200]
        assert {reply.status for reply in replies} <= {200, 503}
        assert good
        assert all(reply.headers["retry-after"] == "1" for reply in replies if reply.status == 503)
        bodies = {reply.body for reply in good}
        record_property("scrapes answered of 500", len(good))
        record_property("pages made for 500 scrapes", len(bodies))
        assert len(bodies) <= 2 + took * speed / 0.1, "a page was made for a scrape"


def broken(_asked: Asked, _sound: dict[str, Any]) -> Said:
    return answer({"error": "Internal"}, status=500)


DOORS = ("/-/healthy", "/-/ready", "/", "/metrics", "/nowhere")


@pytest.mark.ours_only("the plain exporter has one path")
async def test_fault_72_the_other_doors_while_vendors_fail(trial: Trial, record_property: Record) -> None:
    subject, slowest, asked = trial.subject, 0.0, 0
    for spoil, reasons in ((silent, ("timeout",)), (broken, ("http_5xx",))):
        with trial.fault(spoil):
            await trial.failed(*reasons, endpoint=QUEUES)
            end = time.monotonic() + 2 * INTERVAL / SPEED
            while time.monotonic() < end:
                for path in DOORS:
                    for method in ("GET", "HEAD"):
                        began = subject.clock()
                        status, text = await subject.ask(path, method)
                        slowest = max(slowest, subject.clock() - began)
                        assert status == (404 if path == "/nowhere" else 200), f"{path} says {status}"
                        assert (text == "") == (method == "HEAD")
                        asked += 1
            assert reasons[0] in (await subject.ask("/"))[1], "the status page does not tell why"
            page = await subject.page()
            for centre in (trial.sick, trial.sound):
                for endpoint in (AGENTS, QUEUES):
                    counted = page.value("polls_total", account=centre.name, endpoint=endpoint) or 0
                    calls = page.sum("api_requests_total", account=centre.name, endpoint=endpoint)
                    polls = centre.polls(endpoint)
                    retries = polls - counted
                    assert centre is trial.sick or retries <= 1, f"{polls} calls for {counted} polls"
                    assert polls <= calls + 2, "a call that is not counted"
        await trial.recovered(QUEUES)
    record_property("slowest answer, ms <= 100", round(1_000 * slowest, 1))
    record_property("answers", asked)
    assert slowest < 1
