"""prometheus/: what its own programs say of it, and that alerts, tests, runbooks and metrics belong together."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml
from known import known_metrics

from exporter.metrics.family import PREFIX

ROOT = Path(__file__).parent.parent
HOME = ROOT / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks.md"
SUITES = sorted((HOME / "tests").glob("*.yml"))
GROUPS: list[dict[str, Any]] = [
    group
    for path in (HOME / "targets.yml", *sorted((HOME / "rules").glob("*.yml")))
    for group in yaml.safe_load(path.read_text())["groups"]
]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDS = {rule["record"] for rule in RULES if "record" in rule}
_BRAND = "ContactCenter"
_PATIENCE = 30.0

every_alert = pytest.mark.parametrize("name", ALERTS)
every_suite = pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.stem)


def judge(*command: str | Path) -> None:
    judged = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr


@pytest.mark.needs("promtool")
def test_the_config_and_its_rules_are_valid() -> None:
    judge("promtool", "check", "config", HOME / "prometheus.yml")
    judge("promtool", "check", "rules", "--lint-fatal", HOME / "targets.yml", *(HOME / "rules").glob("*.yml"))


@pytest.mark.needs("promtool")
@every_suite
def test_the_rules_say_what_they_should(suite: Path) -> None:
    judge("promtool", "test", "rules", suite)


@pytest.mark.needs("amtool")
def test_the_routes_are_valid_and_lead_where_they_should() -> None:
    routes = HOME / "alertmanager.yml"
    judge("amtool", "check-config", routes)
    for scope, receiver in {"queue": "operators", "agent": "supervisors", "account": "operators"}.items():
        judge(
            "amtool",
            "config",
            "routes",
            "test",
            f"--config.file={routes}",
            f"--verify.receivers={receiver}",
            f"scope={scope}",
        )


@pytest.mark.needs("pint")
def test_pint_finds_nothing() -> None:
    judge("pint", "--config", HOME / ".pint.hcl", "--offline", "lint", "--fail-on", "info", "prometheus")


@every_alert
def test_an_alert_says_how_bad_it_is_what_is_wrong_and_what_to_do(name: str) -> None:
    labels, annotations = ALERTS[name]["labels"], ALERTS[name]["annotations"]
    assert labels["severity"] in {"critical", "warning", "info"}
    assert labels["scope"] in {"queue", "agent", "account", "exporter"}
    assert annotations["summary"]
    assert annotations["description"]
    assert annotations["runbook_url"].endswith(f"docs/runbooks.md{{{{ end }}}}#{name.lower()}")


def test_each_alert_has_its_runbook_and_each_runbook_its_alert() -> None:
    assert re.findall(r"^### (\w+)$", RUNBOOKS.read_text(), re.MULTILINE) == [
        name for scope in ("queues", "polls", "exporter") for name in _alerts_of(scope)
    ]
    assert RUNBOOKS.read_text().count("- **Means:**") == RUNBOOKS.read_text().count("- **Do:**") == len(ALERTS)


@pytest.mark.parametrize("page", ["alerts.md", "runbooks.md"])
def test_links_into_pages_lead_to_their_headings(page: str) -> None:
    for target, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", (ROOT / "docs" / page).read_text()):
        headings = re.findall(r"^#+ (.*)$", (ROOT / "docs" / (target or page)).read_text(), re.MULTILINE)
        assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, (target, anchor)


def _alerts_of(file: str) -> Iterator[str]:
    for group in yaml.safe_load((HOME / "rules" / f"{file}.yml").read_text())["groups"]:
        yield from (rule["alert"] for rule in group["rules"])


@every_alert
def test_an_alert_is_seen_to_fire_and_to_be_silent(name: str) -> None:
    tried = [
        bool(test.get("exp_alerts"))
        for suite in SUITES
        for case in yaml.safe_load(suite.read_text())["tests"]
        for test in case.get("alert_rule_test", ())
        if test["alertname"] == name
    ]
    assert set(tried) == {True, False}


@pytest.mark.parametrize("path", [*SUITES, *(HOME / "rules").glob("*.yml")], ids=lambda path: path.name)
def test_every_metric_and_every_recorded_one_exists(path: Path) -> None:
    text = re.sub(r"group_eval_order:\n(  - .*\n)+|- name: .*|# .*", "", path.read_text())
    assert set(re.findall(rf"{PREFIX}\w*[a-z]", text)) <= known_metrics().keys()
    assert set(re.findall(r"\b[a-z_]+:[a-z_]+:[a-z0-9_]+\b", text)) <= RECORDS | targets()


@pytest.fixture(scope="module")
def told() -> dict[str, set[str]]:
    """The metrics that each vendor can tell, with the account of its page."""
    page = (ROOT / "docs" / "vendors" / "README.md").read_text()
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")
    ]
    vendors = [re.findall(r"\w+", cell)[0] for cell in head[1:]]
    return {
        vendor: {row[0].strip("`") for row in rows if row[column] != "—"}
        for column, vendor in enumerate(vendors, 1)
    }


_NEEDED: dict[str, Callable[[set[str]], bool]] = {
    "QueueWaitHigh, QueueWaitCritical": lambda has: "longest_wait_seconds" in has,
    "QueueWaitBudgetBurning, QueueWaitBudgetSpending": lambda has: "longest_wait_seconds" in has,
    "QueueWaitAverageHigh": lambda has: (
        "queue_wait_seconds" in has
        or (
            ("calls_waiting" in has and bool({"calls_offered_today", "calls_today"} & has))
            and "longest_wait_seconds" not in has
        )
    ),
    "TooManyWaiting": lambda has: "calls_waiting" in has,
    "NobodyAvailable": lambda has: "calls_waiting" in has and bool({"free_slots", "queue_agents", "agents"} & has),
    "NobodyWorking": lambda has: "calls_waiting" in has and bool({"queue_agents", "agents"} & has),
    "NobodyOnline": lambda has: bool({"agents_online", "agents"} & has),
    "StuckInWrapUp": lambda has: {"agent_status", "the status wrap_up"} <= has,
    "AwayTooLong": lambda has: "agent_status" in has,
    "QueuesStale": lambda has: bool({"calls_waiting", "longest_wait_seconds"} & has),
}


def test_the_page_tells_which_alerts_can_fire_for_whom(told: dict[str, set[str]]) -> None:
    vendors = list(told)
    for vendor in vendors:
        if "| wrap_up |" in (ROOT / "docs" / "vendors" / f"{vendor}.md").read_text():
            told[vendor].add("the status wrap_up")
    wanted = [
        f"| {names} | " + " | ".join("yes" if can(told[vendor]) else "—" for vendor in vendors) + " |"
        for names, can in _NEEDED.items()
    ]
    page = (ROOT / "docs" / "alerts.md").read_text()
    head = f"| {_BRAND}... | {' | '.join(vendors)} |"
    assert page.partition(head)[2].strip().splitlines()[1 : 1 + len(wanted)] == wanted
    named = {f"{_BRAND}{name}" for names in _NEEDED for name in names.split(", ")}
    assert named <= ALERTS.keys()
    assert named >= {name for name in ALERTS if ALERTS[name]["labels"]["scope"] in {"queue", "agent"}}


def targets() -> set[str]:
    """Return the targets that the page tells."""
    return set(re.findall(r"`(contact_center:\w+:\w+)`", (ROOT / "docs" / "alerts.md").read_text()))


def test_the_page_tells_every_target_with_its_default() -> None:
    (rules,) = (group["rules"] for group in GROUPS if group["name"] == "contact_center_targets")
    page = (ROOT / "docs" / "alerts.md").read_text()
    for rule in rules:
        (row,) = re.findall(rf"^\| .*`{rule['record']}`.* \|$", page, re.MULTILINE)
        assert re.search(rf"\b{rule['expr']}\b", row), row
        assert all(
            word in row for label, word in rule.get("labels", {}).items() if label in {"channel", "status"}
        ), row
    assert {rule["record"] for rule in rules} <= targets()


@every_suite
def test_a_suite_runs_the_rules_in_their_order(suite: Path) -> None:
    assert sorted(yaml.safe_load(suite.read_text())["group_eval_order"]) == sorted(
        group["name"] for group in GROUPS
    )


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    """The address of an Alertmanager with the shipped config."""
    command = (
        "prometheus-alertmanager",
        f"--config.file={HOME / 'alertmanager.yml'}",
        f"--storage.path={tmp_path}",
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
    )
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            pattern = re.compile(r"address=(127\.0\.0\.1:[1-9]\d*)")
            yield until(lambda: (found := pattern.search((tmp_path / "log").read_text())) and f"http://{found[1]}")
        finally:
            process.terminate()


def until(ask: Callable[[], Any]) -> Any:
    """Return the first answer that is something; a real program needs real time."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"nothing came of it within {_PATIENCE:g} s")


@pytest.mark.needs("prometheus-alertmanager")
@pytest.mark.parametrize(
    ("cause", "muted", "told"),
    [
        ("QueuesStale", {"QueueWaitCritical", "StuckInWrapUp"}, "SchemaDrift"),
        ("QueueWaitCritical", {"QueueWaitHigh"}, "TooManyWaiting"),
        ("DataStale", {"NobodyOnline"}, "SchemaDrift"),
        ("CredentialsRefused", {"AccountDown", "QueueWaitHigh"}, "RowsDropped"),
    ],
)
def test_a_cause_mutes_what_comes_of_it_and_only_in_its_own_account(
    cause: str, muted: set[str], told: str, alertmanager: str
) -> None:
    expected = {("sick", name): "suppressed" if name in muted else "active" for name in (cause, told, *muted)}
    expected |= {("well", name): "active" for name in muted if name != "AccountDown"}
    alerts = [
        {
            "labels": {
                "alertname": f"{_BRAND}{name}",
                "vendor": "v",
                "account": account,
                **ALERTS[f"{_BRAND}{name}"]["labels"],
            }
        }
        for account, name in expected
    ]
    body = json.dumps(alerts).encode()
    with urlopen(Request(f"{alertmanager}/api/v2/alerts", body, {"Content-Type": "application/json"}), timeout=10):
        pass

    def states() -> dict[tuple[str, str], str]:
        with urlopen(f"{alertmanager}/api/v2/alerts", timeout=10) as reply:
            found = json.load(reply)
        return {
            (one["labels"]["account"], one["labels"]["alertname"].removeprefix(_BRAND)): one["status"]["state"]
            for one in found
        }

    assert until(lambda: states() == expected)
