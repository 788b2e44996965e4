"""What every fault has in common: a sick account beside a sound one, a subject that polls both, and the oracle."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest
from baseline import Needs, needs
from centre import AGENTS, QUEUES, TOKEN, Centre, Spoil, served
from fake_vendor import Asked, Said
from hurry import INTERVAL, MAX_AGE, SPEED
from subject import ENDS, HERE, Page, Subject, serving, started
from watch import NEVER_SHOWN, Watch, watched

LONGEST = {"ours": 300.0, "plain": 60.0}
"""Seconds, beside those of the soak, after which a test has fallen that does not come to its end."""
_ended: list[Watch] = []
"""The watches of the present test, for the report."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--subject", choices=("ours", "plain"), default="ours", help="who suffers tests/faults")
    parser.addoption("--minutes", type=float, default=1.0, help="how long the soak of test_fault_82 lasts")


@pytest.fixture
def program(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Iterator[str]:
    """Who suffers: `ours`, or `plain` for the negative control."""
    _ended.clear()
    yield str(request.config.getoption("--subject"))
    for watch in _ended:
        for name, figure in watch.figures.items():
            record_property(name, figure)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seconds = LONGEST[config.getoption("--subject")] + 60 * config.getoption("--minutes")
    for item in items:
        if isinstance(item, pytest.Function) and item.path.parent == HERE and iscoroutinefunction(item.obj):
            item.obj = ending(item.obj, seconds)


def ending(test: Callable[..., Awaitable[None]], seconds: float) -> Callable[..., Awaitable[None]]:
    """Return the test, which falls where it has not come to an end after so many seconds."""

    @wraps(test)
    async def limited(**given: Any) -> None:
        try:
            async with asyncio.timeout(seconds) as limit:
                await test(**given)
        except TimeoutError:
            assert not limit.expired(), f"it has not come to an end after {seconds:.0f} s"
            raise

    return limited


def pytest_runtest_setup(item: pytest.Item) -> None:
    only = item.get_closest_marker("ours_only")
    if only and item.config.getoption("--subject") != "ours":
        pytest.skip(only.args[0])


def config_of(*centres: Centre, polling: str = "", extra: str = "") -> str:
    """Return a config for these accounts; `{port}` stands for the subject's own."""
    accounts = "".join(
        f"""
  - name: {centre.name}
    vendor: zendesk_talk
    credentials: {{access_token: {TOKEN}}}
    options: {{base_url: "{centre.url}", plan: enterprise_plus}}
"""
        for centre in centres
    )
    return f"""
server: {{listen: "127.0.0.1:{{port}}"}}
polling: {{interval: {INTERVAL:.0f}s, max_age: {MAX_AGE:.0f}s, budget_share: 100%{polling}}}
accounts:{accounts}{extra}"""


def failures(page: Page, account: str = "sick") -> float:
    """Return how many polls failed, but for those that missed their deadline: this machine has other work too."""
    late = page.sum("poll_failures_total", account=account, reason="timeout")
    return page.sum("poll_failures_total", account=account) - late


@dataclass
class Trial:
    """A subject under watch, the account that falls sick, and the one that stays sound."""

    subject: Subject
    sick: Centre
    sound: Centre
    watch: Watch
    speed: float
    baseline: Needs = field(init=False)

    async def settled(self) -> None:
        """Wait until all of both accounts is on the page, and remember what the subject needs then."""
        await self.subject.until(
            lambda page: all(
                page.of("agent_talk_seconds_today", account=centre.name)
                and page.of("calls_waiting", account=centre.name)
                for centre in (self.sick, self.sound)
            ),
            "both accounts on the page",
        )
        self.baseline = await needs(self.subject)

    def fault(self, spoil: Spoil, endpoint: str = "*", *, lawful: bool = False, silent: Iterable[int] = ()) -> Any:
        """Let the sick account answer so until the end of the block."""
        return self.sick.fault(spoil, endpoint, lawful=lawful, silent=silent)

    async def failed(self, *reasons: str, endpoint: str = AGENTS, times: int = 1) -> Page:
        """Return the first page on which an endpoint has failed so many times more, for one of the reasons."""
        before = self._failures(await self.subject.page(), endpoint, reasons)
        return await self.subject.until(
            lambda page: self._failures(page, endpoint, reasons) >= before + times, f"{endpoint} fails: {reasons}"
        )

    def _failures(self, page: Page, endpoint: str, reasons: tuple[str, ...]) -> float:
        of = {"account": self.sick.name, "endpoint": endpoint}
        if self.subject.program != "ours":  # its own words are as good as ours
            return page.sum("poll_failures_total", **of)
        return sum(page.sum("poll_failures_total", **of, reason=reason) for reason in reasons)

    async def aged_out(self, endpoint: str = AGENTS) -> Page:
        """Return the first page without the numbers of an endpoint: gone, not 0, and still said to be down."""
        metric = {AGENTS: "agent_talk_seconds_today", QUEUES: "calls_waiting"}[endpoint]
        page = await self.subject.until(
            lambda page: not page.of(metric, account=self.sick.name), f"{endpoint} ages out"
        )
        name = self.sick.name
        if self.subject.program == "ours":
            assert page.value("endpoint_up", account=name, endpoint=endpoint) == 0
        assert page.value("last_success_timestamp_seconds", account=name, endpoint=endpoint) is not None
        assert page.value("up", account=name) is not None
        return page

    async def recovered(self, endpoint: str = AGENTS, polls: int = 2) -> Page:
        """Return the first page that is right again, which must come with one of the next polls (O6)."""
        began = self.sick.polls(endpoint)
        since = max(self.sick.sent.get(endpoint, {0: 0.0}))
        metric = {AGENTS: "agent_talk_seconds_today", QUEUES: "calls_waiting"}[endpoint]
        page = await self.subject.until(
            lambda page: any(value >= 1_000 * (since + 1) for _, value in page.of(metric, account=self.sick.name)),
            f"{endpoint} recovers",
        )
        took = self.sick.polls(endpoint) - began
        assert took <= polls + 1, f"it took {took} polls to be right again"  # one more may be under way already
        return page


@pytest.fixture
async def trial(program: str, tmp_path: Path) -> AsyncIterator[Trial]:
    """A subject that has polled both accounts; afterwards the oracle tells whether it ever did wrong."""
    async with tried(program, tmp_path) as one:
        yield one


@asynccontextmanager
async def tried(
    program: str,
    folder: Path,
    *,
    speed: float = SPEED,
    polling: str = "",
    extra: str = "",
    configure: Callable[[str], str] = str,
    agents: int = 5,
    person: str = "Canary Person{}",
    environment: dict[str, str] | None = None,
    door: Callable[[Asked], Said | Awaitable[Said] | None] | None = None,
    sick: Centre | None = None,
    headers: Mapping[str, str] = {},
    stderr: int | None = None,
    arguments: tuple[str, ...] = (),
) -> AsyncIterator[Trial]:
    """Run a subject against a sick and a sound account, and judge it at the end."""
    async with AsyncExitStack() as stack:
        sick = await stack.enter_async_context(served(sick or Centre("sick", agents, person=person)))
        if door:
            sick.door = door
        sound = await stack.enter_async_context(served(Centre("sound", person=person)))
        config = configure(config_of(sick, sound, polling=polling, extra=extra))
        subject = await stack.enter_async_context(
            started(
                program,
                config,
                folder,
                speed=speed,
                environment=environment or {},
                headers=headers,
                stderr=stderr,
                arguments=arguments,
            )
        )
        await serving(subject)
        watch = Watch(subject, sick, [sound], speed)
        _ended.append(watch)
        trial = Trial(subject, sick, sound, watch, speed)
        async with watched(watch):
            await trial.settled()
            yield trial
            if subject.process.returncode is None:
                await trial.baseline.again(subject)
        assert not watch.wrong, "\n".join(watch.wrong)
        assert watch.checked, "the oracle saw no number"
        for canary in NEVER_SHOWN:
            assert canary not in subject.log, f"O7: the log shows {canary!r}"
        if subject.process.returncode is None:
            assert await subject.stop() in ENDS[program], "O1: it did not end well"
