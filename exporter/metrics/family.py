"""What a metric family is: a row in a table, with a pure function from what we hold to its samples."""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Generic, TypeVar

from msgspec import Struct

from exporter.model import Histogram

PREFIX = "contact_center_"

Labels = tuple[str, ...]
"""Label values, in the order of the family's labels."""


class Kind(StrEnum):
    """The type that the exposition declares."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


Value = float | Histogram


class Column(Struct, frozen=True):
    """Samples that differ in their first labels only. A thousand agents are one column, not a thousand rows."""

    keys: Sequence[str | Labels]
    """The first label of each sample, or its first labels."""
    values: Sequence[Value]
    """As many; Histograms where the family's kind is histogram."""
    rest: Labels = ()
    """The other labels, the same for all."""


T = TypeVar("T")


class Family(Struct, Generic[T], frozen=True):
    """One metric: its name, help and labels, and how its samples are found in a T.

    Every family that an account fills carries `vendor` and `account` before its own labels.
    """

    name: str
    """After the prefix; a counter's name ends in `_total`."""
    help: str
    labels: Labels
    columns: Callable[[T], Iterable[Column]]
    kind: Kind = Kind.GAUGE

    def has_samples(self, of: T) -> bool:
        """Return whether there is anything to show."""
        return any(one.keys for one in self.columns(of))


def column(samples: Iterable[tuple[Labels, Value]]) -> list[Column]:
    """Return these samples as a column, or none where there are none."""
    pairs = list(samples)
    return [Column([labels for labels, _ in pairs], [value for _, value in pairs])] if pairs else []


def single(value: float | None) -> list[Column]:
    """Return the one sample of a family without labels, or none where the value is not known."""
    return [] if value is None else [Column([()], [value])]
