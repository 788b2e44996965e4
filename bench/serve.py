"""The exporter's own server, with accounts at hand: `python -m bench.serve PORT ACCOUNTS AGENTS FOLDER`.

It leaves its page in the folder for the peers, and is told what to do on its standard input, a word a line; it
answers each with an Answer in JSON:

- `turn`: every account polls once, and the page is published;
- `busy`: from now on every account polls every second, and the publisher publishes as it does in the exporter;
- `rest`: that ends.
"""

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry

from bench.account import Line, Polled, Tape, silence
from bench.centres import CENTRES
from exporter import web
from exporter.cli import complete
from exporter.metrics.exposition import Page
from exporter.metrics.process import ProcessMetrics
from exporter.metrics.publisher import Publisher
from exporter.store import Store

CENTRE = "Zendesk Talk"
PER_AGENT = 18.5
"""Series of one agent there, as the floor has them."""
_EVERY = 1.0
_TICK = 0.005


class Answer(Struct):
    """What came of a word."""

    series: int
    vendors: float = 0.0
    """CPU seconds of the vendors' part of a turn, which is not the exporter's."""
    stall: float = 0.0
    """Seconds of the longest stall of the event loop since the word before."""
    polls: int = 0
    """Polls that were published since then, of all accounts."""


class House:
    """The accounts, their page, and what they do."""

    def __init__(self, accounts: int, agents: int) -> None:
        """Build it in a running loop."""
        self._changed = asyncio.Event()
        self._store = Store(self._changed.set)
        self._worker = ThreadPoolExecutor(1)
        centre = CENTRES[CENTRE]
        self._lines: list[Line] = [Tape(centre, agents) for _ in range(accounts)]
        self._accounts = [
            Polled(centre, line, self._store, self._worker, f"account-{number}")
            for number, line in enumerate(self._lines)
        ]
        self._tasks: list[asyncio.Task[None]] = []
        self._process = ProcessMetrics(CollectorRegistry(), "bench")
        self._told = Answer(0)

    async def open(self) -> None:
        """Let every account poll until its vendor has said all that it will say, and make the first page."""
        for account in self._accounts * Tape.TURNS:
            await account.turn()
        self._publisher = Publisher(self._process, lambda: self._store.world, self._changed, self._worker)

    def site(self) -> web.Site:
        """Return what answers scrapes, as in the exporter."""
        clock = asyncio.get_running_loop().time

        async def page() -> Page:
            return self._publisher.page  # however old: it is not polled while it is scraped

        return web.build(
            page=page,
            world=lambda: self._store.world,
            pulse=lambda: web.Pulse(0.0, clock(), clock()),
            reload=None,
            clock=time.time,
            log=silence(),
        )

    def leave(self, folder: Path) -> None:
        """Leave the page for those who serve it as it is."""
        page = self._publisher.page
        (folder / "metrics").write_bytes(b"".join(page.text))
        (folder / "metrics.gz").write_bytes(page.text_gzip)

    async def obey(self, word: str) -> Answer:
        """Do what a word says, and tell what has been since the one before."""
        told, self._told = self._told, Answer(0)
        if word == "turn":
            for account in self._accounts:
                await account.turn()
            await self._publisher.publish()
            told.vendors = sum(line.seconds for line in self._lines)
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        if word != "turn":
            self._tasks.append(asyncio.create_task(self._watch()))
        if word == "busy":
            self._tasks += [asyncio.create_task(self._beat(account)) for account in self._accounts]
            self._tasks.append(asyncio.create_task(self._publisher.run()))
        told.series = self._publisher.page.series
        return told

    async def _beat(self, account: Polled) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            await account.turn()
            self._told.polls += 1
            due = max(due + _EVERY, clock())
            await asyncio.sleep(due - clock())

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + _TICK
            await asyncio.sleep(_TICK)
            self._told.stall = max(self._told.stall, clock() - due)


async def _serve(port: int, accounts: int, agents: int, folder: Path) -> int:
    """Serve until the standard input ends."""
    house = House(accounts, agents)
    await house.open()
    house.leave(folder)
    loop = asyncio.get_running_loop()
    async with web.serve(house.site(), "127.0.0.1", port):
        while word := await loop.run_in_executor(None, sys.stdin.readline):
            print(msgspec.json.encode(await house.obey(word.strip())).decode(), flush=True)
    return 0


if __name__ == "__main__":
    port, accounts, agents = map(int, sys.argv[1:4])
    with suppress(KeyboardInterrupt):
        sys.exit(complete(_serve(port, accounts, agents, Path(sys.argv[4]))))
