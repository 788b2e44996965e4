"""LivePerson's doors: the domain look-up, signatures of OAuth 1.0a, and tokens from the sentinel."""

import base64
import hmac
import re
from hashlib import sha256
from itertools import count
from urllib.parse import parse_qsl, quote, unquote

from msgspec import Struct

from exporter.simulator.exchange import Answer, Asked, json_answer

_CLOCKS_APART = 300.0
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class LivePersonKeys(Struct, frozen=True):
    """What opens one simulated account."""

    account_id: str = "12345678"
    app_key: str = "app-key"
    app_secret: str = "app-secret"  # noqa: S105 - invented, as all of them
    access_token: str = "access-token"  # noqa: S105 - likewise
    access_token_secret: str = "access-token-secret"  # noqa: S105 - likewise
    client_id: str = "exporter"
    client_secret: str = "client-secret"  # noqa: S105 - likewise
    bearer: str | None = None
    """An access token that is good from the start; None is none."""
    token_life: float = 3600.0


class Doorkeeper:
    """Keeps the tokens that were given out, and the nonces that were used."""

    def __init__(self, keys: LivePersonKeys) -> None:
        self._keys = keys
        self._number = count(1)
        self._tokens: dict[str, float] = {}
        self._nonces: dict[str, float] = {}

    def expire(self) -> None:
        """Let every access token that was given out die now."""
        self._tokens.clear()

    def look_up(self, asked: Asked, service: str) -> Answer:
        """Tell, to anybody, where a service lives: here, whichever it is."""
        if service not in {"leDataReporting", "msgHist", "sentinel"}:
            return json_answer(400, {"error": "unknown service"})
        host = asked.headers.get("host", "localhost")
        return json_answer(200, {"service": service, "account": self._keys.account_id, "baseURI": host})

    def grant(self, asked: Asked) -> Answer:
        """Answer the sentinel's token endpoint, which takes forms."""
        form = dict(parse_qsl(asked.body.decode(errors="replace")))
        if (form.get("client_id"), form.get("client_secret")) != (self._keys.client_id, self._keys.client_secret):
            return json_answer(401, {"error": "invalid_client"})
        if form.get("grant_type") != "client_credentials":
            return json_answer(400, {"error": "unsupported_grant_type"})
        token = sha256(f"{self._keys.client_secret} {next(self._number)}".encode()).hexdigest()
        self._tokens[token] = asked.at + self._keys.token_life
        return json_answer(
            200, {"access_token": token, "token_type": "Bearer"}
        )  # it does not say how long it lives

    def refuse(self, asked: Asked) -> Answer | None:
        """Return why the request may not come in, or None where it may."""
        kind, _, proof = asked.headers.get("authorization", "").partition(" ")
        if kind == "Bearer":
            good = proof == self._keys.bearer or self._tokens.get(proof, 0.0) > asked.at
            return None if good else _refusal("token_rejected")
        if kind != "OAuth":
            return _refusal("parameter_absent")
        problem = self._problem(asked, {name: unquote(value) for name, value in _PARAMETER.findall(proof)})
        return _refusal(problem) if problem else None

    def _problem(self, asked: Asked, oauth: dict[str, str]) -> str:
        keys = self._keys
        stamp, nonce = oauth.get("oauth_timestamp", ""), oauth.get("oauth_nonce", "")
        if oauth.get("oauth_consumer_key") != keys.app_key:
            return "consumer_key_unknown"
        if oauth.get("oauth_token") != keys.access_token:
            return "token_rejected"
        if not stamp.isdigit() or abs(int(stamp) - asked.at) > _CLOCKS_APART:
            return "timestamp_refused"
        self._nonces = {old: at for old, at in self._nonces.items() if asked.at - at < 2 * _CLOCKS_APART}
        if not nonce or nonce in self._nonces:
            return "nonce_used"
        if not hmac.compare_digest(oauth.get("oauth_signature", "").encode(), self._signature(asked, oauth)):
            return "signature_invalid"
        self._nonces[nonce] = asked.at
        return ""

    def _signature(self, asked: Asked, oauth: dict[str, str]) -> bytes:
        """Sign what came: the method, the address without its query, and all parameters but the signature."""
        signed = [pair for pair in oauth.items() if pair[0] not in {"oauth_signature", "realm"}]
        pairs = sorted((_escaped(name), _escaped(value)) for name, value in (*asked.query, *signed))
        told = "&".join(f"{name}={value}" for name, value in pairs)
        text = "&".join(map(_escaped, (asked.method, f"{asked.origin}{asked.path}", told)))
        key = f"{_escaped(self._keys.app_secret)}&{_escaped(self._keys.access_token_secret)}"
        return base64.b64encode(hmac.digest(key.encode(), text.encode(), "sha1"))


def _escaped(text: str) -> str:
    return quote(text, safe="-._~")


def _refusal(problem: str) -> Answer:
    return json_answer(401, {"reason": f"oauth_problem={problem}"})
