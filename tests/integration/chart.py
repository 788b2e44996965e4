"""The chart, and what Helm makes of it with each file in ci/."""

import json
import re
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # has none
import pytest
import yaml

import exporter
from exporter import cli
from exporter.config import Config
from exporter.plan import read

ROOT = Path(exporter.__file__).parent.parent
CHART = ROOT / "helm" / "contact-center-exporter"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
CASES = sorted((CHART / "ci").glob("*-values.yaml"))
OLDEST, NEWEST = "1.28.0", kubernetes_validate.latest_version()

Thing = dict[str, Any]

needs_helm = pytest.mark.needs("helm")
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.removesuffix("-values.yaml"))


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def template(*words: str | Path, version: str = OLDEST) -> str:
    told = run("helm", "template", "telephony", CHART, "--namespace=phones", "--kube-version", version, *words)
    assert told.returncode == 0, told.stderr
    return told.stdout


def refusal(*words: str) -> str:
    told = run("helm", "template", "telephony", CHART, "--kube-version", OLDEST, *words)
    assert told.returncode != 0, "nothing was refused"
    return told.stderr


@cache
def rendered(case: Path, version: str = OLDEST) -> tuple[Thing, ...]:
    return tuple(one for one in yaml.safe_load_all(template("--values", case, version=version)) if one)


def of_kind(objects: Iterable[Thing], *kinds: str) -> list[Thing]:
    return [one for one in objects if one["kind"] in kinds]


def workloads(case: Path) -> list[Thing]:
    return of_kind(rendered(case), "StatefulSet", "Deployment")


def named(name: str) -> Path:
    return CHART / "ci" / f"{name}-values.yaml"


def written(case: Path, folder: Path) -> Config:
    """Return the config in the ConfigMap, read where the files that it names are in a folder."""
    (text,) = (
        one["data"]["config.yaml"] for one in of_kind(rendered(case), "ConfigMap") if "config.yaml" in one["data"]
    )
    (pod,) = {
        json.dumps(one["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]) for one in workloads(case)
    }
    for path in re.findall(r"(/run/\S+?)[,}\s]", text):
        assert any(path.startswith(f"{mount['mountPath']}/") for mount in json.loads(pod)), path
        (folder / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (folder / path[1:]).write_text(
            "{}" if path.endswith(".yaml") else "a secret that is long enough for a key"
        )
    (folder / "config.yaml").write_text(text.replace("/run/", f"{folder}/run/"))
    assert cli.main(["check", "--config", str(folder / "config.yaml")]) == 0
    return read(folder / "config.yaml", {})
