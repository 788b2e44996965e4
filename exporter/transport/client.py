"""One account's way to its vendor: every call of a poll, paced, authorised, retried, and judged."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from exporter.errors import PollFailed, Reason, Refused, Throttled, Transient, Unreadable
from exporter.transport.auth import Fixed, Keys, Pass
from exporter.transport.exchange import BODY_CAP, ERROR_CAP, address, exchange
from exporter.transport.grants import GrantStore
from exporter.transport.limit import Hold, Pace, Spare, clamped
from exporter.transport.oauth import Granted
from exporter.wire.auth import Scheme, TokenGrant
from exporter.wire.http import Budget, Call, Reply, Request
from exporter.wire.verdict import by_status

PAGES = 200
"""Follow-ups of one poll: more than any account has pages, and an end to a page that leads on for ever."""
TRIES = 3
"""Of one request, the first included."""
_TOKEN_PATIENCE = 60.0  # seconds without a byte: a token call is waited for as long as may be

_Place = tuple[int, ...]


class Watch(Protocol):
    """Who is told what happens on the way."""

    def called(self, call: Call) -> None:
        """One exchange has ended, well or not."""

    def throttled(self, seconds: float) -> None:
        """A call has waited for the account's share of the vendor's limit."""

    def token_refreshed(self) -> None:
        """A new access token is in use."""

    def budget(self, budget: Budget) -> None:
        """The vendor has told its limit, or what is left of it."""


class _Poll:
    """What one poll has done so far."""

    def __init__(self, until: float, generation: int, requests: tuple[Request, ...]) -> None:
        self.until = until
        """When it must be done, on the loop's clock."""
        self.generation = generation
        """Of the credentials when the poll began: what is younger and refused would not get better by renewal."""
        self._asked = {_identity(request) for request in requests}
        self._follow_ups = 0

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


class Client:
    """One account's way to its vendor."""

    def __init__(
        self,
        *,
        scheme: Scheme,
        judge: Callable[[Reply], PollFailed | None],
        budget: Callable[[Reply], Budget | None],
        calls_per_minute: float,
        share: float,
        concurrency: int,
        watch: Watch,
        grants: GrantStore,
        sessions: Callable[[], aiohttp.ClientSession],
        body_cap: int = BODY_CAP,
    ) -> None:
        """Open the account's connections, inside a running loop; nothing is asked yet.

        `share` is the part of the vendor's `calls_per_minute` that is ours, from 0 to 1.
        """
        self._judge = judge
        self._budget = budget
        self._watch = watch
        self._sessions = sessions
        self._session = sessions()
        self._body_cap = body_cap
        self._keys: Keys = (
            Granted(scheme, grants, self._token_call, watch.token_refreshed)
            if isinstance(scheme, TokenGrant)
            else Fixed(scheme)
        )
        self._pace = Pace(calls_per_minute, share)
        self._seats = asyncio.Semaphore(concurrency)
        self._silence = Hold()
        self._spare = Spare()

    @property
    def reauth_required(self) -> bool:
        """Whether the grant is dead, so that a person must make a new one."""
        return self._keys.reauth_required

    async def close(self) -> None:
        """Close the connections, once a new token that is under way is safe."""
        await self._keys.close()
        await self._session.close()

    async def collect(
        self,
        requests: tuple[Request, ...],
        follow: Callable[[Reply], tuple[Request, ...]],
        deadline: float,
    ) -> tuple[Reply, ...]:
        """Ask all requests and what their replies lead to, within `deadline` seconds.

        Each reply is followed by those that it led to; otherwise they have the order of their requests.

        Raises:
            PollFailed: the first failure; a poll is whole or nothing.
        """
        poll = _Poll(_now() + deadline, self._keys.generation, requests)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(poll.until):
                return await self._collect(requests, follow, poll)
        raise Transient(Reason.TIMEOUT, f"the vendor had not answered all calls after {deadline:g} s")

    async def _collect(
        self, requests: tuple[Request, ...], follow: Callable[[Reply], tuple[Request, ...]], poll: _Poll
    ) -> tuple[Reply, ...]:
        found: dict[_Place, Reply] = {}
        wave: dict[_Place, Request] = {(n,): request for n, request in enumerate(requests)}
        while wave:
            replies = await self._answers(wave, poll)
            found |= replies
            wave = {
                (*path, n): poll.admit(request, reply.request)
                for path, reply in replies.items()
                for n, request in enumerate(follow(reply))
            }
        return tuple(found[path] for path in sorted(found))

    async def _answers(self, wave: dict[_Place, Request], poll: _Poll) -> dict[_Place, Reply]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {path: group.create_task(self._answer(request, poll)) for path, request in wave.items()}
        except ExceptionGroup as failures:
            first = failures.exceptions[0]
        else:
            return {path: task.result() for path, task in tasks.items()}
        raise first

    async def _answer(self, request: Request, poll: _Poll) -> Reply:
        self._spare.earn()
        most = TRIES if request.safe else 1
        tries = AsyncRetrying(
            retry=retry_if_exception_type(Transient),
            wait=wait_random_exponential(multiplier=1, max=30),
            stop=lambda state: state.attempt_number >= most or not self._spare.spend(),
            reraise=True,
        )
        return await tries(self._try, request, poll)

    async def _try(self, request: Request, poll: _Poll) -> Reply:
        self._silence.check()
        key = await self._keys.current()
        reply, verdict = await self._ask(request, key, poll)
        if isinstance(verdict, Refused) and key.generation <= poll.generation:
            refused, key = key, await self._keys.renewed(key)
            if key is not refused:
                reply, verdict = await self._ask(request, key, poll)
        match verdict:
            case None:
                self._silence.end()
                return reply
            case Throttled():
                self._silence.begin(verdict, clamped(verdict.retry_after))
                self._silence.check()  # raises it with the seconds that it really lasts
            case Refused():
                self._keys.refuse(key, verdict)
        raise verdict

    async def _ask(self, request: Request, key: Pass, poll: _Poll) -> tuple[Reply, PollFailed | None]:
        async with self._seats:
            if (waited := await self._pace.turn(poll.until)) > 0:
                self._watch.throttled(waited)
            self._silence.check()  # it may have begun meanwhile
            asking = exchange(self._session, request, authorization=key.authorization, cap=self._body_cap)
            reply = await self._timed(request.endpoint, asking)
        told = self._budget(reply)
        if told is not None:
            self._watch.budget(told)
            if told.limit is not None:
                self._pace.adopt(told.limit)
        return reply, _page(reply) or self._judge(reply) or by_status(reply)

    async def _token_call(self, request: Request, body: bytes) -> Reply:
        # On a connection of its own: where one that was kept open breaks, nobody can say if the call was heard.
        async with self._sessions() as session:
            return await self._timed(
                request.endpoint,
                exchange(session, request, secret_body=body, patience=_TOKEN_PATIENCE, cap=ERROR_CAP),
            )

    async def _timed(self, endpoint: str, asking: Awaitable[Reply]) -> Reply:
        began, code = _now(), "cancelled"
        try:
            reply = await asking
            code = str(reply.status)
        except PollFailed as failed:
            code = failed.reason.value
            raise
        finally:
            self._watch.called(Call(endpoint, code, _now() - began))
        return reply


def _now() -> float:
    return asyncio.get_running_loop().time()


def _identity(request: Request) -> tuple[object, ...]:
    return request.method, request.url, request.query, request.body


def _origin(request: Request) -> tuple[object, ...]:
    url = address(request)
    return url.scheme, url.host, url.port


def _page(reply: Reply) -> PollFailed | None:
    """Return a failure where a good status brings a page for people: a portal, a login, a maintenance notice."""
    start = reply.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    html = "html" in reply.headers.get("content-type", "").lower()
    if reply.status == 200 and (start == b"<" or (html and start not in b"{[")):
        return Unreadable(Reason.CONTENT_TYPE, "HTTP 200 with a web page in place of data; check base_url")
    return None
