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
from exporter.poll import Ledger, ask
from exporter.simulator.recorded import ORIGIN, place
from exporter.tally import Tally
from exporter.vendors.contract import Moment
from exporter.wire.http import Reply

_PERSONAL = re.compile(r"name|mail|phone|number|avatar|photo|pict|address|caller|token|secret|key$", re.IGNORECASE)
_REVEALING = re.compile(r"[^\s@]@[^\s@]+\.|^\+[0-9 ]{6,}$")  # an e-mail address, a phone number
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
    ledger = Ledger(Tally(), None)
    veil = Veil()
    written: list[Written] = []
    async with opened(account, vendor, ledger=ledger, state_dir=state_dir, tls=tls, log=log) as client:
        seen: dict[str, Snapshot] = {}
        for name, pace in paces(account, vendor).items():
            moment = Moment(datetime.now(UTC), seen)
            try:
                replies = await ask(vendor, name, moment, client, pace.deadline)
                seen[name] = vendor.read(name, replies, moment)
                written.append(Written(name, tuple(_write(reply, folder, veil) for reply in replies)))
            except PollFailed as failed:
                written.append(Written(name, failure=f"{failed.reason}: {failed.detail}"))
            except msgspec.MsgspecError:
                written.append(Written(name, failure="the answer is not plain JSON: nothing is kept"))
    return written


def _write(reply: Reply, folder: Path, veil: "Veil") -> Path:
    address = urlsplit(reply.request.url)
    origin = f"{address.scheme}://{address.netloc}"
    file = place(folder, address.path, reply.request.query)
    file.parent.mkdir(parents=True, exist_ok=True)
    document = veil.over(msgspec.json.decode(reply.body))
    text = msgspec.json.format(msgspec.json.encode(document))
    file.write_bytes(text.replace(origin.encode(), ORIGIN.encode()) if address.netloc else text)
    return file


class Veil:
    """Puts the same made-up word in the place of the same personal one, through a whole recording."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}

    def over(self, node: Any, field: str = "", *, personal: bool = False) -> Any:
        """Return a document without what its field names, or its looks, call personal."""
        personal = (personal or bool(_PERSONAL.search(field))) and not _STRUCTURAL.search(field)
        if isinstance(node, dict):
            return {self._key(key): self.over(value, key, personal=personal) for key, value in node.items()}
        if isinstance(node, list):
            return [self.over(value, field, personal=personal) for value in node]
        if isinstance(node, str):
            return self._word(node, field) if node and (personal or _REVEALING.search(node)) else node
        return 0 if personal and isinstance(node, int | float) and not isinstance(node, bool) else node

    def _key(self, key: str) -> str:
        return self._word(key, "key") if _REVEALING.search(key) else key

    def _word(self, text: str, field: str) -> str:
        return self._words.setdefault(text, f"{field} {len(self._words) + 1}")
