"""The chart as Helm renders it with each file in ci/, judged by what a cluster and its linters would judge it by.

kube-linter and polaris cannot be had where CI runs; where they are on the PATH they judge too. What they want is
nearly what `test_pods_may_do_nothing_that_they_need_not` and kube-score want.
"""

import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

import jsonschema  # type: ignore[import-untyped]  # its types are a package of their own
import kubernetes_validate  # type: ignore[import-untyped]  # has none
import pytest
import yaml
from msgspec import Struct
from msgspec.structs import fields
from test_demo import running

import exporter
from exporter import cli
from exporter.arguments import parser
from exporter.config import Config
from exporter.config.models import Account, Polling, Privacy
from exporter.metrics.exposition import FAMILIES
from exporter.plan import read
from exporter.shard import Shard
from exporter.vendors import VENDORS
from exporter.wire.secret import Secret

ROOT = Path(exporter.__file__).parent.parent
CHART = ROOT / "helm" / "contact-center-exporter"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
CASES = sorted((CHART / "ci").glob("*-values.yaml"))
OLDEST, NEWEST = "1.28.0", kubernetes_validate.latest_version()
OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
UNMET = {  # by kube-linter's checks that are to be chosen; README.md tells why
    "minimum-three-replicas",
    "no-liveness-probe",
    "no-readiness-probe",
    "priority-class-name",
    "required-annotation-email",
    "required-label-owner",
    "schema-validation",  # asks a web site
}

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


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ()))


# What it renders is right


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


# What its pods may do


@needs_helm
@every_case
def test_pods_may_do_nothing_that_they_need_not(case: Path) -> None:
    for owner in (*workloads(case), *of_kind(rendered(case), "Job")):
        pod = owner["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
        assert (
            pod["serviceAccountName"] == "telephony-contact-center-exporter"
            or "fullnameOverride" in case.read_text()
        )
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers", "initContainers"} & pod.keys()
        restricted = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, "runAsUser": 65532}
        assert restricted.items() <= pod["securityContext"].items()
        may = {"allowPrivilegeEscalation": False, "privileged": False, "readOnlyRootFilesystem": True}
        assert {**restricted, **may, "capabilities": {"drop": ["ALL"]}}.items() <= container[
            "securityContext"
        ].items()
        kinds = {key for volume in pod.get("volumes", ()) for key in volume} - {"name"}
        assert kinds <= {"configMap", "secret", "emptyDir", "persistentVolumeClaim", "projected"}
        writable = [one["name"] for one in container.get("volumeMounts", ()) if not one.get("readOnly")]
        assert writable in ([], ["state"])
        assert container["imagePullPolicy"] == "Always"
        assert re.search(r":[^/:]+$", container["image"])
        assert not container["image"].endswith(":latest")
        for sort in ("requests", "limits"):
            assert container["resources"][sort].keys() == {"cpu", "memory", "ephemeral-storage"}
        assert "env" not in container or [one["name"] for one in container["env"]] == ["POD_INDEX"]


@pytest.mark.needs("helm", "kube-score")
@every_case
def test_kube_score_finds_nothing(case: Path, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(template("--values", case))
    told = run("kube-score", "score", "--output-format=ci", "--exit-one-on-warning", tmp_path / "all.yaml")
    assert told.returncode == 0, re.findall(r"^(?!\[(?:OK|SKIPPED)\]).*", told.stdout, re.MULTILINE)


@pytest.mark.skipif(shutil.which("kube-linter") is None, reason="kube-linter is not installed")
@needs_helm
@every_case
def test_kube_linter_finds_nothing(case: Path, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(template("--values", case))
    assert "No lint errors" in run("kube-linter", "lint", tmp_path / "all.yaml").stdout
    chosen = run(
        "kube-linter", "lint", "--add-all-built-in", f"--exclude={','.join(UNMET)}", tmp_path / "all.yaml"
    )
    assert "No lint errors" in chosen.stdout, chosen.stdout


@pytest.mark.skipif(shutil.which("polaris") is None, reason="polaris is not installed")
@needs_helm
@every_case
def test_polaris_finds_nothing(case: Path, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(template("--values", case))
    words = ("--format=score", "--set-exit-code-below-score=100", "--set-exit-code-on-danger")
    told = run("polaris", "audit", "--audit-path", tmp_path / "all.yaml", *words)
    assert (told.returncode, told.stdout.strip()) == (0, "100")


@needs_helm
@every_case
def test_never_do_two_pods_poll_the_same_accounts(case: Path) -> None:
    values = {**VALUES, **yaml.safe_load(case.read_text())}
    shards, together = values["shards"], bool(values["ha"].get("enabled"))
    owners = workloads(case)
    if together:
        assert [(one["kind"], one["spec"]["replicas"]) for one in owners] == [("Deployment", 2)] * shards
    else:
        assert [(one["kind"], one["spec"]["replicas"]) for one in owners] == [("StatefulSet", shards)]
    containers = [one["spec"]["template"]["spec"]["containers"][0] for one in owners]
    told = [word.partition("=")[2] for one in containers for word in one["args"] if word.startswith("--shard=")]
    if shards == 1:
        assert told == []
    elif together:
        assert told == [f"{number}/{shards}" for number in range(shards)]
    else:
        assert told == [f"$(POD_INDEX)/{shards}"]
        label = {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}
        assert containers[0]["env"] == [{"name": "POD_INDEX", "valueFrom": {"fieldRef": label}}]
    for one in containers:
        arguments = parser().parse_args([word.replace("$(POD_INDEX)", "0") for word in one["args"]])
        assert str(arguments.config) == "/etc/contact-center-exporter/config.yaml"


@needs_helm
@pytest.mark.parametrize("name", ["ha", "ha-sharded"])
def test_pods_may_read_and_write_their_leases_and_nothing_else(name: str, tmp_path: Path) -> None:
    objects = rendered(named(name))
    config = written(named(name), tmp_path)
    count = len(workloads(named(name)))
    leases = [Shard(number, count).of(config).server.lease.name for number in range(count)]
    (role,) = of_kind(objects, "Role")
    assert role["rules"] == [
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": leases,
            "verbs": ["get", "update"],
        }
    ]
    assert [one["metadata"]["name"] for one in of_kind(objects, "Lease")] == leases
    (account,), (binding,) = of_kind(objects, "ServiceAccount"), of_kind(objects, "RoleBinding")
    assert [one["name"] for one in binding["subjects"]] == [account["metadata"]["name"]]
    mounts = workloads(named(name))[0]["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert "/var/run/secrets/kubernetes.io/serviceaccount" in {mount["mountPath"] for mount in mounts}


# The config


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


@needs_helm
@pytest.mark.parametrize(
    "case", [case for case in CASES if "\nconfig:" in case.read_text()], ids=lambda case: case.name
)
def test_the_exporter_takes_the_config(case: Path, tmp_path: Path) -> None:
    config = written(case, tmp_path)
    values = {**VALUES, **yaml.safe_load(case.read_text())}
    given = yaml.safe_load(values["config"]) if isinstance(values["config"], str) else values["config"]
    assert config.server.listen.port == values["port"]
    assert str(config.server.state_dir) == "/var/lib/contact-center-exporter"
    assert (config.server.ha is not None) is bool(values["ha"].get("enabled"))
    assert [one.name for one in config.accounts] == [one["name"] for one in given["accounts"]]


@needs_helm
def test_long_ids_stay_what_they_are(tmp_path: Path) -> None:
    (account,) = written(named("podmonitor"), tmp_path).accounts
    assert account.options.queues == (123456000000012345, 123456000000067891)  # type: ignore[attr-defined]
    ids = json.dumps([{"options": {"queues": [123456000000012345]}}])
    assert "/config/accounts/0/options/queues/0" in refusal("--set-json", f"config.accounts={ids}")


def names(shape: type[Struct], *, secret: bool) -> Iterator[str]:
    """Yield the keys of a shape whose values are secrets, or those of the others."""
    for field in fields(shape):
        if (field.type is Secret or Secret in get_args(field.type)) is secret:
            yield field.name


PARTS = [shape for vendor in VENDORS.values() for shape in (vendor.Credentials, vendor.Options)]
SHAPES: tuple[type[Struct], ...] = (Account, Polling, Privacy, *PARTS)
SECRETS = sorted({name for shape in SHAPES for name in names(shape, secret=True)})
OTHERS = sorted(
    {name for shape in SHAPES for name in names(shape, secret=False)} | {f"{name}_file" for name in SECRETS}
)


@needs_helm
@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_gets_into_the_values(name: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f'accounts: [{{"{name}" : hunter2}}]')
    for told in (
        refusal("--set", f"config.accounts[0].credentials.{name}=hunter2"),
        refusal("--set", f"config.privacy.{name}=hunter2"),
        refusal("--set-file", f"config={tmp_path}/config.yaml"),
    ):
        assert name in told
        assert "hunter2" not in told


@needs_helm
def test_whatever_is_no_secret_may_be_in_the_values(tmp_path: Path) -> None:
    accounts = json.dumps([dict.fromkeys(OTHERS, 1)])
    (tmp_path / "config.yaml").write_text(f"accounts: {accounts}")
    assert template("--set-json", f"config.accounts={accounts}")
    assert template("--set-file", f"config={tmp_path}/config.yaml", "--set", "state.volume=persistent")


@needs_helm
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--set", "image.tag=latest"], "/image/tag"),
        (["--set", "replicas=2"], "'replicas' not allowed"),
        (["--set", "ha.replicas=2"], "'replicas' not allowed"),
        (["--set", "config.server.listen=:80"], "'server'"),
        (["--set", "monitor.basicAuth.password=hunter2"], "/monitor/basicAuth/password"),
        (["--set-string", "config=server: {}"], "leave `server` out"),
        (["--set-string", "config=just words"], "config: "),
        (["--values", "ci/default-values.yaml", "--set", "existingConfigMap=telephony"], "leave out one"),
        (["--values", "ci/sharded-values.yaml", "--set", "state.volume=memory"], "support-eu has a refresh token"),
        (["--values", "ci/sharded-values.yaml", "--set", "state.accessModes={ReadWriteOnce}"], "ReadWriteMany"),
        (["--values", "ci/ha-values.yaml", "--set", "state.existingClaim="], "ReadWriteMany"),
    ],
)
def test_values_that_cannot_work_are_refused(words: list[str], told: str) -> None:
    assert told in refusal(*(word.replace("ci/", f"{CHART}/ci/") for word in words))


# What watches it


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


# The chart itself


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
