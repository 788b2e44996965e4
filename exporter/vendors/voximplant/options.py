"""What the config says of a Voximplant account."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from exporter.config.types import Url
from exporter.wire.auth import FormKey, Scheme, SignedToken
from exporter.wire.secret import Secret

Number = Annotated[int, Meta(ge=1, le=2**63 - 1)]

_LIFE = 600.0  # of an hour that the vendor allows
_EARLY = 30.0  # the vendor refuses a token of the future, and does not say how exact clocks must be


class ServiceAccount(Struct, frozen=True):
    """What counts in the credentials.json of a service account."""

    account_id: Number
    key_id: Annotated[str, Meta(min_length=1)]
    private_key: Annotated[str, Meta(min_length=1)]
    """RSA, in PEM."""


class VoximplantCredentials(Struct, frozen=True, kw_only=True):
    """A service account, whole or in its parts, or the account's old API key."""

    service_account: Secret | None = None
    """The content of credentials.json."""
    account_id: Number | None = None
    key_id: str | None = None
    private_key: Secret | None = None
    api_key: Secret | None = None

    def __post_init__(self) -> None:
        given = {name for name in self.__struct_fields__ if getattr(self, name) is not None}
        if given not in (
            {"service_account"},
            {"account_id", "key_id", "private_key"},
            {"account_id", "api_key"},
        ):
            raise ValueError(
                "give service_account_file (the downloaded credentials.json), "
                "or account_id, key_id and private_key, or account_id and api_key"
            )
        if self.service_account:
            try:
                _parsed(self.service_account)
            except ValueError:
                raise ValueError(
                    "service_account is no credentials.json: it needs account_id, key_id and private_key"
                ) from None


class VoximplantOptions(Struct, frozen=True, kw_only=True):
    """Which engine, and where."""

    engine: Literal["acd", "smartqueue"] = "acd"
    application_id: Number | None = None
    """Whose users are the agents."""
    base_url: Url = "https://api.voximplant.com"

    def __post_init__(self) -> None:
        if self.engine == "smartqueue" and self.application_id is None:
            raise ValueError("engine smartqueue needs application_id: queues and agents belong to an application")


def scheme(credentials: VoximplantCredentials) -> Scheme:
    """Return how Voximplant is to be convinced by these credentials."""
    if credentials.service_account:
        whole = credentials.service_account
        return _signed(_part(whole, "private_key"), _part(whole, "account_id"), _part(whole, "key_id"))
    assert credentials.account_id  # noqa: S101 - the credentials are valid by construction
    if credentials.api_key:
        return FormKey("api_key", credentials.api_key, (("account_id", str(credentials.account_id)),))
    assert credentials.private_key  # noqa: S101 - likewise
    assert credentials.key_id  # noqa: S101 - likewise
    return _signed(credentials.private_key, credentials.account_id, credentials.key_id)


def _signed(key: Secret, issuer: int | Secret, key_id: str | Secret) -> SignedToken:
    return SignedToken("RS256", key, (("iss", issuer),), key_id, life=_LIFE, early=_EARLY)


def _part(whole: Secret, name: str) -> Secret:
    """Return a part of the service account, read anew each time: the file may be replaced while we run."""
    return Secret(lambda: str(getattr(_parsed(whole), name)), f"{name} in {whole.where}")


def _parsed(whole: Secret) -> ServiceAccount:
    return msgspec.json.decode(whole.reveal(), type=ServiceAccount)
