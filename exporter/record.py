"""Write down what a vendor answers, without what is anybody's name, address or number, to replay it elsewhere."""

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from structlog.typing import FilteringBoundLogger

from exporter.app import opened
from exporter.config import Account
from exporter.errors import PollFailed
from exporter.model import Snapshot
from exporter.plan import paces, vendor_of
from exporter.poll import Ledger
from exporter.simulator.recorded import ORIGIN, place
from exporter.tally import Tally
from exporter.vendors.contract import Moment
from exporter.wire.http import Budget, Reply

_PERSONAL = re.compile(r"name|mail|phone|number|avatar|photo|address|caller|token|secret|key$", re.IGNORECASE)
_STRUCTURAL = re.compile(r"phone_number_ids?$|agent_number$", re.IGNORECASE)  # ids, by which rows are joined


class Written(msgspec.Struct, frozen=True):
    """What became of one endpoint."""

    endpoint: str
    files: tuple[Path, ...] = ()
    failure: str | None = None


async def record(
    account: Account, folder: Path, state_dir: Path | None, tls: ssl.SSLContext, log: FilteringBoundLogger
) -> list[Written]:
    """Poll every endpoint of the account once, and keep each answer in a file at the path of its URL."""
    vendor = vendor_of(account)
    ledger = Ledger(Tally(), Budget())
    veil = Veil()
    written: list[Written] = []
    async with opened(account, vendor, ledger=ledger, state_dir=state_dir, tls=tls, log=log) as client:
        seen: dict[str, Snapshot] = {}
        for name, pace in paces(account, vendor).items():
            moment = Moment(datetime.now(UTC), seen)
            try:
                replies = await client.collect(vendor.requests(name, moment), vendor.follow, pace.deadline)
                seen[name] = vendor.read(name, replies, moment)
            except PollFailed as failed:
                written.append(Written(name, failure=f"{failed.reason}: {failed.detail}"))
            else:
                written.append(Written(name, tuple(_write(reply, folder, veil) for reply in replies)))
    return written


def _write(reply: Reply, folder: Path, veil: "Veil") -> Path:
    address = urlsplit(reply.request.url)
    origin = f"{address.scheme}://{address.netloc}"
    file = place(folder, address.path, reply.request.query)
    file.parent.mkdir(parents=True, exist_ok=True)
    document = veil.over(msgspec.json.decode(reply.body))
    file.write_bytes(msgspec.json.format(msgspec.json.encode(document)).replace(origin.encode(), ORIGIN.encode()))
    return file


class Veil:
    """Puts the same made-up word in the place of the same personal one, through a whole recording."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}

    def over(self, node: Any, field: str = "") -> Any:
        """Return a document without what its field names call personal."""
        if isinstance(node, dict):
            return {key: self.over(value, key) for key, value in node.items()}
        if isinstance(node, list):
            return [self.over(value, field) for value in node]
        if not isinstance(node, str) or not node or not _PERSONAL.search(field) or _STRUCTURAL.search(field):
            return node
        return self._words.setdefault(node, f"{field} {len(self._words) + 1}")
