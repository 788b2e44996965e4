"""Where a vendor's services live: what is asked, how often, and whom the answer is believed."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from fake_vendor import Asked, Last, Log, answer, client, failed, nothing, secret, vendor
from msgspec.structs import replace

from exporter.errors import NotAllowed, PollFailed, Reason, Transient, Unreadable
from exporter.transport.directory import KEPT_FOR, NOT_SOONER, Directory
from exporter.wire.auth import TokenGrant
from exporter.wire.http import LookUp, Reply, Request
from exporter.wire.verdict import by_status

SOON = 30.0
ASKED = "https://api.vendor.test/where"


def told(reply: Reply) -> str:
    """Read the origin from an answer, as a vendor's module does."""
    if verdict := by_status(reply):
        raise verdict
    return str(json.loads(reply.body)["origin"])


def look_up(url: str = ASKED, about: str = "") -> LookUp:
    return LookUp(Request("where", url, about=about), (".vendor.test",), told)


class Office:
    """Answers look-ups, each by the next of its answers; the last one stays."""

    def __init__(self, *answers: str | PollFailed) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, request: Request) -> Reply:
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await asyncio.sleep(0)
        if isinstance(found, PollFailed):
            raise found
        return Reply(request, 200, json.dumps({"origin": found}).encode(), 0.0)


def fault() -> Transient:
    return Transient(Reason.CONNECT, "nobody is there")


@pytest.mark.looptime
async def test_a_service_is_asked_for_once_and_again_after_hours() -> None:
    office = Office("https://one.vendor.test", "https://two.vendor.test")
    directory = Directory(office)
    found = await asyncio.gather(*(directory.origin(look_up()) for _ in range(20)))
    assert (set(found), office.asked) == ({"https://one.vendor.test"}, 1)
    await asyncio.sleep(KEPT_FOR - 1)
    assert (await directory.origin(look_up()), office.asked) == ("https://one.vendor.test", 1)
    await asyncio.sleep(2)
    assert (await directory.origin(look_up()), office.asked) == ("https://two.vendor.test", 2)


@pytest.mark.looptime
async def test_each_service_is_looked_up_by_itself() -> None:
    directory = Directory(Office("https://one.vendor.test", "https://two.vendor.test"))
    assert await directory.origin(look_up(about="reports")) == "https://one.vendor.test"
    assert await directory.origin(look_up(about="tokens")) == "https://two.vendor.test"
    assert await directory.origin(look_up(about="reports")) == "https://one.vendor.test"


@pytest.mark.looptime
async def test_a_doubted_service_is_looked_up_again_but_not_more_than_once_a_minute() -> None:
    office = Office("https://one.vendor.test", "https://two.vendor.test")
    directory = Directory(office)
    await directory.origin(look_up())
    directory.doubt(look_up())
    assert (await directory.origin(look_up()), office.asked) == ("https://one.vendor.test", 1)
    await asyncio.sleep(NOT_SOONER)
    directory.doubt(look_up())
    assert (await directory.origin(look_up()), office.asked) == ("https://two.vendor.test", 2)


@pytest.mark.looptime
async def test_while_look_ups_fail_the_last_known_place_serves_and_they_are_rare() -> None:
    office = Office("https://one.vendor.test", fault())
    directory = Directory(office)
    await directory.origin(look_up())
    await asyncio.sleep(KEPT_FOR)
    for _ in range(30):  # a call every ten seconds, each of which fails
        assert await directory.origin(look_up()) == "https://one.vendor.test"
        directory.doubt(look_up())
        await asyncio.sleep(10)
    assert office.asked == 1 + 5


@pytest.mark.looptime
async def test_a_place_that_is_none_leaves_the_last_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.transport.directory.NOT_SOONER", 0.0)
    directory = Directory(Office("https://one.vendor.test", "https://[one.vendor.test"))
    assert await directory.origin(look_up()) == "https://one.vendor.test"
    directory.doubt(look_up())
    assert await directory.origin(look_up()) == "https://one.vendor.test"


async def test_a_service_that_was_never_found_fails_the_call_and_is_asked_for_anew() -> None:
    directory = Directory(Office(fault(), "https://one.vendor.test"))
    assert isinstance(await failed(directory.origin(look_up())), Transient)
    directory.doubt(look_up())
    assert await directory.origin(look_up()) == "https://one.vendor.test"


@pytest.mark.parametrize(
    "origin",
    [
        "https://vendor.test.evil.example",
        "https://evilvendor.test",
        "https://vendor.test",
        "http://one.vendor.test",
        "ftp://one.vendor.test",
        "https://one.vendor.test/path",
        "https://one.vendor.test?x=1",
        "https://user@one.vendor.test",
        "https://evil.example#.vendor.test",
        "https://evil.example\\.vendor.test",
        "https://one.vendor.test:port",
        "https://one.vendor.test:65536",
        "https://[one.vendor.test",
        "https://one.vendor\u2100.test",
        "https://..vendor.test",
        f"https://{'a' * 64}.vendor.test",
        "https://169.254.169.254",
        "//one.vendor.test",
        "",
    ],
)
async def test_a_place_that_is_not_the_vendors_is_never_asked(origin: str) -> None:
    failure = await failed(Directory(Office(origin)).origin(look_up()))
    assert isinstance(failure, Unreadable)
    assert failure.reason is Reason.ORIGIN
    assert "evil" not in failure.detail


@pytest.mark.parametrize(
    "origin", ["https://one.vendor.test", "https://a.b.vendor.test:8443", "https://api.vendor.test"]
)
async def test_the_vendors_own_hosts_are_believed(origin: str) -> None:
    assert await Directory(Office(origin)).origin(look_up()) == origin


def site_and_office(serve: Callable[[Asked], bytes | Last]) -> Callable[[Asked], bytes | Last]:
    """Answer look-ups by the address that was asked, and everything else by `serve`."""

    def answered(asked: Asked) -> bytes | Last:
        if asked.target.startswith("/where"):
            return answer({"origin": f"http://{asked.headers['host']}"})
        return serve(asked)

    return answered


def at(url: str, *paths: str) -> tuple[Request, ...]:
    return tuple(Request("agents", path, (("v", "2"),), found_by=look_up(f"{url}/where")) for path in paths)


async def test_a_call_goes_to_the_place_that_was_found_and_the_question_carries_no_credentials() -> None:
    log = Log()
    async with vendor(site_and_office(lambda _: answer())) as site, client(log) as opened:
        replies = await opened.collect(at(site.url, "/a", "/b"), nothing, SOON)
        await opened.collect(at(site.url, "/c"), nothing, SOON)
    assert [call.target for call in site.asked] == ["/where", "/a?v=2", "/b?v=2", "/c?v=2"]
    assert ["authorization" in call.headers for call in site.asked] == [False, True, True, True]
    assert [reply.request for reply in replies] == list(at(site.url, "/a", "/b"))
    assert [call.endpoint for call in log.calls] == ["where", "agents", "agents", "agents"]


async def test_a_page_at_a_found_place_may_lead_to_the_next_one_there_and_nowhere_else() -> None:
    def next_page(reply: Reply, _: tuple[Reply, ...]) -> tuple[Request, ...]:
        return at(site.url, "/b") if reply.request.url == "/a" else ()

    async with vendor(site_and_office(lambda _: answer())) as site, client() as opened:
        replies = await opened.collect(at(site.url, "/a"), next_page, SOON)
        away = await failed(
            opened.collect(at(site.url, "/a"), lambda *_: (Request("agents", f"{site.url}/x"),), SOON)
        )
    assert len(replies) == 2
    assert away.reason is Reason.ORIGIN


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_an_answer_that_may_mean_a_moved_account_has_the_place_looked_up_again(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.transport.directory.NOT_SOONER", 0.0)
    asked: list[Any] = []

    def serve(_: Asked) -> bytes:
        asked.append(None)
        return answer(status=status if len(asked) == 1 else 200)

    async with vendor(site_and_office(serve)) as site, client() as opened:
        requests = tuple(replace(request, safe=False) for request in at(site.url, "/a"))  # not tried twice
        await failed(opened.collect(requests, nothing, SOON))
        with pytest.MonkeyPatch.context() as later:
            later.setattr("exporter.transport.limit.Hold.check", lambda *_: None)  # as if five minutes had passed
            await opened.collect(requests, nothing, SOON)
    assert [call.target for call in site.asked] == ["/where", "/a?v=2", "/where", "/a?v=2"]


async def test_an_unknown_account_fails_the_poll_in_the_words_of_the_look_up() -> None:
    def lost(reply: Reply) -> str:
        raise NotAllowed(Reason.NOT_FOUND, f"HTTP {reply.status}: no such account")

    async with vendor(lambda _: answer(status=400)) as site, client() as opened:
        service = LookUp(Request("where", f"{site.url}/where"), (), lost)
        failure = await failed(opened.collect((Request("agents", "/a", found_by=service),), nothing, SOON))
    assert (type(failure), failure.detail) == (NotAllowed, "HTTP 400: no such account")


async def test_the_token_endpoint_is_found_in_the_same_way() -> None:
    def serve(asked: Asked) -> bytes:
        if asked.target == "/token":
            return answer({"access_token": "t0ken", "token_type": "Bearer"})
        return answer(status=200 if asked.headers["authorization"] == "Bearer t0ken" else 401)

    async with vendor(site_and_office(serve)) as site:
        scheme = TokenGrant("/token", "exporter", secret("s"), found_by=look_up(f"{site.url}/where", "tokens"))
        async with client(scheme=scheme) as opened:
            await opened.collect(at(site.url, "/a"), nothing, SOON)
    assert [call.target for call in site.asked] == ["/where", "/token", "/where", "/a?v=2"]


async def test_a_token_host_that_is_gone_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.transport.directory.NOT_SOONER", 0.0)
    asked: list[Any] = []

    def serve(_: Asked) -> bytes | Last:
        asked.append(None)
        return Last(reset=True) if len(asked) == 1 else answer({"access_token": "t0ken"})

    async with vendor(site_and_office(serve)) as site:
        scheme = TokenGrant("/token", "exporter", secret("s"), found_by=look_up(f"{site.url}/where"))
        async with client(scheme=scheme) as opened:
            failure = await failed(opened.collect((Request("agents", f"{site.url}/a"),), nothing, SOON))
            monkeypatch.setattr("exporter.transport.limit.Hold.check", lambda *_: None)
            await opened.collect((Request("agents", f"{site.url}/a"),), nothing, SOON)
    assert failure.reason is Reason.RESET
    assert [call.target for call in site.asked] == ["/where", "/token", "/where", "/token", "/a"]
