"""Lists whose pages may overlap, and whose rows are read one by one: a broken one costs itself."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from msgspec import Raw, Struct, structs

from exporter.errors import Unreadable
from exporter.model import Dropped
from exporter.vendors.kore_ai.payloads import LISTINGS, Page
from exporter.wire.decode import Decoded, decode_row, drift_of
from exporter.wire.http import Reply

R = TypeVar("R", bound=Struct)


class Listed(Struct, Generic[R], frozen=True):
    """The rows of some pages."""

    rows: Mapping[Any, Decoded[R]]
    """By key; of a row that comes twice the first is kept."""
    invalid: int = 0
    duplicates: int = 0

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
            row = decode_row(raw, shape)
        except Unreadable:
            invalid += 1
            continue
        duplicates += key(row.value) in rows
        rows.setdefault(key(row.value), row)
    return Listed(rows, invalid, duplicates)


def read_pages(endpoint: str, replies: Iterable[Reply], shape: type[R]) -> Listed[R]:
    """Put the pages of a list together; replies of other endpoints are passed over.

    Raises:
        Unreadable: one of them is no page of it.
    """
    return read_rows(raw_rows(endpoint, replies), shape, LISTINGS[endpoint].key)


def raw_rows(endpoint: str, replies: Iterable[Reply]) -> Iterator[Raw]:
    """Yield the rows of the pages of a list as they came; replies of other endpoints are passed over.

    Raises:
        Unreadable: one of them is no page of it.
    """
    for reply in replies:
        if reply.request.endpoint == endpoint:
            yield from _page(reply).rows


def unseen(page: Reply, pages: Iterable[Reply]) -> Iterator[str]:
    """Yield the keys of the rows that none of these other pages has; nothing but the keys is decoded.

    Raises:
        Unreadable: one of them is no page.
    """
    known = {key for other in pages for key in _keys(other)}
    for key in _keys(page):
        if key not in known:
            known.add(key)
            yield key


def has_more(reply: Reply) -> bool:
    """Return whether a page says that another one follows, which need not be so.

    Raises:
        Unreadable: it is no page.
    """
    return _page(reply).has_more is True


def is_page(reply: Reply) -> bool:
    """Return whether this is a page of its list, and nothing else beside it."""
    try:
        return reply.request.endpoint in LISTINGS and _page(reply).errors is None
    except Unreadable:
        return False


def _keys(reply: Reply) -> Iterator[Any]:
    listing = LISTINGS[reply.request.endpoint]
    for raw in _page(reply).rows:
        with suppress(Unreadable):
            yield listing.key(decode_row(raw, listing.lean).value)


def _page(reply: Reply) -> Page:
    return reply.decoded(LISTINGS[reply.request.endpoint].page).value


def absent_from(rows: Sequence[Struct], names: Iterable[str]) -> list[str]:
    """Return the documented fields that no row has at all: that is a change of the API, one row without is not."""
    fields = {field.encode_name: field.name for row in rows[:1] for field in structs.fields(row)}
    return [name for name in names if rows and all(getattr(row, fields[name]) is None for row in rows)]


def together(counts: Iterable[int | None]) -> int | None:
    """Return the sum; None where there is nothing to add, or a part of it is not told."""
    parts = list(counts)
    told = [part for part in parts if part is not None]
    return sum(told) if parts and len(told) == len(parts) else None
