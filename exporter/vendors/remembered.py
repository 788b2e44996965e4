"""What the rows of a list meant when it was read last: whoever has not changed since is not read again.

Some vendors send the whole day of each agent at each poll, and most of it is what they sent before. A row is known
again by a digest of its bytes: to remember it costs the same however long a day it tells of.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from math import inf
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Raw, Struct

_DIGEST = 16  # bytes: as many as tell any two rows apart that will ever be sent


class Meaning(Protocol):
    """What a row means."""

    @property
    def settled(self) -> bool:
        """Whether the same bytes mean the same at every later poll, and nothing about them must be told again."""


M = TypeVar("M", bound=Meaning)


class Remembered(Struct, Generic[M], frozen=True):
    """The rows of one poll that were settled."""

    basis: tuple[object, ...] = ()
    """What their meaning rests on beside their bytes, such as the day: on another one nothing is remembered."""
    at: float = -inf
    """The moment for which they were read: at an earlier one they may mean something else."""
    rows: Mapping[bytes, M] = {}


class Recall(Generic[M]):
    """One reading of a list, with what is remembered of the last."""

    def __init__(self, before: Remembered[Any], basis: tuple[object, ...], at: float) -> None:
        """Read for this moment; what `before` tells of another basis, or of a later moment, is forgotten."""
        known = before.basis == basis and before.at <= at
        self._known: Mapping[bytes, M] = before.rows if known else {}
        self._settled: dict[bytes, M] = {}
        self._basis = basis
        self._at = at

    def meaning(self, row: Raw, read: Callable[[Raw], M | None]) -> M | None:
        """Return what a row means: `read` tells it of one that is not remembered, None where it means nothing."""
        digest = blake2b(row, digest_size=_DIGEST).digest()
        meaning = self._known.get(digest) or read(row)
        if meaning and meaning.settled:
            self._settled[digest] = meaning
        return meaning

    @property
    def memory(self) -> Remembered[M]:
        """What to remember of this reading: who was not in it is forgotten."""
        return Remembered(self._basis, self._at, self._settled)
