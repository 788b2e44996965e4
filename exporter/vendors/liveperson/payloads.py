"""What LivePerson documents: the replies of its endpoints, and the total that each field is."""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from exporter.model import Measure
from exporter.wire.decode import EXACT, Count, Seconds

QUEUE_STATE = "queuestate"
QUEUE_HEALTH = "queuehealth"
ENGAGEMENTS = "engactivity"
AGENT_ACTIVITY = "agentactivity"
SERVICE_LEVEL = "sla"
MESSAGE_QUEUES = "msgqueuehealth"
AGENT_STATUS = "agent_view_status"
SUMMARY = "agent_view_summary"

Told = Annotated[int, Meta(ge=-1, le=EXACT)]
"""A number of things; -1 says that there is no data."""

Time = Annotated[float, Meta(ge=-1, le=float(EXACT))]
"""A duration, in the unit of its field; -1 says that there is no data."""

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)] | Annotated[str, Meta(min_length=1, max_length=64)]
"""Sent as a text here and as a number there."""

Name = Annotated[str, Meta(min_length=1, max_length=64)]
"""An id that a mapping has for a key; an empty one would be a label that is not there."""


class SkillState(Struct, frozen=True, rename="camel"):
    """The queue of one skill at this instant."""

    current_queue_size: Told | None = None
    current_available_slots: Told | None = None
    """An agent with unlimited concurrency counts as one."""
    current_max_wait_time_in_queue: Time | None = None
    """Milliseconds; -1 also where nobody waits. From version 2 on."""


class QueueStateReply(Struct, frozen=True):
    """The queues by skill; the id -1 stands for chats without one."""

    skills: dict[Name, SkillState]


class SkillHealth(Struct, frozen=True, rename="camel"):
    """The queue of one skill in the time asked for. Durations are seconds."""

    entered_q_eng: Told | None = None
    connected_eng: Told | None = None
    abandoned_eng: Told | None = None
    total_time_to_answer: Time | None = None
    total_time_to_abandon: Time | None = None
    max_queue_size: Told | None = None


HEALTH_TOTALS = {
    "entered_q_eng": (Measure.OFFERED, ""),
    "connected_eng": (Measure.ANSWERED, ""),
    "abandoned_eng": (Measure.OUTCOMES, "abandoned"),
    "total_time_to_answer": (Measure.ANSWER_SECONDS, ""),
    "total_time_to_abandon": (Measure.ABANDON_SECONDS, ""),
    "max_queue_size": (Measure.MOST_WAITING, ""),
}


class QueueHealthReply(Struct, frozen=True, rename="camel"):
    """The queues by skill."""

    skills_metrics: dict[Name, SkillHealth]


class Engagements(Struct, frozen=True, rename="camel"):
    """Chats of one skill or one agent in the time asked for. Durations are seconds."""

    total_interactive_chats: Count | None = None
    """Closed after both sides had written."""
    total_non_interactive_chats: Count | None = None
    """Closed otherwise, those that the visitor abandoned included."""
    total_handling_time: Seconds | None = None
    """Of the interactive chats."""
    non_interactive_total_handling_time: Seconds | None = None
    connected_engagements: Count | None = None


class SkillEngagements(Struct, frozen=True, rename="camel"):
    """One skill; its agents are told again for all skills together."""

    metrics_totals: Engagements


class EngagementsBySkill(Struct, frozen=True, rename="camel"):
    """All skills, each with its agents."""

    metrics_per_skill: dict[Name, SkillEngagements]


class EngagementsByAgent(Struct, frozen=True, rename="camel"):
    """All skills together."""

    metrics_per_agent: dict[Name, Engagements]


class EngagementsReply(Struct, frozen=True, rename="camel"):
    """Both breakdowns, as they are asked for."""

    skills_metrics_per_agent: EngagementsBySkill | None = None
    skills_metrics: EngagementsBySkill | None = None
    """The name of it in the text of the page; the samples have the other one."""
    agents_metrics: EngagementsByAgent | None = None


class Spent(Struct, frozen=True, rename="camel", gc=False):
    """Seconds in one state, each number cut by itself."""

    total: Seconds | None = None
    chatting: Seconds | None = None
    not_chatting: Seconds | None = None
    chatting_in_max_concurrency: Seconds | None = None


class AwayReason(Struct, frozen=True, gc=False):
    """A part of the time away for which the agent gave a reason."""

    id: Id
    value: Spent = Spent()


class AgentState(Struct, frozen=True, gc=False):
    """One state of one agent."""

    id: Told
    """-1 is all the time logged in, the others are its parts: 2 online, 3 back soon, 4 away."""
    name: str | None = None
    value: Spent = Spent()
    reasons: list[AwayReason] | UnsetType = UNSET


class AgentStates(Struct, frozen=True, rename="camel"):
    """The agents that were logged in; the others are left out."""

    metrics_per_agent: dict[Name, list[AgentState]]


class IntervalData(Struct, frozen=True, rename="camel"):
    """The wrapper of an interval's data."""

    agents_metrics: AgentStates | None = None


class Interval(IntervalData, frozen=True, rename="camel", kw_only=True):
    """A slice of the time asked for."""

    timestamp: Count
    """Its end, in milliseconds since the Unix epoch, rounded up to five minutes: it may lie in the future."""
    metrics_data: IntervalData | None = None

    @property
    def agents(self) -> AgentStates | None:
        """The agents, in the wrapper or, as samples now and then have it, without; None where in neither."""
        return (self.metrics_data or self).agents_metrics


class AgentActivityReply(Struct, frozen=True, rename="camel"):
    """The time asked for: in one piece, or in slices, beside which the piece is empty."""

    agents_metrics: AgentStates | None = None
    metrics_by_intervals: list[Interval] | UnsetType = UNSET


class Waited(Struct, frozen=True):
    """The chats whose wait lies in one bucket."""

    chats: Count | None = None


class ServiceLevelReply(Struct, frozen=True, rename="camel"):
    """The buckets by their lower bounds in seconds; the last has no upper one."""

    sla_data_range: dict[str, Waited]


class MessageQueue(Struct, frozen=True, rename="camel"):
    """The conversations of one skill that no agent has; durations are milliseconds."""

    unassigned_conversations: Told | None = None
    max_wait_time_for_agent_assignment: Time | None = None
    actionable_conversations: Told | None = None
    not_actionable_conversations: Told | None = None
    actionable_and_manual_sla: Told | None = None
    actionable_and_during_transfer: Told | None = None
    actionable_and_consumer_last_message: Told | None = None
    not_actionable_during_transfer: Told | None = None
    not_actionable_and_manual_sla: Told | None = None
    unassigned_conversations_and_first_time_consumer: Told | None = None
    overdue_conversations_in_queue: Told | None = None
    overdue_conversations_assigned: Told | None = None


MESSAGE_KINDS = {
    "actionable_conversations": "actionable",
    "not_actionable_conversations": "not_actionable",
    "actionable_and_manual_sla": "actionable_manual_sla",
    "actionable_and_during_transfer": "actionable_transferred",
    "actionable_and_consumer_last_message": "actionable_consumer_wrote_last",
    "not_actionable_during_transfer": "not_actionable_transferred",
    "not_actionable_and_manual_sla": "not_actionable_manual_sla",
    "unassigned_conversations_and_first_time_consumer": "first_time_consumer",
    "overdue_conversations_in_queue": "overdue_waiting",
    "overdue_conversations_assigned": "overdue_with_agent",
}


class MessageQueuesReply(Struct, frozen=True, rename="camel"):
    """The queues by skill; empty while nobody is logged in, and where LivePerson has not switched them on."""

    skills_metrics: dict[Name, MessageQueue]


class Skill(Struct, frozen=True, rename="camel"):
    """A skill of an agent."""

    skill_id: Id
    skill_name: str | None = None


class AgentRecord(Struct, frozen=True, rename="camel", gc=False):
    """One agent who is logged in, at this instant."""

    agent_id: Id
    agent_name: str | None = None
    current_status: str | None = None
    current_status_start_time_l: Count | None = None
    """Milliseconds since the Unix epoch."""
    current_status_reason: Id | None = None
    """Of being away; an id."""
    current_status_reason_start_time_l: Count | None = None
    configured_max_slots: Count | None = None
    open_assigned_conversations: Count | None = None
    load: Seconds | None = None
    """Percent; above 100 where conversations weigh more than the slots bear."""
    agent_skills: list[Skill] | None = []


class Shards(Struct, frozen=True, rename="camel"):
    """Whether all of the vendor's parts have answered."""

    partial_result: bool = False


class Metadata(Struct, frozen=True, rename="camel"):
    """About a page."""

    count: Count | None = None
    """Of the agents of all pages together."""
    shards_status_result: Shards = Shards()


class AgentStatusReply(Struct, frozen=True, rename="camel"):
    """One page of the agents."""

    agent_status_records: list[AgentRecord]
    metadata: Metadata = field(name="_metadata", default=Metadata())


class AgentPage(Struct, frozen=True, rename="camel"):
    """As much of a page as is needed to find the next one."""

    agent_status_records: list[Raw]
    metadata: Metadata = field(name="_metadata", default=Metadata())


class Summary(Struct, frozen=True, rename="camel"):
    """All agents who are logged in, together."""

    num_online_agents: Count | None = None
    num_away_agents: Count | None = None
    num_back_soon_agents: Count | None = None
    open_assigned_conversations: Count | None = None


class SummaryReply(Struct, frozen=True, rename="camel"):
    """The summary in its envelope."""

    summary_results: Summary
