"""Cases 34 to 36: who would lead us to other places, and case 37: a network that fails every second time."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from centre import AGENTS, TOKEN
from fake_vendor import Asked, Last, Said, answer
from hurry import INTERVAL
from injected import called
from trial import Trial, tried

REDIRECTS = (301, 302, 303, 307, 308)


class Stranger:
    """A listener at another address, which nobody has any business with."""

    def __init__(self) -> None:
        self.heard = b""
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.heard += await reader.read(2**16)
        writer.write(answer({}))
        writer.close()


@asynccontextmanager
async def stranger() -> AsyncIterator[Stranger]:
    """Listen at 127.0.0.2 until the end of the block."""
    one = Stranger()
    async with await asyncio.start_server(one.serve, "127.0.0.2", 0) as server:
        one.port = server.sockets[0].getsockname()[1]
        yield one


def sending(*places: str) -> Callable[[Asked, dict[str, Any]], Said]:
    """Return what redirects to these places in turn, by each status there is."""
    turns = iter(range(sys.maxsize))

    def redirect(_asked: Asked, _sound: dict[str, Any]) -> Said:
        turn = next(turns)
        return answer(b"", REDIRECTS[turn % 5], location=places[turn // 2 % len(places)])

    return redirect


async def stayed(trial: Trial, file: Path) -> None:
    """See polls fail for a redirect, and nobody follow it."""
    before = len(trial.sick.asked)
    polls = (await trial.subject.page()).sum("polls_total", account="sick")
    await trial.failed("redirect", times=3)
    page = await trial.aged_out()
    if trial.subject.program == "ours":
        assert len(trial.sick.asked) - before <= page.sum("polls_total", account="sick") - polls + 1
    assert not [one.target for one in trial.sick.asked if "/api/v2/channels/voice/stats/" not in one.target]
    ours = {centre.url.removeprefix("http://") for centre in (trial.sick, trial.sound)}
    assert called(file) == ours


@pytest.mark.thorough  # case 35 is the everyday one
async def test_fault_34_a_redirect_within_the_host(program: str, tmp_path: Path) -> None:
    file = tmp_path / "called"
    async with tried(program, tmp_path, environment={"CALLED": str(file)}) as trial:
        loop = "/api/v2/channels/voice/stats/agents_activity.json"
        with trial.fault(sending(loop, "/elsewhere", f"{trial.sick.url}/elsewhere", "?page=2"), AGENTS):
            await stayed(trial, file)
        await trial.recovered()


async def test_fault_35_a_redirect_to_another_host(program: str, tmp_path: Path) -> None:
    file = tmp_path / "called"
    async with stranger() as other, tried(program, tmp_path, environment={"CALLED": str(file)}) as trial:
        elsewhere = f"127.0.0.2:{other.port}"
        places = (
            f"http://{elsewhere}/",
            "http://169.254.169.254/latest/",
            "file:///etc/passwd",
            f"//{elsewhere}/",
        )
        with trial.fault(sending(*places)):
            await stayed(trial, file)
            await trial.subject.until(lambda _: trial.sick.struck >= 2 * len(places), "all places")
        await trial.recovered()
        assert (other.connections, other.heard) == (0, b"")


@pytest.mark.thorough  # it adds a process to what a unit test shows
async def test_fault_36_an_environment_that_names_a_proxy_and_passwords(program: str, tmp_path: Path) -> None:
    async with stranger() as proxy:
        url = f"http://127.0.0.2:{proxy.port}"
        names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        netrc = "machine 127.0.0.1 login joe password canary-netrc\ndefault login joe password canary-netrc\n"
        for file in (".netrc", "netrc"):
            (tmp_path / file).write_text(netrc)
            (tmp_path / file).chmod(0o600)
        environment = {**dict.fromkeys(names, url), "NETRC": str(tmp_path / "netrc"), "HOME": str(tmp_path)}
        await follow(environment)
        assert proxy.connections == 1  # such an environment has its effect, on who asks it
        async with tried(program, tmp_path, environment=environment) as trial:
            await trial.recovered(polls=3)
            assert {one.headers["authorization"] for one in trial.sick.asked} == {f"Bearer {TOKEN}"}
            assert {one.line.split("/")[0] for one in trial.sick.asked} == {"GET "}  # no absolute address
    assert proxy.connections == 1


async def follow(environment: dict[str, str]) -> None:
    """Ask as a program does that trusts its environment."""
    code = "import urllib.request; urllib.request.urlopen('http://vendor.example/').read()"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment)
    assert await child.wait() == 0


def failing(seed: int) -> Callable[[Asked, dict[str, Any]], Said]:
    """Return what fails in half of all cases, at random, in three ways that may pass."""
    dice = random.Random(seed)
    coming: list[bool] = []

    def fail(_asked: Asked, sound: dict[str, Any]) -> Said:
        if not coming:
            coming.extend(dice.sample([True, False] * 5, 10))
        if coming.pop():
            return answer(sound)
        ways = (Last(reset=True), answer({"error": "Internal"}, 503), Last(answer(sound)[:-9]))
        return dice.choice(ways)

    return fail


@pytest.mark.thorough  # half an hour of the subject's
async def test_fault_37_every_second_call_fails_for_half_an_hour(
    program: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Freshness is that the page shows a number at all, since none is shown that is older than max_age."""
    speed, minutes = 40.0, 30.0
    async with tried(program, tmp_path, speed=speed) as trial:
        started = (await trial.subject.page()).sum("polls_total", account="sick")
        fresh, halves = [], []
        with trial.fault(failing(37), "*activity"):
            before = len(trial.sick.asked)
            for _ in range(2):
                for _ in range(int(minutes * 60 / 2 / INTERVAL)):
                    await asyncio.sleep(INTERVAL / speed)
                    page = await trial.subject.page()
                    fresh += [
                        bool(page.of(name, account="sick"))
                        for name in ("agent_talk_seconds_today", "calls_waiting")
                    ]
                halves.append(trial.sick.struck - before)
                before = len(trial.sick.asked)
        await trial.recovered()
        made, polls = sum(halves), page.sum("polls_total", account="sick") - started
        share = sum(fresh) / len(fresh)
        if polls:
            record_property("calls made / polls, while half of them fail <= 1.2", round(made / polls, 2))
        record_property("share of intervals with fresh data, while half of the calls fail >= 0.9", round(share, 3))
        assert share >= 0.9
        if program == "ours":
            assert made <= 1.2 * polls + 12  # at most ten second tries are ever saved up
        assert halves[1] <= 1.1 * halves[0] + 10  # no drift
        assert abs(len(fresh) / 2 - minutes * 60 / INTERVAL) <= 1
