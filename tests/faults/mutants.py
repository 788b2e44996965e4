"""Recorded answers, changed at random: some as somebody would who knows JSON, some as a broken wire would.

All that is random comes from a seed, so that a failure can be made again.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from accounts import ACCOUNTS, kore_ai, liveperson, voximplant, zendesk_talk, zoho_voice
from replay import PAYLOADS, collect, recorded

from exporter.errors import PollFailed, Reason, Unreadable
from exporter.model import Snapshot
from exporter.vendors.contract import Vendor
from exporter.wire.http import Reply, Request

VENDORS: dict[str, list[tuple[Vendor, tuple[str, ...]]]] = {
    "zendesk_talk": [
        (ACCOUNTS["zendesk_talk"], ("professional",)),
        (zendesk_talk(), ("pages", "team", "empty")),
    ],
    "voximplant": [
        (ACCOUNTS["voximplant smartqueue"], ("smartqueue",)),
        (voximplant(), ("acd", "pages", "empty", "by_time", "by_user")),
    ],
    "liveperson": [
        (ACCOUNTS["liveperson"], ("chat", "seed", "empty")),
        (liveperson(interval=60), ("seed",)),
        (ACCOUNTS["liveperson messaging"], ("messaging", "empty")),
    ],
    "kore_ai": [
        (ACCOUNTS["kore_ai"], ("performance",)),
        (ACCOUNTS["kore_ai stats"], ("stats",)),
        (kore_ai(), ("seed", "pages")),
    ],
    "zoho_voice": [(ACCOUNTS["zoho_voice"], ("full",)), (zoho_voice(), ("empty",))],
}
"""By vendor, accounts and the folders of recorded answers that are theirs."""

STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1.5, 12, 86_400, 2**31, 2**53, 2**53 + 2, 2**63, 10**400, -(10**400), 1e308),
    *(float("nan"), float("inf"), float("-inf"), "", " ", "--", "0", "12", "1.5", "-1", "1e999", "1_000", "NaN"),
    *("null", "true", "\ud800", "\x00", "\n", '"', "\\", "\u202e", "x" * 300, "{}", "2026-13-45 25:61:61"),
    *("2026-03-29T02:30:00", "100%", "101%", "12:34:56", [], {}, [None], [[]], [{}], {"": None}, [1, 2, 3]),
)
_BYTES = (
    b"",
    b"0",
    b"9",
    b"-",
    b".",
    b"e",
    b'"',
    b"\\",
    b",",
    b":",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\xff",
    b"\x00",
    b"\xed\xa0\x80",
)
_DEEP = b"[" * 2_000
_MOST_ANSWERS = 40  # to the requests of one poll


@dataclass(frozen=True)
class Recording:
    """One poll as it was recorded: the endpoint, and the answers in the order of their requests."""

    vendor: Vendor
    folder: str
    endpoint: str
    replies: tuple[Reply, ...]
    documents: tuple[Any, ...]
    """The same, decoded; None for one that is no JSON."""
    seen: Mapping[str, Snapshot] = field(repr=False)


@cache
def recordings(name: str) -> tuple[Recording, ...]:
    """Return every poll of a vendor that was recorded."""
    return tuple(
        recording
        for vendor, folders in VENDORS[name]
        for folder in folders
        for recording in _recordings(name, folder, vendor)
        if recording.replies
    )


def _recordings(name: str, folder: str, vendor: Vendor) -> Iterator[Recording]:
    files = recorded(PAYLOADS / name / folder)
    seen: dict[str, Snapshot] = {}
    for endpoint in vendor.endpoints:
        replies: list[Reply] = []

        def answer(request: Request, replies: list[Reply] = replies) -> Reply:
            replies.append(files(request))
            return replies[-1]

        try:
            seen[endpoint.name] = collect(vendor, endpoint.name, answer, seen)
        except PollFailed:  # of this endpoint the folder has no answers
            continue
        documents = tuple(json.loads(reply.body) if reply.body else None for reply in replies)
        yield Recording(vendor, folder, endpoint.name, tuple(replies), documents, dict(seen))


@dataclass(frozen=True)
class Mutant:
    """A recorded poll of which one answer was changed."""

    recording: Recording
    place: int
    """Which of the answers."""
    body: bytes

    def snapshot(self) -> tuple[Snapshot, list[bytes]]:
        """Return what the vendor's module makes of it, and the bodies that it read.

        Raises:
            PollFailed: it is no answer any longer.
        """
        given = {_identity(reply.request): reply for reply in self.recording.replies}
        changed = _identity(self.recording.replies[self.place].request)
        read: list[bytes] = []

        def answer(request: Request) -> Reply:
            if len(read) > _MOST_ANSWERS:  # as the transport does
                raise Unreadable(Reason.PAGING, "pages without end")
            reply = given.get(_identity(request))
            if reply is None:  # a changed page may lead anywhere
                read.append(b"")
                return Reply(request, 404, b"", self.recording.replies[0].at)
            body = self.body if _identity(request) == changed else reply.body
            read.append(body)
            return Reply(request, reply.status, body, reply.at, reply.headers)

        recording = self.recording
        return collect(recording.vendor, recording.endpoint, answer, recording.seen), read


def _identity(request: Request) -> tuple[object, ...]:
    return request.url, request.query, request.body, request.about


def mutants(name: str, seed: int) -> Iterator[Mutant]:
    """Yield changed answers of a vendor for ever, always the same for a seed."""
    dice = random.Random(f"{name} {seed}")
    every = recordings(name)
    while True:
        recording = dice.choice(every)
        place = dice.randrange(len(recording.replies))
        document = recording.documents[place]
        if document is None or dice.random() < 0.4:
            body = of_bytes(dice, recording.replies[place].body)
        else:
            for _ in range(dice.choice((1, 1, 1, 2, 3))):
                document = _of_nodes(dice, document)
            body = json.dumps(document).encode()
        yield Mutant(recording, place, body)


def _of_nodes(dice: random.Random, document: Any) -> Any:
    """Return the document with one node replaced, removed, doubled, renamed or moved."""
    path = _path(dice, document)
    node = _at(document, path)
    kind = dice.random()
    if kind < 0.5 or not path:
        return _replaced(document, path, _other(dice, node))
    above, key = path[:-1], path[-1]
    holder = _at(document, above)
    if isinstance(holder, list):
        rows = list(holder)
        if kind < 0.65:
            del rows[key]
        elif kind < 0.8:
            rows.insert(dice.randrange(len(rows) + 1), node)
        elif kind < 0.9:
            dice.shuffle(rows)
        else:
            rows[key] = dice.choice(rows)
        return _replaced(document, above, rows)
    fields = dict(holder)
    if kind < 0.7:
        del fields[key]
    elif kind < 0.8:
        fields[dice.choice((key.upper(), f"{key}_", key[:-1], "", "\ud800", *fields))] = fields.pop(key)
    else:
        fields[key] = dice.choice(list(fields.values()))
    return _replaced(document, above, fields)


def _other(dice: random.Random, node: Any) -> Any:
    """Return something in place of a node: near to it, or strange."""
    if isinstance(node, int | float) and abs(node) < 2**60 and dice.random() < 0.5:
        near = (node + 1, -node, node * 1000, node / 7, str(node), f"{node}.0", float(node), dice.randrange(10**6))
        return dice.choice(near)
    if isinstance(node, str) and dice.random() < 0.3:
        return dice.choice((node.upper(), node[:-1], f" {node}", node * 2, node.replace("0", "9"), [node]))
    return dice.choice(STRANGE)


def _path(dice: random.Random, document: Any) -> tuple[Any, ...]:
    """Return the way to some node; on each level one may stay."""
    path: tuple[Any, ...] = ()
    while isinstance(document, dict | list) and document and not (path and dice.random() < 0.12):
        key = dice.choice(list(document)) if isinstance(document, dict) else dice.randrange(len(document))
        path, document = (*path, key), document[key]
    return path


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def _replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = _replaced(document[path[0]], path[1:], value)
    return copy


def of_bytes(dice: random.Random, body: bytes) -> bytes:
    """Return the bytes with some of them changed, doubled, lost, or put elsewhere."""
    for _ in range(dice.choice((1, 1, 2, 4))):
        here, there = sorted(dice.randrange(len(body) + 1) for _ in range(2))
        there = min(there, here + dice.choice((0, 1, 1, 2, 8, 64, 10**6)))
        match dice.randrange(7):
            case 0:
                body = body[:here] + dice.choice(_BYTES) + body[there:]
            case 1:
                body = body[:there] + body[here:]
            case 2:
                body = body[:here] + body[there:]
            case 3:
                body = body[:here]
            case 4:
                body = (
                    body[:here]
                    + bytes(byte ^ 1 << dice.randrange(8) for byte in body[here : here + 1])
                    + body[here + 1 :]
                )
            case 5:
                body = (
                    body[:here]
                    + dice.choice((b"1e999", b"-0", b"0" * 40, b"9" * 400, b"NaN", _DEEP))
                    + body[there:]
                )
            case _:
                digits = [place for place, byte in enumerate(body) if 48 <= byte < 58]
                here = dice.choice(digits) if digits else 0
                body = body[:here] + str(dice.randrange(10)).encode() + body[here + 1 :]
    return body


def of(name: str, seed: int, count: int) -> Sequence[Mutant]:
    """Return so many of them."""
    every = mutants(name, seed)
    return [next(every) for _ in range(count)]
