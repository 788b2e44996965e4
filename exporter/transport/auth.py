"""What opens a vendor's door: credentials at work, and those that never change by themselves."""

import base64
import hashlib
from typing import Protocol

from msgspec import Struct

from exporter.errors import PollFailed, Reason
from exporter.transport.limit import Hold
from exporter.wire.auth import Basic, Bearer
from exporter.wire.secret import Secret

REFUSED_FOR = 300.0
"""Seconds in which refused credentials are not tried again."""


class Pass(Struct, frozen=True):
    """What opens the vendor's door."""

    authorization: str
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


def reveal(secret: Secret) -> str:
    """Return the text of a secret.

    Raises:
        PollFailed: it cannot be read, or is not one line of text.
    """
    try:
        text = secret.reveal()
    except (OSError, ValueError):
        raise PollFailed(
            Reason.SECRET, f"{secret.where}: the secret cannot be read; check file and rights"
        ) from None
    if not text or not text.isprintable():
        raise PollFailed(Reason.SECRET, f"{secret.where}: the secret is empty or not one line of text")
    return text


def fingerprint(*texts: str) -> str:
    """Return what tells other texts from these without telling these."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


class Fixed:
    """Credentials that are the same with each request, and follow their secret when it changes."""

    generation = 0
    reauth_required = False

    def __init__(self, scheme: Basic | Bearer) -> None:
        self._scheme = scheme
        self._refused = Hold()

    def _text(self) -> str:
        match self._scheme:
            case Basic(user, password):
                return f"Basic {base64.b64encode(f'{user}:{reveal(password)}'.encode()).decode()}"
            case Bearer(token, prefix):
                return f"{prefix} {reveal(token)}"

    async def current(self) -> Pass:
        """Return the secret in its present form."""
        text = self._text()
        secrets = fingerprint(text)
        self._refused.check(secrets)
        return Pass(text, secrets=secrets)

    async def renewed(self, refused: Pass) -> Pass:
        """Return the same: a person must help."""
        return refused

    def refuse(self, refused: Pass, verdict: PollFailed) -> None:
        """Hold the credentials back."""
        self._refused.begin(verdict, REFUSED_FOR, key=refused.secrets)

    async def close(self) -> None:
        """Do nothing: nothing is ever under way."""
