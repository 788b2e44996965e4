"""The floor, told in the numbers of Voximplant's older engine.

What the vendor's page leaves open is decided here, once:

- An agent who is rung stays READY; a break is TIMEOUT; who takes transferred calls only is DND; nobody is BANNED.
- A stay that lasts is not yet counted; one that began before the window counts with what lies in it.
- Every call of an agent is a call of a queue, outbound ones too; callbacks wait outside of it.
- All numbers are whole, cut and not rounded. What did not occur is absent.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from exporter.model import Status
from exporter.simulator import truth
from exporter.simulator.desk import Desk, Line
from exporter.simulator.floor import Floor
from exporter.simulator.history import Call, Outcome, Response, Span, Window
from exporter.simulator.truth import Sum

Told = dict[str, object]

_REJECTED = (Outcome.OUTSIDE_HOURS, Outcome.UNATTENDED)
_UNANSWERED = (Outcome.ABANDONED, Outcome.EXCEEDED_WAIT, Outcome.REQUESTED_VOICEMAIL)
_ON_A_CALL = {Status.ON_CONTACT: "IN_SERVICE", Status.WRAP_UP: "AFTER_SERVICE"}
_PRESENCES = {
    Status.AVAILABLE: "READY",
    Status.AWAY: "TIMEOUT",
    Status.BUSY: "DND",
    Status.OFFLINE: "OFFLINE",
}


def word(status: Status, presence: Status) -> str:
    """Return what the engine calls a status."""
    return _ON_A_CALL.get(status) or _PRESENCES[presence]


def utc(instant: float) -> str:
    """Return an instant as the vendor writes it."""
    return datetime.fromtimestamp(int(instant), UTC).strftime("%Y-%m-%d %H:%M:%S")


def stays(floor: Floor, agent: int) -> list[tuple[str, Span]]:
    """Return an agent's stays in the words of the engine: neighbours of one word are one stay."""
    found: list[tuple[str, Span]] = []
    for spell in truth.spells(floor, agent):
        name = word(spell.status, spell.presence)
        if found and found[-1][0] == name:
            found[-1][1].end = spell.end
        else:
            found.append((name, Span(spell.start, spell.end)))
    return found


def status_day(floor: Floor, agent: int, window: Window) -> dict[str, Told]:
    """Return `acd_status`: the stays that are over, by word."""
    seconds: dict[str, list[float]] = {}
    for name, span in stays(floor, agent):
        if span.end is not None and span.within(window) > 0:
            seconds.setdefault(name, []).append(span.within(window))
    return {name: _item(some) for name, some in seconds.items()}


def operator_day(floor: Floor, agent: int, window: Window) -> Told:
    """Return what one agent has done with calls."""
    day = truth.agent_day(floor, agent, window)
    offers = floor.desks[agent].offers
    rings = [o.span.within(window) for o in offers if o.response is Response.ACCEPTED and window.holds(o.span.end)]
    return {
        "SA": _item(rings),
        "TT": _of(day.contact),
        "ACW": _of(day.wrap_up),
        "HT": _of(day.contact + day.wrap_up),
        "AC": day.responses[Response.ACCEPTED],
        "UAC": day.responses[Response.MISSED] + day.responses[Response.DECLINED],
        "TDT": int(sum(rings)),
        "TTT": int(day.contact.seconds),
        "TACW": int(day.wrap_up.seconds),
        "THT": int((day.contact + day.wrap_up).seconds),
    }


def queue_day(floor: Floor, line: Line, window: Window) -> Told:
    """Return the day of one queue, which it does not name."""
    day = truth.calls_day(floor, line.plan.phone_numbers, window)
    calls = [call for call in floor.calls.values() if call.queue == line.plan.id]
    offers = [offer for call in calls for offer in call.offers if offer.response is Response.ACCEPTED]
    rings = [offer.span.within(window) for offer in offers if window.holds(offer.span.end)]
    given_up = [call for call in calls if call.outcome is Outcome.ABANDONED and window.holds(call.decided)]
    abandoned = [call.waits[-1].within(window) for call in given_up]

    def calls_of(count: int) -> list[Told]:
        return [{"count": count, "percent": 100 * count // max(1, day.inbound)}]

    return {
        "WT": _of(day.waits),
        "SA": _item(rings),
        "AT": _item(abandoned),
        "TT": _of(day.contacts),
        "ACW": _of(day.wrap_ups),
        "HT": _of(day.contacts + day.wrap_ups),
        "QL": {"min": 0, "avg": 0, "max": day.most_waiting, "count": 1, "sum": 0},
        "TC": day.inbound,
        "AC": calls_of(day.answers.count),
        "UAC": calls_of(sum(day.outcomes[outcome] for outcome in _UNANSWERED)),
        "RC": calls_of(sum(day.outcomes[outcome] for outcome in _REJECTED)),
        "SL": [
            {
                "acceptable_waiting_time": int(line.plan.target_seconds),
                "call_count": day.answered_in_target,
                "service_level": day.answered_in_target / max(1, day.inbound),
            }
        ],
        "TWT": int(day.waits.seconds),
        "TST": int(sum(rings)),
        "TAT": int(sum(abandoned)),
        "TTT": int(day.contacts.seconds),
        "TACW": int(day.wrap_ups.seconds),
        "THT": int((day.contacts + day.wrap_ups).seconds),
    }


def waiting(line: Line) -> list[Call]:
    """Return the callers on the line who wait, those included for whom an agent is rung."""
    return [call for call in line.waiting.values() if not call.awaits_callback]


def serving(floor: Floor, line: Line) -> Iterator[tuple[Call, int]]:
    """Yield the calls of a queue that an agent is on, with the agent."""
    for call in floor.calls.values():
        if call.queue == line.plan.id and call.legs and call.legs[-1].span.end is None:
            yield call, call.legs[-1].agent


def queue_state(floor: Floor, line: Line) -> Told:
    """Return one queue of `GetACDState`."""
    ready, locked, after = (
        [desk for desk in line.desks if desk.status in statuses]
        for statuses in ({Status.AVAILABLE}, {Status.RINGING, Status.ON_CONTACT}, {Status.WRAP_UP})
    )
    return {
        "acd_queue_id": line.plan.id,
        "ready_operators": [_who(one) | {"idle_duration": int(floor.now - one.spells[-1].start)} for one in ready],
        "ready_operators_count": len(ready),
        "locked_operators": [_who(one) | {"status": "READY"} for one in locked],
        "locked_operators_count": len(locked),
        "after_service_operators": [_who(one) | {"status": "AFTER_SERVICE"} for one in after],
        "after_service_operator_count": len(after),
        "servicing_calls": [_call(call, floor.now) | {"user_id": agent} for call, agent in serving(floor, line)],
        "waiting_calls": [
            _call(call, floor.now)
            | {"minutes_to_submit": 1}
            | ({"user_id": call.offers[-1].agent} if call.ringing else {})
            for call in waiting(line)
        ],
    }


def user(floor: Floor, desk: Desk) -> Told:
    """Return one row of `GetUsers`."""
    name, span = stays(floor, desk.plan.id)[-1]
    return _who(desk) | {"user_active": True, "acd_status": name, "acd_status_change_time": utc(span.start)}


def _who(desk: Desk) -> Told:
    return {
        "user_id": desk.plan.id,
        "user_name": f"agent-{desk.plan.id}",
        "user_display_name": desk.plan.name,
    }


def _call(call: Call, now: float) -> Told:
    wait = call.waits[-1].start if call.waits else call.arrived
    return {
        "acd_session_history_id": call.id,
        "priority": 1,
        "callerid": call.customer,
        "begin_time": utc(call.arrived),
        "waiting_time": int(now - wait),
    }


def _item(seconds: Iterable[float]) -> Told:
    some = list(seconds)
    return _of(Sum(sum(some), len(some), max(some, default=0.0)), min(some, default=0.0))


def _of(total: Sum, least: float = 0.0) -> Told:
    return {
        "min": int(least),
        "avg": int(total.mean),
        "max": int(total.longest),
        "count": total.count,
        "sum": int(total.seconds),
    }
