"""Cases 57 to 59 and 64: what a running exporter makes of files that change."""

import asyncio
import contextlib
import os
import signal
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import bcrypt
import pytest
from centre import AGENTS, TOKEN, Centre, served
from fake_vendor import Asked, Said, answer
from hurry import INTERVAL, SPEED
from subject import Page, Subject
from trial import Trial, config_of, tried

ours_only = pytest.mark.ours_only("the plain exporter cannot be reloaded")
SUCCESSFUL = "exporter_config_last_reload_successful"
BEAT = INTERVAL / SPEED


def reloadable(config: str) -> str:
    return config.replace('{port}"}', '{port}", reload: true}')


@pytest.fixture
async def reloading(program: str, tmp_path: Path) -> AsyncIterator[Trial]:
    async with tried(program, tmp_path, configure=reloadable) as trial:
        trial.watch.sound = (trial.sound, trial.sick)  # no vendor fails here
        yield trial


def put(subject: Subject, text: str) -> None:
    """Put another config in the place of the present one, whole at any moment."""
    fresh = subject.folder / "fresh.yaml"
    fresh.write_text(text.replace("{port}", str(subject.port)))
    fresh.replace(subject.folder / "config.yaml")


def of(*centres: Centre) -> str:
    return reloadable(config_of(*centres))


def polled_more(polls: float, page: Page) -> bool:
    return page.sum("polls_total") >= polls


def taken_at(page: Page) -> float:
    """Return when the config in use was read."""
    return page.value("exporter_config_last_reload_success_timestamp_seconds") or 0


@ours_only
async def test_fault_57_a_reload_of_a_broken_file(reloading: Trial) -> None:
    subject, good = reloading.subject, of(reloading.sick, reloading.sound)
    path = subject.folder / "config.yaml"
    began = taken_at(await subject.page())
    broken = (f"{good}\npasword: {TOKEN}\n", good.replace("accounts:", "acounts:"), f"{{{TOKEN}", "", None)
    for text in broken:
        if text is None:
            path.unlink()
        else:
            put(subject, text)
        subject.process.send_signal(signal.SIGHUP)
        page = await subject.until(lambda page: page.value(SUCCESSFUL) == 0, "SIGHUP is refused")
        assert taken_at(page) == began
        status, told = await subject.ask("/-/reload", "POST")
        assert (status, told.startswith(f"{path}:")) == (400, True), told
        assert TOKEN not in told
        polls = page.sum("polls_total") + 4
        await subject.until(partial(polled_more, polls), "the old config goes on")
        put(subject, good)
        assert await subject.ask("/-/reload", "POST") == (200, "ok\n")
        page = await subject.until(lambda page: page.value(SUCCESSFUL) == 1, "the mended file is taken")
        assert taken_at(page) > began
        began = taken_at(page)
    for centre in (reloading.sick, reloading.sound):
        counted = (await subject.page()).value("polls_total", account=centre.name, endpoint=AGENTS)
        assert abs((counted or 0) - centre.polls(AGENTS)) <= 1, "its counters began anew"


@pytest.mark.thorough
@ours_only
async def test_fault_58_a_reload_that_touches_one_account(
    reloading: Trial, record_property: Callable[[str, object], None]
) -> None:
    subject, others = reloading.subject, (reloading.sick, reloading.sound)
    third = Centre("third")

    async def reloaded(text: str, holds: Callable[[Page], object], what: str) -> Page:
        put(subject, text)
        subject.process.send_signal(signal.SIGHUP)
        page = await subject.until(holds, what)
        for centre in others:
            counted = page.value("polls_total", account=centre.name, endpoint=AGENTS)
            assert abs((counted or 0) - centre.polls(AGENTS)) <= 1, f"{what}: {centre.name} was touched"
        return page

    def polled(page: Page) -> float:
        return page.value("polls_total", account="third", endpoint=AGENTS) or 0

    async with served(third):
        await subject.until(lambda _: reloading.sick.polls(AGENTS) >= 5, "five polls before")
        before = [max(centre.sent[AGENTS]) for centre in others]
        with_third = of(*others, third)
        page = await reloaded(with_third, lambda page: polled(page) >= 3, "one is added")
        assert page.of("agent_talk_seconds_today", account="third")
        edited = with_third.replace(f"name: {third.name}\n", f"name: {third.name}\n    statuses: {{Idle: away}}\n")
        await reloaded(edited, lambda page: 1 <= polled(page) < 3, "one is edited, and begins anew")
        page = await reloaded(of(*others), lambda page: not page.of("up", account="third"), "one is removed")
        assert 'account="third"' not in page.text
        asked = len(third.asked)
        await subject.until(lambda _: reloading.sick.polls(AGENTS) >= before[0] + 9, "enough polls after")
        assert len(third.asked) == asked, "who is removed is asked still"
    for centre, last in zip(others, before, strict=True):
        moved = _phase(at for number, at in centre.sent[AGENTS].items() if number > last + 2)
        moved -= _phase(at for number, at in centre.sent[AGENTS].items() if number <= last)
        late = abs((moved + BEAT / 2) % BEAT - BEAT / 2)
        record_property(f"schedule of {centre.name} moved, s", round(late * SPEED, 2))
        assert late < 0.3 * BEAT, f"the schedule of {centre.name} moved"
    assert subject.log.count('"event": "reloaded"') == 3


def _phase(moments: Iterable[float]) -> float:
    """Return where in the beat most polls fall: lateness is noise, and never early."""
    times = sorted(moments)
    return times[0] + median((at - times[0] + BEAT / 2) % BEAT - BEAT / 2 for at in times)


@pytest.mark.thorough
@ours_only
async def test_fault_59_a_hundred_reloads_at_once(reloading: Trial) -> None:
    subject, others = reloading.subject, (reloading.sick, reloading.sound)
    third = Centre("third")

    def slow(_asked: Asked, sound: dict[str, Any]) -> Said:
        async def pieces() -> AsyncIterator[bytes]:
            whole = answer(sound)
            yield whole[:100]
            await asyncio.sleep(0.3 * BEAT)
            yield whole[100:]

        return pieces()

    async with served(third):
        put(subject, of(*others, third))
        assert (await subject.ask("/-/reload", "POST"))[0] == 200
        await subject.until(lambda page: page.of("agent_talk_seconds_today", account="third"), "third is there")
        tasks = min([await subject.tasks() for _ in range(5)])
        with reloading.fault(slow, lawful=True):
            await subject.until(lambda _: reloading.sick.struck, "a poll is under way")
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as flood:
                replies = []
                for turn in range(20):
                    put(subject, of(*others, third) if turn % 2 else of(*others))
                    subject.process.send_signal(signal.SIGHUP)
                    replies += [asyncio.create_task(_posted(flood, subject)) for _ in range(5)]
                    await asyncio.sleep(0.02)
                assert set(await asyncio.gather(*replies)) == {200}
        page = await subject.until(
            lambda page: page.of("agent_talk_seconds_today", account="third"), "the last one wins"
        )
        assert page.value(SUCCESSFUL) == 1
        assert 2 < subject.log.count('"event": "reloaded"') < 100, "they share the next one"
        async with asyncio.timeout(subject.patience):
            while await subject.tasks() > tasks:
                await subject.page()
        with_third = page.value("polls_total", account="sick", endpoint=AGENTS)
        assert abs((with_third or 0) - reloading.sick.polls(AGENTS)) <= 1, "its counters began anew"
        put(subject, of(*others))
        assert (await subject.ask("/-/reload", "POST"))[0] == 200
        await subject.until(lambda page: not page.of("up", account="third"), "third is gone")


async def _posted(session: aiohttp.ClientSession, subject: Subject) -> int:
    async with session.post(f"{subject.url}/-/reload") as reply:
        return reply.status


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def users(name: str = "alice", password: str = "canary-password") -> str:
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    return f"basic_auth_users:\n  {name}: {hashed}\n"


PATHS = ("/", "/metrics", "/-/healthy", "/-/ready", "/-/reload", "/nowhere")
ALICE = basic("alice", "canary-password")


@asynccontextmanager
async def meanwhile(ask: Callable[[], Awaitable[int]]) -> AsyncIterator[set[int]]:
    """Ask over and over until the end of the block, and yield the statuses that come."""
    found: set[int] = set()

    async def over_and_over() -> None:
        while True:
            found.add(await ask())
            await asyncio.sleep(0)

    task = asyncio.create_task(over_and_over())
    try:
        yield found
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.ours_only("the plain exporter has no web config")
async def test_fault_64_a_web_config_that_breaks_while_it_runs(program: str, tmp_path: Path) -> None:
    web = tmp_path / "web.yaml"
    web.write_text(users())

    def guarded(config: str) -> str:
        return config.replace('{port}"}', '{port}", web_config: web.yaml}')

    async with (
        tried(program, tmp_path, configure=guarded, headers=ALICE) as trial,
        aiohttp.ClientSession() as nobody,
    ):
        subject = trial.subject

        async def unknown() -> int:
            async with nobody.get(f"{subject.url}/metrics") as reply:
                return reply.status

        trial.watch.lawful = {200, 503}
        async with meanwhile(unknown) as let_in:
            for broken in ("basic_auth_users: [", "users: {}", "", "\x00", None):
                if broken is None:
                    web.unlink()
                else:
                    web.write_text(broken)  # in place: whoever asks meanwhile may see a part
                for path in PATHS:
                    assert (await subject.ask(path))[0] == 503, f"{path} is open to who is known: {broken!r}"
                    async with nobody.get(subject.url + path) as reply:
                        assert reply.status == 503, f"{path} is open: {broken!r}"
                assert trial.subject.process.returncode is None
                web.write_text(users())
                assert (await subject.ask("/-/healthy"))[0] == 200, "it does not heal by itself"
            trial.watch.lawful = {200, 401, 503}
            for turn in range(200):  # and while it is written over and over
                web.write_text(users("bob") if turn % 2 else "basic_auth_users: [")
                os.sched_yield()
                await asyncio.sleep(0)
        assert let_in == {401, 503}, f"nobody was answered with {sorted(let_in)}"
        web.write_text(users())
        await trial.recovered()
        trial.watch.lawful = {200}
        assert "web_config_refused" in subject.log
