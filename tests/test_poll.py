"""The poll loops under a virtual clock: a vendor without sockets, which answers as each test says."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from typing import Any, ClassVar

import pytest
import structlog
from msgspec import Struct
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from replay import samples
from structlog.testing import LogCapture

from exporter.errors import (
    GrantLost,
    NotAllowed,
    PollFailed,
    Reason,
    Refused,
    Throttled,
    Transient,
    Unreadable,
)
from exporter.ledger import Ledger
from exporter.metrics.exposition import Exposition
from exporter.model import Agent, Dropped, Queue, Snapshot, Status, count_by_status
from exporter.poll import AccountPoll, Pace
from exporter.privacy import AgentLabel, veil
from exporter.store import AccountState, Store
from exporter.tally import Event, Span, Tally
from exporter.vendors.contract import Endpoint, Limit, Load, Moment
from exporter.wire.auth import Bearer
from exporter.wire.http import Budget, Call, Reply, Request
from exporter.wire.secret import Secret

MORNING = 1_774_774_800.0  # wall clock at the loop's zero: a Sunday on which Berlin's clocks change
INTERVAL = 30.0
PACE = Pace(INTERVAL, 3 * INTERVAL, INTERVAL)
DOWN = Transient(Reason.HTTP_5XX, "HTTP 500: the vendor has a fault of its own")
FORBIDDEN = NotAllowed(Reason.FORBIDDEN, "HTTP 403: the credentials may not read this")

Answer = Callable[[str, int], Awaitable[Snapshot]]
"""Answers poll number n (from 1) of an endpoint: at once or after a sleep, with a snapshot or an exception."""


def now() -> float:
    return asyncio.get_running_loop().time()


def lines(waiting: int) -> Snapshot:
    """Return how many wait: a snapshot by which its poll can be told from others."""
    return Snapshot(queues=(Queue("all", waiting=waiting),))


def people(**statuses: Status) -> Snapshot:
    agents = tuple(Agent(id_, f"Name of {id_}", status=status) for id_, status in statuses.items())
    return Snapshot(agents=agents, agents_by_status=count_by_status(agents))


async def well(_endpoint: str, number: int) -> Snapshot:
    return lines(number)


def row(*outcomes: Snapshot | Exception) -> Answer:
    """Answer with these in turn, the last one for ever."""

    async def answer(_endpoint: str, number: int) -> Snapshot:
        outcome = outcomes[min(number, len(outcomes)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return answer


class AtOnce(Executor):
    """Work that takes no time: a thread would run while the virtual clock jumps ahead."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as fault:  # noqa: BLE001 - as an executor does
            done.set_exception(fault)
        return done


class Centre:
    """A vendor and the way to it in one."""

    Credentials: ClassVar[type[Struct]] = Struct
    Options: ClassVar[type[Struct]] = Struct
    limit = Limit(60.0)
    scheme = Bearer(Secret(lambda: "t0ken", "the test"))
    reauth_required = False

    def __init__(self, answer: Answer, endpoints: Iterable[str]) -> None:
        self.endpoints = tuple(Endpoint(name, ()) for name in endpoints)
        self.answer = answer
        self.fault: Exception | None = None
        """What `read` raises."""
        self.headers: Mapping[str, str] = {}
        self.begun: dict[str, list[float]] = {one.name: [] for one in self.endpoints}
        """When each poll began."""
        self.seen: list[Mapping[str, Snapshot]] = []
        self.remembered: list[Mapping[str, Any]] = []
        self.deadlines: set[float] = set()
        self.under_way = Counter[str]()
        self.most_under_way = 0

    def requests(self, endpoint: str, moment: Moment) -> tuple[Request, ...]:
        self.seen.append(moment.seen)
        self.remembered.append(moment.memory)
        return (Request(endpoint, "https://vendor.example/"),)

    async def collect(
        self,
        requests: tuple[Request, ...],
        follow: Callable[[Reply, tuple[Reply, ...]], tuple[Request, ...]],
        deadline: float,
    ) -> tuple[Reply, ...]:
        del follow
        endpoint = requests[0].endpoint
        self.begun[endpoint].append(now())
        self.deadlines.add(deadline)
        self.under_way[endpoint] += 1
        self.most_under_way = max(self.most_under_way, self.under_way[endpoint])
        try:
            self.told = await self.answer(endpoint, len(self.begun[endpoint]))
        finally:
            self.under_way[endpoint] -= 1
        return (Reply(requests[0], 200, b"", now(), self.headers),)

    def read(self, endpoint: str, replies: tuple[Reply, ...], moment: Moment) -> Snapshot:
        del endpoint, replies, moment
        if self.fault:
            raise self.fault
        return self.told

    def follow(self, reply: Reply, before: tuple[Reply, ...], moment: Moment) -> tuple[Request, ...]:
        raise NotImplementedError

    def judge(self, reply: Reply) -> PollFailed | None:
        raise NotImplementedError

    def budget(self, reply: Reply) -> Budget | None:
        raise NotImplementedError

    def load(self, endpoint: str, agents: int) -> Load:
        raise NotImplementedError


class Stage:
    """One account, polled by a task, and everything that can be seen of it."""

    def __init__(
        self,
        answer: Answer = well,
        *,
        paces: Mapping[str, Pace] | None = None,
        label: AgentLabel = "name",
        name: str = "acme",
    ) -> None:
        self.paces = paces or {"queues": PACE}
        self.centre = Centre(answer, self.paces)
        self.store = Store()
        self.tally = Tally()
        self.ledger = Ledger(self.tally, 60.0, now)
        self.wall_shift = 0.0
        self.captured = LogCapture()
        self.poll = AccountPoll(
            name=name,
            vendor_name="fake",
            vendor=self.centre,
            paces=self.paces,
            asker=self.centre,
            tally=self.tally,
            ledger=self.ledger,
            veil=veil(label, name),
            store=self.store,
            worker=AtOnce(),
            wall=lambda: MORNING + now() + self.wall_shift,
            log=structlog.wrap_logger(None, processors=[self.captured]),
        )

    async def play(self, seconds: float) -> None:
        """Let the polls run for so long, and end them."""
        task = asyncio.create_task(self.poll.run())
        await asyncio.sleep(seconds)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    @property
    def account(self) -> AccountState:
        return next(iter(self.store.world.accounts.values()))

    def count(self, event: Event, *labels: str) -> float:
        return self.account.counts.events[event].get(labels, 0.0)

    def page(self) -> dict[str, str]:
        """Return what a scrape would show now."""
        text = b"".join(Exposition(CollectorRegistry()).render(self.store.world.at(now())).text).decode()
        return {
            series.replace('vendor="fake",account="acme"', "").replace("{,", "{"): value
            for series, value in samples(text).items()
        }

    def told(self, event: str) -> list[Mapping[str, Any]]:
        return [entry for entry in self.captured.entries if entry["event"] == event]


def first(stage: Stage, endpoint: str = "queues") -> float:
    return stage.paces[endpoint].offset("fake", "acme", endpoint)


def gaps(instants: Iterable[float]) -> list[float]:
    return [after - before for before, after in pairwise(instants)]


# When to poll


@pytest.mark.looptime
async def test_the_first_poll_falls_at_the_same_place_at_every_start() -> None:
    stages = [Stage(), Stage()]
    for stage in stages:
        started = now()
        await stage.play(100)
        stage.centre.begun["queues"] = [at - started for at in stage.centre.begun["queues"]]
    assert stages[0].centre.begun["queues"] == pytest.approx(stages[1].centre.begun["queues"])
    assert stages[0].centre.begun["queues"][0] == pytest.approx(first(stages[0]))
    assert 0 < first(stages[0]) < INTERVAL


def test_fifty_accounts_spread_their_first_polls_over_the_interval() -> None:
    offsets = sorted(PACE.offset("fake", f"account-{n}", "queues") for n in range(50))
    assert offsets[0] >= 0
    assert offsets[-1] < INTERVAL
    assert max(gaps([0, *offsets, INTERVAL])) < INTERVAL / 6  # evenly would be a fiftieth
    assert len(set(offsets)) == 50


def test_the_endpoints_of_an_account_do_not_begin_together() -> None:
    offsets = {PACE.offset("fake", "acme", endpoint) for endpoint in ("queues", "agents", "totals")}
    assert len(offsets) == 3


def test_a_slow_endpoint_is_first_polled_within_its_spread() -> None:
    slow = Pace(300.0, 900.0, 30.0)
    assert all(0 <= slow.offset("fake", f"account-{n}", "totals") < 30 for n in range(200))


@pytest.mark.looptime
async def test_a_thousand_polls_later_the_beat_has_not_drifted() -> None:
    async def slow(_endpoint: str, number: int) -> Snapshot:
        await asyncio.sleep(7.3)
        return lines(number)

    stage = Stage(slow)
    await stage.play(1000 * INTERVAL)
    begun = stage.centre.begun["queues"]
    assert len(begun) == 1000
    assert begun == pytest.approx([first(stage) + n * INTERVAL for n in range(1000)], abs=0.001)
    assert stage.count(Event.POLL_SKIPPED, "queues") == 0


@pytest.mark.looptime
async def test_a_poll_that_outlasts_its_interval_is_not_overtaken_and_what_it_cost_is_counted() -> None:
    async def answer(_endpoint: str, number: int) -> Snapshot:
        await asyncio.sleep(70 if number == 2 else 0)
        return lines(number)

    stage = Stage(answer)
    await stage.play(8 * INTERVAL)
    beats = [(at - first(stage)) / INTERVAL for at in stage.centre.begun["queues"]]
    assert beats == pytest.approx([0, 1, 4, 5, 6, 7], abs=0.001)  # the second lasts over beats 2 and 3
    assert stage.count(Event.POLL_SKIPPED, "queues") == 2
    assert stage.centre.most_under_way == 1


@pytest.mark.looptime
@pytest.mark.parametrize("seed", range(5))
async def test_every_beat_is_polled_or_counted_as_skipped_however_long_polls_take(seed: int) -> None:
    dice = random.Random(seed)

    async def answer(_endpoint: str, number: int) -> Snapshot:
        await asyncio.sleep(dice.expovariate(1 / 25))
        return lines(number)

    stage = Stage(answer)
    await stage.play(500 * INTERVAL)
    begun = stage.centre.begun["queues"]
    beats = [(at - first(stage)) / INTERVAL for at in begun]
    assert beats == pytest.approx([round(beat) for beat in beats], abs=0.001)
    assert stage.centre.most_under_way == 1
    assert stage.count(Event.POLL_SKIPPED, "queues") > 50
    last = round(beats[-1])
    assert last + 1 - len(begun) <= stage.count(Event.POLL_SKIPPED, "queues") <= 500 - len(begun)


@pytest.mark.looptime
async def test_a_process_that_stood_still_for_ten_minutes_polls_once_and_not_twenty_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stood_still = 0.0
    loop = asyncio.get_running_loop()
    moving = loop.time
    monkeypatch.setattr(loop, "time", lambda: moving() + stood_still)
    stage = Stage()
    task = asyncio.create_task(stage.poll.run())
    await asyncio.sleep(first(stage) + 1.5 * INTERVAL)
    assert len(stage.centre.begun["queues"]) == 2
    stood_still = 600.0  # all timers of these minutes are due at once
    await asyncio.sleep(3 * INTERVAL)
    beats = [(at - first(stage)) / INTERVAL for at in stage.centre.begun["queues"]]
    assert beats[2:] == pytest.approx([21.5, 22, 23, 24], abs=0.001)
    assert stage.count(Event.POLL_SKIPPED, "queues") == 19
    task.cancel()


@pytest.mark.looptime
@pytest.mark.parametrize("shift", [-3600.0, 86_400.0])
async def test_a_wall_clock_that_is_set_moves_neither_the_beat_nor_the_expiry(shift: float) -> None:
    stage = Stage(row(lines(1), lines(2), DOWN))
    task = asyncio.create_task(stage.poll.run())
    await asyncio.sleep(first(stage) + INTERVAL + 1)
    stage.wall_shift = shift
    await asyncio.sleep(2 * INTERVAL - 2)
    begun = stage.centre.begun["queues"]
    assert begun == pytest.approx([first(stage) + n * INTERVAL for n in range(len(begun))], abs=0.001)
    assert 'contact_center_calls_waiting{queue="all",channel="voice"}' in stage.page()
    await asyncio.sleep(INTERVAL + 2)
    assert 'contact_center_calls_waiting{queue="all",channel="voice"}' not in stage.page()
    task.cancel()


@pytest.mark.looptime
@pytest.mark.parametrize(("interval", "deadline"), [(1.0, 0.8), (30.0, 24.0), (300.0, 25.0)])
async def test_a_poll_is_given_less_than_its_interval_and_never_long(interval: float, deadline: float) -> None:
    stage = Stage(paces={"queues": Pace(interval, 3 * interval, interval)})
    await stage.play(2 * interval)
    assert list(stage.centre.deadlines) == [pytest.approx(deadline)]


@pytest.mark.looptime
async def test_each_endpoint_has_its_own_pace() -> None:
    stage = Stage(paces={"queues": PACE, "totals": Pace(300.0, 900.0, 30.0)})
    await stage.play(3000)
    assert {name: len(begun) for name, begun in stage.centre.begun.items()} == {"queues": 100, "totals": 10}


# What is shown


@pytest.mark.looptime
async def test_the_last_good_snapshot_is_shown_until_max_age_and_then_its_series_leave() -> None:
    stage = Stage(row(lines(7), DOWN))
    task = asyncio.create_task(stage.poll.run())
    await asyncio.sleep(first(stage) + 89)
    page = stage.page()
    assert page['contact_center_calls_waiting{queue="all",channel="voice"}'] == "7"
    assert page['contact_center_endpoint_up{endpoint="queues"}'] == "0.0"
    await asyncio.sleep(2)
    page = stage.page()
    assert not [series for series in page if "waiting" in series]
    assert page["contact_center_up{}"] == "0.0"
    assert page['contact_center_endpoint_up{endpoint="queues"}'] == "0.0"
    success = page['contact_center_last_success_timestamp_seconds{endpoint="queues"}']
    assert float(success) == pytest.approx(MORNING + first(stage))
    assert page['contact_center_endpoint_max_age_seconds{endpoint="queues"}'] == "90.0"
    assert page['contact_center_poll_failures_total{endpoint="queues",reason="http_5xx"}'] == "3.0"
    task.cancel()


@pytest.mark.looptime
async def test_what_belongs_to_a_day_is_not_shown_on_the_next() -> None:
    stage = Stage(row(Snapshot(queues=lines(7).queues, window_end=MORNING + 40), DOWN))
    task = asyncio.create_task(stage.poll.run())
    await asyncio.sleep(39)
    assert 'contact_center_calls_waiting{queue="all",channel="voice"}' in stage.page()
    await asyncio.sleep(2)
    assert 'contact_center_calls_waiting{queue="all",channel="voice"}' not in stage.page()
    task.cancel()


@pytest.mark.looptime
async def test_before_the_first_poll_nothing_is_claimed() -> None:
    stage = Stage()
    page = stage.page()
    assert page["contact_center_up{}"] == "0.0"
    assert page['contact_center_polls_total{endpoint="queues"}'] == "0.0"
    assert not [series for series in page if "endpoint_up" in series or "waiting" in series]


@pytest.mark.looptime
async def test_a_sick_endpoint_ages_alone() -> None:
    async def answer(endpoint: str, number: int) -> Snapshot:
        if endpoint == "agents" and number > 1:
            raise DOWN
        return people(ann=Status.AVAILABLE) if endpoint == "agents" else lines(number)

    stage = Stage(answer, paces={"queues": PACE, "agents": PACE})
    task = asyncio.create_task(stage.poll.run())
    await asyncio.sleep(10 * INTERVAL)
    page = stage.page()
    success = {
        endpoint: float(page[f'contact_center_last_success_timestamp_seconds{{endpoint="{endpoint}"}}'])
        for endpoint in ("queues", "agents")
    }
    assert success["agents"] == pytest.approx(MORNING + first(stage, "agents"))
    assert success["queues"] == pytest.approx(MORNING + first(stage) + 9 * INTERVAL)
    assert page['contact_center_calls_waiting{queue="all",channel="voice"}'] == "10"
    assert not [series for series in page if "agent_status" in series or "agents{" in series]
    assert page["contact_center_up{}"] == "1.0"
    assert page['contact_center_endpoint_up{endpoint="agents"}'] == "0.0"
    assert page['contact_center_endpoint_up{endpoint="queues"}'] == "1.0"
    task.cancel()


@pytest.mark.looptime
async def test_the_account_tells_its_budget_its_grant_and_how_long_polls_take() -> None:
    async def answer(_endpoint: str, number: int) -> Snapshot:
        await asyncio.sleep(2)
        stage.ledger.called(Call("queues", "200", 1.5))
        stage.ledger.throttled(0.25)
        stage.ledger.token_refreshed()
        stage.ledger.budget(Budget(200.0, 188.0))
        stage.centre.reauth_required = True
        return lines(number)

    stage = Stage(answer)
    await stage.play(INTERVAL)
    page = stage.page()
    assert page["contact_center_api_budget_limit{}"] == "200.0"
    assert page["contact_center_api_budget_remaining{}"] == "188.0"
    assert page["contact_center_reauth_required{}"] == "1.0"
    assert page['contact_center_api_requests_total{endpoint="queues",code="200"}'] == "1.0"
    assert page["contact_center_throttled_seconds_total{}"] == "0.25"
    assert page["contact_center_token_refreshes_total{}"] == "1.0"
    assert page['contact_center_poll_duration_seconds_sum{endpoint="queues"}'] == "2.0"
    assert stage.account.counts.spans[Span.REQUEST]["queues",].count == 1


# After a failure


@pytest.mark.looptime
async def test_a_break_is_told_once_and_so_is_the_recovery() -> None:
    stage = Stage(row(lines(1), *[DOWN] * 4, lines(2)))
    await stage.play(10 * INTERVAL)
    (broke,) = stage.told("endpoint_broke")
    assert broke["log_level"] == "warning"
    assert (broke["vendor"], broke["account"], broke["endpoint"]) == ("fake", "acme", "queues")
    assert (broke["reason"], broke["detail"]) == (Reason.HTTP_5XX, DOWN.detail)
    (recovered,) = stage.told("endpoint_recovered")
    assert recovered["log_level"] == "info"
    assert recovered["after_seconds"] == 4 * INTERVAL
    assert len(stage.captured.entries) == 2


@pytest.mark.looptime
async def test_a_break_that_swings_between_two_reasons_tells_each_once() -> None:
    cut = Transient(Reason.RESET, "closed")
    stage = Stage(row(*[DOWN, cut] * 10, lines(1), DOWN))
    await stage.play(6 * 3600)
    assert [entry["reason"] for entry in stage.told("endpoint_broke")] == ["http_5xx", "reset", "http_5xx"]
    assert len(stage.told("endpoint_recovered")) == 1


@pytest.mark.looptime
async def test_a_sick_endpoint_is_asked_less_and_less_and_at_its_pace_when_it_is_well() -> None:
    stage = Stage(row(*[DOWN] * 12, lines(1)))
    await stage.play(4 * 3600)
    waits = [round(gap) for gap in gaps(stage.centre.begun["queues"])]
    assert waits[:13] == [30, 30, 30, 30, 60, 120, 240, 480, 900, 900, 900, 900, 30]
    assert set(waits[12:]) == {30}
    assert stage.count(Event.POLL_FAILED, "queues", "http_5xx") == 12
    assert stage.count(Event.POLL_SKIPPED, "queues") == 0


@pytest.mark.looptime
async def test_one_endpoint_that_is_down_does_not_slow_the_others() -> None:
    async def answer(endpoint: str, number: int) -> Snapshot:
        if endpoint == "agents":
            raise DOWN
        return lines(number)

    stage = Stage(answer, paces={"queues": PACE, "agents": PACE})
    await stage.play(100 * INTERVAL)
    assert len(stage.centre.begun["queues"]) == 100
    assert len(stage.centre.begun["agents"]) < 15


def test_a_break_of_years_still_has_a_next_poll() -> None:
    assert PACE.pause(DOWN, 100_000) == 900


def test_an_endpoint_that_is_polled_less_often_than_the_longest_pause_keeps_its_pace() -> None:
    assert Pace(3600.0, 10_800.0, 30.0).pause(DOWN, 50) == 3600


@pytest.mark.looptime
@pytest.mark.parametrize("interval", [7.0, 30.0, 40.0, 400.0, 1000.0])
async def test_what_the_account_may_not_read_is_tried_at_most_four_times_an_hour(interval: float) -> None:
    stage = Stage(row(FORBIDDEN), paces={"queues": Pace(interval, 3 * interval, interval)})
    await stage.play(12 * 3600)
    begun = stage.centre.begun["queues"]
    assert 36 <= len(begun) <= 48
    assert min(gaps(begun)) > 899.99


STANDING = [Throttled("HTTP 429", 60.0), Refused("HTTP 401"), GrantLost("invalid_grant")]
"""What the client holds for the whole account: no call is made while one of them stands."""


@pytest.mark.looptime
@pytest.mark.parametrize("standing", STANDING, ids=lambda failure: failure.reason)
async def test_an_account_is_back_within_an_interval_after_its_credentials_or_its_limit_are(
    standing: PollFailed,
) -> None:
    async def answer(_endpoint: str, number: int) -> Snapshot:
        if now() < 600:
            raise standing
        return lines(number)

    stage = Stage(answer, paces={"queues": PACE, "agents": PACE})
    await stage.play(600 + INTERVAL)
    assert all(state.trouble is None for state in stage.account.endpoints.values())
    assert stage.count(Event.POLL_FAILED, "queues", standing.reason) == 20  # the true reason at every beat
    assert len(stage.told("endpoint_broke")) == 2


@pytest.mark.looptime
async def test_a_failure_of_the_account_does_not_make_its_endpoints_sick() -> None:
    stage = Stage(row(*STANDING * 5, DOWN, lines(1)))
    await stage.play(20 * INTERVAL)
    assert len(stage.centre.begun["queues"]) == 20


@pytest.mark.looptime
@pytest.mark.parametrize("where", ["collect", "read"])
async def test_a_fault_of_our_own_is_told_and_counted_and_the_loop_goes_on(where: str) -> None:
    fault = ZeroDivisionError("Ann Smith")
    stage = Stage(row(fault, lines(2)) if where == "collect" else well)
    stage.centre.fault = fault if where == "read" else None
    task = asyncio.create_task(stage.poll.run())
    await asyncio.sleep(INTERVAL)
    assert stage.count(Event.POLL_FAILED, "queues", "internal") == 1
    trouble = stage.account.endpoints["queues"].trouble
    assert trouble is not None
    assert trouble.detail == "a fault of the exporter itself: ZeroDivisionError"
    (broke,) = stage.told("poll_broke")
    assert (broke["log_level"], broke["endpoint"], broke["exc_info"]) == ("error", "queues", True)
    stage.centre.fault = None
    await asyncio.sleep(INTERVAL)
    assert stage.page()['contact_center_calls_waiting{queue="all",channel="voice"}'] == "2"
    task.cancel()


async def test_a_fault_that_no_future_can_carry_does_not_stop_the_polls() -> None:
    stage = Stage()
    stage.centre.fault = StopIteration()
    with ThreadPoolExecutor(1) as stage.poll._worker:
        async with asyncio.timeout(20):
            failure = await stage.poll.poll("queues")
    assert failure is not None
    assert failure.reason is Reason.INTERNAL


@pytest.mark.looptime
async def test_a_poll_that_is_cancelled_leaves_nothing_behind() -> None:
    async def never(_endpoint: str, _number: int) -> Snapshot:
        await asyncio.sleep(10_000)
        raise AssertionError

    stage = Stage(never)
    tasks = asyncio.all_tasks()
    await stage.play(INTERVAL)
    assert asyncio.all_tasks() == tasks
    assert stage.centre.under_way["queues"] == 0
    assert stage.captured.entries == []


# What polls bring


@pytest.mark.looptime
async def test_rows_that_are_not_shown_and_drift_are_counted() -> None:
    snapshot = Snapshot(
        queues=(), dropped={Dropped.INVALID: 2, Dropped.DUPLICATE: 0}, drift=("rows[].a", "rows[].b")
    )
    stage = Stage(row(snapshot))
    await stage.play(3 * INTERVAL)
    assert stage.count(Event.ROW_DROPPED, "invalid") == 6
    assert stage.count(Event.DRIFT, "queues") == 6
    assert not [series for series in stage.page() if "duplicate" in series]


@pytest.mark.looptime
async def test_agents_beyond_the_cap_are_counted_among_the_dropped() -> None:
    crowd = Snapshot(agents=tuple(Agent(str(n), status=Status.AVAILABLE) for n in range(20_003)))
    stage = Stage(row(crowd))
    await stage.play(INTERVAL)
    assert stage.count(Event.ROW_DROPPED, "over_cap") == 3


@pytest.mark.looptime
async def test_an_unknown_status_is_told_once_and_counted_each_time() -> None:
    stage = Stage(row(Snapshot(agents=(), unknown_statuses=frozenset({"COACHING", "NAPPING"}))))
    await stage.play(3 * INTERVAL)
    assert [entry["word"] for entry in stage.told("unknown_status")] == ["COACHING", "NAPPING"]
    assert stage.count(Event.UNKNOWN_STATUS) == 6


@pytest.mark.looptime
async def test_a_vendor_that_invents_statuses_without_end_fills_no_log() -> None:
    async def answer(_endpoint: str, number: int) -> Snapshot:
        return Snapshot(agents=(), unknown_statuses=frozenset(f"WORD-{number}-{n}" for n in range(7)))

    stage = Stage(answer)
    await stage.play(10 * INTERVAL)
    assert len(stage.told("unknown_status")) == 20
    assert stage.count(Event.UNKNOWN_STATUS) == 70


SINCE = 'contact_center_agent_status_since_timestamp_seconds{agent="ann"}'


@pytest.mark.looptime
async def test_a_status_is_dated_only_when_its_beginning_was_seen() -> None:
    away, back = people(ann=Status.AWAY), people(ann=Status.AVAILABLE)
    stage = Stage(row(away, away, back, back, people(ann=Status.AVAILABLE, bob=Status.AVAILABLE)))
    task = asyncio.create_task(stage.poll.run())
    await asyncio.sleep(first(stage) + 1.5 * INTERVAL)
    assert SINCE not in stage.page()
    for _ in range(3):
        await asyncio.sleep(INTERVAL)
        assert float(stage.page()[SINCE]) == pytest.approx(MORNING + first(stage) + 2 * INTERVAL)
    assert SINCE.replace("ann", "bob") not in stage.page()
    task.cancel()


@pytest.mark.looptime
async def test_a_failed_poll_between_two_does_not_lose_the_date() -> None:
    away, back = people(ann=Status.AWAY), people(ann=Status.AVAILABLE)
    stage = Stage(row(away, back, DOWN, back))
    await stage.play(4 * INTERVAL)
    assert float(stage.page()[SINCE]) == pytest.approx(MORNING + first(stage) + INTERVAL)


@pytest.mark.looptime
async def test_who_was_not_looked_at_for_longer_than_max_age_is_dated_anew() -> None:
    away, back = people(ann=Status.AWAY), people(ann=Status.AVAILABLE)
    stage = Stage(row(away, back, *[DOWN] * 4, back, away))
    task = asyncio.create_task(stage.poll.run())
    await asyncio.sleep(first(stage) + 7 * INTERVAL - 1)
    assert stage.count(Event.POLL, "queues") == 7
    assert SINCE not in stage.page()  # who knows what happened in between
    await asyncio.sleep(INTERVAL)
    assert float(stage.page()[SINCE]) == pytest.approx(MORNING + first(stage) + 7 * INTERVAL)
    task.cancel()


@pytest.mark.looptime
async def test_a_change_is_seen_behind_the_veil_too() -> None:
    stage = Stage(row(people(ann=Status.AWAY), people(ann=Status.AVAILABLE)), label="pseudonym")
    await stage.play(3 * INTERVAL)
    page = stage.page()
    (since,) = [value for series, value in page.items() if "status_since" in series]
    assert float(since) == pytest.approx(MORNING + first(stage) + INTERVAL)
    assert not [series for series in page if "ann" in series]


@pytest.mark.looptime
async def test_without_agents_their_counts_remain() -> None:
    stage = Stage(row(people(ann=Status.AWAY, bob=Status.AWAY)), label="none")
    await stage.play(INTERVAL)
    page = stage.page()
    assert page['contact_center_agents{status="away"}'] == "2"
    assert not [series for series in page if "agent=" in series]


@pytest.mark.looptime
async def test_a_vendor_is_given_what_it_said_last() -> None:
    stage = Stage(row(lines(1), DOWN, lines(3)))
    await stage.play(4 * INTERVAL)
    assert stage.centre.seen[:4] == [{}, {"queues": lines(1)}, {"queues": lines(1)}, {"queues": lines(3)}]


@pytest.mark.looptime
async def test_what_a_vendor_remembers_is_for_itself_alone() -> None:
    stage = Stage(row(replace(people(ann=Status.AWAY), memory={"ann": "Name of ann"})), label="id")
    await stage.play(2 * INTERVAL)
    held = stage.account.endpoints["queues"].held
    assert held is not None
    assert held.snapshot.agents
    assert held.snapshot.memory is None
    assert stage.centre.remembered == [{}, {"queues": {"ann": "Name of ann"}}]


@pytest.mark.looptime
async def test_an_unreadable_answer_shows_nothing_of_itself() -> None:
    stage = Stage(row(lines(1), Unreadable(Reason.TRUNCATED, "cut")))
    await stage.play(2 * INTERVAL)
    assert stage.page()['contact_center_calls_waiting{queue="all",channel="voice"}'] == "1"
    assert stage.count(Event.POLL_FAILED, "queues", "truncated") == 1


# Out of a cache

WAITING = 'contact_center_calls_waiting{queue="all",channel="voice"}'


@pytest.mark.looptime
async def test_what_a_cache_had_kept_is_as_old_as_it_says_and_leaves_the_sooner() -> None:
    stage = Stage(row(lines(1), DOWN, DOWN, DOWN))
    stage.centre.headers = {"age": "20"}
    task = asyncio.create_task(stage.poll.run())
    await asyncio.sleep(first(stage) + 1)
    assert stage.account.endpoints["queues"].last_success == pytest.approx(MORNING + first(stage) - 20)
    await asyncio.sleep(PACE.max_age - 20 - 2)
    assert WAITING in stage.page()
    await asyncio.sleep(2)
    assert WAITING not in stage.page()
    task.cancel()


@pytest.mark.looptime
@pytest.mark.parametrize("age", ["33", "90", "9" * 10])
async def test_what_is_older_than_what_is_shown_is_not_shown(age: str) -> None:
    stage = Stage(row(lines(1), lines(2)))
    task = asyncio.create_task(stage.poll.run())
    await asyncio.sleep(first(stage) + 1)
    stage.centre.headers = {"age": age}
    await asyncio.sleep(INTERVAL)
    assert stage.page()[WAITING] == "1"
    assert stage.count(Event.POLL_FAILED, "queues", "stale") == 1
    task.cancel()


@pytest.mark.looptime
async def test_the_same_answer_out_of_a_cache_is_as_new_as_before_within_what_its_age_is_rounded_by() -> None:
    stage = Stage(row(lines(1), lines(2)))
    task = asyncio.create_task(stage.poll.run())
    await asyncio.sleep(first(stage) + 1)
    stage.centre.headers = {"age": "31"}
    await asyncio.sleep(INTERVAL)
    assert stage.page()[WAITING] == "2"
    task.cancel()


@pytest.mark.looptime
@pytest.mark.parametrize(("shift", "age", "shown"), [(-3600.0, "5", "2"), (3600.0, "33", "1")])
async def test_a_wall_clock_that_is_set_makes_no_answer_older_or_newer(shift: float, age: str, shown: str) -> None:
    stage = Stage(row(lines(1), lines(2)))
    task = asyncio.create_task(stage.poll.run())
    await asyncio.sleep(first(stage) + 1)
    stage.wall_shift, stage.centre.headers = shift, {"age": age}
    await asyncio.sleep(INTERVAL)
    assert stage.page()[WAITING] == shown
    task.cancel()


@pytest.mark.looptime
@pytest.mark.parametrize("age", ["", "0", "-5", "soon", "1e9", "9" * 400, "1, 2"])
async def test_an_age_that_is_none_is_none(age: str) -> None:
    stage = Stage()
    stage.centre.headers = {"age": age}
    await stage.play(INTERVAL)
    assert stage.account.endpoints["queues"].last_success == pytest.approx(MORNING + first(stage))
