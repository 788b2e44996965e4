"""How often a vendor may be asked: a pace below its limit, silence when it asks for silence, few second tries."""

import asyncio
import math

from exporter.errors import PollFailed, Reason, Throttled

SHORTEST, LONGEST = 1.0, 900.0  # seconds of silence, whatever a vendor says
SUSTAINED = 0.75
"""The part of our share that goes on for ever: the rest of a minute's calls may come at once."""
FIRST = 10.0  # seconds where it says nothing; doubled each time in a row


class Pace:
    """A share of the vendor's calls per minute: at most so many in any 60 seconds, a quarter of them at once.

    A token bucket, kept as the moment when it will be full again: so the wait is known before it begins.
    """

    def __init__(self, calls_per_minute: float, share: float) -> None:
        self._share = share
        self._full_at = -math.inf
        self._set(calls_per_minute)

    def _set(self, calls_per_minute: float) -> None:
        self._limit = calls_per_minute
        ours = calls_per_minute * self._share
        burst = max(1.0, ours * (1 - SUSTAINED))
        self._gap = 60 / max(ours - burst, ours / 2)  # burst and refill of a minute together are at most `ours`
        self._slack = (burst - 1) * self._gap

    async def turn(self, until: float) -> float:
        """Wait until the next call may be made, and return for how many seconds that was.

        Raises:
            PollFailed: it may only be made after `until`, on the loop's clock.
        """
        now = asyncio.get_running_loop().time()
        full_at = max(self._full_at, now)
        wait = max(0.0, full_at - self._slack - now)
        if wait and now + wait >= until:
            raise PollFailed(
                Reason.BUDGET,
                f"the next call is due in {wait:.0f} s, later than this poll may last;"
                " raise budget_share or the interval, or ask for fewer queues",
            )
        self._full_at = full_at + self._gap
        try:
            await asyncio.sleep(wait)
        except asyncio.CancelledError:
            self._full_at -= self._gap  # the call was not made
            raise
        return wait

    def adopt(self, calls_per_minute: float) -> None:
        """Go on with the limit that the vendor itself tells, instead of the one that it documents."""
        if calls_per_minute != self._limit and 1 <= calls_per_minute < math.inf:
            self._set(calls_per_minute)
            # Empty at first: what the old pace let through counts against the new one.
            self._full_at = asyncio.get_running_loop().time() + self._slack + self._gap


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
        self._since = self._until = 0.0
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
        self._since = now
        self._until = max(self._until if stands else now, now + wait)
        self.failure, self._key = failure, key

    def end(self, asked: float = math.inf) -> None:
        """Forget the failure, and how often it came; but not one that began after `asked`.

        What was asked before it, and is answered well after it, does not lift it.
        """
        if self.failure is not None and self._since >= asked:
            return
        self.failure = None
        self._in_a_row = 0
