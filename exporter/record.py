"""Write down what a vendor answers, without what is anybody's name, address or number, to replay it elsewhere."""

import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from structlog.typing import FilteringBoundLogger

from exporter.config import Account
from exporter.config.secrets import secrets_in
from exporter.ledger import Ledger
from exporter.log.redaction import Redaction
from exporter.once import Look, look_once
from exporter.simulator.recorded import ORIGIN, arguments, place
from exporter.tally import Tally
from exporter.wire.http import Reply

_PERSONAL = re.compile(
    r"name|mail|phone|number|avatar|photo|pict|address|caller|token|secret|authori[sz]ation|key$", re.IGNORECASE
)
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
    secrets = tuple(secrets_in(account))
    redaction = Redaction(lambda: (secret.reveal() for secret in secrets))
    redaction.refresh()
    veil = Veil(redaction.secretless)
    looks = await look_once(account, Ledger(Tally(), None), state_dir, tls, log)
    return [_written(look, folder, veil) for look in looks]


def _written(look: Look, folder: Path, veil: "Veil") -> Written:
    if look.failure:
        return Written(look.endpoint.name, failure=f"{look.failure.reason}: {look.failure.detail}")
    try:
        return Written(look.endpoint.name, tuple(_write(reply, folder, veil) for reply in look.replies))
    except msgspec.MsgspecError:
        return Written(look.endpoint.name, failure="the answer is not plain JSON: nothing is kept")


def _write(reply: Reply, folder: Path, veil: "Veil") -> Path:
    address = urlsplit(reply.request.url)
    origin = f"{address.scheme}://{address.netloc}"
    file = place(folder, address.path, arguments(reply.request.query, reply.request.body or b""))
    file.parent.mkdir(parents=True, exist_ok=True)
    document = veil.over(msgspec.json.decode(reply.body))
    text = msgspec.json.format(msgspec.json.encode(document))
    file.write_bytes(text.replace(origin.encode(), ORIGIN.encode()) if address.netloc else text)
    return file


class Veil:
    """Puts the same made-up word in the place of the same personal one, through a whole recording."""

    def __init__(self, secretless: Callable[[str], str] = str) -> None:
        """Put what `secretless` returns in the place of any other text: a vendor may repeat what we sent."""
        self._secretless = secretless
        self._words: dict[str, str] = {}

    def over(self, node: Any, field: str = "", *, personal: bool = False) -> Any:
        """Return a document without what its field names, or its looks, call personal."""
        personal = (personal or bool(_PERSONAL.search(field))) and not _STRUCTURAL.search(field)
        if isinstance(node, dict):
            return {self._key(key): self.over(value, key, personal=personal) for key, value in node.items()}
        if isinstance(node, list):
            return [self.over(value, field, personal=personal) for value in node]
        if isinstance(node, str):
            hidden = node and (personal or _REVEALING.search(node))
            return self._word(node, field) if hidden else self._secretless(node)
        return 0 if personal and isinstance(node, int | float) and not isinstance(node, bool) else node

    def _key(self, key: str) -> str:
        return self._word(key, "key") if _REVEALING.search(key) else key

    def _word(self, text: str, field: str) -> str:
        return self._words.setdefault(text, f"{field} {len(self._words) + 1}")
