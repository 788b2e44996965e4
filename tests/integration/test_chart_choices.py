"""The chart with values that nobody thought of when it was written: what comes of them is sound, or refused."""

import json
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # has none
import pytest
import yaml
from chart import CHART, NEWEST, ROOT, needs_helm

ACCOUNT = {
    "name": "support-eu",
    "vendor": "zendesk_talk",
    "credentials": {"client_id": "exporter", "client_secret_file": "/run/secrets/zendesk/client-secret"},
    "options": {"base_url": "https://acme.zendesk.com"},
}
CHOICES = {
    "nothing at all": "",
    "five shards that stand by": "ha: {enabled: true}\nshards: 5\nmonitor: {kind: PodMonitor}",
    "labels that are ours": "labels: {app.kubernetes.io/name: x, app.kubernetes.io/instance: other}\nshards: 2",
    "odd labels": 'labels: {"acme.example/on": "yes", n: "08"}\nannotations: {a: "true", b: "x: y\\nz"}',
    "a digest": f"image: {{repository: 'r.example:5000/a/b', digest: 'sha256:{'a' * 64}', pullSecrets: [a]}}",
    "a place": "nodeSelector: {n: '1'}\ntolerations: [{operator: Exists}]",
    "numbers": "resources: {limits: {cpu: 2, memory: 1.5Gi}, requests: {cpu: 0.5}}",
    "twenty secrets": f"secrets: [{', '.join(f's{n}' for n in range(20))}]",
    "an account that is there": "serviceAccount: {create: false, name: other}\nha: {enabled: true}",
    "a user of one's own": "securityContext: {runAsUser: 14711, runAsGroup: 14712, fsGroup: null}",
    "a persistent volume": "state: {volume: persistent, size: 1Gi, storageClassName: fast}",
}


@cache
def helm(values: str = "", release: str = "telephony", *words: str) -> subprocess.CompletedProcess[str]:
    command = ("helm", "template", release, str(CHART), "--namespace=phones", "--values=-", *words)
    return subprocess.run(command, input=values, capture_output=True, text=True, check=False)


def objects(values: str = "", release: str = "telephony") -> list[dict[str, Any]]:
    told = helm(values, release)
    assert told.returncode == 0, told.stderr
    return [one for one in yaml.safe_load_all(told.stdout) if one]


def the(kind: str, values: str = "", release: str = "telephony") -> dict[str, Any]:
    return next(one for one in objects(values, release) if one["kind"] == kind)


def refusal(values: str = "", release: str = "telephony", *words: str) -> str:
    told = helm(values, release, *words)
    assert told.returncode != 0, "nothing was refused"
    return told.stderr


@pytest.mark.needs("helm", "kube-score")
@pytest.mark.parametrize("choice", CHOICES)
def test_whatever_is_chosen_is_sound(choice: str, tmp_path: Path) -> None:
    for one in objects(CHOICES[choice]):
        if one["apiVersion"] != "monitoring.coreos.com/v1":
            kubernetes_validate.validate(one, NEWEST, strict=True)
    (tmp_path / "all.yaml").write_text(helm(CHOICES[choice]).stdout)
    command = ("kube-score", "score", "--output-format=ci", tmp_path / "all.yaml")
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, re.findall(r"^(?!\[(?:OK|SKIPPED)\]).*", told.stdout, re.MULTILINE)


@needs_helm
def test_names_of_accounts_stay_what_they_are() -> None:
    names = ["Süd & West: {{ .Values }} 'q' \"d\"", "0123", "yes", "null", "~", "1e5", "a: b", "# no comment"]
    values = json.dumps({"config": {"accounts": [{**ACCOUNT, "name": name} for name in names]}})
    told = next(one["data"]["config.yaml"] for one in objects(values) if "config.yaml" in one.get("data", {}))
    assert [one["name"] for one in yaml.safe_load(told)["accounts"]] == names


@needs_helm
@pytest.mark.parametrize("release", ["a.b", "t" * 53, "x-contact-center-exporter"])
def test_every_release_has_names_that_kubernetes_takes(release: str) -> None:
    for one in objects("shards: 5", release):
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", one["metadata"]["name"]), one["metadata"]["name"]
    assert len(the("StatefulSet", "shards: 5", release)["metadata"]["name"]) <= 52  # a revision's label is 11 more


@needs_helm
def test_a_name_that_no_service_may_have_is_refused() -> None:
    assert "begins with a letter: set fullnameOverride" in refusal(release="1telephony")
    assert objects("fullnameOverride: telephony", release="1telephony")
    for name in ("1abc", "a.b", "a-"):
        assert "/fullnameOverride" in refusal(f"fullnameOverride: {name}")


@needs_helm
def test_who_is_nobody_is_not_everybody_to_the_network() -> None:
    values = "networkPolicy: {dns: [], vendors: [], from: []}"
    spec = the("NetworkPolicy", values)["spec"]
    assert all(rule["to"] for rule in spec["egress"])
    assert all(rule["from"] for rule in spec["ingress"])
    assert {port["port"] for rule in spec["egress"] for port in rule["ports"]} == {10777}


@needs_helm
def test_users_are_chosen_and_rights_are_not() -> None:
    pod = the("StatefulSet", CHOICES["a user of one's own"])["spec"]["template"]["spec"]
    assert pod["securityContext"] == {
        "fsGroupChangePolicy": "OnRootMismatch",
        "runAsGroup": 14712,
        "runAsNonRoot": True,
        "runAsUser": 14711,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    bare = "securityContext: {runAsUser: null, runAsGroup: null, fsGroup: null, fsGroupChangePolicy: null}"
    (container,) = the("StatefulSet", bare)["spec"]["template"]["spec"]["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert "/securityContext/runAsUser" in refusal("securityContext: {runAsUser: 0}")
    assert "'privileged' not allowed" in refusal("securityContext: {privileged: true}")


@needs_helm
def test_it_renders_where_no_cluster_is_asked_and_for_no_old_one() -> None:
    assert objects()
    told = refusal("", "telephony", "--kube-version=1.27.9")
    assert "incompatible with Kubernetes v1.27.9" in told


@needs_helm
@pytest.mark.parametrize(("repository", "warned"), [("", True), ("r.example/a", False)])
def test_who_has_not_said_where_the_image_is_is_told_so(repository: str, *, warned: bool, tmp_path: Path) -> None:
    shutil.copytree(CHART, tmp_path / "chart")
    notes = (
        'told: {{ include (print .Template.BasePath "/NOTES.txt") . | toJson }}'  # only an installation shows them
    )
    (tmp_path / "chart" / "templates" / "notes.yaml").write_text(notes)
    values = ("--set", f"image.repository={repository}") if repository else ()
    command = ("helm", "template", "telephony", tmp_path / "chart", "--show-only=templates/notes.yaml", *values)
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ("No registry serves localhost/contact-center-exporter:" in told) is warned


PAGES = (ROOT / "README.md", ROOT / "docs" / "operations.md", CHART / "README.md")


@needs_helm
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_the_pages_tell_one_to_install_renders(page: Path, tmp_path: Path) -> None:
    (values,) = re.findall(r"```yaml\n(# values\.yaml\n.*?)```", (CHART / "README.md").read_text(), re.DOTALL)
    (tmp_path / "values.yaml").write_text(values)
    (tmp_path / "config.yaml").write_text(json.dumps({"accounts": [ACCOUNT]}))
    (tmp_path / "helm").symlink_to(ROOT / "helm")
    commands = re.findall(r"^helm install ((?:.*\\\n)*.*)", page.read_text(), re.MULTILINE)
    assert commands
    for command in commands:
        words = ("helm", "template", *shlex.split(command.replace("\\\n", " "), comments=True))
        told = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
        kinds = {one["kind"] for one in yaml.safe_load_all(told.stdout) if one}
        if "monitor" in command or "values.yaml" in command:
            assert {"ServiceMonitor", "PrometheusRule", "StatefulSet"} <= kinds
        assert "support-eu" in told.stdout
