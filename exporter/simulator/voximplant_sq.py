"""The floor, told in the numbers of Voximplant's newer engine: milliseconds and two channels."""

from datetime import datetime
from zoneinfo import ZoneInfo

from exporter.model import Status
from exporter.simulator import truth
from exporter.simulator.desk import Desk, Line
from exporter.simulator.floor import Floor
from exporter.simulator.history import Call, Outcome, Window
from exporter.simulator.voximplant_acd import Told, serving, waiting, word

HALF_HOUR = 1800.0


def queue_state(floor: Floor, line: Line, zone: ZoneInfo) -> Told:
    """Return one queue of `GetSQState`."""
    return {
        "sq_queue_id": line.plan.id,
        "sq_queue_name": line.plan.name,
        "sq_agents": [agent(desk, zone) for desk in line.desks if desk.presence is not Status.OFFLINE],
        "tasks": [
            *(
                _task(call, floor.now, "DISTRIBUTED" if call.ringing else "IN_QUEUE")
                | ({"user_id": call.offers[-1].agent} if call.ringing else {})
                for call in waiting(line)
            ),
            *(_task(call, floor.now, "IN_PROCESSING") | {"user_id": who} for call, who in serving(floor, line)),
        ],
    }


def agent(desk: Desk, zone: ZoneInfo) -> Told:
    """Return one agent with the status in each channel; nobody here chats."""
    since = datetime.fromtimestamp(desk.spells[-1].start, zone).strftime("%Y-%m-%d %H:%M:%S")
    name = "DIALING" if desk.status is Status.RINGING else word(desk.status, desk.presence)
    name = {"TIMEOUT": "ONLINE"}.get(name, name)
    return {
        "user_id": desk.plan.id,
        "user_name": f"agent-{desk.plan.id}",
        "user_display_name": desk.plan.name,
        "sq_statuses": [
            {
                "CALL": {"sq_status_name": name, "from_date": since},
                "IM": {"sq_status_name": "OFFLINE", "from_date": since},
            }
        ],
    }


def counts(floor: Floor, line: Line) -> dict[str, int]:
    """Return the reports that are counts, of the latest half hour."""
    day = truth.calls_day(floor, line.plan.phone_numbers, Window(floor.now - HALF_HOUR, floor.now))
    return {
        "call_count_assigned_to_queue": day.inbound,
        "im_count_assigned_to_queue": 0,
        "count_handled_calls": day.answers.count,
        "count_abandonment_calls": day.outcomes[Outcome.ABANDONED],
        "count_blocked_calls": day.outcomes[Outcome.OUTSIDE_HOURS] + day.outcomes[Outcome.UNATTENDED],
    }


def _task(call: Call, now: float, status: str) -> Told:
    wait = call.waits[-1] if call.waits else None
    waited = (now if wait.end is None else wait.end) - wait.start if wait else 0.0
    return {
        "task_type": "CALL",
        "status": status,
        "waiting_time": int(1000 * waited),
        "processing_time": int(1000 * (now - call.legs[-1].span.start)) if status == "IN_PROCESSING" else 0,
    }
