"""Zoho's doors: the token endpoint, which tells errors with HTTP 200 and rations tokens, and the access tokens."""

from collections import deque
from hashlib import sha256
from itertools import count
from urllib.parse import parse_qsl

from msgspec import Struct

from exporter.simulator.exchange import Answer, Asked, json_answer

TOKEN_PATH = "/oauth/v2/token"  # noqa: S105 - an address, not a secret
_MOST_TOKENS, _TOKEN_WINDOW = 10, 600.0
_MOST_ALIVE = 15


class ZohoKeys(Struct, frozen=True):
    """What opens one simulated account."""

    client_id: str = "1000.EXPORTER"
    client_secret: str = "zoho-secret"  # noqa: S105 - invented, opens the simulator only
    refresh_token: str = "1000.refresh"  # noqa: S105 - likewise
    token_life: float = 3600.0


class Doorkeeper:
    """Gives out tokens and knows who may come in."""

    def __init__(self, keys: ZohoKeys) -> None:
        self._keys = keys
        self._alive: dict[str, float] = {}
        self._given: deque[float] = deque(maxlen=_MOST_TOKENS)
        self._number = count(1)

    def expire(self) -> None:
        """Let every access token that was given out die now."""
        self._alive.clear()

    def grant(self, asked: Asked) -> Answer:
        """Answer the token endpoint."""
        fields = dict(parse_qsl(asked.body.decode("utf-8", "replace")))
        keys = self._keys
        if fields.get("grant_type") != "refresh_token":
            return json_answer(200, {"error": "general_error"})
        for name, error in (
            ("client_id", "invalid_client"),
            ("client_secret", "invalid_client_secret"),
            ("refresh_token", "invalid_code"),
        ):
            if fields.get(name) != getattr(keys, name):
                return json_answer(200, {"error": error})
        if len(self._given) == _MOST_TOKENS and asked.at - self._given[0] < _TOKEN_WINDOW:
            told = "You have made too many requests continuously. Please try again after some time."
            return json_answer(400, {"error": "Access Denied", "error_description": told, "status": "failure"})
        self._given.append(asked.at)
        token = f"1000.{sha256(f'{keys.client_secret} {next(self._number)}'.encode()).hexdigest()}"
        self._alive[token] = asked.at + keys.token_life
        if len(self._alive) > _MOST_ALIVE:
            del self._alive[next(iter(self._alive))]
        document = {"access_token": token, "expires_in": int(keys.token_life), "token_type": "Bearer"}
        return json_answer(200, document | {"api_domain": "https://www.zohoapis.example"})

    def refuse(self, asked: Asked) -> Answer | None:
        """Return why the request may not come in, or None where it may."""
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        if kind == "Zoho-oauthtoken" and self._alive.get(token, 0.0) > asked.at:
            return None
        return json_answer(401, {"response": "error", "cause": "INVALID_OAUTHTOKEN"})
