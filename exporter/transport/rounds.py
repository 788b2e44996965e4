"""The rounds of a poll: its requests, then all that their replies lead to, and so on to the last page."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from exporter.errors import PollFailed, Reason, Unreadable
from exporter.transport.exchange import address
from exporter.wire.http import Reply, Request

PAGES = 1_000
"""Follow-ups of one poll: more than any account has pages, and an end to a page that leads on for ever."""

WEIGHT = 64 * 2**20
"""Bytes of all answers of one poll together: they are in memory until the last is there."""

Follow = Callable[[Reply, tuple[Reply, ...]], tuple[Request, ...]]
"""Returns what a reply leads to; it is told the replies of the earlier rounds as well."""
Ask = Callable[[Request], Coroutine[Any, Any, Reply | PollFailed]]
"""Returns the answer, or why an optional request was refused."""
_Place = tuple[int, ...]


async def ask_all(requests: tuple[Request, ...], follow: Follow, ask: Ask) -> tuple[Reply, ...]:
    """Ask all requests and what their replies lead to; each reply is followed by those that it led to.

    Raises:
        PollFailed: the first failure.
    """
    path = _Path(requests)

    async def weighed(request: Request) -> Reply | PollFailed:
        answer = await ask(request)
        path.weigh(answer)
        return answer

    found: dict[_Place, Reply] = {}
    wave: dict[_Place, Request] = {(n,): request for n, request in enumerate(requests)}
    while wave:
        replies = await _answers(wave, weighed)
        before = _ordered(found)
        wave = {
            (*place, n): path.admit(request, reply.request)
            for place, reply in replies.items()
            for n, request in enumerate(follow(reply, before))
        }
        found |= replies
    return _ordered(found)


async def _answers(wave: Mapping[_Place, Request], ask: Ask) -> dict[_Place, Reply]:
    """Return the answers to one round, or raise its first failure.

    By no TaskGroup: up to Python 3.12 a failure hides from it that the poll was cancelled in the same instant, and
    what is not told that it was cancelled goes on for ever.
    """
    tasks = {place: asyncio.create_task(ask(request)) for place, request in wave.items()}
    try:
        await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.wait(tasks.values())
    failures = [failure for task in tasks.values() if not task.cancelled() and (failure := task.exception())]
    if failures:
        raise failures[0]
    outcomes = {place: task.result() for place, task in tasks.items()}
    replies = {place: outcome for place, outcome in outcomes.items() if isinstance(outcome, Reply)}
    refusals = [outcome for outcome in outcomes.values() if isinstance(outcome, PollFailed)]
    if refusals and not replies:  # where nothing at all was answered, the endpoint itself is not for us
        raise refusals[0]
    return replies


class _Path:
    """Where one poll has been so far."""

    def __init__(self, requests: tuple[Request, ...]) -> None:
        self._asked = {_identity(request) for request in requests}
        self._follow_ups = 0
        self._weight = 0

    def weigh(self, answer: Reply | PollFailed) -> None:
        """Take one more answer.

        Raises:
            Unreadable: all together are too much.
        """
        if isinstance(answer, Reply):
            self._weight += len(answer.body)
            if self._weight > WEIGHT:
                raise Unreadable(
                    Reason.TOO_LARGE,
                    f"the answers of one poll are larger than {WEIGHT} bytes; ask for less at a time",
                )

    def admit(self, request: Request, leader: Request) -> Request:
        """Return a follow-up that may be asked; `leader` is the request whose answer led to it.

        Raises:
            Unreadable: it leaves the vendor's origin, was asked before, or is one too many.
        """
        if _origin(request) != _origin(leader):
            raise Unreadable(
                Reason.ORIGIN, f"an answer of {leader.endpoint} leads to another host, port or scheme"
            )
        self._follow_ups += 1
        if self._follow_ups > PAGES:
            raise Unreadable(
                Reason.PAGING, f"{leader.endpoint} has more than {PAGES} pages; ask for less at a time"
            )
        if _identity(request) in self._asked:
            raise Unreadable(Reason.PAGING, f"the pages of {leader.endpoint} lead in a circle")
        self._asked.add(_identity(request))
        return request


def _identity(request: Request) -> tuple[object, ...]:
    return request.method, request.url, request.query, request.body


def _origin(request: Request) -> tuple[object, ...]:
    if request.found_by is not None:
        return (request.found_by,)
    url = address(request)
    return url.scheme, url.host, url.port


def _ordered(found: Mapping[_Place, Reply]) -> tuple[Reply, ...]:
    return tuple(found[place] for place in sorted(found))
