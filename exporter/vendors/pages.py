"""Lists that come in pages: their rows by key, and whether they are whole."""

from collections.abc import Collection, Iterable
from typing import TypeVar

from exporter.errors import Reason, Unreadable

R = TypeVar("R")


def unique(rows: Iterable[R], key: str) -> dict[str, R]:
    """Return the rows by the field `key`, the first where there are two."""
    found: dict[str, R] = {}
    for row in rows:
        found.setdefault(str(getattr(row, key)), row)
    return found


def listed(endpoint: str, pages: Iterable[Collection[R]], key: str) -> dict[str, R]:
    """Return the rows of all pages by the field `key`, the first where there are two.

    Raises:
        Unreadable: a page repeats the others, so nobody knows which is missing.
    """
    found: dict[str, R] = {}
    for page in pages:
        before = len(found)
        found |= {name: row for name, row in unique(page, key).items() if name not in found}
        if page and len(found) == before:
            raise Unreadable(Reason.PAGING, f"a page of {endpoint} brings nobody who was not on the pages before")
    return found


def check_whole(endpoint: str, told: Iterable[int | None], came: int) -> None:
    """Refuse a list that is shorter than its own count: a body may be cut where it is still valid.

    Each page tells the count, or None; the least is believed, for somebody may leave between two pages.

    Raises:
        Unreadable: fewer rows came than the list has.
    """
    least = min((count for count in told if count is not None), default=0)
    if came < least:
        raise Unreadable(Reason.TRUNCATED, f"{endpoint} tells of {least} rows and lists {came}")
