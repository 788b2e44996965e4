"""What the boards' PromQL makes of what vendors tell and do not tell, by promtool."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import promql
import pytest
from promql import ACCOUNT, AGENT

pytestmark = pytest.mark.needs("promtool")

_PICKED = {
    **dict.fromkeys(("vendor", "account", "queue", "agent"), ".+"),
    "target": "30",
    "formula": "1",
    "__rate_interval": "5m",
}
_AT = 600.0
"""Seconds of promtool's clock at which it is asked."""

Series = Mapping[str, float]
"""Values by metric (after the prefix) and labels, as text: `up{account="a"}`."""


class Judge:
    """Asks promtool whether a query gives what it should."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "test.yml"

    def __call__(self, expression: str, told: Series, shown: Series, **values: str) -> None:
        query = re.sub(r"\$([a-z_]+)", lambda name: {**_PICKED, **values}[name[1]], expression)
        test = {
            "interval": "1m",
            "input_series": [
                {"series": f"contact_center_{name}", "values": f"{value}x10"} for name, value in told.items()
            ],
            "promql_expr_test": [
                {
                    "expr": query,
                    "eval_time": f"{_AT:g}s",
                    "exp_samples": [{"labels": labels, "value": value} for labels, value in shown.items()],
                }
            ],
        }
        self.file.write_text(json.dumps({"tests": [test]}))
        run = subprocess.run(["promtool", "test", "rules", self.file], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge(tmp_path)


def of(account: str, **labels: str) -> str:
    """Return labels; the vendor is called as the account."""
    pairs = {"vendor": account, "account": account, **labels}
    return "{" + ", ".join(f'{name}="{value}"' for name, value in pairs.items()) + "}"


def test_all_is_not_added_to_the_queues(judge: Judge) -> None:
    told = {
        "calls_waiting" + of("both", queue="sales", channel="voice"): 3,
        "calls_waiting" + of("both", queue="sales", channel="chat"): 4,
        "calls_waiting" + of("both", queue="all", channel="voice"): 7,
        "calls_waiting" + of("whole", queue="all", channel="voice"): 5,
        "calls_waiting" + of("idle", queue="sales", channel="voice"): 0,
        "calls_today" + of("silent", queue="sales", direction="inbound"): 1,
    }
    judge(promql.of_account(promql.waiting), told, {of("both"): 7, of("whole"): 5, of("idle"): 0})


def test_an_account_that_is_scraped_twice_counts_once(judge: Judge) -> None:
    told = {
        "calls_waiting" + of("a", queue="sales", channel="voice", instance=instance): 3 for instance in ("1", "2")
    }
    judge(promql.of_account(promql.waiting), told, {of("a"): 3})


def test_what_came_in_stands_in_where_entering_is_not_told(judge: Judge) -> None:
    told = {
        "calls_offered_today" + of("queued", queue="1"): 6,
        "calls_today" + of("queued", queue="all", direction="inbound"): 9,
        "calls_today" + of("counted", queue="1", direction="inbound"): 8,
        "calls_today" + of("counted", queue="1", direction="outbound"): 20,
    }
    judge(promql.of_account(promql.offered), told, {of("queued"): 6, of("counted"): 8})
    judge(promql.offered(), told, {of("queued", queue="1"): 6, of("counted", queue="1"): 8})


def test_the_abandon_rate_is_of_queues_that_tell_both_numbers(judge: Judge) -> None:
    lost = {"outcome": "abandoned"}
    told = {
        "calls_offered_today" + of("a", queue="1"): 10,
        "calls_offered_today" + of("a", queue="2"): 90,
        "call_outcomes_today" + of("a", queue="1", **lost): 2,
        "calls_offered_today" + of("new", queue="1"): 0,
        "call_outcomes_today" + of("new", queue="1", **lost): 0,
    }
    judge(promql.abandon_rate_of_accounts(), told, {of("a"): 0.2})
    judge(promql.abandon_rate_of_queues(), told, {of("a", queue="1"): 0.2})


_LEVELS = {
    # a vendor that counts by each queue's own target
    "answered_within_seconds_today" + of("own", queue="1", threshold="30"): 6,
    "answered_within_seconds_today" + of("own", queue="2", threshold="45"): 1,
    "calls_answered_today" + of("own", queue="1"): 8,
    "calls_answered_today" + of("own", queue="2"): 2,
    "call_outcomes_today" + of("own", queue="1", outcome="abandoned"): 2,
    "call_outcomes_today" + of("own", queue="2", outcome="abandoned"): 8,
    "calls_offered_today" + of("own", queue="1"): 12,
    "calls_offered_today" + of("own", queue="2"): 13,
    # one that counts all queues together, by many bounds
    "answered_within_seconds_today" + of("whole", queue="all", threshold="20"): 3,
    "answered_within_seconds_today" + of("whole", queue="all", threshold="30"): 4,
    "calls_answered_today" + of("whole", queue="1"): 4,
    "calls_answered_today" + of("whole", queue="2"): 1,
    "call_outcomes_today" + of("whole", queue="1", outcome="abandoned"): 2,
    "call_outcomes_today" + of("whole", queue="2", outcome="abandoned"): 1,
    # one that tells the waits, in either format of a bound; one that tells only shares
    'queue_wait_seconds_bucket{le="30.0", ' + of("waits", queue="1")[1:]: 1,
    'queue_wait_seconds_bucket{le="60.0", ' + of("waits", queue="1")[1:]: 2,
    "queue_wait_seconds_count" + of("waits", queue="1"): 4,
    "service_level_ratio_today" + of("shares", queue="1", channel="voice"): 0.9,
    "service_level_ratio_today" + of("shares", queue="2", channel="voice"): 0.7,
    # one whose endpoints disagree for a moment
    "answered_within_seconds_today" + of("odd", queue="1", threshold="30"): 5,
    "calls_answered_today" + of("odd", queue="1"): 4,
    "call_outcomes_today" + of("odd", queue="1", outcome="abandoned"): 0,
    # one that tells neither
    "calls_answered_today" + of("silent", queue="1"): 4,
    "call_outcomes_today" + of("silent", queue="1", outcome="abandoned"): 4,
}
_TOLD_OTHERWISE = {of("waits"): 0.25, of("shares"): 0.7}


@pytest.mark.parametrize(
    ("formula", "own", "whole"), [("1", 0.35, 0.5), ("2", 0.7, 0.8), ("3", 0.28, None)], ids=promql.FORMULAS
)
def test_the_service_level_of_an_account_is_by_the_picked_formula(
    judge: Judge, formula: str, own: float, whole: float | None
) -> None:
    counted = {of("own"): own} | ({} if whole is None else {of("whole"): whole})
    judge(promql.service_level_of_accounts(), _LEVELS, counted | _TOLD_OTHERWISE, formula=formula)


def test_the_service_level_of_a_queue_tells_how_it_is_counted(judge: Judge) -> None:
    shown = {
        of("own", queue="1", threshold="30", how="within 30 s"): 0.6,
        of("own", queue="2", threshold="45", how="within 45 s"): 0.1,
        of("whole", queue="all", threshold="30", how="within 30 s"): 0.5,
        of("waits", queue="1", le="30.0", how="left within 30 s"): 0.25,
        of("shares", queue="1", channel="voice", how="voice, the vendor's own"): 0.9,
        of("shares", queue="2", channel="voice", how="voice, the vendor's own"): 0.7,
    }
    judge(promql.service_level_of_queues(), _LEVELS, shown)


def test_a_bound_that_is_not_told_has_no_service_level(judge: Judge) -> None:
    judge(
        promql.service_level_of_accounts(), _LEVELS, {of("own"): 0.35, of("shares"): 0.7}, target="10", formula="1"
    )


def test_one_picked_queue_is_a_part_of_the_whole(judge: Judge) -> None:
    judge(promql.service_level_of_accounts(), _LEVELS, {of("own"): 0.1, of("shares"): 0.7}, queue="2")


def test_nobody_is_idle_because_a_vendor_cannot_tell(judge: Judge) -> None:
    def state(account: str, agent: str, status: str) -> str:
        return "seconds_in_state" + of(account, agent=agent, status=status, vendor_status=status)

    told = {
        state("parted", "busy", "available"): 10,
        state("parted", "busy", "on_contact"): 20,
        state("parted", "busy", "wrap_up"): 10,
        state("parted", "busy", "away"): 100,
        state("parted", "idle", "available"): 40,
        state("plain", "x", "available"): 40,
        state("plain", "x", "away"): 40,
        state("chats", "y", "available"): 40,
        "agent_engaged_seconds_today" + of("chats", agent="y", status="available", vendor_status="available"): 10,
    }
    agents = {of("parted", agent="busy"): 0.75, of("parted", agent="idle"): 0, of("chats", agent="y"): 0.25}
    judge(promql.occupancy(AGENT), told, agents)
    judge(promql.occupancy(ACCOUNT), told, {of("parted"): 0.375, of("chats"): 0.25})


def test_who_is_in_a_status_since_when_nobody_knows_is_not_shown(judge: Judge) -> None:
    told = {
        "agent_status" + of("a", agent="1", status="wrap_up", vendor_status="ACW"): 1,
        "agent_status_since_timestamp_seconds" + of("a", agent="1"): _AT - 90,
        "agent_status" + of("a", agent="2", status="wrap_up", vendor_status="ACW"): 1,
        "agent_status" + of("a", agent="3", status="available", vendor_status="READY"): 1,
        "agent_status_since_timestamp_seconds" + of("a", agent="3"): _AT - 500,
    }
    judge(promql.time_in_status("wrap_up"), told, {of("a", agent="1", vendor_status="ACW"): 90})


def test_people_go_by_their_names_where_these_are_told_and_two_stay_two(judge: Judge) -> None:
    told = {
        **{"agent_contacts" + of("named", agent=agent): 1 for agent in ("1", "2")},
        **{"agent_info" + of("named", agent=agent, agent_name="Ann Smith", via=""): 1 for agent in ("1", "2")},
        "agent_contacts" + of("ids", agent="1"): 0,
    }
    shown = {
        of("named", agent="1", who="Ann Smith · 1"): 1,
        of("named", agent="2", who="Ann Smith · 2"): 1,
        of("ids", agent="1", who="1"): 0,
    }
    judge(promql.with_agent_names(promql.rows("agent_contacts", AGENT), "agent_contacts"), told, shown)


def test_queues_go_by_their_names_where_these_are_told(judge: Judge) -> None:
    told = {
        "calls_answered_today" + of("a", queue="1"): 3,
        "calls_answered_today" + of("a", queue="all"): 5,
        "queue_info" + of("a", queue="1", queue_name="sales"): 1,
    }
    shown = {of("a", queue="1", queue_name="sales"): 3, of("a", queue="all", queue_name="all"): 5}
    expression = promql.rows("calls_answered_today", promql.QUEUE)
    judge(promql.with_queue_names(expression, "calls_answered_today"), told, shown)


def test_the_age_is_that_of_the_newest_answer_or_of_what_fails(judge: Judge) -> None:
    told = {
        "last_success_timestamp_seconds" + of("well", endpoint="fast"): _AT - 20,
        "last_success_timestamp_seconds" + of("well", endpoint="slow"): _AT - 500,
        "last_success_timestamp_seconds" + of("ill", endpoint="fast"): _AT - 20,
        "last_success_timestamp_seconds" + of("ill", endpoint="slow"): _AT - 500,
        **{"endpoint_up" + of("well", endpoint=endpoint): 1 for endpoint in ("fast", "slow")},
        "endpoint_up" + of("ill", endpoint="fast"): 1,
        "endpoint_up" + of("ill", endpoint="slow"): 0,
    }
    judge(promql.age(), told, {of("well"): 20, of("ill"): 500})
    judge(promql.failing(), told, {of("well"): 0, of("ill"): 1})


def test_no_failure_is_a_known_zero_only_while_polls_are_made(judge: Judge) -> None:
    told = {"polls_total" + of("polled", endpoint="e"): 9, "up" + of("standing", endpoint="e"): 1}
    failures = promql.none_yet(promql.per_minute("poll_failures_total", f"{ACCOUNT}, reason"), "reason")
    judge(failures, told, {of("polled", reason="none"): 0})


def test_what_was_is_asked_of_every_part(judge: Judge) -> None:
    told = {"calls_waiting" + of("a", queue="sales", channel="voice"): 3}
    judge(promql.ago(promql.of_account(promql.waiting), "5m"), told, {of("a"): 3})
    judge(promql.ago(promql.of_account(promql.waiting), "1d"), told, {})
