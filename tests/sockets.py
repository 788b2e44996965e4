"""A vendor asked through real sockets, as the exporter asks it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from exporter.ledger import Ledger
from exporter.tally import Tally
from exporter.transport import Client, GrantStore, open_session, tls_context
from exporter.vendors.contract import Vendor


@asynccontextmanager
async def connected(vendor: Vendor, calls_per_minute: float = 100_000) -> AsyncIterator[Client]:
    """Open the way to a vendor for as long as it is needed; a limit that the vendor itself tells is kept."""
    client = Client(
        scheme=vendor.scheme,
        judge=vendor.judge,
        budget=vendor.budget,
        calls_per_minute=calls_per_minute,
        share=1.0,
        concurrency=vendor.limit.concurrency,
        watch=Ledger(Tally(), None),
        grants=GrantStore(None, "acme", print),
        sessions=partial(open_session, tls_context()),
    )
    try:
        yield client
    finally:
        await client.close()
