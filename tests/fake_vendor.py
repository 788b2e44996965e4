"""A vendor made of raw bytes, and a client that asks it."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from exporter.errors import PollFailed
from exporter.transport import Client, GrantStore, open_session, tls_context
from exporter.wire.auth import Bearer
from exporter.wire.http import Budget, Call, Reply, Request
from exporter.wire.secret import Secret
from exporter.wire.verdict import by_status


@dataclass(frozen=True)
class Asked:
    """A request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]


@dataclass(frozen=True)
class Last:
    """Bytes after which the connection is closed, or reset."""

    data: bytes = b""
    reset: bool = False


Said = bytes | Last | AsyncIterable[bytes]
"""Bytes, bytes and the end of the connection, or bytes as they come and then its end."""

Answer = Callable[[Asked], Said | Awaitable[Said]]


@dataclass
class Vendor:
    """A server on the loopback."""

    answer: Answer
    host: str = "127.0.0.1"
    scheme: str = "http"
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                answer = self.answer(await self._read(reader))
                answer = await answer if isinstance(answer, Awaitable) else answer
                if isinstance(answer, AsyncIterable):
                    async for piece in answer:
                        writer.write(piece)
                        await writer.drain()
                    break
                writer.write(answer if isinstance(answer, bytes) else answer.data)
                await writer.drain()
                if isinstance(answer, Last):
                    if answer.reset:
                        linger = struct.pack("ii", 1, 0)
                        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    break
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Asked:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
        self.asked.append(Asked(line, headers, await reader.readexactly(int(headers.get("content-length", "0")))))
        return self.asked[-1]


@asynccontextmanager
async def vendor(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Vendor]:
    """Serve `answer` to each request until the end of the block."""
    site = Vendor(answer, "localhost" if tls else "127.0.0.1", "https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(asyncio.CancelledError):
            await site.serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


def answer(body: bytes | object = b"{}", status: int = 200, **headers: str) -> bytes:
    """Return an HTTP answer; what is not bytes becomes JSON, and `retry_after` the header of that name."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Content-Type": "application/json", "Content-Length": str(len(data))}
    lines |= {name.replace("_", "-").title(): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Something\r\n{head}\r\n".encode("latin-1") + data


def secret(text: str) -> Secret:
    return Secret(lambda: text, "the test")


class Log:
    """What a client tells about its work."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.waits: list[float] = []
        self.refreshes = 0
        self.budgets: list[Budget] = []

    @property
    def codes(self) -> list[str]:
        return [call.code for call in self.calls]

    def called(self, call: Call) -> None:
        self.calls.append(call)

    def throttled(self, seconds: float) -> None:
        self.waits.append(seconds)

    def token_refreshed(self) -> None:
        self.refreshes += 1

    def budget(self, budget: Budget) -> None:
        self.budgets.append(budget)


def never(_reply: Reply) -> None:
    """Know of no budget."""


def nothing(*_: object) -> tuple[Request, ...]:
    """Lead nowhere."""
    return ()


def store(directory: Path | None = None, told: list[str] | None = None) -> GrantStore:
    return GrantStore(directory, "acme", (told if told is not None else []).append)


class AtOnce:
    """A thread pool that has no thread: for tests whose time is virtual, which waits for none."""

    def __init__(self, _: int) -> None:
        pass

    def submit(self, deed: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        done = Future[Any]()
        try:
            done.set_result(deed(*arguments))
        except Exception as fault:  # noqa: BLE001 - whatever it is, who waits is told
            done.set_exception(fault)
        return done

    def shutdown(self, *, wait: bool) -> None:
        pass


@cache
def tls() -> ssl.SSLContext:
    """Read the machine's certificates once for all tests."""
    return tls_context()


@asynccontextmanager
async def client(log: Log | None = None, **changes: Any) -> AsyncIterator[Client]:
    """Open a client, with what a test does not care about filled in."""
    parts: dict[str, Any] = {
        "scheme": Bearer(secret("t0ken")),
        "judge": by_status,
        "budget": never,
        "calls_per_minute": 60_000.0,
        "share": 1.0,
        "concurrency": 4,
        "watch": log or Log(),
        "grants": store(),
        "sessions": lambda: open_session(tls()),
    }
    opened = Client(**{**parts, **changes})
    try:
        yield opened
    finally:
        await opened.close()


async def failed(asking: Awaitable[object]) -> PollFailed:
    """Return the failure in which a poll ends."""
    try:
        await asking
    except PollFailed as failure:
        return failure
    raise AssertionError("the poll succeeded")


async def until(condition: Callable[[], bool]) -> None:
    """Let the others run until something has happened."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never happened")
