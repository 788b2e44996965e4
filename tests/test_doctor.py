"""What the doctor tells of an account, word by word."""

import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import structlog
from accounts import BERLIN
from structlog.testing import LogCapture

from exporter.config import Account, Config, Privacy
from exporter.doctor import Checkup, Finding, examine, told
from exporter.simulator.demo import demo_plan
from exporter.simulator.faults import Drift, Faulty
from exporter.simulator.faults import Status as StatusFault
from exporter.simulator.floor import Floor
from exporter.simulator.server import serve
from exporter.simulator.zendesk_oauth import ZendeskKeys
from exporter.simulator.zendesk_talk import Plan, ZendeskAccount, ZendeskTalk
from exporter.transport import tls_context
from exporter.vendors.zendesk_talk import vendor
from exporter.vendors.zendesk_talk.options import GroupOption, QueueOption, ZendeskCredentials, ZendeskOptions
from exporter.wire.http import Budget
from exporter.wire.secret import Secret

PROFESSIONAL = """\
acme (zendesk_talk)
  current_queue_activity  ok      1 call, N s
                            not on /metrics, the answer does not contain them: ai_agent_calls
  agents_activity         ok      3 calls, N s
                            not on /metrics, by privacy.agent_label: agent_info
  account_overview        ok      1 call, N s
  agents_overview         ok      1 call, N s
  limit: 400 calls a minute, N left this minute"""

TEAM = """\
acme (zendesk_talk)
  current_queue_activity  ok      1 call, N s
                            not on /metrics, the answer does not contain them: ai_agent_calls
  agents_activity         ok      3 calls, N s
                            not on /metrics, the answer does not contain them: agent_hold_seconds_today, \
agent_holds_today, agent_transfers_today, agent_conferences_today
                            not on /metrics, by privacy.agent_label: agent_info
  account_overview        ok      1 call, N s
                            not on /metrics, the answer does not contain them: callbacks_today, textbacks_today, \
hold_seconds_today, average_hold_seconds_today, average_callback_wait_seconds_today, average_answer_seconds_today
  agents_overview         ok      1 call, N s
                            not on /metrics, the answer does not contain them: team_holds_today, \
team_transfers_today, team_hold_seconds_today, average_agent_calls_today, average_agent_holds_today, \
average_agent_transfers_today, average_agent_state_seconds_today, team_average_talk_seconds_today, \
team_average_hold_seconds_today
  limit: 200 calls a minute, N left this minute"""


async def examined(
    *faults: Any,
    plan: Plan = Plan.PROFESSIONAL,
    secret: str = "client-secret",
    clock: Callable[[], float] = time.time,
    privacy: Privacy = Privacy(),  # noqa: B008 - frozen
    **options: Any,
) -> Checkup:
    """Examine an account of the simulator."""
    floor = Floor(demo_plan(BERLIN, 10), datetime(2026, 3, 9, 8, tzinfo=BERLIN))
    floor.advance(datetime(2026, 3, 9, 9, tzinfo=BERLIN))
    dialect = Faulty(ZendeskTalk(floor, ZendeskAccount(ZendeskKeys(), plan, page_size=4)), faults, floor)
    async with serve({"acme": dialect}, clock=clock) as urls:
        account = Account(
            name="acme",
            vendor="zendesk_talk",
            time_zone=BERLIN,
            credentials=ZendeskCredentials(client_id="exporter", client_secret=Secret(lambda: secret, "a test")),
            options=ZendeskOptions(base_url=urls["acme"], plan=plan.value, **options),
        )
        config = Config(accounts=(account,), privacy=privacy)
        log = structlog.wrap_logger(None, processors=[LogCapture()])
        return await examine(account, config, tls_context(), log)


def words(checkup: Checkup) -> str:
    """Return what is told, without what no two runs share."""
    return re.sub(r"\d+\.\d\d(?= s\b)|\d+(?= left)", "N", told(checkup))


async def test_a_professional_account_lacks_next_to_nothing() -> None:
    checkup = await examined()
    assert checkup.healthy
    assert words(checkup) == PROFESSIONAL


async def test_a_team_account_is_told_what_its_plan_keeps_back() -> None:
    checkup = await examined(plan=Plan.TEAM)
    assert checkup.healthy
    assert words(checkup) == TEAM


async def test_what_the_config_shows_is_not_called_hidden() -> None:
    assert "privacy" not in words(await examined(privacy=Privacy(agent_label="name")))
    hidden = words(await examined(privacy=Privacy(agent_label="none")))
    assert "by privacy.agent_label: agent_status, agent_info, seconds_in_state" in hidden
    assert ": agents," not in hidden


async def test_queues_and_groups_cost_calls_of_their_own() -> None:
    checkup = await examined(
        queues=(QueueOption("sales", (36_001,)), QueueOption("support", (36_003,))),
        groups=(GroupOption("sales", (360_001,)),),
    )
    assert [finding.calls for finding in checkup.findings] == [3, 2, 2, 1]
    assert not [finding for finding in checkup.findings if "queue_info" in finding.missing]


async def test_an_endpoint_that_may_not_be_read_fails_alone() -> None:
    checkup = await examined(StatusFault(endpoint="agents_activity", status=403))
    assert not checkup.healthy
    assert [finding.failure is None for finding in checkup.findings] == [True, False, True, True]
    lines = words(checkup).splitlines()
    assert lines[3] == (
        "  agents_activity         FAILED  forbidden: HTTP 403: the credentials may not read this; "
        "check role, plan and scope"
    )
    assert lines[4].startswith(
        "                            not on /metrics, until this is mended: agents, agent_status,"
    )


async def test_a_fault_of_our_own_costs_one_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("client-secret")

    monkeypatch.setattr(vendor, "read_agents", broken)
    text = told(await examined())
    assert "agents_activity         FAILED  internal: a fault of the exporter itself: RuntimeError\n" in text
    assert "account_overview        ok" in text
    assert "client-secret" not in text


async def test_a_wrong_secret_fails_every_endpoint_and_is_not_told() -> None:
    checkup = await examined(secret="CANARY")
    told_ = words(checkup)
    assert told_.count("FAILED  reauth_required: the vendor answers invalid_client to a token call") == 4
    assert told_.endswith("limit: 400 calls a minute")
    assert "CANARY" not in told_


@pytest.mark.parametrize(("ahead", "word"), [(600, "+600"), (-90, "-90")])
async def test_clocks_that_differ_are_told(ahead: float, word: str) -> None:
    lines = words(await examined(clock=lambda: time.time() + ahead)).splitlines()
    (note, *_) = [line.strip() for line in lines if "clock" in line]
    assert re.sub(r"[+-]\d+", lambda match: f"{round(int(match[0]), -1):+d}", note) == (
        f"the vendor's clock is {word} s from ours: check this machine's clock"
    )


async def test_a_clock_that_is_right_is_not_worth_a_word() -> None:
    assert "clock" not in words(await examined())


async def test_drift_is_told_by_the_paths_of_its_fields() -> None:
    checkup = await examined(Drift(endpoint="agents_activity", remove=("agents_activity[].online_time",)))
    assert "not as documented: agents_activity.online_time\n" in words(checkup)


def test_a_vendor_that_tells_no_limit_has_none() -> None:
    checkup = Checkup("acme", "zendesk_talk", Budget(), (Finding("queues", None, calls=2, seconds=0.5),))
    assert told(checkup) == "acme (zendesk_talk)\n  queues  ok      2 calls, 0.50 s"
