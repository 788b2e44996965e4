"""The World as bytes: rendered once per change, so that a scrape only writes them."""

import struct
import zlib
from collections.abc import Iterable
from operator import is_
from typing import Any

from isal import isal_zlib
from msgspec import Struct
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from exporter.metrics.account import ACCOUNT
from exporter.metrics.families import CENTRE
from exporter.metrics.family import PREFIX, Column, Family
from exporter.metrics.segment import Segment, segment
from exporter.model import Snapshot
from exporter.store import AccountState, World

FAMILIES: tuple[Family[Any], ...] = (*ACCOUNT, *CENTRE)
"""Every family that an account may fill, in the order of the page."""

_FORMS = ("text", "openmetrics")
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
_LAST_BLOCK = b"\x03\x00"  # an empty deflate block that says it is the last one


class Page(Struct, frozen=True):
    """One page in both formats. The plain ones are pieces, to be written one after the other."""

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
    """Some lines of the page, and the same deflated to a byte boundary, so that it can be spliced."""

    __slots__ = ("deflated", "lines")

    def __init__(self, lines: bytes) -> None:
        """Compress at once: a piece is made where it changed, and serves every page until it changes again."""
        deflate = isal_zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
        self.lines = lines
        self.deflated = deflate.compress(lines) + deflate.flush(zlib.Z_FULL_FLUSH)


class Exposition:
    """Turns Worlds into pages. It remembers the last one, so that only what changed is rendered anew."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Put the metrics of `registry`, those about the process, below the accounts'."""
        self._registry = registry
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._bodies: list[tuple[tuple[bytes, ...], Piece]] = [((), Piece(b""))] * len(FAMILIES)
        self._headers = {form: [Piece(_header(family, form)) for family in FAMILIES] for form in _FORMS}

    def render(self, world: World) -> Page:
        """Return the page of this World. Must not be called twice at once."""
        accounts, broken = {}, []
        for state in world.accounts.values():
            names = (state.vendor, state.name)
            accounts[names] = self._accounts.get(names) or _Account(names)
            try:
                accounts[names].follow(state)
            except Exception:  # noqa: BLE001 - whatever one account's snapshot holds, the others are shown
                broken.append(state.name)
                accounts[names] = _Account(names)
                accounts[names].follow(_bare(state))
        self._accounts = accounts
        self._bodies = [self._body(index) for index in range(len(FAMILIES))]
        segments = [segment for account in accounts.values() for segment in account.segments]
        text, text_gzip = self._join("text", generate_latest(self._registry))
        own = generate_openmetrics(self._registry)  # type: ignore[no-untyped-call]  # the library's own gap
        openmetrics, openmetrics_gzip = self._join("openmetrics", own)
        return Page(
            text=text,
            text_gzip=text_gzip,
            openmetrics=openmetrics,
            openmetrics_gzip=openmetrics_gzip,
            series=sum(segment.series for segment in segments),
            refused=sum(segment.refused for segment in segments),
            broken=tuple(broken),
        )

    def _body(self, index: int) -> tuple[tuple[bytes, ...], Piece]:
        """Put the lines of a family together, whichever accounts they are of, as the formats demand."""
        lines = tuple(lines for account in self._accounts.values() if (lines := account.segments[index].lines))
        before, piece = self._bodies[index]
        same = len(lines) == len(before) and all(map(is_, lines, before))
        return lines, piece if same else Piece(b"".join(lines))

    def _join(self, form: str, own: bytes) -> tuple[tuple[bytes, ...], bytes]:
        pieces = [
            piece
            for header, (lines, body) in zip(self._headers[form], self._bodies, strict=True)
            if lines
            for piece in (header, body)
        ]
        pieces.append(Piece(own))
        return tuple(piece.lines for piece in pieces), _splice(pieces)


def _splice(pieces: Iterable[Piece]) -> bytes:
    """Return the pieces as one gzip member; of several members, some clients read only the first."""
    crc = size = 0
    for piece in pieces:
        crc, size = isal_zlib.crc32(piece.lines, crc), size + len(piece.lines)
    deflated = b"".join(piece.deflated for piece in pieces)
    return _GZIP_HEADER + deflated + _LAST_BLOCK + struct.pack("<II", crc, size % 2**32)


class _Account:
    """The segments of one account, one for each family."""

    def __init__(self, names: tuple[str, str]) -> None:
        self._names = names
        self._state: AccountState | None = None
        self._snapshots: dict[str, Snapshot] = {}
        self._columns: dict[str, list[list[Column]]] = {}
        self._shown: list[list[Column]] = [[]] * len(FAMILIES)
        self.segments = [Segment()] * len(FAMILIES)

    def follow(self, state: AccountState) -> None:
        """Render what differs from the last state."""
        if state is self._state:
            return
        for index, family in enumerate(ACCOUNT):
            self._replace(index, family.columns(state))
        for index in sorted(self._changed(state)):
            columns = [column for families in self._columns.values() for column in families[index]]
            self._replace(len(ACCOUNT) + index, columns)
        self._state = state

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
            old_columns = self._columns.pop(name, [])
            new_columns = [list(family.columns(new)) for family in CENTRE] if new else []
            touched |= {index for index, columns in enumerate(old_columns) if columns}
            touched |= {index for index, columns in enumerate(new_columns) if columns}
            if new_columns:
                self._columns[name] = new_columns
        self._snapshots = snapshots
        self._columns = {name: self._columns[name] for name in snapshots}
        return touched

    def _replace(self, index: int, columns: Iterable[Column]) -> None:
        """Render a family anew, unless it says what it said before."""
        columns = list(columns)
        if columns != self._shown[index]:
            self.segments[index] = segment(FAMILIES[index], self._names, columns, self.segments[index])
            self._shown[index] = columns


def _bare(state: AccountState) -> AccountState:
    endpoints = {name: replace(one, held=None) for name, one in state.endpoints.items()}
    return replace(state, endpoints=endpoints)


def _header(family: Family[Any], form: str) -> bytes:
    """Return HELP and TYPE; OpenMetrics names a counter without its suffix."""
    name = PREFIX + (family.name.removesuffix("_total") if form == "openmetrics" else family.name)
    return f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n".encode()
