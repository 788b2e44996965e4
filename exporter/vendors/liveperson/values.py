"""How LivePerson says that it does not know."""

from collections.abc import Iterable
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import fields

from exporter.wire.decode import Decoded, drift_of

N = TypeVar("N", int, float)


def known(value: N | None) -> N | None:
    """Return the value; None for -1, by which LivePerson says that there is no data."""
    return None if value is None or value < 0 else value


def seconds(milliseconds: float | None) -> float | None:
    """Return seconds; None where there is no data."""
    told = known(milliseconds)
    return None if told is None else told / 1000


def longest_wait(waiting: int | None, milliseconds: float | None) -> float | None:
    """Return the seconds of the longest wait: where nobody waits LivePerson tells -1, and we know that it is 0."""
    return 0.0 if waiting == 0 and milliseconds == -1 else seconds(milliseconds)


def drift(
    endpoint: str, answers: Iterable[Decoded[Any]], rows: Iterable[Struct], names: Iterable[str]
) -> tuple[str, ...]:
    """Return the fields that were not as documented, and those that no row has at all."""
    rows = list(rows)
    gone = [name for name in names if rows and all(getattr(row, name) is None for row in rows)]
    sent = {field.name: field.encode_name for field in fields(rows[0])} if rows else {}
    return tuple(dict.fromkeys((*drift_of(answers), *(f"{endpoint}.{sent[name]}" for name in gone))))
