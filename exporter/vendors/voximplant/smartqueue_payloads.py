"""What Voximplant documents of its newer engine, SmartQueue."""

from msgspec import Struct

from exporter.vendors.voximplant.payloads import Id
from exporter.wire.decode import Count, Seconds

SQ_STATE = "GetSQState"
SQ_AGENTS = "SQ_GetAgents"
SQ_METRICS = "GetSmartQueueRealtimeMetrics"


class ChannelStatus(Struct, frozen=True):
    """What an agent does in one channel."""

    sq_status_name: str


class Channels(Struct, frozen=True):
    """What an agent does in each channel."""

    CALL: ChannelStatus | None = None
    IM: ChannelStatus | None = None


class SqAgent(Struct, frozen=True):
    """One agent."""

    user_id: Id
    user_name: str | None = None
    user_display_name: str | None = None
    sq_statuses: list[Channels] | Channels | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The statuses in both channels; none where one of them is not told: it might be the one that counts."""
        parts = self.sq_statuses if isinstance(self.sq_statuses, list) else [self.sq_statuses]
        call = next((part.CALL for part in parts if part and part.CALL), None)
        chat = next((part.IM for part in parts if part and part.IM), None)
        return (call.sq_status_name, chat.sq_status_name) if call and chat else ()


class Task(Struct, frozen=True):
    """A call or a chat that the queue has."""

    task_type: str
    status: str
    waiting_time: Seconds | None = None
    """Milliseconds, unlike everything else."""


class SqQueue(Struct, frozen=True):
    """One queue at this instant."""

    sq_queue_id: Id
    sq_queue_name: str | None = None
    sq_agents: list[SqAgent] | None = None
    """Those logged in."""
    tasks: list[Task] | None = None


class SqStateReply(Struct, frozen=True):
    """All queues."""

    result: list[SqQueue]


class SqAgentsReply(Struct, frozen=True):
    """One page of agents."""

    result: list[SqAgent]


class Period(Struct, frozen=True):
    """What was counted from one time to another."""

    value: Count


class MetricGroup(Struct, frozen=True):
    """One queue's counts."""

    values: list[Period]
    sq_queue_id: Id


class Report(Struct, frozen=True):
    """One kind of count, of all queues."""

    report_type: str
    groups: list[MetricGroup]


class SqMetricsReply(Struct, frozen=True):
    """All reports."""

    result: list[Report]


# Counts only: of the times and shares that the vendor offers beside them, it does not say the unit.
REPORTS = {
    "call_count_assigned_to_queue": "assigned",
    "im_count_assigned_to_queue": "assigned_chats",
    "count_handled_calls": "handled",
    "count_abandonment_calls": "abandoned",
    "count_blocked_calls": "blocked",
}
