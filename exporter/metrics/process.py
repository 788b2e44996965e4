"""The metrics about the process, not about an account: few, and kept by the client library."""

from platform import python_version

from prometheus_client import CollectorRegistry, Gauge, GCCollector, ProcessCollector

from exporter.metrics.family import PREFIX


class ProcessMetrics:
    """Registers the metrics about the process, and takes their values."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        """Register everything in `registry`, with the build's version already told."""

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"{PREFIX}exporter_{name}", text, labels, registry=registry)

        self.registry = registry
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self.series = gauge("series", "Series of all accounts on the page.")
        self.refused = gauge(
            "samples_refused",
            "Samples that are not on the page because their labels or their number were not sound.",
        )
        self.broken = gauge(
            "accounts_broken",
            "Accounts whose snapshots could not be rendered, by a fault of the exporter; they are not shown.",
        )
        self.render_seconds = gauge("render_seconds", "How long it took to make the page that this one replaced.")
        self.loop_lag = gauge("event_loop_lag_seconds", "Longest delay of the event loop in the last minute.")
        self.log_lines_dropped = gauge(
            "log_lines_dropped", "Log lines lost since the start, because nobody took them."
        )
        self.parts_restarted = gauge(
            "parts_restarted",
            "How often a part, such as the polls of an account, broke by a fault of the exporter and began again.",
        )
        self.reload_successful = gauge(
            "config_last_reload_successful", "1 if the config was read whole the last time it was tried."
        )
        self.reload_time = gauge(
            "config_last_reload_success_timestamp_seconds", "When the config in use was read."
        )
        self.is_leader = gauge(
            "is_leader",
            "1 if this replica polls, always so without server.ha; 0 while it stands by, and shows no account.",
        )
        self.lease_taken = gauge(
            "lease_taken", "How often this replica has taken the lease since the start; 0 without server.ha."
        )
        self.lease_failures = gauge(
            "lease_failures",
            "How often the lease could be neither read nor written since the start; 0 without server.ha.",
        )
        build = gauge("build_info", "1; the version of the exporter and of Python.", "version", "python_version")
        build.labels(version, python_version()).set(1)

    def config_read(self, at: float) -> None:
        """Note that a config was read whole, at this time since the Unix epoch."""
        self.reload_successful.set(1)
        self.reload_time.set(at)

    def config_refused(self) -> None:
        """Note that a new config was not taken, and the old one goes on."""
        self.reload_successful.set(0)
