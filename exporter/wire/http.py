"""One question to a vendor, and what came back."""

from collections.abc import Mapping

from msgspec import Struct


class Request(Struct, frozen=True):
    """One HTTP call, without its credentials: the transport adds those."""

    endpoint: str
    """Which of the vendor's endpoints this belongs to: a label value, from the vendor's closed list."""
    url: str
    """Absolute, without query."""
    query: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str | None = None
    """Of `body`; None where there is no body."""
    about: str = ""
    """What the answer will be about (a queue, a group), since an answer does not repeat its filter."""
    safe: bool = True
    """Whether asking twice does no harm: only then is it retried."""


class Reply(Struct, frozen=True):
    """A whole answer: its status came first, then its body under the size cap. Nothing is decoded yet."""

    request: Request
    status: int
    body: bytes
    at: float
    """When it was whole, by our clock."""
    headers: Mapping[str, str] = {}
    """Lower-case names."""


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
