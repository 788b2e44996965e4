"""Cases 38 to 43: access tokens that die, grants that are lost."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from centre import AGENTS, QUEUES, Centre, served
from fake_vendor import Asked, Last, Said, answer
from hurry import SPEED
from oauth_door import FIRST_REFRESH, Door, Fields, Secrets
from subject import Page
from trial import Trial, config_of, failures, tried
from wire_cut import wire

SPELL = 40 / SPEED
"""Seconds of ours in which several polls are due."""


async def test_fault_38_a_token_that_dies_in_the_midst_of_a_poll(program: str, tmp_path: Path) -> None:
    firsts: list[dict[str, Any]] = []

    def paged(asked: Asked, sound: dict[str, Any]) -> Said:
        if "page=2" in asked.target:
            return answer({**firsts[-1], AGENTS: firsts[-1][AGENTS][3:]})
        firsts.append(sound)
        where = f"{trial.sick.url}{asked.target}?page=2"
        return answer({**sound, AGENTS: sound[AGENTS][:3], "next_page": where})

    door, secrets = Door(), Secrets(tmp_path)
    async with tried(program, tmp_path, configure=secrets.plain, door=door) as trial:
        with trial.fault(paged, AGENTS, lawful=True):
            await trial.recovered()
            calls, refused = len(door.calls), door.refused
            door.dies_at = "page=2"
            await trial.subject.until(lambda _: len(door.calls) > calls, "a new token")
            page = await trial.recovered()
            assert door.refused > refused
            assert len(door.calls) == calls + 1
            assert failures(page) == 0
            if program == "ours":
                assert page.value("token_refreshes_total", account="sick") == calls + 1
                assert second_pages(trial) - len(firsts) <= 1  # only what was refused is asked again
            await trial.subject.until(lambda _: second_pages(trial) > len(firsts), "no poll between its pages")
        await trial.recovered()


def second_pages(trial: Trial) -> int:
    """Return how often a second page was asked for."""
    return sum("page=2" in one.target for one in trial.sick.asked)


async def test_fault_39_tokens_that_are_refused_however_new(program: str, tmp_path: Path) -> None:
    """That nobody is let in tells `up` with the reason `credentials`; there is no metric `auth_ok`."""
    door, secrets = Door(), Secrets(tmp_path)
    async with tried(program, tmp_path, configure=secrets.plain, door=door) as trial:
        calls, door.locked, refused = len(door.calls), True, door.refused
        await trial.failed("credentials")
        await asyncio.sleep(SPELL)
        page = await trial.aged_out()
        assert len(door.calls) == calls + 1
        assert 2 <= door.refused - refused <= 4  # two endpoints may have been under way
        assert page.value("up", account="sick") == 0
        door.locked, door.secret = False, "canary-new-secret"
        secrets.write("secret", "canary-new-secret\n")
        await trial.recovered()


@pytest.mark.thorough  # five minutes of the subject's
async def test_fault_39_refused_credentials_are_tried_once_in_five_minutes(program: str, tmp_path: Path) -> None:
    door, secrets = Door(), Secrets(tmp_path)
    async with tried(program, tmp_path, configure=secrets.plain, door=door) as trial:
        calls, door.locked = len(door.calls), True
        began = asyncio.get_running_loop().time()
        await trial.failed("credentials")
        await trial.subject.until(lambda _: len(door.calls) >= calls + 2, "the next try")
        assert asyncio.get_running_loop().time() - began > 280 / SPEED
        assert door.refused <= 8


@pytest.mark.thorough  # a hundred calls want more time
@pytest.mark.ours_only("the plain exporter asks for one queue")
async def test_fault_40_fifty_calls_refused_at_once(program: str, tmp_path: Path) -> None:
    door, secrets = Door(), Secrets(tmp_path)
    many = Centre("many", door=door)
    async with served(many):
        queues = ", ".join(f"{{name: q{number}, phone_number_ids: [{number}]}}" for number in range(1, 51))
        only = config_of(many).partition("accounts:")[2]
        extra = (
            secrets.plain(only)
            .replace("plan: enterprise_plus", f"plan: enterprise_plus, queues: [{queues}]")
            .rstrip()
            + "\n    polling: {interval: 40s, max_age: 120s}\n"
        )
        async with tried(program, tmp_path, extra=extra, speed=6) as trial:
            await trial.subject.until(lambda page: page.of("calls_waiting", account="many"), "fifty queues")
            calls = len(door.calls)
            door.dies_at = QUEUES  # when the first of the fifty arrives
            await trial.subject.until(lambda _: door.refused >= 50, "fifty refusals")
            await answered(trial, many)
            assert len(door.calls) == calls + 1
            release, failed = asyncio.Event(), unanswered(await trial.subject.page())
            calls, door.wait = len(door.calls), release
            door.dies_at = QUEUES  # when the first of the fifty arrives
            await trial.subject.until(lambda page: unanswered(page) > failed, "those who wait give up")
            assert len(door.calls) == calls + 1
            release.set()
            await answered(trial, many)
            assert len(door.calls) == calls + 1  # the one that outlived who had asked for it


def unanswered(page: Page) -> float:
    """Return how many polls of the fifty queues have failed."""
    return page.sum("poll_failures_total", account="many", endpoint=QUEUES)


async def answered(trial: Trial, centre: Centre) -> None:
    """Wait for numbers that are newer than any so far."""
    since = max(centre.sent[QUEUES])
    await trial.subject.until(
        lambda page: any(value > 1000 * since for _, value in page.of("calls_waiting", account=centre.name)),
        "newer numbers",
    )


@pytest.mark.thorough  # two starts
@pytest.mark.ours_only("the plain exporter keeps no tokens")
async def test_fault_41_a_refresh_token_that_is_replaced_at_each_use(program: str, tmp_path: Path) -> None:
    door, secrets, unkept = Door(rotates=True), Secrets(tmp_path), []

    def watched(asked: Asked) -> Said | Awaitable[Said] | None:
        said = door(asked)
        if said is None and secrets.kept()["access_token"] != door.seen[-1]:
            unkept.append(asked.target)
        return said

    async with wire() as fixed:

        def configure(config: str) -> str:
            return fixed.lay(secrets.refreshing(config))

        async with tried(program, tmp_path, configure=configure, door=watched) as trial:
            door.rotates = False
            door.revoke()
            await trial.subject.until(lambda _: len(door.calls) >= 2, "a renewal that brings no refresh token")
            await trial.recovered()
            door.rotates = True
            door.revoke()
            await trial.subject.until(lambda _: len(door.calls) >= 3, "one with the token from before")
            await trial.recovered()
            assert secrets.kept()["refresh_token"] == door.refresh
        async with tried(program, tmp_path, configure=configure, door=watched) as trial:
            await trial.recovered()
            door.revoke()
            await trial.subject.until(lambda _: len(door.calls) >= 4, "the kept one after a restart")
            await trial.recovered()
    assert [one["refresh_token"] for one in door.calls] == [
        *(FIRST_REFRESH, "canary-refresh-1", "canary-refresh-1", "canary-refresh-3")
    ]
    assert not unkept  # none was used before it was on disk


async def given_up(trial: Trial, door: Door, *reasons: str) -> None:
    """See one token call, and none after it."""
    calls = len(door.calls)
    door.revoke()
    await trial.failed(*reasons)
    await asyncio.sleep(SPELL)
    page = await trial.aged_out()
    assert len(door.calls) == calls + 1
    if trial.subject.program == "ours":
        assert page.value("reauth_required", account="sick") == 1
        assert page.value("reauth_required", account="sound") == 0


async def renewed(trial: Trial, door: Door, secrets: Secrets) -> None:
    """See it begin anew when a person has made a new grant."""
    door.refresh, door.secret = "canary-new-refresh", "canary-new-secret"
    secrets.write("secret", door.secret)
    secrets.write("refresh", door.refresh)
    await trial.recovered()
    if trial.subject.program == "ours":
        assert (await trial.subject.page()).value("reauth_required", account="sick") == 0


async def test_fault_42_a_token_whose_answer_is_lost(program: str, tmp_path: Path) -> None:
    door, secrets = Door(rotates=True), Secrets(tmp_path)
    async with tried(program, tmp_path, configure=secrets.refreshing, door=door) as trial:
        door.said = lambda _: Last()
        before = door.refresh
        await given_up(trial, door, "reauth_required")
        assert door.refresh != before  # it was heard
        door.said = lambda _: None
        await renewed(trial, door, secrets)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("invalid_grant", 200),
        pytest.param("invalid_client", 401, marks=pytest.mark.thorough),
        pytest.param("invalid_grant", 400, marks=pytest.mark.thorough),
        pytest.param("invalid_client", 200, marks=pytest.mark.thorough),
    ],
)
async def test_fault_43_a_grant_that_is_dead(program: str, tmp_path: Path, word: str, status: int) -> None:
    def dead(_: Fields) -> Said:
        return answer({"error": word, "error_description": "canary-echo"}, status)

    door, secrets = Door(rotates=True), Secrets(tmp_path)
    async with tried(program, tmp_path, configure=secrets.refreshing, door=door) as trial:
        door.said = dead
        await given_up(trial, door, "reauth_required")
        door.said = lambda _: None
        await renewed(trial, door, secrets)
