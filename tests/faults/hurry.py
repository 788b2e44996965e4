"""An event loop that lives several seconds in each second, so that a fault suite need not wait for a product's."""

import asyncio
import os
import selectors
from collections.abc import Callable

INTERVAL = 10.0
"""Seconds between two polls in the configs of the fault suite, on the subject's clock."""
MAX_AGE = 30.0
SPEED = float(os.environ.get("SPEED", "20"))
"""How many seconds of the subject's clock pass in one of ours; a busy machine bears fewer."""


class _Selector(selectors.DefaultSelector):
    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout and timeout / self._speed)


class HurriedLoop(asyncio.SelectorEventLoop):
    """Timers, timeouts and delays pass `speed` times as fast; sockets, threads and the wall clock do not."""

    def __init__(self, speed: float) -> None:
        super().__init__(_Selector(speed))
        self._speed = speed

    def time(self) -> float:
        return super().time() * self._speed


def hurried(speed: float) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes such a loop."""
    return lambda: HurriedLoop(speed)
