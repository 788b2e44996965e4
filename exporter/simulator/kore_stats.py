"""The floor, told in the numbers of Kore.ai's analytics.

What the vendor's pages leave open is decided here, once:

- The log of the statuses is what agents set themselves: being rung, on a call or in wrap-up changes nothing in it.
  It begins with the first login. What overlaps the day that was asked for is in it whole, in local times cut to
  seconds.
- Where agents are counted, one at work is BUSY, whatever the agent has set.
- Each queue has a row for calls in and one for calls out; nothing is idle or expired, and all is voice.
- `answered`, `ASA` and `SLA` are of calls in that an agent answered; times are milliseconds.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from exporter.model import Status
from exporter.simulator import truth
from exporter.simulator.desk import Desk, Line
from exporter.simulator.floor import Floor
from exporter.simulator.history import Call, Direction, Outcome, Window

_DAY = 86_400
_WORDS = (Status.AVAILABLE, Status.BUSY, Status.AWAY, Status.OFFLINE)
_DIMENSIONS = ("queueId", "queueName", "channel", "direction")

Told = dict[str, Any]


def instant(text: str) -> float:
    """Return the instant of a time in UTC."""
    return datetime.fromisoformat(text).timestamp()


def agent_log(floor: Floor, agent: int, date: str, offset: int, *, newer: bool) -> Told:
    """Return an agent's stays of a day at an offset in minutes, negative in the east; none is no `status`."""
    zone = timezone(timedelta(minutes=-offset))
    start = datetime.fromisoformat(date).replace(tzinfo=zone).timestamp()
    plan = floor.desks[agent].plan
    first, _, last = plan.name.partition(" ")
    told: Told = {"userId": str(agent), "firstName": first, "lastName": last, "email": f"{agent}@example.com"}
    if newer:
        told |= {"aId": f"a-{agent}", "customId": "", "events": []}
    stays = [
        _stay(status, reason, begun, ended, zone)
        for status, reason, begun, ended in _stays(floor, agent)
        if begun < start + _DAY and (ended is None or ended > start)
    ]
    return told | ({"status": stays} if stays else {})


def _stays(floor: Floor, agent: int) -> Iterator[tuple[Status, str, float, float | None]]:
    """Yield what the agent has set, one after the other, from the first login on."""
    found: list[tuple[Status, str, float, float | None]] = []
    for spell in truth.spells(floor, agent):
        reason = spell.reason or spell.presence.upper()
        same = bool(found) and found[-1][:2] == (spell.presence, reason)
        start = found.pop()[2] if same else spell.start
        found.append((spell.presence, reason, start, spell.end))
    never_in = found[0][0] is Status.OFFLINE and found[0][2] == floor.start
    yield from found[1:] if never_in else found


def _stay(status: Status, reason: str, begun: float, ended: float | None, zone: timezone) -> Told:
    def local(moment: float) -> str:
        return datetime.fromtimestamp(int(moment), zone).strftime("%Y-%m-%dT%H:%M:%S")

    seconds = int((ended or begun) - begun)
    return {
        "primaryStatus": status.upper(),
        "secondaryStatus": reason,
        "startTime": local(begun),
        "endTime": "-" if ended is None else local(ended),
        "duration": "-" if ended is None else f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}",
    }


def availability(floor: Floor) -> Told:
    """Return all agents by what they could take on."""
    told: Told = {status.upper(): [] for status in _WORDS}
    for agent, desk in floor.desks.items():
        used = int(desk.status is Status.ON_CONTACT)
        voice = {"isEnabled": True, "totalCapacity": 1, "usedCapacity": used, "availableCapacity": 1 - used}
        row = {"_id": f"a-{agent}", "userId": str(agent), "channelCapacity": {"voice": voice}}
        told[_availability(desk).upper()].append(row)
    return told


def _availability(desk: Desk) -> Status:
    return Status.BUSY if desk.engaged and desk.presence is not Status.OFFLINE else desk.presence


def queue_stats(floor: Floor, queue: int) -> Told:
    """Return one queue now; of a queue that is not there, KeyError."""
    line = floor.lines[queue]
    now = truth.queue_now(floor, line.plan.phone_numbers)
    return {
        "queueId": str(queue),
        "queueName": line.plan.name,
        "skills": [],
        "waiting": now.waits.count,
        "engaged": _ongoing(floor, queue, None),
        "dropOff": truth.calls_day(floor, line.plan.phone_numbers).outcomes[Outcome.ABANDONED],
        "agentStatus": _agents(line),
        "noOfAgents": len(line.desks),
        "queueSummary": {
            "avgWait": int(now.waits.mean * 1000),
            "maxWait": int(now.waits.longest * 1000),
            "ASA": 0,
        },
    }


def performance(
    floor: Floor, start: float, end: float, queues: Collection[str], projection: Collection[str]
) -> list[Told]:
    """Return two rows a queue, with the fields that were asked for: this moment's, and those of a window."""
    window = Window(start, min(end, floor.now))
    wanted = {*_DIMENSIONS, *projection}
    lines = [line for line in floor.lines.values() if not queues or str(line.plan.id) in queues]
    rows = (_row(floor, line, way, window) for line in lines for way in Direction)
    return [{name: value for name, value in row.items() if not projection or name in wanted} for row in rows]


def _row(floor: Floor, line: Line, way: Direction, window: Window) -> Told:
    day = truth.calls_day(floor, line.plan.phone_numbers, window)
    inbound = way is Direction.INBOUND
    waits = [floor.now - call.waits[-1].start for call in line.waiting.values() if not call.awaits_callback]
    answered = day.answers.count if inbound else 0
    outcomes: Counter[Outcome] = day.outcomes if inbound else Counter()
    legs = [leg for call in _calls(floor, line.plan.id, way) for leg in call.legs]
    handled = [
        seconds
        for leg in legs
        if (seconds := leg.span.within(window) + (leg.wrap_up.within(window) if leg.wrap_up else 0)) > 0
    ]
    return {
        "queueId": str(line.plan.id),
        "queueName": line.plan.name,
        "channel": "Voice",
        "direction": way.capitalize(),
        "agentStatusCount": _agents(line),
        "totalConversation": day.inbound if inbound else day.outbound,
        "waiting": len(waits) if inbound else 0,
        "ongoing": _ongoing(floor, line.plan.id, way),
        "idle": 0,
        "expired": 0,
        "overdue": sum(wait > line.plan.target_seconds for wait in waits) if inbound else 0,
        "transferred": sum(leg.transferred_on and window.holds(leg.span.end) for leg in legs),
        "abandonedInQueue": outcomes[Outcome.ABANDONED],
        "systemTermination": {
            "outOfBusinessHours": outcomes[Outcome.OUTSIDE_HOURS],
            "noAgentsAvailable": outcomes[Outcome.UNATTENDED],
            "networkFailure": 0,
            "voiceGatewayError": 0,
            "Others": outcomes[Outcome.EXCEEDED_WAIT],
        },
        "answered": answered,
        "ASA": int(day.answers.mean * 1000) if inbound else 0,
        "AHT": int(sum(handled) / len(handled) * 1000) if handled else 0,
        "SLA": round(100 * day.answered_in_target / (answered or 1)) if inbound else "N/A",
    }


def _calls(floor: Floor, queue: int, way: Direction | None) -> list[Call]:
    return [call for call in floor.calls.values() if call.queue == queue and way in (None, call.direction)]


def _ongoing(floor: Floor, queue: int, way: Direction | None) -> int:
    return sum(leg.span.end is None for call in _calls(floor, queue, way) for leg in call.legs)


def _agents(line: Line) -> Mapping[str, int]:
    counts = Counter(map(_availability, line.desks))
    return {str(status): counts[status] for status in _WORDS}
