"""What LivePerson tells of messaging, turned into the model."""

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from exporter.errors import Reason, Unreadable
from exporter.model import ALL_QUEUES, Agent, Channel, Dropped, Queue, Snapshot, Status, count_by_status
from exporter.vendors.liveperson.payloads import (
    AGENT_STATUS,
    MESSAGE_KINDS,
    MESSAGE_QUEUES,
    SUMMARY,
    AgentRecord,
    AgentStatusReply,
    MessageQueue,
    MessageQueuesReply,
    SummaryReply,
)
from exporter.vendors.liveperson.values import drift, known, longest_wait
from exporter.vendors.pages import check_whole, listed
from exporter.wire.decode import decode
from exporter.wire.http import Reply

_AWAY, _NO_REASON = "AWAY", "-1"
_SKILLS = "agentStatusRecords[].agentSkills"
_STATUSES = {
    "ONLINE": Status.AVAILABLE,
    "BACK_SOON": Status.BUSY,  # keeps the conversations that are open, and is given no new ones
    _AWAY: Status.AWAY,
    "OFFLINE": Status.OFFLINE,
}


def read_message_queues(reply: Reply) -> Snapshot:
    """Read which conversations have no agent, by skill."""
    answer = decode(reply.body, MessageQueuesReply)
    skills = answer.value.skills_metrics
    return Snapshot(
        queues=tuple(_message_queue(skill, row) for skill, row in skills.items()),
        dropped={Dropped.INVALID: answer.invalid_rows},
        drift=drift(
            MESSAGE_QUEUES,
            [answer],
            skills.values(),
            ("unassigned_conversations", "max_wait_time_for_agent_assignment"),
        ),
    )


def _message_queue(skill: str, row: MessageQueue) -> Queue:
    kinds = {kind: known(getattr(row, name)) for name, kind in MESSAGE_KINDS.items()}
    return Queue(
        id=skill,
        channel=Channel.MESSAGING,
        waiting=known(row.unassigned_conversations),
        longest_wait_seconds=longest_wait(row.unassigned_conversations, row.max_wait_time_for_agent_assignment),
        contacts={kind: count for kind, count in kinds.items() if count is not None},
    )


def read_agent_status(
    replies: tuple[Reply, ...], taught: Mapping[str, Status], skills: frozenset[str]
) -> Snapshot:
    """Read the pages of the agents who are logged in; of their skills, all or the given ones.

    Raises:
        Unreadable: the list is not whole.
    """
    pages = [decode(reply.body, AgentStatusReply) for reply in replies]
    if any(page.value.metadata.shards_status_result.partial_result for page in pages):
        raise Unreadable(Reason.TRUNCATED, f"{AGENT_STATUS} says itself that it is not whole; it comes again")
    came = sum(len(page.value.agent_status_records) for page in pages)
    invalid = sum(page.invalid_rows for page in pages)
    check_whole(AGENT_STATUS, (page.value.metadata.count for page in pages), came + invalid)
    rows = listed(AGENT_STATUS, (page.value.agent_status_records for page in pages), "agent_id")
    words = {**_STATUSES, **taught}
    agents = {key: _agent(key, row, words) for key, row in rows.items()}
    told = ("current_status", "current_status_start_time_l", "configured_max_slots", "load", "agent_skills")
    queues = tuple(_members(rows, agents, skills))
    if invalid or any(_SKILLS in page.drift for page in pages):  # whoever is lost is in one of these counts
        queues = tuple(replace(queue, agents=None) for queue in queues)
    return Snapshot(
        agents=tuple(agents.values()),
        agents_by_status=None if invalid else count_by_status(agents.values()),
        queues=queues,
        dropped={Dropped.INVALID: invalid, Dropped.DUPLICATE: came - len(rows)},
        drift=drift(AGENT_STATUS, pages, rows.values(), told),
        unknown_statuses=frozenset(row.current_status for row in rows.values() if row.current_status is not None)
        - words.keys(),
    )


def _agent(key: str, row: AgentRecord, words: Mapping[str, Status]) -> Agent:
    """Read one agent; who is away for a reason has been so since the reason was given."""
    word, since = row.current_status, row.current_status_start_time_l
    status = None if word is None else words.get(word, Status.OTHER)
    reason, given = str(row.current_status_reason or _NO_REASON), row.current_status_reason_start_time_l
    if word == _AWAY and (reason != _NO_REASON or given is not None):
        since = given
    if word == _AWAY and reason != _NO_REASON:
        word, status = reason, words.get(reason, status)
    return Agent(
        id=key,
        name=row.agent_name,
        status=status,
        vendor_status=word or "",
        since=None if status is None or since is None else since / 1000,
        contacts=row.open_assigned_conversations,
        slots=row.configured_max_slots,
        load=None if row.load is None else row.load / 100,
    )


def _members(
    rows: Mapping[str, AgentRecord], agents: Mapping[str, Agent], wanted: frozenset[str]
) -> Iterator[Queue]:
    """Yield the skills that agents have, each with those agents."""
    names: dict[str, str | None] = {}
    members: dict[str, list[Agent]] = {}
    for key, row in rows.items():
        for skill, name in {str(one.skill_id): one.skill_name for one in row.agent_skills or ()}.items():
            if not wanted or skill in wanted:
                names.setdefault(skill, name)
                members.setdefault(skill, []).append(agents[key])
    for skill, name in names.items():
        yield Queue(skill, name, Channel.MESSAGING, agents=count_by_status(members[skill]))


def read_summary(reply: Reply) -> Snapshot:
    """Read all agents together."""
    answer = decode(reply.body, SummaryReply)
    told = answer.value.summary_results
    counts = (told.num_online_agents, told.num_away_agents, told.num_back_soon_agents)
    return Snapshot(
        agents_online=None if None in counts else sum(filter(None, counts)),
        queues=(Queue(ALL_QUEUES, channel=Channel.MESSAGING, in_progress=told.open_assigned_conversations),),
        drift=drift(SUMMARY, [answer], [told], told.__struct_fields__),
    )
