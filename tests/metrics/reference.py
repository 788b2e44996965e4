"""What the client library of Prometheus makes of a World: what our own page is held against."""

from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.metrics.account import ACCOUNT
from exporter.metrics.exposition import FAMILIES, Page
from exporter.metrics.families import CENTRE
from exporter.metrics.family import PREFIX, Column, Family, Kind, Labels
from exporter.metrics.segment import clean
from exporter.model import Histogram
from exporter.store import AccountState, World

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
Heads = list[tuple[str, str, str]]
"""Name, type and help of each family, in the order of the page."""

FORMS = ("text", "openmetrics")


def rows(family: Family[Any], account: AccountState) -> Iterator[tuple[Labels, Any]]:
    """Yield the labels and the value of every sample that an account has for a family, sound or not."""
    columns: list[Column] = []
    if family in ACCOUNT:
        columns += family.columns(account)
    for endpoint in account.endpoints.values():
        if family in CENTRE and endpoint.held:
            columns += family.columns(endpoint.held.snapshot)
    for column in columns:
        for key, value in zip(column.keys, column.values, strict=True):
            own = (key,) if isinstance(key, str) else key
            yield (account.vendor, account.name, *map(clean, (*own, *column.rest))), value


def came(world: World) -> int:
    """Return how many samples there are, sound or not; histograms, each of which is many, are not counted."""
    values = (value for family in FAMILIES for one in world.accounts.values() for _, value in rows(family, one))
    return sum(not isinstance(value, Histogram) for value in values)


def is_sound(value: object, kind: Kind) -> bool:
    if kind is Kind.HISTOGRAM:
        return isinstance(value, Histogram)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return isfinite(value)
    except OverflowError:
        return False


class WorldCollector(Collector):
    """The World through the eyes of the client library: the first sound sample of each series."""

    def __init__(self, world: World) -> None:
        self._world = world

    def collect(self) -> Iterator[Metric]:
        for family in FAMILIES:
            sound: dict[Labels, Any] = {}
            for account in self._world.accounts.values():
                for labels, value in rows(family, account):
                    if is_sound(value, family.kind):
                        sound.setdefault(labels, value)
            if sound:
                yield _metric(family, sound)


def _metric(family: Family[Any], samples: dict[Labels, Any]) -> Metric:
    shape: Any = {
        Kind.GAUGE: GaugeMetricFamily,
        Kind.COUNTER: CounterMetricFamily,
        Kind.HISTOGRAM: HistogramMetricFamily,
    }[family.kind]
    metric: Metric = shape(PREFIX + family.name, family.help, labels=("vendor", "account", *family.labels))
    for labels, value in samples.items():
        if isinstance(value, Histogram):
            bounds = [*map(floatToGoString, value.bounds), "+Inf"]
            buckets = list(zip(bounds, (*value.at_most, value.count), strict=True))
            metric.add_metric(labels, buckets, value.sum)  # type: ignore[attr-defined]  # of the subclass
        else:
            metric.add_metric(labels, value)  # type: ignore[attr-defined]  # of the subclass
    return metric


def reference(world: World, form: str) -> str:
    """Return the page that the client library writes."""
    registry = CollectorRegistry()
    registry.register(WorldCollector(world))
    page: bytes = {"text": generate_latest, "openmetrics": generate_openmetrics}[form](registry)  # type: ignore[operator]
    return page.decode()


def shown(page: Page, form: str) -> str:
    """Return our page in one of its forms."""
    pieces: tuple[bytes, ...] = getattr(page, form)
    return b"".join(pieces).decode()


def read(text: str, form: str) -> tuple[Series, Heads]:
    """Return what the client library's parser reads; the same series twice is an error."""
    parse: Any = {"text": parse_text, "openmetrics": parse_openmetrics}[form]
    metrics: list[Metric] = list(parse(text))
    found = series(metrics)
    assert len(found) == sum(1 for line in text.split("\n") if line and not line.startswith("#"))
    return found, [(metric.name, metric.type, metric.documentation) for metric in metrics]


def series(metrics: Iterable[Metric]) -> Series:
    return {
        (sample.name, frozenset(sample.labels.items())): float(sample.value)  # whole numbers come as int
        for metric in metrics
        for sample in metric.samples
    }
