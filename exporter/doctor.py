"""Ask each vendor once, and tell what an account's key may see, what will be missing on /metrics, and why."""

import ssl
from collections.abc import Callable

from msgspec import Struct
from structlog.typing import FilteringBoundLogger

from exporter.account import veil_of
from exporter.config import Account, Config
from exporter.ledger import Ledger
from exporter.model import Snapshot
from exporter.once import Look, filled, look_once
from exporter.plan import vendor_of
from exporter.tally import Tally
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
    ledger = Ledger(Tally(), vendor_of(account).limit.calls_per_minute)
    veil = veil_of(config.privacy, account.name)
    looks = await look_once(account, ledger, config.server.state_dir, tls, log)
    return Checkup(account.name, account.vendor, ledger.latest, tuple(_finding(look, veil) for look in looks))


def _finding(look: Look, veil: Callable[[Snapshot], Snapshot]) -> Finding:
    gives = look.endpoint.gives
    if look.snapshot is None:
        failure = f"{look.failure.reason}: {look.failure.detail}" if look.failure else "no answer"
        return Finding(look.endpoint.name, failure, missing=gives)
    given, shown = filled(look.snapshot), filled(veil(look.snapshot))
    return Finding(
        look.endpoint.name,
        None,
        len(look.replies),
        look.seconds,
        tuple(name for name in gives if name not in given),
        tuple(name for name in gives if name in given - shown),
        look.snapshot.drift,
        _clock_ahead(look.replies),
    )


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
