import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from exporter.simulator.demo import demo_plan
from exporter.simulator.exchange import Asked
from exporter.simulator.faults import (
    CutOff,
    Drift,
    Duplicate,
    Empty,
    ExpiredToken,
    Fault,
    Faulty,
    Garbage,
    Html,
    NextPage,
    Reset,
    Slow,
    Status,
    read_faults,
)
from exporter.simulator.floor import Floor
from exporter.simulator.server import serve
from exporter.simulator.zendesk_oauth import ZendeskKeys
from exporter.simulator.zendesk_talk import ZendeskAccount, ZendeskTalk

BERLIN = ZoneInfo("Europe/Berlin")
NINE = datetime(2026, 3, 9, 9, tzinfo=BERLIN)
STATS = "/api/v2/channels/voice/stats/"
ACTIVITY = STATS + "agents_activity.json"


@pytest.fixture(scope="module")
def floor() -> Floor:
    floor = Floor(demo_plan(BERLIN), NINE)
    floor.advance(NINE + timedelta(minutes=40))
    return floor


def faulty(floor: Floor, *faults: Fault) -> Faulty:
    account = ZendeskAccount(keys=ZendeskKeys(access_token="by-hand"), page_size=15)
    return Faulty(ZendeskTalk(floor, account), faults, floor)


@asynccontextmanager
async def visitor(dialect: Faulty) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": "Bearer by-hand"}
    async with (
        serve({"acme": dialect}) as urls,
        aiohttp.ClientSession(urls["acme"], headers=headers) as session,
    ):
        yield session


async def statuses(floor: Floor, fault: Fault, requests: int = 5, path: str = ACTIVITY) -> list[int]:
    async with visitor(faulty(floor, fault)) as session:
        found = []
        for _ in range(requests):
            async with session.get(path) as reply:
                found.append(reply.status)
        return found


async def document(floor: Floor, *faults: Fault) -> Any:
    dialect = faulty(floor, *faults)
    async with visitor(dialect) as session, session.get(ACTIVITY) as reply:
        assert reply.status == 200
        body = await reply.read()
    assert dialect.struck == [1] * len(faults)
    return json.loads(body)


async def test_a_status_comes_with_its_retry_after_and_keeps_the_limits_headers(floor: Floor) -> None:
    fault = Status(status=429, retry_after="93", body="slow down", content_type="text/plain")
    async with visitor(faulty(floor, fault)) as session, session.get(ACTIVITY) as reply:
        assert (reply.status, reply.headers["Retry-After"], reply.content_type) == (429, "93", "text/plain")
        assert reply.headers["X-Rate-Limit"] == "400"
        assert await reply.text() == "slow down"


async def test_a_fault_strikes_the_requests_that_it_names(floor: Floor) -> None:
    assert await statuses(floor, Status(status=500, after=2, times=2)) == [200, 200, 500, 500, 200]
    assert await statuses(floor, Status(status=503, after=1)) == [200, 503, 503, 503, 503]
    assert await statuses(floor, Status(status=500, endpoint="agents_*"), 1) == [500]
    assert await statuses(floor, Status(status=500, endpoint="agents_overview"), 1) == [200]
    assert await statuses(floor, Status(status=500, endpoint="tokens"), 1) == [200]


async def test_a_fault_strikes_between_its_floor_times(floor: Floor) -> None:
    now = NINE + timedelta(minutes=40)
    assert await statuses(floor, Status(status=500, since=now), 1) == [500]
    assert await statuses(floor, Status(status=500, since=now + timedelta(seconds=1)), 1) == [200]
    assert await statuses(floor, Status(status=500, until=now), 1) == [200]
    assert await statuses(floor, Status(status=500, until=now + timedelta(seconds=1)), 1) == [500]


async def test_html_and_nothing_come_with_status_200(floor: Floor) -> None:
    async with visitor(faulty(floor, Html(times=1), Empty(after=1))) as session:
        async with session.get(ACTIVITY) as reply:
            assert (reply.status, reply.content_type) == (200, "text/html")
            assert (await reply.read()).startswith(b"<html>")
        async with session.get(ACTIVITY) as reply:
            assert (reply.status, await reply.read()) == (200, b"")


async def test_a_body_is_cut_off_although_its_length_was_announced(floor: Floor) -> None:
    async with visitor(faulty(floor, CutOff(share=0.5, times=1))) as session:
        async with session.get(ACTIVITY) as reply:
            assert reply.status == 200
            assert reply.content_length is not None
            await reply.content.readexactly(reply.content_length // 2)
            with pytest.raises(aiohttp.ClientPayloadError):
                await reply.content.read()
        async with session.get(ACTIVITY) as whole:
            assert "agents_activity" in await whole.json()


async def test_a_connection_is_reset_before_any_answer(floor: Floor) -> None:
    dialect = faulty(floor, Reset(times=2))  # an idempotent request may be tried again by the client itself
    async with visitor(dialect) as session:
        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
            await session.get(ACTIVITY)
    assert dialect.struck[0] >= 1


async def test_a_slow_answer_is_not_there_yet(floor: Floor) -> None:
    dialect = faulty(floor, Slow(seconds=3600, endpoint="agents_activity"))
    async with visitor(dialect) as session:
        waiting = asyncio.create_task(session.get(ACTIVITY))
        async with session.get(STATS + "agents_overview") as other:
            assert other.status == 200
        while not dialect.struck[0]:  # noqa: ASYNC110 - a fault is no event to wait for
            await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_expired_tokens_are_refused_by_the_vendor_itself(floor: Floor) -> None:
    dialect = faulty(floor, ExpiredToken(endpoint="agents_activity", times=1))
    grant = {"grant_type": "client_credentials", "client_id": "exporter", "client_secret": "client-secret"}
    found = []
    async with visitor(dialect) as session:
        for _ in range(2):
            async with session.post("/oauth/tokens", json=grant) as reply:
                bearer = f"Bearer {(await reply.json())['access_token']}"
            async with session.get(ACTIVITY, headers={"Authorization": bearer}) as reply:
                found.append((reply.status, (await reply.json()).get("error")))
    assert found == [(401, "invalid_token"), (200, None)]
    assert dialect.struck == [1]


async def test_fields_drift(floor: Floor) -> None:
    fault = Drift(
        rename={"agents_activity[].online_time": "online_seconds", "no.such": "place"},
        remove=("count", "agents_activity[].nothing"),
        put={"agents_activity[].agent_state": "coaching", "ai_agent_calls": 3},
    )
    drifted = await document(floor, fault)
    assert "count" not in drifted
    assert drifted["ai_agent_calls"] == 3
    assert {row["agent_state"] for row in drifted["agents_activity"]} == {"coaching"}
    assert all("online_seconds" in row and "online_time" not in row for row in drifted["agents_activity"])


@pytest.mark.parametrize("raw", ["NaN", "-Infinity", "1e999", '"\\ud800"', "1" * 5000, "[" * 1000])
async def test_garbage_stands_in_the_body_byte_for_byte(floor: Floor, raw: str) -> None:
    fault = Garbage(endpoint="agents_activity", path="agents_activity[].name", raw=raw)
    async with visitor(faulty(floor, fault)) as session, session.get(ACTIVITY) as reply:
        assert (await reply.text()).count(f'"name": {raw},') == 15


async def test_rows_come_twice(floor: Floor) -> None:
    rows = (await document(floor, Duplicate(path="agents_activity", rows=2)))["agents_activity"]
    assert len(rows) == 17
    assert rows[15:] == rows[:2]


async def test_the_next_page_leads_astray(floor: Floor) -> None:
    assert (await document(floor, NextPage()))["next_page"].endswith("/agents_activity.json?page=1")
    assert (await document(floor, NextPage(to="on")))["next_page"].endswith("/agents_activity.json?page=2")
    elsewhere = "https://elsewhere.example/agents_activity"
    assert (await document(floor, NextPage(to=elsewhere)))["next_page"] == elsewhere


async def test_faults_add_up(floor: Floor) -> None:
    both = await document(floor, Drift(remove=("count",)), Duplicate(path="agents_activity"))
    assert "count" not in both
    assert len(both["agents_activity"]) == 16


def test_what_is_refused_anyway_is_not_spoilt(floor: Floor) -> None:
    dialect = faulty(
        floor, Drift(remove=("count",)), Garbage(path="count", raw="NaN"), NextPage(), Duplicate(path="x")
    )
    answer = dialect.answer(Asked("GET", ACTIVITY, 0.0))
    assert answer.status == 401
    assert dialect.struck == [0, 0, 0, 0]


def test_faults_are_read_from_json() -> None:
    text = b"""[
      {"kind": "status", "status": 429, "retry_after": "30", "endpoint": "agents_*", "after": 2, "times": 3},
      {"kind": "html"},
      {"kind": "slow", "seconds": 2.5, "since": "2026-03-09T09:00:00+01:00"},
      {"kind": "garbage", "path": "agents_activity[].name", "raw": "NaN"},
      {"kind": "drift", "rename": {"count": "total"}, "put": {"count": null}}
    ]"""
    assert read_faults(text) == (
        Status(status=429, retry_after="30", endpoint="agents_*", after=2, times=3),
        Html(),
        Slow(seconds=2.5, since=NINE),
        Garbage(path="agents_activity[].name", raw="NaN"),
        Drift(rename={"count": "total"}, put={"count": None}),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'[{"kind": "meteor"}]', "meteor"),
        (b'[{"kind": "slow"}]', "seconds"),
        (b'[{"kind": "html", "tims": 2}]', "tims"),
        (b"{}", "array"),
        (b"[", "truncated"),
    ],
)
def test_a_wrong_list_of_faults_is_refused_with_what_is_wrong(text: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_faults(text)
