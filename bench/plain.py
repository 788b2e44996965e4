"""What one would write first, with prometheus_client: the peer in Python.

`python -m bench.plain PORT gauges|collector PAGE` serves the series of a page.
"""

import re
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct
from prometheus_client import CollectorRegistry, Gauge, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_SAMPLE = re.compile(r"(contact_center_\w+)\{(.*)\} (\S+)")
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Series(Struct, frozen=True):
    """One metric with its samples."""

    labels: tuple[str, ...]
    rows: list[tuple[list[str], float]]


def read(page: str) -> dict[str, Series]:
    """Return the metrics of a page whose label values need no escapes, those about processes left out."""
    found: dict[str, Series] = {}
    for line in page.splitlines():
        sample = _SAMPLE.fullmatch(line)
        if sample:
            pairs = _LABEL.findall(sample[2])
            one = found.setdefault(sample[1], Series(tuple(name for name, _ in pairs), []))
            one.rows.append(([value for _, value in pairs], float(sample[3])))
    return found


class Anew(Collector):
    """Makes every metric anew for each scrape, as the library's documentation tells exporters to."""

    def __init__(self, metrics: dict[str, Series]) -> None:
        """Keep the numbers alone."""
        self._metrics = metrics

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each metric."""
        for name, series in self._metrics.items():
            family = GaugeMetricFamily(name, name, labels=series.labels)
            for labels, value in series.rows:
                family.add_metric(labels, value)
            yield family

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Tell nothing ahead, so that nothing is collected at once."""
        return ()


def main() -> None:
    """Serve until the standard input ends."""
    port, kind, page = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    metrics, registry = read(page.read_text()), CollectorRegistry()
    if kind == "collector":
        registry.register(Anew(metrics))
    else:
        for name, series in metrics.items():
            gauge = Gauge(name, name, series.labels, registry=registry)
            for labels, value in series.rows:
                gauge.labels(*labels).set(value)
    start_http_server(port, "127.0.0.1", registry)
    threading.Event().wait()


if __name__ == "__main__":
    main()
