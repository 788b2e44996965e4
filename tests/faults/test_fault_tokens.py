"""Cases 44 to 47: how long a token lasts, secrets that change, what a role may not read."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from centre import AGENTS, QUEUES, TOKEN, Centre, served
from fake_vendor import Asked, Said, answer
from hurry import SPEED
from injected import Wall
from oauth_door import Door, Secrets
from subject import serving, started
from trial import config_of, tried

from exporter.simulator import server
from exporter.simulator.demo import demo_floor
from exporter.simulator.exchange import Answer, Dialect
from exporter.simulator.exchange import Asked as Request
from exporter.simulator.stages import STAGES

STARTS = 20
DAY = 86_400.0


class Counting:
    """A vendor, and how many tokens it was asked for."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.calls = 0

    def expire_tokens(self) -> None:
        self._dialect.expire_tokens()

    def answer(self, asked: Request) -> Answer:
        self.calls += asked.path.endswith("/token")
        return self._dialect.answer(asked)


@pytest.mark.thorough  # many starts
@pytest.mark.ours_only("the plain exporter speaks Zendesk's dialect alone")
async def test_fault_44_a_crash_loop_at_a_vendor_that_rations_tokens(
    program: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Given a state_dir; without one each start takes a token, and says so."""
    speed, wall = 30.0, Wall(tmp_path / "wall", 30.0)
    floor = demo_floor(datetime.now(UTC), ZoneInfo("UTC"))
    zoho = Counting(STAGES["zoho_voice"].open(floor))
    async with server.serve({"zoho": zoho}, clock=wall.now) as urls:
        account = STAGES["zoho_voice"].config(floor, urls["zoho"])
        config = f'server: {{listen: "127.0.0.1:{{port}}", state_dir: {tmp_path}/state}}\naccounts:\n{account}'

        async def crash() -> None:
            """Run until the account is up, and no longer."""
            environment = {"WALL": str(wall.file)}
            async with started(program, config, tmp_path, speed=speed, environment=environment) as subject:
                await serving(subject)
                await subject.until(lambda page: page.value("up", vendor="zoho_voice") == 1, "Zoho is up")

        for _ in range(STARTS):
            await crash()
            wall.shift(20)
        assert zoho.calls <= 10
        record_property("token calls of 20 starts in 10 minutes <= 10", zoho.calls)
        wall.shift(3_300 - wall.offset)
        await crash()
        assert zoho.calls == 1  # while it lives, it is used
        wall.shift(600)
        await crash()
        assert zoho.calls == 2


LIVES: dict[str, tuple[object, float | None]] = {
    "absent": (None, None),
    "zero": (0, 60.0),
    "negative": (-1, 60.0),
    "text": ("3600", 3600.0),
    "endless": (1e12, DAY),
    "short": (120, 120.0),
}
"""What is told as `expires_in`, and the seconds that are believed."""


@pytest.mark.thorough  # two minutes of the subject's
@pytest.mark.ours_only("the plain exporter never looks at it")
async def test_fault_45_lives_of_tokens_that_cannot_be(program: str, tmp_path: Path) -> None:
    """A token is renewed in the last fifth of its life or its last minute, at random by a quarter of that."""
    secrets, doors = Secrets(tmp_path), {name: Door(life=told) for name, (told, _) in LIVES.items()}
    async with AsyncExitStack() as stack:
        extra = ""
        for name, door in doors.items():
            centre = await stack.enter_async_context(served(Centre(name, door=door)))
            extra += secrets.plain(config_of(centre).partition("accounts:")[2])
        keeping = f"server: {{state_dir: {tmp_path}/state, "
        trial = await stack.enter_async_context(
            tried(program, tmp_path, extra=extra, configure=lambda config: config.replace("server: {", keeping))
        )
        await trial.subject.until(lambda _: all(door.calls for door in doors.values()), "a token for each")
        for name, (_, life) in LIVES.items():
            expires, now = secrets.kept(name)["expires"], time.time()
            assert (expires is None) if life is None else (now + life - 30 < expires <= now + life), name
        await trial.subject.until(lambda _: len(doors["short"].calls) >= 2, "the short one is renewed")
        await asyncio.sleep(30 / SPEED)
        for name, (_, life) in LIVES.items():
            times = doors[name].at
            if life is None or life > 3_000:
                assert len(times) == 1, name
                continue
            gap = (times[1] - times[0]) * SPEED
            assert 0.74 * life < gap, name
            assert gap < life + 25 or trial.watch.slowest > 0.25, name  # at the first poll after it
            assert not doors[name].refused


def mounted(folder: Path, text: str) -> Path:
    """Put a secret into a folder as Kubernetes mounts it, or swap it for another, in one step."""
    there = len(list(folder.glob("..2*")))
    new = folder / f"..2{there}"
    new.mkdir(parents=True)
    (new / "token").write_text(text)
    link = folder / "..data.new"
    link.symlink_to(new.name)
    link.replace(folder / "..data")
    if not there:
        (folder / "token").symlink_to("..data/token")
    return folder / "token"


async def test_fault_46_a_file_with_a_secret_that_changes(program: str, tmp_path: Path) -> None:
    """What becomes unreadable counts as unchanged: no metric tells so, but `check` and the next start do."""
    good, refused = {TOKEN}, 0

    def door(asked: Asked) -> Said | None:
        nonlocal refused
        if asked.headers["authorization"].removeprefix("Bearer ") in good:
            return None
        refused += 1
        return answer({"error": "invalid_token"}, 401)

    file = mounted(tmp_path / "secrets", f"{TOKEN}\n")

    def configure(config: str) -> str:
        return config.replace(f"access_token: {TOKEN}", f"access_token_file: {file}", 1)

    async with tried(program, tmp_path, configure=configure, door=door) as trial:
        for ending in ("\n", "", "\r\n"):
            good.clear()
            await trial.failed("credentials", endpoint=QUEUES)
            good.add(f"canary-{len(ending)}")
            mounted(tmp_path / "secrets", f"canary-{len(ending)}{ending}")
            await trial.recovered()
        before = refused
        data = tmp_path / "secrets" / "..data" / "token"
        for spoil in (lambda: data.write_text(""), data.unlink):
            spoil()
            polls = trial.sick.polls(AGENTS)
            await trial.recovered()
            await trial.recovered()
            assert trial.sick.polls(AGENTS) > polls + 1
        assert refused == before
        good.clear()
        good.add("canary-last")
        mounted(tmp_path / "secrets", "canary-last")
        await trial.recovered(polls=3)


async def test_fault_47_a_role_that_may_not_read_the_agents(program: str, tmp_path: Path) -> None:
    async with tried(program, tmp_path) as trial:
        with trial.fault(lambda *_: answer({"error": "Forbidden"}, 403), AGENTS):
            await trial.failed("forbidden")
            polls = trial.sick.polls(AGENTS)
            page = await trial.aged_out()
            await trial.recovered(QUEUES)
            assert trial.sick.polls(AGENTS) == polls
            if program == "ours":
                assert page.value("up", account="sick") == 1
                assert page.value("endpoint_up", account="sick", endpoint=QUEUES) == 1


@pytest.mark.thorough  # a quarter of an hour of the subject's
async def test_fault_47_what_is_forbidden_is_tried_four_times_an_hour(program: str, tmp_path: Path) -> None:
    speed = 60.0
    async with tried(program, tmp_path, speed=speed) as trial:
        with trial.fault(lambda *_: answer({"error": "Forbidden"}, 403), AGENTS):
            await trial.failed("forbidden")
            polls, began = trial.sick.polls(AGENTS), time.monotonic()
        await trial.subject.until(lambda _: trial.sick.polls(AGENTS) > polls, "the next try")
        assert (time.monotonic() - began) * speed > 850
        await trial.recovered()
