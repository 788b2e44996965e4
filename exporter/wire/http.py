"""One question to a vendor, and what came back."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Literal, TypeVar

from msgspec import Struct

from exporter.wire.decode import Decoded, decode

T = TypeVar("T")


class Request(Struct, frozen=True):
    """One HTTP call, without its credentials: the transport adds those."""

    endpoint: str
    """Which of the vendor's endpoints this belongs to: a label value, from the vendor's closed list."""
    url: str
    """Absolute, without query; a path where `found_by` tells the rest."""
    query: tuple[tuple[str, str], ...] = ()
    method: Literal["GET", "POST", "PUT"] = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str | None = None
    """Of `body`; None where there is no body."""
    about: str = ""
    """What the answer will be about (a queue, a group), since an answer does not repeat its filter."""
    safe: bool = True
    """Whether asking twice does no harm: only then is it retried."""
    optional: bool = False
    """Whether a refusal of this one call leaves the poll whole: its reply is then missing among the replies."""
    found_by: "LookUp | None" = None
    """The question whose answer says at which origin the path is."""


class Reply(Struct, frozen=True, dict=True):
    """A whole answer: its status came first, then its body under the size cap."""

    request: Request
    status: int
    body: bytes
    at: float
    """When it was whole, by our clock."""
    headers: Mapping[str, str] = {}
    """Lower-case names."""

    def decoded(self, shape: type[T]) -> Decoded[T]:
        """Return the body in this shape; it is decoded once, however many look at it.

        Raises:
            Unreadable: the body has not this shape.
        """
        known = self._shapes
        if shape not in known:
            known[shape] = decode(self.body, shape)
        return known[shape]

    @cached_property
    def _shapes(self) -> dict[Any, Decoded[Any]]:
        return {}


class LookUp(Struct, frozen=True):
    """A question, asked without credentials, that tells at which origin a service of the vendor lives."""

    request: Request
    hosts: tuple[str, ...]
    """Suffixes of the host names that may be told, such as `.liveperson.net`, beside the host that is asked:
    credentials go nowhere else."""
    read: Callable[[Reply], str]
    """Returns the origin (`https://va.example.net`) that a reply of whatever status tells; raises PollFailed."""


class Call(Struct, frozen=True, gc=False):
    """One HTTP exchange as it happened, for the exporter's metrics about itself."""

    endpoint: str
    code: str
    """The status code, or the reason why there was none."""
    seconds: float


class Budget(Struct, frozen=True, gc=False):
    """How many calls the vendor allows per minute, and how many of them are left, where it says so."""

    limit: float | None = None
    remaining: float | None = None
