"""What a scrape costs the server, and what a whole cycle of ours costs, beside the peers' scrapes alone."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles

from msgspec import Struct

from bench import peers
from bench.drive import driven
from bench.program import Broken, cpu
from bench.report import Row, span, times
from bench.serve import PER_AGENT

SIZES = (10_000, 100_000, 500_000)
JUDGED = 100_000
OURS, NGINX, CONST = "ours", "nginx", "promhttp, const"
PEERS = (NGINX, CONST, "promhttp, vec", "prometheus_client, collector", "prometheus_client, gauges")
_ROUNDS = 5
_SECONDS = 1.0


class Served(Struct):
    """What the scrapes of one server have cost."""

    cpu: list[float] = []
    """Seconds for each scrape, a figure a round."""
    waits: list[float] = []
    """Seconds of each scrape, as the client saw it."""

    @property
    def told(self) -> str:
        """The figures in words."""
        p99 = quantiles(self.waits, n=100)[98] if len(self.waits) >= 100 else max(self.waits)
        name = "p99" if len(self.waits) >= 100 else "slowest"
        return f"{span(median(self.cpu))} CPU; p50 {span(median(self.waits))}, {name} {span(p99)}"


def measure(short: bool = False) -> Iterator[Row]:  # noqa: FBT001, FBT002 - asked for by name
    """Yield the rows, size by size; a peer that is missing is said so."""
    for size in SIZES[: 2 if short else 3]:
        yield from _sized(size, 2 if short else _ROUNDS if size < SIZES[-1] else 2)


def _sized(size: int, rounds: int) -> Iterator[Row]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = {OURS: stack.enter_context(peers.ours(*_accounts(size), folder))}
        missing: dict[str, str] = {}
        for name in PEERS:
            try:
                servers[name] = stack.enter_context(peers.peer(name, folder))
            except (peers.Missing, Broken) as why:
                missing[name] = str(why)
        series = peers.told(servers[OURS], "turn").series
        served, cycle = _rounds(servers, rounds)
    mine, whole = median(served[OURS].cpu), median(cycle)
    yield Row(f"{series:,} series: a scrape of ours", served[OURS].told)
    for name in PEERS:
        if name in missing:
            yield Row(f"{series:,} series: {name}", f"left out: {missing[name]}")
            continue
        theirs = median(served[name].cpu)
        judged = size == JUDGED
        if name == NGINX:
            yield Row(
                f"{series:,} series: nginx, which sends the same bytes from a file",
                f"{served[name].told}; ours is {times(mine / theirs)} that",
                "at most 3 times" if judged else "",
                mine <= 3 * theirs if judged else None,
            )
            continue
        least = 200 if judged and name == CONST else None
        yield Row(
            f"{series:,} series: {name}",
            f"{served[name].told}; {times(theirs / mine)} ours",
            f"at least {least} times" if least else "",
            theirs >= least * mine if least else None,
        )
    yield Row(f"{series:,} series: a whole cycle of ours, from vendors' bytes to a scrape", f"{span(whole)} CPU")
    for name in PEERS[1:]:
        if name in served:
            least = {CONST: 5, "prometheus_client, collector": 25}.get(name) if size == JUDGED else None
            ratio = median(served[name].cpu) / whole
            yield Row(
                f"{series:,} series: one scrape of {name}, against our whole cycle",
                times(ratio),
                f"at least {least} times" if least else "",
                ratio >= least if least else None,
            )


def _accounts(series: int) -> tuple[int, int]:
    """Return how many accounts of how many agents have so many series together: accounts of a size that occurs."""
    count = max(1, series // 20_000)
    return count, round(series / count / PER_AGENT)


def _rounds(servers: Mapping[str, peers.Server], rounds: int) -> tuple[Mapping[str, Served], list[float]]:
    """Scrape one server after the other, again and again, so that noise hits all of them."""
    served = {name: Served() for name in servers}
    cycle: list[float] = []
    for number in range(rounds + 1):
        for name, server in servers.items():
            began = cpu(server.process.pid)
            waits = driven(server.port, seconds=_SECONDS)
            spent = (cpu(server.process.pid) - began) / len(waits)
            if number:  # the first round warms up
                served[name].cpu.append(spent)
                served[name].waits += waits
        cycle.append(_cycle(servers[OURS]))
    return served, cycle


def _cycle(server: peers.Server) -> float:
    """Let every account poll once, and scrape once; return the CPU seconds that it took."""
    began = cpu(server.process.pid)
    vendors = peers.told(server, "turn").vendors
    driven(server.port, seconds=0)
    return cpu(server.process.pid) - began - vendors
