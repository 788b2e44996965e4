import re
import subprocess
from collections import Counter
from itertools import count

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from reference import read, shown
from worlds import account, full_account, full_snapshot, world

from exporter.metrics.account import ACCOUNT
from exporter.metrics.exposition import FAMILIES, Exposition
from exporter.metrics.families import AGENT_DAY, CENTRE, NOW
from exporter.metrics.family import PREFIX, Kind
from exporter.metrics.process import ProcessMetrics
from exporter.metrics.totals import TOTALS
from exporter.model import Agent, Measure, Queue, Snapshot, Status, Total
from exporter.store import AccountState, EndpointState

EMITTED = {
    "gauge": ("",),
    "counter": ("", "_total", "_created"),
    "histogram": ("", "_bucket", "_sum", "_count", "_created"),
    "summary": ("", "_sum", "_count", "_created"),
}
"""What OpenMetrics lets a family of each type put behind its name."""

OTHER_UNITS = {"ms", "milliseconds", "minutes", "hours", "days", "percent", "percentage", "count"}


def page_of(*snapshots: Snapshot) -> dict[str, str]:
    """Return the samples of a page with these snapshots, by series."""
    return samples_of(account({str(number): snapshot for number, snapshot in enumerate(snapshots)}))


def samples_of(one: AccountState) -> dict[str, str]:
    lines = shown(Exposition(CollectorRegistry()).render(world(one)), "text").splitlines()
    pairs = (line.removeprefix(PREFIX).rsplit(" ", 1) for line in lines if line[0] != "#")
    return {
        series.replace('vendor="zendesk_talk",account="acme"', "").replace("{,", "{"): n for series, n in pairs
    }


def test_every_name_is_legal_and_its_own() -> None:
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
        assert not OTHER_UNITS & set(name.split("_"))
        assert re.search(r"(^|_)seconds(_in_state|_total|_today|_yesterday)?$", name) or "seconds" not in name


def test_counters_and_only_counters_are_named_total() -> None:
    for family in FAMILIES:
        assert family.name.endswith("_total") is (family.kind is Kind.COUNTER), family.name
        assert not family.name.endswith(("_sum", "_count", "_bucket", "_created")), family.name


def test_what_a_vendor_says_is_a_gauge_and_what_falls_at_midnight_says_today() -> None:
    assert [family.name for family in CENTRE if family.kind is not Kind.GAUGE] == ["queue_wait_seconds"]
    windows = {
        "seconds_in_state",
        "longest_seconds_in_state",
        "window_start_timestamp_seconds",
        "queue_wait_seconds",
    }
    for family in (*AGENT_DAY, *TOTALS):
        assert family.name.endswith(("_today", "_yesterday")) is (family.name not in windows), family.name
    live = [family.name for family in NOW] + [family.name for family in ACCOUNT]
    assert not [name for name in live if "_today" in name]


def test_every_help_is_one_plain_sentence() -> None:
    for family in FAMILIES:
        assert family.help.endswith("."), family.name
        assert family.help.isprintable(), family.name
        assert not {'"', "\\"} & set(family.help), family.name


def test_every_label_is_legal_and_leaves_prometheus_its_own() -> None:
    taken = {"vendor", "account", "instance", "job", "le", "quantile", "__name__"}
    for family in FAMILIES:
        assert len(set(family.labels)) == len(family.labels), family.name
        assert not taken & set(family.labels), family.name
        for label in family.labels:
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*", label), family.name


def test_no_name_can_be_taken_for_a_sample_of_another_family() -> None:
    names = [
        PREFIX + family.name.removesuffix("_total") + suffix
        for family in FAMILIES
        for suffix in EMITTED[family.kind]
    ]
    registry = ProcessMetrics(CollectorRegistry(), "1").registry
    names += [metric.name + suffix for metric in registry.collect() for suffix in EMITTED[metric.type]]
    assert [name for name, times in Counter(names).items() if times > 1] == []


def test_every_number_of_the_model_comes_out_once_and_nothing_else_does() -> None:
    numbers = count(1_000)
    page = page_of(full_snapshot(numbers))
    page.pop('queue_wait_seconds_bucket{queue="sales",le="+Inf"}')  # the count, which comes once more
    told = [int(number) for series, number in page.items() if int(float(number)) >= 1_000]
    assert sorted(told) == list(range(1_000, next(numbers)))
    rest = {series.split("{")[0] for series, number in page.items() if float(number) < 1_000}
    about_polls = {
        *("up", "reauth_required", "endpoint_up", "endpoint_max_age_seconds", "last_success_timestamp_seconds")
    }
    assert rest - about_polls == {"agent_status", "agent_info", "queue_info"}


def test_a_full_account_fills_every_family() -> None:
    _, heads = read(shown(Exposition(CollectorRegistry()).render(world(full_account())), "text"), "text")
    assert [name for name, _, _ in heads] == [
        PREFIX + (family.name.removesuffix("_total") if family.kind is Kind.COUNTER else family.name)
        for family in FAMILIES
    ]


def test_what_was_not_told_has_no_series_and_what_is_nought_has() -> None:
    unknown = page_of(Snapshot(agents=(Agent("1"),), queues=(Queue("sales"),)))
    assert {series for series in unknown if "agent=" in series or "queue=" in series} == set()
    assert not [series for series in unknown if series.startswith("agents{")]
    nought = page_of(
        Snapshot(
            agents=(Agent("1", accepted=0, talk_seconds=0.0),),
            queues=(Queue("sales", waiting=0, agents={}),),
            agents_by_status={},
            agents_online=0,
            totals=(Total(Measure.CALLS, 0, "inbound", "all"),),
        )
    )
    wanted = {
        'agent_calls_today{agent="1",outcome="accepted"}',
        'agent_talk_seconds_today{agent="1"}',
        'calls_waiting{queue="sales",channel="voice"}',
        "agents_online{}",
        'calls_today{queue="all",direction="inbound"}',
        *(f'agents{{status="{status}"}}' for status in Status),
        *(f'queue_agents{{queue="sales",status="{status}"}}' for status in Status),
    }
    assert {series for series, number in nought.items() if float(number) == 0} - {"reauth_required{}"} == wanted


def test_what_was_not_told_of_one_agent_costs_no_other_and_is_not_refused() -> None:
    agents = (Agent("1", accepted=0), Agent("2"), Agent("3", accepted=5))
    page = Exposition(CollectorRegistry()).render(world(account({"agents": Snapshot(agents=agents)})))
    lines = [line for line in shown(page, "text").splitlines() if "agent_calls_today{" in line]
    assert [line.split('agent="')[1] for line in lines] == ['1",outcome="accepted"} 0', '3",outcome="accepted"} 5']
    assert page.refused == 0


AWAY, READY = ("away", "lunch"), ("available", "ready")


@pytest.mark.parametrize(
    "days",
    [
        pytest.param([{AWAY: 1, READY: 2}, {AWAY: 3, READY: 4}], id="the same"),
        pytest.param([{AWAY: 1, READY: 2}, {READY: 4, AWAY: 3}], id="in another order"),
        pytest.param([{AWAY: 1, READY: 2}, {}, {READY: 5}], id="some of them"),
        pytest.param([{}, {AWAY: 3}], id="none at first"),
        pytest.param([{}, {}], id="none"),
    ],
)
def test_each_agent_has_the_time_in_each_of_its_states(days: list[dict[tuple[str, str], float]]) -> None:
    agents = tuple(Agent(str(number), seconds_in_state=day) for number, day in enumerate(days))
    samples = page_of(Snapshot(agents=agents))
    assert {series: number for series, number in samples.items() if series.startswith("seconds_in_state")} == {
        f'seconds_in_state{{agent="{number}",status="{status}",vendor_status="{word}"}}': str(seconds)
        for number, day in enumerate(days)
        for (status, word), seconds in day.items()
    }


def test_an_endpoint_is_up_when_its_latest_poll_succeeded_and_unknown_before_the_first() -> None:
    well, [(_, sick)] = page_of(Snapshot()), account({"0": None}).endpoints.items()
    assert well["up{}"] == well['endpoint_up{endpoint="0"}'] == "1.0"
    down = samples_of(replace(account({}), endpoints={"0": replace(sick, last_success=50.0)}))
    assert down["up{}"] == down['endpoint_up{endpoint="0"}'] == "0.0"
    assert down['last_success_timestamp_seconds{endpoint="0"}'] == "50.0"
    untried = samples_of(replace(account({}), endpoints={"0": EndpointState()}))
    assert untried == {"up{}": "0.0", "reauth_required{}": "0.0"}


def test_a_config_that_is_refused_is_told_and_the_time_of_the_one_in_use_stays() -> None:
    process = ProcessMetrics(CollectorRegistry(), "1.2.3")
    process.config_read(1_234.0)
    process.config_refused()
    page = shown(Exposition(process.registry).render(world()), "text")
    assert "contact_center_exporter_config_last_reload_successful 0.0" in page
    assert "contact_center_exporter_config_last_reload_success_timestamp_seconds 1234.0" in page


@pytest.mark.needs("promtool")
def test_promtool_finds_nothing_to_say() -> None:
    process = ProcessMetrics(CollectorRegistry(), "1.2.3")
    page = Exposition(process.registry).render(world(full_account(), full_account("zoho_voice", "beta")))
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=b"".join(page.text), capture_output=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_every_state_of_every_agent_is_shown_whoever_else_has_it() -> None:
    free, busy, away = ("available", "Free"), ("busy", "Busy"), ("away", "Lunch")
    both, turned, other, none = (
        Agent("a", seconds_in_state={free: 1, busy: 2}),
        Agent("b", seconds_in_state={busy: 3, free: 4}),
        Agent("c", seconds_in_state={free: 5, away: 6}),
        Agent("d"),
    )
    for agents in [(both, none), (both, replace(both, id="e")), (both, turned), (both, other, none), (none,)]:
        page = page_of(Snapshot(agents=agents))
        assert {series: value for series, value in page.items() if series.startswith("seconds_in_state{")} == {
            f'seconds_in_state{{agent="{agent.id}",status="{status}",vendor_status="{word}"}}': str(value)
            for agent in agents
            for (status, word), value in agent.seconds_in_state.items()
        }
