"""Keeps the page up to date: one rendering for each change, away from the event loop."""

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import Executor

from exporter.metrics.exposition import Exposition, Page
from exporter.metrics.process import ProcessMetrics
from exporter.store import World

_REST = 10.0  # after rendering, rest so many times as long as it took: at most a tenth of one core
_SHORTEST_REST = 0.1
_LONGEST_REST = 2.0
_REFRESH = 5.0  # seconds: the process' own metrics change without anybody telling


class Publisher:
    """Holds the current page. A scrape takes it as it is, unless something on it has grown too old."""

    def __init__(
        self, process: ProcessMetrics, world: Callable[[], World], changed: asyncio.Event, worker: Executor
    ) -> None:
        """Begin with the page of the present World; `changed` asks for the next, which `worker` renders."""
        self._process = process
        self._exposition = Exposition(process.registry)
        self._world = world
        self._worker = worker
        self._changed = changed
        self.page: Page = self._exposition.render(world())
        self._expires = math.inf  # of what is on it, on the loop's clock
        self._renewal = asyncio.Lock()

    async def run(self) -> None:
        """Render whenever something changed or grew too old, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            shown = await self.publish()
            took = loop.time() - began
            self._process.render_seconds.set(took)
            await asyncio.sleep(min(max(_SHORTEST_REST, _REST * took), _LONGEST_REST))
            expiry = shown.next_expiry()  # perhaps over by now: then what grew too old meanwhile leaves at once
            patience = _REFRESH if expiry is None else min(_REFRESH, max(0.0, expiry - loop.time()))
            try:
                async with asyncio.timeout(patience):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def current(self) -> Page:
        """Return the page; if the machine stood still, or is late, without what grew too old meanwhile."""
        now = asyncio.get_running_loop().time
        if now() >= self._expires:
            async with self._renewal:
                if now() >= self._expires:  # no other scrape has seen to it
                    await self.publish()
        return self.page

    async def publish(self) -> World:
        """Render the World as it is now, without what is too old, and return what is shown."""
        loop = asyncio.get_running_loop()
        self._changed.clear()
        world = self._world().at(loop.time())
        self.page = await loop.run_in_executor(self._worker, self._exposition.render, world)
        expiry = world.next_expiry()
        self._expires = math.inf if expiry is None else expiry
        self._process.series.set(self.page.series)
        self._process.refused.set(self.page.refused)
        self._process.broken.set(len(self.page.broken))
        return world
