"""Cases 80 and 81: more agents than fit, and ever new ones."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from centre import Centre, served
from fake_vendor import vendor
from multitude import FIRST, NAME, Crowd, peak
from subject import Page, serving, started
from trial import config_of, tried

from exporter.privacy import MOST_AGENTS

LIMIT_MIB = 192.0
"""Of growth, while what is too large comes in: far below the size of what was offered."""
MANY = 25_000
POLLS, NEW = 300, 1_000
FLAT_MIB = 8.0


@asynccontextmanager
async def crowded(mode: str = "few") -> AsyncIterator[Crowd]:
    """Serve a crowd until the end of the block."""
    crowd = Crowd(mode=mode)
    async with vendor(crowd.answer) as site:
        crowd.url = site.url
        yield crowd


def agents_of(page: Page) -> set[int]:
    return {int(labels["agent"]) - FIRST for labels, _ in page.of("agent_talk_seconds_today", account=NAME)}


def failures(page: Page) -> float:
    return page.sum("poll_failures_total", account=NAME, endpoint="agents_activity")


@pytest.mark.thorough
async def test_fault_80_a_million_agents(
    program: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async with crowded() as crowd, tried(program, tmp_path, speed=4.0, extra=crowd.entry()) as trial:
        subject = trial.subject
        await subject.until(lambda page: len(agents_of(page)) == 10, "a crowd that is none")
        base = subject.resident()
        for mode in ("one body", "pages"):
            crowd.become(mode)
            before = failures(await subject.page())
            page = await subject.until(partial(_failed_since, before), f"a million agents in {mode}")
            assert crowd.sent > 8 * 2**20, "it was not offered"
            assert agents_of(page) <= set(range(10)), "a part of them is shown"
            record_property(f"taken of a million in {mode}, MiB", round(crowd.sent / 2**20))
        if program == "ours":
            reasons = {labels["reason"] for labels, _ in page.of("poll_failures_total", account=NAME)}
            assert "too_large" in reasons
        grown = peak(subject) - base
        record_property(f"grown at most, MiB <= {LIMIT_MIB:.0f}", round(grown))
        assert grown < LIMIT_MIB
        crowd.become("few")
        await subject.until(lambda page: len(agents_of(page)) == 10, "they have gone home")


def _failed_since(before: float, page: Page) -> bool:
    return failures(page) > before


@pytest.mark.thorough
async def test_fault_80_more_agents_than_are_shown(program: str, tmp_path: Path) -> None:
    # There is no option max_agents: the cap is the same for all, and the counts are of all.
    async with crowded("many") as crowd, served(Centre("sound")) as sound:
        config = config_of(sound, extra=crowd.entry())
        async with started(program, config, tmp_path, speed=2.0) as subject:
            await serving(subject)
            page = await subject.until(agents_of, "25,000 agents")
            assert agents_of(page) == set(range(MOST_AGENTS))
            assert page.sum("rows_dropped_total", account=NAME, reason="over_cap") == MANY - MOST_AGENTS
            assert page.value("agents", account=NAME, status="available") == MANY * 4 / 5
            assert page.value("agents", account=NAME, status="away") == MANY / 5
            assert page.value("calls_waiting", account="sound")
            crowd.become("few")
            await subject.until(lambda page: len(agents_of(page)) == 10, "they have gone home")


@pytest.mark.thorough
async def test_fault_81_a_thousand_new_agents_at_each_poll(
    program: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    resident: list[float] = []
    async with crowded("churn") as crowd, served(Centre("sound")) as sound:
        config = config_of(sound, extra=crowd.entry())
        async with started(program, config, tmp_path, speed=40.0) as subject:
            await serving(subject)
            await subject.until(agents_of, "the first thousand")
            seen, end = 0, time.monotonic() + 300
            while crowd.answers < POLLS:
                page = await subject.page()
                present = agents_of(page)
                if present:  # else this machine was too slow for a moment, and they are too old
                    first = min(present) // NEW * NEW
                    assert present == set(range(first, first + NEW)), "the series are not those of one answer"
                    seen += 1
                resident.append(subject.resident())
                assert time.monotonic() < end, f"{crowd.answers} polls only"
                await asyncio.sleep(0.3)
            assert seen > len(resident) / 2
            assert (await subject.page()).value("calls_waiting", account="sound")
    half = resident[len(resident) // 2 :]
    record_property("new ids", crowd.answers * NEW)
    record_property("grown over the second half, MiB", round(max(half) - half[0], 1))
    record_property(f"grown since the first poll, MiB <= {FLAT_MIB:.0f}", round(resident[-1] - resident[0], 1))
    assert max(half) - half[0] < FLAT_MIB
