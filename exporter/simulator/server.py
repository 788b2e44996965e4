"""Simulated accounts behind real sockets, each on a port of its own, and the clock that drives a floor."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from aiohttp import web

from exporter.simulator.exchange import Answer, Asked, Dialect
from exporter.simulator.floor import Floor

_STEP_SECONDS = 0.5
_STOP_SECONDS = 0.1  # for aiohttp 0 would mean for ever
_COMPRESS_FROM = 1024


@asynccontextmanager
async def serve(
    dialects: Mapping[str, Dialect],
    *,
    ports: Mapping[str, int] | None = None,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Mapping[str, str]]:
    """Serve each dialect on 127.0.0.1 while the context lasts, and give the base URLs by the same names.

    `ports` fixes some; the system chooses the others. `clock` tells token lives and rate limits the time.

    Raises:
        OSError: a port is taken.
    """
    async with AsyncExitStack() as stack:
        urls = {}
        for name, dialect in dialects.items():
            server = web.Server(partial(_handle, dialect, clock), access_log=None, handler_cancellation=True)
            runner = web.ServerRunner(server, shutdown_timeout=_STOP_SECONDS)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", (ports or {}).get(name, 0)).start()
            urls[name] = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield urls


async def pace(floor: Floor, speed: float = 1.0) -> None:
    """Drive a floor for ever: each second of the loop's clock is `speed` seconds of its life."""
    loop = asyncio.get_running_loop()
    begun, start = loop.time(), floor.now
    while True:
        await asyncio.sleep(_STEP_SECONDS)
        floor.advance(datetime.fromtimestamp(start + (loop.time() - begun) * speed, UTC))


async def _handle(dialect: Dialect, clock: Callable[[], float], request: web.BaseRequest) -> web.StreamResponse:
    answer = dialect.answer(
        Asked(
            method=request.method,
            path=request.path,
            at=clock(),
            query=tuple(request.query.items()),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
            scheme=request.scheme,
        )
    )
    await asyncio.sleep(answer.delay)
    if answer.status == 0:
        return _broken(request)
    if answer.sent is not None:
        return await _cut(request, answer, answer.sent)
    response = web.Response(status=answer.status, headers=answer.headers, body=answer.body)
    if len(answer.body) >= _COMPRESS_FROM:
        response.enable_compression()
    return response


def _broken(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport:
        request.transport.abort()
    return web.Response()


async def _cut(request: web.BaseRequest, answer: Answer, sent: int) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[:sent])
    if request.transport:
        request.transport.close()
    return response
