"""How a vendor wants to be convinced: schemes as data. The transport runs them."""

from typing import Literal

from msgspec import Struct

from exporter.wire.http import LookUp
from exporter.wire.secret import Secret


class Basic(Struct, frozen=True):
    """`Authorization: Basic`, the same with each request."""

    user: str
    password: Secret


class Bearer(Struct, frozen=True):
    """A token that somebody made by hand and that we cannot renew."""

    token: Secret
    prefix: str = "Bearer"


class TokenGrant(Struct, frozen=True):
    """An OAuth 2.0 grant: the token endpoint gives an access token, which goes into a header.

    `refresh_token` None is the client_credentials grant, else the refresh_token grant.
    """

    token_url: str
    client_id: str
    client_secret: Secret
    scope: str | None = None
    refresh_token: Secret | None = None
    rotates: bool = False
    """Whether each use of the refresh token kills it and brings a new one, which must be stored before use."""
    encoding: Literal["form", "json"] = "form"
    prefix: str = "Bearer"
    extra: tuple[tuple[str, str], ...] = ()
    """More fields of the token request that are no secrets."""
    lost: frozenset[str] = frozenset({"invalid_grant", "invalid_client", "unauthorized_client"})
    """Words in `error` after which only a person can help."""
    too_many: frozenset[str] = frozenset()
    """Words in `error` that say that tokens were asked for too often, whatever the HTTP status."""
    silence: float = 600.0
    """Seconds without a token call after one of those words."""
    rationed: bool = False
    """Whether the vendor gives so few access tokens that they should outlive the process."""
    found_by: LookUp | None = None
    """The question whose answer says at which origin `token_url`, then a path, is."""


class SignedToken(Struct, frozen=True):
    """A JSON Web Token that we sign ourselves.

    A Secret among the claims that is all digits is sent as a number.
    """

    algorithm: Literal["HS256", "RS256"]
    key: Secret
    """The shared secret, or the private key in PEM."""
    claims: tuple[tuple[str, str | int | Secret], ...]
    """All but `iat`, `exp` and `jti`."""
    key_id: str | Secret | None = None
    """The `kid` of the token's header."""
    life: float | None = 600.0
    """Seconds from `iat` to `exp`; None leaves both out, for a token that never ends."""
    early: float = 0.0
    """Seconds by which `iat` lies in the past, for a vendor whose clock is behind ours."""
    once: bool = False
    """Whether each request carries a token of its own, told from the others by `jti`."""
    header: str = "Authorization"
    prefix: str = "Bearer "


class OAuth1(Struct, frozen=True):
    """OAuth 1.0a without a token exchange: each request is signed with HMAC-SHA1."""

    client_key: str
    client_secret: Secret
    token: Secret
    token_secret: Secret


class FormKey(Struct, frozen=True):
    """A secret field in the form that each request sends, beside the form's own fields."""

    name: str
    key: Secret
    fields: tuple[tuple[str, str], ...] = ()
    """More fields of each form that are no secrets."""


Scheme = Basic | Bearer | TokenGrant | SignedToken | OAuth1 | FormKey
