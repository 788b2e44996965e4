"""The calls of the day: listed by `logs`, told one by one by `list/log`, and each counted once.

The log is read from its newest page on, and from where the last poll stopped; how many calls it has today tells
whether it has been read to its end. A call's details are asked for at the poll after the one that found it, since
the vendor needs a moment to have them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from exporter.model import Dropped, Measure, Snapshot, Total
from exporter.vendors.zoho_voice.payloads import CallRow, LogsReply
from exporter.vendors.zoho_voice.rings import Finished, told, with_calls
from exporter.vendors.zoho_voice.words import Words
from exporter.wire.decode import EXACT, Decoded, drift_of
from exporter.wire.http import Reply

LOGS, LOG = "logs", "log"

PAGE = 200
"""Calls a page: the most that is known to be given."""
MORE_PAGES = 2
"""Further pages of one poll, while the log has not been read to its end."""
DETAILS = 20
"""Calls whose details one poll asks for."""

_PATIENCE = 180.0  # seconds after a call's end in which the vendor may still find out how it rang
_MISSED = "missed"
_INBOUND = frozenset({"incoming", _MISSED})
_DIRECTIONS = {
    **dict.fromkeys(_INBOUND, "inbound"),
    "outgoing": "outbound",
    "bridged": "bridged",  # nobody says which way these two go
    "forward": "forward",
}
_NONE_YET = {
    (Measure.CALLS, "inbound"): 0.0,
    (Measure.CALLS, "outbound"): 0.0,
    (Measure.OUTCOMES, "missed"): 0.0,
    (Measure.OUTCOMES, "voicemail"): 0.0,
    (Measure.CONTACT_SECONDS, ""): 0.0,
}
_DURATION = re.compile(r"(?:([0-9]{1,3}):)?([0-9]{1,3}):([0-5][0-9])", re.ASCII)


class Listed(Struct, frozen=True):
    """What the log of one queue, or of the whole account, has told of the day so far."""

    known: frozenset[str] = frozenset()
    """The calls that are counted."""
    counts: Mapping[tuple[Measure, str], float] = field(default_factory=_NONE_YET.copy)
    """By measure and kind."""
    unclear: Mapping[int, int] = {}
    """Rows that are no call, or not over yet, or there twice, by where their page begins."""
    untimed: int = 0
    """Calls that were answered for an unknown time."""
    total: int = 0
    """Calls that there are today."""
    next: int = PAGE
    """Where to go on reading."""

    @property
    def whole(self) -> bool:
        """Whether every call of the day is counted."""
        return len(self.known) + sum(self.unclear.values()) >= self.total

    @property
    def totals(self) -> Iterator[tuple[Measure, str, float]]:
        """What is counted, once it is all."""
        for (measure, kind), value in self.counts.items() if self.whole else ():
            if measure is not Measure.CONTACT_SECONDS or not self.untimed:
                yield measure, kind, value


class Call(Struct, frozen=True):
    """An inbound call that has not told its queue yet; instants in milliseconds since the Unix epoch."""

    id: str
    start: int | None
    end: int | None

    def is_young(self, at: float) -> bool:
        """Whether the vendor may still find out about it; after that it was in no queue."""
        ended = self.end or self.start
        return ended is not None and at - ended / 1000 < _PATIENCE


class Day(Struct, frozen=True):
    """One local day, as far as it has been read."""

    began: float
    lists: Mapping[str, Listed] = {}
    """By the queue that was asked for."""
    waiting: tuple[Call, ...] = ()
    """Those whose details are to be asked for, in turn."""
    finished: Finished = Finished()

    @property
    def asked(self) -> tuple[Call, ...]:
        """The calls whose details the next poll asks for."""
        return self.waiting[:DETAILS]


class Known(Struct, frozen=True):
    """What the other endpoints tell to exist."""

    agents: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()


def more_pages(reply: Reply, day: Day, lists: Sequence[str]) -> tuple[int, ...]:
    """Return where the further pages begin that this poll should read, if the newest is not all that is new.

    Of several lists that were not read to their end the first goes on, so that a poll stays short.
    """
    about = reply.request.about
    unread = [one for one in lists if one not in day.lists or not day.lists[one].whole]
    now = _with_page(day.lists.get(about, Listed()), 0, reply.decoded(LogsReply))
    if now.whole or about not in (unread[:1] or lists):
        return ()
    return tuple(now.next + PAGE * number for number in range(MORE_PAGES))


def read_calls(replies: Iterable[Reply], day: Day, known: Known, at: float, words: Words) -> Snapshot:
    """Add what is new to the day, and tell of it what has been read to its end."""
    replies = list(replies)
    pages = [(one.request, _page(one)) for one in replies if one.request.endpoint == LOGS]
    details = [one for one in replies if one.request.endpoint == LOG]
    calls, drift = told(details)
    lists = dict(day.lists)
    found: dict[str, Call] = {}
    for request, answer in pages:
        before = lists.get(request.about, Listed())
        lists[request.about] = _with_page(before, int(dict(request.query)["from"]), answer)
        found |= {call.id: call for call in _inbound(answer.value.logs)}
    unready = {one.request.about for one in details} - calls.keys()
    later = [call for call in day.asked if call.id in unready and call.is_young(at)]
    fresh = [call for key, call in found.items() if not any(key in one.known for one in day.lists.values())]
    finished = with_calls(day.finished, (row for rows in calls.values() for row in rows), words)
    caught_up = bool(day.lists) and day.asked == day.waiting and all(one.whole for one in lists.values())
    listed = (
        Total(measure, value, kind, queue) for queue, one in lists.items() for measure, kind, value in one.totals
    )
    return Snapshot(
        agents=finished.agents(known.agents) if caught_up else None,
        totals=(*listed, *(finished.totals(known.queues) if caught_up else ())),
        dropped={
            Dropped.INVALID: sum(
                answer.invalid_rows + sum(row.key is None for row in answer.value.logs) for _, answer in pages
            ),
            Dropped.REFUSED: len(day.asked) - len(details),
        },
        drift=tuple(dict.fromkeys((*drift_of(answer for _, answer in pages), *drift))),
        memory=Day(day.began, lists, (*day.waiting[DETAILS:], *later, *fresh), finished),
    )


def _page(reply: Reply) -> Decoded[LogsReply]:
    """Return a page of the log, which has nothing in it where the vendor answers HTTP 204."""
    return Decoded(LogsReply(logs=[])) if reply.status == 204 else reply.decoded(LogsReply)


def _inbound(rows: Iterable[CallRow]) -> Iterator[Call]:
    """Yield the inbound calls that are over."""
    for row in rows:
        if row.key and _is_over(row) and row.kind in _INBOUND:
            yield Call(row.key, row.start, row.end)


def _is_over(row: CallRow) -> bool:
    return row.end is not None or row.kind == _MISSED or bool(_clock(row))


def _with_page(before: Listed, start: int, answer: Decoded[LogsReply]) -> Listed:
    """Count the calls of a page that are over and were not counted before."""
    rows = answer.value.logs
    came = len(rows) + answer.invalid_rows
    over = {row.key: row for row in reversed(rows) if row.key and _is_over(row)}
    fresh = [row for key, row in over.items() if key not in before.known]
    counts = dict(before.counts)
    for row in fresh:
        for kind, value in _counted(row):
            counts[kind] = counts.get(kind, 0.0) + value
    told = answer.value.meta.total
    total = _if_untold(start, came, before.total) if told is None else told
    return Listed(
        known=before.known.union(over) if fresh else before.known,
        counts=counts,
        unclear={**before.unclear, start: came - len(over)},
        untimed=before.untimed + sum(_seconds(row) is None for row in fresh),
        total=total,
        next=_next(start, came, new=bool(fresh)) if before.next <= start < total else before.next,
    )


def _if_untold(start: int, came: int, before: int) -> int:
    """Return how many calls there are where the log does not say: those on one page, or nobody knows."""
    if start == 0:
        return came if came < PAGE else EXACT
    return before


def _next(start: int, came: int, *, new: bool) -> int:
    """Return where to go on: after a full page; at a short one again, or, where it brings nothing, at the top."""
    if came >= PAGE:
        return start + PAGE
    return start if new else PAGE


def _counted(row: CallRow) -> Iterator[tuple[tuple[Measure, str], float]]:
    """Yield what one call adds to the counts."""
    yield (Measure.CALLS, _DIRECTIONS.get(row.kind, "unknown")), 1.0
    yield (Measure.OUTCOMES, "missed"), float(row.kind == _MISSED)
    yield (Measure.OUTCOMES, "voicemail"), float(bool(row.voicemail))
    yield (Measure.CONTACT_SECONDS, ""), _seconds(row) or 0.0


def _seconds(row: CallRow) -> float | None:
    """Return for how long the call was answered; None where that cannot be told."""
    clock = _clock(row)
    if clock is not None:
        return clock
    if row.answer is None:
        return 0.0
    return None if row.end is None else max(0, row.end - row.answer) / 1000


def _clock(row: CallRow) -> int | None:
    """Return the duration that is told, in seconds."""
    clock = _DURATION.fullmatch(row.duration or "")
    return int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + int(clock[3]) if clock else None
