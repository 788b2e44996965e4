"""The figures of docs/performance.md: ratios and medians, measured side by side in one run on this machine."""

import asyncio
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from structlog.typing import FilteringBoundLogger

from exporter import web
from exporter.metrics.exposition import Exposition
from exporter.metrics.process import ProcessMetrics
from exporter.metrics.publisher import Publisher
from exporter.store import AccountState, EndpointState, Held, Store, World
from exporter.vendors.zendesk_talk.payloads import AGENTS
from exporter.vendors.zendesk_talk.reading import Words, read_agents
from exporter.wire.http import Reply, Request

ROUNDS = 9
AGENT_COUNT = 5_000
PAGE_ROWS = 100
_WORDS = Words.with_taught({})
_STATES = ("online", "online", "online", "away", "offline")
_CALLS = (None, None, "on_call", "wrap_up")
_TIMES = (
    "available_time",
    "away_time",
    "transfers_only_time",
    "total_call_duration",
    "total_talk_time",
    "total_hold_time",
    "total_wrap_up_time",
)
_COUNTS = ("calls_accepted", "calls_denied", "calls_missed", "calls_put_on_hold")


class Centre:
    """A contact centre that lives from poll to poll: all times grow, one agent in twenty changes its status."""

    def __init__(self, agents: int) -> None:
        self._random = random.Random(7)
        self._rows = [self._row(number) for number in range(agents)]

    def _row(self, number: int) -> dict[str, object]:
        return {
            "agent_id": 360_786_799_676 + number,
            "name": f"Agent {number}",
            "avatar_url": "https://example.invalid/avatar.png",
            "agent_state": self._random.choice(_STATES),
            "call_status": self._random.choice(_CALLS),
            "online_time": 50_000,
            **{name: self._random.randrange(3_000) for name in _TIMES},
            **{name: self._random.randrange(90) for name in _COUNTS},
            "accepted_transfers": 1,
            "started_transfers": 2,
            "accepted_third_party_conferences": 0,
            "started_third_party_conferences": 0,
            "average_hold_time": 4,
            "average_talk_time": 120,
            "average_wrap_up_time": 30,
            "forwarding_number": None,
            "via": "client",
        }

    def poll(self) -> tuple[bytes, ...]:
        """Return the pages of the next poll."""
        for row in self._rows:
            for name in _TIMES:
                row[name] = int(str(row[name])) + self._random.randrange(30)
            if self._random.random() < 0.05:
                row["agent_state"] = self._random.choice(_STATES)
                row["call_status"] = self._random.choice(_CALLS)
        pages = [self._rows[at : at + PAGE_ROWS] for at in range(0, len(self._rows), PAGE_ROWS)]
        envelope = {"count": len(self._rows), "next_page": None, "previous_page": None}
        return tuple(json.dumps({"agents_activity": page, **envelope}).encode() for page in pages)


def state_of(bodies: tuple[bytes, ...], account: str = "acme") -> AccountState:
    """Read one poll as the exporter does."""
    replies = tuple(Reply(Request(AGENTS, "u", about="all"), 200, body, 0.0) for body in bodies)
    held = Held(read_agents(replies, (), _WORDS), 0.0, 1e12)
    return AccountState("zendesk_talk", account, {AGENTS: EndpointState(held, 0.0, None, tried=True)})


class Plain:
    """What one would write first: json.loads, Gauge.labels().set(), generate_latest."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("vendor", "account", "agent")
        self._gauges = {
            name: Gauge(f"plain_{name}", name, labels, registry=self._registry)
            for name in (*_TIMES, *_COUNTS, "online_time", "accepted_transfers", "started_transfers")
        }
        self._state = Gauge("plain_state", "state", (*labels, "state", "call"), registry=self._registry)

    def publish(self, bodies: tuple[bytes, ...]) -> int:
        """Take in one poll, and return how many samples are on the page."""
        self._state.clear()
        for body in bodies:
            for row in json.loads(body)["agents_activity"]:
                agent = str(row["agent_id"])
                for name, gauge in self._gauges.items():
                    gauge.labels("zendesk_talk", "acme", agent).set(row[name])
                self._state.labels("zendesk_talk", "acme", agent, row["agent_state"], str(row["call_status"])).set(
                    1
                )
        return generate_latest(self._registry).count(b"\n")


def _set_aside() -> None:
    """Keep the garbage collector from what only this measurement holds: the payloads, and the other side."""
    gc.collect()
    gc.freeze()


def cpu(work: Callable[[tuple[bytes, ...]], int], bodies: tuple[bytes, ...]) -> float:
    """Return the CPU seconds of this process for each of the samples that the work counts."""
    began = time.process_time()
    samples = work(bodies)
    return (time.process_time() - began) / samples


def poll_to_page() -> Iterator[str]:
    """One account of 5,000 agents, from the vendor's bytes to published bytes."""
    centre, exposition, plain = Centre(AGENT_COUNT), Exposition(CollectorRegistry()), Plain()

    def ours(bodies: tuple[bytes, ...]) -> int:
        return exposition.render(World({"acme": state_of(bodies)})).series

    first = centre.poll()
    first_sight = cpu(ours, first)
    plain.publish(first)
    _set_aside()
    mine, theirs = [], []
    for _ in range(ROUNDS):
        bodies = centre.poll()
        gc.collect()
        mine.append(cpu(ours, bodies))
        theirs.append(cpu(plain.publish, bodies))
    us, them = statistics.median(mine) * 1e6, statistics.median(theirs) * 1e6
    yield f"| poll of {AGENT_COUNT:,} agents to published bytes | {us:.2f} µs CPU a sample | at most 1.5 |"
    yield f"| the same on first sight of every series | {first_sight * 1e6:.2f} µs CPU a sample | |"
    yield f"| the plain way | {them:.2f} µs CPU a sample, {them / us:.1f} times as much | at least 8 |"


async def serving() -> list[str]:
    """100,000 series served while 5,000-agent polls publish continuously, against the same page at rest."""
    centre = Centre(AGENT_COUNT)
    polls = [centre.poll() for _ in range(8)]
    _set_aside()
    changed = asyncio.Event()
    store = Store(changed.set)
    store.put(state_of(polls[0]))
    worker = ThreadPoolExecutor(1)
    process = ProcessMetrics(CollectorRegistry(), "bench")
    publisher = Publisher(process, lambda: store.world, changed, worker)
    loop = asyncio.get_running_loop()
    site = web.build(
        page=lambda: publisher.page,
        world=lambda: store.world,
        pulse=lambda: web.Pulse(0.0, loop.time(), loop.time()),
        reload=None,
        clock=time.time,
        log=_silence(),
    )

    async def churn() -> None:
        for number in range(1_000_000):
            bodies = polls[number % len(polls)]
            store.put(await loop.run_in_executor(worker, state_of, bodies))
            await publisher.publish()

    async with web.serve(site, "127.0.0.1", 0) as port:
        await publisher.publish()
        idle, _ = await _scraped(port, seconds=6)
        task = asyncio.create_task(churn())
        await asyncio.sleep(2)
        busy, stall = await _scraped(port, seconds=12)
        task.cancel()
    worker.shutdown(wait=True)
    series = publisher.page.series
    at_rest, at_work = _p99(idle), _p99(busy)
    return [
        f"| p99 of a scrape of {series:,} series, at rest | {at_rest:.1f} ms | |",
        f"| the same while polls publish | {at_work:.1f} ms ({at_work - at_rest:+.1f}) | at most +20 |",
        f"| longest stall of the event loop meanwhile | {stall:.1f} ms | at most 20 |",
    ]


def _silence() -> FilteringBoundLogger:
    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.ReturnLogger(), wrapper_class=structlog.make_filtering_bound_logger("critical")
    )
    return log


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


async def _scraped(port: int, seconds: float) -> tuple[list[float], float]:
    """Scrape from a process of its own ten times a second; return the times and the loop's worst lag, in ms."""
    probe = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "scrape", str(port), str(seconds), stdout=subprocess.PIPE
    )
    done = asyncio.create_task(probe.communicate())
    worst = 0.0
    clock = asyncio.get_running_loop().time
    while not done.done():
        due = clock() + 0.005
        await asyncio.sleep(0.005)
        worst = max(worst, clock() - due)
    told, _ = await done
    return json.loads(told), worst * 1e3


def scrape(port: int, seconds: float) -> list[float]:
    """Scrape the gzipped page over one connection, and return how long each took in ms."""
    connection = HTTPConnection("127.0.0.1", port)
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
        connection.getresponse().read()
        times.append((time.perf_counter() - began) * 1e3)
        time.sleep(0.02)
    return times


CONFIG = """
server: {listen: "127.0.0.1:%d"}
accounts:
  - name: dead
    vendor: zendesk_talk
    credentials: {access_token: nothing}
    options: {base_url: "http://127.0.0.1:9"}
"""


def starting() -> Iterator[str]:
    """A cold start to the first served page, and what the process holds then."""
    seconds, megabytes = [], []
    for _ in range(5):
        took, resident = _started()
        seconds.append(took)
        megabytes.append(resident)
    yield f"| cold start to a served /metrics | {statistics.median(seconds):.2f} s | under 1 |"
    yield f"| resident memory, idle | {statistics.median(megabytes):.0f} MB | under 70 |"


def _started() -> tuple[float, float]:
    port = 20_000 + os.getpid() % 10_000
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(CONFIG % port)
        began = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "exporter", "--config", str(config)], stderr=subprocess.DEVNULL
        )
        try:
            while True:
                try:
                    connection = HTTPConnection("127.0.0.1", port, timeout=1)
                    connection.request("GET", "/metrics")
                    connection.getresponse().read()
                    break
                except OSError:
                    time.sleep(0.005)
            took = time.perf_counter() - began
            time.sleep(2)
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        finally:
            process.terminate()
            process.wait(10)
    return took, pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Print the table."""
    sys.setswitchinterval(0.0005)
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    print("| what | measured | goal |\n|---|---|---|")
    for line in asyncio.run(serving()):
        print(line, flush=True)
    for line in poll_to_page():
        print(line, flush=True)
    for line in starting():
        print(line, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["scrape"]:
        print(json.dumps(scrape(int(sys.argv[2]), float(sys.argv[3]))))
    else:
        main()
