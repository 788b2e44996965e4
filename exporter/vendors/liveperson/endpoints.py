"""The endpoints of each family: what they can fill, how often to ask them, and where they are."""

from exporter.vendors.contract import Endpoint
from exporter.vendors.liveperson.payloads import (
    AGENT_ACTIVITY,
    AGENT_STATUS,
    ENGAGEMENTS,
    MESSAGE_QUEUES,
    QUEUE_HEALTH,
    QUEUE_STATE,
    SERVICE_LEVEL,
    SUMMARY,
)

_REFRESHED = 10.0  # seconds: LivePerson's own pace, faster brings nothing new
_SLOW = 4  # intervals between polls of what LivePerson collects in buckets of five minutes

CHAT = (
    Endpoint(QUEUE_STATE, ("calls_waiting", "longest_wait_seconds", "free_slots"), at_least=_REFRESHED),
    Endpoint(
        AGENT_ACTIVITY,
        (
            "seconds_in_state",
            "agent_engaged_seconds_today",
            "agent_full_seconds_today",
            "agent_logged_in_seconds_today",
            "window_start_timestamp_seconds",
        ),
        at_least=_REFRESHED,
    ),
    Endpoint(
        QUEUE_HEALTH,
        (
            "calls_offered_today",
            "calls_answered_today",
            "call_outcomes_today",
            "answer_seconds_today",
            "abandon_seconds_today",
            "most_waiting_today",
        ),
        every=_SLOW,
        at_least=_REFRESHED,
    ),
    Endpoint(
        ENGAGEMENTS,
        ("calls_closed_today", "handling_seconds_today", "agent_calls_today", "agent_handling_seconds_today"),
        every=_SLOW,
        at_least=_REFRESHED,
    ),
    Endpoint(SERVICE_LEVEL, ("answered_within_seconds_today",), every=_SLOW, at_least=_REFRESHED),
)
MESSAGING = (
    Endpoint(MESSAGE_QUEUES, ("calls_waiting", "longest_wait_seconds", "queue_contacts"), at_least=_REFRESHED),
    Endpoint(
        AGENT_STATUS,
        (
            "agents",
            "agent_status",
            "agent_status_since_timestamp_seconds",
            "agent_info",
            "agent_contacts",
            "agent_slots",
            "agent_load_ratio",
            "queue_agents",
            "queue_info",
        ),
        at_least=_REFRESHED,
    ),
    Endpoint(SUMMARY, ("agents_online", "calls_in_progress"), at_least=_REFRESHED),
)


PATHS = {
    QUEUE_STATE: ("leDataReporting", "operations", "queuestate"),
    AGENT_ACTIVITY: ("leDataReporting", "operations", "agentactivity"),
    QUEUE_HEALTH: ("leDataReporting", "operations", "queuehealth"),
    ENGAGEMENTS: ("leDataReporting", "operations", "engactivity"),
    SERVICE_LEVEL: ("leDataReporting", "operations", "sla"),
    MESSAGE_QUEUES: ("leDataReporting", "operations", "msgqueuehealth/current/"),
    AGENT_STATUS: ("msgHist", "messaging_history", "agent-view/status"),
    SUMMARY: ("msgHist", "messaging_history", "agent-view/summary"),
}
"""The service whose host answers, and the two parts of the path around the account."""
OF_TODAY = {AGENT_ACTIVITY, QUEUE_HEALTH, ENGAGEMENTS, SERVICE_LEVEL}
