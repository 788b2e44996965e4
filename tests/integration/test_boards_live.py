"""Every query of every board, asked of a real Prometheus that scrapes the demo."""

import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import boards
import pytest
from promql import FORMULAS, service_level_of_accounts, service_level_of_queues
from test_demo import get, running, until

_ACCOUNTS = ("zendesk", "voximplant", "kore", "liveperson", "zoho")
_CONFIG = """\
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: contact-center-exporter, static_configs: [{{targets: ["{demo}"]}}]}}]
"""
_PICKED = {
    **dict.fromkeys(("vendor", "account", "queue", "agent", "instance"), ".+"),
    "target": "30",
    "formula": "1",
    "__rate_interval": "1m",
}
_SILENT = {
    "Service level": (
        "zendesk zoho",
        "Zendesk does not tell who was answered in time; Zoho's waits come call by call",
    ),
    "Service level: against before": ("zendesk zoho", "as above"),
    "Abandoned": ("zoho", "Zoho tells who was missed, and not who gave up"),
    "Abandoned, of those that came": ("zoho", "as above"),
    "Abandoned, of those that came: against before": ("zoho", "as above"),
    "In wrap-up now": ("zendesk voximplant kore zoho", "nobody may be in it"),
    "Away now": ("zendesk voximplant kore zoho", "nobody may be away"),
    "Occupancy": ("kore", "Kore.ai's states do not part the time with contacts from that without"),
    "Agents today": ("kore", "Kore.ai tells the time in each state, and nothing of the calls"),
    "Budget used B": ("voximplant kore liveperson zoho", "their answers do not tell what is left"),
}
"""The accounts of which a panel may show nothing although they have a metric that its query names, and why."""

_YOUNG = "time() - contact_center_window_start_timestamp_seconds < 1800"
"""A day of which there may be no share yet: nobody has called."""

_BOARDS = [json.loads(text) for _, text in boards.boards()]
_QUERIES = [
    pytest.param(panel["title"] if number == 0 else f"{panel['title']} {target['refId']}", target["expr"])
    for board in _BOARDS
    for panel in board["panels"]
    for number, target in enumerate(panel.get("targets", ()))
]
_VARIABLES = [one for board in _BOARDS for one in board["templating"]["list"] if one["type"] == "query"]

Rows = list[dict[str, Any]]
Ask = Callable[[str], Rows]

pytestmark = pytest.mark.needs("prometheus")


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Asks a PromQL question of a Prometheus that has seen every endpoint of the demo polled."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        command = ("-m", "exporter", "demo", "--listen", "127.0.0.1:0", "--log-format", "json")
        with running(Path(one), sys.executable, *command) as told:
            url = told(r'"serving", "url": "(\S+)/"')
            until(lambda: get(f"{url}/-/ready"))
            (Path(other) / "prometheus.yml").write_text(_CONFIG.format(demo=url.removeprefix("http://")))
            flags = (
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                "--web.listen-address=127.0.0.1:0",
            )
            with running(Path(other), "prometheus", *flags) as logged:
                api = f"http://{logged(r'Listening on. address=(127.0.0.1:[1-9][0-9]*)')}/api/v1/query"

                def asked(query: str) -> Rows:
                    try:
                        rows: Rows = json.loads(get(f"{api}?{urlencode({'query': query})}"))["data"]["result"]
                    except HTTPError as refused:
                        raise AssertionError(f"{query}\n{refused.read().decode()}") from None
                    return rows

                until(lambda: asked("rate(contact_center_polls_total[1m])"))
                yield asked


def picked(expression: str, **values: str) -> str:
    """Return the query as Grafana sends it; what is no variable stays, such as the $1 of a replacement."""
    return re.sub(r"\$([a-z_]+)", lambda name: {**_PICKED, **values}[name[1]], expression)


@pytest.mark.parametrize(("title", "expression"), _QUERIES)
def test_a_panel_shows_every_account_that_can_tell_it(ask: Ask, title: str, expression: str) -> None:
    rows = ask(picked(expression))
    if "offset" in expression:
        assert rows == []
        return
    if "<= 1" in expression and ask(_YOUNG):
        return
    silent, _ = _SILENT.get(title, ("", ""))
    metrics = "|".join(set(re.findall(r"contact_center_\w+(?=\{)", expression)) - {"contact_center_queue_info"})
    for account in set(_ACCOUNTS) - set(silent.split()):
        if ask(f'group({{__name__=~"{metrics}", account="{account}"}})'):
            until(partial(ask, picked(expression, account=account)))
    assert silent or until(partial(ask, picked(expression)))


@pytest.mark.parametrize("formula", range(1, len(FORMULAS) + 1))
def test_by_every_formula_an_account_lies_between_its_queues(ask: Ask, formula: int) -> None:
    if ask(_YOUNG):
        return
    levels = ask(picked(service_level_of_queues(), account="voximplant", formula=str(formula)))
    (level,) = ask(picked(service_level_of_accounts(), account="voximplant", formula=str(formula)))
    shares = [float(row["value"][1]) for row in levels]
    assert len(shares) > 1
    assert min(shares) <= float(level["value"][1]) <= max(shares)


@pytest.mark.parametrize("variable", _VARIABLES, ids=lambda one: one["name"])
def test_a_variable_offers_what_there_is(ask: Ask, variable: dict[str, Any]) -> None:
    question = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
    if question:
        values = {row["metric"][question[2]] for row in ask(f"group by ({question[2]}) ({picked(question[1])})")}
        assert len(values) >= (1 if variable["name"] == "instance" else len(_ACCOUNTS))
        return
    (expression,) = re.findall(r"query_result\((.+)\)", variable["query"])
    pattern = variable["regex"].strip("/").replace("(?<", "(?P<")
    for row in ask(picked(expression)):
        labels = ",".join(f'{name}="{value}"' for name, value in sorted(row["metric"].items()))
        agent = re.search(pattern, f"{{{labels}}} 1 1795000000000")
        assert agent is not None
        assert (agent["value"], agent["text"]) == (row["metric"]["agent"], row["metric"]["who"])
