"""Whole exporters that stand by for each other: an API server's leases, a simulated vendor, sockets everywhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import structlog
from lease_api import Api, answering, serving, sound
from msgspec.structs import replace
from structlog.testing import LogCapture
from test_app import Stage, account, config, dialect, first, running, soon, up, vendor

from exporter.app import Exporter
from exporter.config import Account, Config, ConfigError, Lease
from exporter.lease import election
from exporter.simulator.exchange import Answer, Asked, Dialect
from exporter.simulator.server import serve
from exporter.simulator.zendesk_oauth import ZendeskKeys
from exporter.simulator.zendesk_talk import Plan, ZendeskAccount, ZendeskTalk
from exporter.transport import Client
from exporter.vendors.zendesk_talk.options import ZendeskCredentials
from exporter.wire.secret import Secret

__all__ = ["soon"]  # a fixture that all tests here use
LEADER = "contact_center_exporter_is_leader"
LEASE = Lease(duration=3.0)


@pytest.fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    monkeypatch.setattr(election, "STOPPING", 1.0)
    async with serving(tmp_path) as api:
        for name, value in api.environ.items():
            monkeypatch.setenv(name, value)
        yield api


class Heard:
    """A vendor that remembers who asked it for what."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.asked: list[Asked] = []

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return self._dialect.answer(asked)

    def expire_tokens(self) -> None:
        self._dialect.expire_tokens()


class Replica(Stage):
    """An exporter in a pod of its own."""

    def __init__(self, exporter: Exporter, port: int, captured: LogCapture, token: str) -> None:
        super().__init__(exporter, port, captured)
        self.token = token
        self.stop = asyncio.Event()

    @property
    def shows(self) -> bool:
        """Whether there is an account on its page at this very moment."""
        return any(b'account="' in piece for piece in self.exporter._publisher.page.text)

    @property
    def leads(self) -> bool:
        return self.exporter._leading


class Cluster:
    """Where replicas run."""

    def __init__(self, api: Api, monkeypatch: pytest.MonkeyPatch, stack: AsyncExitStack) -> None:
        self._api = api
        self._monkeypatch = monkeypatch
        self._stack = stack
        self.replicas: list[Replica] = []
        self.both = False
        """Whether two replicas ever showed an account at the same moment."""

    async def start(self, start: Config) -> Replica:
        number = len(self.replicas)
        mount = self._api.mount.with_name(f"pod-{number}")
        mount.mkdir()
        token = await self._api.token()
        (mount / "token").write_text(token)
        (mount / "namespace").write_text("telephony")
        (mount / "ca.crt").write_bytes((self._api.mount / "ca.crt").read_bytes())
        self._monkeypatch.setattr(election, "MOUNT", mount)
        replica = await self._stack.enter_async_context(pod(start, token))
        self.replicas.append(replica)
        return replica

    async def pair(self, start: Config) -> tuple[Replica, Replica]:
        """Start one replica that leads, and one that stands by."""
        leader = await self.start(start)
        await self.leader()
        second = await self.start(start)
        await second.ready()
        return leader, second

    async def watch(self) -> None:
        while True:
            self.both = self.both or sum(replica.shows for replica in self.replicas) > 1
            await asyncio.sleep(0.005)

    async def leader(self, others: tuple[Replica, ...] = ()) -> Replica:
        """Return the replica that leads, when its polls all succeeded."""

        async def leading() -> Replica | None:
            for replica in self.replicas:
                if replica not in others and replica.leads and up(await replica.page(), "acme") == ["1.0"] * 4:
                    return replica
            return None

        return await first(leading)


@asynccontextmanager
async def pod(start: Config, token: str) -> AsyncIterator[Replica]:
    captured = LogCapture()

    def read() -> Config:
        new = replica.rest.pop()
        assert isinstance(new, Config)
        return new

    log = structlog.wrap_logger(None, processors=[captured])
    exporter = Exporter(start, read=read, log=log, lines_dropped=lambda: 0)
    stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(exporter.run(stop, listening.set_result))  # its tasks are in its own groups
    replica = Replica(exporter, await listening, captured, token)
    replica.stop = stop
    try:
        yield replica
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await task


@pytest.fixture
async def cluster(api: Api, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        cluster = Cluster(api, monkeypatch, stack)
        watching = asyncio.create_task(cluster.watch())
        yield cluster
        watching.cancel()
    await asyncio.wait({watching})


def in_cluster(*accounts: Account, **server: object) -> Config:
    return config(*accounts, ha="kubernetes-lease", lease=LEASE, **server)


async def test_one_polls_and_the_other_stands_by_and_asks_nobody(cluster: Cluster) -> None:
    mine, other = Heard(dialect()[1]), Heard(dialect()[1])
    async with serve({"mine": mine, "other": other}) as urls:
        leader = await cluster.start(in_cluster(account("acme", urls["mine"])))
        assert await cluster.leader() is leader
        second = await cluster.start(in_cluster(account("acme", urls["other"])))
        await second.ready()
        assert await second.ask("/-/ready") == (200, "ok: standing by\n")
        assert (await second.ask("/-/healthy"))[0] == 200
        assert "This replica stands by" in (await second.ask("/"))[1]
        await asyncio.sleep(2 * LEASE.duration / 6)
        page = await second.page()
        assert page[LEADER] == "0.0"
        assert page["contact_center_exporter_lease_taken"] == "0.0"
        assert [series for series in page if 'account="' in series] == []
        assert other.asked == []
        page = await leader.page()
        assert (page[LEADER], page["contact_center_exporter_lease_taken"]) == ("1.0", "1.0")
        assert mine.asked != []


async def test_the_successor_of_who_is_told_to_end_polls_at_once_and_never_do_both_show_numbers(
    cluster: Cluster,
) -> None:
    async with vendor() as (url, _):
        start = in_cluster(account("acme", url))
        leader, second = await cluster.pair(start)
        leader.stop.set()
        assert await cluster.leader(others=(leader,)) is second
        assert not cluster.both
        assert leader.told("lease_given_back") != []
        assert (await second.page())["contact_center_exporter_lease_taken"] == "1.0"


async def test_who_loses_the_api_server_falls_silent_before_the_other_speaks_and_may_lead_again(
    api: Api, cluster: Cluster
) -> None:
    async with vendor() as (url, _):
        start = in_cluster(account("acme", url))
        leader, second = await cluster.pair(start)
        api.cut = {leader.token}
        assert await cluster.leader(others=(leader,)) is second
        page = await leader.until(lambda page: page[LEADER] == "0.0")
        assert [series for series in page if 'account="' in series] == []
        assert float(page["contact_center_exporter_lease_failures"]) > 0
        assert await leader.ask("/-/ready") == (200, "ok: standing by\n")
        assert leader.exporter.store.world.accounts == {}
        api.cut = {second.token}
        assert await cluster.leader(others=(second,)) is leader
        assert (await leader.page())["contact_center_exporter_lease_taken"] == "2.0"
        api.cut = set()
        assert not cluster.both
        assert leader.told("part_broke") == second.told("part_broke") == []


async def test_a_chain_of_rotating_tokens_goes_on_over_every_handover(
    api: Api, cluster: Cluster, tmp_path: Path
) -> None:
    floor, _ = dialect()
    keys = ZendeskKeys(refresh_token="first-of-a-chain")
    heard = Heard(ZendeskTalk(floor, ZendeskAccount(keys, plan=Plan.ENTERPRISE_PLUS)))
    chain = ZendeskCredentials(
        client_id=keys.client_id,
        client_secret=Secret(lambda: keys.client_secret, "client_secret"),
        refresh_token=Secret(lambda: "first-of-a-chain", "refresh_token"),
    )
    async with serve({"vendor": heard}) as urls:
        start = in_cluster(
            replace(account("acme", urls["vendor"]), credentials=chain), state_dir=tmp_path / "state"
        )
        leader, second = await cluster.pair(start)

        def token_calls() -> int:
            return sum(asked.endpoint == "tokens" for asked in heard.asked)

        assert token_calls() == 1
        api.cut = {leader.token}
        await cluster.leader(others=(leader,))
        assert token_calls() == 1  # the access token was found in the shared folder, and is good
        heard.expire_tokens()
        (acme,) = start.accounts
        later = replace(acme, polling=replace(acme.polling, interval=21.0))
        assert await second.reload(replace(start, accounts=(later,))) == ()  # it is polled at once
        await cluster.leader(others=(leader,))
        api.cut = {second.token}
        await cluster.leader(others=(second,))
        api.cut = set()
        assert token_calls() == 2  # the first replica does not go on with the token that it knew


async def test_a_reload_of_who_stands_by_begins_nothing_and_counts_when_it_leads(
    api: Api, cluster: Cluster
) -> None:
    quiet = Heard(dialect()[1])
    async with vendor() as (url, _), serve({"quiet": quiet}) as urls:
        leader = await cluster.start(in_cluster(account("acme", url)))
        await cluster.leader()
        second = await cluster.start(in_cluster(account("acme", urls["quiet"])))
        await second.ready()
        assert await second.reload(in_cluster(account("acme", urls["quiet"]), account("new", urls["quiet"]))) == ()
        await asyncio.sleep(0.3)
        assert quiet.asked == []
        assert second.exporter.store.world.accounts == {}
        api.cut = {leader.token}
        await cluster.leader(others=(leader,))
        await second.until(lambda page: up(page, "new") == ["1.0"] * 4)
        api.cut = set()


async def test_a_replica_that_cannot_see_the_lease_is_not_ready(api: Api, cluster: Cluster) -> None:
    api.faults = [answering(403)]
    async with vendor() as (url, _):
        replica = await cluster.start(in_cluster(account("acme", url)))
        await first(lambda: failed(replica))
        assert await replica.ask("/-/ready") == (
            503,
            "not ready: the lease could not be read yet, and the log tells why\n",
        )
        (told,) = replica.told("lease_unknown")
        assert "get and update on this lease" in told["detail"]
        assert (await replica.ask("/-/healthy"))[0] == 200
        api.faults = [sound]
        assert await cluster.leader() is replica


async def failed(replica: Replica) -> bool:
    return float((await replica.page())["contact_center_exporter_lease_failures"]) > 0


async def test_outside_a_cluster_the_config_is_wrong() -> None:
    log = structlog.wrap_logger(None, processors=[LogCapture()])
    with pytest.raises(ConfigError, match="this is no pod of a cluster"):
        Exporter(in_cluster(), read=in_cluster, log=log, lines_dropped=lambda: 0)


async def test_without_ha_every_replica_leads() -> None:
    async with vendor() as (url, _), running(config(account("acme", url))) as stage:
        page = await stage.until(lambda page: up(page, "acme") == ["1.0"] * 4)
        assert page[LEADER] == "1.0"
        assert page["contact_center_exporter_lease_taken"] == "0.0"


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let every account need half a second to end well, and tell when each had."""
    times: list[float] = []
    plain = Client.close

    async def slowly(self: Client) -> None:
        await asyncio.sleep(0.5)  # a new token on its way to the disk
        times.append(asyncio.get_running_loop().time())
        await plain(self)

    monkeypatch.setattr(Client, "close", slowly)
    return times


async def reloading(leader: Replica, new: Config) -> asyncio.Task[tuple[str, ...]]:
    """Return a reload that waits until the old account has ended well."""
    task = asyncio.create_task(leader.reload(new))
    while leader.exporter._accounts:  # noqa: ASYNC110 - what is awaited here is the inside of a reload
        await asyncio.sleep(0)
    return task


async def test_who_leads_again_soon_waits_until_its_old_polls_have_ended_well(
    cluster: Cluster, closed: list[float]
) -> None:
    async with vendor() as (url, _):
        leader = await cluster.start(in_cluster(account("acme", url)))
        await cluster.leader()
        reload = await reloading(leader, in_cluster(account("acme", url, interval=21.0), account("new", url)))
        lose = asyncio.create_task(leader.exporter._lead(False))
        await asyncio.sleep(0.1)
        assert not leader.shows
        assert closed == []
        await leader.exporter._lead(True)
        assert len(closed) == 1
        await asyncio.wait({reload, lose})
        await leader.until(lambda page: up(page, "acme") == up(page, "new") == ["1.0"] * 4)
        assert sorted(leader.exporter._accounts) == ["acme", "new"]
        assert leader.told("part_broke") == []


async def test_a_reload_that_is_under_way_begins_nothing_when_the_lease_is_lost(
    cluster: Cluster, closed: list[float]
) -> None:
    async with vendor() as (url, _):
        leader = await cluster.start(in_cluster(account("acme", url)))
        await cluster.leader()
        reload = await reloading(leader, in_cluster(account("acme", url, interval=21.0)))
        await leader.exporter._lead(False)
        assert await reload == ()
        assert len(closed) == 1
        assert leader.exporter._accounts == {}
        assert leader.exporter.store.world.accounts == {}
