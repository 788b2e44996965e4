import asyncio
from typing import Any, NoReturn

import pytest
import structlog
from plain_http import ask, parse, send, server
from sample_world import account, centre, held, world

from exporter.model import Snapshot
from exporter.store import EndpointState, World
from exporter.web import Pulse

PATHS = ("/", "/metrics", "/-/healthy", "/-/ready")


def pulse(started: float, beat: float, now: float) -> Any:
    return lambda: Pulse(started, beat, now)


def fail() -> NoReturn:
    raise RuntimeError("canary-secret in the message")


@pytest.mark.parametrize("path", PATHS)
async def test_head_works_everywhere(path: str) -> None:  # case 72
    async with server(pulse=pulse(0, 100, 100)) as port:
        full, head = await ask(port, f"GET {path}"), await ask(port, f"HEAD {path}")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == full.headers["content-length"] == str(len(full.body))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_other_methods_are_refused(path: str, method: str) -> None:  # case 71
    async with server() as port:
        reply = await ask(port, f"{method} {path}", {"X-Secret": "canary", "Content-Length": "0"})
    assert (reply.status, reply.headers["allow"], reply.body) == (405, "GET, HEAD", b"method not allowed\n")


@pytest.mark.parametrize(
    "path", ["/config", "/metrics/", "//metrics", "/-/", "/-/quit", "/..%2fmetrics", "/debug"]
)
async def test_there_is_nothing_else(path: str) -> None:
    async with server() as port:
        reply = await ask(port, f"GET {path}")
    assert (reply.status, reply.body) == (404, b"not found\n")


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS on the plain port
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"canary-method /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"\r\n\r\ncanary\r\n\r\n",
    ],
)
async def test_what_is_no_sound_request_is_refused_in_constant_words(data: bytes) -> None:  # case 71
    async with server() as port:
        reply = parse(await send(port, data))
    assert (reply.status, reply.body) == (400, b"bad request\n")
    assert reply.headers["server"] == "contact-center-exporter"


@pytest.mark.parametrize("path", ["/metrics", "/", "/-/ready", "/-/healthy"])
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
async def test_a_bug_is_a_bare_500_even_when_asyncio_debugs(path: str, accept: str) -> None:  # case 85, T25
    asyncio.get_running_loop().set_debug(True)
    log = structlog.testing.LogCapture()
    broken = {"page": fail, "world": fail, "pulse": fail, "log": structlog.wrap_logger(None, processors=[log])}
    async with server(**broken) as port:
        reply = await ask(port, f"GET {path}", {"Accept": accept})
    assert (reply.status, reply.body) == (500, b"internal error\n")
    assert reply.headers["server"] == "contact-center-exporter"
    assert [(entry["event"], entry["path"]) for entry in log.entries] == [("request_failed", path)]


async def test_a_bug_below_the_routes_is_a_bare_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.get_running_loop().set_debug(True)
    page = type("Page", (), {"text": None})
    async with server(page=lambda: page) as port:
        reply = await ask(port)
    assert (reply.status, reply.body) == (500, b"internal error\n")
    assert "a request failed below the routes" in caplog.text


@pytest.mark.parametrize(("beat", "status"), [(100.0, 200), (91.0, 200), (89.0, 503)])
async def test_healthy_is_a_fresh_heartbeat(beat: float, status: int) -> None:
    async with server(pulse=pulse(0, beat, 100.0)) as port:
        assert (await ask(port, "GET /-/healthy")).status == status


async def test_ready_waits_until_every_endpoint_was_tried() -> None:
    async with server(pulse=pulse(100.0, 101.0, 101.0)) as port:
        reply = await ask(port, "GET /-/ready")
    assert (reply.status, reply.body) == (503, b"not ready: 2 of 9 endpoints have not been polled yet\n")


@pytest.mark.parametrize(
    ("seen", "now"),
    [
        (world(account("a", {"queues": held(Snapshot())})), 101.0),
        (centre(), 130.0),
        (World(), 131.0),
    ],
)
async def test_ready_is_everything_tried_or_patience_at_an_end(seen: World, now: float) -> None:
    async with server(world=lambda: seen, pulse=pulse(100.0, now, now)) as port:
        assert (await ask(port, "GET /-/ready")).status == 200


async def test_a_vendor_that_fails_does_not_keep_us_unready() -> None:
    sick = World({name: one for name, one in centre().accounts.items() if name == "bookings"})
    async with server(world=lambda: sick, pulse=pulse(100.0, 101.0, 101.0)) as port:
        assert (await ask(port, "GET /-/ready")).status == 200


async def test_reload_is_off_unless_it_is_enabled() -> None:
    async with server() as port:
        assert (await ask(port, "POST /-/reload")).status == 403
        assert (await ask(port, "GET /-/reload")).headers["allow"] == "POST"


async def test_reload_tells_each_problem_on_a_line() -> None:
    problems = ["config.yaml:3: unknown key", "config.yaml:9: <b>not</b> a number"]

    async def reload() -> tuple[str, ...]:
        return tuple(problems)

    async with server(reload=reload) as port:
        bad = await ask(port, "POST /-/reload")
        problems.clear()
        good = await ask(port, "POST /-/reload")
    assert (bad.status, bad.body.decode()) == (
        400,
        "config.yaml:3: unknown key\nconfig.yaml:9: <b>not</b> a number\n",
    )
    assert (bad.headers["content-type"], bad.headers["x-content-type-options"]) == (
        "text/plain; charset=utf-8",
        "nosniff",
    )
    assert (good.status, good.body) == (200, b"ok\n")


@pytest.mark.parametrize("new", [World(), world(account("a", {"queues": EndpointState()}))])
async def test_a_world_that_has_only_begun_is_not_ready(new: World) -> None:
    async with server(world=lambda: new, pulse=pulse(100.0, 101.0, 129.9)) as port:
        assert (await ask(port, "GET /-/ready")).status == 503
