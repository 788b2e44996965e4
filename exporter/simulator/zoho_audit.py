"""Zoho Voice's status audit: an agent's history as changes of status, and what the vendor adds up of them."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

from msgspec import Struct

from exporter.model import Status
from exporter.simulator.desk import Desk
from exporter.simulator.history import Spell

WORDS = ("On Call", "Offline", "On Break", "Available", "Busy")
_WORKING = "Working Time"
_PRESENCES = {
    Status.AVAILABLE: "Available",
    Status.AWAY: "On Break",
    Status.BUSY: "Busy",
    Status.OFFLINE: "Offline",
}
_ACTIVITIES = {Status.ON_CONTACT: "On Call", Status.WRAP_UP: "Busy"}
_CHECK_IN_SECONDS = 3 * 3600  # after so long the scheduler confirms a status, which changes nothing


class Change(Struct, frozen=True):
    """A status ended, or was confirmed; instants in seconds since the Unix epoch."""

    before: str
    start: float
    after: str
    at: float


def word(spell: Spell) -> str:
    """Return how Zoho calls it: nobody rings, and wrap-up is busy."""
    return _ACTIVITIES.get(spell.status, _PRESENCES[spell.presence])


def stays(desk: Desk) -> list[tuple[str, float, float | None]]:
    """Return the words of an agent's history, each with its begin and end; the last one lasts."""
    found: list[tuple[str, float, float | None]] = []
    for spell in desk.spells:
        start = spell.start
        if found and found[-1][0] == word(spell):
            start = found.pop()[1]
        found.append((word(spell), start, spell.end))
    return found


def changes(desk: Desk) -> list[Change]:
    """Return an agent's changes of status, without those that only confirm one."""
    return [Change(old[0], old[1], new[0], new[1]) for old, new in pairwise(stays(desk))]


def _confirmed(line: Iterable[Change]) -> Iterable[Change]:
    for change in line:
        middle = change.start + _CHECK_IN_SECONDS
        if middle < change.at:
            yield Change(change.before, change.start, change.before, middle)
            yield Change(change.before, middle, change.after, change.at)
        else:
            yield change


def listed(desk: Desk, start: float, end: float, zone: ZoneInfo) -> dict[str, object] | None:
    """Return an agent's row of `list`; None where nothing is known of the agent."""
    line = list(_confirmed(changes(desk)))
    before = [change for change in line if change.at <= start]
    hits = [change for change in line if start < change.at <= end]
    if not before and not hits:
        return None
    days = sorted({_day(change.at, zone) for change in hits} | {_day(end, zone)})
    return {
        **({"previousResult": _hit(desk, before[-1])} if before else {}),
        **_named(desk),
        "dates": [
            {
                "hits": [_hit(desk, change) for change in hits if _day(change.at, zone) == day],
                "start_timestamp": _ms(datetime.combine(day, time(), zone).timestamp()),
                "index": index,
            }
            for index, day in enumerate(days)
        ],
    }


def around(desk: Desk, start: float, end: float) -> dict[str, object]:
    """Return an agent's row in the answer about one call."""
    hits = [_hit(desk, change) for change in changes(desk) if start < change.at <= end]
    return {"hits": hits, "agent_id": str(desk.plan.id), "agentName": desk.plan.name}


def aggregated(desk: Desk, start: float, end: float, days: int) -> dict[str, object] | None:
    """Return an agent's row of `overview`; None where nothing ended in the window."""
    ended = [change for change in changes(desk) if start < change.at <= end]
    return {**_named(desk), **_spent(ended, days)} if ended else None


def overall(desks: Sequence[Desk], start: float, end: float, days: int) -> dict[str, object]:
    """Return what `overview` adds up over agents; statuses that nobody had are left out."""
    lines = [[change for change in changes(desk) if start < change.at <= end] for desk in desks]
    ended = [change for line in lines for change in line]
    had = {change.before for change in ended} | {_WORKING}
    spent = {name: row for name, row in _spent(ended, days).items() if name in had}
    return {**spent, "agentCount": sum(map(bool, lines)), "daysCount": days}


def by_day(desk: Desk, start: float, end: float, zone: ZoneInfo) -> dict[str, object] | None:
    """Return an agent's row of `calendarSummary`; None where nothing ended in the window."""
    ended = [change for change in changes(desk) if start < change.at <= end]
    days = sorted({_day(change.at, zone) for change in ended})
    if not ended:
        return None
    return {
        "totalRow": {**_named(desk), **_spent(ended, len(days))},
        "intervalsData": {
            day.isoformat(): {
                "interval": day.isoformat(),
                "previous_status": {
                    name: {"avg": total / len(days), "max": longest, "sum": total, "previous_status": name}
                    for name, (total, longest) in _sums(
                        [change for change in ended if _day(change.at, zone) == day]
                    ).items()
                },
            }
            for day in reversed(days)
        },
        "intervalsList": [day.isoformat() for day in days],
    }


def _sums(ended: Sequence[Change]) -> dict[str, tuple[int, int]]:
    """Return the milliseconds in each status, whole stays: together, and the longest."""
    found: dict[str, tuple[int, int]] = {}
    for name in (_WORKING, *WORDS):
        words = ("Available", "On Call") if name == _WORKING else (name,)
        spans = [_ms(change.at) - _ms(change.start) for change in ended if change.before in words]
        found[name] = sum(spans), max(spans, default=0)
    return found


def _spent(ended: Sequence[Change], days: int) -> dict[str, object]:
    """Return the sums in the vendor's forms: what was never used is a text, and floats come with an E."""
    return {
        name: {"avg": total / days, "max": longest, "onlineStatus": name, "sum": float(total)}
        if total
        else {"avg": "--", "peragent_avg": "--", "max": "--", "onlineStatus": name, "sum": "0"}
        for name, (total, longest) in _sums(ended).items()
    }


def _hit(desk: Desk, change: Change) -> dict[str, object]:
    confirms = change.before == change.after
    return {
        **_named(desk),
        "previous_action_time": _ms(change.start),
        "current_action_time": _ms(change.at),
        "duration": _ms(change.at) - _ms(change.start),
        "previous_status": change.before,
        "current_status": change.after,
        "triggered_by": "Zoho Voice" if confirms else "User",
        "triggered_reason": "Agent Schedule" if confirms else "",
        "logid": f"{desk.plan.id:x}{_ms(change.at):x}",
    }


def _named(desk: Desk) -> dict[str, object]:
    return {
        "agent_id": str(desk.plan.id),
        "agentEmail": f"agent{desk.plan.id}@example.com",
        "agentName": desk.plan.name,
    }


def _day(instant: float, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(instant, zone).date()


def _ms(instant: float) -> int:
    return round(instant * 1000)
