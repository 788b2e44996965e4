"""A vendor that says again what was recorded of it: the dialect behind `replay`, and the files of `record`."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from exporter.simulator.exchange import Answer, Asked, json_answer

_LONGEST = 150  # characters of a query that a file's name can bear

_MOVING = frozenset(
    {"fromEpoch", "toEpoch", "fromMillis", "toMillis", "from_date", "to_date", "fromDate", "toDate"}
    | {"date", "startDate", "endDate", "timeZoneOffSet", "timeframe"}
)
"""Arguments that are another at each poll: an answer is found without them."""
_SECRET = frozenset({"account_id", "api_key"})  # what opens the door stands in some vendors' forms

Arguments = tuple[tuple[str, str], ...]

ORIGIN = "{origin}"
"""Stands in a recording for the scheme and host of the vendor, which are others when it is replayed."""


def arguments(query: Arguments, body: bytes) -> Arguments:
    """Return what is asked: the query, and the fields of a form or of a JSON object."""
    try:
        fields: object = json.loads(body) if body.lstrip().startswith(b"{") else dict(parse_qsl(body.decode()))
    except ValueError:
        fields = {}
    pairs = (*query, *_leaves(fields, ""))
    return tuple(pair for pair in pairs if pair[0] not in _MOVING | _SECRET)


def _leaves(node: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, str(key))
    elif isinstance(node, list):
        yield name, ",".join(map(str, node))
    else:
        yield name, str(node)


def place(folder: Path, path: str, query: Arguments = ()) -> Path:
    """Return the file of an answer: at the path of its URL, with what was asked in its name."""
    words = [word for word in path.split("/") if word not in {"", ".", ".."}]
    name = words.pop() if words else "index"
    suffix = f"?{urlencode(query, safe=',')}" if query else ""
    if len(suffix) > _LONGEST:
        suffix = f"?{hashlib.sha256(suffix.encode()).hexdigest()}"
    return folder.joinpath(*words, name + suffix.replace("/", "%2F"))


class Recorded:
    """Answers each request by the file at its path; arguments that were not recorded are left out then.

    Whoever asks for a token gets one, and no token is looked at.
    """

    def __init__(self, folder: Path) -> None:
        """Answer from this folder."""
        self._folder = folder

    def answer(self, asked: Asked) -> Answer:
        """Say what was recorded."""
        if asked.method == "POST" and "token" in asked.endpoint:
            return json_answer(200, {"access_token": "replayed", "token_type": "Bearer", "expires_in": 3600})
        for query in (arguments(asked.query, asked.body), ()):
            file = place(self._folder, asked.path, query)
            if file.is_file():
                body = file.read_text().replace(ORIGIN, asked.origin)
                return Answer(200, body.encode(), {"Content-Type": "application/json"})
        return json_answer(404, {"error": "RecordNotFound", "description": "nothing was recorded here"})

    def expire_tokens(self) -> None:
        """Do nothing: no token was ever looked at."""
