"""Elections in virtual time, over a lease without sockets."""

import asyncio
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import pytest
import structlog
from lease_shelf import Access, Shelf
from structlog.testing import LogCapture

from exporter.lease.election import STOPPING, Election
from exporter.lease.kubernetes import Unknown

pytestmark = pytest.mark.looptime

DURATION = 15.0
BEAT = DURATION / 6
SLOWEST = 1.2 * BEAT  # between two looks at the lease
CLOSING = 5.0  # seconds for which a leader may need to stop


def now() -> float:
    return asyncio.get_running_loop().time()


async def never() -> None:
    await asyncio.sleep(math.inf)


async def refuse() -> None:
    raise Unknown("no connection")


def slow(seconds: float) -> Callable[[], Awaitable[None]]:
    async def wait() -> None:
        await asyncio.sleep(seconds)

    return wait


class Replica:
    """A candidate, and when it led."""

    def __init__(
        self, name: str, shelf: Shelf, *, wall: float = 1e9, duration: float = DURATION, closing: float = 0.0
    ) -> None:
        self.access = Access(shelf)
        self.captured = LogCapture()
        self.failures = 0
        self.terms: list[list[float]] = []
        """Begin of each time as the leader, and its end if it is over."""
        self._closing = closing
        self.election = Election(
            self.access,
            name,
            duration,
            wall=lambda: wall + now(),
            log=structlog.wrap_logger(None, processors=[self.captured]),
            on_failure=self._failed,
        )
        self._task = asyncio.create_task(self.election.run(self._lead))

    @property
    def leads(self) -> bool:
        return bool(self.terms) and len(self.terms[-1]) == 1

    async def _lead(self, leading: bool) -> None:  # noqa: FBT001 - the election's own words
        if leading:
            assert not self.leads
            self.terms.append([now()])
        elif self.leads:
            await asyncio.sleep(self._closing)
            self.terms[-1].append(now())

    def _failed(self) -> None:
        self.failures += 1

    def told(self, event: str) -> list[Any]:
        return [entry.get("detail") for entry in self.captured.entries if entry["event"] == event]

    async def stop(self) -> None:
        """End as SIGTERM does."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        assert not self.leads
        assert not self.access.open

    def part(self) -> None:
        """Cut it off from the API server."""
        self.access.there = never


@asynccontextmanager
async def two(**options: Any) -> AsyncIterator[tuple[Replica, Replica, Shelf]]:
    """Run two replicas of which the first leads."""
    shelf = Shelf()
    first = Replica("first", shelf, **options)
    await asyncio.sleep(BEAT)
    second = Replica("second", shelf, **options)
    await asyncio.sleep(4 * BEAT)
    assert (first.leads, second.leads) == (True, False)
    try:
        yield first, second, shelf
    finally:
        await second.stop()
        await first.stop()


async def until(holds: Callable[[], object], within: float) -> float:
    """Wait for this, and return for how long."""
    began = now()
    while not holds():
        assert now() - began <= within, "too late"
        await asyncio.sleep(0.05)
    return now() - began


async def test_the_first_takes_the_lease_at_once_and_tells_so_in_the_words_of_the_api() -> None:
    shelf = Shelf()
    replica = Replica("first", shelf, wall=1_700_000_000.25)
    seen = [replica.election.seen]
    await until(lambda: replica.leads, 0.1)
    assert [*seen, replica.election.seen] == [False, True]
    at = "2023-11-14T22:13:20.250000Z"
    assert shelf.spec == {
        "holderIdentity": "first",
        "leaseDurationSeconds": 15,
        "acquireTime": at,
        "renewTime": at,
        "leaseTransitions": 0,
    }
    await asyncio.sleep(10 * DURATION)
    assert shelf.spec["acquireTime"] == at
    assert shelf.spec["leaseTransitions"] == 0
    renewed = sorted(spec["renewTime"] for spec in shelf.history)
    assert renewed == [spec["renewTime"] for spec in shelf.history]
    assert 10 * DURATION / SLOWEST <= len(set(renewed)) <= 10 * DURATION / (0.8 * BEAT) + 2
    assert len(replica.terms) == 1
    await replica.stop()


async def test_while_one_renews_the_other_stands_by() -> None:
    async with two() as (first, second, shelf):
        await asyncio.sleep(900)
        assert (first.leads, second.terms) == (True, [])
        assert second.election.seen
        assert {spec["holderIdentity"] for spec in shelf.history} == {"first"}
        assert first.told("lease_lost") == []
        assert first.failures == second.failures == 0


@pytest.mark.parametrize("closing", [0.0, CLOSING])
async def test_who_is_cut_off_stops_before_the_other_begins_and_that_within_the_lease_time(closing: float) -> None:
    async with two(closing=closing) as (first, second, shelf):
        first.part()
        cut = now()
        await until(lambda: second.leads, DURATION + SLOWEST)
        assert cut - SLOWEST + DURATION <= second.terms[0][0] <= cut + DURATION + SLOWEST
        assert first.terms[0][1] <= second.terms[0][0]
        assert first.terms[0][1] <= cut + DURATION - STOPPING + closing
        assert shelf.spec["leaseTransitions"] == 1
        assert shelf.spec["acquireTime"] == shelf.spec["renewTime"]
        assert first.told("lease_lost") == ["it could not be renewed in time"]


async def test_who_came_back_finds_another_and_stands_by() -> None:
    async with two() as (first, second, _):
        first.part()
        await until(lambda: second.leads, DURATION + SLOWEST)
        first.access.there = slow(0)
        await asyncio.sleep(10 * DURATION)
        assert (len(first.terms), first.leads, second.leads, len(second.terms)) == (1, False, True, 1)


async def test_a_short_cut_costs_nothing() -> None:
    async with two() as (first, second, _):
        for broken in (never, refuse):
            first.access.there = broken
            before = first.failures
            await until(lambda before=before: first.failures > before, DURATION)  # type: ignore[misc]
            first.access.there = slow(0)
            await asyncio.sleep(2 * BEAT)
        assert (first.leads, len(first.terms), second.terms) == (True, 1, [])
        assert first.failures >= 2
        assert first.told("lease_unknown") == ["the API server does not answer in time", "no connection"]
        assert first.told("lease_known_again") == [None, None]


async def test_a_dead_api_server_ends_the_term_and_no_other_begins_until_it_is_back() -> None:
    async with two() as (first, second, _):
        first.access.there = second.access.there = refuse
        await until(lambda: not first.leads, DURATION - STOPPING)
        await asyncio.sleep(100 * DURATION)
        assert second.terms == []
        assert second.told("lease_unknown") == ["no connection"]
        assert second.failures <= 100 * DURATION / (0.8 * BEAT)
        first.access.there = second.access.there = slow(0)
        await until(lambda: first.leads or second.leads, SLOWEST)


async def test_the_successor_of_who_ends_well_begins_at_once() -> None:
    async with two(closing=CLOSING) as (first, second, shelf):
        await first.stop()
        assert shelf.holder is None
        assert shelf.spec["leaseDurationSeconds"] == 1
        assert first.told("lease_given_back") == [None]
        await until(lambda: second.leads, SLOWEST)
        assert first.terms[0][1] <= second.terms[0][0]
        assert shelf.spec["leaseTransitions"] == 1
        assert shelf.spec["leaseDurationSeconds"] == DURATION


async def test_who_stands_by_ends_without_touching_the_lease() -> None:
    async with two() as (_, second, shelf):
        await second.stop()
        assert shelf.holder == "first"
        assert second.told("lease_given_back") == []


async def test_who_ends_while_nothing_answers_ends_soon() -> None:
    async with two() as (first, _, _):
        first.part()
        began = now()
        await first.stop()
        assert now() - began <= 2


@pytest.mark.parametrize("skew", [-1e8, -3600.0, 3600.0, 1e8])
async def test_clocks_that_differ_change_nothing(skew: float) -> None:
    shelf = Shelf()
    first = Replica("first", shelf, wall=1e9)
    await until(lambda: first.leads, 0.1)
    second = Replica("second", shelf, wall=1e9 + skew)
    await asyncio.sleep(600)
    assert second.terms == []
    first.part()
    await until(lambda: second.leads, DURATION + SLOWEST)
    assert first.terms[0][1] <= second.terms[0][0]
    await second.stop()
    await first.stop()


async def test_a_lease_of_the_dead_is_waited_for_since_its_clock_may_be_wrong() -> None:
    shelf = Shelf()
    spec = {"holderIdentity": "gone", "leaseDurationSeconds": 40, "renewTime": "2001-01-01T00:00:00.000000Z"}
    shelf.post({"metadata": {"name": "lease"}, "spec": spec})
    replica = Replica("first", shelf)
    waited = await until(lambda: replica.leads, 41)
    assert waited >= 40  # the holder's own word counts, not our duration
    assert shelf.spec["leaseTransitions"] == 1
    await replica.stop()


async def test_a_lease_without_a_holder_is_taken_at_once_and_what_others_keep_in_it_stays() -> None:
    shelf = Shelf()
    shelf.post({"metadata": {"name": "lease", "labels": {"made-by": "the chart"}}, "spec": {"strategy": "x"}})
    replica = Replica("first", shelf)
    await until(lambda: replica.leads, 0.1)
    assert shelf.whole is not None
    assert shelf.whole["metadata"]["labels"] == {"made-by": "the chart"}
    assert shelf.spec["strategy"] == "x"
    assert shelf.spec["leaseTransitions"] == 1
    await replica.stop()


async def test_a_stranger_who_writes_beside_us_costs_one_try() -> None:
    async with two() as (first, second, shelf):

        async def label() -> None:
            if random.random() < 0.3:
                whole = shelf.get()
                shelf.put({**whole, "metadata": {**whole["metadata"], "labels": {"n": str(random.random())}}})

        first.access.back = label
        await asyncio.sleep(100 * DURATION)
        assert (first.leads, len(first.terms), second.terms) == (True, 1, [])
        assert first.failures == 0


async def test_who_only_labels_the_lease_does_not_keep_it_alive() -> None:
    async with two() as (first, second, shelf):
        first.part()
        cut = now()
        while not second.leads:
            whole = shelf.get()
            shelf.put({**whole, "metadata": {**whole["metadata"], "labels": {"at": str(now())}}})
            await asyncio.sleep(1)
            assert now() - cut <= DURATION + SLOWEST


async def test_a_lease_that_is_deleted_is_made_anew_by_its_holder() -> None:
    async with two() as (first, second, shelf):
        for _ in range(12):
            shelf.whole = None
            await asyncio.sleep(DURATION)
            assert (first.leads, len(first.terms), second.terms, shelf.holder) == (True, 1, [], "first")


async def test_a_deleted_lease_of_the_dead_is_waited_for_too() -> None:
    async with two() as (first, second, shelf):
        first.part()
        cut = now()
        shelf.whole = None
        await until(lambda: second.leads, DURATION + 2 * SLOWEST)
        assert second.terms[0][0] >= cut - SLOWEST + DURATION
        assert first.terms[0][1] <= second.terms[0][0]


async def test_a_lease_that_another_took_by_force_is_given_up() -> None:
    async with two() as (first, second, shelf):
        whole = shelf.get()
        shelf.put({**whole, "spec": {**whole["spec"], "holderIdentity": "third"}})
        await until(lambda: not first.leads, SLOWEST)
        assert first.told("lease_lost") == ["another replica holds it"]
        await asyncio.sleep(SLOWEST)
        assert shelf.holder == "third"
        assert second.terms == []


async def test_a_write_whose_answer_was_lost_is_found_out() -> None:
    shelf = Shelf()
    replica = Replica("first", shelf)
    replica.access.back = never
    await asyncio.sleep(30)
    assert replica.terms == []  # it knows not whether it holds the lease
    replica.access.back = slow(0)
    await until(lambda: replica.leads, DURATION)
    assert shelf.spec["leaseTransitions"] == 0
    await replica.stop()


async def test_who_was_cancelled_while_it_took_the_lease_gives_it_back() -> None:
    shelf = Shelf()
    replica = Replica("first", shelf)
    replica.access.back = slow(1.2)
    await until(lambda: shelf.holder, 3)
    replica.access.back = slow(0)
    await replica.stop()
    assert replica.terms == []
    assert shelf.holder is None


async def test_a_slow_api_server_is_no_dead_one() -> None:
    async with two() as (first, second, _):
        first.access.there = second.access.there = slow(1.2)
        await asyncio.sleep(100 * DURATION)
        assert (first.leads, len(first.terms), second.terms) == (True, 1, [])


async def test_a_leader_counts_from_its_question_and_not_from_a_late_answer() -> None:
    async with two() as (first, _, shelf):
        first.access.back = slow(1.4)
        renewed = len(shelf.history)
        await until(lambda: len(shelf.history) > renewed, 2 * SLOWEST)
        written = now()
        first.access.there = never  # this one's answer is on its way, and no other will be
        await until(lambda: not first.leads, DURATION)
        assert now() - written <= DURATION - STOPPING + 0.1


async def test_a_fault_while_it_leads_gives_the_lease_back() -> None:
    shelf = Shelf()
    ended = []

    async def lead(leading: bool) -> None:  # noqa: FBT001 - the election's own words
        if leading:
            raise ZeroDivisionError
        ended.append(shelf.holder)

    log = structlog.wrap_logger(None, processors=[LogCapture()])
    election = Election(Access(shelf), "first", DURATION, wall=lambda: 0.0, log=log, on_failure=lambda: None)
    with pytest.raises(ZeroDivisionError):
        await election.run(lead)
    assert ended == ["first"]
    assert shelf.holder is None


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_happens_never_two_lead_and_always_one_when_all_is_well_again(seed: int) -> None:
    chance = random.Random(seed)
    shelf = Shelf()
    replicas = [Replica(f"r{n}", shelf, wall=chance.uniform(0, 2e9), closing=CLOSING) for n in range(3)]
    once: object = chance.random() < 0.5
    ways = (never, refuse, slow(0), slow(0.4), slow(2), slow(3.1))
    for _ in range(60):
        for replica in replicas:
            replica.access.there, replica.access.back = chance.choice(ways), chance.choice(ways)
        if once and all(replica.election._record for replica in replicas):
            once = shelf.whole = None  # who never saw the lease cannot know that it was deleted
        await asyncio.sleep(chance.uniform(0, 2 * DURATION))
    for replica in replicas:
        replica.access.there = replica.access.back = slow(0)
    await asyncio.sleep(2 * DURATION + SLOWEST)
    assert sum(replica.leads for replica in replicas) == 1
    for replica in replicas:
        await replica.stop()
    terms = sorted(term for replica in replicas for term in replica.terms)
    assert len(terms) > 3
    assert [(one, other) for one, other in pairwise(terms) if one[1] > other[0]] == []
