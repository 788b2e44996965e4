"""How the agents have spent the time asked for: agentactivity, turned into the model."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import astuple, replace

from exporter.errors import Reason, Unreadable
from exporter.model import Agent, Dropped, Snapshot, State, Status, state
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


class Time(Struct, frozen=True, gc=False):
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


class Words:
    """What the states and reasons of one answer mean; the config may teach more."""

    def __init__(self, taught: Mapping[str, Status]) -> None:
        self._taught = taught
        self._states = {key: state(taught.get(word, status), word) for key, (status, word) in _STATES.items()}
        self._strange: set[str] = set()

    def state(self, row: AgentState) -> State:
        """Return the state by its id, in our words; an unknown one in LivePerson's."""
        return self._states.get(row.id) or self._other(row.name or f"state {row.id}")

    def _other(self, word: str) -> State:
        self._strange.add(word)
        return self.reason(word, Status.OTHER)

    def reason(self, word: str, status: str) -> State:
        """Return the state of a word: of this status, unless the config teaches another."""
        return state(self._taught.get(word, Status(status)), word)

    @property
    def unknown(self) -> frozenset[str]:
        """The words of those states, so far, that nobody has mapped yet."""
        return frozenset(self._strange - self._taught.keys())


def read_activity(reply: Reply, taught: Mapping[str, Status]) -> Snapshot:
    """Read the time of each agent, in one piece or as the sum of its slices.

    Raises:
        Unreadable: the answer has neither, or slices that are not sound.
    """
    answer = decode(reply.body, AgentActivityReply)
    rows: dict[str, list[AgentState]] = {}
    for piece in _slices(answer):
        for agent, told in piece.metrics_per_agent.items():
            rows.setdefault(agent, []).extend(_told_once(told))
    words, sound = Words(taught), not answer.drift
    days = {agent: _times(states, words, sound=sound) for agent, states in rows.items()}
    agents = tuple([_agent(agent, *day) for agent, day in days.items()])
    untold = sum(len(one.seconds_in_state) < len(days[one.id][0]) for one in agents)
    return Snapshot(
        agents=agents,
        dropped={Dropped.INVALID: answer.invalid_rows, Dropped.INCONSISTENT: untold},
        drift=answer.drift,
        unknown_statuses=words.unknown,
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
    if len({row.id for row in rows}) == len(rows):
        return rows
    times = Counter(row.id for row in rows)
    return (row if times[row.id] == 1 else replace(row, value=Spent(), reasons=[]) for row in rows)


def _times(rows: Iterable[AgentState], words: Words, *, sound: bool) -> tuple[Mapping[State, Time], Time | None]:
    """Add up the time in each state, that away by its reasons, and that logged in, which is their sum."""
    times: dict[State, Time] = {}
    logged_in: Time | None = None
    for row in rows:
        whole = Time.of(row.value)
        if row.id == _LOGGED_IN:
            logged_in = logged_in + whole if logged_in else whole
            continue
        parted = row.reasons or not sound
        for part, time in _parts(row, whole, words, sound=sound) if parted else ((words.state(row), whole),):
            times[part] = times[part] + time if part in times else time
    return times, logged_in


def _parts(row: AgentState, whole: Time, words: Words, *, sound: bool) -> Iterator[tuple[State, Time]]:
    """Part the time in a state by the reasons that the agent gave; what has none keeps the word of the state.

    Where the reasons are more than the whole, nothing of it is told. Where the answer was not sound, a part
    without a reason may be one whose reason was lost, and is not told.
    """
    reasons, state = row.reasons or [], words.state(row)
    told = sum((Time.of(reason.value) for reason in reasons), Time())
    rounding = len(reasons) + 1.0
    rest = whole.less(told, rounding)
    contradiction = rest.whole is None and None not in (whole.whole, told.whole)
    for reason in reasons:
        yield words.reason(str(reason.id), state[0]), _UNTOLD if contradiction else Time.of(reason.value)
    lost = row.id == _AWAY and not sound and rest.whole is not None and rest.whole > rounding
    yield state, _UNTOLD if lost else rest


def _agent(agent: str, times: Mapping[State, Time], logged_in: Time | None) -> Agent:
    """Return an agent's day. What was added up is a float, and so is what had nothing to be added to."""
    seconds: dict[State, float] = {}
    engaged: dict[State, float] = {}
    full: dict[State, float] = {}
    for part, time in times.items():
        if time.whole is not None:
            seconds[part] = 0.0 + time.whole
        if time.engaged is not None:
            engaged[part] = 0.0 + time.engaged
        if time.full is not None:
            full[part] = 0.0 + time.full
    return Agent(
        id=agent,
        seconds_in_state=seconds,
        engaged_seconds=engaged,
        full_seconds=full,
        logged_in_seconds=None if logged_in is None or logged_in.whole is None else 0.0 + logged_in.whole,
    )
