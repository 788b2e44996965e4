"""How the agents have spent the time asked for: agentactivity, turned into the model."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from msgspec import Struct
from msgspec.structs import astuple, replace

from exporter.errors import Reason, Unreadable
from exporter.model import Agent, Dropped, Snapshot, State, Status
from exporter.vendors.liveperson.payloads import (
    AGENT_ACTIVITY,
    AgentActivityReply,
    AgentState,
    AgentStates,
    Spent,
)
from exporter.wire.decode import Decoded, decode
from exporter.wire.http import Reply

_LOGGED_IN, _AWAY = -1, 4
# By id: the names are not the same in all answers.
_STATES = {
    2: (Status.AVAILABLE, "Online"),
    3: (Status.BUSY, "Back soon"),  # keeps the chats that are open, and is given no new ones
    _AWAY: (Status.AWAY, "Away"),
}


class Time(Struct, frozen=True):
    """Seconds in a state: all of them, those with a chat, those with as many as allowed; None is not told."""

    whole: float | None = 0.0
    engaged: float | None = 0.0
    full: float | None = 0.0

    @classmethod
    def of(cls, spent: Spent) -> "Time":
        """Read what LivePerson tells: now and then its `total` is 0 beside parts that are not."""
        total, chatting, rest = spent.total, spent.chatting, spent.not_chatting
        if total is None or chatting is None or rest is None:
            return cls(None, chatting, spent.chatting_in_max_concurrency)
        return cls(max(total, chatting + rest), chatting, spent.chatting_in_max_concurrency)

    def __add__(self, other: "Time") -> "Time":
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Time(*(None if a is None or b is None else a + b for a, b in pairs))

    def less(self, parts: "Time", rounding: float) -> "Time":
        """Return what is left; None where the parts are more than the whole, beyond their rounding."""
        pairs = zip(astuple(self), astuple(parts), strict=True)
        rests = (None if a is None or b is None else a - b for a, b in pairs)
        return Time(*(None if rest is None or rest < -rounding else max(rest, 0.0) for rest in rests))


_UNTOLD = Time(None, None, None)


def read_activity(reply: Reply, taught: Mapping[str, Status]) -> Snapshot:
    """Read the time of each agent, in one piece or as the sum of its slices.

    Raises:
        Unreadable: the answer has neither, or slices that are not sound.
    """
    answer = decode(reply.body, AgentActivityReply)
    rows: dict[str, list[AgentState]] = {}
    for agents in _slices(answer):
        for agent, told in agents.metrics_per_agent.items():
            rows.setdefault(agent, []).extend(_told_once(told))
    times = {agent: _times(states, taught, sound=not answer.drift) for agent, states in rows.items()}
    words = {_state(row, taught)[1] for row in chain(*rows.values()) if row.id not in {_LOGGED_IN, *_STATES}}
    return Snapshot(
        agents=tuple(_agent(agent, states, times[agent]) for agent, states in rows.items()),
        dropped={
            Dropped.INVALID: answer.invalid_rows,
            Dropped.INCONSISTENT: sum(any(time.whole is None for time in one.values()) for one in times.values()),
        },
        drift=answer.drift,
        unknown_statuses=frozenset(words - taught.keys()),
    )


def _slices(answer: Decoded[AgentActivityReply]) -> Sequence[AgentStates]:
    """Return the time in one piece where it is told so, else its slices: one that is missing would be missed."""
    piece, slices = answer.value.agents_metrics, answer.value.metrics_by_intervals or []
    if piece is not None and (piece.metrics_per_agent or not (slices or answer.drift)):
        return [piece]
    told = [one.agents for one in slices if one.agents is not None]
    if answer.drift or not told or not len(told) == len(slices) == len({one.timestamp for one in slices}):
        raise Unreadable(Reason.SCHEMA, f"{AGENT_ACTIVITY} is not as documented: its intervals make no sum")
    return told


def _told_once(rows: Sequence[AgentState]) -> Iterable[AgentState]:
    """Return the states without the times of those that come twice: nobody knows which of them is right."""
    times = Counter(row.id for row in rows)
    return (row if times[row.id] == 1 else replace(row, value=Spent(), reasons=[]) for row in rows)


def _times(rows: Iterable[AgentState], taught: Mapping[str, Status], *, sound: bool) -> Mapping[State, Time]:
    """Add up the time in each state, the time away by its reasons; that logged in is the sum of them all."""
    times: dict[State, Time] = {}
    for row in rows:
        for state, time in () if row.id == _LOGGED_IN else _parts(row, taught, sound=sound):
            times[state] = times.get(state, Time()) + time
    return times


def _state(row: AgentState, taught: Mapping[str, Status]) -> State:
    """Return the state by its id, in our words; an unknown one in LivePerson's."""
    status, word = _STATES.get(row.id, (Status.OTHER, row.name or f"state {row.id}"))
    return taught.get(word, status), word


def _parts(row: AgentState, taught: Mapping[str, Status], *, sound: bool) -> Iterator[tuple[State, Time]]:
    """Part the time in a state by the reasons that the agent gave; what has none keeps the word of the state.

    Where the reasons are more than the whole, nothing of it is told. Where the answer was not sound, a part
    without a reason may be one whose reason was lost, and is not told.
    """
    whole, reasons, state = Time.of(row.value), row.reasons or [], _state(row, taught)
    told = sum((Time.of(reason.value) for reason in reasons), Time())
    rounding = len(reasons) + 1.0
    rest = whole.less(told, rounding)
    contradiction = rest.whole is None and None not in (whole.whole, told.whole)
    for reason in reasons:
        word = str(reason.id)
        yield (taught.get(word, state[0]), word), _UNTOLD if contradiction else Time.of(reason.value)
    lost = row.id == _AWAY and not sound and rest.whole is not None and rest.whole > rounding
    yield state, _UNTOLD if lost else rest


def _agent(agent: str, rows: Iterable[AgentState], times: Mapping[State, Time]) -> Agent:
    logged_in = [Time.of(row.value) for row in rows if row.id == _LOGGED_IN]
    return Agent(
        id=agent,
        seconds_in_state={state: time.whole for state, time in times.items() if time.whole is not None},
        engaged_seconds={state: time.engaged for state, time in times.items() if time.engaged is not None},
        full_seconds={state: time.full for state, time in times.items() if time.full is not None},
        logged_in_seconds=sum(logged_in, Time()).whole if logged_in else None,
    )
