"""What the lists of both engines have in common."""

from collections.abc import Mapping, Sequence
from typing import Any

from exporter.model import Dropped
from exporter.vendors.pages import check_whole, listed
from exporter.wire.decode import Decoded


def all_rows(answers: Sequence[Decoded[Any]], endpoint: str, key: str) -> dict[str, Any]:
    """Return the rows of all pages, by their key.

    Raises:
        Unreadable: a page repeats others, or all together are fewer than the list tells.
    """
    rows = listed(endpoint, (answer.value.result for answer in answers), key)
    came = sum(len(answer.value.result) + answer.invalid_rows for answer in answers)
    check_whole(endpoint, (getattr(answer.value, "total_count", None) for answer in answers), came)
    return rows


def lost_rows(answers: Sequence[Decoded[Any]], kept: Mapping[str, Any]) -> Mapping[Dropped, int]:
    """Return how many rows of a list are not shown."""
    came = sum(len(answer.value.result) for answer in answers)
    return dropped(sum(answer.invalid_rows for answer in answers), came - len(kept))


def dropped(invalid: int, twice: int) -> Mapping[Dropped, int]:
    """Return the rows that came and are not shown, by why."""
    return {Dropped.INVALID: invalid, Dropped.DUPLICATE: twice}


def waits(told: Sequence[float | None]) -> dict[str, Any]:
    """Return the fields of a queue that tell of those who wait now, from how long each of them has waited."""
    known = [one for one in told if one is not None]
    if len(known) < len(told):
        return {"waiting": len(told)}
    longest, average = (max(known), sum(known) / len(known)) if known else (0.0, 0.0)
    return {"waiting": len(told), "longest_wait_seconds": longest, "average_wait_seconds": average}
