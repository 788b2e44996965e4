"""A vendor that says again what was recorded of it: the dialect behind `replay`, and the files of `record`."""

import hashlib
from pathlib import Path
from urllib.parse import urlencode

from exporter.simulator.exchange import Answer, Asked, json_answer

_LONGEST = 150  # characters of a query that a file's name can bear

ORIGIN = "{origin}"
"""Stands in a recording for the scheme and host of the vendor, which are others when it is replayed."""


def place(folder: Path, path: str, query: tuple[tuple[str, str], ...] = ()) -> Path:
    """Return the file of an answer: at the path of its URL, with the query in its name."""
    words = [word for word in path.split("/") if word not in {"", ".", ".."}]
    name = words.pop() if words else "index"
    suffix = f"?{urlencode(query, safe=',')}" if query else ""
    if len(suffix) > _LONGEST:
        suffix = f"?{hashlib.sha256(suffix.encode()).hexdigest()}"
    return folder.joinpath(*words, name + suffix.replace("/", "%2F"))


class Recorded:
    """Answers each request by the file at its path; a query that was not recorded is looked up without it.

    Whoever asks for a token gets one, and no token is looked at.
    """

    def __init__(self, folder: Path) -> None:
        """Answer from this folder."""
        self._folder = folder

    def answer(self, asked: Asked) -> Answer:
        """Say what was recorded."""
        if asked.method == "POST" and "token" in asked.endpoint:
            return json_answer(200, {"access_token": "replayed", "token_type": "Bearer", "expires_in": 3600})
        for query in (asked.query, ()):
            file = place(self._folder, asked.path, query)
            if file.is_file():
                body = file.read_text().replace(ORIGIN, asked.origin)
                return Answer(200, body.encode(), {"Content-Type": "application/json"})
        return json_answer(404, {"error": "RecordNotFound", "description": "nothing was recorded here"})

    def expire_tokens(self) -> None:
        """Do nothing: no token was ever looked at."""
