"""The board of agents: what each does, and how the day went. It works with ids, pseudonyms and names."""

import frame
from frame import Section, runbook
from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models.dashboard import Dashboard
from panels import (
    AWAY,
    PLAIN,
    STATUSES,
    UNTOLD,
    WRAP_UP,
    Cell,
    Panel,
    Steps,
    bars,
    chart,
    linked,
    over_time,
    ranking,
    sheet,
    stacked,
    timeline,
)
from promql import ACCOUNT, AGENT, AGENTS, joined, occupancy, rows, time_in_status, with_agent_names


def _calls(outcome: str) -> Cell:
    return rows("agent_calls_today", AGENT, f'{AGENTS}, outcome="{outcome}"'), "short", PLAIN


def _seconds(metric: str) -> Cell:
    return rows(metric, AGENT, AGENTS), "dthms", PLAIN


_DAY: dict[str, Cell] = {
    "Occupancy": (occupancy(AGENT), "percentunit", PLAIN),
    "Accepted": _calls("accepted"),
    "Missed": _calls("missed"),
    "Declined": _calls("declined"),
    "On contacts": _seconds("agent_contact_seconds_today"),
    "Wrap-up": _seconds("agent_wrap_up_seconds_today"),
    "Logged in": _seconds("agent_logged_in_seconds_today"),
}
_SEEN = ("agent_status", "seconds_in_state", "agent_calls_today")


def board(docs: str) -> Dashboard:
    """Return the board."""
    return frame.board(
        frame.AGENTS,
        "agents",
        "What each agent does and has done today. People are ids, pseudonyms or names, as privacy.agent_label "
        "says; with none, only the numbers by status are told.",
        (frame.vendor(), frame.account(), frame.agent()),
        (
            Section("Now", _now()),
            Section("Today", _today()),
            Section("Every agent of $account", _each(), repeat="account"),
        ),
        since="now-8h",
        docs=docs,
    )


def _now() -> tuple[Panel, ...]:
    wrapping = _staying("In wrap-up now", "wrap_up", "orange from 5 minutes, red from 10", WRAP_UP)
    away = _staying("Away now", "away", "orange from half an hour, red from an hour", AWAY)
    by_status = chart(
        "Agents by status",
        f"All agents of the picked accounts, whichever agents are picked. {UNTOLD}",
        over_time(f"sum by (status) ({rows('agents', f'{ACCOUNT}, status')})", "{{status}}"),
    )
    busy = chart(
        "Occupancy",
        "Time with contacts, their wrap-up included, as a share of that and the time free for one, of the picked "
        "agents since their day began. Where an agent takes several at once: the share of the available time with "
        f"at least one. {UNTOLD}",
        over_time(occupancy(ACCOUNT), "{{account}}"),
        unit="percentunit",
    )
    return (
        linked(wrapping, runbook("What to do", "ContactCenterStuckInWrapUp")),
        linked(away, runbook("What to do", "ContactCenterAwayTooLong")),
        stacked(by_status, STATUSES),
        busy,
    )


def _staying(title: str, status: str, colours: str, steps: Steps) -> table.Panel:
    return ranking(
        title,
        f"Who has the status {status} and for how long, the longest on top; {colours}. Empty where nobody has it, "
        "and where it is not told when a status began. Some vendors do not tell; then the exporter knows it of an "
        "agent from the first change that it has seen.",
        with_agent_names(time_in_status(status), "agent_status"),
        {"who": "Agent", "account": "Account", "vendor_status": "In the vendor's word"},
        "For",
        unit="dthms",
        steps=steps,
    )


def _today() -> tuple[Panel, ...]:
    every = sheet(
        "Agents today",
        "The day so far of each picked agent. Accepted, missed and declined are contacts offered to the agent. An "
        f"empty cell is not told: it is no 0. {UNTOLD}",
        name="Agent",
        named=lambda cells: joined(with_agent_names(cells, *_SEEN), "row", "who", "account"),
        cells=_DAY,
    )
    return (every,)


def _each() -> tuple[Panel, ...]:
    numbered = " or ".join(
        rows("agent_status", AGENT, f'{AGENTS}, status="{status}"') + f" * {number}"
        for number, status in enumerate(STATUSES, 1)
    )
    spent = f"sum by ({AGENT}, status) ({rows('seconds_in_state', f'{AGENT}, status, vendor_status', AGENTS)})"
    return (
        timeline(
            "Status",
            "What each picked agent was doing when. A gap is a time of which nothing is known. Empty where the "
            "vendor does not tell what agents are doing.",
            over_time(with_agent_names(numbered, "agent_status"), "{{who}}"),
            STATUSES,
        ),
        bars(
            "Time in each status today",
            "How each picked agent has spent the day so far: the parts never overlap, and together they are the "
            "time logged in. Wrap-up that the vendor cannot tell apart is part of on_contact. Empty where the "
            "vendor does not tell it.",
            with_agent_names(spent, "seconds_in_state"),
            row="who",
            column="status",
            parts=STATUSES,
        ),
    )
