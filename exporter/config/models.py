"""The config as the program sees it: frozen, complete, valid. Durations are seconds."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol

from msgspec import Struct

from exporter.config.problems import Misfit
from exporter.config.types import (
    Address,
    Age,
    Interval,
    Listen,
    Location,
    Name,
    ObjectName,
    Share,
    Term,
    TimeZone,
)
from exporter.model import Status
from exporter.wire.secret import Secret

_KEY_BYTES = 32


class VendorShapes(Protocol):
    """The part of a vendor that the config must know: what an account's credentials and options look like."""

    Credentials: ClassVar[type[Struct]]
    Options: ClassVar[type[Struct]]


class Lease(Struct, frozen=True, kw_only=True):
    """The Lease of a Kubernetes cluster whose holder polls while the other replicas stand by."""

    name: ObjectName = "contact-center-exporter"
    """The same for all replicas, and no other program's."""
    namespace: ObjectName | None = None
    """None: that of the pod."""
    duration: Term = 15.0
    """How long the others wait when its holder falls silent."""


class Server(Struct, frozen=True, kw_only=True):
    """How the exporter is reached, and where it keeps what must survive a restart."""

    listen: Address = Listen("0.0.0.0", 10777)  # noqa: S104 - Prometheus scrapes from another machine
    state_dir: Location | None = None
    """Where rotating tokens are kept; None where the config names no place for them."""
    reload: bool = False
    """Whether POST /-/reload is served."""
    web_config: Location | None = None
    """The file of TLS and passwords, which `exporter.web` reads; None: everybody is answered, in plain HTTP."""
    ha: Literal["kubernetes-lease"] | None = None
    """How one of several replicas is found that polls; None: this one polls."""
    lease: Lease = Lease()

    def __post_init__(self) -> None:
        if self.ha is None and self.lease != Lease():
            raise Misfit("lease has no effect", "ha: kubernetes-lease beside it, or leave the key out")


class Polling(Struct, frozen=True, kw_only=True):
    """The pace of every account that does not say otherwise."""

    interval: Interval = 30.0
    max_age: Age = 90.0
    """Older data is not shown. Where the config does not say: three intervals, and at least 90 seconds."""
    budget_share: Share = 0.5
    """The part of the vendor's documented limit that we may use; the rest is for the customer's other programs."""


class Pace(Polling, frozen=True, kw_only=True):
    """The pace of one account: its own settings, and the common ones where it has none."""

    endpoints: Mapping[str, Interval] = {}
    """Intervals of single endpoints. Which names exist only the vendor knows: they are not checked yet."""


class Privacy(Struct, frozen=True, kw_only=True):
    """What /metrics tells about people."""

    agent_label: Literal["id", "pseudonym", "name", "none"] = "id"
    pseudonym_key: Secret | None = None
    """At least 32 bytes; given exactly when agent_label is pseudonym."""

    def __post_init__(self) -> None:
        if self.agent_label != "pseudonym":
            if self.pseudonym_key is not None:
                raise Misfit("pseudonym_key has no effect", "agent_label: pseudonym, or leave the key out")
        elif self.pseudonym_key is None:
            raise Misfit(
                "agent_label pseudonym needs a key", "pseudonym_key_file, which `openssl rand -hex 32` can fill"
            )
        elif len(self.pseudonym_key.reveal().encode()) < _KEY_BYTES:
            raise Misfit(
                f"pseudonym_key is shorter than {_KEY_BYTES} bytes", "the output of `openssl rand -hex 32`"
            )


class Account(Struct, frozen=True, kw_only=True):
    """One contact centre at one vendor."""

    name: Name
    """Unique: the `account` label."""
    vendor: str
    time_zone: TimeZone | None = None
    """Where "today" begins; None leaves it to the vendor."""
    statuses: Mapping[str, Status] = {}
    """Status words of the vendor that the program does not know, and what they mean."""
    polling: Pace = Pace()
    credentials: Struct
    """Of the shape that the vendor names."""
    options: Struct
    """Of the shape that the vendor names."""
    allow_insecure_url: bool = False
    """Whether URLs of this account may be http or private: for simulators and proxies of one's own."""


class Config(Struct, frozen=True, kw_only=True):
    """Everything that the file says. Two configs are equal when they would do the same."""

    server: Server = Server()
    polling: Polling = Polling()
    privacy: Privacy = Privacy()
    accounts: tuple[Account, ...]
