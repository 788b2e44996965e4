"""What a config will do, told without asking anybody: paces, calls against the vendor's limit, series."""

from collections.abc import Collection, Mapping
from math import inf
from pathlib import Path

from msgspec import Struct

from exporter.config import Account, Config, ConfigError, Problem, load
from exporter.poll import Pace
from exporter.transport.limit import SUSTAINED
from exporter.vendors import VENDORS
from exporter.vendors.contract import Site, Vendor
from exporter.web import read_terms
from exporter.wire.auth import TokenGrant

UNKEPT = (
    "each start takes one of the few access tokens that the vendor gives;"
    " name a server.state_dir, in which they outlive a restart"
)
"""What is said where a vendor rations tokens and nothing keeps them."""
_OWN_SERIES = 12  # of an account, before its endpoints
_OWN_SERIES_AN_ENDPOINT = 30


def read(path: Path, environ: Mapping[str, str]) -> Config:
    """Return the config, checked against the vendors as well; so is its web_config, which is read when it is used.

    Raises:
        ConfigError: with all problems of the file.
    """
    config = load(path, VENDORS, environ)
    problems = [
        problem
        for index, account in enumerate(config.accounts)
        for problem in _misfits(f"accounts[{index}]", account, config)
    ]
    if problems:
        raise ConfigError(str(path), problems)
    if config.server.web_config:
        read_terms(config.server.web_config, environ)
    return config


def vendor_of(account: Account) -> Vendor:
    """Return the vendor of an account, built from its part of the config."""
    site = Site(account.time_zone, account.statuses)
    return VENDORS[account.vendor](account.credentials, account.options, site)


def paces(account: Account, vendor: Vendor) -> Mapping[str, Pace]:
    """Return the pace of each endpoint.

    Slow endpoints come every few intervals, and their snapshots may be older in the same proportion.
    """
    said = account.polling
    intervals = {one.name: said.endpoints.get(one.name, one.every * said.interval) for one in vendor.endpoints}
    return {
        name: Pace(interval, said.max_age * interval / said.interval, min(interval, said.interval))
        for name, interval in intervals.items()
    }


def _misfits(path: str, account: Account, config: Config) -> list[Problem]:
    vendor = vendor_of(account)
    known = {one.name: one for one in vendor.endpoints}
    problems = [
        Problem(
            None, f"{path}.polling.endpoints.{name}", f"{account.vendor} has no such endpoint", " or ".join(known)
        )
        for name in account.polling.endpoints
        if name not in known
    ]
    problems += [
        Problem(
            None,
            f"{path}.polling",
            f"{name} would be polled every {pace.interval:g}s, faster than the vendor allows or gains by",
            f"{known[name].at_least:g}s or more",
        )
        for name, pace in paces(account, vendor).items()
        if pace.interval < known[name].at_least
    ]
    if isinstance(vendor.scheme, TokenGrant) and vendor.scheme.rotates and config.server.state_dir is None:
        wrong = f"the refresh token of {path} changes with each use and must be kept"
        problems.append(Problem(None, "server.state_dir", wrong, "a directory that survives a restart"))
    return problems


class EndpointPlan(Struct, frozen=True):
    """What polling one endpoint costs."""

    name: str
    interval: float
    deadline: float
    """Seconds that one poll may take."""
    calls: int
    """Of one poll."""
    series: int
    own_calls: int = 0
    """Of these, those that count against the endpoint's own limit."""
    own_limit: float = inf
    """Calls per minute that the vendor allows the endpoint, beside those of the account."""

    @property
    def calls_per_minute(self) -> float:
        """All polls of a minute."""
        return 60 * self.calls / self.interval


class AccountPlan(Struct, frozen=True):
    """What polling one account costs, for an assumed number of agents."""

    account: str
    vendor: str
    agents: int
    limit: float
    """Calls per minute that the vendor allows the account."""
    share: float
    """The part of it that is ours."""
    endpoints: tuple[EndpointPlan, ...]
    rationed: bool = False
    """Whether the vendor rations access tokens."""

    @property
    def calls_per_minute(self) -> float:
        """All calls of the account."""
        return sum(one.calls_per_minute for one in self.endpoints)

    @property
    def budget(self) -> float:
        """Calls per minute that we allow ourselves."""
        return self.limit * self.share

    @property
    def series(self) -> int:
        """Series of the account on /metrics, those about the polls included."""
        own = _OWN_SERIES + _OWN_SERIES_AN_ENDPOINT * len(self.endpoints)
        return own + sum(one.series for one in self.endpoints)

    @property
    def excesses(self) -> Mapping[str, float]:
        """How many times too many calls there are: for the account, and by name for endpoints with a limit."""
        return {
            "": _excess(self.budget, [(one.calls, one) for one in self.endpoints]),
            **{
                one.name: _excess(one.own_limit * self.share, [(one.own_calls, one)])
                for one in self.endpoints
                if one.own_limit < inf
            },
        }

    @property
    def fits(self) -> bool:
        """Whether the calls stay inside the budget."""
        return max(self.excesses.values()) <= 1


def _excess(budget: float, polls: Collection[tuple[int, EndpointPlan]]) -> float:
    """Return how many times too many calls there are, in the long run or in the longest poll."""
    steady = SUSTAINED * budget
    rate = sum(60 * calls / one.interval for calls, one in polls)
    return max(rate / steady, *(calls / (budget - steady + steady * one.deadline / 60) for calls, one in polls))


def plan(account: Account, agents: int) -> AccountPlan:
    """Return what an account of so many agents will cost."""
    vendor = vendor_of(account)
    endpoints = []
    for name, pace in paces(account, vendor).items():
        one = vendor.load(name, agents)
        own_limit = vendor.limit.endpoints.get(name, inf)
        endpoints.append(
            EndpointPlan(name, pace.interval, pace.deadline, one.calls, one.series, one.own, own_limit)
        )
    share = account.polling.budget_share
    return AccountPlan(
        account.name,
        account.vendor,
        agents,
        vendor.limit.calls_per_minute,
        share,
        tuple(endpoints),
        rations_tokens(vendor),
    )


def rations_tokens(vendor: Vendor) -> bool:
    """Return whether the vendor gives so few access tokens that they should outlive the process."""
    return isinstance(vendor.scheme, TokenGrant) and vendor.scheme.rationed


def told(plans: list[AccountPlan], *, keeps_tokens: bool = True) -> str:
    """Return the plans as a person reads them; `keeps_tokens` is whether there is a server.state_dir."""
    return "\n\n".join(_told(one, keeps_tokens=keeps_tokens) for one in plans)


def _told(one: AccountPlan, *, keeps_tokens: bool) -> str:
    width = max(len(endpoint.name) for endpoint in one.endpoints)
    lines = [f"{one.account} ({one.vendor}), planned for {one.agents:,} agents"]
    lines += [
        f"  {endpoint.name:<{width}}  every {endpoint.interval:>5g} s  {endpoint.calls_per_minute:>7.1f} calls/min"
        f"  {endpoint.series:>8,} series"
        for endpoint in one.endpoints
    ]
    lines.append(
        f"  {one.calls_per_minute:.1f} calls a minute of our {one.budget:g} "
        f"({one.share:.0%} of the vendor's {one.limit:g}), about {one.series:,} series"
    )
    lines += [
        f"  too many calls{f' of {name}, which has a limit of its own' if name else ''}: polls will be cut short. "
        f"Make the interval {excess:.1f} times as long, raise budget_share, or ask for fewer queues and groups"
        for name, excess in one.excesses.items()
        if excess > 1
    ]
    if one.rationed and not keeps_tokens:
        lines.append(f"  {UNKEPT}")
    return "\n".join(lines)
