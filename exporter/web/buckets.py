"""How often something may happen, for each of many at once."""

from collections.abc import Callable

_MOST = 1_024  # that are told apart; beyond this the one that has used least begins anew


class Buckets:
    """A token bucket for each name, kept as the moment when it will be full again."""

    def __init__(self, burst: int, gap: float, clock: Callable[[], float]) -> None:
        """Allow `burst` at once, and one more every `gap` seconds of the clock, which is monotonic."""
        self._slack = (burst - 1) * gap
        self._gap = gap
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def take(self, name: str) -> float:
        """Take one, and return 0; or return the seconds until there is one."""
        now = self._clock()
        full_at = max(self._full_at.get(name, now), now)
        wait = full_at - now - self._slack
        if wait > 0:
            return wait
        if name not in self._full_at and len(self._full_at) >= _MOST:
            del self._full_at[min(self._full_at, key=self._full_at.__getitem__)]
        self._full_at[name] = full_at + self._gap
        return 0.0

    def give_back(self, name: str) -> None:
        """Undo one that was taken."""
        if name in self._full_at:
            self._full_at[name] -= self._gap
