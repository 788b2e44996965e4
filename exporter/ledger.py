"""What the transport does for an account, written down for /metrics."""

import time
from collections.abc import Callable

from exporter.tally import Event, Span, Tally
from exporter.wire.http import Budget, Call

_MINUTE = 60.0


class Ledger:
    """Writes down what the transport does for an account."""

    def __init__(self, tally: Tally, limit: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._tally = tally
        self._clock = clock
        self._limit = limit
        self._remaining: float | None = None
        self._told = 0.0

    def called(self, call: Call) -> None:
        """Count and time one HTTP exchange."""
        self._tally.add(Event.REQUEST, call.endpoint, call.code)
        self._tally.time(Span.REQUEST, call.endpoint, seconds=call.seconds)

    def throttled(self, seconds: float) -> None:
        """Count the time that a call had to wait."""
        self._tally.add(Event.THROTTLED_SECONDS, by=seconds)

    def token_refreshed(self) -> None:
        """Count an access token."""
        self._tally.add(Event.TOKEN_REFRESH)

    def budget(self, budget: Budget) -> None:
        """Keep what the vendor says."""
        self._limit = self._limit if budget.limit is None else budget.limit
        self._remaining, self._told = budget.remaining, self._clock()

    @property
    def latest(self) -> Budget:
        """What the vendor said last; what is left of a minute is not known after it."""
        fresh = self._clock() - self._told < _MINUTE
        return Budget(self._limit, self._remaining if fresh else None)
