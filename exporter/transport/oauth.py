"""How an OAuth grant is run: access tokens are fetched, kept, renewed in good time, given up when it is dead."""

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from itertools import chain
from urllib.parse import urlencode

import msgspec

from exporter.errors import GrantLost, PollFailed, Reason, Refused, Throttled, Transient, Unreadable
from exporter.transport.auth import REFUSED_FOR, Pass, fingerprint, reveal
from exporter.transport.faults import UNSENT
from exporter.transport.grants import Grant, GrantStore
from exporter.transport.limit import LONGEST, Hold, clamped
from exporter.transport.proofs import header
from exporter.wire.auth import TokenGrant
from exporter.wire.http import Reply, Request
from exporter.wire.verdict import by_status, retry_after

SHORTEST_LIFE, LONGEST_LIFE = 60.0, 86_400.0
"""Seconds that an access token is believed to live, whatever the vendor says."""
RENEW_BEFORE = 60.0
"""Seconds before its end in which a token is renewed: some vendors count the tokens that they give."""
RETRY_AFTER = 60.0
"""Most seconds between two token calls while they fail: ten calls in ten minutes, which every vendor bears."""
_CALL_SECONDS = 60.0  # a token call outlives its poll: a rotated token must not be lost to our impatience
_CLOSE_SECONDS = 5.0
_ANSWERED = frozenset(
    {Reason.HTTP_4XX, Reason.HTTP_5XX, Reason.THROTTLED, Reason.CREDENTIALS, Reason.REAUTH_REQUIRED}
    | {Reason.FORBIDDEN, Reason.NOT_FOUND, Reason.REDIRECT, Reason.VENDOR}
)
"""Where a token call fails for one of these, the vendor has said so: nothing was used up unseen."""

Post = Callable[[Request, bytes], Awaitable[Reply]]
"""Makes a token call: a request, and its secret body."""


class Granted:
    """Access tokens of an OAuth grant: one renewal at a time, shared by all who wait, cancelled by none."""

    def __init__(self, scheme: TokenGrant, store: GrantStore, post: Post, on_renewal: Callable[[], None]) -> None:
        self.generation = 0
        self._scheme = scheme
        self._store = store
        self._post = post
        self._on_renewal = on_renewal
        self._grant = Grant()
        self._kept = True
        self._renew_at = self._expires_at = -math.inf  # on the loop's clock
        self._renewal: asyncio.Task[None] | None = None
        self._refused = Hold()
        self._failing = Hold()

    @property
    def reauth_required(self) -> bool:
        """Whether the grant is dead."""
        return isinstance(self._failing.failure, GrantLost)

    async def current(self) -> Pass:
        """Return the access token, renewed in good time; the old one while it lives and none is to be had."""
        secrets = await self._settle()
        self._refused.check(secrets)
        if _now() >= self._renew_at:
            try:
                await self._renew()
            except PollFailed:
                if _now() >= self._expires_at:
                    raise
        return self._pass(secrets)

    async def renewed(self, refused: Pass) -> Pass:
        """Return a token that is newer than `refused`: another caller's, or a new one."""
        if refused.generation == self.generation or not self._grant.access_token:
            await self._renew()
        return self._pass(refused.secrets)

    def refuse(self, refused: Pass, verdict: PollFailed) -> None:
        """Hold the credentials back."""
        self._refused.begin(verdict, REFUSED_FOR, key=refused.secrets)

    async def close(self) -> None:
        """Let the new token reach the disk."""
        if (renewal := self._renewal) is not None:
            await asyncio.wait({renewal}, timeout=_CLOSE_SECONDS)
            renewal.cancel()
            await asyncio.wait({renewal})

    def _pass(self, secrets: str) -> Pass:
        return Pass(header(f"{self._scheme.prefix} {self._grant.access_token}"), self.generation, secrets)

    async def _settle(self) -> str:
        """Take the grant that descends from the configured secrets, and return the fingerprint of all of them."""
        scheme = self._scheme
        secret = reveal(scheme.client_secret)
        root = reveal(scheme.refresh_token) if scheme.refresh_token is not None else ""
        descent = (root,) if root else (secret, scheme.scope or "", *chain(*scheme.extra))
        configured = fingerprint(scheme.token_url, scheme.client_id, *descent)
        if self._grant.configured != configured:
            kept = await self._load()  # newer than the configured one, if it descends from it
            fresh = Grant(configured, refresh_token=root)
            if self._grant.configured != configured:  # still: others may have asked meanwhile
                self._take(kept if kept is not None and kept.configured == configured else fresh)
        return fingerprint(configured, secret)

    async def _load(self) -> Grant | None:
        """Return what is kept; where a refresh token rotates, there is no going on without knowing it."""
        try:
            return await self._store.load()
        except OSError:
            if self._scheme.rotates:
                detail = "the kept tokens cannot be read, and the configured one may be used up; see to state_dir"
                raise PollFailed(Reason.SECRET, detail) from None
            return None

    def _take(self, grant: Grant) -> None:
        self._grant = grant
        life = math.inf if grant.expires is None else min(grant.expires - time.time(), LONGEST_LIFE)
        life = life if grant.access_token else -math.inf
        margin = min(0.2 * max(life, 0.0), RENEW_BEFORE) * random.uniform(0.75, 1.25)
        self._expires_at = _now() + life
        self._renew_at = self._expires_at - margin

    async def _renew(self) -> None:
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._fetch())
            self._renewal.add_done_callback(self._landed)
        await asyncio.shield(self._renewal)

    def _landed(self, renewal: asyncio.Task[None]) -> None:
        self._renewal = None
        if not renewal.cancelled():
            renewal.exception()  # looked at here, since all who waited may be gone

    async def _fetch(self) -> None:
        secrets = await self._settle()
        async with self._store.turn():
            await self._fetch_alone(secrets)

    async def _fetch_alone(self, secrets: str) -> None:
        if await self._renewed_elsewhere():
            return
        self._failing.check(secrets)
        if self._scheme.rotates and not self._store.lasting:
            raise Refused(
                "the vendor replaces the refresh token at each use, and there is no state_dir to keep it in"
            )
        request, body = self._call()
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                grant = granted(await self._post(request, body), self._scheme)
        except (PollFailed, TimeoutError) as fault:
            failed = self._verdict(fault)
        else:
            await self._accept(grant)
            return
        longest = LONGEST if isinstance(failed, Throttled) else RETRY_AFTER
        self._failing.begin(failed, _pause(failed), longest=longest, key=secrets)
        raise failed

    async def _renewed_elsewhere(self) -> bool:
        """Take the tokens that another process of ours, such as the doctor, has kept meanwhile."""
        kept = await self._load() if self._kept else None  # what we could not keep is newer than the file
        if kept is None or kept == self._grant or kept.configured != self._grant.configured:
            return False
        self._take(kept)
        if _now() >= self._renew_at:
            return False
        self.generation += 1
        self._failing.end()
        return True

    async def _accept(self, new: Grant) -> None:
        refresh_token = new.refresh_token or self._grant.refresh_token
        grant = msgspec.structs.replace(new, configured=self._grant.configured, refresh_token=refresh_token)
        self._kept = await self._store.keep(grant)  # before its first use: the old one may be dead already
        self._take(grant)
        self.generation += 1
        self._failing.end()
        self._on_renewal()

    def _call(self) -> tuple[Request, bytes]:
        scheme = self._scheme
        fields = {
            "client_id": scheme.client_id,
            "client_secret": reveal(scheme.client_secret),
            **dict(scheme.extra),
        }
        if scheme.scope is not None:
            fields["scope"] = scheme.scope
        if self._grant.refresh_token:
            fields |= {"grant_type": "refresh_token", "refresh_token": self._grant.refresh_token}
        else:
            fields["grant_type"] = "client_credentials"
        form = scheme.encoding == "form"
        body = urlencode(fields).encode() if form else msgspec.json.encode(fields)
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        request = Request("token", scheme.token_url, method="POST", content_type=kind, safe=False)
        return msgspec.structs.replace(request, found_by=scheme.found_by), body

    def _verdict(self, fault: PollFailed | TimeoutError) -> PollFailed:
        """Return what a failed token call means: none of them is worth a second call in the same poll."""
        failed = fault if isinstance(fault, PollFailed) else Transient(Reason.TIMEOUT, "no answer within 60 s")
        if self._scheme.rotates and failed.reason not in UNSENT | _ANSWERED:
            return GrantLost(
                "the answer to a token call was lost, and with it perhaps the only refresh token; make a new grant"
            )
        detail = f"token call: {failed.detail}"
        match failed:
            case GrantLost():
                return failed
            case Refused():
                return Refused(detail)
            case Throttled(retry_after=seconds):
                return Throttled(detail, seconds)
            case _:
                return PollFailed(failed.reason, detail)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _pause(failed: PollFailed) -> float | None:
    match failed:
        case GrantLost():
            return math.inf
        case Refused():
            return REFUSED_FOR
        case Throttled(retry_after=seconds):
            return clamped(seconds)
        case _:
            return None


def granted(reply: Reply, scheme: TokenGrant) -> Grant:
    """Return the tokens in the answer to a token call; some vendors tell even errors with status 200.

    Raises:
        PollFailed: there is no access token in it.
    """
    try:
        answer = msgspec.json.decode(reply.body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        answer = None
    if not isinstance(answer, dict):
        raise by_status(reply) or Unreadable(Reason.DECODE, "the answer is no JSON object")
    access, refresh = answer.get("access_token"), answer.get("refresh_token")
    if 200 <= reply.status < 300 and isinstance(access, str) and access.isprintable() and access:
        life = _life(answer.get("expires_in"))
        expires = None if life is None else reply.at + life
        return Grant(
            access_token=access, expires=expires, refresh_token=refresh if isinstance(refresh, str) else ""
        )
    word = answer.get("error")
    if isinstance(word, str) and word in scheme.too_many:
        silence = retry_after(reply.headers, reply.at) or scheme.silence
        raise Throttled(f"the vendor answers {word} to a token call: too many tokens were asked for", silence)
    if isinstance(word, str) and word in scheme.lost:
        advice = (
            "client_id or client_secret is wrong; correct it"
            if "client" in word
            else "the grant is dead; make a new one"
        )
        raise GrantLost(f"the vendor answers {word} to a token call: {advice}")
    raise by_status(reply) or Unreadable(Reason.VENDOR, "the answer holds no access token")


def _life(told: object) -> float | None:
    """Return seconds, within reason; None where the vendor does not say: the token is good until it is refused."""
    if isinstance(told, str) and told.isascii() and told.isdigit():
        told = int(told[:20])
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    return float(min(max(told, SHORTEST_LIFE), LONGEST_LIFE))
