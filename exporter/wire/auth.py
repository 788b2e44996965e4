"""How a vendor wants to be convinced: schemes as data. The transport runs them."""

from typing import Literal

from msgspec import Struct

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


Scheme = Basic | Bearer | TokenGrant
