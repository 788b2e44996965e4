"""What a vendor is: a pure, frozen description of one API. It owns no session, clock, logger or counter."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

from msgspec import Struct

from exporter.errors import PollFailed
from exporter.model import Snapshot, Status
from exporter.wire.auth import Scheme
from exporter.wire.http import Budget, Reply, Request


class Endpoint(Struct, frozen=True):
    """One thing that is polled as a whole, at a pace of its own, and fails alone."""

    name: str
    """The vendor's word for it: the `endpoint` label. Requests may carry further words of the vendor's there."""
    gives: tuple[str, ...]
    """The metrics that its answers can fill, named after the prefix, but for those that take two polls."""
    every: int = 1
    """How many of the account's intervals lie between two polls: 1 or 2 for what is live, more for the rest."""
    at_least: float = 5.0
    """Seconds between two polls below which the vendor forbids, or gains nothing by, asking."""


class Limit(Struct, frozen=True):
    """What the vendor documents for the whole account, to be shared with the customer's other programs."""

    calls_per_minute: float
    concurrency: int = 2
    """Calls under way at once."""
    endpoints: Mapping[str, float] = {}
    """Calls per minute of single endpoints that have a limit of their own, beside the account's. Where the vendor
    wants silence on one of these, it alone is silent."""


class Load(Struct, frozen=True):
    """What one poll of an endpoint costs, for `check`."""

    calls: int
    series: int
    own: int = 0
    """Of the calls, those that count against the endpoint's own limit, where the vendor's Limit has one."""


class Site(Struct, frozen=True):
    """What the config says of an account whoever its vendor is."""

    time_zone: ZoneInfo | None = None
    """Where "today" begins; None where the config does not say."""
    statuses: Mapping[str, Status] = {}
    """The vendor's status words that the config teaches, beside those that the vendor module knows."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone for vendors that let us choose the window: UTC where the config does not say."""
        return self.time_zone or ZoneInfo("UTC")


class Moment(Struct, frozen=True):
    """All that a vendor may know beside the replies."""

    at: datetime
    """When the poll began, in UTC."""
    seen: Mapping[str, Snapshot] = {}
    """The account's last good snapshots that are not too old to be shown, by endpoint."""
    memory: Mapping[str, Any] = {}
    """What the last good snapshot of each endpoint wanted to be remembered, however long ago that was."""


class Vendor(Protocol):
    """One account at one vendor, built from its part of the config."""

    Credentials: ClassVar[type[Struct]]
    """The shape of `credentials` in the config; its `__post_init__` refuses combinations by ValueError."""
    Options: ClassVar[type[Struct]]
    """The shape of `options` in the config."""

    def __init__(self, credentials: Any, options: Any, site: Site) -> None:
        """Build it from an instance of `Credentials`, one of `Options`, and the account's site."""

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What to poll, at which pace."""

    @property
    def limit(self) -> Limit:
        """What the vendor allows the account."""

    @property
    def scheme(self) -> Scheme:
        """How the vendor wants to be convinced."""

    def requests(self, endpoint: str, moment: Moment) -> tuple[Request, ...]:
        """Return the calls with which a poll of this endpoint begins."""

    def follow(self, reply: Reply, before: tuple[Reply, ...], moment: Moment) -> tuple[Request, ...]:
        """Return the calls that a good reply leads to: its next page, or details of what it lists.

        A poll goes in rounds: all requests, then all that their replies lead to, and so on. `before` are the
        replies of the earlier rounds, in the order of their requests.

        Raises:
            PollFailed: the reply cannot be understood.
        """

    def judge(self, reply: Reply) -> PollFailed | None:
        """Return why this reply is no answer, or None where it is one: nobody looks at its status after that.

        Must never raise, whatever the body holds, and never quote it beyond an error code of the vendor's.
        """

    def budget(self, reply: Reply) -> Budget | None:
        """Return what the reply says of the vendor's rate limit; None where it says nothing."""

    def read(self, endpoint: str, replies: tuple[Reply, ...], moment: Moment) -> Snapshot:
        """Turn all replies of a poll, in the order of their requests, into a snapshot.

        Those to optional requests may be missing.

        Raises:
            PollFailed: the replies together are no whole and valid answer.
        """

    def load(self, endpoint: str, agents: int) -> Load:
        """Estimate what one poll costs for an account of so many agents."""
