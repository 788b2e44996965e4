import asyncio
import gc
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from typing import Any

import pytest
from aioresponses import CallbackResult, aioresponses
from fake_vendor import Asked, Last, Log, answer, client, failed, nothing, until, vendor

from exporter.errors import NotAllowed, PollFailed, Reason, Refused, Throttled, Transient, Unreadable
from exporter.transport.rounds import PAGES
from exporter.wire.http import Budget, Reply, Request

URL = "http://127.0.0.1:1"  # of answers without a socket
SOON = 30.0  # a deadline that a sound poll never comes near


def get(url: str, *queries: str, **more: Any) -> tuple[Request, ...]:
    return tuple(Request("agents", f"{url}/x", query=(("q", text),), **more) for text in queries)


def led_by(reply: Reply, _: tuple[Reply, ...] = ()) -> tuple[Request, ...]:
    """Follow the plain list of URLs in `next`."""
    return tuple(Request("agents", url) for url in json.loads(reply.body).get("next", ()))


async def test_replies_come_in_the_order_of_requests_each_followed_by_what_it_led_to() -> None:
    tree = {"/a": ["/a1", "/a2"], "/a1": ["/a11"], "/b": ["/b1"]}

    async def slow_first(asked: Asked) -> bytes:
        for _ in range(50 if asked.target in {"/a", "/a1"} else 0):
            await asyncio.sleep(0)
        return answer({"path": asked.target, "next": [site.url + path for path in tree.get(asked.target, ())]})

    async with vendor(slow_first) as site, client() as opened:
        requests = tuple(Request("agents", site.url + path) for path in ("/a", "/b", "/c"))
        replies = await opened.collect(requests, led_by, SOON)
    assert [json.loads(reply.body)["path"] for reply in replies] == ["/a", "/a1", "/a11", "/a2", "/b", "/b1", "/c"]


async def test_no_more_calls_are_under_way_than_the_vendor_allows() -> None:
    under_way: list[int] = [0]

    async def count(_: Asked) -> bytes:
        under_way.append(under_way[-1] + 1)
        for _turn in range(20):
            await asyncio.sleep(0)
        under_way.append(under_way[-1] - 1)
        return answer()

    async with vendor(count) as site, client(concurrency=2) as opened:
        await opened.collect(get(site.url, *"abcdefgh"), nothing, SOON)
    assert max(under_way) == 2


async def test_the_failure_of_one_page_fails_the_poll_whole() -> None:
    def third_breaks(asked: Asked) -> bytes:
        number = int(asked.target[1:])
        return answer({"next": [f"{site.url}/{number + 1}"]}, 404 if number == 3 else 200)

    async with vendor(third_breaks) as site, client() as opened:
        failure = await failed(opened.collect((Request("agents", f"{site.url}/1"),), led_by, SOON))
    assert isinstance(failure, NotAllowed)
    assert len(site.asked) == 3


async def test_a_page_that_points_to_itself_fails_the_poll() -> None:
    async with vendor(lambda _: answer({"next": [f"{site.url}/1"]})) as site, client() as opened:
        failure = await failed(opened.collect((Request("agents", f"{site.url}/1"),), led_by, SOON))
    assert (failure.reason, len(site.asked)) == (Reason.PAGING, 1)


async def test_pages_that_lead_in_a_circle_fail_the_poll() -> None:
    following = {"/1": "/2", "/2": "/3", "/3": "/2"}

    def lead_on(asked: Asked) -> bytes:
        return answer({"next": [site.url + following[asked.target]]})

    async with vendor(lead_on) as site, client() as opened:
        failure = await failed(opened.collect((Request("agents", f"{site.url}/1"),), led_by, SOON))
    assert (failure.reason, len(site.asked)) == (Reason.PAGING, 3)


async def test_pages_without_end_fail_the_poll_at_the_cap() -> None:
    def endless(asked: Asked) -> bytes:
        return answer({"next": [f"{site.url}/{int(asked.target[1:]) + 1}"]})

    async with vendor(endless) as site, client() as opened:
        failure = await failed(opened.collect((Request("agents", f"{site.url}/1"),), led_by, SOON))
    assert (failure.reason, len(site.asked)) == (Reason.PAGING, PAGES + 1)


async def test_two_first_requests_may_be_alike() -> None:
    async with vendor(lambda _: answer()) as site, client() as opened:
        assert len(await opened.collect(get(site.url, "a", "a"), nothing, SOON)) == 2


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://127.0.0.1:{other}/x",
        "http://localhost:{port}/x",
        "https://127.0.0.1:{port}/x",
        "http://user:word@127.0.0.1:{port}/x",
        "http://127.0.0.1:{port}@169.254.169.254/x",
        "http://127.0.0.1:{port}\\@localhost:{other}/x",
        "file:///etc/passwd",
        "//127.0.0.1:{other}/x",
        "/x",
        "http://127.0.0.1:{port}/x HTTP/1.1\r\nX-Smuggled: 1",
        "",
    ],
)
async def test_a_page_elsewhere_is_not_asked(elsewhere: str) -> None:
    def lead_away(_: Asked) -> bytes:
        return answer({"next": [elsewhere.format(port=site.port, other=other.port)]})

    async with vendor(lambda _: answer()) as other, vendor(lead_away) as site, client() as opened:
        failure = await failed(opened.collect((Request("agents", f"{site.url}/1"),), led_by, SOON))
    assert (failure.reason, len(site.asked), other.connections) == (Reason.ORIGIN, 1, 0)


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (answer(b"<!doctype html>", content_type="text/html"), Unreadable, Reason.CONTENT_TYPE),
        (answer(b"\xef\xbb\xbf \n<html>"), Unreadable, Reason.CONTENT_TYPE),
        (answer(b"Please log in", content_type="Text/HTML; charset=utf-8"), Unreadable, Reason.CONTENT_TYPE),
        (answer(b"", 204), Unreadable, Reason.EMPTY_BODY),
        (answer(b"", 302, location="/x"), Unreadable, Reason.REDIRECT),
        (answer({}, 400), Unreadable, Reason.HTTP_4XX),
        (answer({}, 401), Refused, Reason.CREDENTIALS),
        (answer({}, 403), NotAllowed, Reason.FORBIDDEN),
        (answer(b"<html>", 404, content_type="text/html"), NotAllowed, Reason.NOT_FOUND),
        (answer(b"slow down", 429, content_type="text/plain"), Throttled, Reason.THROTTLED),
        (answer({}, 418), Unreadable, Reason.HTTP_4XX),
        (answer({}, 202), Unreadable, Reason.VENDOR),
        (answer(b"<html>", 500, content_type="text/html"), Transient, Reason.HTTP_5XX),
        (answer(b"<html>", 503, retry_after="3"), Throttled, Reason.THROTTLED),
        (Last(), Transient, Reason.RESET),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
async def test_a_reply_that_is_no_answer_is_sorted_by_status_before_its_body(
    reply: bytes | Last, kind: type[PollFailed], reason: Reason
) -> None:
    log = Log()
    async with vendor(lambda _: reply) as site, client(log) as opened:
        failure = await failed(opened.collect(get(site.url, "a", safe=False), nothing, SOON))
    assert (type(failure), failure.reason) == (kind, reason)
    assert len(log.calls) == 1


@pytest.mark.parametrize("body", [b'{"a": 1}', b"\n[1]", b""])
async def test_data_under_a_wrong_content_type_is_left_to_the_vendor(body: bytes) -> None:
    async with vendor(lambda _: answer(body, content_type="text/html")) as site, client() as opened:
        (reply,) = await opened.collect(get(site.url, "a"), nothing, SOON)
    assert reply.body == body


async def test_the_vendors_own_verdict_comes_before_that_of_the_status() -> None:
    def judge(reply: Reply) -> PollFailed | None:
        return NotAllowed(Reason.FORBIDDEN, "no such scope") if b"scope" in reply.body else None

    replies = {"/x?q=a": answer({"error": "scope"}), "/x?q=b": answer({"error": "scope"}, 401)}
    async with vendor(lambda asked: replies[asked.target]) as site, client(judge=judge) as opened:
        for query in "ab":
            failure = await failed(opened.collect(get(site.url, query), nothing, SOON))
            assert isinstance(failure, NotAllowed)


async def test_each_exchange_is_told_with_its_code_and_time() -> None:
    replies: Iterator[bytes | Last] = iter([answer(), answer({}, 404), Last()])
    log = Log()
    async with vendor(lambda _: next(replies)) as site, client(log) as opened:
        await opened.collect(get(site.url, "a"), nothing, SOON)
        await failed(opened.collect(get(site.url, "b"), nothing, SOON))
        await failed(opened.collect(get(site.url, "c", safe=False), nothing, SOON))
    assert log.codes == ["200", "404", "reset"]
    assert {call.endpoint for call in log.calls} == {"agents"}
    assert all(0 < call.seconds < SOON for call in log.calls)


async def test_what_is_left_of_the_vendors_budget_is_told() -> None:
    log = Log()
    told = Budget(limit=700, remaining=699)
    async with vendor(lambda _: answer()) as site, client(log, budget=lambda _: told) as opened:
        await opened.collect(get(site.url, "a"), nothing, SOON)
    assert log.budgets == [told]


async def test_a_mute_vendor_costs_a_poll_its_deadline_and_leaves_nothing_behind() -> None:
    async def mute(_: Asked) -> bytes:
        await asyncio.Event().wait()
        return b""

    log = Log()
    async with vendor(mute) as site, client(log) as opened:
        failure = await failed(opened.collect(get(site.url, *"abcd"), nothing, 0.05))
        assert isinstance(failure, Transient)
        assert failure.reason is Reason.TIMEOUT
        assert [task for task in asyncio.all_tasks() if "Client" in repr(task.get_coro())] == []
    assert log.codes == ["cancelled"] * 4


async def test_chunks_that_turn_to_garbage_end_at_the_deadline() -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.write(b"zz\r\n{}\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(garbage, "127.0.0.1", 0) as server, client() as opened:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert (await failed(opened.collect(get(url, "a"), nothing, 0.1))).reason is Reason.TIMEOUT


async def test_a_poll_that_is_cancelled_from_outside_stays_cancelled() -> None:
    async def mute(_: Asked) -> bytes:
        asked.set()
        await asyncio.Event().wait()
        return b""

    asked = asyncio.Event()
    async with vendor(mute) as site, client() as opened:
        poll = asyncio.create_task(opened.collect(get(site.url, "a"), nothing, SOON))
        await asked.wait()
        poll.cancel()
        with pytest.raises(asyncio.CancelledError):
            await poll


async def test_a_fault_of_a_vendor_module_is_not_hidden() -> None:
    def broken(*_: object) -> tuple[Request, ...]:
        raise KeyError("rows")

    async with vendor(lambda _: answer()) as site, client() as opened:
        with pytest.raises(KeyError):
            await opened.collect(get(site.url, "a"), broken, SOON)


# From here on time is virtual, and so there are no sockets.


def scripted(canned: aioresponses, *statuses: int | tuple[int, dict[str, str]]) -> list[float]:
    """Answer one call after the other with these statuses, the last for ever; return when they came."""
    times: list[float] = []

    def reply(_url: object, **_: object) -> CallbackResult:
        status = statuses[min(len(times), len(statuses) - 1)]
        times.append(asyncio.get_running_loop().time())
        number, headers = status if isinstance(status, tuple) else (status, {})
        return CallbackResult(status=number, headers=headers, body=b"{}")

    canned.get(f"{URL}/x?q=a", callback=reply, repeat=True)
    return times


@pytest.mark.looptime
async def test_a_fault_that_passes_is_asked_again_after_a_random_pause(canned: aioresponses) -> None:
    times = scripted(canned, 500, 502, 200)
    async with client() as opened:
        assert len(await opened.collect(get(URL, "a"), nothing, SOON)) == 1
    first, second, third = times
    assert 0 < second - first <= 1
    assert 0 < third - second <= 2


@pytest.mark.looptime
async def test_a_fault_that_lasts_is_asked_three_times_and_no_more(canned: aioresponses) -> None:
    times = scripted(canned, 500)
    async with client() as opened:
        failure = await failed(opened.collect(get(URL, "a"), nothing, SOON))
    assert (failure.reason, len(times)) == (Reason.HTTP_5XX, 3)


@pytest.mark.looptime
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429])
async def test_what_would_not_get_better_is_asked_once(canned: aioresponses, status: int) -> None:
    times = scripted(canned, status)
    async with client() as opened:
        await failed(opened.collect(get(URL, "a"), nothing, SOON))
    assert len(times) == 1


@pytest.mark.looptime
async def test_a_request_that_may_not_be_repeated_is_not(canned: aioresponses) -> None:
    times = scripted(canned, 500)
    async with client() as opened:
        await failed(opened.collect(get(URL, "a", safe=False), nothing, SOON))
    assert len(times) == 1


@pytest.mark.looptime
async def test_a_vendor_that_is_down_for_long_gets_a_fifth_more_calls_at_most(canned: aioresponses) -> None:
    times = scripted(canned, 500)
    async with client() as opened:
        for _ in range(100):
            await failed(opened.collect(get(URL, "a"), nothing, SOON))
            await asyncio.sleep(30)
    assert 118 <= len(times) <= 122


@pytest.mark.looptime
async def test_second_tries_end_at_the_deadline(canned: aioresponses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    times = scripted(canned, 500)
    async with client() as opened:
        failure = await failed(opened.collect(get(URL, "a"), nothing, 2.5))
    assert failure.reason is Reason.TIMEOUT
    assert times == pytest.approx([0, 1])


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("status", "told", "silent"),
    [
        (503, "5", 5),
        (503, "garbage", 10),
        (429, "5", 5),
        (429, "0", 1),
        (429, "-5", 10),
        (429, "1000000000", 900),
        (429, "garbage", 10),
        (429, "1.5", 10),
        (429, None, 10),
        (429, formatdate(1_000_000_042, usegmt=True), 42),
        (429, formatdate(999_999_000, usegmt=True), 1),
    ],
)
async def test_the_account_is_silent_for_as_long_as_the_vendor_asks(
    canned: aioresponses, status: int, told: str | None, silent: float
) -> None:
    headers = {"Date": formatdate(1_000_000_000, usegmt=True)} | (
        {"Retry-After": told} if told is not None else {}
    )
    times = scripted(canned, (status, headers), 200)
    async with client() as opened:
        for left in (silent, silent / 2):
            failure = await failed(opened.collect(get(URL, "a"), nothing, SOON))
            assert isinstance(failure, Throttled)
            assert failure.retry_after == pytest.approx(left)
            await asyncio.sleep(silent / 2)
        await opened.collect(get(URL, "a"), nothing, SOON)
    assert times == pytest.approx([0, silent])


@pytest.mark.looptime
async def test_a_vendor_that_only_says_no_is_asked_ever_more_rarely(canned: aioresponses) -> None:
    times = scripted(canned, 429, 429, 429, 200, 429, 200)
    async with client() as opened:
        for _ in range(120):
            with suppress(Throttled):
                await opened.collect(get(URL, "a"), nothing, SOON)
            await asyncio.sleep(1)
    assert times[:5] == pytest.approx([0, 10, 30, 70, 71])
    assert times[5] == pytest.approx(81)  # after a good answer it begins anew


@pytest.mark.looptime
async def test_a_silence_stops_the_other_requests_of_the_poll_too(canned: aioresponses) -> None:
    times = scripted(canned, (429, {"Retry-After": "60"}))
    async with client(concurrency=1) as opened:
        await failed(opened.collect(get(URL, *"aaaaa"), nothing, SOON))
    assert len(times) == 1


@pytest.mark.looptime
async def test_a_silence_stops_the_polls_that_were_about_to_ask(canned: aioresponses) -> None:
    times = scripted(canned, (429, {"Retry-After": "60"}))
    async with client(concurrency=1) as opened:
        polls = [failed(opened.collect(get(URL, "a"), nothing, SOON)) for _ in range(5)]
        assert {type(failure) for failure in await asyncio.gather(*polls)} == {Throttled}
    assert len(times) == 1


@pytest.mark.looptime
async def test_calls_keep_to_the_accounts_share_of_the_vendors_limit(canned: aioresponses) -> None:
    times = scripted(canned, 200)
    log = Log()
    async with client(log, calls_per_minute=40, share=0.5) as opened:
        await opened.collect(get(URL, *"a" * 8), nothing, SOON)
    assert times[:5] == [0.0] * 5
    assert times[5:] == pytest.approx([4, 8, 12], abs=1e-4)
    assert sum(log.waits) == pytest.approx(24, abs=1e-3)


@pytest.mark.looptime
async def test_a_poll_that_does_not_fit_its_share_says_so_before_its_deadline(canned: aioresponses) -> None:
    times = scripted(canned, 200)
    async with client(calls_per_minute=40, share=0.5, concurrency=1) as opened:
        failure = await failed(opened.collect(get(URL, *"a" * 12), nothing, 23))
    assert failure.reason is Reason.BUDGET
    assert "budget_share" in failure.detail
    assert len(times) == 10
    assert times[-1] == pytest.approx(20, abs=1e-3)


@pytest.mark.looptime
async def test_the_limit_that_the_vendor_tells_is_the_one_that_counts(canned: aioresponses) -> None:
    times = scripted(canned, 200)

    def budget(_: Reply) -> Budget:
        return Budget(limit=80)

    async with client(calls_per_minute=4000, share=0.5, budget=budget, concurrency=1) as opened:
        await opened.collect(get(URL, *"a" * 10), nothing, SOON)
    assert times == pytest.approx([2 * n for n in range(10)], abs=1e-3)


def seen(canned: aioresponses) -> dict[str, Any]:
    ((call,),) = canned.requests.values()
    kwargs: dict[str, Any] = call.kwargs
    return kwargs


async def test_the_secret_travels_with_the_request_and_not_with_the_session(canned: aioresponses) -> None:
    canned.get(f"{URL}/x?q=a", body=b"{}")
    async with client() as opened:
        await opened.collect(get(URL, "a", headers=(("X-Extra", "1"),)), nothing, SOON)
        assert "Authorization" not in opened._session.headers
    assert seen(canned)["headers"]["Authorization"] == "Bearer t0ken"
    assert seen(canned)["headers"]["X-Extra"] == "1"
    assert seen(canned)["allow_redirects"] is False


async def test_a_body_is_sent_under_its_content_type(canned: aioresponses) -> None:
    canned.post(f"{URL}/x?q=a", body=b"{}")
    async with client() as opened:
        request = get(URL, "a", method="POST", body=b'{"limit": 50}', content_type="application/json")
        await opened.collect(request, nothing, SOON)
    assert (seen(canned)["data"], seen(canned)["headers"]["Content-Type"]) == (
        b'{"limit": 50}',
        "application/json",
    )


@pytest.mark.parametrize("fault", [ValueError("t0ken"), RuntimeError("t0ken"), AttributeError("t0ken")])
async def test_a_fault_that_nobody_foresaw_is_told_by_its_kind_alone(
    canned: aioresponses, fault: Exception
) -> None:
    canned.get(f"{URL}/x?q=a", exception=fault)
    async with client() as opened:
        failure = await failed(opened.collect(get(URL, "a"), nothing, SOON))
    assert (failure.reason, type(failure)) == (Reason.INTERNAL, Unreadable)
    assert type(fault).__name__ in failure.detail
    assert "t0ken" not in str(failure)


@pytest.mark.parametrize("body", [b"<" + b" " * 2**20, b" " * 2**22], ids=["a page for people", "too large"])
async def test_what_was_read_is_let_go_when_it_is_refused_and_not_when_the_garbage_is_collected(
    body: bytes,
) -> None:
    said = answer(body)
    async with vendor(lambda _: said) as site, client(body_cap=2**21) as asker:

        async def ask_once() -> None:
            failure = await failed(asker.collect((Request("calls", f"{site.url}/"),), nothing, 20))
            failure.with_traceback(None)

        await ask_once()
        gc.disable()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(4):
                await ask_once()
            assert tracemalloc.get_traced_memory()[0] - before < 2 * len(body)  # the last may be on its way
        finally:
            tracemalloc.stop()
            gc.enable()


async def test_a_silence_outlives_what_was_asked_before_it_and_is_answered_after_it() -> None:
    refused = asyncio.Event()

    async def answers(asked: Asked) -> bytes:
        if asked.target == "/first":
            await refused.wait()
            return answer()
        return answer({}, 429, retry_after="60")

    async with vendor(answers) as site, client() as opened:

        def ask(path: str) -> tuple[Request, ...]:
            return (Request("agents", f"{site.url}/{path}"),)

        first = asyncio.create_task(opened.collect(ask("first"), nothing, SOON))
        await until(lambda: bool(site.asked))
        assert isinstance(await failed(opened.collect(ask("second"), nothing, SOON)), Throttled)
        refused.set()
        assert await first
        assert isinstance(await failed(opened.collect(ask("third"), nothing, SOON)), Throttled)
    assert [one.target for one in site.asked] == ["/first", "/second"]
