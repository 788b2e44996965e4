"""The program under test, as a process of its own: ours, or the plain one that the suite must find wanting."""

import asyncio
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import aiohttp
from hurry import INTERVAL, SPEED

HERE = Path(__file__).parent
PATIENCE = {"ours": 100 * INTERVAL / SPEED, "plain": 10 * INTERVAL / SPEED}
"""Seconds: an upper bound that a sound exporter never comes near, not even with its longest pause: the quarter of
an hour that follows upon many failures in a row. The plain one is known to."""
ENDS = {"ours": {0}, "plain": {0, -signal.SIGTERM}}
"""With which code it may end where that is not what is asked: that is case 73."""
PREFIX = "contact_center_"
_LIFE = 90.0  # seconds, after which nobody waits any longer for the plain exporter to come back

Labels = dict[str, str]
Sample = tuple[str, Labels, float]

_SAMPLE = re.compile(r'^([a-zA-Z_:]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)$')
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


class Page:
    """One answer to a scrape, taken apart as Prometheus would.

    Raises:
        AssertionError: Prometheus would refuse it.
    """

    def __init__(self, text: str) -> None:
        """Read the text, of which no sample may come twice."""
        self.text = text
        self.samples: list[Sample] = []
        seen = set()
        for line in text.splitlines():
            if line and line[0] != "#":
                found = _SAMPLE.match(line)
                assert found, f"no sample: {line[:200]!r}"
                name, inside, value = found.groups()
                assert (name, inside) not in seen, f"twice: {line[:200]!r}"
                seen.add((name, inside))
                labels = {key: _ESCAPED.sub(_unescaped, text) for key, text in _LABEL.findall(inside or "")}
                self.samples.append((name.removeprefix(PREFIX), labels, float(value)))

    def of(self, metric: str, **labels: str) -> list[tuple[Labels, float]]:
        """Return the samples of a metric, its prefix left out, that have these labels."""
        return [
            (found, value)
            for name, found, value in self.samples
            if name == metric and labels.items() <= found.items()
        ]

    def value(self, metric: str, **labels: str) -> float | None:
        """Return the value of the only such sample; None where there is none."""
        found = self.of(metric, **labels)
        assert len(found) < 2, f"{metric} {labels} is not one series but {len(found)}"
        return found[0][1] if found else None

    def sum(self, metric: str, **labels: str) -> float:
        """Return the sum of all such samples."""
        return sum(value for _, value in self.of(metric, **labels))


def _unescaped(found: re.Match[str]) -> str:
    return {"n": "\n"}.get(found[1], found[1])


class Subject:
    """A running exporter, and what can be seen of it from outside."""

    def __init__(
        self, program: str, process: asyncio.subprocess.Process, port: int, folder: Path, speed: float = SPEED
    ) -> None:
        """Look at this process, which serves at this port and writes its log into the folder."""
        self.program = program
        self.patience = max(PATIENCE[program], 4 * INTERVAL / speed)
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.folder = folder
        # No idle connection is used again that a hurried program may be closing at that moment.
        pool = aiohttp.TCPConnector(keepalive_timeout=10 / speed)
        self.session = aiohttp.ClientSession(
            connector=pool, timeout=aiohttp.ClientTimeout(total=PATIENCE[program])
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        """What it has written so far."""
        return (self.folder / "log").read_text(errors="replace")

    async def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        """Return the status and the text of an answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, self.url + path, headers=named) as reply:
            return reply.status, await reply.text()

    async def page(self) -> Page:
        """Scrape it."""
        status, text = await self.ask("/metrics")
        assert status == 200, status
        return Page(text)

    async def until(self, holds: Callable[[Page], object], what: str = "") -> Page:
        """Return the first page of which this holds."""
        end = time.monotonic() + self.patience
        while True:
            page = await self.page()
            if holds(page):
                return page
            assert time.monotonic() < end, (
                f"it never happened: {what or holds}\n{page.text[-3000:]}\n{self.log[-3000:]}"
            )
            await asyncio.sleep(0.05)

    def clock(self) -> float:
        """Return seconds, but for those for which this machine has let it or us wait for a core."""
        return time.monotonic() - _denied(str(self.pid)) - _denied("thread-self")

    def resident(self) -> float:
        """Return the memory that it holds, in MiB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def peak(self) -> float:
        """Return the most memory that it held since it began, or since this was asked last, in MiB."""
        process = Path(f"/proc/{self.pid}")
        status = (process / "status").read_text()
        (process / "clear_refs").write_text("5")  # the peak begins anew
        return int(status.partition("VmHWM:")[2].split()[0]) / 2**10

    def descriptors(self) -> int:
        """Return how many files and sockets it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    async def tasks(self) -> int:
        """Return how many tasks its event loop has."""
        return await self._told(signal.SIGUSR1)

    async def blocks(self) -> int:
        """Return how many blocks of memory it has in use, its garbage collected."""
        return await self._told(signal.SIGUSR2)

    async def _told(self, asking: signal.Signals) -> int:
        file = self.folder / "told"
        file.unlink(missing_ok=True)
        self.process.send_signal(asking)
        async with asyncio.timeout(self.patience):
            while not file.exists():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.01)
        return int(file.read_text())

    async def stop(self, *signals: signal.Signals) -> int:
        """End it by these signals, or by SIGTERM, and return its exit code."""
        for one in signals or (signal.SIGTERM,):
            if self.process.returncode is None:
                self.process.send_signal(one)
        async with asyncio.timeout(self.patience):
            return await self.process.wait()


@contextmanager
def reserved() -> Iterator[int]:
    """Yield a port that is given to nobody until the end of the block; with SO_REUSEADDR one may listen there."""
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@asynccontextmanager
async def started(
    program: str,
    config: str,
    folder: Path,
    *,
    speed: float = SPEED,
    environment: Mapping[str, str] = {},
    arguments: tuple[str, ...] = (),
    headers: Mapping[str, str] = {},
    stderr: int | None = None,
) -> AsyncIterator[Subject]:
    """Run `ours` or `plain` with this config until the end of the block; `{port}` in it becomes a free one.

    `headers` go with every question to it; `stderr` takes its log in place of the file that a test can read.
    """
    with reserved() as port:
        path = folder / "config.yaml"
        path.write_text(config.replace("{port}", str(port)))
        with (folder / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(
                    sys.executable,
                    str(HERE / f"{program}.py"),
                    str(speed),
                    "run",
                    "--config",
                    str(path),
                    *arguments,
                ),
                stderr=log if stderr is None else stderr,
                stdout=log,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(HERE), "TOLD": str(folder / "told"), **environment},
            )
        if program == "plain":
            asyncio.get_running_loop().call_later(_LIFE, _kill, process)
        subject = Subject(program, process, port, folder, speed)
        subject.session.headers.update(headers)
        try:
            yield subject
        finally:
            await subject.session.close()
            if process.returncode is None:
                process.kill()
                await process.wait()


def _denied(process: str) -> float:
    with suppress(OSError):  # it has ended, or this kernel does not count
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9
    return 0.0


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


async def serving(subject: Subject) -> None:
    """Wait until it answers at all."""
    end = time.monotonic() + PATIENCE["ours"]
    while True:
        try:
            await subject.page()
        except aiohttp.ClientConnectionError:
            assert subject.process.returncode is None, f"it ended with {subject.process.returncode}: {subject.log}"
            assert time.monotonic() < end, "it never served"
            await asyncio.sleep(0.02)
        else:
            return
