"""What the config says of a LivePerson account."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from exporter.config.types import Key, Url
from exporter.vendors.liveperson.domain import found_at
from exporter.wire.auth import OAuth1, Scheme, TokenGrant
from exporter.wire.http import LookUp
from exporter.wire.secret import Secret

DAY = 1440
"""Minutes that LivePerson looks back at most."""

Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class LivePersonCredentials(Struct, frozen=True, kw_only=True):
    """An API key, or an OAuth 2.0 client."""

    app_key: str | None = None
    app_secret: Secret | None = None
    access_token: Secret | None = None
    access_token_secret: Secret | None = None
    client_id: str | None = None
    client_secret: Secret | None = None

    def __post_init__(self) -> None:
        given = {name for name in self.__struct_fields__ if getattr(self, name) is not None}
        if given not in (
            {"app_key", "app_secret", "access_token", "access_token_secret"},
            {"client_id", "client_secret"},
        ):
            raise ValueError(
                "give app_key, app_secret, access_token and access_token_secret, or client_id and client_secret"
            )


class LivePersonOptions(Struct, frozen=True, kw_only=True):
    """Which account, and which of its skills and agents."""

    account_id: Key
    family: Literal["chat", "messaging"]
    domain_api_url: Url = "https://api.liveperson.net"
    """Who knows at which hosts the account lives."""
    base_url: Url | None = None
    """Where all services live; None has them looked up."""
    skill_ids: tuple[Id, ...] = ()
    """Empty: all skills."""
    agent_ids: tuple[Id, ...] = ()
    """Empty: all agents."""
    interval: int | None = None
    """Minutes of the slices in which agentactivity is asked for; None asks for the day in one piece."""

    def __post_init__(self) -> None:
        if self.interval is not None and (self.interval < 5 or DAY % self.interval):
            raise ValueError(f"interval: {self.interval} is no divisor of {DAY} minutes from 5 up; write 60")
        if self.interval is not None and self.family == "messaging":
            raise ValueError("interval is for the family chat; leave it out")


def place(options: LivePersonOptions, service: str) -> tuple[str, LookUp | None]:
    """Return the origin of a service, or the question that finds it."""
    if options.base_url:
        return options.base_url, None
    return "", found_at(options.domain_api_url, options.account_id, service)


def scheme(credentials: LivePersonCredentials, options: LivePersonOptions) -> Scheme:
    """Return how LivePerson is to be convinced by these credentials."""
    if credentials.client_id and credentials.client_secret:
        origin, found_by = place(options, "sentinel")
        return TokenGrant(
            token_url=f"{origin}/sentinel/api/v2/account/{options.account_id}/app/token",
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
            found_by=found_by,
        )
    assert credentials.app_key  # noqa: S101 - the credentials are valid by construction
    assert credentials.app_secret  # noqa: S101 - likewise
    assert credentials.access_token  # noqa: S101 - likewise
    assert credentials.access_token_secret  # noqa: S101 - likewise
    return OAuth1(
        credentials.app_key, credentials.app_secret, credentials.access_token, credentials.access_token_secret
    )
