"""Every metric that the exporter has."""

from prometheus_client import CollectorRegistry

from exporter.metrics.exposition import FAMILIES
from exporter.metrics.family import PREFIX, Kind
from exporter.metrics.process import ProcessMetrics


def known_metrics() -> dict[str, set[str]]:
    """Return the labels by which the series of each name are told apart, parts of histograms too."""
    process = ProcessMetrics(CollectorRegistry(), "").registry.collect()
    known = {metric.name: {"instance"} for metric in process if metric.name.startswith(PREFIX)}
    for family in FAMILIES:
        labels = {"vendor", "account", *family.labels}
        known[f"{PREFIX}{family.name}"] = labels
        if family.kind is Kind.HISTOGRAM:
            known |= {f"{PREFIX}{family.name}{part}": {*labels, "le"} for part in ("_bucket", "_sum", "_count")}
    return known
