"""The rounds of a poll, without a vendor."""

import asyncio

import pytest
from fake_vendor import nothing

from exporter.errors import PollFailed, Reason, Transient
from exporter.transport.rounds import ask_all
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
