"""A vendor that exists in these tests only: small, with a field of every type."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from exporter.config import Account, Config, Duration, Share, Url, VendorShapes, load
from exporter.wire.secret import Secret

ENVIRON = {"SECRET": "CANARY-in-the-environment", "EMPTY": "", "NOT_UTF8": "\udcff", "REGION": "eu"}


class Login(Struct, frozen=True):
    user: str
    password: Secret
    key: Secret | None = None

    def __post_init__(self) -> None:
        if self.user == "root":
            raise ValueError("the user root may not read statistics; make a user for the exporter")


class Line(Struct, frozen=True):
    name: str
    numbers: Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(min_length=1)]


class Choices(Struct, frozen=True):
    base_url: Url
    mirrors: tuple[Url, ...] = ()
    queues: tuple[Line, ...] = ()
    live: bool = False
    limit: int | None = None
    factor: float = 1.0
    region: Literal["eu", "us", "asia"] | None = None
    patience: Duration = 5.0
    part: Share = 1.0


class Nothing(Struct, frozen=True):
    pass


class Acme:
    Credentials: ClassVar[type[Struct]] = Login
    Options: ClassVar[type[Struct]] = Choices


class Plain:
    Credentials: ClassVar[type[Struct]] = Nothing
    Options: ClassVar[type[Struct]] = Nothing


VENDORS: Mapping[str, type[VendorShapes]] = {"acme": Acme, "plain": Plain}


def load_text(directory: Path, text: str) -> Config:
    """Load a config of this text, which stands in the directory."""
    path = directory / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, VENDORS, ENVIRON)


def login(account: Account) -> Login:
    """Return the credentials of an account at Acme."""
    assert isinstance(account.credentials, Login)
    return account.credentials


def choices(account: Account) -> Choices:
    """Return the options of an account at Acme."""
    assert isinstance(account.options, Choices)
    return account.options
