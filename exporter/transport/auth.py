"""What opens a vendor's door: credentials at work, and those that never change by themselves."""

import base64
import hashlib
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from exporter.errors import PollFailed, Reason
from exporter.transport.exchange import Proof
from exporter.transport.limit import Hold
from exporter.transport.proofs import form_fields, header, signature
from exporter.wire.auth import Basic, Bearer, FormKey, OAuth1
from exporter.wire.http import Request
from exporter.wire.secret import Secret

REFUSED_FOR = 300.0
"""Seconds in which refused credentials are not tried again."""


class Pass(Struct, frozen=True):
    """What opens the vendor's door."""

    prove: Callable[[Request], Proof]
    """Returns what one request must carry."""
    generation: int = 0
    """How many renewals came before it."""
    secrets: str = ""
    """Fingerprint of the secrets behind it."""

    def __repr__(self) -> str:
        return "Pass(***)"


class Keys(Protocol):
    """One account's credentials at work."""

    @property
    def generation(self) -> int:
        """How often they have been renewed."""

    @property
    def reauth_required(self) -> bool:
        """Whether only a person can help: the grant is dead."""

    async def current(self) -> Pass:
        """Return what the next request carries.

        Raises:
            PollFailed: refused not long ago, grant lost, secret unreadable, or no token to be had.
        """

    async def renewed(self, refused: Pass) -> Pass:
        """Return something newer than `refused`, or the same where nothing newer can be had.

        Raises:
            PollFailed: there is no token to be had.
        """

    def refuse(self, refused: Pass, verdict: PollFailed) -> None:
        """Let nobody try the secrets behind `refused` for five minutes."""

    async def close(self) -> None:
        """Let a renewal that is under way come to its end, for at most five seconds."""


def reveal(secret: Secret, *, lines: bool = False) -> str:
    """Return the text of a secret; `lines` allows more than one, as a private key has.

    Raises:
        PollFailed: it cannot be read, or is not one line of text.
    """
    try:
        text = secret.reveal()
    except (OSError, ValueError):
        raise PollFailed(
            Reason.SECRET, f"{secret.where}: the secret cannot be read; check file and rights"
        ) from None
    if not lines and not text.isprintable():
        raise PollFailed(Reason.SECRET, f"{secret.where}: the secret is not one line of text")
    return text


def fingerprint(*texts: str) -> str:
    """Return what tells other texts from these without telling these."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


class Fixed:
    """Credentials that are the same with each request, and follow their secret when it changes."""

    generation = 0
    reauth_required = False

    def __init__(self, scheme: Basic | Bearer | OAuth1 | FormKey) -> None:
        self._scheme = scheme
        self._refused = Hold()

    async def current(self) -> Pass:
        """Return the secrets in their present form."""
        prove, secrets = self._prove()
        self._refused.check(secrets)
        return Pass(prove, secrets=secrets)

    def _prove(self) -> tuple[Callable[[Request], Proof], str]:
        match self._scheme:
            case Basic(user, password):
                text = f"{user}:{reveal(password)}"
                return header(f"Basic {base64.b64encode(text.encode()).decode()}"), fingerprint(text)
            case Bearer(token, prefix):
                text = f"{prefix} {reveal(token)}"
                return header(text), fingerprint(text)
            case OAuth1(client_key, client_secret, token, token_secret):
                keys = (client_key, reveal(client_secret), reveal(token), reveal(token_secret))
                return signature(*keys), fingerprint(*keys)
            case FormKey(name, key, fields):
                secret = reveal(key)
                return form_fields((*fields, (name, secret))), fingerprint(secret)

    async def renewed(self, refused: Pass) -> Pass:
        """Return the same: a person must help."""
        return refused

    def refuse(self, refused: Pass, verdict: PollFailed) -> None:
        """Hold the credentials back."""
        self._refused.begin(verdict, REFUSED_FOR, key=refused.secrets)

    async def close(self) -> None:
        """Do nothing: nothing is ever under way."""
