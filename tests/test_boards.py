"""The boards as files, and what their PromQL makes of what vendors tell and do not tell."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boards
import frame
import pytest
import yaml
from known import known_metrics
from panels import STATUSES

from exporter.metrics.family import PREFIX
from exporter.model import Status

ROOT = Path(boards.__file__).parent
_BOARDS = {path.name: json.loads(text) for path, text in boards.boards()}
_UNKNOWN = {"match": "null+nan", "result": {"text": "not told", "color": "text"}}

every_board = pytest.mark.parametrize("board", _BOARDS.values(), ids=_BOARDS.keys())


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions(board: dict[str, Any]) -> Iterator[str]:
    yield from (target["expr"] for panel in panels(board) for target in panel["targets"])


def test_the_boards_are_what_the_modules_build() -> None:
    built = {path.name: text for path, text in boards.boards()}
    assert built == {path.name: path.read_text("utf-8") for path in boards.FOLDER.glob("*.json")}


def test_the_addresses_of_the_boards_stay() -> None:
    assert {board["uid"] for board in _BOARDS.values()} == {
        *("contact-center-wallboard", "contact-center-queues", "contact-center-agents", "contact-center-exporter")
    }


@every_board
def test_a_board_asks_no_more_often_than_the_vendors_are_asked(board: dict[str, Any]) -> None:
    assert board["refresh"] == "30s"
    assert board["timepicker"]["refresh_intervals"][0] == "30s"
    assert {panel["interval"] for panel in panels(board)} == {"30s"}


@every_board
def test_a_panel_says_what_it_shows_and_when_it_is_empty(board: dict[str, Any]) -> None:
    for panel in panels(board):
        assert re.search(r"[Nn]ot told|[Ee]mpty", panel["description"]), panel["title"]
        assert "told" in panel["fieldConfig"]["defaults"]["noValue"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert {"type": "special", "options": _UNKNOWN} in panel["fieldConfig"]["defaults"]["mappings"]


@every_board
def test_no_data_source_is_written_down(board: dict[str, Any]) -> None:
    picked = {"type": "prometheus", "uid": "${datasource}"}
    sources = [one["datasource"] for one in (*panels(board), *board["templating"]["list"]) if "datasource" in one]
    targets = [target["datasource"] for panel in panels(board) for target in panel["targets"]]
    assert all(source == picked for source in (*sources, *targets))
    assert board["templating"]["list"][0]["type"] == "datasource"


@every_board
def test_a_board_uses_every_variable_that_it_has_and_no_other(board: dict[str, Any]) -> None:
    variables = {one["name"]: one for one in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z_]+)", json.dumps(board))) - {"__rate_interval", "__all", "__url_time_range"}
    assert used == variables.keys()
    for one in variables.values():
        if one["type"] == "query":
            assert (one["multi"], one["includeAll"], one["allValue"]) == (True, True, ".+")


@every_board
def test_panels_fill_the_board_and_do_not_overlap(board: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in board["panels"]]
    cells = [
        (x, y)
        for at in places
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    assert len({panel["id"] for panel in board["panels"]}) == len(places)


@every_board
def test_the_metrics_of_a_board_exist_with_these_labels(board: dict[str, Any]) -> None:
    labels = known_metrics()
    for expression in expressions(board):
        for name, matchers in re.findall(r"(contact_center_\w+)\{([^}]*)\}", expression):
            assert set(re.findall(r"(\w+)[=!]", matchers)) <= labels[name], name
        for either in re.findall(r'"contact_center_\(([\w|]+)\)"', expression):
            assert {PREFIX + name for name in either.split("|")} <= labels.keys()


@every_board
def test_counters_are_rated_and_the_gauges_of_a_day_are_not(board: dict[str, Any]) -> None:
    for expression in expressions(board):
        rated = set(re.findall(r"rate\((\w+)\{", expression))
        counters = {name for name in re.findall(r"(contact_center_\w+)\{", expression) if name.endswith("_total")}
        assert counters <= rated
        assert not any(name.endswith("_today") for name in rated)
        assert not re.search(r"increase|delta|idelta|irate", expression)


def test_a_runbook_is_about_an_alert_that_there_is() -> None:
    rules = (ROOT.parent / "prometheus" / "rules").glob("*.yml")
    alerts = {name.lower() for path in rules for name in re.findall(r"- alert: (\w+)", path.read_text("utf-8"))}
    linked = set(re.findall(r"\$\{docs\}/runbooks\.md#(\w+)", json.dumps(list(_BOARDS.values()))))
    assert linked
    assert linked <= alerts


def test_every_board_leads_to_the_runbooks_and_the_other_boards() -> None:
    for board in _BOARDS.values():
        boards_link, runbooks = board["links"]
        assert (boards_link["type"], boards_link["tags"]) == ("dashboards", [frame.TAG])
        assert boards_link["tags"] == board["tags"]
        assert runbooks["url"] == "${docs}/runbooks.md"
    variables = {board["uid"]: {one["name"] for one in board["templating"]["list"]} for board in _BOARDS.values()}
    links = re.findall(r'"/d/([\w-]+)\?([^"]+)', json.dumps(list(_BOARDS.values())))
    assert links
    for uid, query in links:
        assert set(re.findall(r"\{(\w+):queryparam\}", query)) <= variables[uid]


def test_every_status_has_a_colour() -> None:
    assert tuple(STATUSES) == tuple(Status)


def test_grafana_is_provisioned_with_a_prometheus_and_the_folder_of_the_boards() -> None:
    folder = ROOT / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text("utf-8"))["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    prometheus = yaml.safe_load((ROOT.parent / "prometheus" / "prometheus.yml").read_text("utf-8"))
    assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]
    (provider,) = yaml.safe_load((folder / "dashboards" / "boards.yaml").read_text("utf-8"))["providers"]
    assert (provider["type"], provider["options"]["path"]) == ("file", "/var/lib/grafana/dashboards")


def test_what_the_linter_shall_not_find_has_a_reason() -> None:
    waived = yaml.safe_load((boards.FOLDER / ".lint").read_text("utf-8"))["exclusions"]
    assert waived.keys() == {
        f"{kind}-{label}-rule" for kind in ("template", "target") for label in ("job", "instance")
    }
    assert all(len(rule["reason"]) > 20 for rule in waived.values())


# The other rules of Grafana's dashboard-linter, which CI cannot get as a module. That queries are PromQL, and
# counters rated, is tested above and by a real Prometheus; that there is no Loki, by the data source.


@every_board
def test_the_data_source_is_picked_under_the_name_by_which_grafana_knows_it(board: dict[str, Any]) -> None:
    """template-datasource-rule: other boards of the viewer hand their choice on by it."""
    (source,) = (one for one in board["templating"]["list"] if one["type"] == "datasource")
    assert (source["name"], source["label"], source["query"]) == ("datasource", "Data source", "prometheus")


@every_board
def test_variables_follow_the_time_that_is_shown(board: dict[str, Any]) -> None:
    """template-on-time-change-reload-rule: who was there last week can be picked when last week is looked at."""
    queries = [one for one in board["templating"]["list"] if one["type"] == "query"]
    assert queries
    assert {one["refresh"] for one in queries} == {2}


@every_board
def test_a_panel_has_a_title_and_a_query_in_a_unit_that_grafana_knows(board: dict[str, Any]) -> None:
    """panel-title-description-rule, panel-no-targets-rule, panel-units-rule: a misspelt unit is shown as text."""
    for panel in panels(board):
        assert panel["title"]
        assert panel["targets"]
        settings = [panel["fieldConfig"]["defaults"]["unit"]]
        for override in panel["fieldConfig"].get("overrides", ()):
            settings += [one["value"] for one in override["properties"] if one["id"] == "unit"]
        assert set(settings) <= {"bool_yes_no", "dtdhms", "dthms", "percentunit", "s", "short"}


@every_board
def test_minutes_have_their_seconds(board: dict[str, Any]) -> None:
    """The unit dtdurations says "1 minute" of all that is less than two; targets of waits are in seconds."""
    assert "dtdurations" not in json.dumps(board)


@every_board
def test_a_rate_is_over_a_window_that_holds_enough_scrapes(board: dict[str, Any]) -> None:
    """target-rate-interval-rule: a fixed window is empty where Prometheus scrapes more slowly."""
    for expression in expressions(board):
        assert set(re.findall(r"\[([^\]]+)\]", expression.replace("[.]", ""))) <= {"$__rate_interval", "0-9"}


@every_board
def test_a_board_cannot_be_edited_in_place(board: dict[str, Any]) -> None:
    """uneditable-dashboard: what is changed in Grafana would be lost with the next version of the file."""
    assert board["editable"] is False
