"""Every metric of a contact centre: a table of names, helps, labels and the functions that find the samples."""

from collections.abc import Callable, Collection, Iterable
from operator import attrgetter
from typing import Any

from exporter.metrics.family import Column, Family, Labels, Value, column, single
from exporter.model import Agent, Measure, Snapshot, State, Status

_ID = attrgetter("id")


def _told(agents: Collection[Agent], value: Callable[[Agent], Any], rest: Labels = ()) -> Column:
    """Return one sample an agent where it was told: None is no sample."""
    keys, values = list(map(_ID, agents)), list(map(value, agents))
    if None in values:
        keys = [key for key, number in zip(keys, values, strict=True) if number is not None]
        values = [number for number in values if number is not None]
    return Column(keys, values, rest)


def _of_agents(name: str, text: str, field: str) -> Family[Snapshot]:
    """Return a family with one sample an agent."""
    value = attrgetter(field)

    def columns(snapshot: Snapshot) -> Iterable[Column]:
        return [_told(snapshot.agents, value)] if snapshot.agents else []

    return Family(name, text, ("agent",), columns)


def _of_agents_by(name: str, text: str, label: str, **fields: str) -> Family[Snapshot]:
    """Return a family with one sample an agent and kind; each kind has its field."""
    values = {kind: attrgetter(field) for kind, field in fields.items()}

    def columns(snapshot: Snapshot) -> Iterable[Column]:
        agents = snapshot.agents
        return [_told(agents, value, (kind,)) for kind, value in values.items()] if agents else []

    return Family(name, text, ("agent", label), columns)


def _of_states(name: str, text: str, field: str) -> Family[Snapshot]:
    """Return a family with one sample an agent and status."""
    states = attrgetter(field)

    def columns(snapshot: Snapshot) -> Iterable[Column]:
        found: dict[State, tuple[list[str], list[float]]] = {}
        for agent in snapshot.agents or ():
            for state, value in states(agent).items():
                keys, values = found.get(state) or found.setdefault(state, ([], []))
                keys.append(agent.id)
                values.append(value)
        return [Column(keys, values, state) for state, (keys, values) in found.items()]

    return Family(name, text, ("agent", "status", "vendor_status"), columns)


def _of_queues(name: str, text: str, field: str) -> Family[Snapshot]:
    """Return a family with one sample a queue and channel."""
    value = attrgetter(field)

    def columns(snapshot: Snapshot) -> Iterable[Column]:
        queues = snapshot.queues or ()
        return column(((q.id, q.channel), n) for q in queues if (n := value(q)) is not None)

    return Family(name, text, ("queue", "channel"), columns)


def _of_totals(name: str, text: str, measure: Measure, *labels: str) -> Family[Snapshot]:
    """Return a family of a measure; its labels are `queue`, the measure's kind, both or none."""

    def columns(snapshot: Snapshot) -> Iterable[Column]:
        return column(
            (tuple((total.queue or "") if label == "queue" else total.kind for label in labels), total.value)
            for total in snapshot.totals or ()
            if total.measure is measure
        )

    return Family(name, text, labels, columns)


def _by_status(snapshot: Snapshot) -> Iterable[Column]:
    counts = snapshot.agents_by_status
    return [] if counts is None else column(((status,), counts.get(status, 0)) for status in Status)


def _queue_agents(snapshot: Snapshot) -> Iterable[Column]:
    return column(
        ((queue.id, status), queue.agents.get(status, 0))
        for queue in snapshot.queues or ()
        if queue.agents is not None
        for status in Status
    )


def _callbacks(snapshot: Snapshot) -> Iterable[Column]:
    return column(((q.id, source), n) for q in snapshot.queues or () for source, n in q.callbacks.items())


def _agent_status(snapshot: Snapshot) -> Iterable[Column]:
    found: dict[State, list[str]] = {}
    for agent in snapshot.agents or ():
        if agent.status is not None:
            found.setdefault((agent.status, agent.vendor_status), []).append(agent.id)
    return [Column(keys, [1] * len(keys), state) for state, keys in found.items()]


def _agent_info(agents: Iterable[Agent]) -> Iterable[tuple[Labels, Value]]:
    return (((agent.id, agent.name, agent.via or ""), 1) for agent in agents if agent.name is not None)


NOW: tuple[Family[Snapshot], ...] = (
    Family(
        "agents_online",
        "Agents logged in now, by the vendor's own count: on a contact, in wrap-up and away included.",
        (),
        lambda snapshot: single(snapshot.agents_online),
    ),
    Family("agents", "Agents by status now, counted from the vendor's list.", ("status",), _by_status),
    _of_queues("calls_waiting", "Contacts waiting for an agent now.", "waiting"),
    _of_queues("calls_in_progress", "Contacts with an agent now.", "in_progress"),
    Family(
        "callbacks_waiting",
        "Callback requests waiting now, by where they were made; one source may include another.",
        ("queue", "source"),
        _callbacks,
    ),
    _of_queues(
        "longest_wait_seconds",
        "Longest wait of the contacts waiting now; 0 where nobody waits.",
        "longest_wait_seconds",
    ),
    _of_queues(
        "average_wait_seconds",
        "Average wait of the contacts waiting now; 0 where nobody waits.",
        "average_wait_seconds",
    ),
    Family(
        "ai_agent_calls",
        "Calls with an AI agent now.",
        ("queue",),
        lambda snapshot: column(
            ((q.id,), q.ai_agent_calls) for q in snapshot.queues or () if q.ai_agent_calls is not None
        ),
    ),
    Family("queue_agents", "Agents that serve the queue, by status now.", ("queue", "status"), _queue_agents),
    Family(
        "queue_info",
        "1; the name of the queue.",
        ("queue", "queue_name"),
        lambda snapshot: column(((q.id, q.name), 1) for q in snapshot.queues or () if q.name is not None),
    ),
    Family(
        "agent_status",
        "1 for the present status of the agent; vendor_status is the vendor's own word.",
        ("agent", "status", "vendor_status"),
        _agent_status,
    ),
    _of_agents(
        "agent_status_since_timestamp_seconds",
        "When the present status began, told by the vendor or seen by the exporter; absent until one of them can.",
        "since",
    ),
    Family(
        "agent_info",
        "1; the name and the device of the agent; only with privacy.agent_label: name.",
        ("agent", "agent_name", "via"),
        lambda snapshot: column(_agent_info(snapshot.agents or ())),
    ),
)

AGENT_DAY: tuple[Family[Snapshot], ...] = (
    _of_states(
        "seconds_in_state",
        "Seconds the agent has spent in the status since the window began. The rows of an agent never overlap: "
        "they are parts of the time logged in.",
        "seconds_in_state",
    ),
    _of_states(
        "longest_seconds_in_state",
        "Longest single stay of the agent in the status since the window began.",
        "longest_stays",
    ),
    _of_states(
        "state_entries_today",
        "How often the agent has entered the status since the window began.",
        "entries",
    ),
    _of_agents(
        "agent_logged_in_seconds_today",
        "Seconds the agent has been logged in today, in whatever status.",
        "logged_in_seconds",
    ),
    _of_agents_by(
        "agent_calls_today",
        "Calls offered to the agent today, by what the agent did.",
        "outcome",
        accepted="accepted",
        declined="declined",
        missed="missed",
    ),
    _of_agents(
        "agent_contact_seconds_today",
        "Seconds the agent has been on contacts today, hold included. May overlap seconds_in_state.",
        "contact_seconds",
    ),
    _of_agents(
        "agent_talk_seconds_today",
        "Seconds the agent has talked today, without hold and consultation. May overlap seconds_in_state.",
        "talk_seconds",
    ),
    _of_agents(
        "agent_hold_seconds_today",
        "Seconds the agent has kept contacts on hold today. May overlap seconds_in_state.",
        "hold_seconds",
    ),
    _of_agents(
        "agent_wrap_up_seconds_today",
        "Seconds the agent has spent in wrap-up today. May overlap seconds_in_state.",
        "wrap_up_seconds",
    ),
    _of_agents(
        "agent_holds_today",
        "How often the agent has put a contact on hold today.",
        "holds",
    ),
    _of_agents_by(
        "agent_transfers_today",
        "Transfers of the agent today.",
        "direction",
        accepted="transfers_accepted",
        started="transfers_started",
    ),
    _of_agents_by(
        "agent_conferences_today",
        "Conferences of the agent with a third party today.",
        "direction",
        accepted="conferences_accepted",
        started="conferences_started",
    ),
)

TOTALS: tuple[Family[Snapshot], ...] = (
    _of_totals(
        "calls_today",
        "Calls today; direction is unknown where the vendor gives only the sum.",
        Measure.CALLS,
        "queue",
        "direction",
    ),
    _of_totals(
        "call_outcomes_today",
        "Calls today that ended otherwise than with an agent, by why; outcomes may overlap.",
        Measure.OUTCOMES,
        "queue",
        "outcome",
    ),
    _of_totals(
        "callbacks_today",
        "Callback requests today, successful or not; one source may include another.",
        Measure.CALLBACKS,
        "queue",
        "source",
    ),
    _of_totals("textbacks_today", "Text messages sent to callers today.", Measure.TEXTBACKS, "queue"),
    _of_totals("contact_seconds_today", "Duration of all calls today.", Measure.CONTACT_SECONDS, "queue"),
    _of_totals("hold_seconds_today", "Time on hold of all calls today.", Measure.HOLD_SECONDS, "queue"),
    _of_totals("wrap_up_seconds_today", "Wrap-up time of all calls today.", Measure.WRAP_UP_SECONDS, "queue"),
    _of_totals(
        "average_contact_seconds_today",
        "Average duration of a call today.",
        Measure.AVERAGE_CONTACT_SECONDS,
        "queue",
    ),
    _of_totals(
        "average_hold_seconds_today",
        "Average time on hold of a call today.",
        Measure.AVERAGE_HOLD_SECONDS,
        "queue",
    ),
    _of_totals(
        "average_wrap_up_seconds_today",
        "Average wrap-up time of a call today.",
        Measure.AVERAGE_WRAP_UP_SECONDS,
        "queue",
    ),
    _of_totals(
        "average_queue_wait_seconds_today",
        "Average time callers waited for an agent today.",
        Measure.AVERAGE_WAIT_SECONDS,
        "queue",
    ),
    _of_totals(
        "average_callback_wait_seconds_today",
        "Average time callers waited for a callback today.",
        Measure.AVERAGE_CALLBACK_WAIT_SECONDS,
        "queue",
    ),
    _of_totals(
        "average_answer_seconds_today",
        "Average time from the answer of the system to an agent today, greetings included.",
        Measure.AVERAGE_ANSWER_SECONDS,
        "queue",
    ),
    _of_totals(
        "longest_queue_wait_seconds_today",
        "Longest time a caller waited for an agent today.",
        Measure.LONGEST_WAIT_SECONDS,
        "queue",
    ),
    _of_totals(
        "most_waiting_today",
        "Most contacts that waited at once today, callbacks included.",
        Measure.MOST_WAITING,
        "queue",
    ),
    _of_totals(
        "team_calls_today",
        "Calls offered to agents today, by what they did; one call may be missed or declined by several.",
        Measure.TEAM_CALLS,
        "outcome",
    ),
    _of_totals("team_holds_today", "How often agents have put a call on hold today.", Measure.TEAM_HOLDS),
    _of_totals("team_transfers_today", "Transfers of all agents today.", Measure.TEAM_TRANSFERS, "direction"),
    _of_totals(
        "team_talk_seconds_today",
        "Talk time of all agents today, without hold and consultation.",
        Measure.TEAM_TALK_SECONDS,
    ),
    _of_totals("team_hold_seconds_today", "Time on hold of all agents today.", Measure.TEAM_HOLD_SECONDS),
    _of_totals("team_wrap_up_seconds_today", "Wrap-up time of all agents today.", Measure.TEAM_WRAP_UP_SECONDS),
    _of_totals(
        "average_agent_calls_today",
        "Average number of calls of an agent today, by what the agent did.",
        Measure.MEAN_AGENT_CALLS,
        "outcome",
    ),
    _of_totals(
        "average_agent_holds_today",
        "Average number of calls an agent has put on hold today.",
        Measure.MEAN_AGENT_HOLDS,
    ),
    _of_totals(
        "average_agent_transfers_today",
        "Average number of transfers of an agent today.",
        Measure.MEAN_AGENT_TRANSFERS,
        "direction",
    ),
    _of_totals(
        "average_agent_state_seconds_today",
        "Average time an agent has spent in a state today; logged_in includes the others.",
        Measure.MEAN_AGENT_STATE_SECONDS,
        "state",
    ),
    _of_totals(
        "team_average_talk_seconds_today",
        "Average talk time of a call today, over all agents.",
        Measure.MEAN_TALK_SECONDS,
    ),
    _of_totals(
        "team_average_hold_seconds_today",
        "Average time on hold of a call today, over all agents.",
        Measure.MEAN_HOLD_SECONDS,
    ),
    _of_totals(
        "team_average_wrap_up_seconds_today",
        "Average wrap-up time of a call today, over all agents.",
        Measure.MEAN_WRAP_UP_SECONDS,
    ),
    Family(
        "window_start_timestamp_seconds",
        "Where today began for the account; absent where neither the vendor nor the config says.",
        (),
        lambda snapshot: single(snapshot.window_start),
    ),
)

CENTRE: tuple[Family[Snapshot], ...] = NOW + AGENT_DAY + TOTALS
"""What the snapshots of an account hold."""
