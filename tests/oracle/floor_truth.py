"""What /metrics must say of a floor: the truth, family by family, told in Zendesk's words.

Written from the vendor's page and docs/vendors/zendesk_talk.md, not from the code that it judges.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from scene import WHOLE, Fact, Series, Span, fact

from exporter.model import Status
from exporter.simulator import truth
from exporter.simulator.floor import Floor
from exporter.simulator.history import VOICEMAILS, Outcome, Response, Source
from exporter.simulator.truth import AgentDay, CallsDay, Sum

REST: Span = -3.0, 1.0
"""One such number, less three others."""

_WORDS = {
    Status.AVAILABLE: "online",
    Status.AWAY: "away",
    Status.BUSY: "transfers_only",
    Status.OFFLINE: "offline",
}
_ON_A_CALL = frozenset({Status.ON_CONTACT, Status.WRAP_UP})
_LOGGED_IN = frozenset({Status.AVAILABLE, Status.AWAY, Status.BUSY})
_UNSEEN = str.maketrans({"\n": "\ufffd"})


class Named(NamedTuple):
    """Which telephone numbers, or groups, have which name in the config."""

    queues: Mapping[str, tuple[int, ...]] = {}
    groups: Mapping[str, tuple[int, ...]] = {}

    @property
    def asked(self) -> Mapping[str, tuple[int, ...] | None]:
        """Return what each queue is asked for: by its numbers, or as a whole."""
        return self.queues or {"all": None}


def facts(floor: Floor, named: Named, *, professional: bool, names: bool) -> dict[Series, Fact]:
    """Return every series that the page must have, and no other.

    `names` is whether the privacy settings let them through.
    """
    found = [
        *_now(floor, named),
        *_agents(floor, named, professional=professional, names=names),
        *_calls(floor, named, professional=professional),
        *_team(floor, professional=professional),
        fact("window_start_timestamp_seconds", floor.today),
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def vendors_view(status: Status, presence: Status) -> tuple[Status, str]:
    """Return a status as Zendesk tells it: nobody rings, and a call goes before what the agent has set."""
    return (status if status in _ON_A_CALL else presence), _WORDS[presence]


def _now(floor: Floor, named: Named) -> Iterator[tuple[Series, Fact]]:
    presences = [desk.presence for desk in floor.desks.values()]
    yield fact("agents_online", sum(presence in {Status.AVAILABLE, Status.AWAY} for presence in presences))
    for queue, numbers in named.asked.items():
        now = truth.queue_now(floor, numbers)
        yield fact("queue_info", 1, queue=queue, queue_name=queue)
        yield fact("calls_waiting", now.waits.count, queue=queue, channel="voice")
        yield fact("longest_wait_seconds", now.waits.longest, WHOLE, queue=queue, channel="voice")
        yield fact("average_wait_seconds", now.waits.mean, WHOLE, queue=queue, channel="voice")
        for source in Source:
            yield fact("callbacks_waiting", now.callbacks[source], queue=queue, source=source)


def _agents(floor: Floor, named: Named, *, professional: bool, names: bool) -> Iterator[tuple[Series, Fact]]:
    read = {group for groups in named.groups.values() for group in groups}
    desks = [desk for desk in floor.desks.values() if not read or read & set(desk.plan.groups)]
    days = {desk.plan.id: truth.agent_day(floor, desk.plan.id) for desk in desks}
    views = {agent: vendors_view(day.status, day.presence) for agent, day in days.items()}
    for status in Status:
        yield fact("agents", sum(view[0] is status for view in views.values()), status=status)
    for queue, groups in named.groups.items():
        members = [desk.plan.id for desk in desks if set(groups) & set(desk.plan.groups)]
        for status in Status:
            count = sum(views[agent][0] is status for agent in members)
            yield fact("queue_agents", count, queue=queue, status=status)
        if queue not in named.queues:
            yield fact("queue_info", 1, queue=queue, queue_name=queue)
    for desk in desks:
        agent = str(desk.plan.id)
        status, word = views[desk.plan.id]
        yield fact("agent_status", 1, agent=agent, status=status, vendor_status=word)
        if names:
            name = desk.plan.name.translate(_UNSEEN)
            yield fact("agent_info", 1, agent=agent, agent_name=name, via=desk.plan.via)
        yield from _agent_day(agent, days[desk.plan.id], professional=professional)


def _agent_day(agent: str, day: AgentDay, *, professional: bool) -> Iterator[tuple[Series, Fact]]:
    free = {Status.AVAILABLE, Status.RINGING}
    for status, word, seconds, below in (
        ("available", "online", day.seconds(presence={Status.AVAILABLE}, status=free), WHOLE),
        ("on_contact", "online", day.seconds(presence={Status.AVAILABLE}, status=_ON_A_CALL), REST),
        ("away", "away", day.seconds(presence={Status.AWAY}), WHOLE),
        ("busy", "transfers_only", day.seconds(presence={Status.BUSY}), WHOLE),
    ):
        yield fact("seconds_in_state", seconds, below, agent=agent, status=status, vendor_status=word)
    yield fact("agent_logged_in_seconds_today", day.seconds(presence=_LOGGED_IN), WHOLE, agent=agent)
    for outcome in (Response.ACCEPTED, Response.DECLINED, Response.MISSED):
        yield fact("agent_calls_today", day.responses[outcome], agent=agent, outcome=outcome)
    yield fact("agent_contact_seconds_today", day.contact.seconds, WHOLE, agent=agent)
    yield fact("agent_talk_seconds_today", day.talk.seconds, WHOLE, agent=agent)
    yield fact("agent_wrap_up_seconds_today", day.wrap_up.seconds, WHOLE, agent=agent)
    if professional:
        yield fact("agent_hold_seconds_today", day.hold.seconds, WHOLE, agent=agent)
        yield fact("agent_holds_today", day.held_calls, agent=agent)
        for direction in ("accepted", "started"):
            for what in ("transfers", "conferences"):
                count = getattr(day, f"{what}_{direction}")
                yield fact(f"agent_{what}_today", count, agent=agent, direction=direction)


def _calls(floor: Floor, named: Named, *, professional: bool) -> Iterator[tuple[Series, Fact]]:
    for queue, numbers in named.asked.items():
        day = truth.calls_day(floor, numbers)
        yield from _every_plan(day, queue)
        if professional:
            yield from _professional(day, queue)
        else:
            yield fact("calls_today", day.inbound + day.outbound, queue=queue, direction="unknown")


def _every_plan(day: CallsDay, queue: str) -> Iterator[tuple[Series, Fact]]:
    voicemails = sum(day.outcomes[outcome] for outcome in VOICEMAILS)
    yield fact("call_outcomes_today", voicemails, queue=queue, outcome="voicemail")
    yield fact("contact_seconds_today", day.calls.seconds, WHOLE, queue=queue)
    yield fact("wrap_up_seconds_today", day.wrap_ups.seconds, WHOLE, queue=queue)
    yield fact("average_contact_seconds_today", day.calls.mean, WHOLE, queue=queue)
    yield fact("average_wrap_up_seconds_today", day.wrap_ups.mean, WHOLE, queue=queue)
    yield fact("average_queue_wait_seconds_today", day.waits.mean, WHOLE, queue=queue)
    yield fact("longest_queue_wait_seconds_today", day.waits.longest, WHOLE, queue=queue)
    yield fact("most_waiting_today", day.most_waiting, queue=queue)


def _professional(day: CallsDay, queue: str) -> Iterator[tuple[Series, Fact]]:
    yield fact("calls_today", day.inbound, queue=queue, direction="inbound")
    yield fact("calls_today", day.outbound, queue=queue, direction="outbound")
    for outcome in (
        Outcome.ABANDONED,
        Outcome.OUTSIDE_HOURS,
        Outcome.EXCEEDED_WAIT,
        Outcome.REQUESTED_VOICEMAIL,
    ):
        yield fact("call_outcomes_today", day.outcomes[outcome], queue=queue, outcome=outcome)
    yield fact("textbacks_today", day.outcomes[Outcome.TEXTBACK], queue=queue)
    yield fact("callbacks_today", day.callbacks.total(), queue=queue, source="phone")
    yield fact("callbacks_today", day.callbacks[Source.WEB_WIDGET], queue=queue, source="web_widget")
    yield fact("hold_seconds_today", day.holds.seconds, WHOLE, queue=queue)
    yield fact("average_hold_seconds_today", day.holds.mean, WHOLE, queue=queue)
    yield fact("average_callback_wait_seconds_today", day.callback_waits.mean, WHOLE, queue=queue)
    yield fact("average_answer_seconds_today", day.answers.mean, WHOLE, queue=queue)


def _team(floor: Floor, *, professional: bool) -> Iterator[tuple[Series, Fact]]:
    days = [truth.agent_day(floor, agent) for agent in floor.desks]
    talk, hold, wrap_up = (_together(days, what) for what in ("talk", "hold", "wrap_up"))
    answers = {outcome: sum(day.responses[outcome] for day in days) for outcome in Response}
    shown = (Response.ACCEPTED, Response.DECLINED, Response.MISSED)
    for outcome in shown:
        yield fact("team_calls_today", answers[outcome], outcome=outcome)
    yield fact("team_talk_seconds_today", talk.seconds, WHOLE)
    yield fact("team_wrap_up_seconds_today", wrap_up.seconds, WHOLE)
    yield fact("team_average_wrap_up_seconds_today", wrap_up.mean, WHOLE)
    if not professional:
        return
    yield fact("team_hold_seconds_today", hold.seconds, WHOLE)
    yield fact("team_average_hold_seconds_today", hold.mean, WHOLE)
    yield fact("team_average_talk_seconds_today", talk.mean, WHOLE)
    at_work = sum(day.seconds(presence=_LOGGED_IN) > 0 for day in days) or 1
    for outcome in shown:
        yield fact("average_agent_calls_today", answers[outcome] / at_work, WHOLE, outcome=outcome)
    held = sum(day.held_calls for day in days)
    yield fact("team_holds_today", held)
    yield fact("average_agent_holds_today", held / at_work, WHOLE)
    for direction in ("accepted", "started"):
        count = sum(getattr(day, f"transfers_{direction}") for day in days)
        yield fact("team_transfers_today", count, direction=direction)
        yield fact("average_agent_transfers_today", count / at_work, WHOLE, direction=direction)
    free = {Status.AVAILABLE, Status.RINGING}
    for state, presence, status in (
        ("available", {Status.AVAILABLE}, free),
        ("away", {Status.AWAY}, set(Status)),
        ("logged_in", _LOGGED_IN, set(Status)),
        ("transfers_only", {Status.BUSY}, set(Status)),
    ):
        seconds = _seconds(days, presence, status) / at_work
        yield fact("average_agent_state_seconds_today", seconds, WHOLE, state=state)


def _seconds(days: Iterable[AgentDay], presence: Collection[Status], status: Collection[Status]) -> float:
    return sum(day.seconds(presence=presence, status=status) for day in days)


def _together(days: Iterable[AgentDay], what: str) -> Sum:
    return sum((getattr(day, what) for day in days), Sum())
