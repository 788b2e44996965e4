"""The status audit, turned into the model: who was in which status, for how long.

Why today's seconds come from `list` and not from the sums of `overview`: those count each stay whole on the day on
which it ended, so that a night offline falls into the morning, and they leave out the stay that lasts. The single
changes can be clipped at midnight, and carried on to the moment of the poll.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain
from typing import NamedTuple

import msgspec
from msgspec import Struct

from exporter.errors import Reason, Unreadable
from exporter.model import Agent, Dropped, Measure, Snapshot, State, Total
from exporter.vendors.zoho_voice.payloads import (
    AgentAudit,
    CalendarReply,
    Cells,
    Change,
    Days,
    ListReply,
    OverviewReply,
    Spent,
)
from exporter.vendors.zoho_voice.words import WORKING_TIME, Words, snake
from exporter.wire.decode import Count, decode, drift_of
from exporter.wire.http import Reply

_ROUNDING = 1000  # milliseconds by which two stays may miss or overlap each other


class Stay(NamedTuple):
    """An unbroken time in one status, in milliseconds since the Unix epoch: whole ones add up without noise."""

    word: str
    start: int
    end: int

    def within(self, start: int, end: int) -> int:
        """Return how many of its milliseconds lie between two instants."""
        return max(0, min(self.end, end) - max(self.start, start))


class Since(Struct, frozen=True):
    """What the audit remembers: since when each agent has been in the present status."""

    at: float
    """When the audit was asked, in seconds since the Unix epoch."""
    stays: Mapping[str, Stay]


def stays(audit: AgentAudit, until: int) -> list[Stay] | None:
    """Return an agent's stays, oldest first, of which the last one lasts until `until`.

    None where they are not told, or leave a gap, or overlap. A check-in that changes nothing ends no stay.
    """
    days = [audit.hits] if audit.dates is None else [day.hits for day in audit.dates]
    changes = dict.fromkeys(chain(_before(audit), *(day or () for day in days)))  # one may be filed under two days
    ended = [_ended(change) for change in changes]
    return _merged([one for one in ended if one], until) if ended and None not in (*days, *ended) else None


def _before(audit: AgentAudit) -> list[Change]:
    """Return the last change before the window, if there was one: an empty object says that there was none."""
    last = audit.previous_result
    return [] if last is None or last == Change() else [last]


def _ended(change: Change) -> tuple[Stay, str] | None:
    """Return the stay that a change ended, and the word of the next; None where neither can be told.

    Of an agent's first change only the next is known: what it ended is a stay of no length.
    """
    at, after, start = change.current_action_time, change.current_status, change.previous_action_time
    if at is None or after is None:
        return None
    if start is None and change.duration is not None:
        start = at - round(change.duration)
    if start is None or change.previous_status is None:
        return Stay(after, at, at), after
    return Stay(change.previous_status, start, at), after


def _merged(ended: Iterable[tuple[Stay, str]], until: int) -> list[Stay] | None:
    """Return the stays one after the other and the one that lasts; None where they contradict each other."""
    line = sorted(ended, key=lambda pair: (pair[0].end, pair[0].start))
    last, word = line[-1]
    found: list[Stay] = []
    for stay in (*(stay for stay, _ in line), Stay(word, last.end, max(until, last.end))):
        before = found[-1] if found else Stay("", stay.start, stay.start)
        if abs(stay.start - before.end) > _ROUNDING or stay.end < stay.start:
            return None
        if stay.word == before.word:
            found[-1] = Stay(stay.word, before.start, stay.end)
        else:
            found.append(Stay(stay.word, before.end, stay.end))
    return found


def read_list(replies: Iterable[Reply], words: Words, start: float, at: float) -> Snapshot:
    """Read the changes of the day: seconds in each status up to the moment of the poll, and how often entered."""
    answers = [decode(reply.body, ListReply) for reply in replies]
    drift = drift_of(answers)
    if any(path.endswith(("hits[]", "dates[]")) for path in drift):
        raise Unreadable(Reason.SCHEMA, "list holds a change of status that is none: no agent's day is whole")
    rows = [row for answer in answers for row in answer.value.list.agent_status]
    audits = {str(row.agent_id): row for row in reversed(rows)}
    midnight, now = round(start * 1000), round(at * 1000)
    told = {key: stays(audit, now) for key, audit in audits.items()}
    days = {key: one for key, one in told.items() if one}
    silent = sum(
        not _before(audit) and not any(day.hits for day in audit.dates or ()) for audit in audits.values()
    )
    return Snapshot(
        agents=tuple(_day(key, one, words, midnight, now) for key, one in days.items()),
        window_start=start,
        dropped={
            Dropped.INVALID: sum(answer.invalid_rows for answer in answers),
            Dropped.DUPLICATE: len(rows) - len(audits),
            Dropped.INCONSISTENT: len(audits) - len(days) - silent,
        },
        drift=drift,
        unknown_statuses=words.unknown(stay.word for one in days.values() for stay in one),
        memory=Since(at, {key: one[-1] for key, one in days.items()}),
    )


def _day(key: str, told: list[Stay], words: Words, start: int, at: int) -> Agent:
    """Clip the stays at the beginning of the day; what was never entered is zero where the whole day is told."""
    whole = told[0].start <= start
    spent: dict[State, int] = dict.fromkeys(words.states, 0) if whole else {}
    entries: dict[State, int] = dict.fromkeys(words.states, 0) if whole else {}
    for stay in told:
        state = words.state(stay.word)
        if stay.end > start and stay.start <= at:
            spent[state] = spent.get(state, 0) + stay.within(start, at)
            entries[state] = entries.get(state, 0) + (start < stay.start)
    return Agent(key, seconds_in_state={state: ms / 1000 for state, ms in spent.items()}, entries=entries)


def read_overview(replies: Iterable[Reply], words: Words) -> Snapshot:
    """Read each agent's longest stay in each status, and the mean time of an agent in it.

    Both are the vendor's own: a stay counts whole on the day on which it ended, and the present one does not.
    """
    pages = [(reply, decode(reply.body, OverviewReply)) for reply in replies]
    drift = drift_of(answer for _, answer in pages)
    rows = [row for _, answer in pages for row in answer.value.overview.agentmetrics.individual_aggregation]
    longest = {key: _longest(row, words) for row in reversed(rows) if (key := _agent_id(row))}
    batches = [
        answer.value.overview.agentmetrics.overall_aggregation
        for reply, answer in pages
        if ("from", "0") in reply.request.query  # a further page tells the same again
    ]
    damaged = any("overallAggregation" in path for path in drift)
    nameless = sum(_agent_id(row) is None for row in rows)
    return Snapshot(
        agents=tuple(Agent(key, longest_stays=stays_) for key, stays_ in longest.items()),
        totals=() if damaged else tuple(_means(batches)),
        dropped={
            Dropped.INVALID: nameless + sum(answer.invalid_rows for _, answer in pages),
            Dropped.DUPLICATE: len(rows) - nameless - len(longest),
        },
        drift=drift,
        unknown_statuses=words.unknown(word for one in longest.values() for _, word in one),
    )


def _longest(row: Cells, words: Words) -> dict[State, float]:
    return {
        words.state(word): spent.max / 1000
        for word, spent in _spent(row).items()
        if spent.max is not None and word != WORKING_TIME
    }


def _means(batches: list[Cells]) -> Iterable[Total]:
    """Yield the mean seconds of an agent in each status, over all batches that were asked for one by one."""
    counts = [_count(batch.get("agentCount")) for batch in batches]
    agents = sum(count or 0 for count in counts)
    if not agents or None in counts:
        return
    for word, spent in _sums(map(_spent, batches)).items():
        if spent is not None:
            yield Total(Measure.MEAN_AGENT_STATE_SECONDS, spent / 1000 / agents, snake(word))


def read_calendar(replies: Iterable[Reply], today: datetime, yesterday: datetime) -> Snapshot:
    """Read the time of all agents together in each status, today and yesterday.

    A sum that misses any part of what was sent would be wrong, so it is not shown.
    """
    answers = [decode(reply.body, CalendarReply) for reply in replies]
    drift = drift_of(answers)
    rows = [row for answer in answers for row in answer.value.calendar_summary.histogram_aggregation]
    by_agent = {_agent_id(row.total_row): row for row in reversed(rows)}
    totals: list[Total] = []
    if not drift and None not in by_agent:
        for measure, day in (
            (Measure.TEAM_STATE_SECONDS, today),
            (Measure.TEAM_STATE_SECONDS_YESTERDAY, yesterday),
        ):
            totals += _team(measure, day.date().isoformat(), by_agent.values())
    return Snapshot(
        totals=tuple(totals),
        dropped={
            Dropped.INVALID: sum(answer.invalid_rows for answer in answers),
            Dropped.DUPLICATE: len(rows) - len(by_agent),
        },
        drift=drift,
    )


def _team(measure: Measure, date: str, rows: Iterable[Days]) -> Iterable[Total]:
    told = [(row.intervals_data.get(date), date in row.intervals_list) for row in rows]
    days = [day.previous_status for day, _ in told if day]
    if any(listed and day is None for day, listed in told) or not all(days):
        return
    if any(not isinstance(spent, Spent) for day in days for spent in day.values()):
        return
    for word, spent in _sums(map(_spent, days)).items():
        if spent is not None and word != WORKING_TIME:
            yield Total(measure, spent / 1000, snake(word))


def _spent(cells: Cells) -> dict[str, Spent]:
    """Return the statuses among the keys."""
    return {word: cell for word, cell in cells.items() if isinstance(cell, Spent)}


def _sums(parts: Iterable[Mapping[str, Spent]]) -> Mapping[str, float | None]:
    """Add up the milliseconds of each status; None where one of them is not told."""
    sums: dict[str, float | None] = {}
    for word, spent in chain.from_iterable(part.items() for part in parts):
        before = sums.get(word, 0.0)
        sums[word] = None if before is None or spent.sum is None else before + spent.sum
    return sums


def _count(cell: object) -> int | None:
    """Return a number of agents, which may come as text; None where it is none."""
    try:
        return msgspec.convert(cell, Count, strict=False)
    except msgspec.ValidationError:
        return None


def _agent_id(row: Cells) -> str | None:
    key = row.get("agent_id")
    return str(key) if isinstance(key, str | int) and key != "" else None
