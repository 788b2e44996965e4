"""Figure c3 for requests: whatever bytes come, the server answers as HTTP has it or hangs up, and lives on."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from centre import Centre, served
from mutants import of_bytes
from pulse import pulse
from subject import Subject, serving, started
from trial import config_of

Record = Callable[[str, object], None]

_STATUS = re.compile(rb"(?:^|\n|\r|\})HTTP/1\.[01] (\d{3}) ")
_SEEDS = (
    b"GET /metrics HTTP/1.1\r\nHost: exporter\r\nAccept: application/openmetrics-text;version=1.0.0\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: exporter\r\nAccept-Encoding: gzip;q=1.0,identity\r\n\r\n",
    b"GET /metrics?name[]=up&name[]=%ff HTTP/1.1\r\nHost: exporter\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: exporter\r\nAccept: text/html\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n",
    b"GET /-/healthy HTTP/1.1\r\nHost: exporter\r\n\r\nGET /-/ready HTTP/1.1\r\nHost: exporter\r\n\r\n",
    b"HEAD /metrics HTTP/1.0\r\n\r\n",
    b"POST /-/reload HTTP/1.1\r\nHost: exporter\r\nContent-Length: 4\r\n\r\nbody",
    b"POST /-/reload HTTP/1.1\r\nHost: exporter\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: exporter\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
)
_LINES = (
    *(
        b"Host: other",
        b"Content-Length: 99",
        b"Content-Length: -1",
        b"Transfer-Encoding: chunked, identity",
        b"Expect: 100-continue",
    ),
    *(
        b"Accept: text/plain;version=foo",
        b"Accept: \xff\xfe",
        b"Accept-Encoding: gzip;q=nan",
        b"Accept-Encoding: br;q=1e999, *;q=0",
    ),
    *(
        b"Authorization: Basic \xff",
        b"Authorization: Bearer",
        b"Authorization: Basic " + b"A" * 5_000,
        b"Cookie: " + b"a=b;" * 500,
    ),
    *(
        b"X: " + b"y" * 9_000,
        b": empty",
        b"No colon",
        b" folded",
        b"\x00: \x00",
        b"Range: bytes=0-",
        b"If-None-Match: *",
        b"Connection: \x7f",
    ),
)
_TARGETS = (
    b"/metrics",
    b"/%00",
    b"/../../etc/passwd",
    b"//",
    b"*",
    b"http://elsewhere/",
    b"/metrics#",
    b"/" + b"a" * 9_000,
    b"/\xc3\x28",
)
_AT_ONCE = 16
_PATIENCE = 0.05  # seconds, after which we say that this was all


def mutated(dice: random.Random) -> bytes:
    """Return a request that somebody might send who means no good."""
    request = dice.choice(_SEEDS)
    kind = dice.random()
    if kind < 0.5:
        return of_bytes(dice, request)
    if kind < 0.6:
        return bytes(dice.randrange(256) for _ in range(dice.randrange(1, 200)))
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    for _ in range(dice.choice((1, 1, 2, 5))):
        if dice.random() < 0.6:
            lines.insert(dice.randrange(1, len(lines) + 1), dice.choice(_LINES))
        else:
            words = lines[0].split(b" ")
            words[dice.randrange(len(words))] = dice.choice(
                (*_TARGETS, b"GET", b"TRACE", b"BREW", b"HTTP/9.9", b"", b"\x16\x03\x01")
            )
            lines[0] = b" ".join(words)
    end = dice.choice((b"\r\n", b"\r\n", b"\r\n", b"\n"))
    return end.join(lines) + end + end + body


async def asked(port: int, request: bytes) -> list[int]:
    """Send it, and return the statuses of what comes; where nothing comes, it was no whole request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    came = b""
    with suppress(ConnectionError):
        writer.write(request)
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                came = await reader.read(4_096)
        if not came:
            writer.write_eof()
            came = await reader.read(4_096)
    writer.transport.abort()
    return [int(status) for status in _STATUS.findall(came)]


async def judged(subject: Subject, seed: int, count: int) -> Counter[int]:
    """Send so many, several at once, and return how often each status came; 0 where none did."""
    dice = random.Random(seed)
    found = Counter[int]()

    async def some(number: int) -> None:
        for _ in range(number):
            request = mutated(dice)
            statuses = await asked(subject.port, request)
            bad = [status for status in statuses if status >= 500 and status != 503]
            assert not bad, f"seed {seed}: {bad} for {request!r}"
            found.update(statuses or [0])

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(some(count // _AT_ONCE))
    return found


async def tried(program: str, folder: Path, seed: int, count: int, record: Record) -> None:
    async with served(Centre("sound")) as centre:
        config = config_of(centre).replace(
            'server: {listen: "127.0.0.1:{port}"', 'server: {listen: "127.0.0.1:{port}", reload: true'
        )
        async with started(program, config, folder, speed=1) as subject:
            await serving(subject)
            before = subject.descriptors()
            with pulse(subject) as felt:
                found = await judged(subject, seed, count)
            assert found[200], "none of them was an answer any longer"
            assert sum(found[status] for status in found if 400 <= status < 500) > count / 10
            page = await subject.page()
            assert not [labels for _, labels, _ in page.samples if "path" in labels or "method" in labels]
            assert subject.process.returncode is None
            assert subject.descriptors() <= before + 8
            assert "Traceback" not in subject.log
            assert await subject.stop() == 0
    record("tried", count)
    record("longest stall, ms", round(1000 * felt.longest))


async def test_mutants_of_requests_are_answered_or_refused(
    program: str, tmp_path: Path, record_property: Record
) -> None:
    await tried(program, tmp_path, 1, 1_600, record_property)


@pytest.mark.million
@pytest.mark.parametrize("seed", range(100, 104))
async def test_a_hundred_thousand_mutants_of_requests(
    program: str, tmp_path: Path, record_property: Record, seed: int
) -> None:
    await tried(program, tmp_path, seed, 25_600, record_property)
