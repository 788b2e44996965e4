"""What can go wrong between a vendor and us, as data, and the dialect that lets it go wrong."""

import json
from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from exporter.simulator.exchange import Answer, Asked, Dialect
from exporter.simulator.floor import Floor

_MARK = "\u2063here\u2063"


class _Fault(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True):
    """When a fault strikes: at which endpoint, at which of its requests, and between which floor times."""

    endpoint: str = "*"
    """A glob over the last word of the path, without `.json`: `agents_*`, `tokens`."""
    after: int = 0
    """How many requests it lets pass first."""
    times: int | None = None
    """How many requests it then strikes; None: all."""
    since: datetime | None = None
    """Floor time, with its offset from UTC."""
    until: datetime | None = None

    def matches(self, asked: Asked, now: float) -> bool:
        """Return whether the request is one that the fault counts."""
        return (
            fnmatchcase(asked.endpoint, self.endpoint)
            and (self.since is None or self.since.timestamp() <= now)
            and (self.until is None or now < self.until.timestamp())
        )

    def strikes(self, number: int) -> bool:
        """Return whether it strikes the request of this number, the first that it counts being 1."""
        return self.after < number and (self.times is None or number <= self.after + self.times)

    def spoil(self, _asked: Asked, answer: Answer) -> Answer:
        """Return the answer as the fault leaves it; the same object where there is nothing to spoil."""
        return answer


class Status(_Fault, frozen=True, tag="status"):
    """Another status, with a body of its own."""

    status: int
    retry_after: str | None = None
    body: str = "<html><body><h1>Sorry</h1></body></html>"
    content_type: str = "text/html; charset=utf-8"

    def spoil(self, _asked: Asked, answer: Answer) -> Answer:
        """Replace all but the headers of the rate limit and the date."""
        headers = {**answer.headers, "Content-Type": self.content_type}
        if self.retry_after is not None:
            headers["Retry-After"] = self.retry_after
        return replace(answer, status=self.status, headers=headers, body=self.body.encode())


class Html(Status, frozen=True, tag="html"):
    """A page for people where JSON is due, with a status that says that all is well."""

    status: int = 200


class Empty(_Fault, frozen=True, tag="empty"):
    """No body at all, and a status that says that all is well."""

    def spoil(self, _asked: Asked, answer: Answer) -> Answer:
        """Take the body away."""
        return replace(answer, status=200, body=b"")


class Slow(_Fault, frozen=True, tag="slow"):
    """Silence before the answer."""

    seconds: float

    def spoil(self, _asked: Asked, answer: Answer) -> Answer:
        """Delay the answer."""
        return replace(answer, delay=answer.delay + self.seconds)


class CutOff(_Fault, frozen=True, tag="cut_off"):
    """The connection breaks in the middle of a body whose length was announced in full."""

    share: float = 0.5
    """Of the body, what still arrives."""

    def spoil(self, _asked: Asked, answer: Answer) -> Answer:
        """Send a part only."""
        return replace(answer, sent=int(len(answer.body) * self.share))


class Reset(_Fault, frozen=True, tag="reset"):
    """The connection breaks before anything is answered."""

    def spoil(self, _asked: Asked, answer: Answer) -> Answer:
        """Answer nothing."""
        return replace(answer, status=0)


class ExpiredToken(_Fault, frozen=True, tag="expired_token"):
    """All access tokens die just before the request arrives."""


class Drift(_Fault, frozen=True, tag="drift"):
    """The vendor changes its answer without a word. Paths are like `agents_activity[].online_time`."""

    rename: dict[str, str] = {}
    """Paths, and the fields' new names."""
    remove: tuple[str, ...] = ()
    put: dict[str, Any] = {}
    """Paths, there or not, and values."""

    def spoil(self, _asked: Asked, answer: Answer) -> Answer:
        """Edit the document, where there is one."""
        document = _document(answer)
        if document is None:
            return answer
        for path, name in self.rename.items():
            for holder, key in _places(document, path):
                if key in holder:
                    holder[name] = holder.pop(key)
        for path in self.remove:
            for holder, key in _places(document, path):
                holder.pop(key, None)
        for path, value in self.put.items():
            for holder, key in _places(document, path):
                holder[key] = value
        return replace(answer, body=json.dumps(document).encode())


class Garbage(_Fault, frozen=True, tag="garbage"):
    """A value that is no value: NaN, a lone surrogate, brackets without end."""

    path: str
    raw: str
    """What stands in the body instead, byte for byte; it need not be JSON."""

    def spoil(self, _asked: Asked, answer: Answer) -> Answer:
        """Put the raw text where the path leads."""
        document = _document(answer)
        if document is None:
            return answer
        for holder, key in _places(document, self.path):
            holder[key] = _MARK
        return replace(answer, body=json.dumps(document).replace(json.dumps(_MARK), self.raw).encode())


class Duplicate(_Fault, frozen=True, tag="duplicate"):
    """The first rows of a list come twice."""

    path: str
    rows: int = 1

    def spoil(self, _asked: Asked, answer: Answer) -> Answer:
        """Repeat the rows at the end of the list."""
        document = _document(answer)
        if document is None:
            return answer
        for holder, key in _places(document, self.path):
            holder[key] += holder[key][: self.rows]
        return replace(answer, body=json.dumps(document).encode())


class NextPage(_Fault, frozen=True, tag="next_page"):
    """The link to the next page leads astray."""

    field: str = "next_page"
    to: str = "self"
    """`self` is the page that it stands on; `on` the next, though there is none; else an address."""

    def spoil(self, asked: Asked, answer: Answer) -> Answer:
        """Replace the link, where there is a document."""
        document = _document(answer)
        if document is None:
            return answer
        page = int(asked.argument("page") or 1)
        links = {"self": asked.page_link(page), "on": asked.page_link(page + 1)}
        document[self.field] = links.get(self.to, self.to)
        return replace(answer, body=json.dumps(document).encode())


Fault = Status | Html | Empty | Slow | CutOff | Reset | ExpiredToken | Drift | Garbage | Duplicate | NextPage
"""Any of them, told apart in JSON by `kind`."""


def read_faults(text: bytes) -> tuple[Fault, ...]:
    """Read a list of faults from JSON.

    Raises:
        ValueError: it is no such list; the text says what is wrong where.
    """
    return msgspec.json.decode(text, type=tuple[Fault, ...])


class Faulty:
    """A dialect that meets with faults. It counts for each fault what it has seen, and how often it struck."""

    def __init__(self, dialect: Dialect, faults: tuple[Fault, ...], floor: Floor) -> None:
        self._dialect = dialect
        self._faults = faults
        self._floor = floor
        self._seen = [0] * len(faults)
        self.struck = [0] * len(faults)

    def expire_tokens(self) -> None:
        """Let every access token that was given out die now."""
        self._dialect.expire_tokens()

    def answer(self, asked: Asked) -> Answer:
        """Answer as the vendor would, had everything gone well; then let it go wrong."""
        striking = [number for number, fault in enumerate(self._faults) if self._counts(number, fault, asked)]
        for number in striking:
            if isinstance(self._faults[number], ExpiredToken):
                self._dialect.expire_tokens()
                self.struck[number] += 1
        answer = self._dialect.answer(asked)
        for number in striking:
            spoilt = self._faults[number].spoil(asked, answer)
            self.struck[number] += spoilt is not answer
            answer = spoilt
        return answer

    def _counts(self, number: int, fault: Fault, asked: Asked) -> bool:
        if not fault.matches(asked, self._floor.now):
            return False
        self._seen[number] += 1
        return fault.strikes(self._seen[number])


def _document(answer: Answer) -> dict[str, Any] | None:
    """Return the JSON object that the vendor would have sent; None where it would refuse."""
    if answer.status != 200:
        return None
    try:
        document = json.loads(answer.body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _places(node: Any, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Find each object that holds the last word of the path, whether or not it has that field."""
    head, _, rest = path.partition(".")
    if not isinstance(node, dict):
        return
    if not rest:
        yield node, head
        return
    child = node.get(head.removesuffix("[]"))
    for row in child if isinstance(child, list) else [child]:
        yield from _places(row, rest)
