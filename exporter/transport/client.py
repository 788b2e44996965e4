"""One account's way to its vendor: every call of a poll, paced, authorised, retried, and judged."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Protocol

import aiohttp
from msgspec import Struct
from msgspec.structs import replace

from exporter.errors import NotAllowed, PollFailed, Reason, Refused, Throttled, Transient, Unreadable
from exporter.transport.auth import Fixed, Keys, Pass
from exporter.transport.directory import Directory
from exporter.transport.exchange import BODY_CAP, ERROR_CAP, Proof, exchange
from exporter.transport.grants import GrantStore
from exporter.transport.limit import Hold, Pace, Spare, clamped
from exporter.transport.oauth import Granted
from exporter.transport.rounds import Follow, ask_all
from exporter.transport.signed import Signed
from exporter.wire.auth import Scheme, SignedToken, TokenGrant
from exporter.wire.http import Budget, Call, Reply, Request
from exporter.wire.verdict import instant

TRIES = 3
"""Of one request, the first included."""
_NONE: Mapping[str, float] = MappingProxyType({})
_SKEW = 20.0  # seconds between two clocks: tokens are dated 30 early, so less is never why one is refused
_TOKEN_PATIENCE = 60.0  # seconds without a byte: a token call is waited for as long as may be


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


class _Poll(Struct, frozen=True):
    """What all calls of one poll must know."""

    until: float
    """When it must be done, on the loop's clock."""
    generation: int
    """Of the credentials when the poll began: what is younger and refused would not get better by renewal."""


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
        own_limits: Mapping[str, float] = _NONE,
        body_cap: int = BODY_CAP,
    ) -> None:
        """Open the account's connections, inside a running loop; nothing is asked yet.

        `share` is the part of the vendor's `calls_per_minute` that is ours, from 0 to 1; `own_limits` are further
        limits of single endpoints.
        """
        self._judge = judge
        self._budget = budget
        self._watch = watch
        self._sessions = sessions
        self._session = sessions()
        self._body_cap = body_cap
        self._keys: Keys
        match scheme:
            case TokenGrant():
                self._keys = Granted(scheme, grants, self._token_call, watch.token_refreshed)
            case SignedToken():
                self._keys = Signed(scheme)
            case _:
                self._keys = Fixed(scheme)
        self._directory = Directory(self._look_up)
        self._pace = Pace(calls_per_minute, share)
        self._own_paces = {name: Pace(limit, share) for name, limit in own_limits.items()}
        self._seats = asyncio.Semaphore(concurrency)
        self._silence = Hold()
        self._own_silences = defaultdict[str, Hold](Hold)
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
        follow: Follow,
        deadline: float,
    ) -> tuple[Reply, ...]:
        """Ask all requests and what their replies lead to, within `deadline` seconds.

        Each reply is followed by those that it led to; otherwise they have the order of their requests. An
        optional request that was refused has none.

        Raises:
            PollFailed: the first failure; but for what is optional, a poll is whole or nothing.
        """
        poll = _Poll(_now() + deadline, self._keys.generation)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(poll.until):
                return await ask_all(requests, follow, lambda request: self._outcome(request, poll))
        raise Transient(Reason.TIMEOUT, f"the vendor had not answered all calls after {deadline:g} s")

    async def _outcome(self, request: Request, poll: _Poll) -> Reply | PollFailed:
        """Return the answer, or why an optional request was refused."""
        try:
            return await self._answer(request, poll)
        except PollFailed as failed:
            refused = isinstance(failed, NotAllowed) or failed.reason is Reason.HTTP_4XX
            if request.optional and refused:
                return failed.with_traceback(None)
            raise

    async def _answer(self, request: Request, poll: _Poll) -> Reply:
        self._spare.earn()
        for number in range(1, TRIES if request.safe else 1):
            try:
                return await self._try(request, poll)
            except Transient:
                if not self._spare.spend():
                    raise
            await asyncio.sleep(random.uniform(0, 2.0 ** (number - 1)))
        return await self._try(request, poll)

    async def _try(self, request: Request, poll: _Poll) -> Reply:
        silence = self._silence_of(request)
        self._silence.check()
        silence.check()
        key = await self._keys.current()
        asked = _now()
        reply, verdict = await self._ask(request, key, poll)
        if isinstance(verdict, Refused) and key.generation <= poll.generation:
            refused, key = key, await self._keys.renewed(key)
            if key is not refused:
                reply, verdict = await self._ask(request, key, poll)
        match verdict:
            case None:
                silence.end(asked)
                return reply
            case Throttled():
                silence.begin(verdict, clamped(verdict.retry_after))
                silence.check()  # raises it with the seconds that it really lasts
            case Refused():
                self._keys.refuse(key, verdict)
        del reply  # this frame lives as long as the failure, and the failure until the garbage is collected
        raise verdict

    def _silence_of(self, request: Request) -> Hold:
        return self._own_silences[request.endpoint] if request.endpoint in self._own_paces else self._silence

    async def _ask(self, request: Request, key: Pass, poll: _Poll) -> tuple[Reply, PollFailed | None]:
        async with self._seats:
            located = await self._located(request)
            waited = 0.0
            for pace in filter(None, (self._own_paces.get(request.endpoint), self._pace)):
                waited += await pace.turn(poll.until)
            if waited > 0:
                self._watch.throttled(waited)
            self._silence.check()  # it may have begun meanwhile
            asking = exchange(self._session, located, proof=key.prove(located), cap=self._body_cap)
            try:
                reply = await self._timed(request.endpoint, asking)
            except Transient:
                self._doubt(request)
                raise
        reply = replace(reply, request=request)
        told = self._budget(reply)
        if told is not None:
            self._watch.budget(told)
            if told.limit is not None:
                self._pace.adopt(told.limit)
        verdict = _page(reply) or self._judge(reply)
        if isinstance(verdict, Refused):
            verdict = _dated(verdict, reply)
        if isinstance(verdict, Refused | Transient) or (verdict and verdict.reason is Reason.NOT_FOUND):
            self._doubt(request)
        return reply, verdict

    async def _located(self, request: Request) -> Request:
        """Return the request with its whole address."""
        if request.found_by is None:
            return request
        return replace(request, url=await self._directory.origin(request.found_by) + request.url, found_by=None)

    def _doubt(self, request: Request) -> None:
        """Do not trust the address any longer: the account may have moved."""
        if request.found_by is not None:
            self._directory.doubt(request.found_by)

    async def _look_up(self, request: Request) -> Reply:
        return await self._timed(request.endpoint, exchange(self._session, request, cap=ERROR_CAP))

    async def _token_call(self, request: Request, body: bytes) -> Reply:
        # On a connection of its own: where one that was kept open breaks, nobody can say if the call was heard.
        located = await self._located(request)
        async with self._sessions() as session:
            asking = exchange(session, located, proof=Proof(body=body), patience=_TOKEN_PATIENCE, cap=ERROR_CAP)
            try:
                return await self._timed(request.endpoint, asking)
            except Transient:
                self._doubt(request)
                raise

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


def _dated(refused: Refused, reply: Reply) -> Refused:
    """Add by how much the two clocks differ, where that may be why a token or signature is refused."""
    told = instant(reply.headers.get("date", ""))
    ahead = 0.0 if told is None else told - reply.at
    if abs(ahead) < _SKEW:
        return refused
    return Refused(f"{refused.detail}; the vendor's clock is {ahead:+.0f} s from ours")


def _page(reply: Reply) -> PollFailed | None:
    """Return a failure where a good status brings a page for people: a portal, a login, a maintenance notice."""
    start = reply.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    html = "html" in reply.headers.get("content-type", "").lower()
    if reply.status == 200 and (start == b"<" or (html and start not in b"{[")):
        return Unreadable(Reason.CONTENT_TYPE, "HTTP 200 with a web page in place of data; check base_url")
    return None
