"""What the config says of a Kore.ai account."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from exporter.config.types import Duration, Key, Url
from exporter.wire.auth import SignedToken
from exporter.wire.secret import Secret

_SHORTEST_LIFE = 120.0  # shorter, and a token would be signed anew with every call
_EARLY = 30.0  # the vendor does not say how exact clocks must be


class KoreCredentials(Struct, frozen=True, kw_only=True):
    """The JWT app, to which the API scopes are mapped."""

    client_id: Key
    client_secret: Secret


class KoreOptions(Struct, frozen=True, kw_only=True):
    """Which account and app, and which of the vendor's ways to the same numbers it offers."""

    account_id: Key
    stream_id: Key
    base_url: Url = "https://platform.kore.ai"
    version: Literal["v1", "v3"] = "v1"
    """Of agentstatusdetails."""
    queue_source: Literal["queue_performance", "queue_stats"] = "queue_performance"
    queues: Annotated[tuple[Key, ...], Meta(max_length=100)] = ()
    """The ids of those to ask for; empty: all."""
    wait_unit: Literal["milliseconds", "seconds"] | None = None
    """Of all times of queues, about which the documentation contradicts itself; None leaves them out."""
    token_life: Duration | None = None
    """Of the tokens that we sign; None: they never end, as in the vendor's samples."""
    enforce_jti: bool = False
    """Whether the JWT app is set to Enforce JTI: each call then has a token of its own."""

    def __post_init__(self) -> None:
        if self.token_life is not None and self.token_life < _SHORTEST_LIFE:
            raise ValueError(f"token_life is too short: write {_SHORTEST_LIFE:.0f}s or more")

    @property
    def wait_scale(self) -> float | None:
        """How many seconds one unit of a queue's times is; None where nobody knows."""
        return {"milliseconds": 0.001, "seconds": 1.0, None: None}[self.wait_unit]


def scheme(credentials: KoreCredentials, options: KoreOptions) -> SignedToken:
    """Return how Kore.ai is to be convinced: a JWT in a header of its own. `sub` is free text."""
    return SignedToken(
        "HS256",
        credentials.client_secret,
        (("sub", "contact-center-exporter"), ("appId", credentials.client_id)),
        life=options.token_life,
        early=_EARLY if options.token_life else 0.0,
        once=options.enforce_jti,
        header="auth",
        prefix="",
    )
