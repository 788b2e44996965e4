"""The HTTP server, which no client can hold up: every connection has a deadline at every moment of its life."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Any, cast

from aiohttp import web
from msgspec import Struct

SERVER = {"Server": "contact-center-exporter"}
"""Instead of the names and versions that aiohttp would announce."""
_UNSENT = 64 * 1024  # bytes that may wait to be sent, before the answer is made to wait
_YOUNG = 1.0
"""Seconds in which an honest client has sent its request."""

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
"""Answers a request and returns when the last byte is handed to the network."""

Door = Callable[[str], AbstractAsyncContextManager[ssl.SSLContext | None]]
"""Tells how a connection from an address is to be made secret, which is tried inside; None: it may not come in."""


class Limits(Struct, frozen=True):
    """What clients may take of the server; durations in seconds."""

    header: float = 10.0
    """From the first byte of a request, or the beginning of its connection, to the end of its header.

    So long, too, may a connection take to become secret.
    """
    answer: float = 30.0
    """From the end of the header to the last byte of the answer."""
    idle: float = 75.0
    """Between two requests."""
    drain: float = 2.0
    """For the answers that are under way when the server stops."""
    connections: int = 256
    """Beyond this the one that has waited longest makes room for the newest."""
    answers: int = 64
    """Pages being written at once; beyond this the answer is 503."""
    field: int = 9 * 1024
    """Bytes of one header field, and of the request line: 8 KiB of value, and its name."""


@asynccontextmanager
async def serve(
    answer: Answer,
    host: str,
    port: int,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    door: Door | None = None,
) -> AsyncIterator[int]:
    """Serve until the context ends, and yield the port that is bound (`port` 0 takes a free one).

    With a door, TLS is spoken.

    Raises:
        OSError: the address cannot be bound.
    """
    listener = _Listener(answer, limits, door)
    server = await asyncio.get_running_loop().create_server(listener, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await listener.drain()


def remote(transport: asyncio.BaseTransport) -> str:
    """Return the address of the other side; empty where it is gone."""
    name = transport.get_extra_info("peername")
    return name[0] if name else ""


class _Listener(web.Server):
    """Makes the connections, and knows those that are open."""

    def __init__(self, answer: Answer, limits: Limits, door: Door | None) -> None:
        super().__init__(self._timed)
        self._answer = answer
        self._limits = limits
        self._door = door
        self.open: set[_Connection | _Arrival] = set()

    def __call__(self) -> Any:  # a protocol, but aiohttp knows its own alone
        return _Arrival(self, self._limits, self._door) if self._door else _Connection(self, self._limits)

    async def _timed(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = cast("_Connection", request.protocol)
        connection.begin()
        try:
            return await self._answer(request)
        finally:
            connection.end()

    def make_room(self) -> None:
        """Close the connection that has waited longest, if there are too many.

        A burst of honest clients, which are young, may be twice as many: each is gone in a moment.
        """
        surplus = len(self.open) - self._limits.connections
        waiting = (one for one in self.open if one.answering is None)
        oldest = min(waiting, key=lambda one: one.since, default=None) if surplus > 0 else None
        young = asyncio.get_running_loop().time() - _YOUNG
        if oldest and (surplus > self._limits.connections or oldest.since < young):
            oldest.abort()

    async def drain(self) -> None:
        """Close what waits at once, and what is being answered when it is done or has had its time."""
        self.pre_shutdown()
        answers = {one.answering for one in self.open if one.answering}
        if answers:
            await asyncio.wait(answers, timeout=self._limits.drain)
        entering = [one.entering for one in self.open if isinstance(one, _Arrival)]
        for connection in tuple(self.open):
            connection.abort()
        await asyncio.gather(*entering, return_exceptions=True)
        await self.shutdown(0.1)


class _Arrival(asyncio.Protocol):
    """One client before it has gone through the door.

    Its socket is taken out of the transport before a byte is read: what came in during the wait for the door would
    be lost to TLS, which begins anew on the socket.
    """

    answering = None

    def __init__(self, listener: _Listener, limits: Limits, door: Door) -> None:
        self.since = asyncio.get_running_loop().time()
        self._listener = listener
        self._limits = limits
        self._door = door
        self._socket: socket.socket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        door = self._door(remote(transport))
        try:
            taken = self._socket = transport.get_extra_info("socket").dup()
        except OSError:  # no descriptor is left for it
            return
        finally:
            cast("asyncio.Transport", transport).abort()
        self.entering = asyncio.create_task(self._enter(door, taken))
        self.entering.add_done_callback(self._leave)
        self._listener.open.add(self)
        self._listener.make_room()

    async def _enter(self, door: AbstractAsyncContextManager[ssl.SSLContext | None], taken: socket.socket) -> None:
        """Go through the door, in time."""
        with suppress(OSError):  # no handshake came about, or it took too long
            async with asyncio.timeout(self._limits.header), door as context:
                if context:
                    self._socket = None  # from here on asyncio closes it
                    loop = asyncio.get_running_loop()
                    inside = partial(_Connection, self._listener, self._limits)
                    await loop.connect_accepted_socket(inside, taken, ssl=context)

    def _leave(self, _: asyncio.Task[None]) -> None:
        self._listener.open.discard(self)
        if self._socket:
            self._socket.close()

    def abort(self) -> None:
        """Close at once."""
        self._listener.open.discard(self)
        self.entering.cancel()


class _Connection(web.RequestHandler):
    """One client. aiohttp forgets a request when its handler returns, so what it is doing is noted here."""

    def __init__(self, listener: _Listener, limits: Limits) -> None:
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {
            "access_log": None,
            "auto_decompress": False,  # nobody reads the body of a request
            "lingering_time": 1.0,
            "max_field_size": limits.field,
            "max_line_size": limits.field,
        }
        super().__init__(listener, loop=loop, **options)
        self.answering: asyncio.Task[Any] | None = None
        self.since = loop.time()
        self._clock = loop.time
        self._call = loop.call_at
        self._listener = listener
        self._limits = limits
        self._idle = False
        self._wire: asyncio.Transport | None = None  # aiohttp lets go of its own before the last byte is out

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._wire = cast("asyncio.Transport", transport)
        self._wire.set_write_buffer_limits(_UNSENT)  # without it, eight times as much where TLS is spoken
        self._deadline = self.since + self._limits.header
        self._timer = self._call(self._deadline, self._expire)
        self._listener.open.add(self)
        self._listener.make_room()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._timer.cancel()
        self._wire = None
        self._listener.open.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if data and self._idle:
            self._allow(self._limits.header)
        super().data_received(data)

    def begin(self) -> None:
        """Note that a request is whole and its answer is being made."""
        self.answering = asyncio.current_task()
        self._allow(self._limits.answer)

    def end(self) -> None:
        """Note that the answer is written."""
        self.answering = None
        self.since = self._clock()
        self._allow(self._limits.idle, idle=True)

    def abort(self) -> None:
        """Close at once, whatever is still to be written."""
        self._listener.open.discard(self)
        if self._wire:
            self._wire.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP, or what failed below our own handlers, with constant words."""
        del message
        if isinstance(exc, ConnectionError):
            raise exc  # the client is gone: nobody to answer, nothing to log
        if status >= 500:
            self.log_exception("a request failed below the routes", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer is cut: half of it was sent already")
        text = "bad request\n" if status < 500 else "internal error\n"
        response = web.Response(status=status, text=text, headers=SERVER)
        response.force_close()
        return response

    def _allow(self, seconds: float, *, idle: bool = False) -> None:
        """Set the next deadline, and the timer only where it would come too late: most requests need none."""
        self._idle = idle
        self._deadline = self._clock() + seconds
        if self._deadline < self._timer.when() and self._wire:
            self._timer.cancel()
            self._timer = self._call(self._deadline, self._expire)

    def _expire(self) -> None:
        if self._clock() < self._deadline:
            self._timer = self._call(self._deadline, self._expire)
        else:
            self.abort()
