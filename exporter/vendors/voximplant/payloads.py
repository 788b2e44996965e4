"""What Voximplant documents of its older engine, and the total that each field of a queue's day is.

Lists of the day's statistics come in two orders, by user or by time; the levels then change places. What did not
occur is absent, and so is what was not asked for.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from exporter.model import Measure
from exporter.wire.decode import Count, Seconds

STATE = "GetACDState"
USERS = "GetUsers"
STATUSES = "GetACDOperatorStatusStatistics"
OPERATORS = "GetACDOperatorStatistics"
QUEUE_DAY = "GetACDQueueStatistics"
QUEUES = "GetQueues"

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)] | Annotated[str, Meta(min_length=1, max_length=64)]
"""Numbers in the samples, texts in the reference."""


class Page(Struct, frozen=True):
    """As much of a page as is needed to find the next one."""

    result: list[Raw]
    total_count: Count | None = None
    """Of all pages together; the lists of the newer engine do not tell it."""


# Now.


class Operator(Struct, frozen=True):
    """An agent in a queue's list."""

    user_id: Id | None = None


class Call(Struct, frozen=True):
    """A call in the queue, or with an agent."""

    user_id: Id | None = None
    """Of the agent who has it, or is being rung for it."""
    waiting_time: Seconds | None = None


class QueueState(Struct, frozen=True):
    """One queue at this instant."""

    acd_queue_id: Id
    ready_operators_count: Count | None = None
    locked_operators: list[Operator] | None = None
    """READY, and cannot be called: on a call, being rung, or banned."""
    after_service_operator_count: Count | None = None
    """In the singular, unlike the others."""
    servicing_calls: list[Call] | None = None
    waiting_calls: list[Call] | None = None


class AcdState(Struct, frozen=True):
    """All queues."""

    acd_queues: list[QueueState]


class AcdStateReply(Struct, frozen=True):
    """The queues in their envelope."""

    result: AcdState


class User(Struct, frozen=True, gc=False):
    """One user of the application."""

    user_id: Id
    user_name: str | None = None
    user_display_name: str | None = None
    acd_status: str | UnsetType | None = UNSET
    """Absent for users who serve no queue."""
    acd_status_change_time: str | None = None


class UsersReply(Struct, frozen=True):
    """One page of users."""

    result: list[User]
    total_count: Count | None = None


class QueueInfo(Struct, frozen=True):
    """One queue as it was set up."""

    acd_queue_id: Id
    acd_queue_name: str | None = None
    deleted: object = None
    """When it was; null or absent where it is in use."""


class QueuesReply(Struct, frozen=True):
    """One page of queues."""

    result: list[QueueInfo]
    total_count: Count | None = None


# The day so far.


class Item(Struct, frozen=True, gc=False):
    """Samples of one kind. The page's `avg` is cut and `min` tells nothing of a day: neither is read."""

    max: Seconds | None = None
    count: Count | None = None
    sum: Seconds | None = None


class Record(Struct, frozen=True):
    """Where and when a record belongs; what is not on the record itself is on its group."""

    user_id: Id | None = None
    date: str | None = None
    hour: int | None = None


class StatusRecord(Record, frozen=True):
    """How long one agent was in each status."""

    acd_status: dict[str, Item] | list[dict[str, Item]] | None = None
    """An object in the samples, a list in the reference."""

    @property
    def parts(self) -> list[dict[str, Item]]:
        """The statuses that occurred, in either form."""
        return self.acd_status if isinstance(self.acd_status, list) else [self.acd_status or {}]


class CallRecord(Record, frozen=True):
    """What one agent, or one queue, has done with calls."""

    SA: Item | None = None
    """From the first ring to the answer."""
    TT: Item | None = None
    """From the answer to the end of the call."""
    ACW: Item | None = None
    """Wrap-up."""
    HT: Item | None = None
    """Both of them."""
    TTT: Seconds | None = None
    TACW: Seconds | None = None
    THT: Seconds | None = None


class Calls(Struct, frozen=True):
    """A number of calls; its percentage follows from it."""

    count: Count


Counted = Calls | list[Calls] | Count | None
"""A plain number of an agent's calls; an object of a queue's in the samples, a list in the reference."""


class OperatorRecord(CallRecord, frozen=True):
    """What one agent has done with calls."""

    AC: Counted = None
    UAC: Counted = None
    TDT: Seconds | None = None


class StatusGroup(Record, frozen=True, kw_only=True):
    """The records of one agent, or of one time."""

    statistics: list[StatusRecord]


class OperatorGroup(Record, frozen=True, kw_only=True):
    """The records of one agent, or of one time."""

    statistics: list[OperatorRecord]


class StatusReply(Struct, frozen=True):
    """All groups."""

    result: list[StatusGroup]


class OperatorReply(Struct, frozen=True):
    """All groups."""

    result: list[OperatorGroup]


class ServiceLevel(Struct, frozen=True):
    """The calls that were answered in time, for one meaning of it."""

    acceptable_waiting_time: Seconds
    call_count: Count


class QueueRecord(CallRecord, frozen=True):
    """The day of the queue that was asked for, which the record does not name."""

    WT: Item | None = None
    AT: Item | None = None
    QL: Item | None = None
    """Calls, though the page's text says seconds."""
    TC: Count | None = None
    AC: Counted = None
    UAC: Counted = None
    RC: Counted = None
    SL: list[ServiceLevel] | None = None
    TWT: Seconds | None = None
    TST: Seconds | None = None
    TAT: Seconds | None = None


class QueueDayReply(Struct, frozen=True):
    """One record, or one for each time."""

    result: list[QueueRecord]


Told = float | None


def seconds(total: str, item: str) -> Callable[[Struct], Told]:
    """Return what reads a total, or else the sum of the samples, which is the same."""

    def read(record: Struct) -> Told:
        told: Told = getattr(record, total)
        return told if told is not None else _of(record, item, "sum")

    return read


def _of(record: Struct, item: str, part: str) -> Told:
    return getattr(getattr(record, item), part, None)


def calls(name: str) -> Callable[[Struct], Told]:
    """Return what reads a number of calls, in whichever form."""

    def read(record: Struct) -> Told:
        told: int | Calls | list[Calls] | None = getattr(record, name)
        match told:
            case int():  # the plain number as it is: to match it by a name costs five times as much
                return told
            case Calls(count) | [Calls(count)]:
                return count
        return None

    return read


class Field(Struct, frozen=True):
    """A total of a queue's day: how a record tells it, and how those of several records go together."""

    measure: Measure
    read: Callable[[Struct], Told]
    kind: str = ""
    together: Callable[[Iterable[float]], float] = sum


OPERATOR_FIELDS: Mapping[str, Callable[[Struct], Told]] = {
    "accepted": calls("AC"),
    "missed": calls("UAC"),
    "answer_seconds": seconds("TDT", "SA"),
    "contact_seconds": seconds("TTT", "TT"),
    "wrap_up_seconds": seconds("TACW", "ACW"),
    "handling_seconds": seconds("THT", "HT"),
}
"""By the agent's field; each is the sum of its records."""

QUEUE_FIELDS: tuple[Field, ...] = (
    Field(Measure.OFFERED, lambda record: getattr(record, "TC", None)),
    Field(Measure.ANSWERED, calls("AC")),
    Field(Measure.OUTCOMES, calls("UAC"), "unanswered"),
    Field(Measure.OUTCOMES, lambda record: _of(record, "AT", "count"), "abandoned"),
    Field(Measure.OUTCOMES, calls("RC"), "rejected"),
    Field(Measure.WAIT_SECONDS, seconds("TWT", "WT")),
    Field(Measure.RING_SECONDS, seconds("TST", "SA")),
    Field(Measure.ABANDON_SECONDS, seconds("TAT", "AT")),
    Field(Measure.TALK_SECONDS, seconds("TTT", "TT")),
    Field(Measure.HANDLING_SECONDS, seconds("THT", "HT")),
    Field(Measure.WRAP_UP_SECONDS, seconds("TACW", "ACW")),
    Field(Measure.LONGEST_WAIT_SECONDS, lambda record: _of(record, "WT", "max"), together=max),
    Field(Measure.MOST_WAITING, lambda record: _of(record, "QL", "max"), together=max),
)
