"""Clients that send exactly the bytes they are told to, many at once, and read as slowly as they like."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

WHOLE = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
HALF = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: "
PATIENCE = 20.0
_BUFFER = 2**12

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Reply:
    """An answer, taken apart."""

    status: int
    """0: the connection was closed without one."""
    headers: dict[str, str]
    body: bytes


@asynccontextmanager
async def line(
    port: int, data: bytes = b"", source: str = "127.0.0.1", room: int = _BUFFER
) -> AsyncIterator[Line]:
    """Connect from an address of the loopback, with little room for what is not read, and send the data."""
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        wire.setblocking(False)
        wire.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(wire, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=wire, limit=room)
        try:
            writer.write(data)
            yield reader, writer
        finally:
            writer.close()


async def lines(stack: AsyncExitStack, port: int, number: int, data: bytes = b"") -> list[Line]:
    """Open so many at once, until the stack closes them."""
    return await asyncio.gather(*(stack.enter_async_context(line(port, data)) for _ in range(number)))


async def rest(one: Line) -> bytes:
    """Read to the end, however the server makes it."""
    found = bytearray()
    async with asyncio.timeout(PATIENCE):
        try:
            while data := await one[0].read(2**16):
                found += data
        except ConnectionError:
            pass
    return bytes(found)


async def send(port: int, data: bytes, source: str = "127.0.0.1", room: int = _BUFFER) -> bytes:
    """Send bytes, and return all that comes until the server closes."""
    async with line(port, data, source, room) as one:
        return await rest(one)


async def ask(
    port: int,
    target: str = "/metrics",
    headers: Mapping[str, str | bytes] = {},
    source: str = "127.0.0.1",
    room: int = _BUFFER,
) -> Reply:
    """Ask one question over a connection of its own; header values are bytes, or text in Latin-1."""
    told = {"Host": "x", "Connection": "close", **headers}
    values = {name: value if isinstance(value, bytes) else value.encode("latin-1") for name, value in told.items()}
    fields = b"".join(b"%s: %s\r\n" % (name.encode(), value) for name, value in values.items())
    return parse(await send(port, f"GET {target} HTTP/1.1\r\n".encode("latin-1") + fields + b"\r\n", source, room))


def parse(answer: bytes) -> Reply:
    """Take an answer apart."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head:
        return Reply(0, {}, b"")
    first, *fields = head.decode("latin-1").split("\r\n")
    pairs = (field.partition(": ") for field in fields)
    return Reply(int(first.split()[1]), {name.lower(): value for name, _, value in pairs}, body)


def brisk(config: str) -> str:
    """Return a config for real time: polls as often as Zendesk bears."""
    return config.replace("interval: 10s", "interval: 5s").replace("max_age: 30s", "max_age: 15s")
