"""Each endpoint of an account asked once: what doctor examines and record writes down."""

import ssl
import time
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from structlog.typing import FilteringBoundLogger

from exporter.account import opened
from exporter.config import Account
from exporter.errors import PollFailed
from exporter.ledger import Ledger
from exporter.metrics.families import CENTRE
from exporter.model import Snapshot
from exporter.plan import paces, vendor_of
from exporter.poll import ask, broken
from exporter.transport import Client
from exporter.vendors.contract import Endpoint, Moment, Vendor
from exporter.wire.http import Reply


class Look(Struct, frozen=True):
    """What one endpoint said."""

    endpoint: Endpoint
    replies: tuple[Reply, ...] = ()
    snapshot: Snapshot | None = None
    """None where it failed."""
    failure: PollFailed | None = None
    seconds: float = 0.0


def filled(snapshot: Snapshot) -> set[str]:
    """Return the names of the metrics that have samples."""
    return {family.name for family in CENTRE if family.has_samples(snapshot)}


async def look_once(
    account: Account, ledger: Ledger, state_dir: Path | None, tls: ssl.SSLContext, log: FilteringBoundLogger
) -> tuple[Look, ...]:
    """Poll the endpoints of an account, one after the other."""
    vendor = vendor_of(account)
    pace = paces(account, vendor)
    looks: list[Look] = []
    async with opened(account, vendor, ledger=ledger, state_dir=state_dir, tls=tls, log=log) as client:
        seen: dict[str, Snapshot] = {}
        for endpoint in vendor.endpoints:
            try:
                look = await _look(vendor, endpoint, client, seen, pace[endpoint.name].deadline)
            except Exception as fault:
                log.exception("look_broke", vendor=account.vendor, account=account.name, endpoint=endpoint.name)
                look = Look(endpoint, failure=broken(fault))
            if look.snapshot:
                seen[endpoint.name] = look.snapshot
            looks.append(look)
    return tuple(looks)


async def _look(
    vendor: Vendor, endpoint: Endpoint, client: Client, seen: dict[str, Snapshot], deadline: float
) -> Look:
    """Poll one endpoint; again, where what it gives takes two polls and the first remembered something for it."""
    began = time.monotonic()
    memory: dict[str, object] = {}
    replies: tuple[Reply, ...] = ()
    for _ in range(2):
        moment = Moment(datetime.now(UTC), seen, memory)
        try:
            replies += (more := await ask(vendor, endpoint.name, moment, client, deadline))
            snapshot = vendor.read(endpoint.name, more, moment)
        except PollFailed as failed:
            return Look(endpoint, replies, failure=failed)
        memory[endpoint.name] = snapshot.memory
        if snapshot.memory is None or filled(snapshot) >= set(endpoint.gives):
            break
    return Look(endpoint, replies, snapshot, seconds=time.monotonic() - began)
