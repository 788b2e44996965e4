"""A subject whose page is larger than what the network keeps for a reader that does not read."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from baseline import needs
from centre import Centre, served
from crowd import ask
from subject import ENDS, Subject, serving, started
from trial import config_of
from watch import Watch

ACCOUNTS, PEOPLE = {"ours": 7, "plain": 17}, 999
"""Of so many agents each: their page, uncompressed, is larger than what the network keeps for a slow reader."""


@asynccontextmanager
async def big(program: str, folder: Path, speed: float) -> AsyncIterator[Subject]:
    """Run a subject whose page is big; the oracle judges the last."""
    centres = [Centre(f"number-{number}", PEOPLE) for number in range(ACCOUNTS[program])]
    async with AsyncExitStack() as stack:
        for centre in centres:
            await stack.enter_async_context(served(centre))
        config = config_of(*centres).replace("interval: 10s", f"interval: {max(5, 2 * speed):.0f}s")
        config = config.replace("max_age: 30s", f"max_age: {30 * speed:.0f}s")
        subject = await stack.enter_async_context(started(program, config, folder, speed=speed))
        await serving(subject)
        watch = Watch(subject, centres[0], centres[1:], speed=1)
        everybody = PEOPLE * len(centres)
        end = time.monotonic() + subject.patience
        while (await ask(subject.port)).body.count(b"\ncontact_center_agent_talk_seconds_today{") < everybody:
            assert time.monotonic() < end, "the page never grew big"
            await asyncio.sleep(0.3)
        before = await needs(subject)
        yield subject
        if subject.process.returncode is not None:
            return
        await before.again(subject)
        status, text = await subject.ask("/metrics")
        assert status == 200
        watch.judge(text, time.monotonic())
        assert not watch.wrong, "\n".join(watch.wrong)
        assert watch.checked > everybody
        assert await subject.stop() in ENDS[program]
