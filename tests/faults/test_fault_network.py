"""Cases 27 to 29 and 31 to 33: names, connections and bytes that do not arrive."""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from centre import AGENTS, QUEUES
from fake_vendor import Asked, Last, Said, answer
from hurry import INTERVAL, SPEED
from injected import HANGING, MISSING, Names
from subject import Page
from trial import Trial, failures, tried
from wire_cut import wire

DNS_TTL = 60.0 / SPEED
"""Seconds of ours that a name once resolved is remembered."""
CONNECT = 5.0
"""Seconds of the subject's that a connection may take."""


def named(config: str) -> str:
    """Return the config with a name for the first account's host."""
    return re.sub(r'base_url: "http://127\.0\.0\.1', 'base_url: "http://sick.localhost', config, count=1)


def closing(_asked: Asked, sound: dict[str, Any]) -> Said:
    """Answer well, on a connection that is good for one answer."""
    return Last(answer(sound, connection="close"))


@pytest.mark.thorough  # a name stays in the cache for a minute
async def test_fault_27_a_name_that_does_not_exist(program: str, tmp_path: Path) -> None:
    names = Names(tmp_path / "names")
    environment = {"NAMES": str(names.file)}
    async with tried(program, tmp_path, configure=named, environment=environment) as trial:
        with trial.fault(closing, lawful=True):
            await asyncio.sleep(0)
            names.are({"sick.localhost": MISSING})
            before = trial.sick.polls(AGENTS)
            await trial.failed("dns", times=3)
            page = await trial.aged_out()
            assert trial.sick.polls(AGENTS) <= before + DNS_TTL * SPEED / INTERVAL + 2
            polls = page.sum("polls_total", account="sick")
            asked = names.asked("sick.localhost", MISSING)
            assert 0 < asked <= polls  # never again within a poll
            names.are({})
            await trial.recovered()


async def lose_names(trial: Trial, names: Names, spell: float) -> None:
    """Let every name hang for so many seconds of the subject's."""
    names.are({"sick.localhost": HANGING} | dict.fromkeys(holes(), HANGING))
    await trial.failed("connect", "timeout")
    await asyncio.sleep(spell / SPEED)
    await trial.aged_out()


def holes() -> list[str]:
    """Return the names of further accounts: more than there are threads to look them up."""
    return [f"hole{number}.localhost" for number in range(8)]


@pytest.mark.thorough  # a name stays in the cache for a minute
async def test_fault_28_a_black_hole_in_place_of_a_name_server(
    program: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    names = Names(tmp_path / "names")
    others = "".join(
        f"""
  - name: hole{number}
    vendor: zendesk_talk
    credentials: {{access_token: x}}
    options: {{base_url: "http://{host}:1"}}
"""
        for number, host in enumerate(holes())
    )
    environment = {"NAMES": str(names.file)}
    names.are(dict.fromkeys(holes(), HANGING))
    async with tried(program, tmp_path, configure=named, extra=others, environment=environment) as trial:
        with trial.fault(closing, lawful=True):
            await lose_names(trial, names, 15)
            assert names.asked("sick.localhost", HANGING)
            assert sum(names.asked(name, HANGING) > 0 for name in holes()) >= 6
            names.are(dict.fromkeys(holes(), HANGING))
            await trial.recovered()  # though the others hang still, and at the end of the program too
        record_property("slowest scrape in a DNS black hole, s", round(trial.watch.slowest, 3))


def budgeted(page: Page) -> bool:
    """Whether there were no more second calls than a fifth of the first ones, and the two that it begins with."""
    polls = page.sum("polls_total", account="sick")
    return page.sum("api_requests_total", account="sick") <= 1.2 * polls + 2


async def test_fault_29_a_port_where_nobody_listens(program: str, tmp_path: Path) -> None:
    async with wire() as cut, tried(program, tmp_path, configure=cut.lay) as trial:
        await cut.cut()
        await trial.failed("connect", times=2)
        page = await trial.aged_out()
        if program == "ours":
            assert page.value("api_requests_total", account="sick", endpoint=AGENTS, code="connect")
            assert budgeted(page)
        await cut.mend()
        await trial.recovered()


@pytest.mark.thorough  # the port where nobody listens is the everyday one
@pytest.mark.parametrize(("part", "reason"), [(0, "reset"), (150, "truncated")], ids=["before", "within"])
async def test_fault_29_a_connection_that_is_reset(trial: Trial, part: int, reason: str) -> None:
    with trial.fault(lambda _, sound: Last(answer(sound)[:part], reset=True)):
        await trial.failed(reason)
        page = await trial.aged_out()
        if trial.subject.program == "ours":
            assert page.value("api_requests_total", account="sick", endpoint=AGENTS, code=reason)
            assert budgeted(page)
    await trial.recovered()


async def held(trial: Trial, *reasons: str) -> None:
    """See polls end in time where nothing comes back, and leave nothing behind."""
    page = await trial.failed(*reasons)
    page = await trial.failed(*reasons, endpoint=QUEUES)
    await trial.aged_out()
    if trial.subject.program == "ours":
        polls = page.sum("poll_duration_seconds_count", account="sick", endpoint=AGENTS)
        within = page.sum("poll_duration_seconds_bucket", account="sick", endpoint=AGENTS, le="10.0")
        assert within == polls, "a poll has lasted longer than its interval"
    assert trial.subject.descriptors() <= trial.baseline.descriptors + 8


async def test_fault_31_a_host_that_swallows_what_is_sent_to_it(program: str, tmp_path: Path) -> None:
    async with wire() as cut, tried(program, tmp_path, configure=cut.lay) as trial:
        async with cut.black_hole():
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.open_connection("127.0.0.1", cut.port), 0.2)
            await held(trial, "connect", "timeout")
        await trial.recovered()


@pytest.mark.thorough  # the one before is the everyday one
async def test_fault_31_a_host_that_takes_connections_and_says_nothing(program: str, tmp_path: Path) -> None:
    async with wire() as cut, tried(program, tmp_path, configure=cut.lay) as trial:
        await cut.cut()
        taken, cut.mute = cut.accepted, True
        await cut.mend()
        await held(trial, "timeout")
        assert cut.accepted > taken
        cut.mute = False
        await cut.mend()
        await trial.recovered()


async def test_fault_32_a_kept_connection_that_is_closed_at_the_next_question(trial: Trial) -> None:
    """The vendor has closed while we asked: one more try, on a fresh connection, and nobody notices.

    That a call which may not be repeated is not, case 42 shows.
    """
    turns = dict.fromkeys((AGENTS, QUEUES), 0)

    def close(asked: Asked, sound: dict[str, Any]) -> Said:
        endpoint = next(name for name in turns if name in asked.target)
        turns[endpoint] += 1
        return Last() if turns[endpoint] % 2 else answer(sound)

    before = await trial.subject.page()
    with trial.fault(close, "*activity"):
        await trial.subject.until(lambda _: min(turns.values()) >= 2, "both are asked twice")
    page = await trial.recovered()
    assert failures(page) == failures(before)
    if trial.subject.program == "ours":
        assert page.sum("api_requests_total", account="sick", code="reset") >= 2  # counted all the same


@pytest.mark.thorough  # what keeps silent is given ten seconds of the subject's
async def test_fault_32_a_kept_connection_that_is_dead(program: str, tmp_path: Path) -> None:
    def slower(config: str) -> str:
        return cut.lay(config.replace(f"interval: {INTERVAL:.0f}s", "interval: 20s"))

    async with wire() as cut, tried(program, tmp_path, configure=slower) as trial:
        cut.deafen()
        deaf = cut.accepted
        if program == "ours":
            await trial.subject.until(
                lambda page: page.sum("api_requests_total", account="sick", code="timeout"), "a dead connection"
            )
        page = await trial.recovered()
        await trial.recovered(QUEUES)
        assert failures(page) == 0
        assert cut.accepted > deaf


def slowly(bytes_a_second: float, slice_size: int) -> Callable[[Asked, dict[str, Any]], Said]:
    """Return what sends an answer in slices, at an uneven pace, on the subject's clock."""

    async def slices(whole: bytes) -> AsyncIterator[bytes]:
        dice, due = random.Random(33), time.monotonic()
        for start in range(0, len(whole), slice_size):
            yield whole[start : start + slice_size]
            due += slice_size / bytes_a_second / SPEED * dice.uniform(0.2, 1.8)
            if due > time.monotonic() + 0.002:
                await asyncio.sleep(due - time.monotonic())

    return lambda _, sound: slices(answer(sound))


@pytest.mark.parametrize(
    ("bytes_a_second", "slice_size", "endpoint"),
    [pytest.param(1024, 64, AGENTS, marks=pytest.mark.thorough), (1024, 1, QUEUES)],
)
async def test_fault_33_a_slow_answer_that_comes_in_time(
    trial: Trial, bytes_a_second: float, slice_size: int, endpoint: str
) -> None:
    with trial.fault(slowly(bytes_a_second, slice_size), endpoint, lawful=True):
        await trial.subject.until(lambda _: trial.sick.struck >= 2, "slow answers")
        await trial.recovered(endpoint, polls=4)  # this machine has other work, and a slice may come late
    await trial.recovered(endpoint)


async def test_fault_33_a_slow_answer_that_comes_too_late(trial: Trial) -> None:
    with trial.fault(slowly(50, 16), AGENTS):
        page = await trial.failed("timeout")
        await trial.aged_out()
        if trial.subject.program == "ours":
            in_time = page.sum("poll_duration_seconds_bucket", account="sick", endpoint=AGENTS, le="10.0")
            assert in_time == page.sum("poll_duration_seconds_count", account="sick", endpoint=AGENTS)
    await trial.recovered()
