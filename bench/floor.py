"""A contact centre that lives from poll to poll, as far as the five vendors tell of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

FREE, TALKING, WRITING, AWAY, OFF = range(5)
"""Ready for calls, on one, in wrap-up, on a break, logged out."""
STATES = range(5)
BEAT = 30
"""Seconds from poll to poll."""
NOON = int(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp())
_MORNING = NOON - 4 * 3600
_CHANGES = 0.2  # of the agents change their status from one poll to the next
_STAYS = 12  # of an agent since the morning, when the first poll comes


class Stay(NamedTuple):
    """An agent in one status, until the next one began."""

    state: int
    start: int
    end: int


class Worker:
    """One agent's day so far."""

    def __init__(self, number: int, dice: Random) -> None:
        """Log in in the morning, and go through so many statuses until noon."""
        self.number = number
        self.stays: list[Stay] = []
        self.state, self.since = FREE, _MORNING
        for at in sorted(dice.sample(range(_MORNING + 60, NOON - 60), _STAYS)):
            self.change(at, dice)

    def change(self, at: int, dice: Random) -> None:
        """Begin another status; a talk ends in wrap-up."""
        self.stays.append(Stay(self.state, self.since, at))
        others = [state for state in STATES if state != self.state]
        self.state, self.since = WRITING if self.state == TALKING else dice.choice(others), at

    def until(self, now: int) -> Iterator[Stay]:
        """Yield all stays of the day; the last one lasts."""
        yield from self.stays
        yield Stay(self.state, self.since, now)

    def seconds(self, now: int) -> list[int]:
        """Return the time in each status."""
        times = [0] * len(STATES)
        for stay in self.until(now):
            times[stay.state] += stay.end - stay.start
        return times

    def entries(self) -> list[int]:
        """Return how often each status was entered."""
        states = [*(stay.state for stay in self.stays), self.state]
        return [states.count(state) for state in STATES]


class Floor:
    """All agents at one moment."""

    def __init__(self, agents: int) -> None:
        """Open in the morning, and be there at noon."""
        self._dice = Random(7)
        self.now = NOON
        self.workers = [Worker(number, self._dice) for number in range(agents)]

    def live(self) -> None:
        """Go on to the next poll."""
        for worker in self.workers:
            if self._dice.random() < _CHANGES:
                worker.change(self.now + self._dice.randrange(1, BEAT), self._dice)
        self.now += BEAT
