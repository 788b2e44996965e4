"""What an account needs before it can be polled: its way to the vendor, and the veil over its people."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from exporter.config import Account, Privacy
from exporter.ledger import Ledger
from exporter.model import Snapshot
from exporter.privacy import veil
from exporter.transport import Client, GrantStore, open_session
from exporter.vendors.contract import Vendor


@asynccontextmanager
async def opened(
    account: Account,
    vendor: Vendor,
    *,
    ledger: Ledger,
    state_dir: Path | None,
    tls: ssl.SSLContext,
    log: FilteringBoundLogger,
) -> AsyncIterator[Client]:
    """Open the account's way to its vendor, and close it when the context ends."""
    told = log.bind(vendor=account.vendor, account=account.name)
    client = Client(
        scheme=vendor.scheme,
        judge=vendor.judge,
        budget=vendor.budget,
        calls_per_minute=vendor.limit.calls_per_minute,
        share=account.polling.budget_share,
        concurrency=vendor.limit.concurrency,
        own_limits=vendor.limit.endpoints,
        watch=ledger,
        grants=GrantStore(state_dir, account.name, lambda detail: told.warning("kept_tokens", detail=detail)),
        sessions=partial(open_session, tls),
    )
    try:
        yield client
    finally:
        await client.close()


def veil_of(privacy: Privacy, account: str) -> Callable[[Snapshot], Snapshot]:
    """Return what prepares an account's snapshots for the store, as the config wants its people shown."""
    mode, key = privacy.agent_label, privacy.pseudonym_key

    def veiled(snapshot: Snapshot) -> Snapshot:  # the key's file may change at any time
        return veil(mode, account, key.reveal().encode() if key else b"")(snapshot)

    return veiled
