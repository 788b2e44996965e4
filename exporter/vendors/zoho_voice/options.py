"""What the config says of a Zoho Voice account."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from exporter.config.types import Url
from exporter.wire.auth import TokenGrant
from exporter.wire.secret import Secret

# Documented for the token hosts; of the Voice hosts only .com is, the others follow its pattern.
_DOMAINS = {
    "us": "zoho.com",
    "eu": "zoho.eu",
    "in": "zoho.in",
    "au": "zoho.com.au",
    "jp": "zoho.jp",
    "ca": "zohocloud.ca",
    "sa": "zoho.sa",
    "uk": "zoho.uk",
    "cn": "zoho.com.cn",
}


class ZohoCredentials(Struct, frozen=True, kw_only=True):
    """An OAuth client and a refresh token of it, all three of the account's own data centre."""

    client_id: str
    client_secret: Secret
    refresh_token: Secret


QueueId = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class ZohoOptions(Struct, frozen=True, kw_only=True):
    """Where the account lives, and which of its queues are read one by one."""

    data_center: Literal["us", "eu", "in", "au", "jp", "ca", "sa", "uk", "cn"] = "us"
    base_url: Url | None = None
    """In place of the data centre's Voice host."""
    accounts_url: Url | None = None
    """In place of the data centre's token host."""
    queues: Annotated[tuple[QueueId, ...], Meta(max_length=6)] = ()
    """Ids; empty: the calls of the whole account are read together. More lists would not fit the log's limit."""

    def __post_init__(self) -> None:
        if len(set(self.queues)) < len(self.queues):
            raise ValueError("queues: an id is there twice; name each once")

    @property
    def voice(self) -> str:
        """The origin of the Voice API."""
        return self.base_url or f"https://voice.{_DOMAINS[self.data_center]}"

    @property
    def accounts(self) -> str:
        """The origin of the token endpoint."""
        return self.accounts_url or f"https://accounts.{_DOMAINS[self.data_center]}"


def scheme(credentials: ZohoCredentials, options: ZohoOptions) -> TokenGrant:
    """Return how Zoho is to be convinced: its token endpoint tells errors with HTTP 200, and rations tokens."""
    return TokenGrant(
        token_url=f"{options.accounts}/oauth/v2/token",
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
        refresh_token=credentials.refresh_token,
        prefix="Zoho-oauthtoken",  # whatever `token_type` says
        lost=frozenset({"invalid_code", "invalid_client", "invalid_client_secret"}),
        too_many=frozenset({"Access Denied"}),
        rationed=True,
    )
