"""What is true on the floor, exactly: the oracle against which every answer can be held.

One rule for all sums of a window: whatever lasts counts with the seconds that lie in the window, whatever happens
counts if its instant does. What still lasts counts up to now.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from exporter.model import Status
from exporter.simulator.floor import Floor
from exporter.simulator.history import Call, Direction, Leg, Outcome, Response, Source, Span, Spell, Window

_ANY = frozenset(Status)


def today(floor: Floor) -> Window:
    """Return the local day so far."""
    return Window(floor.today, floor.now)


class AgentDay(Struct, frozen=True):
    """One agent now, and in a window."""

    status: Status
    presence: Status
    reason: str
    since: float
    """When the present status began."""
    stays: Mapping[tuple[Status, Status], float]
    """Seconds by presence and status: a partition of the time that the floor has been open."""
    responses: Counter[Response]
    contact: "Sum"
    talk: "Sum"
    """Holds left out, as is the time in which a customer was called and could not be heard yet."""
    hold: "Sum"
    wrap_up: "Sum"
    held_calls: int
    transfers_started: int
    transfers_accepted: int
    conferences_started: int
    conferences_accepted: int

    def seconds(self, *, presence: Collection[Status] = _ANY, status: Collection[Status] = _ANY) -> float:
        """Return the seconds spent in any of the presences and at the same time in any of the statuses."""
        return sum(s for (set_, doing), s in self.stays.items() if set_ in presence and doing in status)


class Sum(Struct, frozen=True):
    """Some durations: how long they were together, how many they were, and the longest."""

    seconds: float = 0.0
    count: int = 0
    longest: float = 0.0

    @property
    def mean(self) -> float:
        """The seconds of one; 0 where there is none."""
        return self.seconds / self.count if self.count else 0.0

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(self.seconds + other.seconds, self.count + other.count, max(self.longest, other.longest))


class QueueNow(Struct, frozen=True):
    """Who waits at this moment."""

    waits: Sum
    """Of the callers on the line."""
    callbacks: Counter[Source]
    agents: Counter[Status]
    """Of those who serve it, by presence."""
    logged_in: int


class CallsDay(Struct, frozen=True):
    """Calls in a window."""

    inbound: int
    outbound: int
    outcomes: Counter[Outcome]
    """Of the inbound calls, those among them that became callbacks included."""
    callbacks: Counter[Source]
    """Requested, whatever became of them."""
    calls: Sum
    """The time that customers spent on the line, from the greeting on."""
    waits: Sum
    """Time in the queue, on the line."""
    callback_waits: Sum
    answers: Sum
    """Of the inbound calls answered: from the first ring to the agent's voice, greeting included."""
    answered_in_target: int
    holds: Sum
    """By call and agent: several holds of one talk count as one."""
    contacts: Sum
    """By call and agent."""
    wrap_ups: Sum
    most_waiting: int
    """Callers and callbacks that waited at one time, at most."""


def spells(floor: Floor, agent: int) -> tuple[Spell, ...]:
    """Return the agent's history without gap or overlap; the last spell lasts (its end is None)."""
    return tuple(floor.desks[agent].spells)


def agent_day(floor: Floor, agent: int, window: Window | None = None) -> AgentDay:
    """Return the truth about one agent; the window is today by default."""
    window = window or today(floor)
    desk = floor.desks[agent]
    stays: defaultdict[tuple[Status, Status], float] = defaultdict(float)
    for spell in reversed(desk.spells):
        if spell.end is not None and spell.end <= window.start:
            break
        stays[spell.presence, spell.status] += spell.within(window)
    legs = desk.legs
    return AgentDay(
        status=desk.status,
        presence=desk.presence,
        reason=desk.spells[-1].reason,
        since=desk.spells[-1].start,
        stays=stays,
        responses=Counter(o.response for o in desk.offers if o.response and window.holds(o.span.end)),
        contact=_sum((leg.span for leg in legs), window),
        talk=_total(_talk(leg, window) for leg in legs),
        hold=_total(_hold(leg, window) for leg in legs),
        wrap_up=_sum((leg.wrap_up for leg in legs), window),
        held_calls=sum(_hold(leg, window) > 0 for leg in legs),
        transfers_started=sum(leg.transferred_on and window.holds(leg.span.end) for leg in legs),
        transfers_accepted=sum(leg.transferred_to_agent and window.holds(leg.span.start) for leg in legs),
        conferences_started=sum(window.holds(leg.conference) for leg in legs),
        conferences_accepted=sum(leg.conference_joined and window.holds(leg.conference) for leg in legs),
    )


def queue_now(floor: Floor, numbers: Collection[int] | None = None) -> QueueNow:
    """Return who waits now, of all calls or of those that came in on some telephone numbers."""
    lines = [
        line for line in floor.lines.values() if numbers is None or set(numbers) & set(line.plan.phone_numbers)
    ]
    waiting = [c for line in lines for c in line.waiting.values() if numbers is None or c.number in numbers]
    desks = {desk.plan.id: desk for line in lines for desk in line.desks}
    agents = Counter(desk.presence for desk in desks.values())
    return QueueNow(
        waits=_every(floor.now - call.waits[-1].start for call in waiting if not call.awaits_callback),
        callbacks=Counter(call.callback for call in waiting if call.callback and call.awaits_callback),
        agents=agents,
        logged_in=agents.total() - agents[Status.OFFLINE],
    )


def calls_day(floor: Floor, numbers: Collection[int] | None = None, window: Window | None = None) -> CallsDay:
    """Return the truth about all calls, or those on some telephone numbers; the window is today by default."""
    window = window or today(floor)
    calls = [
        call
        for call in floor.calls.values()
        if (numbers is None or call.number in numbers) and _touches(call, window)
    ]
    inbound = [call for call in calls if call.direction is Direction.INBOUND]
    legs = [leg for call in calls for leg in call.legs]
    arrived = Counter(call.direction for call in calls if window.holds(call.arrived))
    waits = [wait for call in calls for wait in call.waits]
    callback_waits = [call.callback_wait for call in calls if call.callback_wait]
    answered = [
        call
        for call in inbound
        if call.outcome is Outcome.ANSWERED and window.holds(call.decided) and not call.callback
    ]
    return CallsDay(
        inbound=arrived[Direction.INBOUND],
        outbound=arrived[Direction.OUTBOUND],
        outcomes=Counter(call.outcome for call in inbound if call.outcome and window.holds(call.decided)),
        callbacks=Counter(
            call.callback
            for call in calls
            if call.callback and call.callback_wait and window.holds(call.callback_wait.start)
        ),
        calls=_total(sum(span.within(window) for span in call.on_line) for call in calls),
        waits=_sum(waits, window),
        callback_waits=_sum(callback_waits, window),
        answers=_sum((Span(call.arrived, call.decided) for call in answered), window),
        answered_in_target=sum(_in_target(floor, call) for call in answered),
        holds=_total(_hold(leg, window) for leg in legs),
        contacts=_sum((leg.span for leg in legs), window),
        wrap_ups=_sum((leg.wrap_up for leg in legs), window),
        most_waiting=_most_at_once([*waits, *callback_waits], window),
    )


def _touches(call: Call, window: Window) -> bool:
    wrap_up = call.legs[-1].wrap_up if call.legs else None
    last = wrap_up.end if wrap_up else call.ended
    return call.arrived < window.end and (last is None or last > window.start)


def _in_target(floor: Floor, call: Call) -> bool:
    wait = call.waits[0]
    return (wait.end or floor.now) - wait.start <= floor.lines[call.queue].plan.target_seconds


def _talk(leg: Leg, window: Window) -> float:
    return leg.talk.within(window) - _hold(leg, window) if leg.talk else 0.0


def _hold(leg: Leg, window: Window) -> float:
    return sum(hold.within(window) for hold in leg.holds)


def _sum(spans: Iterable[Span | None], window: Window) -> Sum:
    return _total(span.within(window) for span in spans if span)


def _total(seconds: Iterable[float]) -> Sum:
    """Sum up those that lasted in the window at all."""
    return _every(s for s in seconds if s > 0)


def _every(seconds: Iterable[float]) -> Sum:
    some = list(seconds)
    return Sum(sum(some), len(some), max(some, default=0.0))


def _most_at_once(waits: Iterable[Span], window: Window) -> int:
    steps: list[tuple[float, int]] = []
    for wait in waits:
        if wait.within(window) > 0:
            steps += [(wait.start, 1), (window.end + 1 if wait.end is None else wait.end, -1)]
    most = level = 0
    for _, step in sorted(steps):
        level += step
        most = max(most, level)
    return most
