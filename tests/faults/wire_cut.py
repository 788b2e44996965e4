"""A wire between a subject and its account, on which things go wrong."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Wire:
    """Carries bytes both ways, until it is cut, mute, or swallowed by a black hole."""

    tls: ssl.SSLContext | None = None
    port: int = 0
    upstream: int = 0
    mute: bool = False
    """Whether connections are taken, and never answered."""
    accepted: int = 0
    _deaf: int = 0
    _server: asyncio.Server | None = None
    _ends: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}" if self.tls else f"http://127.0.0.1:{self.port}"

    def lay(self, config: str) -> str:
        """Return the config with this wire before its first account."""
        found = re.search(r'base_url: "http://127\.0\.0\.1:(\d+)"', config)
        assert found
        self.upstream = int(found[1])
        return config.replace(found[0], f'base_url: "{self.url}"', 1)

    async def mend(self, tls: ssl.SSLContext | None = None) -> None:
        """Carry from now on, with this certificate or the one from before."""
        await self.cut()
        self.tls = tls or self.tls
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break all connections, and refuse new ones."""
        if self._server:
            self._server.close()
            self._server = None
        for end in self._ends:
            end.transport.abort()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def deafen(self) -> None:
        """Let the connections that there are swallow everything from now on, as behind a forgetful firewall."""
        self._deaf = self.accepted

    @asynccontextmanager
    async def black_hole(self) -> AsyncIterator[None]:
        """Let nobody in until the end of the block, and answer nobody: the queue of the port is full."""
        await self.cut()
        with socket.socket() as port:
            port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            port.bind(("127.0.0.1", self.port))
            port.listen(0)
            waiting = [socket.socket() for _ in range(3)]
            for one in waiting:
                one.setblocking(False)
                with suppress(BlockingIOError):
                    one.connect(("127.0.0.1", self.port))
            try:
                yield
            finally:
                for one in waiting:
                    one.close()
        await self.mend()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        number = self.accepted
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._ends.add(writer)
        far = writer
        with suppress(OSError, asyncio.CancelledError):
            if self.mute:
                await reader.read(-1)
                return
            back, far = await asyncio.open_connection("127.0.0.1", self.upstream)
            self._ends.add(far)
            await asyncio.gather(self._pour(reader, far, number), self._pour(back, writer, number))
        for end in (writer, far):
            end.close()
            self._ends.discard(end)

    async def _pour(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, number: int) -> None:
        with suppress(OSError):
            while piece := await source.read(2**16):
                if number > self._deaf:
                    sink.write(piece)
                    await sink.drain()
        sink.close()


@asynccontextmanager
async def wire(tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """Hold a wire until the end of the block."""
    one = Wire(tls)
    await one.mend()
    try:
        yield one
    finally:
        await one.cut()
