import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager
from typing import Any

import looptime
import pytest
from prometheus_client import CollectorRegistry
from reference import shown
from worlds import account

from exporter.metrics.process import ProcessMetrics
from exporter.metrics.publisher import Publisher
from exporter.model import Queue, Snapshot
from exporter.store import AccountState, Store

pytestmark = pytest.mark.looptime
WAITING = "contact_center_calls_waiting{"


class Worker(Executor):
    """Does its work at once, in `took` seconds of virtual time, and remembers when."""

    def __init__(self, took: float = 0.0) -> None:
        self.took = took
        self.times: list[float] = []

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        loop = asyncio.get_running_loop()
        assert isinstance(loop, looptime.LoopTimeEventLoop)
        self.times.append(loop.time())
        done: Future[Any] = Future()
        done.set_result(work(*args, **kwargs))
        loop.setup_looptime(start=loop.time() + self.took)
        return done


class Desk:
    """A store, and the publisher of its World."""

    def __init__(self, worker: Worker) -> None:
        self.changed = asyncio.Event()
        self.store = Store(self.changed.set)
        self.process = ProcessMetrics(CollectorRegistry(), "1.2.3")
        self.publisher = Publisher(self.process, lambda: self.store.world, self.changed, worker)

    @property
    def page(self) -> str:
        return shown(self.publisher.page, "text")


@asynccontextmanager
async def publishing(worker: Worker) -> AsyncIterator[Desk]:
    desk = Desk(worker)
    task = asyncio.create_task(desk.publisher.run())
    try:
        yield desk
    finally:
        assert not task.done()
        task.cancel()


def waiting(number: float, expires: float = 1e9) -> AccountState:
    return account({"queues": Snapshot(queues=(Queue("sales", waiting=number),))}, expires=expires)  # type: ignore[arg-type]


async def test_the_first_page_is_there_before_anything_runs() -> None:
    assert "contact_center_exporter_build_info" in Desk(Worker()).page


async def test_changes_that_come_together_are_rendered_once() -> None:
    worker = Worker()
    async with publishing(worker) as desk:
        await asyncio.sleep(2)
        assert worker.times == [0]
        for number in range(50):
            desk.store.put(waiting(number))
            await asyncio.sleep(0.001)
        await asyncio.sleep(1)
        assert worker.times == [0, 2, 2.1]
        assert 'channel="voice"} 49\n' in desk.page


async def test_a_change_is_shown_as_soon_as_it_is_rendered() -> None:
    async with publishing(Worker()) as desk:
        await asyncio.sleep(3)
        desk.store.put(waiting(7))
        assert WAITING not in desk.page
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        assert 'channel="voice"} 7\n' in desk.page


async def test_what_grows_too_old_leaves_at_that_moment() -> None:
    worker = Worker()
    async with publishing(worker) as desk:
        await asyncio.sleep(1)
        desk.store.put(waiting(3, expires=4.25))
        await asyncio.sleep(3.24)
        assert WAITING in desk.page
        await asyncio.sleep(0.02)
        assert WAITING not in desk.page
        assert "contact_center_up{" in desk.page
        assert worker.times == [0, 1, 4.25]


@pytest.mark.parametrize("expires", [2.0, 2.05, 2.0999, 2.1])
async def test_what_grows_too_old_while_the_publisher_rests_leaves_after_the_rest(expires: float) -> None:
    async with publishing(Worker()) as desk:
        await asyncio.sleep(2)
        desk.store.put(waiting(3, expires))
        await asyncio.sleep(0.15)
        assert WAITING not in desk.page


async def test_each_snapshot_leaves_at_its_own_time() -> None:
    async with publishing(Worker()) as desk:
        for name, expires in (("acme", 4.0), ("beta", 3.0), ("gamma", 4.05)):
            one = account({"queues": Snapshot(queues=(Queue("sales", waiting=1),))}, name=name, expires=expires)
            desk.store.put(one)
        left = []
        for moment in (2.9, 3.1, 3.9, 4.01, 4.2):
            await asyncio.sleep(moment - asyncio.get_running_loop().time())
            left.append(desk.page.count(WAITING))
        assert left == [3, 2, 2, 1, 0]


async def test_an_old_world_is_no_reason_to_spin() -> None:
    worker = Worker()
    async with publishing(worker) as desk:
        desk.store.put(waiting(3, expires=4.0))
        await asyncio.sleep(300)
        assert 300 / 5.2 <= len(worker.times) <= 300 / 5 + 3


async def test_the_process_own_metrics_are_refreshed_though_nothing_changes() -> None:
    async with publishing(Worker()) as desk:
        await asyncio.sleep(1)
        desk.process.loop_lag.set(0.75)
        await asyncio.sleep(5.2)
        assert "contact_center_exporter_event_loop_lag_seconds 0.75" in desk.page


@pytest.mark.parametrize(("took", "rest"), [(0.001, 0.1), (0.05, 0.5), (0.1, 1.0), (1.0, 2.0)])
async def test_the_publisher_rests_in_proportion_to_its_work(took: float, rest: float) -> None:
    worker = Worker(took)
    async with publishing(worker) as desk:
        for _ in range(60):
            desk.store.put(waiting(1))
            await asyncio.sleep(0.1)
        gaps = [later - sooner for sooner, later in zip(worker.times[1:], worker.times[2:], strict=False)]
        assert gaps
        assert min(gaps) == pytest.approx(took + rest, abs=0.002)
        assert max(gaps) <= took + rest + 0.102


async def test_the_page_tells_how_many_series_it_has_and_how_long_it_took() -> None:
    worker = Worker(0.25)
    async with publishing(worker) as desk:
        bad = account({"queues": Snapshot(queues=(Queue("a", waiting=1), Queue("a", waiting=2)))})
        desk.store.put(bad)
        await asyncio.sleep(10)
        assert f"contact_center_exporter_series {desk.publisher.page.series}.0\n" in desk.page
        assert "contact_center_exporter_samples_refused 1.0\n" in desk.page
        assert "contact_center_exporter_render_seconds 0.25\n" in desk.page


async def test_a_change_during_the_rendering_is_not_forgotten() -> None:
    worker = Worker()
    async with publishing(worker) as desk:
        await asyncio.sleep(1)
        desk.store.put(waiting(1))
        submit = worker.submit

        def meanwhile(work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
            done = submit(work, *args, **kwargs)
            worker.submit = submit  # type: ignore[method-assign]  # only the first time
            desk.store.put(waiting(2))
            return done

        worker.submit = meanwhile  # type: ignore[method-assign]  # a World that changes under the pen
        await asyncio.sleep(0.2)
        assert 'channel="voice"} 2\n' in desk.page


async def test_a_scrape_after_a_standstill_shows_nothing_that_grew_too_old_meanwhile() -> None:
    worker = Worker()
    async with publishing(worker) as desk:
        desk.store.put(waiting(3, expires=90))
        await asyncio.sleep(1)
        assert WAITING in desk.page
        loop = asyncio.get_running_loop()
        assert isinstance(loop, looptime.LoopTimeEventLoop)
        loop.setup_looptime(start=loop.time() + 600)  # no timer has fired yet when the first scrapes arrive
        before = len(worker.times)
        pages = await asyncio.gather(*(desk.publisher.current() for _ in range(50)))
        assert not [page for page in pages if WAITING in shown(page, "text")]
        assert len(worker.times) - before <= 2


async def test_a_scrape_does_not_render_what_is_fresh() -> None:
    worker = Worker()
    async with publishing(worker) as desk:
        desk.store.put(waiting(3, expires=90))
        await asyncio.sleep(1)
        before = len(worker.times)
        for _ in range(50):
            assert await desk.publisher.current() is desk.publisher.page
        assert len(worker.times) == before
