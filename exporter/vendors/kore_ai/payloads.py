"""What Kore.ai documents: pages of rows, one row an agent, a queue or a part of a queue."""

from collections.abc import Callable
from operator import attrgetter
from typing import Annotated, Any

from msgspec import Meta, Raw, Struct, field

from exporter.wire.decode import Count, Seconds

STATUSES = "agentstatusdetails"
AVAILABILITY = "availability"
PERFORMANCE = "queue-performance"
STATS = "queueStatsById"
QUEUES = "queues"

Key = Annotated[str, Meta(min_length=1, max_length=64)]
"""All ids are texts."""

OPEN = "-"
"""The end, and the duration, of what lasts."""


class _Told(Struct, frozen=True, rename="camel"):
    """A JSON object in the vendor's spelling."""


class Page(_Told, frozen=True, kw_only=True):
    """As much of a page as is sure: `limit`, `offset` and the totals beside it cannot be trusted."""

    rows: list[Raw]
    has_more: object = None
    errors: object = None
    """None where it is a page indeed."""


class Stay(_Told, frozen=True, gc=False):
    """An agent in one status."""

    primary_status: str | None = None
    secondary_status: str | None = None
    """The account's own word; the primary one again where the agent chose none."""
    start_time: str | None = None
    """Local time at the offset that was asked for, with nothing that says so."""
    end_time: str | None = None
    """OPEN while it lasts."""
    duration: str | None = None
    """Hours (24 and more are possible), minutes and seconds; up to a second less than from start to end."""


class AgentKey(_Told, frozen=True, gc=False):
    """Whose a row is."""

    user_id: Key


class AgentRow(AgentKey, frozen=True, gc=False):
    """One agent's log. Without a `status` nothing is known of the agent."""

    first_name: str | None = None
    last_name: str | None = None
    status: list[Stay] | None = None


class AgentPage(Page, frozen=True):
    """One page of agentstatusdetails, of either version."""

    rows: list[Raw] = field(name="data")


class Capacity(_Told, frozen=True, gc=False):
    """What an agent may have, and has, in one channel."""

    is_enabled: bool | None = None
    total_capacity: Count | None = None
    used_capacity: Count | None = None


class AvailableRow(_Told, frozen=True, gc=False):
    """One agent in the list of a status."""

    user_id: Key
    channel_capacity: dict[str, Capacity] | None = None


class Availability(Struct, frozen=True, rename="upper"):
    """All agents, in one list a status."""

    available: list[Raw] | None = None
    busy: list[Raw] | None = None
    away: list[Raw] | None = None
    offline: list[Raw] | None = None


class StatusCount(_Told, frozen=True):
    """The agents of a queue."""

    available: Count | None = None
    busy: Count | None = None
    away: Count | None = None
    offline: Count | None = None


class SystemTermination(_Told, frozen=True):
    """Conversations that the system ended, by why."""

    out_of_business_hours: Count | None = None
    no_agents_available: Count | None = None
    network_failure: Count | None = None
    voice_gateway_error: Count | None = None
    others: Count | None = field(name="Others", default=None)


LIVE = ("agentStatusCount", "waiting", "ongoing", "idle", "expired", "overdue")
DAY = (
    *("totalConversation", "answered", "transferred", "abandonedInQueue", "systemTermination"),
    *("ASA", "AHT", "SLA"),
)
"""The fields of queue-performance that are asked for, of this moment and of the window."""


class PerformanceKey(_Told, frozen=True):
    """What a row is about."""

    queue_id: Key
    channel: Key
    """The source as the account has it: `Voice`, `rtm`, `emailInst-support`."""
    direction: Key


class PerformanceRow(PerformanceKey, frozen=True):
    """One queue in one channel and direction: this moment, and the window that was asked for."""

    queue_name: str | None = None
    agent_status_count: StatusCount | None = None
    """Of the queue, again in each of its rows."""
    waiting: Count | None = None
    ongoing: Count | None = None
    idle: Count | None = None
    expired: Count | None = None
    overdue: Count | None = None
    total_conversation: Count | None = None
    answered: Count | None = None
    transferred: Count | None = None
    abandoned_in_queue: Count | None = None
    system_termination: SystemTermination | None = None
    asa: Seconds | None = field(name="ASA", default=None)
    """Mean time to answer, in a unit of which text and samples differ; 0 also where nothing was answered."""
    aht: Seconds | None = field(name="AHT", default=None)
    """Mean time to handle, likewise."""
    sla: Annotated[int, Meta(ge=0, le=100)] | str | None = field(name="SLA", default=None)
    """Percent, or "N/A"; a text by the page's table, a whole number in its sample."""


class PerformancePage(Page, frozen=True):
    """One page of queue-performance."""

    rows: list[Raw] = field(name="finalResult")


class Waits(_Told, frozen=True):
    """How long callers wait, in an undocumented unit."""

    avg_wait: Seconds | None = None
    max_wait: Seconds | None = None


class StatsRow(_Told, frozen=True):
    """One queue now, all channels together."""

    queue_id: Key
    queue_name: str | None = None
    waiting: Count | None = None
    engaged: Count | None = None
    agent_status: StatusCount | None = None
    queue_summary: Waits | None = None


class QueueRow(_Told, frozen=True):
    """One queue in the list of all."""

    id: Key


class QueuePage(Page, frozen=True):
    """One page of the queues."""

    rows: list[Raw] = field(name="results")


class Listing(Struct, frozen=True):
    """A list that comes in pages: what they look like, and what tells its rows from each other."""

    page: type[Page]
    lean: type[Struct]
    """As much of a row as tells it from the others."""
    key: Callable[[Any], Any]
    """Names, e-mails and custom ids may be shared; ids may not."""


LISTINGS = {
    STATUSES: Listing(AgentPage, AgentKey, attrgetter("user_id")),
    PERFORMANCE: Listing(PerformancePage, PerformanceKey, attrgetter("queue_id", "channel", "direction")),
    QUEUES: Listing(QueuePage, QueueRow, attrgetter("id")),
}
