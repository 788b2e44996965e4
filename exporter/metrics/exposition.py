"""The World as bytes: rendered once per change, so that a scrape only writes them."""

import struct
import zlib
from collections.abc import Iterable, Sequence
from itertools import islice, zip_longest
from operator import is_
from typing import Any

from isal import isal_zlib
from msgspec import Struct
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from exporter.metrics import checksum
from exporter.metrics.account import ACCOUNT
from exporter.metrics.families import CENTRE
from exporter.metrics.family import PREFIX, Column, Family
from exporter.metrics.segment import Segment, segment
from exporter.model import Snapshot
from exporter.store import AccountState, World

FAMILIES: tuple[Family[Any], ...] = (*ACCOUNT, *CENTRE)
"""Every family that an account may fill, in the order of the page."""

_Names = tuple[str, str]
"""An account's vendor and its name."""
_Parts = tuple[list[Column], ...]
"""The columns of a family of one account, as far as they are rendered together."""

_CHUNK = 256 * 1024  # bytes that are joined at most, to be compressed in one go
_FORMS = ("text", "openmetrics")
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
_LAST_BLOCK = b"\x03\x00"  # an empty deflate block that says it is the last one


class Page(Struct, frozen=True):
    """One page in both formats. The plain ones are many pieces, to be written one after the other."""

    text: tuple[bytes, ...]
    text_gzip: bytes
    openmetrics: tuple[bytes, ...]
    openmetrics_gzip: bytes
    series: int
    """Of the accounts; those about the process are not counted."""
    refused: int
    """Samples of the accounts that were not sound and are not on the page."""
    broken: tuple[str, ...] = ()
    """Accounts whose snapshots could not be rendered, by a fault of ours: only their polls are on the page."""


class Piece:
    """Some lines of the page, and the same deflated to a byte boundary, so that it can be spliced.

    The lines are those that the accounts hold, not a copy: while a page is served, the next one is made.
    """

    __slots__ = ("crc", "deflated", "lines", "shift", "size")

    def __init__(self, lines: tuple[bytes, ...]) -> None:
        """Compress at once: a piece is made where it changed, and serves every page until it changes again."""
        deflate = isal_zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
        deflated = []
        self.crc = 0
        self.lines = lines
        self.size = sum(map(len, lines))
        self.shift = checksum.shift(self.size)
        few = max(1, len(lines) * _CHUNK // max(1, self.size))  # a call for each would cost more than what it does
        for start in range(0, len(lines), few):
            chunk = b"".join(lines[start : start + few])
            self.crc = isal_zlib.crc32(chunk, self.crc)
            deflated.append(deflate.compress(chunk))
        self.deflated = b"".join([*deflated, deflate.flush(zlib.Z_FULL_FLUSH)])


class Exposition:
    """Turns Worlds into pages. It remembers the last one, so that only what changed is rendered anew."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Put the metrics of `registry`, those about the process, below the accounts'."""
        self._registry = registry
        self._accounts: dict[_Names, _Account] = {}
        self._bodies = [Piece(())] * len(FAMILIES)
        self._headers = {form: [Piece((_header(family, form),)) for family in FAMILIES] for form in _FORMS}

    def render(self, world: World) -> Page:
        """Return the page of this World. Must not be called twice at once."""
        before, self._accounts = self._accounts, {}  # if this one fails, the next begins anew
        accounts: dict[_Names, _Account] = {}
        changed: set[int] = set()
        broken = []
        for state in world.accounts.values():
            names = (state.vendor, state.name)
            account = accounts[names] = before.get(names) or _Account(names)
            try:
                changed |= account.follow(state)
            except Exception:  # noqa: BLE001 - whatever one account's snapshot holds, the others are shown
                broken.append(state.name)
                account = accounts[names] = _Account(names)
                account.follow(_bare(state))
        others = list(accounts.values()) != list(before.values())  # some came or went, or have another place
        for index in range(len(FAMILIES)) if others else changed:
            self._bodies[index] = self._body(index, accounts.values())
        self._accounts = accounts
        text, text_gzip = self._join("text", generate_latest(self._registry))
        own = generate_openmetrics(self._registry)  # type: ignore[no-untyped-call]  # the library's own gap
        openmetrics, openmetrics_gzip = self._join("openmetrics", own)
        return Page(
            text=text,
            text_gzip=text_gzip,
            openmetrics=openmetrics,
            openmetrics_gzip=openmetrics_gzip,
            series=sum(account.series for account in accounts.values()),
            refused=sum(account.refused for account in accounts.values()),
            broken=tuple(broken),
        )

    def _body(self, index: int, accounts: Iterable["_Account"]) -> "Piece":
        """Put the lines of a family together, whichever accounts they are of, as the formats demand."""
        segments = (segment for account in accounts for segment in account.segments[index])
        lines = tuple(segment.lines for segment in segments if segment.lines)
        before = self._bodies[index]
        same = len(lines) == len(before.lines) and all(map(is_, lines, before.lines))
        return before if same else Piece(lines)

    def _join(self, form: str, own: bytes) -> tuple[tuple[bytes, ...], bytes]:
        pieces = [
            piece
            for header, body in zip(self._headers[form], self._bodies, strict=True)
            if body.lines
            for piece in (header, body)
        ]
        pieces.append(Piece((own,)))
        return tuple(lines for piece in pieces for lines in piece.lines), _splice(pieces)


def _splice(pieces: Sequence[Piece]) -> bytes:
    """Return the pieces as one gzip member; of several members, some clients read only the first."""
    crc = size = 0
    for piece in pieces:
        crc, size = checksum.combined(crc, piece.crc, piece.shift), size + piece.size
    deflated = b"".join(piece.deflated for piece in pieces)
    return _GZIP_HEADER + deflated + _LAST_BLOCK + struct.pack("<II", crc, size % 2**32)


class _Account:
    """The segments of one account, each family's by itself.

    Of those about its polls, each column has one: a poll is of one endpoint, and a histogram is many lines.
    """

    def __init__(self, names: _Names) -> None:
        self._names = names
        self._state: AccountState | None = None
        self._snapshots: dict[str, Snapshot] = {}
        self._columns: dict[str, dict[int, list[Column]]] = {}
        self._shown: list[_Parts] = [()] * len(FAMILIES)
        self.segments: list[tuple[Segment, ...]] = [()] * len(FAMILIES)
        self.series = self.refused = 0

    def follow(self, state: AccountState) -> set[int]:
        """Render what differs from the last state, and return the families in which something did."""
        if state is self._state:
            return set()
        changed = {index for index, family in enumerate(ACCOUNT) if self._replace(index, _parted(family, state))}
        for index in sorted(self._changed(state)):
            found = [column for families in self._columns.values() for column in families.get(index, ())]
            if self._replace(index, (found,) if found else ()):
                changed.add(index)
        if changed:
            self.series = sum(segment.series for segments in self.segments for segment in segments)
            self.refused = sum(segment.refused for segments in self.segments for segment in segments)
        self._state = state
        return changed

    def _changed(self, state: AccountState) -> set[int]:
        """Take in the new snapshots, and return the families that have samples of them or had of the old."""
        snapshots = {name: one.held.snapshot for name, one in state.endpoints.items() if one.held}
        touched: set[int] = set()
        stayed = [name for name in self._snapshots if name in snapshots]
        ordered = stayed == [
            name for name in snapshots if name in self._snapshots
        ]  # of two samples the first counts
        for name in self._snapshots.keys() | snapshots.keys():
            new = snapshots.get(name)
            if ordered and new is self._snapshots.get(name):
                continue
            touched.update(self._columns.pop(name, ()))
            if new:
                self._columns[name] = _columns(new)
                touched.update(self._columns[name])
        self._snapshots = snapshots
        self._columns = {name: self._columns[name] for name in snapshots}
        return touched

    def _replace(self, index: int, parts: _Parts) -> bool:
        """Render the parts of a family that differ from before, and return whether there were any."""
        shown = self._shown[index]
        if parts == shown:
            return False
        rows = zip_longest(parts, shown, self.segments[index])
        self.segments[index] = tuple(
            before if part == said else segment(FAMILIES[index], self._names, part, before or Segment())
            for part, said, before in islice(rows, len(parts))
        )
        self._shown[index] = parts
        return True


def _parted(family: Family[AccountState], state: AccountState) -> _Parts:
    return tuple([column] for column in family.columns(state))


def _columns(snapshot: Snapshot) -> dict[int, list[Column]]:
    """Return what a snapshot tells, by the families' places on the page."""
    told = ((index, list(family.columns(snapshot))) for index, family in enumerate(CENTRE, len(ACCOUNT)))
    return {index: columns for index, columns in told if columns}


def _bare(state: AccountState) -> AccountState:
    endpoints = {name: replace(one, held=None) for name, one in state.endpoints.items()}
    return replace(state, endpoints=endpoints)


def _header(family: Family[Any], form: str) -> bytes:
    """Return HELP and TYPE; OpenMetrics names a counter without its suffix."""
    name = PREFIX + (family.name.removesuffix("_total") if form == "openmetrics" else family.name)
    return f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n".encode()
