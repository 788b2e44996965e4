"""Cases 77 to 79: a machine that has no room, no descriptors, no time."""

import asyncio
import os
import resource
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from centre import AGENTS
from crowd import ask, lines
from fake_vendor import answer
from hurry import INTERVAL, SPEED
from subject import Page, Subject
from trial import Trial, tried

Record = Callable[[str, object], None]


@contextmanager
def full() -> Iterator[int]:
    """A disk without room."""
    with Path("/dev/full").open("wb") as disk:
        yield disk.fileno()


@contextmanager
def closed() -> Iterator[int]:
    """A pipe whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


@contextmanager
def unread() -> Iterator[int]:
    """A pipe that is full, and that nobody reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    try:
        yield writer
    finally:
        os.close(reader)
        os.close(writer)


def reloadable(config: str) -> str:
    return config.replace('{port}"}', '{port}", reload: true}')


@pytest.mark.parametrize(
    "taken",
    [
        unread,
        pytest.param(full, marks=pytest.mark.thorough),
        pytest.param(closed, marks=pytest.mark.thorough),
    ],
)
async def test_fault_77_a_log_that_nobody_takes(
    taken: Callable[[], AbstractContextManager[int]], program: str, tmp_path: Path, record_property: Record
) -> None:
    with taken() as stderr:
        async with tried(program, tmp_path, configure=reloadable, stderr=stderr) as trial:
            subject = trial.subject
            with trial.fault(lambda *_: answer({}, status=500), AGENTS):
                await trial.failed("http_5xx", times=3)
                if program == "ours":
                    await flooded(subject)
            await trial.recovered()
            assert subject.log == "", "the log has come through"
            if program == "ours":
                page = await subject.until(lambda page: page.value("exporter_log_lines_dropped"), "lines are lost")
                record_property("lines dropped", page.value("exporter_log_lines_dropped"))


async def flooded(subject: Subject) -> None:
    """Make more lines than are kept for a reader that may come back."""
    path = subject.folder / "config.yaml"
    good = path.read_text()
    path.write_text(good + "".join(f"nonsense-{number}: 1\n" for number in range(20)))
    for _ in range(60):
        assert (await subject.ask("/-/reload", "POST"))[0] == 400
    path.write_text(good)


def limited(subject: Subject, most: int) -> None:
    _, hard = resource.prlimit(subject.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(subject.pid, resource.RLIMIT_NOFILE, (most, hard))


@pytest.mark.thorough
async def test_fault_78_no_descriptor_is_left(program: str, tmp_path: Path, record_property: Record) -> None:
    speed = 4.0  # at twenty a number has grown too old before this process has made its 900 connections
    async with tried(program, tmp_path, speed=speed) as trial:
        subject = trial.subject
        limited(subject, 1024)
        async with AsyncExitStack() as stack:  # its own limits leave it enough
            async with trial.watch.resting():  # whose connection may be the one that makes room
                hostile = await lines(stack, subject.port, 900)
            began, most = time.monotonic(), subject.descriptors()
            while time.monotonic() < began + 1.5:
                most = max(most, subject.descriptors())
                assert (await ask(subject.port)).status == 200
            assert len(hostile) == 900
            record_property("descriptors under 900 connections", most)
            assert most < 700, "900 connections take all that there is"
        async with trial.watch.resting():  # a scrape that needs a descriptor cannot be answered now
            until = subject.descriptors() + 8
            limited(subject, until)
            logged = len(subject.log.splitlines())
            async with AsyncExitStack() as stack:
                await lines(stack, subject.port, 60)
                end = time.monotonic() + 1.5 * INTERVAL / speed  # sooner than anything grows too old
                most = 0
                while time.monotonic() < end:
                    most = max(most, subject.descriptors())
                    await asyncio.sleep(0.01)
                assert most >= until - 1, "there were descriptors left"
            began = time.monotonic()
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        if (await ask(subject.port)).status == 200:
                            break
                assert time.monotonic() < began + 10, "it does not come back"
        record_property("back when there are descriptors, s <= 2", round(time.monotonic() - began, 2))
        limited(subject, 1024)
        await trial.recovered()
        # An endpoint that broke or recovered is told once each: that is no storm.
        said = [line for line in subject.log.splitlines()[logged:] if '"endpoint_' not in line]
        record_property("lines logged <= 10", len(said))
        assert len(said) <= 10, "\n".join(said)


@pytest.fixture
async def ailing(tmp_path: Path) -> AsyncIterator[Trial]:
    environment = {"INJECT": "inside:bugs", "FAULT": str(tmp_path / "fault")}
    async with tried("ours", tmp_path, environment=environment) as trial:
        yield trial


@pytest.mark.ours_only("the plain exporter tells neither its lag nor its health")
async def test_fault_79_the_loop_stands_still(ailing: Trial, record_property: Record) -> None:
    subject = ailing.subject
    ailing.watch.patience = 3.0
    with stopped(subject) as process:
        waiting = asyncio.create_task(subject.ask("/-/healthy"))
        await asyncio.sleep(5 / SPEED)
        assert process.read_text().rpartition(")")[2].split()[0] == "T", "it was never stopped"
        assert not waiting.done()
    assert await waiting == (200, "ok\n"), "liveness acts before its threshold"
    page = await subject.until(lambda page: lag(page) > 4, "the lag shows")
    record_property("lag shown of 5 seconds", round(lag(page), 1))
    await asyncio.sleep(30 / SPEED)
    assert lag(await subject.page()) > 4, "a scrape every 30 s would have missed the lag"
    await subject.until(lambda page: lag(page) < 4, "the lag is over")
    await ailing.recovered()
    began = time.monotonic()
    ailing.watch.heart = False
    (subject.folder / "fault").write_text("heart")
    while (await subject.ask("/-/healthy"))[0] == 200:
        assert time.monotonic() < began + subject.patience, "liveness never acts"
        await asyncio.sleep(0.01)
    took = (time.monotonic() - began) * SPEED
    record_property("seconds without a heart until unhealthy", round(took, 1))
    assert took > 9, "liveness acts before its threshold"
    assert (await subject.ask("/-/healthy")) == (503, "the loops stand still\n")
    assert (await subject.ask("/-/ready"))[0] == 200


def lag(page: Page) -> float:
    return page.value("exporter_event_loop_lag_seconds") or 0.0


@contextmanager
def stopped(subject: Subject) -> Iterator[Path]:
    """Let it stand still until the end of the block."""
    with ExitStack() as stack:
        subject.process.send_signal(signal.SIGSTOP)
        stack.callback(subject.process.send_signal, signal.SIGCONT)
        yield Path(f"/proc/{subject.pid}/stat")
