"""The sums of the status audit, turned into the model: longest stays, and the times of all agents together."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain

import msgspec

from exporter.model import Agent, Dropped, Measure, Snapshot, State, Total
from exporter.vendors.zoho_voice.payloads import CalendarReply, Cells, Days, OverviewReply, Spent
from exporter.vendors.zoho_voice.words import WORKING_TIME, Words, snake
from exporter.wire.decode import Count, drift_of
from exporter.wire.http import Reply


def read_overview(replies: Iterable[Reply], words: Words) -> Snapshot:
    """Read each agent's longest stay in each status, and the mean time of an agent in it.

    Both are the vendor's own: a stay counts whole on the day on which it ended, and the present one does not.
    """
    pages = [(reply, reply.decoded(OverviewReply)) for reply in replies]
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
    answers = [reply.decoded(CalendarReply) for reply in replies]
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
