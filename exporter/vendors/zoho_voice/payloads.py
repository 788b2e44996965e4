"""What Zoho documents: the answers of the calls, as far as they are read.

Instants are milliseconds since the Unix epoch, durations milliseconds. A number may be a number, a text of digits,
or "--" where there is none; an id may be a text or an integer beyond 2^53.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from exporter.wire.decode import EXACT, Count

Key = Annotated[str, Meta(min_length=1, max_length=64)] | Annotated[int, Meta(ge=0, le=2**63 - 1)]
Instant = Annotated[int, Meta(ge=0, le=EXACT)]
Stamp = Instant | Annotated[str, Meta(pattern="^[0-9]{1,15}$")]
"""An instant, as a number or as its digits: a log is long, and all of it has digits."""
Millis = Annotated[float, Meta(ge=0, le=float(EXACT))]
Word = str
"""A status; an empty one and "--" are none."""


class Envelope(Struct, frozen=True):
    """What stands around each answer."""

    code: object = None
    status: object = None


class About(Struct, frozen=True):
    """What a list says of itself."""

    total: Count | None = None
    """Of all pages together."""


class User(Struct, frozen=True, gc=False, rename="camel"):
    """One user, who is an agent."""

    agent_id: Key | None = None
    """None where the account is not open, or the row is no agent's."""
    online_status: Word | None = None
    status: Count | None = None
    """Of the account: 1 active, 2 inactive, 3 pending."""
    last_active_time: Instant | None = None
    name: str | None = None


class UsersReply(Envelope, frozen=True, kw_only=True):
    """One page of the users."""

    users: list[User] | User
    """A user who is asked for alone comes without a list."""
    meta: About = About()

    @property
    def rows(self) -> list[User]:
        """The users, one or many."""
        return [self.users] if isinstance(self.users, User) else self.users


class QueueRow(Struct, frozen=True):
    """One queue, as it is set up."""

    id: Key
    name: str | None = None


class QueuesReply(Struct, frozen=True):
    """One page of the queues."""

    queues: list[QueueRow]


class Change(Struct, frozen=True, gc=False):
    """One change of an agent's status, or a check-in that left it as it was."""

    current_action_time: Instant | None = None
    """When it happened."""
    previous_status: Word | None = None
    current_status: Word | None = None
    previous_action_time: Instant | None = None
    """When the previous status began."""
    duration: Millis | None = None
    """Of the stay in the previous status."""


class AuditDay(Struct, frozen=True):
    """The changes of one day."""

    hits: list[Change] | None = None


class AgentAudit(Struct, frozen=True, rename={"previous_result": "previousResult"}):
    """The changes of one agent in a window, and the last one before it."""

    agent_id: Key
    previous_result: Change | None = None
    dates: list[AuditDay] | None = None
    hits: list[Change] | None = None
    """In the answers about one call, which are not parted into days."""


class Audit(Struct, frozen=True, rename="camel"):
    """The inner envelope."""

    agent_status: list[AgentAudit]


class ListReply(Struct, frozen=True):
    """The changes of some agents."""

    list: Audit


class Spent(Struct, frozen=True):
    """The time spent in one status, all stays together, each counted whole on the day on which it ended."""

    sum: Millis | None = None
    max: Millis | None = None
    """The longest single stay."""


Cells = dict[str, Spent | Annotated[int, Meta(ge=0, le=2**63 - 1)] | float | str | None]
"""Status words as keys, beside keys of other kinds: a status is what has a Spent."""


class AgentMetrics(Struct, frozen=True, rename="camel"):
    """The times of some agents together, and of each."""

    individual_aggregation: list[Cells]
    overall_aggregation: Cells = {}


class Overview(Struct, frozen=True):
    """The inner envelope."""

    agentmetrics: AgentMetrics


class OverviewReply(Struct, frozen=True):
    """The times of some agents in a window."""

    overview: Overview


class Interval(Struct, frozen=True):
    """One agent's times of one day."""

    previous_status: Cells


class Days(Struct, frozen=True, rename="camel"):
    """One agent, day by day."""

    total_row: Cells
    intervals_data: dict[str, Interval]
    """By date; days that were left out, or on which nothing ended, are not there."""
    intervals_list: list[str] = []


class Calendar(Struct, frozen=True, rename="camel"):
    """The inner envelope."""

    histogram_aggregation: list[Days]


class CalendarReply(Struct, frozen=True, rename="camel"):
    """The times of some agents, day by day."""

    calendar_summary: Calendar


class CallRow(Struct, frozen=True):
    """One call; which fields there are depends on the kind of call."""

    call_type: str
    """incoming, outgoing, missed, bridged or forward."""
    logid: Key | None = None
    uuid: Key | None = None
    """The name of `logid` in some answers."""
    start_time: Stamp | None = None
    answer_time: Stamp | None = None
    end_time: Stamp | None = None
    duration: str | None = None
    """From the answer to the end, MM:SS or HH:MM:SS."""
    voicemail: dict[str, Any] | None = None

    @property
    def kind(self) -> str:
        """The kind of call, in lower case."""
        return self.call_type.lower()

    @property
    def start(self) -> int | None:
        """When it began to ring."""
        return int(self.start_time or 0) or None

    @property
    def answer(self) -> int | None:
        """When somebody answered; None where nobody did."""
        return int(self.answer_time or 0) or None

    @property
    def end(self) -> int | None:
        """When it was over; None where it is not, or is not told."""
        return int(self.end_time or 0) or None

    @property
    def key(self) -> str | None:
        """The call's own id."""
        found = self.logid if self.logid is not None else self.uuid
        return None if found is None else str(found)


class LogsReply(Struct, frozen=True):
    """One page of the calls."""

    logs: list[CallRow]
    meta: About = About()


class HangUp(Struct, frozen=True):
    """Why a ring ended; its other fields are in the language of the user."""

    hangupcause: str | None = None


class Ring(Struct, frozen=True):
    """An agent's telephone rang, or was meant to."""

    is_answered: bool
    hangup_cause: HangUp | str | None = None

    @property
    def cause(self) -> str | None:
        """The vendor's word for why it ended."""
        return self.hangup_cause.hangupcause if isinstance(self.hangup_cause, HangUp) else self.hangup_cause


class Rung(Struct, frozen=True, rename="camel"):
    """An agent, and the rings there."""

    agent_id: Key
    rings: list[Ring] = []


class QueueDetails(Struct, frozen=True):
    """The caller's stay in one queue."""

    queue_id: Annotated[int, Meta(ge=-1, le=2**63 - 1)] | None = field(name="_queueId", default=None)
    """-1 as long as nothing is known."""
    customer_entry_time: Instant | None = None
    customer_exit_time: Instant | None = None


class QueueCall(Struct, frozen=True, rename="camel"):
    """One call in one queue."""

    queue_details: QueueDetails
    ringing_order: list[Rung] = []
    answered_agent: dict[str, Any] | None = None
    """Empty where nobody answered."""
    agent_status: list[AgentAudit] = []
    """The statuses of the queue's agents around the call."""


class QueueCalls(Struct, frozen=True):
    """The inner envelope."""

    response: list[QueueCall]


class LogReply(Struct, frozen=True):
    """One call, in each queue that it came through."""

    log: QueueCalls
