"""What each agent does, and has done today, from the log of the statuses that the agents set."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from functools import cache, partial
from itertools import pairwise
from math import inf
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from exporter.errors import Reason, Unreadable
from exporter.model import Agent, Dropped, Snapshot, State
from exporter.vendors.kore_ai import payloads
from exporter.vendors.kore_ai.listing import Listed, absent_from, read_pages
from exporter.vendors.kore_ai.payloads import OPEN, STATUSES, AgentRow
from exporter.vendors.kore_ai.words import Words
from exporter.wire.decode import Decoded
from exporter.wire.http import Reply

_CUT = 1.0  # second: the log is in whole ones
_ROUNDING = 2.0  # seconds: of a duration, a start and an end, each cut
_SKEW = 120.0  # seconds by which the vendor's clock may be ahead of ours
_FARTHEST = 26 * 3600.0  # seconds between the two offsets that lie farthest apart
_DATE = len("2026-03-29")  # which, alone, is no instant
_DURATION = re.compile(r"([0-9]{1,6}):([0-5][0-9]):([0-5][0-9])", re.ASCII)


class Today(Struct, frozen=True):
    """The day that was asked for, so far."""

    start: float
    now: float
    zone: timezone
    """The one offset that was asked for: the log is local to it, also on the days of a clock change."""


class Stay(Struct, frozen=True):
    """An agent in one status, from one instant to another."""

    state: State
    start: float
    end: float
    """`inf` while it lasts."""


Instant = Callable[[str | None], float | None]
"""Returns the instant that a text of the log tells; None where it tells none."""


class _Contradiction(Exception):
    """A log that cannot be so."""


def read_statuses(replies: Iterable[Reply], today: Today, words: Words) -> Snapshot:
    """Read the pages of the log.

    Raises:
        Unreadable: a page is none, or the log is not at the offset that was asked for.
    """
    listed: Listed[AgentRow] = read_pages(STATUSES, replies)
    instant = cache(partial(_instant, zone=today.zone))  # a stay begins where another has ended
    agents = []
    contradictory = 0
    for row in listed.rows.values():
        name = " ".join(filter(None, (row.value.first_name, row.value.last_name)))
        agent = Agent(row.value.user_id, name or None)
        try:
            stays = _stays(row, today, words, instant)
            agent = _present(agent, stays)
            agent = _past(agent, stays, today)
        except _Contradiction:
            contradictory += 1
        agents.append(agent)
    told = [stay for row in listed.values for stay in row.status or ()]
    absent = (f"status[].{name}" for name in absent_from(told, ("primaryStatus", "startTime", "endTime")))
    return Snapshot(
        agents=tuple(agents),
        window_start=today.start,
        dropped={**listed.dropped, Dropped.INCONSISTENT: contradictory},
        drift=tuple(f"data[].{path}" for path in (*listed.drift, *absent)),
        unknown_statuses=words.unknown((stay.primary_status, stay.secondary_status) for stay in told),
    )


def _stays(row: Decoded[AgentRow], today: Today, words: Words, instant: Instant) -> list[Stay]:
    """Return an agent's log in the order of time, whatever order it came in.

    Raises:
        _Contradiction: a part of it cannot be read, or cannot be so.
        Unreadable: what lasts has not begun yet.
    """
    if any(path.startswith("status") for path in row.drift):
        raise _Contradiction
    stays = {_stay(told, today, words, instant) for told in row.value.status or ()}
    return sorted(stays, key=attrgetter("start", "end"))


def _stay(told: payloads.Stay, today: Today, words: Words, instant: Instant) -> Stay:
    start = instant(told.start_time)
    end = inf if told.end_time == OPEN else instant(told.end_time)
    if not told.primary_status or start is None or end is None or start > today.now + _FARTHEST:
        raise _Contradiction
    if end == inf and start > today.now + _SKEW:
        raise Unreadable(
            Reason.VENDOR,
            f"{STATUSES}: a status that lasts would begin in {(start - today.now) / 60:.0f} min, so the log is not"
            " at the offset that was asked for; check time_zone and this machine's clock",
        )
    if end != inf and not (start <= end <= today.now + _SKEW and _lasts(told.duration, end - start)):
        raise _Contradiction
    return Stay(words.state(told.primary_status, told.secondary_status), start, end)


def _instant(text: str | None, zone: timezone) -> float | None:
    """Return the instant of a date with a time; one that names its own offset is taken at its word."""
    try:
        moment = datetime.fromisoformat(text) if text and len(text) > _DATE else None
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def _lasts(duration: str | None, seconds: float) -> bool:
    """Return whether this is how long the stay lasted; one that is not told does not speak against it."""
    if duration in (None, OPEN):
        return True
    match = _DURATION.fullmatch(duration)
    if match is None:
        return False
    hours, minutes, rest = map(int, match.groups())
    return abs(hours * 3600 + minutes * 60 + rest - seconds) <= _ROUNDING


def _present(agent: Agent, stays: Sequence[Stay]) -> Agent:
    """Add the status that lasts; where none does, or another that began before it, nobody can tell."""
    if not stays or stays[-1].end != inf or any(stay.end == inf for stay in stays[:-1]):
        return agent
    (status, word), since = stays[-1].state, stays[-1].start
    return replace(agent, status=status, vendor_status=word, since=since)


def _past(agent: Agent, stays: Sequence[Stay], today: Today) -> Agent:
    """Add the stays of today: what began before midnight counts from there, what lasts counts up to now.

    Raises:
        _Contradiction: the agent would be in two statuses at once.
    """
    if any(later.start < earlier.end - _CUT for earlier, later in pairwise(stays)):
        raise _Contradiction
    seconds: dict[State, float] = defaultdict(float)
    longest: dict[State, float] = defaultdict(float)
    entries: Counter[State] = Counter()
    ended = today.start
    for stay in stays:
        if stay.end > today.start:
            begun, ended = max(stay.start, ended), min(stay.end, today.now)
            length = max(0.0, ended - begun)
            seconds[stay.state] += length
            longest[stay.state] = max(longest[stay.state], length)
            entries[stay.state] += stay.start >= today.start
    return replace(agent, seconds_in_state=seconds, longest_stays=longest, entries=entries)
