"""Which path answers what. A request reads values that are there already, and can change none but by a reload."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Protocol

from aiohttp import web
from msgspec import Struct
from structlog.typing import FilteringBoundLogger

from exporter.store import World
from exporter.web import status
from exporter.web.gate import Gate, Verdict
from exporter.web.negotiate import takes_gzip, wants_openmetrics
from exporter.web.passwords import Refusal
from exporter.web.server import SERVER, Limits

_CHUNK = 256 * 1024  # a whole big page at once would be copied for every slow reader
_LOST = 10.0  # seconds without a heartbeat after which the loops count as dead
_PATIENCE = 30.0  # seconds after the start from which a silent vendor no longer keeps us unready


class Page(Protocol):
    """The metrics as bytes, made before anybody asked; what is not compressed comes in pieces."""

    @property
    def text(self) -> tuple[bytes, ...]: ...  # noqa: D102 - the names say it
    @property
    def text_gzip(self) -> bytes: ...  # noqa: D102
    @property
    def openmetrics(self) -> tuple[bytes, ...]: ...  # noqa: D102
    @property
    def openmetrics_gzip(self) -> bytes: ...  # noqa: D102


class Pulse(Struct, frozen=True):
    """How the process is; all on the monotonic clock, in seconds."""

    started: float
    beat: float
    """When the loops were last known to run."""
    now: float
    standing_by: bool | None = False
    """Whether another replica polls, and this one has no account to show; None where that is not known yet."""


class _Answer(Struct, frozen=True):
    pieces: tuple[bytes, ...]
    status: int = 200
    headers: Mapping[str, str] = {}


_Route = Callable[[web.BaseRequest], Awaitable[_Answer]]


def build(
    *,
    page: Callable[[], Awaitable[Page]],
    world: Callable[[], World],
    pulse: Callable[[], Pulse],
    reload: Callable[[], Awaitable[tuple[str, ...]]] | None,
    refused: Callable[[], status.Reload | None] = lambda: None,
    clock: Callable[[], float],
    log: FilteringBoundLogger,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    gate: Gate | None = None,
) -> "Site":
    """Return what answers the requests, for `serve`.

    `reload` returns the problems that kept the new config from use; None where reloading over HTTP is off.
    `refused` returns the last reload if that was refused, however it was asked for.
    `gate` judges every request first, those for health too; None lets everybody in.
    `clock` tells the seconds since the Unix epoch.
    """
    css = files(__package__).joinpath("status.css").read_text("utf-8")
    digest = b64encode(sha256(css.encode()).digest()).decode()
    html = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    }

    async def metrics(request: web.BaseRequest) -> _Answer:
        return _page(await page(), _header(request, "Accept"), _header(request, "Accept-Encoding"))

    async def overview(_: web.BaseRequest) -> _Answer:
        parts, now = [], pulse()
        seen, standing_by = world().at(now.now), now.standing_by is not False
        for part in status.parts(seen, clock(), css, standing_by=standing_by, refused=refused()):
            parts.append(part)
            await asyncio.sleep(0)  # many accounts make a long page: let a scrape pass between two of them
        return _Answer(("".join(parts).encode(),), headers=html)

    async def healthy(_: web.BaseRequest) -> _Answer:
        now = pulse()
        return _plain("ok") if now.now - now.beat < _LOST else _plain("the loops stand still", 503)

    async def ready(_: web.BaseRequest) -> _Answer:
        return _ready(world(), pulse())

    async def reloaded(_: web.BaseRequest) -> _Answer:
        if reload is None:
            return _plain("reloading over HTTP is off: enable it in the config, or send SIGHUP", 403)
        problems = await reload()
        return _plain("\n".join(problems), 400) if problems else _plain("ok")

    routes: Mapping[str, tuple[tuple[str, ...], _Route]] = {
        "/": (("GET", "HEAD"), overview),
        "/metrics": (("GET", "HEAD"), metrics),
        "/-/healthy": (("GET", "HEAD"), healthy),
        "/-/ready": (("GET", "HEAD"), ready),
        "/-/reload": (("POST",), reloaded),
    }
    return Site(routes, log, limits.answers, gate)


class Site:
    """Answers every request, whatever happens, with words of our own."""

    def __init__(
        self,
        routes: Mapping[str, tuple[tuple[str, ...], _Route]],
        log: FilteringBoundLogger,
        most: int,
        gate: Gate | None,
    ) -> None:
        """Answer at most so many requests for pages at once; those for the state of the process are free."""
        self._routes = routes
        self._log = log
        self._most = most
        self._gate = gate
        self._busy = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer the request, down to the last byte.

        Raises:
            ConnectionError: the client is gone.
        """
        verdict = await self._judged(request)
        if verdict.refusal:
            refusal = verdict.refusal
            return await _send(request, _plain(refusal.text, refusal.status, refusal.headers), verdict.headers)
        if request.path.startswith("/-/"):
            return await _send(request, await self._answer(request), verdict.headers)
        if self._busy >= self._most:
            busy = _plain("too many requests at once", 503, {"Retry-After": "1"})
            return await _send(request, busy, verdict.headers)
        self._busy += 1
        try:
            return await _send(request, await self._answer(request), verdict.headers)
        finally:
            self._busy -= 1

    async def _judged(self, request: web.BaseRequest) -> Verdict:
        try:
            return await self._gate.judge(request) if self._gate else Verdict(None)
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001 - a bug of ours must not open the door
            self._log.exception("request_failed", path=request.path)
            return Verdict(Refusal(500, "internal error"))

    async def _answer(self, request: web.BaseRequest) -> _Answer:
        methods, route = self._routes.get(request.path, ((), None))
        if route is None:
            return _plain("not found", 404)
        if request.method not in methods:
            return _plain("method not allowed", 405, {"Allow": ", ".join(methods)})
        try:
            return await route(request)
        except Exception:  # noqa: BLE001 - a bug of ours must not show its insides to a client
            self._log.exception("request_failed", path=request.path)
            return _plain("internal error", 500)


async def _send(request: web.BaseRequest, answer: _Answer, headers: Mapping[str, str]) -> web.StreamResponse:
    fixed = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
    size = {"Content-Length": str(sum(map(len, answer.pieces)))}
    # A Response, though written in chunks: its header goes out with the first of them, not in a packet of its own.
    response = web.Response(status=answer.status, headers={**SERVER, **fixed, **answer.headers, **headers, **size})
    await response.prepare(request)
    if request.method != "HEAD":
        for chunk in _chunks(answer.pieces):
            await response.write(chunk)
    await response.write_eof()
    return response


def _chunks(pieces: tuple[bytes, ...]) -> Iterator[bytes | memoryview]:
    """Yield the pieces in chunks of about the same size: long ones in parts, short ones joined."""
    short: list[bytes] = []
    size = 0
    for piece in pieces:
        if short and size + len(piece) > _CHUNK:
            yield b"".join(short)
            short, size = [], 0
        if len(piece) > _CHUNK:
            whole = memoryview(piece)
            yield from (whole[start : start + _CHUNK] for start in range(0, len(whole), _CHUNK))
        else:
            short.append(piece)
            size += len(piece)
    if short:
        yield b"".join(short)


def _page(page: Page, accept: str, accept_encoding: str) -> _Answer:
    headers = {"Vary": "Accept, Accept-Encoding"}
    zipped = takes_gzip(accept_encoding)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    if wants_openmetrics(accept):
        headers["Content-Type"] = "application/openmetrics-text; version=1.0.0; charset=utf-8"
        return _Answer((page.openmetrics_gzip,) if zipped else page.openmetrics, headers=headers)
    headers["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
    return _Answer((page.text_gzip,) if zipped else page.text, headers=headers)


def _ready(world: World, pulse: Pulse) -> _Answer:
    if pulse.standing_by is None:
        return _plain("not ready: the lease could not be read yet, and the log tells why", 503)
    if pulse.standing_by:
        return _plain("ok: standing by")
    states = [state for account in world.accounts.values() for state in account.endpoints.values()]
    missing = sum(not state.tried for state in states)
    if (missing or not states) and pulse.now - pulse.started < _PATIENCE:
        return _plain(f"not ready: {missing} of {len(states)} endpoints have not been polled yet", 503)
    return _plain("ok")


def _plain(text: str, status: int = 200, headers: Mapping[str, str] = {}) -> _Answer:
    content = {"Content-Type": "text/plain; charset=utf-8"}
    return _Answer((f"{text}\n".encode("utf-8", "replace"),), status, {**content, **headers})


def _header(request: web.BaseRequest, name: str) -> str:
    return ",".join(request.headers.getall(name, ()))
