"""What watches the exporter that the chart runs: rules, boards, monitors, and the test of a release."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart import ROOT, named, needs_helm, of_kind, rendered, run, template
from test_demo import running

from exporter.metrics.exposition import FAMILIES


def groups(path: Path) -> Any:
    return yaml.safe_load(path.read_text())["groups"]


@needs_helm
def test_rules_are_those_of_the_source() -> None:
    told = {
        one["metadata"]["name"]: one["spec"]["groups"]
        for one in of_kind(rendered(named("sharded")), "PrometheusRule")
    }
    sources = [ROOT / "prometheus" / "targets.yml", *(ROOT / "prometheus" / "rules").glob("*.yml")]
    assert len(sources) > 2
    assert told == {f"telephony-contact-center-exporter-{path.stem}": groups(path) for path in sources}


@needs_helm
def test_targets_can_be_ones_own() -> None:
    told = {
        one["metadata"]["name"]: one["spec"]["groups"]
        for one in of_kind(rendered(named("podmonitor")), "PrometheusRule")
    }
    (group,) = told["telephony-contact-center-exporter-targets"]
    assert group["name"] == groups(ROOT / "prometheus" / "targets.yml")[0]["name"]
    assert [(one["expr"], one.get("labels")) for one in group["rules"]] == [
        ("30", None),
        ("20", {"account": "sales-in"}),
    ]


@needs_helm
def test_dashboards_are_those_of_the_source() -> None:
    boards = [one for one in of_kind(rendered(named("default")), "ConfigMap") if "config.yaml" not in one["data"]]
    assert all(one["metadata"]["labels"]["grafana_dashboard"] == "1" for one in boards)
    told = {name: text.strip() for one in boards for name, text in one["data"].items()}
    assert told == {
        path.name: path.read_text().strip() for path in (ROOT / "grafana" / "dashboards").glob("*.json")
    }
    assert told


@needs_helm
@pytest.mark.parametrize("name", ["ha-sharded", "podmonitor"])
def test_the_alerts_know_the_job(name: str) -> None:
    words = ("--set", "monitor.kind=ServiceMonitor") if name == "ha-sharded" else ()
    objects = [one for one in yaml.safe_load_all(template("--values", named(name), *words)) if one]
    (monitor,) = of_kind(objects, "ServiceMonitor", "PodMonitor")
    (service,) = of_kind(objects, "Service")
    owner, *_ = of_kind(objects, "StatefulSet", "Deployment")
    (pattern,) = re.findall(r'job=~"([^"]+)"', (ROOT / "prometheus" / "rules" / "exporter.yml").read_text())
    for one in (service, owner["spec"]["template"]):
        assert re.fullmatch(pattern, one["metadata"]["labels"][monitor["spec"]["jobLabel"]])


@needs_helm
@pytest.mark.parametrize("name", ["sharded", "podmonitor"])
def test_no_label_of_ours_is_renamed_by_the_operator(name: str) -> None:
    (monitor,) = of_kind(rendered(named(name)), "ServiceMonitor", "PodMonitor")
    (endpoint,) = monitor["spec"].get("endpoints") or monitor["spec"]["podMetricsEndpoints"]
    dropped = {one["regex"] for one in endpoint["relabelings"] if one["action"] == "labeldrop"}
    added = {"namespace", "pod", "container", "service", "endpoint", "job", "instance"}
    ours = {"vendor", "account", *(label for family in FAMILIES for label in family.labels)}
    assert added & ours == dropped == {"endpoint"}


@needs_helm
@pytest.mark.parametrize("name", ["default", "web-config"])
def test_the_test_tells_an_exporter_from_anything_else(name: str, tmp_path: Path) -> None:
    (job,) = of_kind(rendered(named(name)), "Job")
    *script, host, port = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert (host, port) == ("telephony-contact-center-exporter", {"default": "10777", "web-config": "8443"}[name])
    command = ("-m", "exporter", "demo", "--listen", "127.0.0.1:0", "--log-format", "json")
    with running(tmp_path, sys.executable, *command) as told:
        port = told(r'"serving", "url": "http://127.0.0.1:(\d+)/"')
        assert run(sys.executable, *script, "127.0.0.1", port).returncode == 0
    assert run(sys.executable, *script, "127.0.0.1", port).returncode == 1
