import asyncio
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import msgspec
import pytest

from exporter.plan import read
from exporter.simulator import truth, zendesk_talk
from exporter.simulator.demo import demo_config, demo_floor, demo_plan
from exporter.simulator.exchange import Answer, Asked
from exporter.simulator.floor import Floor
from exporter.simulator.history import Window
from exporter.simulator.server import pace, serve
from exporter.simulator.stages import STAGES
from exporter.vendors import VENDORS
from exporter.vendors.zendesk_talk.options import ZendeskOptions

BERLIN = ZoneInfo("Europe/Berlin")
STATS = "/api/v2/channels/voice/stats/"


class Echo:
    """A dialect that tells what it was asked."""

    def expire_tokens(self) -> None:
        """Have none."""

    def answer(self, asked: Asked) -> Answer:
        return Answer(200, msgspec.json.encode(asked), {"Content-Type": "application/json", "X-Name": "é"})


async def test_a_dialect_is_asked_what_the_client_sent() -> None:
    async with serve({"echo": Echo()}, clock=lambda: 12.5) as urls, aiohttp.ClientSession(urls["echo"]) as session:
        headers = {"Authorization": "Bearer x"}
        async with session.post("/a/b.json?ids=1%2C2&ids=3", data=b"body", headers=headers) as reply:
            asked = msgspec.convert(await reply.json(), Asked)
    assert (asked.method, asked.path, asked.at, asked.body) == ("POST", "/a/b.json", 12.5, b"body")
    assert asked.query == (("ids", "1,2"), ("ids", "3"))
    assert asked.headers["authorization"] == "Bearer x"
    assert asked.origin == urls["echo"]
    assert asked.endpoint == "b"


async def test_each_account_has_a_port_of_its_own_and_may_choose_it() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with serve({"one": Echo(), "two": Echo()}, ports={"two": port}) as urls:
        assert urls["two"] == f"http://127.0.0.1:{port}"
        assert urls["one"] != urls["two"]
        async with aiohttp.ClientSession() as session, session.get(urls["two"]) as reply:
            assert reply.status == 200
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_taken_port_is_an_os_error() -> None:
    async with serve({"one": Echo()}) as urls:
        port = int(urls["one"].rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            async with serve({"two": Echo()}, ports={"two": port}):
                pass


async def test_large_answers_are_compressed_for_who_asks() -> None:
    now = datetime(2026, 3, 9, 0, 30, tzinfo=BERLIN)
    async with (
        serve({"demo": zendesk_talk.opened(demo_floor(now, BERLIN))}) as urls,
        aiohttp.ClientSession(urls["demo"]) as session,
    ):
        keys = zendesk_talk.ZendeskAccount().keys
        grant = {
            "grant_type": "client_credentials",
            "client_id": keys.client_id,
            "client_secret": keys.client_secret,
        }
        async with session.post("/oauth/tokens", json=grant) as reply:
            headers = {"Authorization": f"Bearer {(await reply.json())['access_token']}"}
        async with session.get(STATS + "agents_activity", headers=headers) as reply:
            assert reply.headers["Content-Encoding"] in {"gzip", "deflate"}
            rows = (await reply.json())["agents_activity"]
        plain = {**headers, "Accept-Encoding": "identity"}
        async with session.get(STATS + "agents_activity", headers=plain) as reply:
            assert "Content-Encoding" not in reply.headers
            assert (await reply.json())["agents_activity"] == rows
    assert len(rows) == 40


@pytest.mark.looptime
async def test_the_pace_drives_the_floor_with_the_loops_clock() -> None:
    start = datetime(2026, 3, 9, 9, tzinfo=UTC)
    floor = Floor(demo_plan(BERLIN), start)
    driver = asyncio.create_task(pace(floor, speed=60))
    await asyncio.sleep(10.25)
    driver.cancel()
    assert floor.now == pytest.approx(start.timestamp() + 600, abs=1)
    assert truth.calls_day(floor).inbound > 0


def test_the_demo_is_lively_at_every_hour() -> None:
    midnight = datetime(2026, 3, 9, tzinfo=BERLIN)
    floor = Floor(demo_plan(BERLIN), midnight - timedelta(hours=2))
    for hour in range(24):
        floor.advance(midnight + timedelta(hours=hour, minutes=40))
        hour_ago = Window(floor.now - 3600, floor.now)
        assert truth.queue_now(floor).logged_in >= 10
        whole = truth.calls_day(floor, window=hour_ago)
        assert whole.inbound > 60
        assert whole.most_waiting >= 2
        for line in floor.lines.values():
            assert truth.calls_day(floor, line.plan.phone_numbers, hour_ago).inbound > 2


def test_the_demo_is_rich_from_the_first_moment() -> None:
    floor = demo_floor(datetime(2026, 3, 9, 12, tzinfo=UTC), ZoneInfo("America/New_York"))
    assert datetime.fromtimestamp(floor.today, UTC) == datetime(2026, 3, 9, 4, tzinfo=UTC)
    assert floor.now == datetime(2026, 3, 9, 12, tzinfo=UTC).timestamp()
    assert truth.calls_day(floor).inbound > 500
    names = [agent.name for agent in floor.plan.agents]
    assert len(names) == 40
    assert names.count("Ann Smith") == 2
    assert any('"' in name for name in names)
    assert any("\n" in name for name in names)


def test_the_demo_writes_the_config_that_reads_it(tmp_path: Path) -> None:
    floor = demo_floor(datetime(2026, 3, 9, 1, tzinfo=UTC), BERLIN)
    urls = {vendor: f"http://127.0.0.1:{10778 + number}" for number, vendor in enumerate(STAGES)}
    (tmp_path / "config.yaml").write_text(demo_config(floor, urls))
    accounts = read(tmp_path / "config.yaml", {}).accounts
    assert [account.vendor for account in accounts] == list(STAGES) == list(VENDORS)
    assert {account.time_zone for account in accounts} == {BERLIN}
    zendesk = accounts[0].options
    assert isinstance(zendesk, ZendeskOptions)
    numbers = {queue.name: queue.phone_number_ids for queue in zendesk.queues}
    assert numbers == {line.plan.name: line.plan.phone_numbers for line in floor.lines.values()}
    groups = {id_ for group in zendesk.groups for id_ in group.group_ids}
    assert groups == {id_ for agent in floor.plan.agents for id_ in agent.groups}
