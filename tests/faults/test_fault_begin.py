"""Cases 75 and 76: a start into the void, and what breaks inside."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
from centre import Centre, served
from granting import Granting, granted, silent
from hurry import MAX_AGE, SPEED
from subject import ENDS, Page, serving, started
from trial import Trial, config_of, tried
from watch import Watch, watched

Record = Callable[[str, object], None]


def failing(name: str, reasons: set[str], page: Page) -> bool:
    told = page.of("poll_failures_total", account=name)
    return any(value > 1 and labels["reason"] in reasons for labels, value in told)


@pytest.mark.thorough
async def test_fault_75_nothing_that_it_needs_is_there(
    program: str, tmp_path: Path, record_property: Record
) -> None:
    stateless, sound, silence = Granting("stateless"), Centre("sound"), Centre("silence")
    nowhere = {"refused": "http://127.0.0.1:9"}
    why = {"refused": {"connect", "ClientConnectorError"}}
    if program == "ours":  # which can be told that there are no names
        nowhere |= {"missing": "http://missing.localhost:9", "hanging": "http://hanging.localhost:9"}
        # Where the tokens cannot be read, the configured one may be used up: it is not tried.
        why |= {"silence": {"timeout"}, "missing": {"dns"}, "stateless": {"secret"}}
        why["hanging"] = {"dns", "connect", "timeout"}
    async with AsyncExitStack() as stack:
        for centre in (stateless, sound, silence):
            await stack.enter_async_context(served(centre))
        config = config_of(stateless, sound, silence, *(Centre(name, url=url) for name, url in nowhere.items()))
        if program == "ours":
            config = granted(config).replace("state_dir: state", "state_dir: /dev/null/state")
        with silence.fault(silent):
            began = time.monotonic()
            subject = await stack.enter_async_context(
                started(program, config, tmp_path, environment={"INJECT": "inside:names"})
            )
            await serving(subject)
            record_property("seconds to the first scrape", round(time.monotonic() - began, 2))
            watch = await stack.enter_async_context(watched(Watch(subject, silence, (sound,), SPEED)))
            for name, reasons in why.items():
                page = await subject.until(partial(failing, name, reasons), f"{name} fails: {reasons}")
                assert page.value("up", account=name) == 0
                assert not page.of("calls_waiting", account=name)
            end = time.monotonic() + 2 * MAX_AGE / SPEED
            page = await subject.until(lambda _: time.monotonic() > end, "it lives for a while")
            assert page.of("agent_talk_seconds_today", account="sound")
            assert page.of("process_open_fds") or program != "ours"
            record_property("lines logged", len(subject.log.splitlines()))
            if program == "ours":
                assert [(await subject.ask(f"/-/{door}"))[0] for door in ("healthy", "ready")] == [200, 200]
                assert "Not a directory" in subject.log
                assert len(subject.log.splitlines()) < 60
        await subject.until(lambda page: page.of("agent_talk_seconds_today", account="silence"), "it recovers")
        assert not watch.wrong, "\n".join(watch.wrong)
        assert await subject.stop() in ENDS[program]


@pytest.fixture
async def buggy(tmp_path: Path) -> AsyncIterator[Trial]:
    environment = {"INJECT": "inside:bugs", "FAULT": str(tmp_path / "fault")}
    async with tried("ours", tmp_path, environment=environment) as trial:
        yield trial


@pytest.mark.thorough
@pytest.mark.ours_only("the fault is in the code of ours")
async def test_fault_76_what_reads_an_answer_breaks(buggy: Trial) -> None:
    fault = buggy.subject.folder / "fault"
    fault.write_text("reading")
    await buggy.failed("internal", times=2)
    await buggy.aged_out()
    assert "ZeroDivisionError: a bug" in buggy.subject.log
    fault.unlink()
    await buggy.recovered()


@pytest.mark.ours_only("the fault is in the code of ours")
async def test_fault_76_a_task_dies(buggy: Trial, record_property: Record) -> None:
    subject, fault = buggy.subject, buggy.subject.folder / "fault"
    fault.write_text("polling")
    page = await subject.until(lambda page: page.value("up", account="sick") == 0, "somebody would notice")
    assert page.of("agent_talk_seconds_today", account="sick"), "its numbers are not old yet"
    await subject.until(lambda _: subject.log.count("part_broke") >= 3, "it is told, and begun again")
    page = await subject.until(lambda page: not page.of("agent_talk_seconds_today", account="sick"), "it is gone")
    assert (page.value("exporter_parts_restarted") or 0) >= 2
    assert "RuntimeError: a bug" in subject.log
    fault.unlink()
    await subject.until(lambda page: page.of("agent_talk_seconds_today", account="sick"), "it recovers")
    record_property("parts broken", subject.log.count("part_broke"))
