"""The board of queues and the service level: now, today, and against the days before."""

import frame
from frame import Section, runbook
from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.dashboard import Dashboard
from panels import (
    ABANDONED,
    LEVEL,
    PLAIN,
    UNTOLD,
    WAIT,
    WAITING,
    Cell,
    Panel,
    chart,
    dashed,
    linked,
    over_time,
    sheet,
)
from promql import (
    LEVELS,
    QUEUE,
    QUEUES,
    abandon_rate_of_accounts,
    abandon_rate_of_queues,
    abandoned,
    ago,
    joined,
    of_account,
    offered,
    over_channels,
    rows,
    service_level_of_accounts,
    service_level_of_queues,
    waiting,
    with_queue_names,
)

_NAME = "{{queue_name}} · {{account}}"
_FREE = rows("queue_agents", QUEUE, f'{QUEUES}, status="available"')
_NOW: dict[str, Cell] = {
    "Waiting": (waiting(), "short", WAITING),
    "Longest wait": (over_channels("longest_wait_seconds", "max"), "dthms", WAIT),
    "Average wait": (over_channels("average_wait_seconds", "max"), "dthms", WAIT),
    "In progress": (over_channels("calls_in_progress"), "short", PLAIN),
    "Agents available": (_FREE, "short", PLAIN),
    "Came today": (offered(), "short", PLAIN),
    "Abandoned today": (abandoned(), "short", PLAIN),
}
_COUNTED = ("calls_waiting", "calls_in_progress", "calls_offered_today", "calls_today", "call_outcomes_today")
_BEFORE = (("1d", "yesterday"), ("7d", "last week"))


def board(docs: str) -> Dashboard:
    """Return the board."""
    return frame.board(
        frame.QUEUES,
        "queues and service level",
        "Who waits where, how many gave up, how many were answered in time, and whether that is usual.",
        (frame.vendor(), frame.account(), frame.queue(), frame.target(), frame.formula()),
        (Section("Now", _now()), Section("Today", _today()), Section("Against the days before", _before())),
        since="now-12h",
        docs=docs,
    )


def _now() -> tuple[Panel, ...]:
    every = sheet(
        "Queues now",
        "A row for each picked queue, all its channels together; the average wait is that of its worst channel. "
        'The queue "all" is what is told of the whole account alone. An empty cell is not told: it is no 0. '
        f"{UNTOLD}",
        name="Queue",
        named=lambda cells: joined(with_queue_names(cells, *_COUNTED), "row", "queue_name", "account"),
        cells=_NOW,
    )
    queueing = chart(
        "Waiting",
        f"Contacts that wait for an agent, by queue and channel. {UNTOLD}",
        _by_channel("calls_waiting"),
        steps=WAITING,
    )
    longest = chart(
        "Longest wait",
        "How long the first of those who wait has waited, by queue and channel; 0 where nobody waits. The dashed "
        f"lines are a target and its double. {UNTOLD}",
        _by_channel("longest_wait_seconds"),
        unit="dthms",
        steps=WAIT,
    )
    average = chart(
        "Average wait",
        f"How long those who wait have waited on average, by queue and channel; 0 where nobody waits. {UNTOLD}",
        _by_channel("average_wait_seconds"),
        unit="dthms",
    )
    agents = chart(
        "Agents available",
        f"Agents of the queue who are free for a contact; one who serves two queues is in both. {UNTOLD}",
        over_time(with_queue_names(_FREE, "queue_agents"), _NAME),
    )
    return (
        every,
        linked(queueing, runbook("What to do", "ContactCenterTooManyWaiting")),
        linked(longest, runbook("What to do", "ContactCenterQueueWaitHigh")),
        average,
        linked(agents, runbook("What to do", "ContactCenterNobodyAvailable")),
    )


def _today() -> tuple[Panel, ...]:
    return (
        chart(
            "Service level",
            "The share of the contacts of today that were answered within the seconds picked at the top, of those "
            "that are picked there too. The legend tells the seconds, for some vendors count by the queue's own "
            'target alone. "left within": the vendor tells waits but not of whom, so those who gave up in time '
            'are in it. "the vendor\'s own": only the share is told, by a formula set there. A queue "all" is '
            f"the whole account. Empty until the day's first contact. {UNTOLD}",
            over_time(with_queue_names(service_level_of_queues(), *LEVELS), f"{_NAME}, {{{{how}}}}"),
            unit="percentunit",
            steps=LEVEL,
            width=24,
        ),
        chart(
            "Came",
            "Contacts that entered the queue today; where that is not told, those that came in. They fall to 0 at "
            f"the account's midnight. {UNTOLD}",
            over_time(with_queue_names(offered(), "calls_offered_today", "calls_today"), _NAME),
        ),
        chart(
            "Longest wait of the day",
            f"The longest that anybody has waited today. {UNTOLD}",
            _of_day("longest_queue_wait_seconds_today"),
            unit="dthms",
            steps=WAIT,
        ),
        chart(
            "Abandoned",
            f"Contacts of today that gave up in the queue. They fall to 0 at the account's midnight. {UNTOLD}",
            over_time(with_queue_names(abandoned(), "call_outcomes_today"), _NAME),
        ),
        chart(
            "Abandoned, of those that came",
            f"The share of the contacts of today that gave up. Empty until the day's first. {UNTOLD}",
            over_time(with_queue_names(abandon_rate_of_queues(), "call_outcomes_today"), _NAME),
            unit="percentunit",
            steps=ABANDONED,
        ),
    )


def _before() -> tuple[Panel, ...]:
    return (
        _compared("Waiting", of_account(waiting)),
        _compared("Came today", of_account(offered)),
        _compared("Abandoned, of those that came", abandon_rate_of_accounts(), unit="percentunit"),
        _compared("Service level", service_level_of_accounts(), unit="percentunit"),
    )


def _compared(title: str, expression: str, unit: str = "short") -> timeseries.Panel:
    """Return a chart of today, and of the same hours of yesterday and a week ago."""
    lines = chart(
        f"{title}: against before",
        f"{title}, all picked queues of an account together, and at the same time of yesterday and a week ago: "
        f"these are dashed, and empty until Prometheus has looked on for so long. {UNTOLD}",
        over_time(expression, "{{account}}"),
        *(over_time(ago(expression, offset), f"{{{{account}}}}, {day}") for offset, day in _BEFORE),
        unit=unit,
    )
    return dashed(lines, "/(yesterday|last week)$/")


def _by_channel(metric: str) -> Dataquery:
    named = with_queue_names(rows(metric, f"{QUEUE}, channel", QUEUES), metric)
    return over_time(named, f"{_NAME}, {{{{channel}}}}")


def _of_day(metric: str) -> Dataquery:
    return over_time(with_queue_names(rows(metric, QUEUE, QUEUES), metric), _NAME)
