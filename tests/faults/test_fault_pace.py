"""Cases 53 to 55: vendors that want silence, and many accounts that begin together."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

import pytest
from centre import AGENTS, Centre, served
from fake_vendor import Asked, Said, answer, vendor
from hurry import INTERVAL, SPEED
from subject import serving, started
from trial import config_of, tried

GRACE = 0.3
"""Seconds of ours in which what was under way already still arrives."""


@dataclass
class Silencer:
    """Says 429 once, and notes when it is asked again."""

    headers: dict[str, str]
    armed: bool = False
    said: float = 0.0
    again: float = 0.0

    def __call__(self, _asked: Asked) -> Said | None:
        now = time.monotonic()
        if self.armed:
            self.armed, self.said = False, now
            return answer({"error": "Too Many Requests"}, 429, **self.headers)
        if self.said and not self.again and now > self.said + GRACE:
            self.again = now
        return None

    @property
    def silence(self) -> float:
        """Seconds of the subject's that it was left alone."""
        return ((self.again or time.monotonic()) - self.said) * SPEED


def in_seconds(seconds: float) -> dict[str, str]:
    """Return the headers that name the end of the silence by a date."""
    now = time.time()
    return {"date": formatdate(now, usegmt=True), "retry_after": formatdate(now + seconds, usegmt=True)}


ASKED_FOR: dict[str, tuple[dict[str, str], float, float]] = {
    "seconds": ({"retry_after": "25"}, 25, 40),
    "date": (in_seconds(25), 24, 40),
    "past": (in_seconds(-500), 1, 20),
    "nothing": ({"retry_after": "0"}, 1, 20),
    "negative": ({"retry_after": "-5"}, 10, 25),
    "garbage": ({"retry_after": "soon"}, 10, 25),
    "absent": ({}, 10, 25),
    "endless": ({"retry_after": "1000000000"}, 900, 925),
}
"""What a vendor says, and the seconds of silence that follow at least and at most."""


async def test_fault_53_what_may_stand_in_retry_after(program: str, tmp_path: Path) -> None:
    doors = {name: Silencer(headers) for name, (headers, _, _) in ASKED_FOR.items()}
    async with AsyncExitStack() as stack:
        centres = [
            await stack.enter_async_context(served(Centre(name, door=door))) for name, door in doors.items()
        ]
        extra = config_of(*centres).partition("accounts:")[2]
        trial = await stack.enter_async_context(tried(program, tmp_path, extra=extra))
        await trial.subject.until(
            lambda page: all(page.of("agent_talk_seconds_today", account=name) for name in doors),
            "all accounts on the page",
        )
        for door in doors.values():
            door.armed = True
        await trial.subject.until(
            lambda _: all(door.again for name, door in doors.items() if name != "endless"), "all are asked again"
        )
        assert not doors["endless"].again
        for name, (_, least, most) in ASKED_FOR.items():
            if name != "endless":
                assert 0.97 * least <= doors[name].silence, name
                assert doors[name].silence <= most + 20, name  # this machine has other work
        page = await trial.subject.page()
        for name in doors:
            assert page.sum("poll_failures_total", account=name, reason="throttled") or program != "ours"


@pytest.mark.thorough  # a quarter of an hour of the subject's
async def test_fault_53_no_silence_is_longer_than_a_quarter_of_an_hour(program: str, tmp_path: Path) -> None:
    speed, door = 60.0, Silencer(ASKED_FOR["endless"][0])
    async with tried(program, tmp_path, door=door, speed=speed) as trial:
        door.armed = True
        await trial.subject.until(lambda _: door.again, "it is asked again")
        assert 890 < (door.again - door.said) * speed < 960
        await trial.recovered()


@pytest.mark.parametrize("storm", [(1.2, 20, SPEED), pytest.param((10, 60, 30.0), marks=pytest.mark.thorough)])
async def test_fault_54_a_storm_of_429(
    program: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    storm: tuple[float, int, float],
) -> None:
    minutes, silence, speed = storm
    async with tried(program, tmp_path, speed=speed) as trial:
        before = len(trial.sick.asked)
        with trial.fault(lambda *_: answer({"error": "Too Many"}, 429, retry_after=str(silence))):
            await trial.failed("throttled")
            await asyncio.sleep(minutes * 60 / speed)
            made, allowed = len(trial.sick.asked) - before, minutes * 60 / silence + 1
            record_property(f"calls made / allowed in {minutes:g} min of 429 <= 1", round(made / allowed, 2))
            assert made <= allowed + 1  # two may have been under way when it began
            await trial.aged_out()
        await trial.subject.until(
            lambda page: page.value("endpoint_up", account="sick", endpoint=AGENTS) != 0, "its silence is over"
        )
        await trial.recovered()


ACCOUNTS, RESTARTS, STARTING = 50, 20, 5.0


@dataclass
class Crowd:
    """A host with many accounts, told apart by their tokens."""

    under_way: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    most_of_one: int = 0
    """Requests of one account that were under way at once."""
    first: dict[tuple[str, str], float] = field(default_factory=dict)
    """When each account first asked for each endpoint."""

    async def answer(self, asked: Asked) -> bytes:
        token = asked.headers["authorization"]
        self.first.setdefault((token, asked.target), time.monotonic())
        self.under_way[token] += 1
        self.most_of_one = max(self.most_of_one, self.under_way[token])
        await asyncio.sleep(0.005)
        self.under_way[token] -= 1
        return answer({AGENTS: [], "count": 0, "next_page": None, "previous_page": None})

    def places(self, endpoint: str) -> dict[str, float]:
        """Return when each account first asked for an endpoint, counted from the first of all."""
        times = {token: at for (token, target), at in self.first.items() if endpoint in target}
        first = min(times.values(), default=0.0)
        return {token: at - first for token, at in times.items()}


async def start(program: str, folder: Path, crowd: Crowd, url: str) -> None:
    """Start with all accounts, and run until each has asked for everything that it polls at each interval."""
    entries = "".join(
        f"""
  - name: account{number}
    vendor: zendesk_talk
    credentials: {{access_token: canary-{number}}}
    options: {{base_url: "{url}", plan: enterprise_plus}}
"""
        for number in range(ACCOUNTS)
    )
    polling = "polling: {interval: 10s, max_age: 30s, budget_share: 100%}"
    config = f'server: {{listen: "127.0.0.1:{{port}}"}}\n{polling}\naccounts:{entries}'
    async with started(program, config, folder, speed=STARTING) as subject:
        await serving(subject)
        async with asyncio.timeout(subject.patience):
            while len(crowd.places(AGENTS)) < ACCOUNTS:  # noqa: ASYNC110 - a scrape would hold up the host
                await asyncio.sleep(0.02)


@pytest.mark.thorough  # many starts
async def test_fault_55_fifty_accounts_that_begin_together(
    program: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """At once are two calls of an account: vendors limit accounts, and a host's accounts are spread over time."""
    starts, worst, at_once = [], 0, 0
    for _ in range(RESTARTS + 1):
        crowd = Crowd()
        async with vendor(crowd.answer) as site:
            await start(program, tmp_path, crowd, site.url)
        at_once = max(at_once, crowd.most_of_one)
        assert at_once <= 2
        starts.append(crowd.places(AGENTS))
        tenths = [0] * 100
        for at in starts[-1].values():
            tenths[int(at / (INTERVAL / STARTING / 10))] += 1
        assert max(tenths) <= 0.5 * ACCOUNTS  # the machine may stand still when they are due
        worst = max(worst, *tenths)
    record_property("calls of one account at once <= 2", at_once)
    record_property("first polls in the busiest tenth of an interval, of 50 accounts that begin together", worst)
    for places in starts[1:]:
        moved = [abs(at - starts[0][token]) for token, at in places.items()]
        assert (
            sorted(moved)[len(moved) // 2] < INTERVAL / STARTING / 10
        )  # most keep their place from start to start
