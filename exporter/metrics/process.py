"""The metrics about the process, not about an account: few, and kept by the client library."""

from platform import python_version

from prometheus_client import CollectorRegistry, Gauge, GCCollector, ProcessCollector

from exporter.metrics.family import PREFIX

_OWN = f"{PREFIX}exporter_"


class ProcessMetrics:
    """Registers the metrics about the process, and takes their values."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        """Register everything in `registry`, with the build's version already told."""
        self.registry = registry
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self.series = Gauge(f"{_OWN}series", "Series of all accounts on the page.", registry=registry)
        self.refused = Gauge(
            f"{_OWN}samples_refused",
            "Samples that are not on the page because their labels or their number were not sound.",
            registry=registry,
        )
        self.broken = Gauge(
            f"{_OWN}accounts_broken",
            "Accounts whose snapshots could not be rendered, by a fault of the exporter; they are not shown.",
            registry=registry,
        )
        self.render_seconds = Gauge(
            f"{_OWN}render_seconds", "How long it took to make the page that this one replaced.", registry=registry
        )
        self.loop_lag = Gauge(
            f"{_OWN}event_loop_lag_seconds",
            "Longest delay of the event loop since the page before.",
            registry=registry,
        )
        self.log_lines_dropped = Gauge(
            f"{_OWN}log_lines_dropped",
            "Log lines lost since the start, because nobody took them.",
            registry=registry,
        )
        self.reload_successful = Gauge(
            f"{_OWN}config_last_reload_successful",
            "1 if the config was read whole the last time it was tried.",
            registry=registry,
        )
        self.reload_time = Gauge(
            f"{_OWN}config_last_reload_success_timestamp_seconds",
            "When the config in use was read.",
            registry=registry,
        )
        self.is_leader = Gauge(
            f"{_OWN}is_leader",
            "1 if this replica polls, always so without server.ha; 0 while it stands by, and shows no account.",
            registry=registry,
        )
        self.lease_taken = Gauge(
            f"{_OWN}lease_taken",
            "How often this replica has taken the lease since the start; 0 without server.ha.",
            registry=registry,
        )
        self.lease_failures = Gauge(
            f"{_OWN}lease_failures",
            "How often the lease could be neither read nor written since the start; 0 without server.ha.",
            registry=registry,
        )
        build = Gauge(
            f"{_OWN}build_info",
            "1; the version of the exporter and of Python.",
            ("version", "python_version"),
            registry=registry,
        )
        build.labels(version, python_version()).set(1)

    def config_read(self, at: float) -> None:
        """Note that a config was read whole, at this time since the Unix epoch."""
        self.reload_successful.set(1)
        self.reload_time.set(at)

    def config_refused(self) -> None:
        """Note that a new config was not taken, and the old one goes on."""
        self.reload_successful.set(0)
