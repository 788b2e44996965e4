"""A server to ask, and a client that sends exactly the bytes it is told to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from msgspec import Struct
from sample_world import NOW, centre

from exporter.web import Limits, Pulse, build, serve

PATIENCE = 20.0  # an upper bound that a sound server never comes near


class Bytes(Struct, frozen=True):
    """A page as the exposition makes it."""

    text: tuple[bytes, ...] = (b"text", b"", b" 1\n")
    text_gzip: bytes = b"\x1f\x8b text"
    openmetrics: tuple[bytes, ...] = (b"openmetrics 1\n", b"# EOF\n")
    openmetrics_gzip: bytes = b"\x1f\x8b openmetrics"


TEXT = b"".join(Bytes().text)
OPENMETRICS = b"".join(Bytes().openmetrics)


class Reply(Struct, frozen=True):
    """An answer, taken apart."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@asynccontextmanager
async def server(limits: Limits = Limits(), **changes: Any) -> AsyncIterator[int]:  # noqa: B008 - frozen
    """Serve on a free port of the loopback, with what a test does not care about filled in."""
    made = changes.pop("page", Bytes)

    async def page() -> Any:
        return made()

    parts: dict[str, Any] = {
        "page": page,
        "world": centre,
        "pulse": lambda: Pulse(started=0.0, beat=100.0, now=100.5),
        "reload": None,
        "clock": lambda: NOW,
        "log": structlog.wrap_logger(structlog.testing.LogCapture(), processors=[structlog.testing.LogCapture()]),
    }
    site = build(**{**parts, **changes}, limits=limits)
    gate = changes.get("gate")
    async with serve(site, "127.0.0.1", 0, limits, gate.handshake if gate and gate.tls else None) as port:
        yield port


async def send(port: int, data: bytes, tls: ssl.SSLContext | None = None) -> bytes:
    """Send bytes, and return all that comes until the server closes."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        try:
            writer.write(data)
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


async def ask(
    port: int,
    line: str = "GET /metrics",
    headers: Mapping[str, str | bytes] = {},
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """Ask one question over a connection of its own."""
    told = {"Host": "x", "Connection": "close", **headers}
    fields = [
        b"%s: %s" % (name.encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in told.items()
    ]
    return parse(await send(port, b"\r\n".join([f"{line} HTTP/1.1".encode(), *fields, b"", b""]), tls))


def parse(answer: bytes) -> Reply:
    """Take an answer apart."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *fields = head.decode("latin-1").split("\r\n")
    pairs = (field.partition(": ") for field in fields)
    return Reply(int(first.split()[1]), {name.lower(): value for name, _, value in pairs}, body)
