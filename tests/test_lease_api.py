"""The lease over real sockets and TLS, against what answers as an API server does."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from certificates import Authority
from lease_api import Api, answering, saying, serving, silent, sound, tls
from lease_shelf import Status
from msgspec.structs import replace

from exporter.config import ConfigError, Lease
from exporter.lease import kubernetes
from exporter.lease.kubernetes import ClusterLease, Conflict, Spec, Unknown
from exporter.transport import tls_context

AT = "2026-11-21T05:30:05.000001Z"
SPEC = Spec("pod-a_1", 15, AT, AT, 0)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path) as api:
        yield api


@pytest.fixture
async def lease(api: Api) -> AsyncIterator[ClusterLease]:
    lease = ClusterLease.in_pod(Lease(), api.environ, api.mount)
    yield lease
    await lease.close()


async def test_a_lease_is_made_read_and_changed_in_the_words_of_the_api(api: Api, lease: ClusterLease) -> None:
    assert await lease.read() is None
    await lease.write(SPEC, None)
    assert api.shelf.spec == {
        "holderIdentity": "pod-a_1",
        "leaseDurationSeconds": 15,
        "acquireTime": AT,
        "renewTime": AT,
        "leaseTransitions": 0,
    }
    found = await lease.read()
    assert found is not None
    assert found.spec == SPEC
    await lease.write(replace(SPEC, holder_identity=None, lease_duration_seconds=1), found)
    freed = await lease.read()
    assert freed is not None
    assert freed.spec == replace(SPEC, holder_identity=None, lease_duration_seconds=1)
    assert api.asked == ["GET", "POST", "GET", "PUT", "GET"]


async def test_who_comes_second_conflicts(api: Api, lease: ClusterLease) -> None:
    await lease.write(SPEC, None)
    with pytest.raises(Conflict):
        await lease.write(SPEC, None)
    found = await lease.read()
    await lease.write(SPEC, found)  # which changes nothing, and makes no new version
    await lease.write(replace(SPEC, lease_transitions=1), found)
    with pytest.raises(Conflict):
        await lease.write(SPEC, found)
    api.shelf.whole = None
    with pytest.raises(Conflict):
        await lease.write(SPEC, found)
    api.faults = [answering(404)]
    with pytest.raises(Conflict):
        await lease.write(SPEC, found)


async def test_what_others_keep_in_the_lease_stays(api: Api, lease: ClusterLease) -> None:
    metadata = {"name": "contact-center-exporter", "labels": {"made-by": "the chart"}, "ownerReferences": [{}]}
    api.shelf.post(
        {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {"x": 1}}
    )
    found = await lease.read()
    assert found is not None
    assert found.spec == Spec()
    await lease.write(SPEC, found)
    assert api.shelf.whole is not None
    assert api.shelf.whole["metadata"].items() >= metadata.items()
    assert api.shelf.spec["x"] == 1


async def test_a_lease_without_a_spec_is_held_by_nobody(api: Api, lease: ClusterLease) -> None:
    api.faults = [saying('{"metadata": {}}'), saying('{"spec": null}')]
    for _ in range(2):
        found = await lease.read()
        assert found is not None
        assert found.spec == Spec()


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (302, "the API server answers HTTP 302"),
        (400, "the API server answers HTTP 400"),
        (401, "the API server does not accept the token of the service account"),
        (403, "allow the service account get and update on this lease, and create on leases"),
        (410, "the API server answers HTTP 410"),
        (429, "the API server answers HTTP 429"),
        (500, "the API server answers HTTP 500"),
        (504, "the API server answers HTTP 504"),
    ],
)
async def test_what_is_no_answer_is_told_and_forgotten(
    code: int, told: str, api: Api, lease: ClusterLease
) -> None:
    await lease.write(SPEC, None)
    found = await lease.read()
    api.faults = [answering(code)] * 3 + [sound]
    for work in (lease.read, lambda: lease.write(SPEC, found), lambda: lease.write(SPEC, None)):
        with pytest.raises(Unknown, match=told):
            await work()
    assert await lease.read() == found


@pytest.mark.parametrize("text", ["", "[]", "{", "\ufeff<html>", '{"spec": {"leaseDurationSeconds": "long"}}'])
async def test_an_answer_that_is_no_lease_is_none(text: str, api: Api, lease: ClusterLease) -> None:
    api.faults = [saying(text)]
    with pytest.raises(Unknown, match="no Lease"):
        await lease.read()


async def test_an_answer_without_end_is_none(api: Api, lease: ClusterLease) -> None:
    api.faults = [saying(f'{{"spec": "{"x" * 100_000}"}}')]
    with pytest.raises(Unknown, match="larger than"):
        await lease.read()


async def test_a_namespace_that_is_not_there_is_told(api: Api, lease: ClusterLease) -> None:
    api.faults = [answering(404)]
    with pytest.raises(Unknown, match="no such namespace"):
        await lease.write(SPEC, None)


@pytest.mark.parametrize(("verb", "allowed"), [("get", {"create", "update"}), ("create", {"get", "update"})])
async def test_rights_that_are_missing_are_told(
    verb: str, allowed: set[str], api: Api, lease: ClusterLease
) -> None:
    api.allowed = allowed
    with pytest.raises(Unknown, match="create on leases"):
        await (lease.read() if verb == "get" else lease.write(SPEC, None))


async def test_a_token_that_was_replaced_is_read_anew(api: Api, lease: ClusterLease) -> None:
    assert await lease.read() is None
    api.tokens = {"second-token"}
    with pytest.raises(Unknown, match="does not accept the token"):
        await lease.read()
    new = api.mount / "new"
    new.write_text("second-token\n")
    new.replace(api.mount / "token")
    assert await lease.read() is None


async def test_a_token_is_changed_by_a_symlink_as_the_kubelet_does(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        for name, token in (("..one", "first-token"), ("..two", "second-token")):
            (api.mount / name).mkdir()
            (api.mount / name / "token").write_text(token)
        (api.mount / "token").unlink()
        (api.mount / "..data").symlink_to("..one")
        (api.mount / "token").symlink_to("..data/token")
        lease = ClusterLease.in_pod(Lease(), api.environ, api.mount)
        assert await lease.read() is None
        api.tokens = {"second-token"}
        (api.mount / "..new").symlink_to("..two")
        (api.mount / "..new").replace(api.mount / "..data")
        assert await lease.read() is None
        await lease.close()


async def test_an_authority_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    old, new = Authority("old"), Authority("new")
    async with serving(tmp_path, old) as api:
        lease = ClusterLease.in_pod(Lease(), api.environ, api.mount)
        assert await lease.read() is None
        await lease.close()
    async with serving(tmp_path, new) as api:
        (api.mount / "ca.crt").write_text(old.cert)
        lease = ClusterLease.in_pod(Lease(), api.environ, api.mount)
        with pytest.raises(Unknown, match="an authority that this machine does not know"):
            await lease.read()
        assert api.asked == []  # not even the token was sent
        (api.mount / "ca.crt").write_text("broken")
        with pytest.raises(Unknown, match="no certificate of the cluster's authority"):
            await lease.read()
        (api.mount / "ca.crt").write_text(new.cert)
        assert await lease.read() is None
        await lease.close()


async def test_an_authority_older_than_the_rules_of_python_3_13_is_believed(
    monkeypatch: pytest.MonkeyPatch, api: Api
) -> None:
    def strict(authority: Path | None = None) -> ssl.SSLContext:
        context = tls_context(authority)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(kubernetes, "tls_context", strict)
    lease = ClusterLease.in_pod(Lease(), api.environ, api.mount)
    assert await lease.read() is None
    await lease.close()


async def test_a_server_that_is_gone_is_told_and_found_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        lease = ClusterLease.in_pod(Lease(), api.environ, api.mount)
        assert await lease.read() is None
    for _ in range(2):
        with pytest.raises(Unknown, match=r"127\.0\.0\.1"):
            await lease.read()
    await lease.close()


async def test_who_gives_up_waiting_can_ask_again(api: Api, lease: ClusterLease) -> None:
    api.faults = [silent, sound]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await lease.read()
    assert await lease.read() is None


async def test_the_shelf_is_as_strict_as_the_api_server(api: Api, lease: ClusterLease) -> None:
    for wrong in (
        replace(SPEC, renew_time="2026-11-21T05:30:05Z"),
        replace(SPEC, renew_time="2026-11-21T05:30:05.001Z"),
        replace(SPEC, lease_duration_seconds=0),
        replace(SPEC, lease_transitions=-1),
    ):
        with pytest.raises(Unknown, match="HTTP 4"):
            await lease.write(wrong, None)
    with pytest.raises(Status):
        api.shelf.get()


def test_outside_a_pod_the_config_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"server\.ha: kubernetes-lease: this is no pod of a cluster"):
        ClusterLease.in_pod(Lease(), {}, tmp_path)


@pytest.mark.parametrize("missing", ["token", "namespace", "ca.crt"])
async def test_a_pod_without_a_service_account_is_told_what_to_mount(missing: str, api: Api) -> None:
    (api.mount / missing).unlink()
    with pytest.raises(ConfigError, match="automountServiceAccountToken: true"):
        ClusterLease.in_pod(Lease(), api.environ, api.mount)


async def test_the_config_may_name_the_lease_and_the_namespace(api: Api) -> None:
    (api.mount / "namespace").unlink()
    lease = ClusterLease.in_pod(Lease(name="sales", namespace="other"), api.environ, api.mount)
    assert lease._one.endswith("/apis/coordination.k8s.io/v1/namespaces/other/leases/sales")
    assert ClusterLease.in_pod(
        Lease(namespace="n"), {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}, api.mount
    )._all.startswith("https://[fd00::1]:443/apis/")


async def test_the_token_stands_in_no_text_of_ours(api: Api, lease: ClusterLease) -> None:
    api.faults = [answering(401), answering(500), saying("first-token")]
    for _ in range(3):
        with pytest.raises(Unknown) as told:
            await lease.read()
        assert "first-token" not in f"{told.value!r} {told.value} {vars(lease)}"


def test_the_server_of_these_tests_speaks_tls(tmp_path: Path) -> None:
    assert tls(Authority(), tmp_path).verify_mode is ssl.CERT_NONE  # of clients, as an API server with tokens
