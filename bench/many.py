"""What a thousand accounts cost on one core: the real program, and a vendor in a process of its own."""

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path

from bench.program import cpu, free_port, resident, running
from bench.report import Row, digits

ACCOUNTS, AGENTS = 1_000, 10
_INTERVAL = 30
_WINDOW = 2 * _INTERVAL
_SHARE = 0.25
_MEMORY = 300e6
_FLAT = 1.5


def config(vendor: int, port: int, accounts: int) -> str:
    """Return the config of so many accounts, all of one vendor."""
    rows = "".join(
        f"  - {{name: account-{number}, vendor: zendesk_talk, credentials: {{access_token: none}},"
        f' options: {{base_url: "http://127.0.0.1:{vendor}"}}}}\n'
        for number in range(accounts)
    )
    return f'server: {{listen: "127.0.0.1:{port}"}}\npolling: {{interval: {_INTERVAL}s}}\naccounts:\n{rows}'


def measure(short: bool = False) -> Iterator[Row]:  # noqa: FBT001, FBT002 - asked for by name
    """Yield the rows, measured over two intervals with a scrape in each."""
    window = _INTERVAL if short else _WINDOW
    vendor, port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(config(vendor, port, ACCOUNTS))
        core = str(min(os.sched_getaffinity(0)))
        with (
            running([sys.executable, "-m", "bench.vendor", str(vendor), str(AGENTS)], vendor),
            running(["taskset", "-c", core, sys.executable, "-m", "exporter", "--config", path], port) as exporter,
        ):
            time.sleep(_INTERVAL + 5)
            _get(vendor, "/arrivals")
            began, since = cpu(exporter.pid), time.monotonic()
            for _ in range(window // 15):
                time.sleep(15)
                page = _get(port, "/metrics")
            took = time.monotonic() - since
            share = (cpu(exporter.pid) - began) / took
            memory = resident(exporter.pid)
            arrivals = json.loads(_get(vendor, "/arrivals"))
    series = sum(line.startswith(b"contact_center_") for line in page.splitlines())
    up = sum(
        line.startswith(b"contact_center_up{") and float(line.rsplit(b" ", 1)[1]) == 1
        for line in page.splitlines()
    )
    what = f"{up:,} accounts of {AGENTS} agents every {_INTERVAL} s, {series:,} series, on one core"
    peak = busiest(arrivals)
    yield Row(what, f"{share:.0%} of the core", f"at most {_SHARE:.0%}", share <= _SHARE and up == ACCOUNTS)
    yield Row(
        "their memory", f"{memory / 1e6:,.0f} MB resident", f"at most {_MEMORY / 1e6:.0f} MB", memory <= _MEMORY
    )
    yield Row(
        "their requests",
        f"{len(arrivals) / took:.0f} a second; {digits(peak)} times as many in the busiest",
        f"at most {_FLAT} times",
        peak <= _FLAT,
    )


def busiest(arrivals: Sequence[float]) -> float:
    """Return how many requests came in the busiest second, against the mean of all seconds that are whole."""
    counts = Counter(int(at - arrivals[0]) for at in arrivals)
    whole = [counts[second] for second in range(max(counts))]
    return max(whole) * len(whole) / sum(whole)


def _get(port: int, path: str) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    body = connection.getresponse().read()
    connection.close()
    return body
