"""The floor, told in the numbers of LivePerson's live chat: each call is a chat, each queue a skill.

What the vendor's pages leave open is decided here, once:

- An agent may have one chat at a time, so that time with a chat is time with as many as allowed.
- An agent chats while on a contact; ringing and wrap-up are not chatting. Who takes transferred calls only is
  "back in 5".
- A chat that a visitor began enters the queue once, with its first wait, and counts with that one, whole, where it
  is settled; all waits, of transfers too, make the queue. Callbacks wait in no queue and are answered by nobody.
- A chat of one agent is interactive once both could hear each other. Its handling is the time of the contact.
- All numbers are whole, cut and not rounded, each by itself.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from zlib import crc32

from exporter.model import Status
from exporter.simulator import truth
from exporter.simulator.floor import Floor
from exporter.simulator.history import Call, Direction, Leg, Outcome, Window

BUCKET = 300.0
"""Seconds in which all but the agents' time is collected."""

_STATES = {Status.AVAILABLE: 2, Status.BUSY: 3, Status.AWAY: 4}
_NAMES = {2: "Online", 3: "Back in 5", 4: "Away", -1: "Logged in"}

Told = dict[str, object]


def reason_id(reason: str) -> str:
    """Return the id of an away reason."""
    return str(crc32(reason.encode()))


def in_buckets(window: Window) -> Window:
    """Return the window from the beginning of the bucket in which it begins."""
    return Window(window.start - window.start % BUCKET, window.end)


def queue_state(floor: Floor, version: int, wanted: Callable[[int], bool]) -> Told:
    """Return `queuestate`; the wait came with version 2."""
    skills: dict[str, dict[str, int]] = {}
    for line in floor.lines.values():
        if wanted(line.plan.id):
            waits = [floor.now - c.waits[-1].start for c in line.waiting.values() if not c.awaits_callback]
            row = {
                "currentAvailableSlots": sum(desk.status is Status.AVAILABLE for desk in line.desks),
                "currentQueueSize": len(waits),
            }
            longest = {"currentMaxWaitTimeInQueue": int(max(waits) * 1000) if waits else -1}
            skills[str(line.plan.id)] = row | (longest if version > 1 else {})
    totals = {name: sum(max(0, row[name]) for row in skills.values()) for row in skills.values() for name in row}
    return {"skills": skills, "totals": totals}


def agent_states(floor: Floor, window: Window, wanted: Callable[[int], bool]) -> Told:
    """Return the `agentsMetrics` of `agentactivity`: who was not logged in is not there."""
    agents = {}
    for agent in floor.desks:
        times = _times(floor, agent, window) if wanted(agent) else {}
        if times:
            agents[str(agent)] = list(_states(times, quirky=agent % 2 == 0))
    return {"metricsPerAgent": agents, "metricsTotals": []}


def _times(floor: Floor, agent: int, window: Window) -> dict[tuple[int, str], list[float]]:
    """Return the seconds without and with a chat by state and reason."""
    times: defaultdict[tuple[int, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for spell in truth.spells(floor, agent):
        seconds = spell.within(window)
        if seconds > 0 and spell.presence in _STATES:
            reason = spell.reason if spell.presence is Status.AWAY else ""
            times[_STATES[spell.presence], reason][spell.status is Status.ON_CONTACT] += seconds
    return times


def _states(times: dict[tuple[int, str], list[float]], *, quirky: bool) -> Iterator[Told]:
    for state in (2, 3, 4):
        mine = {reason: seconds for (one, reason), seconds in times.items() if one == state}
        value = _value(mine.values())
        row: Told = {"id": state, "name": _NAMES[state], "value": value}
        if state == _STATES[Status.AWAY]:
            reasons = [{"id": reason_id(word), "value": _value([mine[word]])} for word in mine if word]
            quirk = {"total": 0} if quirky and reasons else {}
            row |= {"reasons": reasons, "value": value | quirk}
        yield row
    yield {"id": -1, "name": _NAMES[-1], "value": _value(times.values())}


def _value(parts: Iterable[list[float]]) -> dict[str, int]:
    rest, chatting = (sum(part) for part in zip(*parts, strict=True)) if (parts := list(parts)) else (0.0, 0.0)
    return {
        "total": int(rest + chatting),
        "chatting": int(chatting),
        "notChatting": int(rest),
        "chattingInMaxConcurrency": int(chatting),
    }


def queue_health(floor: Floor, window: Window, wanted: Callable[[int], bool]) -> Told:
    """Return `queuehealth`: a skill where nothing has happened is not there."""
    skills = {}
    for queue in floor.lines:
        row = _health([call for call in floor.calls.values() if call.queue == queue and call.waits], window)
        if wanted(queue) and any(row.values()):
            skills[str(queue)] = row | {"currentQueueSize": -1, "currentAvailableSlots": -1}
    return {"skillsMetrics": skills, "metricsTotals": {}}


def _health(calls: Collection[Call], window: Window) -> dict[str, float]:
    inbound = [call for call in calls if call.direction is Direction.INBOUND]
    answered, abandoned = answered_waits(inbound, window), list(_waits(inbound, window, Outcome.ABANDONED))
    spans = [wait for call in calls for wait in call.waits if wait.within(window) > 0]
    return {
        "enteredQEng": sum(window.holds(call.waits[0].start) for call in inbound),
        "connectedEng": len(answered),
        "abandonedEng": len(abandoned),
        "totalTimeToAnswer": int(sum(answered)),
        "totalTimeToAbandon": int(sum(abandoned)),
        "maxQueueSize": max(
            (
                sum(one.start <= at and (one.end is None or one.end > at) for one in spans)
                for at in (window.start, *(span.start for span in spans))
            ),
            default=0,
        ),
        "avgTimeToAnswer": int(sum(answered) / len(answered)) if answered else 0,
        "abandonmentRate": len(abandoned) / (len(abandoned) + len(answered)) if abandoned else 0,
    }


def answered_waits(calls: Iterable[Call], window: Window) -> list[float]:
    """Return how long the chats had waited that were answered in the window."""
    return list(_waits(calls, window, Outcome.ANSWERED))


def _waits(calls: Iterable[Call], window: Window, outcome: Outcome) -> Iterator[float]:
    for call in calls:
        if call.outcome is outcome and not call.callback and call.waits and window.holds(call.decided):
            wait = call.waits[0]
            yield (wait.end or window.end) - wait.start


def engagements(
    floor: Floor, window: Window, wanted_skill: Callable[[int], bool], wanted_agent: Callable[[int], bool]
) -> Told:
    """Return `engactivity`, by skill and agent, and by agent."""
    legs = [
        (call.queue, leg)
        for call in floor.calls.values()
        if wanted_skill(call.queue)
        for leg in call.legs
        if wanted_agent(leg.agent) and leg.span.within(window) > 0
    ]
    skills = {
        str(queue): {
            "metricsPerAgent": _by_agent([leg for other, leg in legs if other == queue], window),
            "metricsTotals": _engaged([leg for other, leg in legs if other == queue], window),
        }
        for queue in Counter(queue for queue, _ in legs)
    }
    everything = [leg for _, leg in legs]
    totals = _engaged(everything, window)
    return {
        "skillsMetricsPerAgent": {"metricsPerSkill": skills, "metricsTotals": totals},
        "agentsMetrics": {"metricsPerAgent": _by_agent(everything, window), "metricsTotals": totals},
    }


def _by_agent(legs: Collection[Leg], window: Window) -> dict[str, dict[str, int]]:
    agents = Counter(leg.agent for leg in legs)
    return {str(agent): _engaged([leg for leg in legs if leg.agent == agent], window) for agent in agents}


def _engaged(legs: Collection[Leg], window: Window) -> dict[str, int]:
    interactive, other = [leg for leg in legs if leg.talk], [leg for leg in legs if not leg.talk]
    return {
        "totalInteractiveChats": sum(window.holds(leg.span.end) for leg in interactive),
        "totalNonInteractiveChats": sum(window.holds(leg.span.end) for leg in other),
        "totalHandlingTime": int(sum(leg.span.within(window) for leg in interactive)),
        "nonInteractiveTotalHandlingTime": int(sum(leg.span.within(window) for leg in other)),
        "connectedEngagements": sum(window.holds(leg.span.start) for leg in legs),
    }


def service_level(floor: Floor, window: Window, bounds: Collection[int], wanted: Callable[[int], bool]) -> Told:
    """Return `sla`: the answered chats by the lower bound of their wait."""
    calls = [call for call in floor.calls.values() if call.direction is Direction.INBOUND and wanted(call.queue)]
    lower = sorted({0, *bounds})
    counts = Counter(max(bound for bound in lower if bound <= wait) for wait in answered_waits(calls, window))
    total, accumulated, buckets = counts.total() or 1, 0, {}
    for bound in lower:
        accumulated += counts[bound]
        buckets[str(bound)] = {
            "accumulated": accumulated / total,
            "percentageFromTotal": counts[bound] / total,
            "chats": counts[bound],
        }
    return {"slaDataRange": buckets}
