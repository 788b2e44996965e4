"""Cases 9 and 17 to 20: bodies too deep, too large, damaged, or without end."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any

import pytest
from centre import AGENTS, QUEUES, Spoil
from fake_vendor import Asked, Said, answer
from hurry import INTERVAL
from pulse import pulse
from spoilt import raw
from subject import Page
from trial import Trial

Record = Callable[[str, object], None]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

MOST_GROWN = 32.0
"""MiB that a body may cost for a moment, whatever it claims to be."""
MOST_STALLED = 0.5
"""Seconds, after which a test falls on however busy a machine; the figure is recorded, and its limit."""


async def refused(
    trial: Trial, fault: Spoil, *reasons: str, record: Record, endpoint: str = AGENTS, times: int = 1
) -> Page:
    """Let it happen, and return the page that says so, in spite of which nobody had to wait."""
    trial.subject.peak()
    before = trial.subject.resident()
    with pulse(trial.subject) as felt, trial.fault(fault, endpoint):
        page = await trial.failed(*reasons, endpoint=endpoint, times=times)
        grown = trial.subject.peak() - before
    record("longest stall, ms <= 50", round(1000 * felt.longest))
    record("growth, MiB <= 32", round(grown))
    assert felt.longest < MOST_STALLED, f"it stood still for {felt.longest:.2f} s"
    assert grown < MOST_GROWN, f"it took {grown:.0f} MiB"
    return page


@pytest.mark.thorough
async def test_fault_09_brackets_in_brackets(trial: Trial, record_property: Record) -> None:
    def inside(_asked: Asked, sound: dict[str, Any]) -> Said:
        deep = b"[" * 100_000 + b"]" * 100_000
        return answer(json.dumps({**sound, "extra": 0}).encode().replace(b'"extra": 0', b'"extra": ' + deep))

    for fault in (raw(b"[" * 100_000), raw(b'{"a":' * 100_000), raw(b"[" * 8_000_000), inside):
        page = await refused(trial, fault, "decode", record=record_property)
    if trial.subject.program == "ours":
        assert "nested too deeply" in trial.subject.log
    assert page.of("calls_waiting", account="sick")
    await trial.recovered()


@cache
def bomb(mebibytes: int) -> bytes:
    """Return gzip of so many MiB of blanks."""
    deflate = zlib.compressobj(9, wbits=31)
    begun = deflate.compress(b"") + deflate.flush(zlib.Z_FULL_FLUSH)
    piece = deflate.compress(b" " * 2**20) + deflate.flush(zlib.Z_FULL_FLUSH)
    return begun + piece * mebibytes + deflate.flush()


async def test_fault_17_half_a_mebibyte_that_becomes_512(trial: Trial, record_property: Record) -> None:
    fault = raw(bomb(512), content_encoding="gzip")
    page = await refused(trial, fault, "too_large", record=record_property)
    if trial.subject.program == "ours":
        assert page.value("endpoint_up", account="sick", endpoint=AGENTS) == 0
    for coding in ("br", "zstd", "deflate"):  # none of these was asked for
        await refused(
            trial, raw(b"\x28\xb5\x2f\xfd" * 1_000, content_encoding=coding), "decode", record=record_property
        )
    await trial.recovered()


@pytest.mark.thorough
async def test_fault_18_gzip_that_is_none_or_too_many(trial: Trial, record_property: Record) -> None:
    whole = gzip.compress(json.dumps({QUEUES: {}}).encode())
    damaged = whole[:12] + bytes(byte ^ 255 for byte in whole[12:-8]) + whole[-8:]
    for body, reason in (
        (gzip.compress(b"", mtime=0) * 200_000, "decode"),
        (whole + whole, "decode"),
        (damaged, "decode"),
        (b"no gzip at all", "decode"),
        (whole[:-9], "truncated"),
    ):
        fault = raw(body, content_encoding="gzip")
        await refused(trial, fault, reason, record=record_property, endpoint=QUEUES)
    for coding in ("rot13", "gzip, gzip", "x" * 1_000):
        fault = raw(whole, content_encoding=coding)
        await refused(trial, fault, "decode", record=record_property, endpoint=QUEUES)

    def zipped(_asked: Asked, sound: dict[str, Any]) -> Said:
        return answer(gzip.compress(json.dumps(sound).encode()), 200, content_encoding="GZIP")

    with trial.fault(zipped, lawful=True):
        await trial.recovered(QUEUES)


def crowd() -> Spoil:
    """Return a fault that lists a million agents, piece by piece."""
    row = b'{"agent_id": 360000000000, "agent_state": "online", "call_status": 0},'
    first, last = b'{"agents_activity": [', row[:-1] + b"]}"
    length = len(first) + 1_000_000 * len(row) + len(last)

    async def pieces() -> AsyncIterator[bytes]:
        yield HEAD + b"Content-Length: %d\r\n\r\n" % length + first
        for _ in range(1_000):
            yield row * 1_000
        yield last

    return lambda *_: pieces()


@pytest.mark.thorough
async def test_fault_19_an_honest_body_of_68_mebibytes(trial: Trial, record_property: Record) -> None:
    await refused(trial, crowd(), "too_large", record=record_property, times=2)
    with trial.fault(crowd(), AGENTS):
        page = await trial.aged_out()
    # What the alert ContactCenterEndpointDown asks for; that it fires then is proved in prometheus/tests.
    if trial.subject.program == "ours":
        assert page.value("endpoint_up", account="sick", endpoint=AGENTS) == 0
        assert page.value("up", account="sick") == 1
    await trial.recovered()


def dripping(first: bytes, drop: bytes, seconds: float) -> Spoil:
    """Return a fault that sends a drop every so often, for ever."""

    async def drops() -> AsyncIterator[bytes]:
        yield first
        while True:
            await asyncio.sleep(seconds)
            yield drop

    return lambda *_: drops()


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        pytest.param(HEAD + b"Content-Length: 100000\r\n\r\n", b" ", id="body"),
        pytest.param(HEAD, b"X-More: and more\r\n", id="headers", marks=pytest.mark.thorough),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="continue", marks=pytest.mark.thorough),
    ],
)
async def test_fault_20_an_answer_without_end(
    trial: Trial, record_property: Record, first: bytes, drop: bytes
) -> None:
    deadline = 0.8 * INTERVAL

    def spent(page: Page) -> tuple[float, float]:
        of = {"account": "sick", "endpoint": AGENTS}
        return page.sum("poll_duration_seconds_sum", **of), page.sum("poll_duration_seconds_count", **of)

    with trial.fault(dripping(first, drop, 1 / trial.speed), AGENTS):
        before = spent(await trial.failed("timeout"))
        after = spent(await trial.failed("timeout", times=2))
    if trial.subject.program != "ours":  # it does not measure its polls, and was seen to end some in time
        return
    took = (after[0] - before[0]) / (after[1] - before[1])
    record_property("a poll without end, part of its deadline <= 1.1", round(took / deadline, 3))
    assert deadline * 0.9 <= took <= deadline * 1.1 + 0.1 * trial.speed  # and 0.1 s of a machine with other work
    await trial.recovered()
