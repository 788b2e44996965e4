"""What Zendesk documents: the replies of the four endpoints, and the total that each field of an overview is."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from exporter.model import Measure
from exporter.wire.decode import Count, Mean, Seconds

QUEUES = "current_queue_activity"
AGENTS = "agents_activity"
ACCOUNT = "account_overview"
TEAM = "agents_overview"


class QueueActivity(Struct, frozen=True):
    """The queue at this instant."""

    agents_online: Count | None = None
    average_wait_time: Seconds | None = None
    callbacks_waiting: Count | None = None
    calls_waiting: Count | None = None
    embeddable_callbacks_waiting: Count | None = None
    longest_wait_time: Seconds | None = None
    ai_agent_calls: Count | None = None
    """Not on the vendor's page; seen in answers."""


class QueueActivityReply(Struct, frozen=True):
    """The queue activity in its envelope."""

    current_queue_activity: QueueActivity


class AgentActivity(Struct, frozen=True, gc=False):
    """One agent: the state now, and the day so far."""

    agent_id: Annotated[int, Meta(ge=0, le=2**63 - 1)] | Annotated[str, Meta(min_length=1, max_length=64)]
    """Documented as a string, sent as an integer."""
    agent_state: str | None = None
    call_status: str | UnsetType | None = UNSET
    """`null` means neither on a call nor in wrap-up; absent means that it is not told."""
    available_time: Seconds | None = None
    """Online, and neither on a call nor in wrap-up."""
    away_time: Seconds | None = None
    online_time: Seconds | None = None
    """Online plus away plus transfers_only: all the time logged in."""
    transfers_only_time: Seconds | None = None
    total_call_duration: Seconds | None = None
    total_talk_time: Seconds | None = None
    total_hold_time: Seconds | None = None
    total_wrap_up_time: Seconds | None = None
    calls_accepted: Count | None = None
    calls_denied: Count | None = None
    calls_missed: Count | None = None
    calls_put_on_hold: Count | None = None
    accepted_transfers: Count | None = None
    started_transfers: Count | None = None
    accepted_third_party_conferences: Count | None = None
    started_third_party_conferences: Count | None = None
    name: str | None = None
    via: str | None = None


class AgentsActivityReply(Struct, frozen=True):
    """One page of the agents' activity."""

    agents_activity: list[AgentActivity]
    count: Count | None = None
    """Of all pages together."""


class NextPage(Struct, frozen=True):
    """As much of a page as is needed to find the next one."""

    next_page: str | None = None
    """An absolute address; null on the last page."""


class Field(Struct, frozen=True):
    """A documented field of an overview, and the total that it is."""

    shape: Any
    measure: Measure
    kind: str = ""


# The fields of every plan; a missing one is a change of the API.
ACCOUNT_FIELDS: dict[str, Field] = {
    "average_call_duration": Field(Seconds, Measure.AVERAGE_CONTACT_SECONDS),
    "average_queue_wait_time": Field(Seconds, Measure.AVERAGE_WAIT_SECONDS),
    "average_wrap_up_time": Field(Seconds, Measure.AVERAGE_WRAP_UP_SECONDS),
    "max_calls_waiting": Field(Count, Measure.MOST_WAITING),
    "max_queue_wait_time": Field(Seconds, Measure.LONGEST_WAIT_SECONDS),
    "total_call_duration": Field(Seconds, Measure.CONTACT_SECONDS),
    "total_calls": Field(Count, Measure.CALLS, "unknown"),
    "total_voicemails": Field(Count, Measure.OUTCOMES, "voicemail"),
    "total_wrap_up_time": Field(Seconds, Measure.WRAP_UP_SECONDS),
}
# Further fields of Professional and above.
ACCOUNT_PROFESSIONAL_FIELDS: dict[str, Field] = {
    "average_callback_wait_time": Field(Seconds, Measure.AVERAGE_CALLBACK_WAIT_SECONDS),
    "average_hold_time": Field(Seconds, Measure.AVERAGE_HOLD_SECONDS),
    "average_time_to_answer": Field(Seconds, Measure.AVERAGE_ANSWER_SECONDS),
    "total_callback_calls": Field(Count, Measure.CALLBACKS, "phone"),
    "total_calls_abandoned_in_queue": Field(Count, Measure.OUTCOMES, "abandoned"),
    "total_calls_outside_business_hours": Field(Count, Measure.OUTCOMES, "outside_hours"),
    "total_calls_with_exceeded_queue_wait_time": Field(Count, Measure.OUTCOMES, "exceeded_wait"),
    "total_calls_with_requested_voicemail": Field(Count, Measure.OUTCOMES, "requested_voicemail"),
    "total_hold_time": Field(Seconds, Measure.HOLD_SECONDS),
    "total_inbound_calls": Field(Count, Measure.CALLS, "inbound"),
    "total_outbound_calls": Field(Count, Measure.CALLS, "outbound"),
    "total_textback_requests": Field(Count, Measure.TEXTBACKS),
    "total_embeddable_callback_calls": Field(Count, Measure.CALLBACKS, "web_widget"),
}
TEAM_FIELDS: dict[str, Field] = {
    "average_wrap_up_time": Field(Seconds, Measure.MEAN_WRAP_UP_SECONDS),
    "total_calls_accepted": Field(Count, Measure.TEAM_CALLS, "accepted"),
    "total_calls_denied": Field(Count, Measure.TEAM_CALLS, "declined"),
    "total_calls_missed": Field(Count, Measure.TEAM_CALLS, "missed"),
    "total_talk_time": Field(Seconds, Measure.TEAM_TALK_SECONDS),
    "total_wrap_up_time": Field(Seconds, Measure.TEAM_WRAP_UP_SECONDS),
}
TEAM_PROFESSIONAL_FIELDS: dict[str, Field] = {
    "average_accepted_transfers": Field(Mean, Measure.MEAN_AGENT_TRANSFERS, "accepted"),
    "average_available_time": Field(Seconds, Measure.MEAN_AGENT_STATE_SECONDS, "available"),
    "average_away_time": Field(Seconds, Measure.MEAN_AGENT_STATE_SECONDS, "away"),
    "average_calls_accepted": Field(Mean, Measure.MEAN_AGENT_CALLS, "accepted"),
    "average_calls_denied": Field(Mean, Measure.MEAN_AGENT_CALLS, "declined"),
    "average_calls_missed": Field(Mean, Measure.MEAN_AGENT_CALLS, "missed"),
    "average_calls_put_on_hold": Field(Mean, Measure.MEAN_AGENT_HOLDS),
    "average_hold_time": Field(Seconds, Measure.MEAN_HOLD_SECONDS),
    "average_online_time": Field(Seconds, Measure.MEAN_AGENT_STATE_SECONDS, "logged_in"),
    "average_started_transfers": Field(Mean, Measure.MEAN_AGENT_TRANSFERS, "started"),
    "average_talk_time": Field(Seconds, Measure.MEAN_TALK_SECONDS),
    "average_transfers_only_time": Field(Seconds, Measure.MEAN_AGENT_STATE_SECONDS, "transfers_only"),
    # The page describes this one with the words of started transfers; the name is right.
    "total_accepted_transfers": Field(Count, Measure.TEAM_TRANSFERS, "accepted"),
    "total_calls_put_on_hold": Field(Count, Measure.TEAM_HOLDS),
    "total_hold_time": Field(Seconds, Measure.TEAM_HOLD_SECONDS),
    "total_started_transfers": Field(Count, Measure.TEAM_TRANSFERS, "started"),
}


def _reply_shape(envelope: str, fields: Mapping[str, Field]) -> type[Struct]:
    """Return the structure of an overview reply: its fields, all optional, inside their envelope."""
    overview = msgspec.defstruct(
        envelope, [(name, field.shape | None, None) for name, field in fields.items()], frozen=True
    )
    return msgspec.defstruct(f"{envelope}_reply", [(envelope, overview)], frozen=True)


QUEUE_FIELDS = tuple(name for name in QueueActivity.__struct_fields__ if name != "ai_agent_calls")
AGENT_FIELDS = (
    *("agent_state", "call_status", "available_time", "away_time", "online_time", "transfers_only_time"),
    *("total_call_duration", "total_talk_time", "total_wrap_up_time"),
    *("calls_accepted", "calls_denied", "calls_missed"),
)
OVERVIEWS = {
    ACCOUNT: (ACCOUNT_FIELDS, ACCOUNT_FIELDS | ACCOUNT_PROFESSIONAL_FIELDS),
    TEAM: (TEAM_FIELDS, TEAM_FIELDS | TEAM_PROFESSIONAL_FIELDS),
}
OVERVIEW_REPLIES = {name: _reply_shape(name, fields) for name, (_, fields) in OVERVIEWS.items()}
