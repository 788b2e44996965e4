"""What is going to happen, in order. Time moves only here, and only when told."""

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count

TICKS_A_SECOND = 1024
"""A power of two, so that a float holds each instant, and the sum of many durations, exactly."""


def on_tick(instant: float) -> float:
    """Return the last tick that is not after this instant."""
    return int(instant * TICKS_A_SECOND) / TICKS_A_SECOND


class Agenda:
    """Acts to come. Those of one instant happen in the order in which they were entered."""

    def __init__(self, start: float) -> None:
        self.now = on_tick(start)
        self._acts: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()

    def at(self, instant: float, act: Callable[..., None], *details: object) -> None:
        """Enter an act; what should have happened already happens next."""
        due: Callable[[], None] = partial(act, *details)
        heappush(self._acts, (max(on_tick(instant), self.now), next(self._number), due))

    def after(self, seconds: float, act: Callable[..., None], *details: object) -> None:
        """Enter an act so many seconds from now, at least one tick."""
        self.at(self.now + max(seconds, 1 / TICKS_A_SECOND), act, *details)

    def advance(self, to: float) -> None:
        """Let everything happen that is due up to and at this instant, which becomes the present.

        Raises:
            ValueError: the instant is in the past.
        """
        end = on_tick(to)
        if end < self.now:
            raise ValueError("time on the floor does not go back")
        while self._acts and self._acts[0][0] <= end:
            self.now, _, act = heappop(self._acts)
            act()
        self.now = end
