"""Zendesk's payloads, turned into the model."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeGuard

from msgspec import UNSET, Struct, UnsetType

from exporter.model import (
    ALL_QUEUES,
    NOTHING,
    Agent,
    Dropped,
    Queue,
    Snapshot,
    State,
    Status,
    Total,
    count_by_status,
    state,
)
from exporter.vendors.pages import check_whole, listed
from exporter.vendors.zendesk_talk.payloads import (
    ACCOUNT,
    AGENT_FIELDS,
    AGENTS,
    OVERVIEW_REPLIES,
    OVERVIEWS,
    QUEUE_FIELDS,
    QUEUES,
    AgentActivity,
    AgentsActivityReply,
    QueueActivity,
    QueueActivityReply,
)
from exporter.wire.decode import Decoded, decode, drift_of
from exporter.wire.http import Reply

_ROUNDING = 3  # three durations are taken off a fourth, each cut to whole seconds by the vendor

# Two independent axes: an agent who is away may be on a call. The call axis, where it says something, decides.
_AVAILABILITY = {
    "online": Status.AVAILABLE,
    "away": Status.AWAY,
    "transfers_only": Status.BUSY,  # logged in, but not offered calls from the queue
    "offline": Status.OFFLINE,
}
_CALL = {"on_call": Status.ON_CONTACT, "wrap_up": Status.WRAP_UP}


class Words(Struct, frozen=True):
    """The vendor's status words on both axes, and those that the config teaches."""

    availability: Mapping[str, Status]
    call: Mapping[str, Status]
    free: State
    occupied: State
    away: State
    transfers_only: State

    @classmethod
    def with_taught(cls, taught: Mapping[str, Status]) -> "Words":
        """Return the vendor's words, with the config's added or put in their place."""
        availability, call = {**_AVAILABILITY, **taught}, {**_CALL, **taught}
        return cls(
            availability,
            call,
            free=state(availability["online"], "online"),
            occupied=state(call["on_call"], "online"),
            away=state(availability["away"], "away"),
            transfers_only=state(availability["transfers_only"], "transfers_only"),
        )

    def status(self, state: str | None, call: str | UnsetType | None) -> tuple[Status | None, str]:
        """Return the status and the vendor's word: the call axis decides, the availability names itself.

        Somebody who is away may be on a call, so an availability alone says nothing but "offline" for sure.
        """
        if _is_word(call):
            return self.call.get(call, Status.OTHER), state or call
        if state is None or (call is UNSET and state != "offline"):
            return None, ""
        return self.availability.get(state, Status.OTHER), state

    def unknown(self, rows: Iterable[AgentActivity]) -> frozenset[str]:
        """Return the words that nobody has mapped yet."""
        rows = list(rows)
        states = {state for state in {row.agent_state for row in rows} if state is not None}
        calls = set(filter(_is_word, {row.call_status for row in rows}))
        return frozenset((states - self.availability.keys()) | (calls - self.call.keys()))


def read_queues(replies: tuple[Reply, ...], *, named: bool) -> Snapshot:
    """Read the queue activity: of the whole account, or of each queue where the config names some."""
    answers = [decode(reply.body, QueueActivityReply) for reply in replies]
    rows = {
        reply.request.about: answer.value.current_queue_activity
        for reply, answer in zip(replies, answers, strict=True)
    }
    shown = {name: row for name, row in rows.items() if name != ALL_QUEUES} if named else rows
    return Snapshot(
        queues=tuple(_queue(name, row) for name, row in shown.items()),
        agents_online=rows[ALL_QUEUES].agents_online,
        drift=_drift(QUEUES, answers, _absent(rows.values(), QUEUE_FIELDS)),
    )


def read_agents(replies: tuple[Reply, ...], groups: tuple[str, ...], words: Words) -> Snapshot:
    """Read the pages of the agents' activity, one list or one for each group; an agent may be in several.

    Whoever is lost has a status too: a list that lost a row is not counted.
    """
    lists: dict[str, list[Decoded[AgentsActivityReply]]] = {}
    for reply in replies:
        lists.setdefault(reply.request.about, []).append(decode(reply.body, AgentsActivityReply))
    members = {about: _members(pages) for about, pages in lists.items()}
    pages = [page for some in lists.values() for page in some]
    everyone = {key: row for rows in members.values() for key, row in rows.items()}
    status = cache(words.status)
    agents: dict[str, Agent] = {}
    inconsistent = 0
    for key, row in everyone.items():
        parts = _parts(row, words)
        inconsistent += parts is None
        agents[key] = _agent(key, row, *status(row.agent_state, row.call_status), parts or NOTHING)
    came = sum(len(page.value.agents_activity) for page in pages)
    lossy = {about for about, some in lists.items() if any(page.invalid_rows for page in some)}
    counts = {
        group: None if group in lossy else count_by_status([agents[key] for key in members[group]])
        for group in groups
    }
    return Snapshot(
        agents=tuple(agents.values()),
        agents_by_status=None if lossy else count_by_status(agents.values()),
        queues=tuple(Queue(group, name=group, agents=counts[group]) for group in groups),
        dropped={
            Dropped.INVALID: sum(page.invalid_rows for page in pages),
            Dropped.DUPLICATE: came - sum(map(len, members.values())),
            Dropped.INCONSISTENT: inconsistent,
        },
        drift=_drift(AGENTS, pages, _absent(everyone.values(), AGENT_FIELDS)),
        unknown_statuses=words.unknown(everyone.values()),
    )


def _members(pages: Sequence[Decoded[AgentsActivityReply]]) -> dict[str, AgentActivity]:
    """Return the agents of one list.

    Raises:
        Unreadable: it is not whole.
    """
    came = sum(len(page.value.agents_activity) + page.invalid_rows for page in pages)
    check_whole(AGENTS, (page.value.count for page in pages), came)
    return listed(AGENTS, (page.value.agents_activity for page in pages), "agent_id")


def read_totals(endpoint: str, replies: tuple[Reply, ...]) -> Snapshot:
    """Read an overview: of the whole account or of each configured queue, or of all agents together."""
    core, fields = OVERVIEWS[endpoint]
    answers = [decode(reply.body, OVERVIEW_REPLIES[endpoint]) for reply in replies]
    overviews = [getattr(answer.value, endpoint) for answer in answers]
    totals = [
        Total(field.measure, value, field.kind, reply.request.about if endpoint == ACCOUNT else None)
        for reply, overview in zip(replies, overviews, strict=True)
        for name, field in fields.items()
        if (value := getattr(overview, name)) is not None and not (name == "total_calls" and _told_apart(overview))
    ]
    return Snapshot(totals=tuple(totals), drift=_drift(endpoint, answers, _absent(overviews, core)))


def _agent(
    key: str, row: AgentActivity, status: Status | None, word: str, seconds: Mapping[State, float]
) -> Agent:
    return Agent(  # by place, in the order of the fields: by name it takes six times as long
        key,
        row.name,
        row.via,
        status,
        word,
        None,
        seconds,
        NOTHING,
        NOTHING,
        row.online_time,
        row.calls_accepted,
        row.calls_denied,
        row.calls_missed,
        row.total_call_duration,
        row.total_talk_time,
        row.total_hold_time,
        row.total_wrap_up_time,
        row.calls_put_on_hold,
        row.accepted_transfers,
        row.started_transfers,
        row.accepted_third_party_conferences,
        row.started_third_party_conferences,
    )


def _queue(name: str, row: QueueActivity) -> Queue:
    callbacks = {"phone": row.callbacks_waiting, "web_widget": row.embeddable_callbacks_waiting}
    return Queue(
        id=name,
        name=name,
        waiting=row.calls_waiting,
        longest_wait_seconds=row.longest_wait_time,
        average_wait_seconds=row.average_wait_time,
        callbacks={source: count for source, count in callbacks.items() if count is not None},
        ai_agent_calls=row.ai_agent_calls,
    )


def _parts(row: AgentActivity, words: Words) -> dict[State, float] | None:
    """Part the time logged in, so far as it is told; None where the parts contradict the whole.

    Calls and wrap-up also happen to agents who are away, so their totals overlap the others. What is left of
    the time online, when the free time is taken off, is contact and wrap-up together, and overlaps nothing.
    """
    online, free = row.online_time, row.available_time
    away, transfers = row.away_time, row.transfers_only_time
    if online is None or free is None or away is None or transfers is None:
        told = {words.free: free, words.away: away, words.transfers_only: transfers}
        return {state: seconds for state, seconds in told.items() if seconds is not None}
    occupied = online - free - away - transfers
    if occupied < -_ROUNDING:
        return None
    return {
        words.free: free,
        words.occupied: max(occupied, 0.0),
        words.away: away,
        words.transfers_only: transfers,
    }


def _told_apart(overview: Any) -> bool:
    """Whether the plan tells inbound from outbound calls, so that their sum need not be shown again."""
    return overview.total_inbound_calls is not None or overview.total_outbound_calls is not None


def _absent(rows: Iterable[Struct], names: Iterable[str]) -> list[str]:
    """Return the names that no row has at all: that is a change of the API, one row without it is not."""
    rows = list(rows)
    gone = {"call_status": UNSET}
    return [name for name in names if rows and all(getattr(row, name) is gone.get(name) for row in rows)]


def _drift(endpoint: str, answers: Iterable[Decoded[Any]], absent: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*drift_of(answers), *(f"{endpoint}.{name}" for name in absent))))


def _is_word(value: str | UnsetType | None) -> TypeGuard[str]:
    return isinstance(value, str) and value != "null"  # the page prints null in quotes
