"""One HTTP exchange with a simulated vendor, as values: no socket, no clock."""

import json
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlencode

from msgspec import Struct


class Asked(Struct, frozen=True):
    """A request as it came in."""

    method: str
    path: str
    at: float
    """When, in seconds since the Unix epoch: token lives and rate limits are counted from it."""
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = {}
    """Lower-case names."""
    body: bytes = b""
    scheme: str = "http"

    @property
    def origin(self) -> str:
        """The scheme and host that the client used: the vendors put them into links."""
        return f"{self.scheme}://{self.headers.get('host', 'localhost')}"

    @property
    def endpoint(self) -> str:
        """The last word of the path, by which faults find it."""
        return self.path.rstrip("/").rpartition("/")[2].removesuffix(".json")

    def page_link(self, page: int) -> str:
        """Return the absolute address of another page of the same question."""
        query = [(name, value) for name, value in self.query if name != "page"]
        return f"{self.origin}{self.path}?{urlencode([*query, ('page', str(page))])}"

    def argument(self, name: str) -> str | None:
        """Return a query argument, the last one where it was given twice."""
        return dict(self.query).get(name)


class Answer(Struct, frozen=True):
    """What goes back, and how badly it is delivered."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}
    delay: float = 0.0
    """Seconds before anything is sent."""
    sent: int | None = None
    """How many bytes of the body are sent before the connection breaks; None is all of it."""


class Said(Exception):
    """An answer that ends the work on a request."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Minute:
    """How many requests came in the present minute of the clock."""

    def __init__(self) -> None:
        self._minute, self._asked = 0, 0

    def count(self, asked: Asked) -> int:
        """Count a request, and return which one of its minute it is."""
        minute = int(asked.at // 60)
        self._asked = self._asked + 1 if minute == self._minute else 1
        self._minute = minute
        return self._asked


class Dialect(Protocol):
    """One simulated account of one vendor."""

    def answer(self, asked: Asked) -> Answer:
        """Answer a request as the vendor would."""

    def expire_tokens(self) -> None:
        """Let every access token that was given out die now."""


def json_answer(status: int, document: object, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer with a JSON body."""
    body = json.dumps(document, ensure_ascii=False).encode()
    return Answer(status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})
