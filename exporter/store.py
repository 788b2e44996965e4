"""The current World: everything that may be shown, replaced whole by one assignment."""

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from exporter.errors import Reason
from exporter.model import Snapshot
from exporter.tally import Counts
from exporter.wire.http import Budget


class Held(Struct, frozen=True):
    """A snapshot while it may be shown."""

    snapshot: Snapshot
    taken: float
    """When its poll began, less what a cache had kept the answer, in seconds since the Unix epoch: its age counts
    from here."""
    expires: float
    """When it is too old to be shown, on the monotonic clock."""


class Trouble(Struct, frozen=True):
    """Why an endpoint brings nothing at present."""

    reason: Reason
    detail: str
    since: float
    """Of the first failure in this row, in seconds since the Unix epoch."""


class EndpointState(Struct, frozen=True):
    """One endpoint of one account."""

    held: Held | None = None
    """None before the first success, and after max_age."""
    last_success: float | None = None
    trouble: Trouble | None = None
    tried: bool = False
    live: bool = True
    """Whether it is polled at each of the account's intervals, or at each second one, not only now and then."""
    max_age: float | None = None
    """Seconds for which an answer may be shown; None where nobody polls it."""


class AccountState(Struct, frozen=True):
    """One account, as its poll loop last left it."""

    vendor: str
    name: str
    endpoints: Mapping[str, EndpointState]
    budget: Budget = Budget()
    reauth_required: bool = False
    counts: Counts = Counts()
    """What has happened to the account since the start."""

    @property
    def up(self) -> bool:
        """Whether the latest poll of any live endpoint succeeded: the vendor answers, and knows us."""
        return any(state.live and state.tried and state.trouble is None for state in self.endpoints.values())


class World(Struct, frozen=True):
    """All accounts by name, in the order of the config."""

    accounts: Mapping[str, AccountState] = {}

    def at(self, monotonic: float) -> "World":
        """Return the World without what has grown too old to be shown."""
        return World({name: _fresh(account, monotonic) for name, account in self.accounts.items()})

    def next_expiry(self) -> float | None:
        """Return when the next snapshot grows too old, on the monotonic clock; None where none is held."""
        return min(
            (
                state.held.expires
                for account in self.accounts.values()
                for state in account.endpoints.values()
                if state.held
            ),
            default=None,
        )


def _fresh(account: AccountState, monotonic: float) -> AccountState:
    stale = {
        name: replace(state, held=None)
        for name, state in account.endpoints.items()
        if state.held and state.held.expires <= monotonic
    }
    return replace(account, endpoints={**account.endpoints, **stale}) if stale else account


class Store:
    """Holds the World. Readers take it whole and keep it as long as they like; it never changes under them."""

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        """Start empty; `on_change` is called after each replacement and must not block."""
        self.world = World()
        self._on_change = on_change

    def put(self, account: AccountState) -> None:
        """Replace one account by its newer self."""
        self.world = World({**self.world.accounts, account.name: account})
        self._on_change()

    def keep(self, names: tuple[str, ...]) -> None:
        """Forget every account that is not named, and put the others in this order."""
        known = self.world.accounts
        self.world = World({name: known[name] for name in names if name in known})
        self._on_change()
