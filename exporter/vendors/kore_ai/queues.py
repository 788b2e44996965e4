"""The queues: at this moment, and in the window that was asked for."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from msgspec import Raw

from exporter.errors import Reason, Unreadable
from exporter.model import Channel, Dropped, Measure, Queue, Snapshot, Status, Total
from exporter.vendors.kore_ai.listing import absent_from, read_pages, read_rows, together
from exporter.vendors.kore_ai.payloads import (
    DAY,
    LIVE,
    PERFORMANCE,
    STATS,
    PerformanceRow,
    StatsRow,
    StatusCount,
    Waits,
)
from exporter.vendors.kore_ai.words import TOLD, channel_of
from exporter.wire.decode import drift_of
from exporter.wire.http import Reply

# Below 1, but for 0, it might be a share of 1 as well.
_PERCENT = re.compile(r"(0(?:\.0+)?|[1-9][0-9]?(?:\.[0-9]+)?|100(?:\.0+)?)%?", re.ASCII)
_ENDED_BY_SYSTEM = {
    "outside_hours": "out_of_business_hours",
    "no_agents": "no_agents_available",
    "network_failure": "network_failure",
    "gateway_failure": "voice_gateway_error",
    "other": "others",
}


def read_performance(replies: Iterable[Reply], scale: float | None, *, whole_day: bool) -> Snapshot:
    """Read the parts of the queues; `scale` is the seconds in a unit of time, None where nobody knows.

    Totals are read where the window that was asked for is the day so far.

    Raises:
        Unreadable: a page is none, or a part does not say what it is a part of, so that no sum would be whole.
    """
    listed = read_pages(PERFORMANCE, replies, PerformanceRow)
    if listed.invalid:
        raise Unreadable(
            Reason.SCHEMA, f"{PERFORMANCE}: a row names no queue, channel or direction, so no sum would be whole"
        )
    parts: dict[str, list[PerformanceRow]] = defaultdict(list)
    for row in listed.values:
        parts[row.queue_id].append(row)
    absent = absent_from(listed.values, LIVE + DAY * whole_day)
    totals = tuple(total for key, rows in parts.items() for total in _today(key, rows, scale))
    return Snapshot(
        queues=tuple(queue for key, rows in parts.items() for queue in _now(key, rows)),
        totals=totals if whole_day else None,
        dropped=listed.dropped,
        drift=tuple(dict.fromkeys(f"finalResult[].{path}" for path in (*listed.drift, *absent))),
    )


def read_stats(replies: Sequence[Reply], scale: float | None, asked: Collection[str]) -> Snapshot:
    """Read the queues that were asked for one by one; of one that was refused nothing is shown.

    Each answer is a list of one, and tells all channels of the queue together.

    Raises:
        Unreadable: an answer is no list, or none of them is about its queue.
    """
    pages = {reply.request.about: reply.decoded(list[Raw]).value for reply in replies}
    answers = {key: read_rows(raws, StatsRow, attrgetter("queue_id")) for key, raws in pages.items()}
    rows = {key: listed.rows[key] for key, listed in answers.items() if key in listed.rows}
    if answers and not rows:
        raise Unreadable(Reason.SCHEMA, f"{STATS}: no answer is about the queue that was asked for")
    absent = absent_from([row.value for row in rows.values()], ("waiting", "engaged", "agentStatus"))
    return Snapshot(
        queues=tuple(_stats(row.value, scale) for row in rows.values()),
        dropped={Dropped.INVALID: len(answers) - len(rows), Dropped.REFUSED: len(asked) - len(answers)},
        drift=tuple(dict.fromkeys(f"[].{path}" for path in (*drift_of(rows.values()), *absent))),
    )


def _stats(row: StatsRow, scale: float | None) -> Queue:
    waits = row.queue_summary or Waits()
    return Queue(
        row.queue_id,
        row.queue_name,
        Channel.OTHER,
        waiting=row.waiting,
        in_progress=row.engaged,
        longest_wait_seconds=_seconds(waits.max_wait, scale),
        average_wait_seconds=_seconds(waits.avg_wait, scale),
        agents=_agents(row.agent_status),
        told=TOLD,
    )


def _seconds(units: float | None, scale: float | None) -> float | None:
    return None if units is None or scale is None else units * scale


def _now(key: str, rows: Sequence[PerformanceRow]) -> Iterator[Queue]:
    """Yield a queue in each of its channels; its name and its agents once."""
    name = next((row.queue_name for row in rows if row.queue_name), None)
    agents = next((count for row in rows if (count := _agents(row.agent_status_count))), None)
    for channel, parts in _by_channel(rows).items():
        kinds = {kind: together(map(attrgetter(kind), parts)) for kind in ("idle", "expired", "overdue")}
        yield Queue(
            key,
            name,
            channel,
            waiting=together(part.waiting for part in parts),
            in_progress=together(part.ongoing for part in parts),
            contacts={kind: count for kind, count in kinds.items() if count is not None},
            agents=agents,
            told=TOLD,
        )
        name = agents = None


def _by_channel(rows: Iterable[PerformanceRow]) -> Mapping[Channel, list[PerformanceRow]]:
    found: dict[Channel, list[PerformanceRow]] = defaultdict(list)
    for row in rows:
        found[channel_of(row.channel)].append(row)
    return found


def _agents(count: StatusCount | None) -> Mapping[Status, int] | None:
    counts = {status: getattr(count, status, None) for status in TOLD}
    told = {status: number for status, number in counts.items() if number is not None}
    return told if len(told) == len(counts) else None


def _today(key: str, rows: Sequence[PerformanceRow], scale: float | None) -> Iterator[Total]:
    of = {way: [row for row in rows if row.direction.casefold() == way] for way in ("inbound", "outbound")}
    found: dict[tuple[Measure, str], float | None] = {
        **{(Measure.CALLS, way): together(row.total_conversation for row in part) for way, part in of.items()},
        (Measure.ANSWERED, ""): together(row.answered for row in of["inbound"]),
        (Measure.TRANSFERS, ""): together(row.transferred for row in rows),
        (Measure.OUTCOMES, "abandoned"): together(row.abandoned_in_queue for row in rows),
        **{
            (Measure.OUTCOMES, kind): together(getattr(row.system_termination, field, None) for row in rows)
            for kind, field in _ENDED_BY_SYSTEM.items()
        },
        (Measure.AVERAGE_ANSWER_SECONDS, ""): _mean(of["inbound"], "asa", scale),
        (Measure.AVERAGE_HANDLING_SECONDS, ""): _mean(of["inbound"], "aht", scale),
        **{
            (Measure.SERVICE_LEVEL, channel): _service_level(part)
            for channel, part in _by_channel(of["inbound"]).items()
        },
    }
    for (measure, kind), value in found.items():
        if value is not None:
            yield Total(measure, value, kind, key)


def _mean(rows: Sequence[PerformanceRow], field: str, scale: float | None) -> float | None:
    """Return the mean of some parts together, weighed by what was answered; None where nothing was."""
    answered = together(row.answered for row in rows)
    means = [getattr(row, field) for row in rows if row.answered]
    if scale is None or not answered or None in means:
        return None
    weights = [row.answered for row in rows if row.answered]
    whole = sum(mean * weight for mean, weight in zip(means, weights, strict=True))
    return scale * float(whole) / answered


def _service_level(rows: Sequence[PerformanceRow]) -> float | None:
    """Return the share of one part; those of several cannot be put together, and nothing has no share."""
    if len(rows) != 1 or not rows[0].total_conversation:
        return None
    match = _PERCENT.fullmatch(str(rows[0].sla))
    return float(match[1]) / 100 if match else None
