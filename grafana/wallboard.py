"""The wallboard: big numbers to be read from across the room, a row for each account."""

import frame
from frame import Section, runbook, to_board
from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.models.dashboard import Dashboard
from panels import (
    ABANDONED,
    AGE,
    BAD_ABOVE_ZERO,
    GOOD_ABOVE_ZERO,
    LEVEL,
    PLAIN,
    UNTOLD,
    WAIT,
    WAITING,
    linked,
    now,
    number,
)
from promql import (
    ACCOUNT,
    QUEUES,
    abandon_rate_of_accounts,
    age,
    failing,
    of_account,
    online,
    rows,
    service_level_of_accounts,
    waiting,
)


def board(docs: str) -> Dashboard:
    """Return the board."""
    return frame.board(
        frame.WALLBOARD,
        "wallboard",
        "A row for each account, about the queues picked at the top: pick a group, and keep its address.",
        (frame.vendor(), frame.account(), frame.queue(), frame.target(), frame.formula()),
        (Section("$account", (*_queues(), *_agents(), *_data()), repeat="account"),),
        since="now-1h",
        docs=docs,
    )


def _queues() -> tuple[stat.Panel, ...]:
    queueing = number(
        "Waiting",
        f"Contacts that wait for an agent now, in all picked queues and channels. {UNTOLD}",
        now(of_account(waiting)),
        steps=WAITING,
    )
    longest = number(
        "Longest wait",
        f"How long the first of those who wait now has waited; 0 where nobody waits. {UNTOLD}",
        now(rows("longest_wait_seconds", ACCOUNT, QUEUES)),
        unit="dthms",
        steps=WAIT,
    )
    level = number(
        "Service level",
        "Of today, of all picked queues: the share answered within the seconds picked at the top, or within the "
        "queue's own target where the vendor counts by that alone. Where waits are told and answers are not, the "
        "share that left the queue in time; where only shares are told, that of the worst queue. Empty until the "
        f"day's first contact. {UNTOLD}",
        now(service_level_of_accounts()),
        unit="percentunit",
        steps=LEVEL,
    )
    lost = number(
        "Abandoned",
        f"The share of the contacts of today that gave up in the queue. Empty until the day's first. {UNTOLD}",
        now(abandon_rate_of_accounts()),
        unit="percentunit",
        steps=ABANDONED,
    )
    queues = to_board("Queues", frame.QUEUES, "queue", "target", "formula")
    return (
        linked(queueing, queues, runbook("What to do", "ContactCenterTooManyWaiting")),
        linked(longest, queues, runbook("What to do", "ContactCenterQueueWaitHigh")),
        linked(level, queues),
        linked(lost, queues),
    )


def _agents() -> tuple[stat.Panel, ...]:
    free = number(
        "Available",
        "Agents of the whole account who are free for a contact, whichever queues are picked: one who serves two "
        f"queues would count twice. {UNTOLD}",
        now(rows("agents", ACCOUNT, 'status="available"')),
        steps=GOOD_ABOVE_ZERO,
    )
    there = number(
        "Online",
        f"Agents of the whole account who are logged in, whatever they do. {UNTOLD}",
        now(online()),
        steps=PLAIN,
    )
    agents = to_board("Agents", frame.AGENTS)
    return linked(free, agents, runbook("What to do", "ContactCenterNobodyAvailable")), linked(there, agents)


def _data() -> tuple[stat.Panel, ...]:
    old = number(
        "Age of the data",
        "Since the newest answer of the vendor; where polls of an endpoint fail, since its last good one. Numbers "
        "that are too old leave the board by themselves. Empty where the exporter or Prometheus is down.",
        now(age()),
        unit="dthms",
        steps=AGE,
    )
    broken = number(
        "Failing polls",
        "Endpoints of the vendor whose latest poll failed: what they tell is missing here, or soon will be. Empty "
        "where the exporter or Prometheus is down.",
        now(failing()),
        steps=BAD_ABOVE_ZERO,
    )
    exporter, stale = to_board("Exporter", frame.EXPORTER), runbook("What to do", "ContactCenterDataStale")
    return linked(old, exporter, stale), linked(broken, exporter, stale)
