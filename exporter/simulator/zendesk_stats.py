"""The floor, told in the numbers of Zendesk Talk's live statistics.

What the vendor's page leaves open is decided here, once:

- Nobody is "ringing" in this dialect: an agent who is rung is online and free, and `available_time` counts it.
- `agent_state` is what the agent has set, `call_status` what the telephone does: one who is away may be on a call.
- A callback is a part of the inbound call that asked for it, so it is in `total_calls` once.
- A call or a stay that still lasts counts up to now; one that began yesterday counts from midnight.
- A mean is over the calls, waits or wrap-ups that the total is over; the means per agent in `agents_overview` are
  over the agents that were logged in today. All numbers are whole, cut and not rounded.
"""

from collections import Counter
from collections.abc import Iterable

from exporter.model import Status
from exporter.simulator.history import VOICEMAILS, Outcome, Response, Source
from exporter.simulator.plan import AgentPlan
from exporter.simulator.truth import AgentDay, CallsDay, QueueNow, Sum

Told = dict[str, int]

_STATES = {
    Status.AVAILABLE: "online",
    Status.AWAY: "away",
    Status.BUSY: "transfers_only",
    Status.OFFLINE: "offline",
}
_CALL_STATUSES = {Status.ON_CONTACT: "on_call", Status.WRAP_UP: "wrap_up"}
_LOGGED_IN = frozenset({Status.AVAILABLE, Status.AWAY, Status.BUSY})
_FREE = frozenset({Status.AVAILABLE, Status.RINGING})


def queue_activity(now: QueueNow) -> Told:
    """Return `current_queue_activity`; `agents_online` are those online or away, as the vendor counts."""
    return {
        "agents_online": now.agents[Status.AVAILABLE] + now.agents[Status.AWAY],
        "average_wait_time": int(now.waits.mean),
        "callbacks_waiting": now.callbacks[Source.PHONE],
        "calls_waiting": now.waits.count,
        "embeddable_callbacks_waiting": now.callbacks[Source.WEB_WIDGET],
        "longest_wait_time": int(now.waits.longest),
    }


def account_overview(day: CallsDay, *, professional: bool) -> Told:
    """Return `account_overview`."""
    told = {
        "average_call_duration": int(day.calls.mean),
        "average_queue_wait_time": int(day.waits.mean),
        "average_wrap_up_time": int(day.wrap_ups.mean),
        "max_calls_waiting": day.most_waiting,
        "max_queue_wait_time": int(day.waits.longest),
        "total_call_duration": int(day.calls.seconds),
        "total_calls": day.inbound + day.outbound,
        "total_voicemails": sum(day.outcomes[outcome] for outcome in VOICEMAILS),
        "total_wrap_up_time": int(day.wrap_ups.seconds),
    }
    if professional:
        told |= {
            "average_callback_wait_time": int(day.callback_waits.mean),
            "average_hold_time": int(day.holds.mean),
            "average_time_to_answer": int(day.answers.mean),
            "total_callback_calls": day.callbacks.total(),
            "total_calls_abandoned_in_queue": day.outcomes[Outcome.ABANDONED],
            "total_calls_outside_business_hours": day.outcomes[Outcome.OUTSIDE_HOURS],
            "total_calls_with_exceeded_queue_wait_time": day.outcomes[Outcome.EXCEEDED_WAIT],
            "total_calls_with_requested_voicemail": day.outcomes[Outcome.REQUESTED_VOICEMAIL],
            "total_embeddable_callback_calls": day.callbacks[Source.WEB_WIDGET],
            "total_hold_time": int(day.holds.seconds),
            "total_inbound_calls": day.inbound,
            "total_outbound_calls": day.outbound,
            "total_textback_requests": day.outcomes[Outcome.TEXTBACK],
        }
    return told


def agents_overview(days: Iterable[AgentDay], *, professional: bool) -> Told:
    """Return `agents_overview` from all agents' days."""
    days = list(days)
    talk, hold, wrap_up = (
        sum((getattr(day, what) for day in days), Sum()) for what in ("talk", "hold", "wrap_up")
    )
    responses = sum((day.responses for day in days), Counter[Response]())
    told = {
        "average_wrap_up_time": int(wrap_up.mean),
        "total_calls_accepted": responses[Response.ACCEPTED],
        "total_calls_denied": responses[Response.DECLINED],
        "total_calls_missed": responses[Response.MISSED],
        "total_talk_time": int(talk.seconds),
        "total_wrap_up_time": int(wrap_up.seconds),
    }
    if not professional:
        return told
    present = sum(day.seconds(presence=_LOGGED_IN) > 0 for day in days) or 1
    seconds = {
        "available": sum(_available_seconds(day) for day in days),
        "away": sum(day.seconds(presence={Status.AWAY}) for day in days),
        "online": sum(day.seconds(presence=_LOGGED_IN) for day in days),
        "transfers_only": sum(day.seconds(presence={Status.BUSY}) for day in days),
    }
    totals = {
        "accepted_transfers": sum(day.transfers_accepted for day in days),
        "calls_put_on_hold": sum(day.held_calls for day in days),
        "started_transfers": sum(day.transfers_started for day in days),
    }
    calls = {f"calls_{word}": told[f"total_calls_{word}"] for word in ("accepted", "denied", "missed")}
    return {
        **told,
        **{f"average_{word}_time": int(total / present) for word, total in seconds.items()},
        **{f"average_{word}": total // present for word, total in {**totals, **calls}.items()},
        **{f"total_{word}": total for word, total in totals.items()},
        "average_hold_time": int(hold.mean),
        "average_talk_time": int(talk.mean),
        "total_hold_time": int(hold.seconds),
    }


def agent_activity(plan: AgentPlan, day: AgentDay, *, professional: bool) -> dict[str, object]:
    """Return one row of `agents_activity`; offline agents have a row of zeros."""
    told: dict[str, object] = {
        "agent_id": plan.id,
        "agent_state": _STATES[day.presence],
        "available_time": int(_available_seconds(day)),
        "avatar_url": f"https://avatars.example/{plan.id}.png",
        "away_time": int(day.seconds(presence={Status.AWAY})),
        "call_status": _CALL_STATUSES.get(day.status),
        "calls_accepted": day.responses[Response.ACCEPTED],
        "calls_denied": day.responses[Response.DECLINED],
        "calls_missed": day.responses[Response.MISSED],
        "forwarding_number": plan.forwarding_number,
        "name": plan.name,
        "online_time": int(day.seconds(presence=_LOGGED_IN)),
        "total_call_duration": int(day.contact.seconds),
        "total_talk_time": int(day.talk.seconds),
        "total_wrap_up_time": int(day.wrap_up.seconds),
        "transfers_only_time": int(day.seconds(presence={Status.BUSY})),
        "via": plan.via,
    }
    if professional:
        told |= {
            "accepted_third_party_conferences": day.conferences_accepted,
            "accepted_transfers": day.transfers_accepted,
            "average_hold_time": int(day.hold.mean),
            "average_talk_time": int(day.talk.mean),
            "average_wrap_up_time": int(day.wrap_up.mean),
            "calls_put_on_hold": day.held_calls,
            "started_third_party_conferences": day.conferences_started,
            "started_transfers": day.transfers_started,
            "total_hold_time": int(day.hold.seconds),
        }
    return told


def _available_seconds(day: AgentDay) -> float:
    return day.seconds(presence={Status.AVAILABLE}, status=_FREE)
