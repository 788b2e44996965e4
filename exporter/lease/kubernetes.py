"""One Lease (coordination.k8s.io/v1) of the cluster that this pod runs in, read and written over our own HTTP."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

import aiohttp
import msgspec
from msgspec import Struct

from exporter.config import ConfigError, Lease, Problem
from exporter.config.problems import Misfit
from exporter.config.secrets import file_secret
from exporter.errors import ExporterError, PollFailed
from exporter.transport.exchange import ERROR_CAP, Proof, exchange, open_session, tls_context
from exporter.wire.http import Reply, Request
from exporter.wire.secret import Secret

MOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet keeps a pod's token, its namespace, and the certificate of the cluster's authority."""


class Unknown(ExporterError):
    """The API server did not say how the lease is. The text says why, in one line."""


class Conflict(ExporterError):
    """Another wrote the lease first."""


class Spec(Struct, frozen=True, rename="camel"):
    """Who holds the lease, in the API's own words; instants are texts, since nobody computes with them."""

    holder_identity: str | None = None
    """None or empty: nobody."""
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class Found(Struct, frozen=True):
    """The lease as it was read."""

    spec: Spec
    whole: Mapping[str, Any]
    """With all that others keep in it, and the version that a write must name."""


class ClusterLease:
    """The lease behind an API server. Nothing is kept of it here but the connection."""

    def __init__(self, origin: str, namespace: str, name: str, token: Secret, authority: Path) -> None:
        """Name the lease; `token` and the file `authority` may change at any time."""
        self._all = f"{origin}/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._one = f"{self._all}/{name}"
        self._new: Mapping[str, Any] = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": namespace},
        }
        self._token = token
        self._authority = authority
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def in_pod(cls, terms: Lease, environ: Mapping[str, str], mount: Path) -> Self:
        """Return the lease that the config names, as the service account sees it whose files are in `mount`.

        Raises:
            ConfigError: this is no pod, or it has no service account.
        """
        host, port = (environ.get(f"KUBERNETES_SERVICE_{part}", "") for part in ("HOST", "PORT"))
        if not (host and port):
            raise _misplaced("this is no pod of a cluster: KUBERNETES_SERVICE_HOST and _PORT are not set")
        try:
            token = file_secret(mount / "token")
            namespace = terms.namespace or (mount / "namespace").read_text("ascii").strip()
            tls_context(mount / "ca.crt")
        except (Misfit, OSError, ValueError):
            advice = f"mount token, ca.crt and namespace at {mount} (automountServiceAccountToken: true)"
            raise _misplaced(f"the pod has no usable service account; {advice}") from None
        origin = f"https://{f'[{host}]' if ':' in host else host}:{port}"
        return cls(origin, namespace, terms.name, token, mount / "ca.crt")

    async def read(self) -> Found | None:
        """Return the lease as it is now; None where there is none.

        Raises:
            Unknown: there was no answer, or none that says it.
        """
        reply = await self._call("GET", self._one)
        if reply.status == 404:
            return None
        try:
            whole = msgspec.json.decode(_good(reply).body, type=dict[str, Any])
            return Found(msgspec.convert(whole.get("spec") or {}, Spec), whole)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Unknown("the answer of the API server is no Lease") from None

    async def write(self, spec: Spec, over: Found | None) -> None:
        """Write the lease over that which was found, or anew, and leave alone what others keep in it.

        Raises:
            Conflict: it is not any more as it was found.
            Unknown: it may be written or not.
        """
        whole = over.whole if over else self._new
        body = msgspec.json.encode({**whole, "spec": (whole.get("spec") or {}) | msgspec.to_builtins(spec)})
        reply = await (self._call("PUT", self._one, body) if over else self._call("POST", self._all, body))
        if reply.status == 409 or (over and reply.status == 404):
            raise Conflict
        _good(reply)

    async def close(self) -> None:
        """Close the connection. The next call opens another, with the authority as it is then."""
        session, self._session = self._session, None
        if session:
            await session.close()

    async def _call(self, method: Literal["GET", "PUT", "POST"], url: str, body: bytes | None = None) -> Reply:
        request = Request(
            "lease", url, method=method, body=body, content_type="application/json" if body else None
        )
        proof = Proof((("Authorization", f"Bearer {self._token.reveal().strip()}"),))
        try:
            return await exchange(self._opened(), request, proof=proof, cap=ERROR_CAP)
        except PollFailed as failed:
            told = failed.detail
        await self.close()
        raise Unknown(told)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            try:
                context = tls_context(self._authority)
            except (OSError, ValueError):
                raise Unknown(f"{self._authority} holds no certificate of the cluster's authority") from None
            # A cluster's authority lives for ten years: many are older than what Python 3.13 demands of one.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            self._session = open_session(context)
        return self._session


def _good(reply: Reply) -> Reply:
    match reply.status:
        case 200 | 201:
            return reply
        case 401:
            raise Unknown("the API server does not accept the token of the service account (HTTP 401)")
        case 403:
            raise Unknown(
                "the API server forbids it (HTTP 403); allow the service account get and update on this lease, and"
                " create on leases, in the API group coordination.k8s.io"
            )
        case 404:
            raise Unknown("the API server knows no such namespace (HTTP 404)")
        case status:
            raise Unknown(f"the API server answers HTTP {status}")


def _misplaced(wrong: str) -> ConfigError:
    return ConfigError("server.ha: kubernetes-lease", [Problem(None, "", wrong)])
