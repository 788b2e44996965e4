"""The newer engine's payloads, turned into the model."""

from collections import Counter
from collections.abc import Iterable, Sequence

from exporter.model import (
    Agent,
    Channel,
    Measure,
    Queue,
    Snapshot,
    Status,
    Total,
    count_by_status,
    count_online,
)
from exporter.vendors.pages import unique
from exporter.vendors.voximplant.rows import all_rows, dropped, lost_rows, waits
from exporter.vendors.voximplant.smartqueue_payloads import (
    REPORTS,
    SQ_AGENTS,
    SqAgent,
    SqAgentsReply,
    SqMetricsReply,
    SqQueue,
    SqStateReply,
    Task,
)
from exporter.vendors.voximplant.words import Words
from exporter.wire.decode import decode, drift_of
from exporter.wire.http import Reply

_CHANNELS = {"CALL": Channel.VOICE, "IM": Channel.CHAT}
_WAITING, _RINGING, _IN_PROGRESS = "IN_QUEUE", "DISTRIBUTED", "IN_PROCESSING"
_LOGGED_IN = tuple(status for status in Status if status is not Status.OFFLINE)
_BUSIEST_FIRST = (
    *(Status.ON_CONTACT, Status.RINGING, Status.WRAP_UP, Status.AVAILABLE),
    *(Status.BUSY, Status.AWAY, Status.OTHER, Status.OFFLINE),
)


def read_sq_state(reply: Reply, words: Words) -> Snapshot:
    """Read who waits and who serves, by queue and channel; a list that lost a row is not counted."""
    answer = decode(reply.body, SqStateReply)
    lost = {name for name in ("tasks", "sq_agents") if f"result[].{name}[]" in answer.drift}
    rows = unique(answer.value.result, "sq_queue_id")
    queues = [
        queue
        for key, row in rows.items()
        for queue in (
            Queue(key, name=row.sq_queue_name),
            *(() if "sq_agents" in lost else _serving(key, row, words)),
            *(() if "tasks" in lost else _tasks(key, row)),
        )
    ]
    agents = [agent for row in rows.values() for agent in row.sq_agents or ()]
    return Snapshot(
        queues=tuple(queues),
        dropped=dropped(answer.invalid_rows, len(answer.value.result) - len(rows)),
        drift=answer.drift,
        unknown_statuses=words.unknown(word for agent in agents for word in agent.words),
    )


def _serving(key: str, row: SqQueue, words: Words) -> Iterable[Queue]:
    """Yield the agents of a queue; those who are offline are not listed, so their number is not known."""
    states = [_doing(agent, words) for agent in row.sq_agents or ()]
    known = [state[0] for state in states if state]
    if row.sq_agents is not None and len(known) == len(states):
        yield Queue(key, agents=Counter(known), told=_LOGGED_IN)


def _tasks(key: str, row: SqQueue) -> Iterable[Queue]:
    """Yield the calls and chats of a queue; what rings at an agent neither waits in line nor is in progress."""
    if row.tasks is None:
        return
    found: dict[Channel, list[Task]] = {channel: [] for channel in _CHANNELS.values()}
    for task in row.tasks:
        found.setdefault(_CHANNELS.get(task.task_type, Channel.OTHER), []).append(task)
    for channel, tasks in found.items():
        count = Counter(task.status for task in tasks)
        yield Queue(
            key,
            channel=channel,
            in_progress=count.pop(_IN_PROGRESS, 0),
            contacts={"ringing": count.pop(_RINGING, 0), "other": count.total() - count[_WAITING]},
            **waits([_seconds(task.waiting_time) for task in tasks if task.status == _WAITING]),
        )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def read_sq_agents(replies: Sequence[Reply], words: Words) -> Snapshot:
    """Read all agents of the application."""
    answers = [decode(reply.body, SqAgentsReply) for reply in replies]
    rows = all_rows(answers, SQ_AGENTS, "user_id")
    agents = tuple(_agent(key, row, words) for key, row in rows.items())
    by_status = None if any(answer.invalid_rows for answer in answers) else count_by_status(agents)
    return Snapshot(
        agents=agents,
        agents_online=count_online(by_status),
        agents_by_status=by_status,
        dropped=lost_rows(answers, rows),
        drift=drift_of(answers),
        unknown_statuses=words.unknown(word for row in rows.values() for word in row.words),
    )


def _agent(key: str, row: SqAgent, words: Words) -> Agent:
    status, word = _doing(row, words) or (None, "")
    return Agent(key, name=row.user_display_name or row.user_name, status=status, vendor_status=word)


def _doing(row: SqAgent, words: Words) -> tuple[Status, str] | None:
    """Return what an agent does: the busiest of the channels; None where none is told."""
    states = [(words.status(word), word) for word in row.words]
    return min(states, key=lambda state: _BUSIEST_FIRST.index(state[0]), default=None)


def read_sq_metrics(reply: Reply) -> Snapshot:
    """Read what became of the contacts of the latest half hour."""
    answer = decode(reply.body, SqMetricsReply)
    whole = "result[].groups[].values[]" not in answer.drift  # else a sum may lack a part
    totals = {
        (REPORTS[report.report_type], str(group.sq_queue_id)): sum(one.value for one in group.values)
        for report in answer.value.result
        for group in report.groups
        if report.report_type in REPORTS and group.values and whole
    }
    return Snapshot(
        totals=tuple(Total(Measure.RECENT, value, outcome, queue) for (outcome, queue), value in totals.items()),
        dropped=dropped(answer.invalid_rows, 0),
        drift=answer.drift,
    )
