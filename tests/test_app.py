"""The whole exporter over real sockets in one process: simulators, first polls at once, its own server."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
import structlog
from accounts import BERLIN
from msgspec.structs import replace
from replay import samples
from structlog.testing import LogCapture

from exporter import app
from exporter.account import veil_of
from exporter.app import Exporter
from exporter.config import Account, Config, ConfigError, Listen, Privacy, Problem, Server
from exporter.config import Pace as Polling
from exporter.config.secrets import file_secret
from exporter.errors import PollFailed
from exporter.model import Agent, Snapshot
from exporter.plan import paces
from exporter.poll import AccountPoll, Pace
from exporter.simulator.demo import demo_plan
from exporter.simulator.faults import CutOff, Duplicate, Empty, Fault, Faulty, Garbage, Html, NextPage, Slow
from exporter.simulator.faults import Status as StatusFault
from exporter.simulator.floor import Floor
from exporter.simulator.server import serve
from exporter.simulator.zendesk_oauth import ZendeskKeys
from exporter.simulator.zendesk_talk import Plan, ZendeskAccount, ZendeskTalk
from exporter.tally import Event
from exporter.vendors.contract import Vendor
from exporter.vendors.zendesk_talk.options import ZendeskCredentials, ZendeskOptions
from exporter.wire.secret import Secret

T = TypeVar("T")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all first polls fall into the first moment, however long the interval, and its deadlines, are."""

    def at_once(account: Account, vendor: Vendor) -> dict[str, Pace]:
        return {name: replace(pace, spread=0.1) for name, pace in paces(account, vendor).items()}

    monkeypatch.setattr(app, "paces", at_once)


PATIENCE = 20.0  # an upper bound that a sound exporter never comes near
ENDPOINTS = ("current_queue_activity", "agents_activity", "account_overview", "agents_overview")
WAITING = 'contact_center_calls_waiting{{vendor="zendesk_talk",account="{}",queue="all",channel="voice"}}'


def dialect(**changes: Any) -> tuple[Floor, ZendeskTalk]:
    """Return one small centre, and its account with the token `token`."""
    floor = Floor(demo_plan(BERLIN, 10), datetime(2026, 3, 9, 8, tzinfo=BERLIN))
    floor.advance(datetime(2026, 3, 9, 9, tzinfo=BERLIN))
    keys = ZendeskKeys(access_token="token")
    return floor, ZendeskTalk(floor, ZendeskAccount(keys, plan=Plan.ENTERPRISE_PLUS, **changes))


@asynccontextmanager
async def vendor(*faults: Any) -> AsyncIterator[tuple[str, Faulty]]:
    """Serve a simulated account while the context lasts."""
    floor, sound = dialect()
    faulty = Faulty(sound, faults, floor)
    async with serve({"vendor": faulty}) as urls:
        yield urls["vendor"], faulty


def account(name: str, url: str, token: str = "token", interval: float = 20.0, max_age: float = 60.0) -> Account:
    return Account(
        name=name,
        vendor="zendesk_talk",
        polling=Polling(interval=interval, max_age=max_age, budget_share=1.0),
        credentials=ZendeskCredentials(access_token=Secret(lambda: token, f"the token {token}")),
        options=ZendeskOptions(base_url=url, plan="enterprise_plus"),
    )


def config(*accounts: Account, **server: Any) -> Config:
    return Config(server=Server(**{"listen": Listen("127.0.0.1", 0), **server}), accounts=accounts)


async def first(ask: Callable[[], Awaitable[T | None]]) -> T:
    """Return the first answer that is something."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if answer := await ask():
                return answer
            await asyncio.sleep(0.05)


class Stage:
    """A running exporter, and what can be seen of it from outside."""

    def __init__(self, exporter: Exporter, port: int, captured: LogCapture) -> None:
        self.exporter = exporter
        self.url = f"http://127.0.0.1:{port}"
        self.captured = captured
        self.rest: list[Config | Exception] = []
        """What the next reloads read, the first last."""

    async def ask(self, path: str, method: str = "GET") -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.request(method, f"{self.url}{path}") as reply:
            return reply.status, await reply.text()

    async def page(self) -> dict[str, str]:
        status, text = await self.ask("/metrics")
        assert status == 200
        return samples(text)

    async def until(self, holds: Callable[[dict[str, str]], object]) -> dict[str, str]:
        """Return the first page of which this holds."""

        async def page() -> dict[str, str] | None:
            now = await self.page()
            return now if holds(now) else None

        return await first(page)

    async def ready(self) -> None:
        async def is_ready() -> bool:
            return (await self.ask("/-/ready"))[0] == 200

        await first(is_ready)

    async def reload(self, new: Config | Exception) -> tuple[str, ...]:
        self.rest = [new]
        return await self.exporter.reload()

    def told(self, event: str) -> list[Mapping[str, Any]]:
        return [entry for entry in self.captured.entries if entry["event"] == event]


@asynccontextmanager
async def running(start: Config) -> AsyncIterator[Stage]:
    captured = LogCapture()

    def read() -> Config:
        new = stage.rest.pop()
        if isinstance(new, Exception):
            raise new
        return new

    exporter = Exporter(
        start,
        read=read,
        log=structlog.wrap_logger(None, processors=[captured]),
        lines_dropped=lambda: 0,
    )
    stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    before = asyncio.all_tasks()
    task = asyncio.create_task(exporter.run(stop, listening.set_result))
    stage = Stage(exporter, await listening, captured)
    try:
        yield stage
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE):
            await task
    assert asyncio.all_tasks() == before


def of(name: str, endpoint: str, family: str = "endpoint_up") -> str:
    return f'contact_center_{family}{{vendor="zendesk_talk",account="{name}",endpoint="{endpoint}"}}'


def up(page: Mapping[str, str], name: str) -> list[str | None]:
    return [page.get(of(name, endpoint)) for endpoint in ENDPOINTS]


def polls(page: Mapping[str, str], name: str, endpoint: str = ENDPOINTS[0]) -> float:
    return float(page[of(name, endpoint, "polls_total")])


def of_accounts() -> list[str]:
    """Return the names of the tasks that poll accounts."""
    names = (task.get_name() for task in asyncio.all_tasks())
    return sorted(name for name in names if name.startswith(("acme", "odd", "last")))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


# Living


async def test_a_contact_centre_is_on_the_page_soon_after_the_start() -> None:
    async with vendor() as (url, _), running(config(account("acme", url))) as stage:
        await stage.ready()
        page = await stage.until(lambda page: up(page, "acme") == ["1.0"] * 4)
        assert WAITING.format("acme") in page
        assert len([series for series in page if series.startswith("contact_center_agent_status{")]) == 10
        assert page["contact_center_exporter_config_last_reload_successful"] == "1.0"
        assert (await stage.ask("/-/healthy"))[0] == 200
        assert "acme" in (await stage.ask("/"))[1]
        assert [entry for entry in stage.captured.entries if entry["log_level"] != "info"] == []


async def test_the_page_is_served_before_any_vendor_has_answered() -> None:
    async with vendor(Slow(seconds=30)) as (url, _), running(config(account("acme", url))) as stage:
        up_ = 'contact_center_up{vendor="zendesk_talk",account="acme"}'
        page = await stage.until(lambda page: up_ in page)
        assert page[up_] == "0.0"
        status, text = await stage.ask("/-/ready")
        assert (status, text) == (503, "not ready: 4 of 4 endpoints have not been polled yet\n")
        assert (await stage.ask("/-/healthy"))[0] == 200


async def test_numbers_leave_the_page_of_themselves_when_the_vendor_dies() -> None:
    url = f"http://127.0.0.1:{(port := free_port())}"
    async with running(config(account("acme", url, interval=1.0, max_age=3.0))) as stage:
        async with serve({"vendor": dialect()[1]}, ports={"vendor": port}):
            await stage.until(lambda page: WAITING.format("acme") in page)
        page = await stage.until(lambda page: WAITING.format("acme") not in page)
        assert of("acme", ENDPOINTS[0], "last_success_timestamp_seconds") in page
        page = await stage.until(lambda page: page[of("acme", ENDPOINTS[0])] == "0.0")
        assert page['contact_center_up{vendor="zendesk_talk",account="acme"}'] in {"0.0", "1.0"}


SICK = {
    "dns": "the name acme.invalid cannot be resolved; check the address and DNS",
    "connect": "no connection to 127.0.0.1; check the address, firewalls and routes",
    "credentials": "HTTP 401 (invalid_token): the vendor does not accept the credentials; "
    "check that they are valid",
    "content_type": "HTTP 200 with a web page in place of data; check base_url",
    "forbidden": "HTTP 403: the credentials may not read this; check role, plan and scope",
}


@pytest.mark.parametrize("reason", SICK)
async def test_a_sick_account_says_why_and_costs_a_healthy_one_nothing(
    reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.transport.client.TRIES", 1)  # else the second ends at these polls' deadline
    faults = {
        "content_type": [StatusFault(status=200)],
        "forbidden": [StatusFault(status=403)],
    }.get(reason, [])
    async with vendor() as (well, _), vendor(*faults) as (ill, _):
        sick = {
            "dns": account("sick", "https://acme.invalid"),
            "connect": account("sick", f"http://127.0.0.1:{free_port()}"),
            "credentials": account("sick", ill, token="wrong"),
        }.get(reason, account("sick", ill))
        async with running(config(sick, account("well", well))) as stage:
            page = await stage.until(
                lambda page: {*up(page, "sick")} == {"0.0"} and {*up(page, "well")} == {"1.0"}
            )
            assert page['contact_center_up{vendor="zendesk_talk",account="sick"}'] == "0.0"
            assert page['contact_center_up{vendor="zendesk_talk",account="well"}'] == "1.0"
            failures = [
                name for name in page if 'poll_failures_total{vendor="zendesk_talk",account="sick"' in name
            ]
            assert len(failures) == 4
            assert all(f'reason="{reason}"' in name for name in failures)
            centre = "contact_center_a", "contact_center_c", "contact_center_q"
            shown = {name.split('account="')[1].split('"')[0] for name in page if name.startswith(centre)}
            assert WAITING.format("well") in page
            assert [name for name in page if 'account="sick"' in name and "agent=" in name] == []
            assert "well" in shown
            assert SICK[reason] in (await stage.ask("/"))[1]
            assert {entry["detail"] for entry in stage.told("endpoint_broke")} == {SICK[reason]}


AGENTS = ENDPOINTS[1]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Html(endpoint=AGENTS), "content_type"),
        (CutOff(endpoint=AGENTS), "truncated"),
        (Empty(endpoint=AGENTS), "empty_body"),
        (Garbage(endpoint=AGENTS, path="agents_activity", raw="[" * 10_000_000), "too_large"),
        (Garbage(endpoint=AGENTS, path="agents_activity", raw="[" * 1_000_000), "decode"),
        (Garbage(endpoint=AGENTS, path="agents_activity", raw="{}"), "schema"),
        (NextPage(endpoint=AGENTS), "paging"),
        (
            NextPage(endpoint=AGENTS, to=f"http://169.254.169.254/api/v2/channels/voice/stats/{AGENTS}.json"),
            "origin",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_answer_that_is_none_is_one_counted_failure(
    fault: Fault, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.transport.client.TRIES", 1)
    async with vendor(fault) as (url, faulty), running(config(account("acme", url))) as stage:
        page = await stage.until(lambda page: None not in up(page, "acme"))
        assert faulty.struck[0] > 0
        assert up(page, "acme") == ["1.0", "0.0", "1.0", "1.0"]
        failures = (
            'contact_center_poll_failures_total{{vendor="zendesk_talk",account="acme",endpoint="{}",reason="{}"}}'
        )
        assert page[failures.format(AGENTS, reason)] == "1.0"
        assert [series for series in page if "agent=" in series or "contact_center_agents{" in series] == []


@pytest.mark.parametrize(
    ("fault", "lost", "counted"),
    [
        (
            Garbage(endpoint=AGENTS, path="agents_activity[].online_time", raw="NaN"),
            20,  # the time logged in, and what is left of it for contacts, of ten agents
            'schema_drift_total{vendor="zendesk_talk",account="acme",endpoint="agents_activity"}',
        ),
        (
            Duplicate(endpoint=AGENTS, path="agents_activity", rows=3),
            0,
            'rows_dropped_total{vendor="zendesk_talk",account="acme",reason="duplicate"}',
        ),
        (Garbage(endpoint=AGENTS, path="agents_activity[].name", raw='"\\ud800"'), 0, ""),
    ],
    ids=["not a number", "duplicates", "lone surrogates"],
)
async def test_a_row_that_is_odd_costs_no_more_than_itself(fault: Fault, lost: int, counted: str) -> None:
    async with vendor() as (sound, _), vendor(fault) as (url, faulty):
        start = replace(config(account("sound", sound), account("acme", url)), privacy=Privacy(agent_label="name"))
        async with running(start) as stage:
            page = await stage.until(lambda page: up(page, "acme") == up(page, "sound") == ["1.0"] * 4)
    assert faulty.struck == [1]
    count = {name: sum(f'account="{name}",agent="' in series for series in page) for name in ("acme", "sound")}
    assert count["sound"] - count["acme"] == lost
    assert f"contact_center_{counted}" in page or not counted
    assert sum(float(value) for series, value in page.items() if series.startswith("contact_center_agents{")) == 20


async def test_a_fault_of_ours_costs_an_account_neither_its_numbers_nor_its_counters_nor_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "_RESTART", 0.05)
    broken: set[str] = set()

    class Fragile(AccountPoll):
        async def poll(self, endpoint: str) -> PollFailed | None:
            if self._state.name in broken:
                raise ZeroDivisionError
            return await super().poll(endpoint)

    monkeypatch.setattr(app, "AccountPoll", Fragile)
    async with (
        vendor() as (url, _),
        running(config(account("bad", url, interval=0.2), account("good", url))) as stage,
    ):
        before = await stage.until(lambda page: up(page, "bad") == up(page, "good") == ["1.0"] * 4)
        broken.add("bad")
        page = await stage.until(lambda page: up(page, "bad") == ["0.0"] * 4)
        assert up(page, "good") == ["1.0"] * 4
        assert 'contact_center_agents_online{vendor="zendesk_talk",account="bad"}' in page
        assert polls(page, "bad") >= polls(before, "bad") > 0
        assert float(page["contact_center_exporter_parts_restarted"]) >= 1
        told = stage.told("part_broke")[0]
        assert (told["part"], told["log_level"], told["exc_info"]) == ("bad", "error", True)
        broken.clear()
        page = await stage.until(lambda page: up(page, "bad") == ["1.0"] * 4)
        assert polls(page, "bad") > polls(before, "bad")


async def test_a_part_that_breaks_at_once_begins_again_only_after_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[None] = []

    async def broken(_: Any) -> None:
        begun.append(None)
        raise ZeroDivisionError

    monkeypatch.setattr(app, "_RESTART", 1e6)
    monkeypatch.setattr(AccountPoll, "run", broken)
    async with running(config(account("acme", "http://127.0.0.1:1"))) as stage:

        async def has_begun() -> bool:
            return bool(begun)

        await first(has_begun)
        for _ in range(3):
            assert (await stage.ask("/-/healthy"))[0] == 200
    assert len(begun) == 1


async def test_an_address_that_is_taken_is_an_os_error() -> None:
    async with running(config()) as stage:
        port = int(stage.url.rpartition(":")[2])
        second = Exporter(
            config(listen=Listen("127.0.0.1", port)),
            read=config,
            log=structlog.wrap_logger(None, processors=[LogCapture()]),
            lines_dropped=lambda: 0,
        )
        with pytest.raises(OSError, match="address already in use"):
            await second.run(asyncio.Event())


async def test_an_exporter_that_is_cancelled_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    exporter = Exporter(
        config(account("acme", f"http://127.0.0.1:{free_port()}")),
        read=config,
        log=structlog.wrap_logger(None, processors=[LogCapture()]),
        lines_dropped=lambda: 0,
    )
    listening = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(exporter.run(asyncio.Event(), listening.set_result))
    await listening
    await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before


# Reloading


async def test_a_reload_touches_only_what_it_changes() -> None:
    async with vendor() as (url, _), vendor() as (other, _):
        same, edited, gone = (account(name, url) for name in ("same", "edited", "gone"))
        async with running(config(same, edited, gone)) as stage:
            await stage.until(
                lambda page: all(up(page, name) == ["1.0"] * 4 for name in ("same", "edited", "gone"))
            )
            task = stage.exporter._accounts["same"][1]
            before = stage.exporter.store.world.accounts
            moved = replace(edited, options=replace(edited.options, base_url=other))
            assert await stage.reload(config(account("new", url), account("same", url), moved)) == ()
            after = stage.exporter.store.world.accounts
            assert tuple(after) == ("new", "same", "edited")
            assert stage.exporter._accounts["same"][1] is task
            assert stage.exporter._accounts["edited"][0].account.options.base_url == other  # type: ignore[attr-defined]
            snapshot = before["same"].endpoints[ENDPOINTS[2]].held
            assert after["same"].endpoints[ENDPOINTS[2]].held is snapshot is not None
            page = await stage.until(lambda page: up(page, "new") == up(page, "edited") == ["1.0"] * 4)
            assert polls(page, "same") >= before["same"].counts.events[Event.POLL][ENDPOINTS[0],]
            assert polls(page, "same", ENDPOINTS[2]) == 1
            assert [series for series in page if 'account="gone"' in series] == []
            assert [account.name for account in stage.exporter._config.accounts] == ["new", "same", "edited"]
            assert stage.told("endpoint_broke") == []


async def test_a_reload_while_an_account_is_polled_leaves_the_poll_alone() -> None:
    slow = Slow(endpoint=ENDPOINTS[0], seconds=0.3, times=1)
    async with vendor(slow) as (url, faulty), running(config(acme := account("acme", url))) as stage:

        async def is_asked() -> bool:
            return faulty.struck == [1]

        await first(is_asked)
        assert await stage.reload(config(acme, account("new", url))) == ()
        page = await stage.until(lambda page: up(page, "acme") == up(page, "new") == ["1.0"] * 4)
        assert [series for series in page if 'code="cancelled"' in series] == []


async def test_a_broken_file_changes_nothing_and_says_so() -> None:
    wrong = ConfigError("config.yaml", [Problem(3, "accounts", "there is none", "at least one account")])
    async with vendor() as (url, _), running(config(account("acme", url))) as stage:
        await stage.ready()
        task = stage.exporter._accounts["acme"][1]
        assert await stage.reload(wrong) == ("config.yaml:3: accounts: there is none; write at least one account",)
        page = await stage.until(
            lambda page: page["contact_center_exporter_config_last_reload_successful"] == "0.0"
        )
        assert stage.exporter._accounts["acme"][1] is task
        (told,) = stage.told("reload_refused")
        assert told["log_level"] == "error"
        assert told["problem"].endswith("there is none; write at least one account")
        status_page = (await stage.ask("/"))[1]
        assert "The last reload was refused" in status_page
        assert "config.yaml:3: accounts: there is none; write at least one account" in status_page
        read = page["contact_center_exporter_config_last_reload_success_timestamp_seconds"]
        assert await stage.reload(config(account("acme", url))) == ()
        page = await stage.until(
            lambda page: page["contact_center_exporter_config_last_reload_successful"] == "1.0"
        )
        assert page["contact_center_exporter_config_last_reload_success_timestamp_seconds"] > read
        assert "reload" not in (await stage.ask("/"))[1]


async def test_a_config_on_a_dead_file_system_is_a_reload_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "_READ_SECONDS", 0.01)
    alive = threading.Event()

    def read() -> Config:
        alive.wait(60)
        return config()

    async with running(config()) as stage:
        stage.exporter._read = read
        for _ in range(2):
            (problem,) = await stage.exporter.reload()
            assert "its file system does not answer" in problem
        alive.set()


async def test_a_fault_while_the_config_is_read_ends_nothing() -> None:
    async with vendor() as (url, _), running(config(account("acme", url))) as stage:
        await stage.ready()
        assert await stage.reload(ZeroDivisionError("secret")) == (
            "a fault of the exporter itself: ZeroDivisionError",
        )
        await stage.until(lambda page: page["contact_center_exporter_config_last_reload_successful"] == "0.0")
        (told,) = stage.told("reload_broke")
        assert told["exc_info"] is True


async def test_a_hundred_reloads_leave_as_many_tasks_as_there_were() -> None:
    async with vendor() as (url, _), running(config(account("acme", url))) as stage:
        await stage.ready()
        tasks = of_accounts()
        acme, odd = account("acme", url), account("odd", url)
        for n in range(99):
            assert await stage.reload(config(acme, odd) if n % 2 else config(acme)) == ()
        assert await stage.reload(config(acme, account("last", url))) == ()
        assert tuple(stage.exporter.store.world.accounts) == ("acme", "last")
        page = await stage.until(lambda page: up(page, "last") == up(page, "acme") == ["1.0"] * 4)
        assert [series for series in page if 'account="odd"' in series] == []
        assert await stage.reload(config(acme)) == ()
        assert of_accounts() == tasks == ["acme", *(f"acme {endpoint}" for endpoint in sorted(ENDPOINTS))]


async def test_who_asks_during_a_reload_shares_the_next_one_which_reads_when_it_is_over() -> None:
    acme = account("acme", "http://127.0.0.1:1")
    reading, go_on = threading.Event(), threading.Event()
    read: list[str] = []

    def blocked() -> Config:
        turn = len(read) // 2
        read.append(f"{turn} begins")
        reading.set()
        go_on.wait(60)
        read.append(f"{turn} ends")
        return config(*[acme][:turn])

    async with running(config()) as stage:
        stage.exporter._read = blocked
        first = asyncio.create_task(stage.exporter.reload())
        assert await asyncio.to_thread(reading.wait, PATIENCE)
        others = [asyncio.create_task(stage.exporter.reload()) for _ in range(99)]
        impatient = asyncio.create_task(stage.exporter.reload())
        await asyncio.sleep(0)
        impatient.cancel()
        go_on.set()
        assert await asyncio.gather(first, *others) == [()] * 100
        assert read == ["0 begins", "0 ends", "1 begins", "1 ends"]
        assert tuple(stage.exporter.store.world.accounts) == ("acme",), "the later one did not win"


async def test_a_reload_that_ends_after_the_exporter_begins_nothing() -> None:
    reading, go_on = threading.Event(), threading.Event()

    def read() -> Config:
        reading.set()
        go_on.wait(60)
        return config(account("last", "http://127.0.0.1:1"))

    log = structlog.wrap_logger(None, processors=[LogCapture()])
    exporter = Exporter(config(), read=read, log=log, lines_dropped=lambda: 0)
    stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    run = asyncio.create_task(exporter.run(stop, listening.set_result))
    await listening
    reload = asyncio.create_task(exporter.reload())
    assert await asyncio.to_thread(reading.wait, PATIENCE)
    stop.set()
    await run
    go_on.set()
    assert await reload == ()
    assert of_accounts() == []


async def test_the_address_cannot_be_changed_by_a_reload_and_that_is_told() -> None:
    async with running(config()) as stage:
        assert await stage.reload(config(listen=Listen("127.0.0.1", 1))) == ()
        (told,) = stage.told("server_unchanged")
        assert told["log_level"] == "warning"
        assert (await stage.ask("/-/healthy"))[0] == 200


async def test_reloading_over_http_is_off_unless_the_config_says_so() -> None:
    async with running(config()) as stage:
        assert (await stage.ask("/-/reload", "POST"))[0] == 403
        assert stage.told("reloaded") == []


async def test_a_reload_over_http_answers_with_what_is_wrong() -> None:
    wrong = ConfigError("config.yaml", [Problem(3, "accounts", "there is none"), Problem(9, "polling", "empty")])
    async with vendor() as (url, _), running(config(account("acme", url), reload=True)) as stage:
        stage.rest = [wrong]
        assert await stage.ask("/-/reload", "POST") == (
            400,
            "config.yaml:3: accounts: there is none\nconfig.yaml:9: polling: empty\n",
        )
        stage.rest = [config(account("acme", url), account("new", url), reload=True)]
        assert await stage.ask("/-/reload", "POST") == (200, "ok\n")
        await stage.until(lambda page: up(page, "new") == ["1.0"] * 4)


# Secrets


async def test_a_new_key_for_pseudonyms_counts_from_the_next_poll_on(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 32)
    key = file_secret(tmp_path / "key")
    veiled = veil_of(Privacy(agent_label="pseudonym", pseudonym_key=key), "acme")
    agents = Snapshot(agents=(Agent("4711"),))
    before = veiled(agents)
    assert veiled(agents) == before
    (tmp_path / "new").write_text("another key, of more than 32 bytes")
    (tmp_path / "new").replace(tmp_path / "key")
    assert veiled(agents) != before
