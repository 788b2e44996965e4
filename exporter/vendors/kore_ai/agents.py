"""What each agent does, and has done today, from the log of the statuses that the agents set."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timezone
from functools import cache, lru_cache, partial
from math import inf

from msgspec import Raw, Struct
from msgspec.structs import replace

from exporter.errors import Reason, Unreadable
from exporter.model import Agent, Dropped, Snapshot, State, Status
from exporter.vendors.kore_ai.listing import absent_from, raw_rows
from exporter.vendors.kore_ai.payloads import OPEN, STATUSES, AgentRow
from exporter.vendors.kore_ai.words import Words
from exporter.vendors.remembered import Recall, Remembered
from exporter.wire.decode import Decoded, decode_row, drift_of
from exporter.wire.http import Reply

_CUT = 1.0  # second: the log is in whole ones
_ROUNDING = 2.0  # seconds: of a duration, a start and an end, each cut
_SKEW = 120.0  # seconds by which the vendor's clock may be ahead of ours
_FARTHEST = 26 * 3600.0  # seconds between the two offsets that lie farthest apart
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of local times, whose offset is taken off after that
_DATE = len("2026-03-29")  # which, alone, is no instant
_DURATION = re.compile(r"([0-9]{1,6}):([0-5][0-9]):([0-5][0-9])", re.ASCII)

Stay = tuple[float, float, State]
"""From when to when an agent was in a state; to `inf` while it lasts."""
Instant = Callable[[str | None], float | None]
"""Returns the instant that a text of the log tells; None where it tells none."""


class Today(Struct, frozen=True):
    """The day that was asked for, so far."""

    start: float
    now: float
    zone: timezone
    """The one offset that was asked for: the log is local to it, also on the days of a clock change."""


class Lasting(Struct, frozen=True, gc=False):
    """A stay that goes on, and what the stays before it leave of the day."""

    state: State
    counts_from: float
    seconds: float
    """Of the stays before it in the same state, together."""
    longest: float
    """Seconds of the longest of these."""


class Log(Struct, frozen=True, gc=False):
    """What one agent's row says."""

    agent: Agent
    """With the seconds of the stays that are over."""
    lasting: Lasting | None = None
    unknown: frozenset[str] = frozenset()
    """Status words that nobody has mapped."""
    is_dated: bool = False
    """Whether it has stays, and each of them its status, start and end."""
    contradicts_itself: bool = False
    begins_in: float | None = None
    """Seconds to the begin of what lasts, where that is too far ahead to be."""
    odd: Decoded[AgentRow] | None = None
    """The row, where something about it is told at each poll, or may be another at the next."""

    @property
    def settled(self) -> bool:
        """Whether the row says the same for the rest of the day."""
        return self.odd is None

    def at(self, now: float) -> Agent:
        """Return the agent at a moment: what lasts counts up to it."""
        if self.lasting is None:
            return self.agent
        state, length = self.lasting.state, max(0.0, now - self.lasting.counts_from)
        return replace(
            self.agent,
            seconds_in_state={**self.agent.seconds_in_state, state: self.lasting.seconds + length},
            longest_stays={**self.agent.longest_stays, state: max(self.lasting.longest, length)},
        )


class _Contradiction(Exception):
    """A log that cannot be so."""


class _NotBegun(Exception):
    """What lasts is to begin in so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def read_statuses(replies: Iterable[Reply], today: Today, words: Words, before: Remembered[Log]) -> Snapshot:
    """Read the pages of the log.

    Raises:
        Unreadable: a page is none, or the log is not at the offset that was asked for.
    """
    reader = _Reader(today, words)
    recall = Recall[Log](before, (today.start, today.zone, words), today.now)
    came = [recall.meaning(row, reader.log) for row in raw_rows(STATUSES, replies)]
    logs: dict[str, Log] = {}
    for log in filter(None, came):
        logs.setdefault(log.agent.id, log)
    _check_offset(logs.values())
    odd = [log.odd for log in logs.values() if log.odd]
    invalid = came.count(None)
    return Snapshot(
        agents=tuple([log.at(today.now) for log in logs.values()]),
        window_start=today.start,
        dropped={
            Dropped.INVALID: invalid,
            Dropped.DUPLICATE: len(came) - invalid - len(logs),
            Dropped.INCONSISTENT: sum(log.contradicts_itself for log in logs.values()),
        },
        drift=tuple(f"data[].{path}" for path in (*drift_of(odd), *_absent(logs.values(), odd))),
        unknown_statuses=frozenset().union(*(log.unknown for log in logs.values())),
        memory=recall.memory,
    )


def _check_offset(logs: Iterable[Log]) -> None:
    for log in logs:
        if log.begins_in is not None:
            raise Unreadable(
                Reason.VENDOR,
                f"{STATUSES}: a status that lasts would begin in {log.begins_in / 60:.0f} min, so the log is not"
                " at the offset that was asked for; check time_zone and this machine's clock",
            )


def _absent(logs: Collection[Log], odd: Iterable[Decoded[AgentRow]]) -> list[str]:
    """Return the fields that no stay has: whatever is not odd has all of them."""
    if any(log.is_dated for log in logs):
        return []
    stays = [stay for row in odd for stay in row.value.status or ()]
    return [f"status[].{name}" for name in absent_from(stays, ("primaryStatus", "startTime", "endTime"))]


class _Reader:
    """Reads rows: each text of a time once, for a stay begins where another has ended, and each word once."""

    def __init__(self, today: Today, words: Words) -> None:
        self._today = today
        self._instant = cache(partial(_instant, zone=today.zone))
        self._state = cache(words.state)
        self._unknown = cache(words.unknown)

    def log(self, raw: Raw) -> Log | None:
        """Read a row; None where it does not say whose it is."""
        try:
            row = decode_row(raw, AgentRow)
        except Unreadable:
            return None
        name = " ".join(filter(None, (row.value.first_name, row.value.last_name)))
        agent = Agent(row.value.user_id, name or None)
        told = row.value.status or ()
        unknown = self._unknown(frozenset([(stay.primary_status, stay.secondary_status) for stay in told]))
        try:
            stays = self._stays(row)
            agent = _present(agent, stays)
            agent, lasting = _past(agent, stays, self._today)
        except _Contradiction:
            return Log(agent, unknown=unknown, contradicts_itself=True, odd=row)
        except _NotBegun as fault:
            return Log(agent, unknown=unknown, begins_in=fault.seconds, odd=row)
        ahead = any(self._today.now < end < inf for _, end, _ in stays)
        return Log(agent, lasting, unknown, is_dated=bool(stays), odd=row if ahead or row.drift else None)

    def _stays(self, row: Decoded[AgentRow]) -> list[Stay]:
        """Return an agent's log in the order of time, whatever order it came in.

        Raises:
            _Contradiction: a part of it cannot be read, or cannot be so.
            _NotBegun: what lasts is too far ahead.
        """
        if any(path.startswith("status") for path in row.drift):
            raise _Contradiction
        instant, latest, farthest = self._instant, self._today.now + _SKEW, self._today.now + _FARTHEST
        stays: set[Stay] = set()
        for told in row.value.status or ():
            start = instant(told.start_time)
            end = inf if told.end_time == OPEN else instant(told.end_time)
            if not told.primary_status or start is None or end is None or start > farthest:
                raise _Contradiction
            if end != inf:
                if not (start <= end <= latest and _lasts(told.duration, end - start)):
                    raise _Contradiction
            elif start > latest:
                raise _NotBegun(start - self._today.now)
            stays.add((start, end, self._state(told.primary_status, told.secondary_status)))
        return sorted(stays)


def _instant(text: str | None, zone: timezone) -> float | None:
    """Return the instant of a date with a time; one that names its own offset is taken at its word."""
    try:
        moment = datetime.fromisoformat(text) if text and len(text) > _DATE else None
    except ValueError:
        return None
    if moment is None:
        return None
    if moment.tzinfo:
        return moment.timestamp()
    return (moment - _EPOCH - zone.utcoffset(None)).total_seconds()


def _lasts(duration: str | None, seconds: float) -> bool:
    """Return whether this is how long the stay lasted; one that is not told does not speak against it."""
    if duration in (None, OPEN):
        return True
    told = _clock(duration)
    return told is not None and abs(told - seconds) <= _ROUNDING


@lru_cache(maxsize=4_096)
def _clock(duration: str) -> int | None:
    """Return the seconds of a duration; most are under an hour, and have come before."""
    match = _DURATION.fullmatch(duration)
    return int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3]) if match else None


def _present(agent: Agent, stays: Sequence[Stay]) -> Agent:
    """Add the status that lasts; where none does, or another that began before it, nobody can tell."""
    if not stays or stays[-1][1] != inf or any(end == inf for _, end, _ in stays[:-1]):
        return agent
    since, _, (status, word) = stays[-1]
    return replace(agent, status=Status(status), vendor_status=word, since=since)


class _Spent:
    """What an agent has done today in one state."""

    __slots__ = ("entries", "longest", "seconds")

    def __init__(self) -> None:
        self.entries, self.longest, self.seconds = 0, 0.0, 0.0


def _past(agent: Agent, stays: Sequence[Stay], today: Today) -> tuple[Agent, Lasting | None]:
    """Add the stays of today that are over, and return what lasts: what began before midnight counts from there.

    Raises:
        _Contradiction: the agent would be in two statuses at once.
    """
    spent: dict[State, _Spent] = {}
    lasting, before, ended = None, -inf, today.start
    for start, end, state in stays:
        if start < before - _CUT:
            raise _Contradiction
        before = end
        if end <= today.start:
            continue
        part = spent.get(state) or spent.setdefault(state, _Spent())
        part.entries += start >= today.start
        begun = max(start, ended)
        if end == inf:
            lasting = Lasting(state, begun, part.seconds, part.longest)
            continue
        ended = min(end, today.now)
        if ended > begun:
            part.seconds += ended - begun
            part.longest = max(part.longest, ended - begun)
    return replace(
        agent,
        seconds_in_state={state: part.seconds for state, part in spent.items()},
        longest_stays={state: part.longest for state, part in spent.items()},
        entries={state: part.entries for state, part in spent.items()},
    ), lasting
