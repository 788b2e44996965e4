"""Tokens that we sign ourselves: kept while they live, signed anew in good time or when one was refused."""

import asyncio
import math
import time
from uuid import uuid4

import jwt
import msgspec

from exporter.errors import PollFailed, Reason
from exporter.transport.auth import REFUSED_FOR, Pass, fingerprint, reveal
from exporter.transport.limit import Hold
from exporter.transport.proofs import header
from exporter.wire.auth import SignedToken
from exporter.wire.secret import Secret

RENEW_BEFORE = 30.0
"""Seconds before its end in which a token is signed anew, so that none ends on its way."""


class Signed:
    """The token of one account."""

    reauth_required = False

    def __init__(self, scheme: SignedToken) -> None:
        self.generation = 0
        self._scheme = scheme
        self._pass: Pass | None = None
        self._renew_at = -math.inf  # on the loop's clock
        self._refused = Hold()

    async def current(self) -> Pass:
        """Return the present token, or a new one where its end is near or its secrets have changed."""
        key, key_id, claims = self._secrets()
        secrets = fingerprint(key, key_id, *map(str, claims.values()))
        self._refused.check(secrets)
        now = asyncio.get_running_loop().time()
        if self._pass is None or self._scheme.once or now >= self._renew_at or self._pass.secrets != secrets:
            text = self._token(key, key_id, claims)
            life = math.inf if self._scheme.life is None else self._scheme.life - self._scheme.early
            self.generation += 1
            self._renew_at = now + life - RENEW_BEFORE
            self._pass = Pass(header(self._scheme.prefix + text, self._scheme.header), self.generation, secrets)
        return self._pass

    async def renewed(self, refused: Pass) -> Pass:
        """Return a token signed now, unless another caller has one already."""
        if refused.generation == self.generation:
            self._pass = None
        return await self.current()

    def refuse(self, refused: Pass, verdict: PollFailed) -> None:
        """Hold the secrets back."""
        self._refused.begin(verdict, REFUSED_FOR, key=refused.secrets)

    async def close(self) -> None:
        """Do nothing: signing is never under way."""

    def _secrets(self) -> tuple[str, str, dict[str, str | int]]:
        scheme = self._scheme
        key = reveal(scheme.key, lines=True)
        key_id = reveal(scheme.key_id) if isinstance(scheme.key_id, Secret) else scheme.key_id or ""
        return key, key_id, {name: _plain(value) for name, value in scheme.claims}

    def _token(self, key: str, key_id: str, claims: dict[str, str | int]) -> str:
        scheme = self._scheme
        issued = int(time.time() - scheme.early)
        times = {} if scheme.life is None else {"iat": issued, "exp": issued + int(scheme.life)}
        once = {"jti": uuid4().hex} if scheme.once else {}
        payload = msgspec.json.encode({**claims, **times, **once})
        try:  # the library's own encode() for claims would refuse an issuer that is a number
            return jwt.PyJWS().encode(payload, key, scheme.algorithm, {"kid": key_id} if key_id else None)
        except (jwt.PyJWTError, ValueError, TypeError):
            wrong = f"{scheme.key.where}: this is no key for {scheme.algorithm}; check that it is whole"
            raise PollFailed(Reason.SECRET, wrong) from None


def _plain(value: str | int | Secret) -> str | int:
    if not isinstance(value, Secret):
        return value
    text = reveal(value)
    return int(text) if text.isascii() and text.isdigit() else text
