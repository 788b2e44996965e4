"""The floor, told in the numbers of LivePerson's messaging: each call is a conversation, each queue a skill.

What the vendor's pages leave open is decided here, once: an agent has one slot, and a conversation fills it; a
conversation in a queue is actionable, and overdue after the queue's target; no metric tells it by a percentile.
"""

from collections.abc import Callable

from exporter.model import Status
from exporter.simulator.desk import Desk
from exporter.simulator.floor import Floor
from exporter.simulator.liveperson_chat import Told, reason_id

_STATUSES = {Status.AVAILABLE: "ONLINE", Status.BUSY: "BACK_SOON", Status.AWAY: "AWAY"}


def message_queues(floor: Floor, wanted: Callable[[int], bool]) -> Told:
    """Return `msgqueuehealth/current`; nobody knows anything while nobody is logged in."""
    skills = {}
    for line in floor.lines.values():
        if wanted(line.plan.id) and _logged_in(floor):
            waits = [floor.now - c.waits[-1].start for c in line.waiting.values() if not c.awaits_callback]
            overdue = sum(wait > line.plan.target_seconds for wait in waits)
            skills[str(line.plan.id)] = {
                "time": int(floor.now * 1000),
                "unassignedConversations": len(waits),
                "actionableConversations": len(waits),
                "notActionableConversations": 0,
                "actionableAndManualSla": -1,
                "maxWaitTimeForAgentAssignment": int(max(waits) * 1000) if waits else -1,
                "waitTimeForAgentAssignment_50thPercentile": -1,
                "waitTimeForAgentAssignment_90thPercentile": -1,
                "overdueConversationsInQueue": overdue,
                "overdueConversationsAssigned": 0,
                "overdueConversationsTotal": overdue,
            }
    return {"skillsMetrics": skills, "metricsTotals": {}}


def agent_status(floor: Floor, offset: int, limit: int, address: str) -> Told:
    """Return one page of `agent-view/status`: who is not logged in is not there."""
    desks = _logged_in(floor)
    return {
        "_metadata": {
            "count": len(desks),
            "self": {"rel": "self", "href": address},
            "shardsStatusResult": {"partialResult": False},
        },
        "agentStatusRecords": [_record(floor, desk) for desk in desks[offset : offset + limit]],
    }


def summary(floor: Floor) -> Told:
    """Return `agent-view/summary`; without anybody it does not tell of least and most."""
    desks = _logged_in(floor)
    presences = [desk.presence for desk in desks]
    loads = {"minLoad": 0, "maxLoad": 1} if desks else {}
    return {
        "summaryResults": {
            "openAssignedConversations": sum(desk.status is Status.ON_CONTACT for desk in desks),
            "weightedAvgLoad": 100 * sum(desk.status is Status.ON_CONTACT for desk in desks) / (len(desks) or 1),
            "numAwayAgents": presences.count(Status.AWAY),
            "numBackSoonAgents": presences.count(Status.BUSY),
            "numOnlineAgents": presences.count(Status.AVAILABLE),
            **loads,
        }
    }


def _logged_in(floor: Floor) -> list[Desk]:
    return [desk for desk in floor.desks.values() if desk.presence in _STATUSES]


def _record(floor: Floor, desk: Desk) -> Told:
    busy = int(desk.status is Status.ON_CONTACT)
    reason, since = desk.spells[-1].reason, desk.spells[-1].start
    for spell in reversed(desk.spells):
        if (spell.presence, spell.reason) != (desk.presence, reason):
            break
        since = spell.start
    told: Told = {
        "agentId": str(desk.plan.id),
        "lastUpdatedTimeL": int(floor.now * 1000),
        "currentStatusStartTimeL": int(since * 1000),
        "currentStatusDuration": int((floor.now - since) * 1000),
        "agentName": desk.plan.name,
        "agentLoginName": f"{desk.plan.id}@acme.example",
        "agentSkills": [
            {"skillId": str(id_), "skillName": floor.lines[id_].plan.name} for id_ in desk.plan.queues
        ],
        "agentGroupId": -1,
        "currentStatus": _STATUSES[desk.presence],
        "load": 100 * busy,
        "ringingSlots": int(desk.status is Status.RINGING),
        "configuredMaxSlots": 1,
        "busySlots": busy,
        "openAssignedConversations": busy,
        "agentPresence": "true",
        "currentConnectionState": "CONNECTED",
    }
    if desk.presence is Status.AWAY and reason:
        told |= {"currentStatusReason": reason_id(reason), "currentStatusReasonStartTimeL": int(since * 1000)}
    return told
