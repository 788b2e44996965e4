"""Too much of the same: the first lines of a kind pass, then one a minute that tells how many were kept back."""

import threading
from collections.abc import Callable

_BURST = 5
_REFILL = 60.0  # seconds until a kind may have one line more
_KINDS = 1_000  # kinds that are told apart

Key = tuple[str, ...]


class _Kind:
    """The lines of one kind: how many may still pass, and how many were kept back."""

    def __init__(self, now: float) -> None:
        self.left, self.seen, self.suppressed = float(_BURST), now, 0


class Flood:
    """Decides which lines pass."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with full measure for every kind; `clock` is monotonic."""
        self._clock = clock
        self._kinds: dict[Key, _Kind] = {}
        self._swept = clock()
        self._lock = threading.Lock()

    def admit(self, key: Key) -> int | None:
        """Return how many lines of this kind were kept back before this one; None where this one is, too."""
        with self._lock:
            now = self._clock()
            if key not in self._kinds and len(self._kinds) >= _KINDS:
                key = (key[0], "others")
            kind = self._kinds.setdefault(key, _Kind(now))
            kind.left, kind.seen = min(_BURST, kind.left + (now - kind.seen) / _REFILL), now
            if kind.left < 1:
                kind.suppressed += 1
                return None
            kind.left -= 1
            before, kind.suppressed = kind.suppressed, 0
            return before

    def sweep(self, *, everything: bool = False) -> list[tuple[Key, int]]:
        """Forget the kinds that are over, and return those that had lines kept back, with their number."""
        with self._lock:
            now = self._clock()
            if not everything and now - self._swept < _REFILL:
                return []
            self._swept = now
            over = [key for key, kind in self._kinds.items() if everything or now - kind.seen >= _REFILL]
            counts = [(key, self._kinds.pop(key).suppressed) for key in over]
            return [(key, count) for key, count in counts if count]
