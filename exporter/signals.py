"""What the program does when it is told to end or to reload."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

_HELD = frozenset({signal.SIGHUP, signal.SIGTERM})  # back by `__main__`
_END_SECONDS = 8.0  # for all that is to end well: who asks for the end is promised ten


def release() -> None:
    """Let the signals come that were held back since the program began."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)


async def _nothing() -> None: ...


def follow(stop: asyncio.Event, reload: Callable[[], Awaitable[object]] = _nothing) -> None:
    """Set `stop` on the first SIGTERM or SIGINT, leave at once on the second, and reload on SIGHUP.

    What has not ended in time, such as a file system that does not answer, is left alone.
    """
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Future[object]] = set()

    def end() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()
        loop.call_later(_END_SECONDS, os._exit, 0)

    def begin() -> None:
        reloads.add(task := asyncio.ensure_future(reload()))
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGTERM, end)
    loop.add_signal_handler(signal.SIGINT, end)
    loop.add_signal_handler(signal.SIGHUP, begin)
    release()
