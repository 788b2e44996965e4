"""Zendesk's doors: API token, bearer, and the token endpoint with its rotating refresh tokens."""

import base64
import binascii
import json
from collections.abc import Mapping
from hashlib import sha256
from itertools import count

from msgspec import Struct

from exporter.simulator.exchange import Answer, Asked, json_answer

_SCOPES = frozenset({"read", "write"})
_REFRESH_LIFE_SECONDS = 30 * 86400
_LIVES = range(300, 172_800)  # what a client may ask for lies between, bounds excluded


class ZendeskKeys(Struct, frozen=True):
    """What opens one simulated account; None is a door that is not there."""

    client_id: str = "exporter"
    client_secret: str = "client-secret"  # noqa: S105 - invented, opens the simulator only
    email: str | None = None
    api_token: str | None = None
    access_token: str | None = None
    """A bearer made by hand, which never expires."""
    refresh_token: str | None = None
    """The first of a chain: each is good for one use."""
    token_life: float = 1800.0


class _Access(Struct):
    expires: float
    scope: str
    parent: str | None = None
    """The refresh token that dies with it."""


class Doorkeeper:
    """Gives out tokens and knows who may come in."""

    def __init__(self, keys: ZendeskKeys) -> None:
        self._keys = keys
        self._access: dict[str, _Access] = {}
        self._refresh = {keys.refresh_token} if keys.refresh_token else set()
        self._number = count(1)

    def expire(self) -> None:
        """Let every access token that was given out die now."""
        for access in self._access.values():
            access.expires = 0.0

    def refuse(self, asked: Asked) -> Answer | None:
        """Return why the request may not come in, or None where it may."""
        kind, _, proof = asked.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._refuse_bearer(proof.strip(), asked.at)
        if kind.lower() == "basic" and self._knows(proof.strip()):
            return None
        return json_answer(
            401, {"error": "Couldn't authenticate you"}, {"WWW-Authenticate": 'Basic realm="Web Password"'}
        )

    def grant(self, asked: Asked) -> Answer:
        """Answer the token endpoint, which takes JSON only."""
        try:
            fields = json.loads(asked.body)
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            return _refusal(400, "invalid_request", "The body must be a JSON object.")
        client = (fields.get("client_id"), fields.get("client_secret"))
        if client != (self._keys.client_id, self._keys.client_secret):
            return _refusal(401, "invalid_client", "The client is unknown or its secret is wrong.")
        scope, life = fields.get("scope", "read"), fields.get("expires_in", self._keys.token_life)
        if not isinstance(scope, str) or not set(scope.split()) <= _SCOPES:
            return _refusal(400, "invalid_scope", "The scope is unknown.")
        if "expires_in" in fields and not (isinstance(life, int) and _LIVES.start < life < _LIVES.stop):
            return _refusal(400, "invalid_request", "The lifetime is not a number of seconds within the limits.")
        return self._grant(fields, asked.at, life, scope)

    def _grant(self, fields: Mapping[str, object], now: float, life: float, scope: str) -> Answer:
        if fields.get("grant_type") == "client_credentials":
            return json_answer(200, self._new_access(now, life, scope))
        if fields.get("grant_type") == "refresh_token":
            return self._rotate(fields.get("refresh_token"), now, life, scope)
        return _refusal(400, "unsupported_grant_type", "This grant type is not supported.")

    def _rotate(self, old: object, now: float, life: float, scope: str) -> Answer:
        if old not in self._refresh:
            return _refusal(400, "invalid_grant", "The refresh token is used, expired or revoked.")
        self._refresh.discard(str(old))
        self._access = {token: access for token, access in self._access.items() if access.parent != old}
        fresh = self._new_token()
        self._refresh.add(fresh)
        answer = self._new_access(now, life, scope, parent=fresh)
        return json_answer(
            200, answer | {"refresh_token": fresh, "refresh_token_expires_in": _REFRESH_LIFE_SECONDS}
        )

    def _new_access(self, now: float, life: float, scope: str, parent: str | None = None) -> dict[str, object]:
        self._access = {token: access for token, access in self._access.items() if access.expires > now}
        token = self._new_token()
        self._access[token] = _Access(now + life, scope, parent)
        return {"access_token": token, "token_type": "bearer", "scope": scope, "expires_in": int(life)}

    def _new_token(self) -> str:
        return sha256(f"{self._keys.client_secret} {next(self._number)}".encode()).hexdigest()

    def _refuse_bearer(self, token: str, now: float) -> Answer | None:
        if token and token == self._keys.access_token:
            return None
        access = self._access.get(token)
        if access is None or access.expires <= now:
            return _refusal(401, "invalid_token", "The access token is unknown, expired or revoked.")
        if "read" not in access.scope.split():
            document = {"error": "Forbidden", "description": "The token is missing the following scopes: read"}
            return json_answer(403, document)
        return None

    def _knows(self, proof: str) -> bool:
        try:
            user, _, password = base64.b64decode(proof, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        keys = self._keys
        return (
            keys.email is not None
            and bool(keys.api_token)
            and (user, password) == (f"{keys.email}/token", keys.api_token)
        )


def _refusal(status: int, error: str, description: str) -> Answer:
    return json_answer(status, {"error": error, "error_description": description})
