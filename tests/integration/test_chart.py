"""The chart itself, and that Helm and Kubernetes take what it renders with each file in ci/."""

import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its types are a package of their own
import kubernetes_validate  # type: ignore[import-untyped]  # has none
import pytest
import yaml
from chart import (
    CHART,
    NEWEST,
    OLDEST,
    ROOT,
    VALUES,
    Thing,
    every_case,
    named,
    needs_helm,
    of_kind,
    rendered,
    run,
    workloads,
)

import exporter

OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ()))


@needs_helm
@every_case
def test_helm_lint_finds_nothing(case: Path) -> None:
    told = run("helm", "lint", "--strict", CHART, "--values", case)
    assert told.returncode == 0, told.stdout
    assert "WARNING" not in told.stdout


@cache
def operators(kind: str) -> jsonschema.Draft202012Validator:
    """Return what judges an object of the Prometheus operator, unknown fields too."""
    module = json.loads(run("go", "mod", "download", "-json", OPERATOR).stdout)
    path = Path(module["Dir"], "jsonnet", "prometheus-operator", f"{kind.lower()}s-crd.json")
    (version,) = json.loads(path.read_text())["spec"]["versions"]
    return jsonschema.Draft202012Validator(strict(version["schema"]["openAPIV3Schema"]))


def strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}
    return {**shut, **{key: strict(value) for key, value in schema.items()}}


@pytest.mark.needs("helm", "go")
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@every_case
def test_kubernetes_knows_every_field(case: Path, version: str) -> None:
    for one in rendered(case, version):
        if one["apiVersion"] == "monitoring.coreos.com/v1":
            operators(one["kind"]).validate(one)
        else:
            assert version.startswith(kubernetes_validate.validate(one, version, strict=True))


@pytest.mark.needs("helm", "go")
def test_a_field_that_kubernetes_does_not_know_is_seen() -> None:
    (monitor,) = of_kind(rendered(named("ha")), "ServiceMonitor")
    with pytest.raises(jsonschema.ValidationError):
        operators("ServiceMonitor").validate({**monitor, "spec": {**monitor["spec"], "endpoint": []}})
    (budget,) = of_kind(rendered(named("ha")), "PodDisruptionBudget")
    with pytest.raises(jsonschema.ValidationError):
        kubernetes_validate.validate({**budget, "spec": {**budget["spec"], "replicas": 1}}, NEWEST, strict=True)


@needs_helm
@every_case
def test_what_belongs_together_finds_each_other(case: Path) -> None:
    objects = rendered(case)
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in objects]
    assert len(set(names)) == len(names)
    (service,), (policy,), (budget,) = (
        of_kind(objects, kind) for kind in ("Service", "NetworkPolicy", "PodDisruptionBudget")
    )
    for one in workloads(case):
        labels = one["spec"]["template"]["metadata"]["labels"]
        assert one["spec"].get("serviceName", service["metadata"]["name"]) == service["metadata"]["name"]
        assert service["spec"]["selector"].items() <= labels.items()
        for selector in (one["spec"]["selector"], policy["spec"]["podSelector"], budget["spec"]["selector"]):
            assert selects(selector, labels)
    (job,) = of_kind(objects, "Job")
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert not service["spec"]["selector"].items() <= labels.items()
    assert selects(policy["spec"]["podSelector"], labels)
    for monitor in of_kind(objects, "ServiceMonitor", "PodMonitor"):
        assert selects(monitor["spec"]["selector"], service["metadata"]["labels"])


def leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(values, dict) and values and path != "dashboards.labels" and not path.startswith("resources."):
        for key, value in values.items():
            yield from leaves(value, f"{path}.{key}".removeprefix("."))
    else:
        yield path, values


def test_the_page_tells_every_value_and_its_default() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| ([^|]+) \|", (CHART / "README.md").read_text(), re.MULTILINE)
    told, actual = dict(rows), dict(leaves(VALUES))
    assert len(told) == len(rows)
    assert told.keys() == actual.keys() | {"config"}
    defaults = {key: json.loads(text.strip("`")) for key, text in told.items() if text.startswith("`")}
    assert defaults == {key: actual[key] for key in defaults}
    assert told.keys() - defaults == {"config", "networkPolicy.from", "networkPolicy.dns", "networkPolicy.vendors"}


def test_the_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", (CHART / "README.md").read_text()):
        assert (CHART / target).exists(), target


def test_the_schema_knows_every_value_and_no_other() -> None:
    def shut(schema: Thing, values: Any) -> None:
        if "properties" in schema and values:
            assert schema["additionalProperties"] is False
            assert schema["properties"].keys() - {"global", "config"} == values.keys()
            for key, value in values.items():
                shut(schema["properties"][key], value)

    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    shut(schema, VALUES)


@needs_helm
def test_the_package_is_whole(tmp_path: Path) -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert about["version"] == about["appVersion"] == exporter.__version__
    told = run("helm", "package", CHART, "--destination", tmp_path)
    assert told.returncode == 0, told.stderr
    sources = [*(ROOT / "prometheus" / "rules").glob("*.yml"), *(ROOT / "grafana" / "dashboards").glob("*.json")]
    with tarfile.open(tmp_path / f"{about['name']}-{about['version']}.tgz") as package:
        held = {Path(one.name).name: package.extractfile(one) for one in package if "/files/" in one.name}
        bytes_held = {name: file.read() for name, file in held.items() if file}
        assert not [one for one in package.getnames() if "/ci/" in one]
    assert bytes_held == {path.name: path.read_bytes() for path in (*sources, ROOT / "prometheus" / "targets.yml")}
