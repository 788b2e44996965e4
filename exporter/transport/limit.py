"""How often a vendor may be asked: a pace below its limit, silence when it asks for silence, few second tries."""

import asyncio
import math

from aiolimiter import AsyncLimiter

from exporter.errors import PollFailed, Throttled

SHORTEST, LONGEST = 1.0, 900.0  # seconds of silence, whatever a vendor says
FIRST = 10.0  # seconds where it says nothing; doubled each time in a row


class Pace:
    """A share of the vendor's calls per minute: at most so many in any 60 seconds, a quarter of them at once."""

    def __init__(self, calls_per_minute: float, share: float) -> None:
        self._share = share
        self._limit = calls_per_minute
        self._bucket = _bucket(calls_per_minute * share)

    async def turn(self) -> None:
        """Return when the next call may be made."""
        await self._bucket.acquire()

    async def adopt(self, calls_per_minute: float) -> None:
        """Go on with the limit that the vendor itself tells, instead of the one that it documents."""
        if calls_per_minute == self._limit or not 1 <= calls_per_minute < math.inf:
            return
        self._limit = calls_per_minute
        self._bucket = bucket = _bucket(calls_per_minute * self._share)
        await bucket.acquire(bucket.max_rate)  # what the old bucket let through counts against the new one


def _bucket(per_minute: float) -> AsyncLimiter:
    """Let a burst pass, and refill so slowly that both together stay below `per_minute` in any minute."""
    burst = max(1.0, per_minute / 4)
    refill = max(per_minute - burst, per_minute / 2)  # the latter counts only below 2 a minute
    return AsyncLimiter(burst, 60 * burst / refill)


class Spare:
    """Which calls may be tried again: a fifth of those made, so that a sick vendor is not asked ever more."""

    def __init__(self) -> None:
        self._tries = 2.0

    def earn(self) -> None:
        """Count one call."""
        self._tries = min(10.0, self._tries + 0.2)

    def spend(self) -> bool:
        """Take one second try; False where none is left."""
        if self._tries < 1:
            return False
        self._tries -= 1
        return True


def clamped(retry_after: float | None) -> float | None:
    """Return the seconds that a vendor asks to wait, within reason; None where it does not say."""
    return None if retry_after is None else min(max(retry_after, SHORTEST), LONGEST)


class Hold:
    """A failure that stands for a while: who would ask gets it again, and the vendor is left in peace."""

    def __init__(self) -> None:
        self.failure: PollFailed | None = None
        self._until = 0.0
        self._key = ""
        self._in_a_row = 0

    def check(self, key: str = "") -> None:
        """Pass where nothing stands, or it stood for another `key`.

        Raises:
            PollFailed: the failure that stands; of Throttled, with the seconds that are left.
        """
        left = self._until - asyncio.get_running_loop().time()
        if self.failure is None or left <= 0 or key != self._key:
            return
        if isinstance(self.failure, Throttled):
            raise Throttled(self.failure.detail, left)
        raise self.failure.with_traceback(None)  # raised anew each time: its traceback must not grow

    def begin(
        self, failure: PollFailed, seconds: float | None = None, *, longest: float = LONGEST, key: str = ""
    ) -> None:
        """Let `failure` stand for `seconds`; None: for 10, then for twice as long each time, up to `longest`."""
        now = asyncio.get_running_loop().time()
        stands = self.failure is not None and now < self._until and key == self._key
        if not stands:  # calls that were under way together are refused together: that counts once
            self._in_a_row += 1
        wait = min(longest, FIRST * 2.0 ** (min(self._in_a_row, 10) - 1)) if seconds is None else seconds
        self._until = max(self._until if stands else now, now + wait)
        self.failure, self._key = failure, key

    def end(self) -> None:
        """Forget the failure, and how often it came."""
        self.failure = None
        self._in_a_row = 0
