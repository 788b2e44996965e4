"""What the config says of a Zendesk account."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from exporter.config.types import Url
from exporter.model import ALL_QUEUES
from exporter.wire.auth import Basic, Bearer, Scheme, TokenGrant
from exporter.wire.secret import Secret

# Calls per minute for the whole account, shared with every other integration of the customer.
CALLS_PER_MINUTE = {
    "team": 200,
    "growth": 400,
    "professional": 400,
    "enterprise": 700,
    "enterprise_plus": 2500,
}


class ZendeskCredentials(Struct, frozen=True, kw_only=True):
    """An OAuth client (with a refresh token, if the grant is one), an API token, or a ready access token."""

    client_id: str | None = None
    client_secret: Secret | None = None
    refresh_token: Secret | None = None
    email: str | None = None
    api_token: Secret | None = None
    access_token: Secret | None = None

    def __post_init__(self) -> None:
        given = {name for name in self.__struct_fields__ if getattr(self, name) is not None}
        if given not in (
            {"client_id", "client_secret"},
            {"client_id", "client_secret", "refresh_token"},
            {"email", "api_token"},
            {"access_token"},
        ):
            raise ValueError(
                "give client_id and client_secret (with refresh_token where the client has one), "
                "or email and api_token, or access_token"
            )


QueueName = Annotated[str, Meta(min_length=1, max_length=64)]


class QueueOption(Struct, frozen=True):
    """A queue is a name for the phone numbers that lead into it."""

    name: QueueName
    phone_number_ids: Annotated[tuple[int, ...], Meta(min_length=1, max_length=100)]


class GroupOption(Struct, frozen=True):
    """Agents of these groups serve the queue of this name."""

    name: QueueName
    group_ids: Annotated[tuple[int, ...], Meta(min_length=1, max_length=100)]


class ZendeskOptions(Struct, frozen=True, kw_only=True):
    """Which account, and how its numbers and groups form queues."""

    base_url: Url
    queues: tuple[QueueOption, ...] = ()
    groups: tuple[GroupOption, ...] = ()
    plan: Literal["team", "growth", "professional", "enterprise", "enterprise_plus"] = "team"
    """The call limit to begin with; the vendor's replies tell the true one."""

    def __post_init__(self) -> None:
        if urlsplit(self.base_url).path:
            raise ValueError("base_url has a path; write the host alone, like https://acme.zendesk.com")
        for what, options in (("queues", self.queues), ("groups", self.groups)):
            names = [option.name for option in options]
            if ALL_QUEUES in names:
                raise ValueError(f'{what}: the name "{ALL_QUEUES}" stands for the whole account; choose another')
            if len(set(names)) < len(names):
                raise ValueError(f"{what}: two of them have the same name; give each its own")


def scheme(credentials: ZendeskCredentials, base_url: str) -> Scheme:
    """Return how Zendesk is to be convinced by these credentials."""
    if credentials.access_token:
        return Bearer(credentials.access_token)
    if credentials.email and credentials.api_token:
        return Basic(f"{credentials.email}/token", credentials.api_token)
    assert credentials.client_id  # noqa: S101 - the credentials are valid by construction
    assert credentials.client_secret  # noqa: S101 - likewise
    return TokenGrant(
        token_url=f"{base_url}/oauth/tokens",
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
        scope=None if credentials.refresh_token else "read",
        refresh_token=credentials.refresh_token,
        rotates=credentials.refresh_token is not None,
        encoding="json",
    )
