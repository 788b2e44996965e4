import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from crowd import HALF, WHOLE, Line, rest
from plain_http import PATIENCE, TEXT, Bytes, ask, parse, send, server

from exporter.web import Limits

LAST = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
BIG = bytes(16 * 2**20)
PAGE = Bytes(text=(BIG,))


@asynccontextmanager
async def line(port: int, data: bytes = b"") -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**14)
    try:
        writer.write(data)
        yield reader, writer
    finally:
        writer.close()


async def lines(stack: AsyncExitStack, port: int, number: int, data: bytes = b"") -> list[Line]:
    return [await stack.enter_async_context(line(port, data)) for _ in range(number)]


def unsent() -> list[int]:
    """Return how many bytes wait in each connection, on either side, that has any."""
    wires = (one for one in gc.get_objects() if isinstance(one, asyncio.WriteTransport))
    return [size for size in (one.get_write_buffer_size() for one in wires) if size]


async def all_of(them: Iterable[Line], what: Callable[[Line], Awaitable[bytes]]) -> list[bytes]:
    return await asyncio.gather(*(what(one) for one in them))


async def test_clients_that_never_finish_a_header_are_cut_and_honest_ones_are_served() -> None:  # case 65
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(server(Limits(header=0.3)))
        hostile = await lines(stack, port, 200, HALF) + await lines(stack, port, 200)
        assert [(await ask(port)).status for _ in range(20)] == [200] * 20
        assert await all_of(hostile, rest) == [b""] * 400


async def test_a_half_header_after_a_request_is_cut_as_early_as_any_other() -> None:
    async with server(Limits(header=0.1, idle=1e6)) as port, line(port, WHOLE) as one:
        await one[0].readuntil(TEXT)
        one[1].write(HALF)
        assert await rest(one) == b""


async def test_dribbling_bytes_of_a_header_buy_no_time() -> None:
    async def dribble(one: Line) -> None:
        while not one[1].is_closing():
            one[1].write(b"x")
            await asyncio.sleep(0)

    async with server(Limits(header=0.1)) as port, line(port, HALF) as one:
        task = asyncio.create_task(dribble(one))
        assert await rest(one) == b""
        task.cancel()


async def test_a_connection_that_asks_no_more_is_closed() -> None:
    async with server(Limits(idle=0.1)) as port, line(port, WHOLE) as one:
        assert (await rest(one)).endswith(TEXT)


async def test_readers_that_are_too_slow_are_cut() -> None:  # case 66
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(server(Limits(answer=0.2, header=0.4), page=lambda: PAGE))
        slow = await lines(stack, port, 50, WHOLE)
        for one in slow:
            with suppress(ConnectionError):  # where this machine is slow, the first are cut already
                await one[0].read(1)
        assert (await ask(port, "GET /-/healthy")).status == 200
        async with line(port) as silent:
            await rest(silent)  # the limit of the answers has passed twice
        assert all(len(answer) < len(BIG) for answer in await all_of(slow, rest))


async def test_a_slow_reader_costs_a_piece_of_the_page_and_not_a_copy() -> None:  # case 66
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(server(page=lambda: PAGE))
        for one in await lines(stack, port, 8, WHOLE):
            await one[0].readexactly(1)
        sizes = unsent()
    assert len(sizes) == 8
    assert max(sizes) <= 320 * 1024


async def test_an_honest_slow_scrape_outlives_the_limits_of_the_idle() -> None:  # T16
    limits = Limits(header=0.1, idle=0.1, answer=1e6)
    async with server(limits, page=lambda: PAGE) as port, line(port, LAST) as slow:
        await slow[0].readexactly(1)
        for _ in range(3):
            async with line(port) as silent:
                await rest(silent)  # the limit of the header has passed, three times over
        assert (await rest(slow)).endswith(BIG)


async def test_beyond_the_cap_a_scrape_is_refused_at_once_and_health_is_told() -> None:  # case 67
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(server(Limits(answers=4), page=lambda: PAGE))
        writing = await lines(stack, port, 4, LAST)
        for one in writing:
            await one[0].readexactly(1)
        refused = await ask(port)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert (await ask(port, "GET /")).status == 503
        assert [(await ask(port, f"GET /-/{path}")).status for path in ("healthy", "ready")] == [200, 200]
        assert all(answer.endswith(BIG) for answer in await all_of(writing, rest))
        assert (await ask(port, "HEAD /metrics")).status == 200


async def test_five_hundred_scrapes_at_once_are_answered() -> None:  # case 67
    asked: list[Bytes] = []

    def page() -> Bytes:
        asked.append(Bytes())
        return asked[0]

    async with server(page=page) as port:
        replies = await asyncio.gather(*(ask(port) for _ in range(500)))
    assert {reply.status for reply in replies} <= {200, 503}
    assert {reply.body for reply in replies if reply.status == 200} == {TEXT}


async def test_beyond_the_cap_of_connections_the_one_that_waited_longest_makes_room() -> None:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(server(Limits(connections=2, header=1e6)))
        silent = await lines(stack, port, 4)
        newest = await lines(stack, port, 1, LAST)
        assert await rest(silent[0]) == b""
        assert (await rest(newest[0])).endswith(TEXT)
        silent[3][1].write(LAST)
        assert (await rest(silent[3])).endswith(TEXT)


async def test_a_burst_of_the_young_may_be_twice_as_many() -> None:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(server(Limits(connections=2, header=1e6)))
        young = await lines(stack, port, 4)
        for one in young:
            one[1].write(LAST)
        assert all(answer.endswith(TEXT) for answer in await all_of(young, rest))


async def test_among_the_old_one_too_many_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.web.server._YOUNG", 0.0)
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(server(Limits(connections=2, header=1e6)))
        old = await lines(stack, port, 3)
        async with asyncio.timeout(PATIENCE):
            assert await rest(old[0]) == b""
        old[1][1].write(LAST)
        assert (await rest(old[1])).endswith(TEXT)


async def test_an_answer_that_breaks_in_its_midst_is_cut_and_nothing_is_written_behind_it() -> None:
    half = Bytes(text=(bytes(2**20), "no bytes"))  # type: ignore[arg-type]  # a fault of ours
    async with server(page=lambda: half) as port:
        answer = await send(port, LAST)
    body = answer.partition(b"\r\n\r\n")[2]
    assert 0 < len(body) <= 2**20
    assert not body.strip(b"\0")


async def test_an_answer_that_is_under_way_makes_no_room() -> None:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(server(Limits(connections=1, header=1e6), page=lambda: PAGE))
        (busy,) = await lines(stack, port, 1, LAST)
        await busy[0].readexactly(1)
        silent = await lines(stack, port, 3)
        assert await rest(silent[0]) == b""
        assert (await rest(busy)).endswith(BIG)


@pytest.mark.parametrize("data", [b"", HALF, WHOLE])
async def test_stopping_is_fast_whoever_is_connected(data: bytes) -> None:
    async with asyncio.timeout(PATIENCE), AsyncExitStack() as stack:
        async with server(Limits(drain=0.05, header=1e6, answer=1e6), page=lambda: PAGE) as port:
            them = await lines(stack, port, 50, data)
            await ask(port, "GET /-/healthy")
        assert unsent() == []
        assert all(len(answer) < len(BIG) for answer in await all_of(them, rest))


async def test_stopping_lets_an_answer_end() -> None:
    async with AsyncExitStack() as stack:
        context = server(Limits(drain=PATIENCE), page=lambda: PAGE)
        port = await context.__aenter__()
        one = await stack.enter_async_context(line(port, WHOLE))
        await one[0].readexactly(1)
        _, answer = await asyncio.gather(context.__aexit__(None, None, None), rest(one))
    assert answer.endswith(BIG)
    assert parse(b"H" + answer).status == 200


async def test_nothing_is_left_behind_when_the_server_stops() -> None:
    before = asyncio.all_tasks()
    async with server() as port, line(port, HALF), line(port, WHOLE) as one:
        await one[0].readuntil(TEXT)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
