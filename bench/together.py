"""What a scrape feels of polls: ten accounts of five thousand agents publish every second."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from bench import peers
from bench.drive import driven
from bench.program import resident
from bench.report import Row, digits, span

ACCOUNTS, AGENTS = 10, 5_000
_PAUSE = 0.02
_WITHIN = 0.005
_STALL = 0.020


def measure(short: bool = False) -> Iterator[Row]:  # noqa: FBT001, FBT002 - asked for by name
    """Yield the rows: at rest, at work, and the difference."""
    seconds = 5.0 if short else 20.0
    with tempfile.TemporaryDirectory() as folder, peers.ours(ACCOUNTS, AGENTS, Path(folder)) as server:
        peers.told(server, "turn")
        peers.told(server, "rest")
        idle = driven(server.port, seconds=seconds, pause=_PAUSE)
        quiet = peers.told(server, "busy")
        time.sleep(3)  # the first page of all that is new
        peers.told(server, "busy")
        began = time.monotonic()
        busy = driven(server.port, seconds=seconds, pause=_PAUSE)
        took = time.monotonic() - began
        told = peers.told(server, "rest")
        memory = resident(server.process.pid)
    at_rest, at_work = _p99(idle), _p99(busy)
    yield Row(f"scrape of {told.series:,} series, at rest", f"p50 {span(median(idle))}, p99 {span(at_rest)}")
    yield Row(
        f"the same while {ACCOUNTS} accounts of {AGENTS:,} agents poll every second "
        f"({digits(told.polls / took)} polls a second came through)",
        f"p50 {span(median(busy))}, p99 {span(at_work)}",
        f"p99 within {span(_WITHIN)} of rest",
        at_work - at_rest <= _WITHIN,
    )
    yield Row(
        "longest stall of the event loop meanwhile",
        f"{span(told.stall)}; at rest {span(quiet.stall)}",
        f"at most {span(_STALL)}",
        told.stall <= _STALL,
    )
    yield Row("resident memory after it", f"{memory / 1e6:,.0f} MB")


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]
