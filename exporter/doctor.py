"""Ask each vendor once, and tell what an account's key may see, what will be missing on /metrics, and why."""

import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct
from structlog.typing import FilteringBoundLogger

from exporter.app import opened, veil_of
from exporter.config import Account, Config
from exporter.errors import PollFailed
from exporter.metrics.families import CENTRE
from exporter.model import Snapshot
from exporter.plan import paces, vendor_of
from exporter.poll import Ledger, ask
from exporter.tally import Tally
from exporter.transport import Client
from exporter.vendors.contract import Endpoint, Moment, Vendor
from exporter.wire.http import Budget, Reply
from exporter.wire.verdict import instant

_SKEW = 5.0  # seconds of difference between two clocks that are worth a word


class Finding(Struct, frozen=True):
    """What asking one endpoint once brought."""

    endpoint: str
    failure: str | None
    """In words; None where it answered."""
    calls: int = 0
    seconds: float = 0.0
    missing: tuple[str, ...] = ()
    """Metrics that this endpoint can fill and did not."""
    hidden: tuple[str, ...] = ()
    """Metrics that it did fill, and that the privacy settings keep back."""
    drift: tuple[str, ...] = ()
    clock_ahead: float | None = None
    """Seconds by which the vendor's clock is ahead of ours; None where it does not tell the time."""


class Checkup(Struct, frozen=True):
    """One account, asked once."""

    account: str
    vendor: str
    budget: Budget
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether every endpoint answered."""
        return all(finding.failure is None for finding in self.findings)


async def examine(account: Account, config: Config, tls: ssl.SSLContext, log: FilteringBoundLogger) -> Checkup:
    """Ask every endpoint of an account of this config once, one after the other."""
    vendor = vendor_of(account)
    ledger = Ledger(Tally(), vendor.limit.calls_per_minute)
    veil = veil_of(config.privacy, account.name)
    state_dir = config.server.state_dir
    async with opened(account, vendor, ledger=ledger, state_dir=state_dir, tls=tls, log=log) as client:
        seen: dict[str, Snapshot] = {}
        findings = []
        for endpoint in vendor.endpoints:
            deadline = paces(account, vendor)[endpoint.name].deadline
            findings.append(await _ask(vendor, endpoint, client, seen, veil=veil, deadline=deadline))
    return Checkup(account.name, account.vendor, ledger.latest, tuple(findings))


async def _ask(
    vendor: Vendor,
    endpoint: Endpoint,
    client: Client,
    seen: dict[str, Snapshot],
    *,
    veil: Callable[[Snapshot], Snapshot],
    deadline: float,
) -> Finding:
    moment = Moment(datetime.now(UTC), seen)
    began = time.monotonic()
    try:
        replies = await ask(vendor, endpoint.name, moment, client, deadline)
        snapshot = vendor.read(endpoint.name, replies, moment)
    except PollFailed as failed:
        return Finding(endpoint.name, f"{failed.reason}: {failed.detail}", missing=endpoint.gives)
    seen[endpoint.name] = snapshot
    filled, shown = _filled(snapshot), _filled(veil(snapshot))
    return Finding(
        endpoint.name,
        None,
        len(replies),
        time.monotonic() - began,
        tuple(name for name in endpoint.gives if name not in filled),
        tuple(name for name in endpoint.gives if name in filled - shown),
        snapshot.drift,
        _clock_ahead(replies),
    )


def _filled(snapshot: Snapshot) -> set[str]:
    return {family.name for family in CENTRE if family.has_samples(snapshot)}


def _clock_ahead(replies: tuple[Reply, ...]) -> float | None:
    dates = [(instant(reply.headers.get("date", "")), reply.at) for reply in replies]
    ahead = [date - at for date, at in dates if date is not None]
    return ahead[-1] if ahead else None


def told(checkup: Checkup) -> str:
    """Return the check-up as a person reads it."""
    width = max(len(finding.endpoint) for finding in checkup.findings)
    lines = [f"{checkup.account} ({checkup.vendor})"]
    for finding in checkup.findings:
        lines.append(f"  {finding.endpoint:<{width}}  {_result(finding)}")
        lines += [f"  {'':<{width}}    {note}" for note in _notes(finding)]
    limit, left = checkup.budget.limit, checkup.budget.remaining
    if limit is not None:
        lines.append(
            f"  limit: {limit:g} calls a minute" + ("" if left is None else f", {left:g} left this minute")
        )
    return "\n".join(lines)


def _result(finding: Finding) -> str:
    if finding.failure:
        return f"FAILED  {finding.failure}"
    calls = "1 call" if finding.calls == 1 else f"{finding.calls} calls"
    return f"ok      {calls}, {finding.seconds:.2f} s"


def _notes(finding: Finding) -> list[str]:
    notes = []
    if finding.drift:
        notes.append(f"not as documented: {', '.join(finding.drift)}")
    if finding.missing:
        why = "until this is mended" if finding.failure else "the answer does not contain them"
        notes.append(f"not on /metrics, {why}: {', '.join(finding.missing)}")
    if finding.hidden:
        notes.append(f"not on /metrics, by privacy.agent_label: {', '.join(finding.hidden)}")
    if finding.clock_ahead is not None and abs(finding.clock_ahead) > _SKEW:
        notes.append(f"the vendor's clock is {finding.clock_ahead:+.0f} s from ours: check this machine's clock")
    return notes
