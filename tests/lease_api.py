"""The part of an API server that keeps leases, as kube-apiserver 1.34 answers it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from certificates import Authority, ip
from lease_shelf import Shelf, Status, Whole

_REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict"}
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/telephony/leases"
NAME = "contact-center-exporter"


class Api:
    """What the API server knows, and what it does to who asks."""

    def __init__(self, mount: Path) -> None:
        self.shelf = Shelf()
        self.mount = mount
        self.environ: dict[str, str] = {}
        self.tokens = {"first-token"}
        self.allowed = {"get", "create", "update"}
        self.cut: set[str] = set()
        """The tokens of those who get no answer."""
        self.asked: list[str] = []
        self.faults: list[Callable[[web.Request], Awaitable[web.StreamResponse | None]]] = []
        """One for each coming request; the last stays."""
        (mount / "token").write_text("first-token")
        (mount / "namespace").write_text("telephony")

    async def token(self) -> str:
        """Return a new one of the service account."""
        token = f"token-{len(self.tokens)}"
        self.tokens.add(token)
        return token

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.method)
        if _token(request) in self.cut:
            await asyncio.Event().wait()
        if self.faults:
            fault = self.faults.pop(0) if len(self.faults) > 1 else self.faults[0]
            if answer := await fault(request):
                return answer
        try:
            whole = self._lease(request, await request.json() if request.can_read_body else {})
        except Status as status:
            return failure(status.code)
        return web.json_response(whole, status=201 if request.method == "POST" else 200)

    def _lease(self, request: web.Request, new: Whole) -> Whole:
        if _token(request) not in self.tokens:
            raise Status(401)
        acts: dict[str, tuple[str, str, Callable[[Whole], Whole]]] = {
            "GET": ("get", f"{_LEASES}/{NAME}", lambda _: self.shelf.get()),
            "POST": ("create", _LEASES, self.shelf.post),
            "PUT": ("update", f"{_LEASES}/{NAME}", self.shelf.put),
        }
        verb, path, act = acts[request.method]
        if verb not in self.allowed:
            raise Status(403)
        if request.path != path:
            raise Status(404)
        if new and (new["apiVersion"], new["kind"]) != ("coordination.k8s.io/v1", "Lease"):
            raise Status(400)
        return act(new)


def _token(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def failure(code: int) -> web.Response:
    reason = _REASONS.get(code, "InternalError")
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
    return web.json_response(status, status=code)


def answering(code: int) -> Callable[[web.Request], Awaitable[web.StreamResponse | None]]:
    async def fault(_: web.Request) -> web.StreamResponse:
        return failure(code)

    return fault


def saying(text: str) -> Callable[[web.Request], Awaitable[web.StreamResponse | None]]:
    async def fault(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type="application/json")

    return fault


async def silent(_: web.Request) -> web.StreamResponse | None:
    await asyncio.Event().wait()
    return None


async def sound(_: web.Request) -> web.StreamResponse | None:
    return None


def tls(authority: Authority, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.identity("kube-apiserver", ip("127.0.0.1")).written(folder, "server"))
    return context


@asynccontextmanager
async def serving(folder: Path, authority: Authority | None = None) -> AsyncIterator[Api]:
    """Serve it over TLS while the context lasts, with a pod's service account in a folder."""
    mount = folder / "serviceaccount"
    mount.mkdir(exist_ok=True)
    authority = authority or Authority()
    (mount / "ca.crt").write_text(authority.cert)
    api = Api(mount)
    runner = web.ServerRunner(web.Server(api.answer), shutdown_timeout=0.1)  # type: ignore[arg-type]  # a request
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls(authority, folder))
    await site.start()
    port = runner.addresses[0][1]
    api.environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}
    try:
        yield api
    finally:
        await runner.cleanup()
