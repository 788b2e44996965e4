import asyncio
import math
from bisect import bisect_left

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.errors import GrantLost, PollFailed, Reason, Throttled
from exporter.transport.limit import Hold, Pace, Spare, clamped


async def turns(pace: Pace, gaps: list[float], told: dict[int, float]) -> list[float]:
    """Return when each of the calls was let through; `gaps` lie between their arrivals."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    passed: list[float] = []

    async def call(number: int) -> None:
        await pace.turn(math.inf)
        passed.append(loop.time() - began)
        if number in told:
            pace.adopt(told[number])

    async with asyncio.TaskGroup() as group:
        for number, gap in enumerate(gaps):
            await asyncio.sleep(gap)
            group.create_task(call(number))
    return passed


def busiest_minute(times: list[float]) -> int:
    return max(bisect_left(times, begin + 60) - n for n, begin in enumerate(times))


GAPS = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.1, 1.0, 15.0, 59.9, 61.0]), min_size=1, max_size=150)


@pytest.mark.looptime
@settings(deadline=None)
@given(limit=st.floats(1, 3000), share=st.floats(0.05, 1), gaps=GAPS)
@example(limit=100.0, share=1.0, gaps=[0.0] * 150)
@example(limit=30.0, share=0.5, gaps=[0.0] * 40)
@example(limit=2.0, share=0.5, gaps=[0.0] * 5)
@example(limit=60.0, share=1.0, gaps=[0.0] * 10 + [61.0] + [0.0] * 100)
async def test_no_sliding_minute_has_more_calls_than_the_share(
    limit: float, share: float, gaps: list[float]
) -> None:
    times = await turns(Pace(limit, share), gaps, {})
    assert len(times) == len(gaps)
    assert busiest_minute(times) <= max(1, limit * share)


@pytest.mark.looptime
async def test_a_quarter_of_the_share_may_go_at_once_and_the_rest_comes_evenly() -> None:
    times = await turns(Pace(200, 0.4), [0.0] * 23, {})
    assert times[:20] == [0.0] * 20  # 80 a minute are ours
    assert times[20:] == pytest.approx([1.0, 2.0, 3.0], abs=1e-5)


@pytest.mark.looptime
@pytest.mark.parametrize("told", [20.0, 700.0])
async def test_the_limit_that_the_vendor_tells_replaces_the_documented_one(told: float) -> None:
    times = await turns(Pace(200, 0.5), [0.0] + [0.5] * 400, {0: told})
    assert busiest_minute(times) <= told / 2
    assert busiest_minute(times) == pytest.approx(min(120, told / 2), abs=1 + told / 8)


@pytest.mark.looptime
async def test_what_went_before_the_limit_was_told_counts_against_it() -> None:
    times = await turns(Pace(200, 0.5), [0.0] * 5 + [0.1] + [0.0] * 3, {4: 40.0})
    assert times == pytest.approx([0, 0, 0, 0, 0, 4, 8, 12, 16], abs=1e-5)


@pytest.mark.looptime
@pytest.mark.parametrize("told", [0.0, -5.0, math.nan, math.inf])
async def test_a_limit_that_makes_no_sense_is_not_believed(told: float) -> None:
    plain = await turns(Pace(40, 1), [0.0] * 30, {})
    assert await turns(Pace(40, 1), [0.0] * 30, {0: told}) == pytest.approx(plain, abs=1e-5)


def test_a_fifth_of_the_calls_may_be_tried_again() -> None:
    spare = Spare()
    again = 0
    for _ in range(1000):
        spare.earn()
        again += spare.spend()
    assert 200 <= again <= 202


def test_spare_tries_do_not_pile_up_for_ever() -> None:
    spare = Spare()
    for _ in range(1000):
        spare.earn()
    assert sum(spare.spend() for _ in range(100)) == 10


@pytest.mark.parametrize(
    ("asked", "waits"), [(None, None), (5.0, 5.0), (0.0, 1.0), (-5.0, 1.0), (1e9, 900.0), (900.0, 900.0)]
)
def test_what_a_vendor_asks_for_is_kept_within_reason(asked: float | None, waits: float | None) -> None:
    assert clamped(asked) == waits


def stands(hold: Hold, key: str = "") -> PollFailed | None:
    try:
        hold.check(key)
    except PollFailed as failure:
        return failure
    return None


@pytest.mark.looptime
async def test_a_failure_stands_for_its_time_and_then_no_longer() -> None:
    hold = Hold()
    assert stands(hold) is None
    hold.begin(Throttled("slow down"), 7)
    await asyncio.sleep(3)
    failure = stands(hold)
    assert isinstance(failure, Throttled)
    assert failure.retry_after == 4
    await asyncio.sleep(4)
    assert stands(hold) is None


@pytest.mark.looptime
async def test_without_a_time_it_stands_ever_longer_up_to_fifteen_minutes() -> None:
    hold = Hold()
    waits = []
    for _ in range(9):
        hold.begin(Throttled("slow down"))
        failure = stands(hold)
        assert isinstance(failure, Throttled)
        assert failure.retry_after is not None
        waits.append(failure.retry_after)
        await asyncio.sleep(failure.retry_after)
    assert waits == [10, 20, 40, 80, 160, 320, 640, 900, 900]
    hold.end()
    hold.begin(Throttled("slow down"))
    await asyncio.sleep(10)
    assert stands(hold) is None


@pytest.mark.looptime
async def test_calls_that_are_refused_together_count_as_one() -> None:
    hold = Hold()
    for _ in range(5):
        hold.begin(Throttled("slow down"))
    await asyncio.sleep(10)
    assert stands(hold) is None


@pytest.mark.looptime
async def test_a_shorter_time_does_not_cut_a_longer_one() -> None:
    hold = Hold()
    hold.begin(Throttled("slow down"), 60)
    hold.begin(Throttled("slow down"), 1)
    await asyncio.sleep(59)
    assert stands(hold) is not None


@pytest.mark.looptime
async def test_a_failure_stands_only_for_the_secret_that_it_was_about() -> None:
    hold = Hold()
    hold.begin(GrantLost("dead"), math.inf, key="old")
    await asyncio.sleep(1e6)
    assert isinstance(stands(hold, "old"), GrantLost)
    assert stands(hold, "new") is None
    hold.begin(PollFailed(Reason.HTTP_5XX, "down"), 5, key="new")
    await asyncio.sleep(5)
    assert stands(hold, "new") is None


@pytest.mark.looptime
async def test_a_failure_that_is_raised_often_does_not_grow() -> None:
    hold = Hold()
    hold.begin(GrantLost("dead"), math.inf)
    for _ in range(50):
        failure = stands(hold)
    assert failure is not None
    frames, frame = 0, failure.__traceback__
    while frame is not None:
        frames, frame = frames + 1, frame.tb_next
    assert frames == 2


@pytest.mark.looptime
async def test_a_call_that_would_come_too_late_fails_at_once_and_takes_no_place() -> None:
    pace = Pace(60, 1 / 15)
    loop = asyncio.get_running_loop()
    assert await pace.turn(0) == 0
    for _ in range(3):
        with pytest.raises(PollFailed, match="budget: the next call is due in 20 s") as failure:
            await pace.turn(loop.time() + 19)
        assert failure.value.reason is Reason.BUDGET
    assert loop.time() == 0
    assert await pace.turn(20.5) == pytest.approx(20)


@pytest.mark.looptime
async def test_a_call_that_is_given_up_leaves_its_place_to_others() -> None:
    pace = Pace(60, 1 / 15)
    await pace.turn(0)
    waiting = asyncio.create_task(pace.turn(math.inf))
    await asyncio.sleep(5)
    waiting.cancel()
    await asyncio.sleep(0)
    assert await pace.turn(math.inf) == pytest.approx(15)
