"""Cases 73 and 74: how it ends, and what it finds when it begins again."""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from big import big
from centre import Centre, served
from crowd import PATIENCE, WHOLE, lines, rest
from granting import Granting, granted, kept, silent
from hurry import SPEED
from subject import Subject, serving, started
from trial import config_of
from watch import Watch, watched

Record = Callable[[str, object], None]
no_grants = pytest.mark.ours_only("the plain exporter knows no grants")


async def ended(subject: Subject, *signals: signal.Signals) -> tuple[int, float]:
    """End it, and return its exit code and the seconds that it took."""
    began = time.monotonic()
    code = await subject.stop(*signals)
    return code, time.monotonic() - began


async def test_fault_73_told_to_end_in_a_poll(program: str, tmp_path: Path, record_property: Record) -> None:
    # At real speed: what is measured is how long an end takes.
    async with AsyncExitStack() as stack:
        centre = await stack.enter_async_context(served(Centre("sick")))
        config = config_of(centre).replace("interval: 10s", "interval: 5s")
        subject = await stack.enter_async_context(started(program, config, tmp_path, speed=1))
        await serving(subject)
        with centre.fault(silent):
            await subject.until(lambda _: centre.struck, "a poll is under way")
            code, took = await ended(subject)
        record_property("seconds to exit <= 5", round(took, 2))
        assert code == 0
        assert took < 10


@no_grants
async def test_fault_73_told_to_end_in_a_token_write(tmp_path: Path, record_property: Record) -> None:
    fault, centre = tmp_path / "fault", Granting("sick")
    async with served(centre), granting(tmp_path, centre) as subject:
        await subject.until(lambda page: page.of("agent_talk_seconds_today"), "it has a token")
        fault.write_text("slow")
        end = time.monotonic() + subject.patience
        while not fault.with_suffix(".began").exists():
            assert time.monotonic() < end, "no token is written"
            await asyncio.sleep(0.005)
        assert not fault.with_suffix(".over").exists(), "the write is over already"
        code, took = await ended(subject)
        assert fault.with_suffix(".over").exists(), "the write was cut"
        assert code == 0
        record_property("seconds to exit <= 5", round(took, 2))
    assert centre.tokens == 2
    assert kept(tmp_path)["refresh_token"] == "canary-refresh-2", "the new pair is lost"


@pytest.mark.thorough
@pytest.mark.parametrize("signals", [1, 2])
async def test_fault_73_told_to_end_in_a_scrape(
    signals: int, program: str, tmp_path: Path, record_property: Record
) -> None:
    async with big(program, tmp_path, 1.0) as subject, AsyncExitStack() as stack:
        honest, stuck = await lines(stack, subject.port, 2, WHOLE)
        for reader, _ in (honest, stuck):
            async with asyncio.timeout(PATIENCE):
                await reader.readexactly(1)
        if signals == 2:
            subject.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
            assert subject.process.returncode is None, "it did not wait for the scrape"
            code, took = await ended(subject)
            assert code == 1
            assert took < 1.5, "the second signal does not end it at once"
        else:
            (code, took), page = await asyncio.gather(ended(subject), rest(honest))
            assert code == 0
            assert page.endswith(b"\n"), "an honest scrape was cut"
            assert len(page) > 9 * 2**20
            assert took < 10
        record_property("seconds to exit <= 5", round(took, 2))


@asynccontextmanager
async def granting(folder: Path, centre: Centre) -> AsyncIterator[Subject]:
    environment = {"INJECT": "inside:disk", "FAULT": str(folder / "fault")}
    async with started("ours", granted(config_of(centre)), folder, environment=environment) as subject:
        await serving(subject)
        yield subject


MOMENTS = {"half": 0, "written": 0, "synced": 0, "renamed": 1}
"""What is done of a write when the power is cut, and how many of the new tokens are on the disk then."""


@no_grants
@pytest.mark.parametrize(
    "moment", [pytest.param(one, marks=[pytest.mark.thorough] if one != "half" else []) for one in MOMENTS]
)
async def test_fault_74_killed_while_tokens_are_written(moment: str, tmp_path: Path) -> None:
    centre, fault = Granting("sick"), tmp_path / "fault"
    async with served(centre):
        async with granting(tmp_path, centre) as subject:
            await subject.until(lambda page: page.of("agent_talk_seconds_today"), "it has a token")
            fault.write_text(moment)
            async with asyncio.timeout(subject.patience):
                assert await subject.process.wait() in {-signal.SIGKILL, -signal.SIGXFSZ}
        fault.unlink()
        whose = centre.tokens - 1 + MOMENTS[moment]
        assert kept(tmp_path)["refresh_token"] == f"canary-refresh-{whose}"
        await begins_clean(tmp_path, centre)


@no_grants
@pytest.mark.thorough
async def test_fault_74_killed_at_any_moment(tmp_path: Path, record_property: Record) -> None:
    centre, some, written = Granting("sick"), random.Random(74), set()
    async with served(centre):
        for _ in range(5):
            async with granting(tmp_path, centre) as subject:
                await asyncio.sleep(some.uniform(0, 6))
                subject.process.kill()
                assert await subject.process.wait() == -signal.SIGKILL
            if (tmp_path / "state" / "sick.grant.json").exists():
                written.add(kept(tmp_path)["refresh_token"])
        await begins_clean(tmp_path, centre)
    record_property("different pairs found after 5 kills", len(written))
    assert written


async def begins_clean(folder: Path, centre: Granting) -> None:
    """Start anew, and find all in order."""
    async with granting(folder, centre) as subject:
        watch = Watch(subject, centre, (), SPEED)
        async with watched(watch):
            tokens = centre.tokens
            await subject.until(lambda page: page.of("agent_talk_seconds_today"), "it begins again")
            await subject.until(lambda _: centre.tokens > tokens, "it renews its token")
            await subject.until(lambda _: watch.checked > 50, "the oracle has looked")
        assert not watch.wrong, "\n".join(watch.wrong)
        assert (await subject.page()).value("reauth_required", account="sick") == 0
        assert "canary" not in subject.log
        assert await subject.stop() == 0
    assert kept(folder)["refresh_token"] == f"canary-refresh-{centre.tokens}"
