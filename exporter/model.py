"""The contact centre, as every vendor's answers are understood here.

Frozen values only. A field that is None could not be told; an empty tuple means that there are none.
All durations are seconds, all instants are seconds since the Unix epoch.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from functools import cached_property, lru_cache
from sys import intern
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple, replace

NOTHING: Mapping[Any, Any] = MappingProxyType({})
"""One empty mapping for all: a thousand agents would make a thousand."""

ALL_QUEUES = "all"
"""The `queue` of numbers that a vendor gives for the whole account, where it tells queues apart no further."""


class Status(StrEnum):
    """What an agent is doing: the closed set behind the `status` label."""

    AVAILABLE = "available"
    RINGING = "ringing"
    ON_CONTACT = "on_contact"
    WRAP_UP = "wrap_up"
    BUSY = "busy"
    AWAY = "away"
    OFFLINE = "offline"
    OTHER = "other"

    __hash__ = str.__hash__  # an enum's own is Python, and thousands of agents are counted by status


class Channel(StrEnum):
    """How a contact reaches the centre: the closed set behind the `channel` label."""

    VOICE = "voice"
    CHAT = "chat"
    MESSAGING = "messaging"
    EMAIL = "email"
    OTHER = "other"


State = tuple[str, str]
"""A status by its value, and the vendor's own word for it."""


@lru_cache(maxsize=1_000)
def state(status: Status, word: str) -> State:
    """Return the one State of these, made of plain texts.

    The garbage collector lets go of such a tuple, and of the thousands of mappings that have it as a key: with a
    Status in it, it would look at all of them again and again, and hold the event loop meanwhile.
    """
    return status.value, word


class Agent(Struct, frozen=True, gc=False):
    """One agent: the present status, and the day so far."""

    id: str
    name: str | None = None
    via: str | None = None
    """The device the agent answers on, in the vendor's word."""
    status: Status | None = None
    vendor_status: str = ""
    """The vendor's own word for the status; empty where it has none."""
    since: float | None = None
    """When the present status began, told by the vendor or seen by us; None where nobody can tell."""
    seconds_in_state: Mapping[State, float] = NOTHING
    """Time spent in each status since the window began. The times never overlap: they are parts of the time
    logged in (and offline, where that is told)."""
    longest_stays: Mapping[State, float] = NOTHING
    """Seconds of the longest single stay in each status."""
    entries: Mapping[State, int] = NOTHING
    """How often each status was entered."""
    logged_in_seconds: float | None = None
    accepted: int | None = None
    declined: int | None = None
    missed: int | None = None
    contact_seconds: float | None = None
    talk_seconds: float | None = None
    hold_seconds: float | None = None
    wrap_up_seconds: float | None = None
    holds: int | None = None
    transfers_accepted: int | None = None
    transfers_started: int | None = None
    conferences_accepted: int | None = None
    conferences_started: int | None = None
    answer_seconds: float | None = None
    """Together, from the first ring to the answer of each contact."""
    handling_seconds: float | None = None
    """Contacts and their wrap-up together."""
    engaged_seconds: Mapping[State, float] = NOTHING
    """The part of `seconds_in_state` with at least one contact, where an agent may have several at once."""
    full_seconds: Mapping[State, float] = NOTHING
    """The part of `engaged_seconds` with as many contacts as the agent may have."""
    contacts: int | None = None
    """Open contacts now."""
    slots: int | None = None
    """Contacts that the agent may have at once."""
    load: float | None = None
    """The used share of what the agent can bear now, by the vendor's own weights; 1 is all of it."""
    last_active: float | None = None


class Queue(Struct, frozen=True):
    """One queue (or the whole account) at this moment, in one channel."""

    id: str
    name: str | None = None
    channel: Channel = Channel.VOICE
    waiting: int | None = None
    in_progress: int | None = None
    longest_wait_seconds: float | None = None
    average_wait_seconds: float | None = None
    callbacks: Mapping[str, int] = NOTHING
    """Callback requests waiting, by where they were made."""
    ai_agent_calls: int | None = None
    agents: Mapping[Status, int] | None = None
    """Agents that serve this queue, by status; a status that is absent has none."""
    told: tuple[Status, ...] = tuple(Status)
    """The statuses that `agents` tells of, where the vendor does not tell all of them."""
    contacts: Mapping[str, int] = NOTHING
    """Contacts of a further kind now, such as overdue or idle, by kind; kinds may overlap."""
    free_slots: int | None = None
    """Contacts that its agents could take now, above those they have."""


class Measure(StrEnum):
    """What a total counts or times. The families of the metrics give each its name, help and label."""

    CALLS = "calls"
    OUTCOMES = "outcomes"
    CALLBACKS = "callbacks"
    TEXTBACKS = "textbacks"
    CONTACT_SECONDS = "contact_seconds"
    HOLD_SECONDS = "hold_seconds"
    WRAP_UP_SECONDS = "wrap_up_seconds"
    AVERAGE_CONTACT_SECONDS = "average_contact_seconds"
    AVERAGE_HOLD_SECONDS = "average_hold_seconds"
    AVERAGE_WRAP_UP_SECONDS = "average_wrap_up_seconds"
    AVERAGE_WAIT_SECONDS = "average_wait_seconds"
    AVERAGE_CALLBACK_WAIT_SECONDS = "average_callback_wait_seconds"
    AVERAGE_ANSWER_SECONDS = "average_answer_seconds"
    AVERAGE_HANDLING_SECONDS = "average_handling_seconds"
    LONGEST_WAIT_SECONDS = "longest_wait_seconds"
    MOST_WAITING = "most_waiting"
    OFFERED = "offered"
    ANSWERED = "answered"
    ANSWERED_WITHIN = "answered_within"
    CLOSED = "closed"
    WAIT_SECONDS = "wait_seconds"
    ANSWER_SECONDS = "answer_seconds"
    ABANDON_SECONDS = "abandon_seconds"
    TALK_SECONDS = "talk_seconds"
    HANDLING_SECONDS = "handling_seconds"
    FINISHED_WAITS = "finished_waits"
    RING_SECONDS = "ring_seconds"
    MISSED_WHILE_AVAILABLE = "missed_while_available"
    RINGS = "rings"
    SERVICE_LEVEL = "service_level"
    TRANSFERS = "transfers"
    RECENT = "recent"
    TEAM_CALLS = "team_calls"
    TEAM_HOLDS = "team_holds"
    TEAM_TRANSFERS = "team_transfers"
    TEAM_TALK_SECONDS = "team_talk_seconds"
    TEAM_HOLD_SECONDS = "team_hold_seconds"
    TEAM_WRAP_UP_SECONDS = "team_wrap_up_seconds"
    TEAM_STATE_SECONDS = "team_state_seconds"
    TEAM_STATE_SECONDS_YESTERDAY = "team_state_seconds_yesterday"
    MEAN_AGENT_CALLS = "mean_agent_calls"
    MEAN_AGENT_HOLDS = "mean_agent_holds"
    MEAN_AGENT_TRANSFERS = "mean_agent_transfers"
    MEAN_AGENT_STATE_SECONDS = "mean_agent_state_seconds"
    MEAN_TALK_SECONDS = "mean_talk_seconds"
    MEAN_HOLD_SECONDS = "mean_hold_seconds"
    MEAN_WRAP_UP_SECONDS = "mean_wrap_up_seconds"


class Histogram(Struct, frozen=True, gc=False):
    """How often a value was at most each bound; the values above the last bound are in `count` alone."""

    bounds: tuple[float, ...]
    at_most: tuple[int, ...]
    """Cumulative, one for each bound."""
    count: int = 0
    sum: float = 0.0

    @classmethod
    def empty(cls, *bounds: float) -> "Histogram":
        """Return a histogram that has seen nothing yet."""
        return cls(bounds, (0,) * len(bounds))

    def with_value(self, value: float) -> "Histogram":
        """Return this histogram with one more value in it."""
        return Histogram(
            self.bounds,
            tuple(n + (value <= bound) for n, bound in zip(self.at_most, self.bounds, strict=True)),
            self.count + 1,
            self.sum + value,
        )


class Total(Struct, frozen=True, gc=False):
    """One number about the window so far: of a queue, or of all agents together (queue is None)."""

    measure: Measure
    value: float | Histogram
    kind: str = ""
    """Which of the measure's kinds (a direction, an outcome, a state, a bound); empty where it has none."""
    queue: str | None = None


class Dropped(StrEnum):
    """Why a row of an answer is not shown: the closed set behind `rows_dropped_total`."""

    INVALID = "invalid"
    DUPLICATE = "duplicate"
    INCONSISTENT = "inconsistent"
    OVER_CAP = "over_cap"
    REFUSED = "refused"


class Snapshot(Struct, frozen=True, dict=True):
    """What one endpoint of one account said at one moment, whole."""

    agents: tuple[Agent, ...] | None = None
    queues: tuple[Queue, ...] | None = None
    totals: tuple[Total, ...] | None = None
    agents_online: int | None = None
    """Agents logged in now, by the vendor's own count."""
    agents_by_status: Mapping[Status, int] | None = None
    """All agents by status, before any cap; None where no status was told."""
    window_start: float | None = None
    """Where "today" began for the account."""
    window_end: float | None = None
    """Where it ends, for what must not be taken for the next day's: from then on it is not shown."""
    dropped: Mapping[Dropped, int] = NOTHING
    """Rows that came and are not shown."""
    drift: tuple[str, ...] = ()
    """Paths of the fields that were not as documented, for example `agents_activity[].online_time`."""
    unknown_statuses: frozenset[str] = frozenset()
    """Status words that nobody has mapped yet; their agents count as `other`."""
    memory: Any = None
    """What the vendor wants to know at its next poll of this endpoint; nobody else looks at it."""

    @cached_property
    def agents_by_field(self) -> Mapping[str, Sequence[Any]]:
        """The agents turned round: the values of each field, in the order of the agents.

        Ids are interned: they come again with each poll, and the same object is known without a look at it.
        """
        agents = self.agents or ()
        found: dict[str, list[Any]] = {field: [] for field in Agent.__struct_fields__} if agents else {}
        for start in range(0, len(agents), 250):  # as many as the cache holds: 5,000 at once take twice as long
            few = zip(*map(astuple, agents[start : start + 250]), strict=True)
            for column, values in zip(found.values(), few, strict=True):
                column.extend(values)
        return found and found | {"id": tuple(map(intern, found["id"]))}


def count_by_status(agents: Collection[Agent]) -> Mapping[Status, int] | None:
    """Count agents by status, zeros included; None where any status was not told: a zero would be a guess."""
    counts = Counter(agent.status for agent in agents)
    return None if None in counts else {status: counts[status] for status in Status}


def count_online(by_status: Mapping[Status, int] | None) -> int | None:
    """Count the agents who are logged in, for a vendor without a count of its own; None where nobody can tell."""
    return None if by_status is None else sum(by_status.values()) - by_status.get(Status.OFFLINE, 0)


def with_transitions(new: Snapshot, old: Snapshot | None, at: float) -> Snapshot:
    """Date each status that the vendor does not date by the change that we saw ourselves.

    An agent whose status differs from the last snapshot has been in it since `at`; one whose status stayed
    keeps the date it had; one that we see for the first time has none.
    """
    undated = any(agent.since is None and agent.status is not None for agent in new.agents or ())
    if not undated or old is None or not old.agents:
        return new
    before = {agent.id: agent for agent in old.agents}
    return replace(new, agents=tuple([_dated(agent, before.get(agent.id), at) for agent in new.agents or ()]))


def _dated(agent: Agent, before: Agent | None, at: float) -> Agent:
    if agent.since is not None or agent.status is None or before is None or before.status is None:
        return agent
    same = agent.status == before.status and agent.vendor_status == before.vendor_status
    since = before.since if same else at
    return agent if since is None else replace(agent, since=since)
