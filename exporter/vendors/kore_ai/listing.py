"""Lists whose pages may overlap, and whose rows are read one by one: a broken one costs itself."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Raw, Struct, structs
from msgspec.structs import replace

from exporter.errors import Unreadable
from exporter.model import Dropped
from exporter.vendors.kore_ai.payloads import LISTINGS, Listing
from exporter.wire.decode import Decoded, decode, drift_of
from exporter.wire.http import Reply

R = TypeVar("R", bound=Struct)


class Listed(Struct, Generic[R], frozen=True):
    """The rows of some pages."""

    rows: Mapping[Any, Decoded[R]]
    """By key; of a row that comes twice the first is kept."""
    invalid: int = 0
    duplicates: int = 0
    has_more: bool = False
    """Whether the last of the pages says that another one follows, which need not be so."""

    @property
    def values(self) -> list[R]:
        """The sound rows."""
        return [row.value for row in self.rows.values()]

    @property
    def drift(self) -> tuple[str, ...]:
        """The fields of rows that were not as documented, each path once."""
        return drift_of(self.rows.values())

    @property
    def dropped(self) -> Mapping[Dropped, int]:
        """The rows that are not shown."""
        return {Dropped.INVALID: self.invalid, Dropped.DUPLICATE: self.duplicates}


def read_rows(raws: Iterable[Raw], shape: type[R], key: Callable[[R], Hashable]) -> Listed[R]:
    """Decode each row by itself."""
    rows: dict[Hashable, Decoded[R]] = {}
    invalid = duplicates = 0
    for raw in raws:
        try:
            row = decode(bytes(raw), shape)
        except Unreadable:
            invalid += 1
            continue
        duplicates += key(row.value) in rows
        rows.setdefault(key(row.value), row)
    return Listed(rows, invalid, duplicates)


def read_pages(endpoint: str, replies: Iterable[Reply]) -> Listed[Any]:
    """Put the pages of a list together; replies of other endpoints are passed over.

    Raises:
        Unreadable: one of them is no page of it.
    """
    return _read(LISTINGS[endpoint], LISTINGS[endpoint].row, endpoint, replies)


def read_keys(endpoint: str, replies: Iterable[Reply]) -> Listed[Any]:
    """Do the same with as much of each row as tells it from the others.

    Raises:
        Unreadable: one of them is no page of it.
    """
    return _read(LISTINGS[endpoint], LISTINGS[endpoint].lean, endpoint, replies)


def _read(listing: Listing, shape: type[Struct], endpoint: str, replies: Iterable[Reply]) -> Listed[Any]:
    pages = [decode(reply.body, listing.page).value for reply in replies if reply.request.endpoint == endpoint]
    listed = read_rows((raw for page in pages for raw in page.rows), shape, listing.key)
    return replace(listed, has_more=bool(pages) and pages[-1].has_more is True)


def absent_from(rows: Sequence[Struct], names: Iterable[str]) -> list[str]:
    """Return the documented fields that no row has at all: that is a change of the API, one row without is not."""
    fields = {field.encode_name: field.name for row in rows[:1] for field in structs.fields(row)}
    return [name for name in names if rows and all(getattr(row, fields[name]) is None for row in rows)]


def together(counts: Iterable[int | None]) -> int | None:
    """Return the sum; None where there is nothing to add, or a part of it is not told."""
    parts = list(counts)
    told = [part for part in parts if part is not None]
    return sum(told) if parts and len(told) == len(parts) else None
