"""What the pods of the chart may do, judged by linters too.

kube-linter and polaris cannot be had where CI runs; where they are on the PATH they judge too. What they want is
nearly what `test_pods_may_do_nothing_that_they_need_not` and kube-score want.
"""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from chart import VALUES, every_case, named, needs_helm, of_kind, rendered, run, template, workloads, written

from exporter.arguments import parser
from exporter.shard import Shard

UNMET = {  # by kube-linter's checks that are to be chosen; README.md tells why
    "minimum-three-replicas",
    "no-liveness-probe",
    "no-readiness-probe",
    "priority-class-name",
    "required-annotation-email",
    "required-label-owner",
    "schema-validation",  # asks a web site
}


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
