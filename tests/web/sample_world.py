"""Worlds for the tests of the web: built by hand, as a poll would leave them."""

from collections.abc import Mapping

from exporter.errors import Reason
from exporter.model import ALL_QUEUES, Agent, Channel, Queue, Snapshot, Status
from exporter.store import AccountState, EndpointState, Held, Trouble, World
from exporter.wire.http import Budget

NOW = 1_790_000_000.0
EVER = 1e12


def held(snapshot: Snapshot, *, age: float = 7.0, expires: float = EVER) -> EndpointState:
    return EndpointState(Held(snapshot, NOW - age, expires), NOW - age, tried=True)


def sick(
    reason: Reason, detail: str, *, since: float = NOW - 754.0, last_success: float | None = None
) -> EndpointState:
    return EndpointState(None, last_success, Trouble(reason, detail, since), tried=True)


def account(name: str, endpoints: Mapping[str, EndpointState], budget: Budget = Budget()) -> AccountState:  # noqa: B008 - frozen
    return AccountState("zendesk_talk", name, endpoints, budget)


def world(*accounts: AccountState) -> World:
    return World({one.name: one for one in accounts})


def centre() -> World:
    """Four accounts: one well, one half well, one down, one that has only begun."""
    people = Snapshot(
        agents=(Agent("1", "Ann Smith", status=Status.AVAILABLE),),
        agents_by_status={
            Status.AVAILABLE: 41,
            Status.RINGING: 3,
            Status.ON_CONTACT: 58,
            Status.WRAP_UP: 12,
            Status.AWAY: 9,
            Status.OFFLINE: 27,
        },
        queues=(
            Queue("Tier 2", agents={Status.AVAILABLE: 4, Status.ON_CONTACT: 11, Status.WRAP_UP: 2}),
            Queue("Night shift", agents={}),
        ),
    )
    lines = Snapshot(
        queues=(
            Queue("Sales", waiting=4, longest_wait_seconds=95, average_wait_seconds=41.2),
            Queue("Support DE", waiting=11, longest_wait_seconds=412, average_wait_seconds=133),
            Queue("Support EN", waiting=0, longest_wait_seconds=0, average_wait_seconds=0),
            Queue("Billing", channel=Channel.CHAT, waiting=2, longest_wait_seconds=3_725),
        ),
        agents_online=123,
    )
    well = account(
        "support-eu",
        {
            "current_queue_activity": held(lines),
            "agents_activity": held(people, age=12),
            "account_overview": held(Snapshot(), age=190),
        },
        budget=Budget(200, 188),
    )
    half = account(
        "support-us",
        {
            "current_queue_activity": held(
                Snapshot(
                    queues=(Queue(ALL_QUEUES, waiting=1, longest_wait_seconds=9, average_wait_seconds=9),),
                    agents_online=31,
                )
            ),
            "agents_activity": sick(
                Reason.FORBIDDEN,
                "HTTP 403: the credentials may not read this; check role, plan and scope",
                last_success=NOW - 86_400,
            ),
        },
        budget=Budget(200),
    )
    refused = "HTTP 401: the vendor does not accept the credentials; check that they are valid"
    down = account(
        "bookings",
        {
            "current_queue_activity": sick(Reason.CREDENTIALS, refused),
            "agents_activity": sick(Reason.CREDENTIALS, refused),
        },
    )
    new = account("pilot", {"current_queue_activity": EndpointState(), "agents_activity": EndpointState()})
    return world(well, half, down, new)
