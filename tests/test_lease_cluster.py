"""Exporters that stand by for each other before a real API server, where kube-apiserver and etcd are on the PATH.

CI has no kube-apiserver: it is no package of Debian, and takes ten minutes to build. What it answers is what
lease_api.py answers; these tests are how that was found out.
"""

import asyncio
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from lease_api import NAME, Api
from msgspec import Struct
from msgspec.structs import replace
from test_app import account, first, soon, vendor
from test_lease_exporters import LEADER, LEASE, Cluster, cluster, in_cluster

from exporter.config import Lease
from exporter.lease import election
from exporter.lease.kubernetes import ClusterLease, Conflict, Spec, Unknown

__all__ = ["cluster", "soon"]  # fixtures
pytestmark = pytest.mark.skipif(
    shutil.which("kube-apiserver") is None or shutil.which("etcd") is None,
    reason="kube-apiserver and etcd are not installed",
)
LEASES = "/apis/coordination.k8s.io/v1/namespaces/telephony/leases"
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/telephony"
CORE = "/api/v1/namespaces"
RIGHTS = [
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "resourceNames": [NAME],
        "verbs": ["get", "update"],
    },
]
AT = "2026-11-21T05:30:05.000001Z"
SPEC = Spec("pod-a_1", 15, AT, AT, 0)


class Server(Struct):
    """A running kube-apiserver."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask as one who may do everything."""
        headers = {"Authorization": "Bearer of-the-admin"}
        url = f"https://127.0.0.1:{self.port}{path}"
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, url, json=body, ssl=False) as answer,
        ):
            return answer.status, await answer.json(content_type=None)


class Real(Api):
    """The real thing behind the face of our own."""

    def __init__(self, mount: Path, server: Server) -> None:
        super().__init__(mount)
        self.server = server
        self.environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(server.port)}

    async def token(self) -> str:
        request = {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "spec": {"expirationSeconds": 600},
        }
        _, token = await self.server.ask("POST", f"{CORE}/telephony/serviceaccounts/exporter/token", request)
        return str(token["status"]["token"])


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("cluster")
    client, peer, port = free_ports(3)
    key = folder / "sa.key"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    (folder / "tokens.csv").write_text("of-the-admin,admin,1,system:masters\n")
    etcd = [
        "etcd",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{client}",
        f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
    ]
    api = [
        "kube-apiserver",
        f"--etcd-servers=http://127.0.0.1:{client}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--endpoint-reconciler-type=none",
    ]
    with (folder / "log").open("wb") as log:
        started = [subprocess.Popen(command, stdout=log, stderr=log) for command in (etcd, api)]
    try:
        yield Server(port, folder, started[1])
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


@pytest.fixture
async def api(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Real:
    async def is_ready() -> bool:
        try:
            return (await server.ask("GET", "/api/v1/namespaces/kube-system"))[0] == 200
        except aiohttp.ClientError:
            return False

    await first(is_ready)
    await server.ask("POST", CORE, {"metadata": {"name": "telephony"}})
    await server.ask("POST", f"{CORE}/telephony/serviceaccounts", {"metadata": {"name": "exporter"}})
    await server.ask("POST", f"{RBAC}/roles", {"metadata": {"name": "exporter"}, "rules": RIGHTS})
    binding = {
        "metadata": {"name": "exporter"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "exporter"},
        "subjects": [{"kind": "ServiceAccount", "name": "exporter", "namespace": "telephony"}],
    }
    await server.ask("POST", f"{RBAC}/rolebindings", binding)
    await server.ask("DELETE", f"{LEASES}/{NAME}")
    monkeypatch.setattr(election, "STOPPING", 1.0)
    (tmp_path / "serviceaccount").mkdir()
    real = Real(tmp_path / "serviceaccount", server)
    (real.mount / "ca.crt").write_bytes((server.folder / "apiserver.crt").read_bytes())
    for name, value in real.environ.items():
        monkeypatch.setenv(name, value)
    (real.mount / "token").write_text(await real.token())

    async def allowed() -> bool:  # a role counts a moment after it was made
        lease = ClusterLease.in_pod(Lease(), real.environ, real.mount)
        try:
            return await lease.read() is None
        except Unknown:
            return False
        finally:
            await lease.close()

    await first(allowed)
    return real


@pytest.fixture
async def lease(api: Real) -> AsyncIterator[ClusterLease]:
    lease = ClusterLease.in_pod(Lease(), api.environ, api.mount)
    yield lease
    await lease.close()


async def test_what_the_shelf_of_the_other_tests_promises_is_so(api: Real, lease: ClusterLease) -> None:
    assert await lease.read() is None
    await lease.write(SPEC, None)
    found = await lease.read()
    assert found is not None
    assert found.spec == SPEC
    with pytest.raises(Conflict):
        await lease.write(SPEC, None)
    await lease.write(SPEC, found)  # which changes nothing, and makes no new version
    await lease.write(replace(SPEC, lease_transitions=1), found)
    labelled = {**found.whole, "metadata": {**found.whole["metadata"], "labels": {"made-by": "us"}}}
    assert (await api.server.ask("PUT", f"{LEASES}/{NAME}", labelled))[0] == 409
    del labelled["metadata"]["resourceVersion"]
    assert (await api.server.ask("PUT", f"{LEASES}/{NAME}", labelled))[0] == 422
    _, labelled = await api.server.ask("GET", f"{LEASES}/{NAME}")
    labelled["metadata"]["labels"] = {"made-by": "us"}
    assert (await api.server.ask("PUT", f"{LEASES}/{NAME}", labelled))[0] == 200
    with pytest.raises(Conflict):
        await lease.write(SPEC, found)
    found = await lease.read()
    assert found is not None
    await lease.write(Spec(None, 1, AT, AT, 3), found)
    freed = await lease.read()
    assert freed is not None
    assert freed.spec == Spec(None, 1, AT, AT, 3)
    assert freed.whole["metadata"]["labels"] == {"made-by": "us"}
    for wrong in (
        Spec("a", 15, AT, "2026-11-21T05:30:05Z"),
        Spec("a", 15, AT, "2026-11-21T05:30:05.001Z"),
        Spec("a", 0),
    ):
        with pytest.raises(Unknown, match="HTTP 4"):
            await lease.write(wrong, freed)
    await api.server.ask("DELETE", f"{LEASES}/{NAME}")
    with pytest.raises(Conflict):
        await lease.write(SPEC, freed)


async def test_the_rights_that_the_docs_ask_for_are_enough_and_no_more(api: Real) -> None:
    other = ClusterLease.in_pod(Lease(name="other"), api.environ, api.mount)
    elsewhere = ClusterLease.in_pod(Lease(namespace="default"), api.environ, api.mount)
    for lease in (other, elsewhere):
        with pytest.raises(Unknown, match="HTTP 403"):
            await lease.read()
        await lease.close()


async def test_a_token_of_nobody_is_refused(api: Real, lease: ClusterLease) -> None:
    (api.mount / "token").write_text("of-nobody")
    with pytest.raises(Unknown, match="HTTP 401"):
        await lease.read()
    (api.mount / "token").write_text(await api.token())
    assert await lease.read() is None


async def test_exporters_hand_over_before_a_real_api_server(api: Real, cluster: Cluster) -> None:
    async with vendor() as (url, _):
        start = in_cluster(account("acme", url))
        leader, second = await cluster.pair(start)
        leader.stop.set()
        assert await cluster.leader(others=(leader,)) is second
        assert not cluster.both
        _, found = await api.server.ask("GET", f"{LEASES}/{NAME}")
        assert found["spec"]["leaseTransitions"] == 1
        assert found["spec"]["leaseDurationSeconds"] == LEASE.duration
        third = await cluster.start(start)
        await third.ready()
        api.server.process.send_signal(signal.SIGSTOP)  # nobody can know who holds the lease
        try:
            await second.until(lambda page: page[LEADER] == "0.0")
            assert not second.shows
            await asyncio.sleep(LEASE.duration)
            assert not third.leads
        finally:
            api.server.process.send_signal(signal.SIGCONT)
        await cluster.leader(others=(leader,))
        assert not cluster.both
