"""What has happened to one account since the start: the exporter's counters about its own work."""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from exporter.model import Histogram


class Event(StrEnum):
    """What is counted. The families of the metrics give each its name, help and labels."""

    POLL = "poll"
    POLL_FAILED = "poll_failed"
    POLL_SKIPPED = "poll_skipped"
    REQUEST = "request"
    THROTTLED_SECONDS = "throttled_seconds"
    TOKEN_REFRESH = "token_refresh"  # noqa: S105 - the name of an event, not a secret
    ROW_DROPPED = "row_dropped"
    DRIFT = "drift"
    UNKNOWN_STATUS = "unknown_status"


class Span(StrEnum):
    """What is timed, in seconds."""

    POLL = "poll"
    REQUEST = "request"


_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
_UNTIMED = Histogram.empty(*_SECONDS)

Labels = tuple[str, ...]


class Counts(Struct, frozen=True):
    """A tally as it stood at one moment: by label values, in the order of the family's labels."""

    events: Mapping[Event, Mapping[Labels, float]] = {}
    spans: Mapping[Span, Mapping[Labels, Histogram]] = {}


class Tally:
    """One account's running counters. It belongs to the account's poll loop; others see its `counts`."""

    def __init__(self) -> None:
        self._events: dict[Event, dict[Labels, float]] = {event: {} for event in Event}
        self._spans: dict[Span, dict[Labels, Histogram]] = {span: {} for span in Span}

    def add(self, event: Event, *labels: str, by: float = 1.0) -> None:
        """Count an event, or `by` of them; by=0 makes the series begin."""
        counts = self._events[event]
        counts[labels] = counts.get(labels, 0.0) + by

    def time(self, span: Span, *labels: str, seconds: float) -> None:
        """Add one duration."""
        spans = self._spans[span]
        spans[labels] = spans.get(labels, _UNTIMED).with_value(seconds)

    def counts(self) -> Counts:
        """Return a copy that no longer changes."""
        return Counts(
            {event: dict(counts) for event, counts in self._events.items()},
            {span: dict(spans) for span, spans in self._spans.items()},
        )
