"""The rounds of a poll, without a vendor."""

import asyncio
from collections.abc import Callable

import pytest
from fake_vendor import nothing

from exporter.errors import PollFailed, Reason, Transient, Unreadable
from exporter.transport.exchange import BODY_CAP
from exporter.transport.rounds import WEIGHT, ask_all
from exporter.wire.http import Reply, Request


@pytest.mark.parametrize("ticks", range(5))
async def test_a_poll_that_is_cancelled_in_the_instant_of_its_failure_is_cancelled(ticks: int) -> None:
    broken = asyncio.Event()

    async def ask(_: Request) -> Reply | PollFailed:
        await broken.wait()
        raise Transient(Reason.RESET, "the connection broke")

    requests = (Request("one", "https://acme.example/1"), Request("two", "https://acme.example/2"))
    poll = asyncio.create_task(ask_all(requests, nothing, ask))
    for _ in range(3):
        await asyncio.sleep(0)
    broken.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    cancelled = poll.cancel()
    await asyncio.wait({poll})
    assert poll.cancelled() is cancelled


async def test_the_first_failure_ends_what_is_still_under_way_and_is_told() -> None:
    ended: list[str] = []

    async def ask(request: Request) -> Reply | PollFailed:
        if request.endpoint == "broken":
            raise Transient(Reason.RESET, "the connection broke")
        try:
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]
        finally:
            ended.append(request.endpoint)

    requests = tuple(Request(name, f"https://acme.example/{name}") for name in ("slow", "broken", "silent"))
    async with asyncio.timeout(20):
        with pytest.raises(Transient, match="the connection broke"):
            await ask_all(requests, nothing, ask)
    assert ended == ["slow", "silent"]


async def test_pages_that_are_too_much_together_fail_the_poll() -> None:
    body = bytes(BODY_CAP)
    asked: list[str] = []

    async def ask(request: Request) -> Reply | PollFailed:
        asked.append(request.url)
        return Reply(request, 200, body, 0.0)

    def pages(most: int) -> Callable[..., tuple[Request, ...]]:
        first = "https://acme.example/0"
        return lambda *_: (Request("one", f"{first}{len(asked)}"),) if len(asked) < most else ()

    most = WEIGHT // BODY_CAP
    assert len(await ask_all((Request("one", "https://acme.example/1"),), pages(most), ask)) == most
    asked.clear()
    with pytest.raises(Unreadable, match="too_large: the answers of one poll are larger than 67108864 bytes"):
        await ask_all((Request("one", "https://acme.example/1"),), pages(most + 5), ask)
    assert len(asked) == most + 1
