"""Zoho Voice's calls: as the log lists them, and as one of them tells its queue and its rings."""

from exporter.simulator import zoho_audit as audit
from exporter.simulator.floor import Floor
from exporter.simulator.history import VOICEMAILS, Call, Direction, Outcome, Response

_CAUSES = {
    Response.ACCEPTED: "NORMAL_CLEARING",
    Response.DECLINED: "CALL_REJECTED",
    Response.MISSED: "NO_ANSWER",
    Response.WITHDRAWN: "ORIGINATOR_CANCEL",
}


def log_id(call: Call) -> str:
    """Return the id of a call in the log."""
    return f"c3d87e71-70bc-4ebd-a1d1-{call.id:012d}"


def call_type(call: Call) -> str:
    """Return how the log calls a call; a callback bridges the two sides."""
    if call.callback:
        return "bridged"
    if call.direction is Direction.OUTBOUND:
        return "outgoing"
    return "incoming" if call.outcome is Outcome.ANSWERED else "missed"


def listed(call: Call, floor: Floor) -> dict[str, object]:
    """Return the row of a call that is over in `logs`; a missed one lacks some fields."""
    talk = next((leg.talk for leg in call.legs if leg.talk), None)
    row: dict[str, object] = {
        "logid": log_id(call),
        "call_type": call_type(call),
        "start_time": str(_ms(call.arrived)),
        "end_time": str(_ms(call.ended or 0.0)),
        "did_number": f"+49 30 {call.number}",
        "user_number": call.customer,
        "hangup_cause_displayname": "Beendet",
        "service": 58399000000003016,
    }
    if talk:
        row["agent_number"] = floor.desks[call.legs[0].agent].plan.name
        row["answer_time"] = str(_ms(talk.start))
        row["duration"] = _clock((call.ended or talk.start) - talk.start)
    return row | ({"voicemail": {"recording_duration": "00:20"}} if call.outcome in VOICEMAILS else {})


def told(call: Call, floor: Floor, start: float, end: float) -> dict[str, object]:
    """Return how a call went in its queue, with the statuses around it, as `list/log` does."""
    line, wait = floor.lines[call.queue], call.waits[0]
    left = wait.end if wait.end is not None else floor.now
    agents = list(dict.fromkeys(offer.agent for offer in call.offers))
    taken = call.outcome is Outcome.ANSWERED
    return {
        "ringingOrder": [{"agentId": str(agent), "rings": _rings(call, agent)} for agent in agents],
        "answeredAgent": {"agentId": str(call.legs[0].agent)} if taken else {},
        "queueDetails": {
            "_queueId": call.queue,
            "ringtime_in_queue": int(left - wait.start),
            "queueName": line.plan.name,
            "customer_entry_time": _ms(wait.start),
            "strategy": "ring-progressively",
            "customer_exit_time": _ms(left),
        },
        "agentStatus": [audit.around(desk, start, end) for desk in line.desks],
    }


def _rings(call: Call, agent: int) -> list[dict[str, object]]:
    return [
        {
            "start_time": _ms(offer.span.start),
            "agent_number": agent,
            "ringing_time": 0,
            "is_answered": offer.response is Response.ACCEPTED,
            "strategy": "ring-progressively",
            "hangup_cause": {"hangupcause": _CAUSES[offer.response], "hangup_cause_displayname": "Beendet"},
        }
        for offer in call.offers
        if offer.agent == agent and offer.response
    ]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def _ms(instant: float) -> int:
    return round(instant * 1000)
