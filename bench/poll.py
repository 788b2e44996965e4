"""What a poll costs, from the vendor's bytes to published bytes, beside two that take the numbers as they are."""

import asyncio
import gc
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import reduce
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from bench import peers
from bench.account import Line, Polled
from bench.centres import CENTRES, Centre, Plain
from bench.program import Broken, cpu
from bench.report import Row, digits, span, times
from exporter.metrics.exposition import Exposition
from exporter.store import Store

SIZES = (100, 1_000, 5_000)
_ROUNDS = 5
_WITHIN = 1e-6  # seconds a sample
Bodies = Sequence[tuple[str, bytes]]
"""The answers of one poll, each with its endpoint."""


class PlainWay:
    """What one would write first: json.loads, Gauge.labels().set(), generate_latest."""

    def __init__(self, centre: Centre) -> None:
        """Make a gauge for each number that a path can tell."""
        self._registry = CollectorRegistry()
        self._lists = {
            endpoint: [(one, self._gauges(f"{endpoint}_{one.rows}".replace("-", "_"), one)) for one in lists]
            for endpoint, lists in centre.plain.items()
        }

    def _gauges(self, prefix: str, one: Plain) -> Mapping[str, Gauge]:
        return {
            path: Gauge(f"{prefix}_{name}", name, ("vendor", "account", "agent"), registry=self._registry)
            for name, path in one.values.items()
        }

    def publish(self, bodies: Bodies) -> int:
        """Take in one poll, and return how many samples are on the page."""
        for endpoint, body in bodies:
            document = json.loads(body) if endpoint in self._lists else {}
            for one, gauges in self._lists.get(endpoint, ()):
                for row in document[one.rows]:
                    for path, gauge in gauges.items():
                        gauge.labels("vendor", "acme", str(row[one.key])).set(found(row, path))
        return _count(generate_latest(self._registry))


def found(row: Any, path: str) -> Any:
    """Return what lies at the end of a way of names and numbers."""
    return reduce(lambda part, step: part[int(step) if step.isdigit() else step], path.split("."), row)


def _count(page: bytes) -> int:
    return sum(not line.startswith(b"#") for line in page.splitlines())


class JsonExporter:
    """json_exporter, asked for each answer of a poll."""

    def __init__(self, port: int, pid: int) -> None:
        """Ask the one at this port, whose process is `pid`."""
        self._port = port
        self._pid = pid

    def publish(self, bodies: Bodies) -> tuple[float, int]:
        """Return the CPU seconds of one poll, and how many samples there were."""
        came, began = 0, cpu(self._pid)
        with _answering([body for _, body in bodies]) as port:
            connection = HTTPConnection("127.0.0.1", self._port, timeout=120)
            for number, (endpoint, _) in enumerate(bodies):
                connection.request("GET", f"/probe?module={endpoint}&target=http://127.0.0.1:{port}/{number}")
                response = connection.getresponse()
                page = response.read()
                if response.status != 200:
                    raise Broken(f"json_exporter answers {response.status}")
                came += _count(page)
            connection.close()
        return cpu(self._pid) - began, came


@contextmanager
def _answering(bodies: Sequence[bytes]) -> Iterator[int]:
    """Serve each of these at its number."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = bodies[int(self.path[1:])]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def measure(short: bool = False) -> Iterator[Row]:  # noqa: FBT001, FBT002 - asked for by name
    """Yield the rows, vendor by vendor."""
    gc.set_threshold(100_000, 20, 50)  # as the exporter runs
    for name, centre in CENTRES.items():
        yield from asyncio.run(_vendor(name, centre, SIZES[:2] if short else SIZES, 2 if short else _ROUNDS))


async def _vendor(name: str, centre: Centre, sizes: Sequence[int], rounds: int) -> list[Row]:
    rows, polls = [], {}
    for agents in sizes:
        with ThreadPoolExecutor(1) as worker:
            ours, plain, theirs = await _sized(centre, agents, rounds, worker)
        cost, series = ours
        polls[agents] = cost * series
        told = f"{span(cost)} CPU a sample, of {series:,}"
        told += f"; the plain way {times(plain / cost)}" if plain else "; no path leads to an agent's numbers"
        rows.append(Row(f"{name}, {agents:,} agents", told, "at most 1 µs", cost <= _WITHIN))
        if isinstance(theirs, float):
            ratio = theirs / cost
            told = f"{span(theirs)} CPU a sample, {times(ratio)} ours"
            rows.append(Row(f"{name}, {agents:,} agents: json_exporter", told, "at least 100 times", ratio >= 100))
        elif theirs:
            rows.append(Row(f"{name}, {agents:,} agents: json_exporter", f"left out: {theirs}"))
    few, many = sizes[-2:]
    most = 1.1 * many / few
    growth = polls[many] / polls[few]
    rows.append(
        Row(
            f"{name}, {many:,} agents against {few:,}",
            f"{digits(growth)} times the CPU of a poll",
            f"at most {digits(most)} times",
            growth <= most,
        )
    )
    return rows


async def _sized(
    centre: Centre, agents: int, rounds: int, worker: Executor
) -> tuple[tuple[float, int], float | None, float | str | None]:
    """Return CPU seconds a sample: ours and how many series, the plain way's, json_exporter's or why not."""
    line, store, plain = Line(centre, agents), Store(), PlainWay(centre)
    exposition = Exposition(CollectorRegistry())
    mine, simple, theirs = [], [], []
    series = 0
    why: str | None = None
    polled = Polled(centre, line, store, worker)
    gc.collect()
    gc.freeze()
    for number in range(rounds + 1):
        gc.collect()  # what only this measurement has left
        began = time.process_time()
        await polled.turn()
        series = exposition.render(store.world).series
        seconds = time.process_time() - began - line.seconds
        bodies = [pair for pair in line.bodies if pair[0] in centre.plain]
        spent, came = _plainly(plain, bodies)
        if number:  # the first one sees every series for the first time
            mine.append(seconds / series)
            simple += [spent / came] if came else []
    if centre.plain:
        try:
            with peers.json_exporting(centre) as (port, process):
                for _ in range(2 if agents < SIZES[-1] else 1):
                    seconds, came = JsonExporter(port, process.pid).publish(bodies)
                    theirs.append(seconds / came)
        except (peers.Missing, Broken) as reason:
            why = str(reason)
    gc.unfreeze()
    return (median(mine), series), median(simple) if simple else None, median(theirs) if theirs else why


def _plainly(plain: PlainWay, bodies: Bodies) -> tuple[float, int]:
    began = time.process_time()
    came = plain.publish(bodies)
    return time.process_time() - began, came
