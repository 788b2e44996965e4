"""The samples of one family of one account as bytes.

A series' `name{labels} ` is made once and kept while the series lives; all values of a column are formatted in
one call. So a poll that brings new values for the same agents costs a few dozen nanoseconds a sample.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

import msgspec
from msgspec import Struct

from exporter.metrics.family import PREFIX, Column, Family, Kind, Labels
from exporter.model import Histogram

_LONGEST = 128
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # control, format and bidi, surrogates, line separators
_FIGURES = bytes(
    ord("0") if char in b"0123456789" else char if char in b".-+e\n" else ord("?") for char in range(256)
)
"""Turns a number into its figure: every digit is a 0, and what is in no number is a question mark."""
_ENCODER = msgspec.json.Encoder()
_BEYOND = b"0" * 309  # an integer of so many digits may be beyond every float


class Track(Struct, frozen=True):
    """The series of a column: they stay the same from poll to poll, while their values change."""

    keys: Sequence[str | Labels]
    prefixes: Sequence[bytes]
    """`name{labels} ` of each key; empty where the labels are not those of the family."""

    @property
    def sound(self) -> bool:
        """Whether every key may be shown: all have the family's labels, and no two have the same."""
        return all(self.prefixes) and len(set(self.prefixes)) == len(self.prefixes)


class Segment(Struct, frozen=True):
    """Ready lines, and what makes their successors cheap."""

    lines: bytes = b""
    series: int = 0
    refused: int = 0
    """Samples left out: their labels came before, or are not the family's, or they are no finite number."""
    tracks: Mapping[Labels, Track] = {}


def segment(family: Family[Any], account: Labels, columns: Iterable[Column], before: Segment) -> Segment:
    """Render the columns of an account as lines; a sample that is not sound costs itself alone.

    `account` holds the values of `vendor` and `account`; `before` is the segment that this one replaces.
    Of two samples with the same labels the first is shown.
    """
    if family.kind is Kind.HISTOGRAM:
        return _histograms(family, account, columns)
    came = series = 0
    tracks: dict[Labels, Track] = {}
    pieces: list[bytes] = []
    for rest, keys, values in _merged(list(columns)):
        track = before.tracks.get(rest)
        sound = track is not None and track.keys == keys
        if track is None or not sound:
            track = _track(family, account, keys, rest, track)
            sound = track.sound
        cells = _cells(values) if sound else None
        shown: Sequence[bytes] = track.prefixes
        if cells is None:
            shown, cells = _sound(track, values)
        else:
            tracks[rest] = track
        came, series = came + len(keys), series + len(cells)
        woven = [b""] * (2 * len(cells))
        woven[::2], woven[1::2] = shown, cells
        pieces.append(b"".join(woven))
    return Segment(b"".join(pieces), series, came - series, tracks)


def _merged(columns: list[Column]) -> Iterable[tuple[Labels, Sequence[str | Labels], Sequence[Any]]]:
    """Put the columns together that have the same other labels, so that no series can come twice unseen."""
    if len({len(one.rest) for one in columns}) > 1:
        columns = [Column([(*_labels(key), *one.rest) for key in one.keys], one.values) for one in columns]
    found: dict[Labels, tuple[Sequence[str | Labels], Sequence[Any]]] = {}
    for one in columns:
        if not one.keys:
            continue
        rest = tuple(map(clean, one.rest))
        keys, values = found.get(rest, ([], []))
        found[rest] = ([*keys, *one.keys], [*values, *one.values]) if keys else (one.keys, one.values)
    return ((rest, keys, values) for rest, (keys, values) in found.items())


def _track(
    family: Family[Any], account: Labels, keys: Sequence[str | Labels], rest: Labels, before: Track | None
) -> Track:
    """Return the series of these keys; those that lived before keep their prefix."""
    known = dict(zip(before.keys, before.prefixes, strict=True)) if before else {}
    fresh = [key for key in keys if key not in known]
    known.update(zip(fresh, _prefixes(family, account, fresh, rest), strict=True))
    return Track(keys, [known[key] for key in keys])


def _sound(track: Track, values: Sequence[Any]) -> tuple[list[bytes], list[bytes]]:
    """Return the prefixes and the cells of the samples that may be shown, looking at each."""
    kept: dict[bytes, float] = {}
    for prefix, value in zip(track.prefixes, values, strict=True):
        if prefix and prefix not in kept and _is_number(value):
            kept[prefix] = value
    return list(kept), [_cell(value) for value in kept.values()]


def _cells(values: Sequence[Any]) -> list[bytes] | None:
    """Format all values in one call, each with its line end; None if any of them is no finite number."""
    try:
        lines = _ENCODER.encode_lines(list(values))  # of all but a list msgspec 0.22 never lets the iterator go
    except (TypeError, ValueError, OverflowError):
        return None
    figures = lines.translate(_FIGURES)
    return None if b"?" in figures or _BEYOND in figures else lines.splitlines(keepends=True)


def _cell(value: float) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:
        return False


def _histograms(family: Family[Any], account: Labels, columns: Iterable[Column]) -> Segment:
    """Render histograms: cumulative buckets, then sum and count."""
    found: dict[Labels, Histogram] = {}
    came = 0
    for one in columns:
        for key, value in zip(one.keys, one.values, strict=True):
            came += 1
            labels = tuple(map(clean, (*_labels(key), *one.rest)))
            if isinstance(value, Histogram) and labels not in found:
                found[labels] = value
    lines = [line for labels, value in found.items() for line in _histogram(family, account, labels, value)]
    return Segment(b"".join(lines), len(lines), came - len(found))


def _histogram(family: Family[Any], account: Labels, labels: Labels, histogram: Histogram) -> list[bytes]:
    def line(suffix: str, value: float, **more: str) -> bytes:
        return _series(f"{family.name}{suffix}", family.labels, account, labels, **more) + _cell(value)

    bounds = (*map(str, histogram.bounds), "+Inf")
    counts = (*histogram.at_most, histogram.count)
    buckets = [line("_bucket", count, le=bound) for bound, count in zip(bounds, counts, strict=True)]
    return [*buckets, line("_sum", histogram.sum), line("_count", histogram.count)]


def _labels(key: str | Labels) -> Labels:
    return (key,) if isinstance(key, str) else key


def _prefixes(family: Family[Any], account: Labels, keys: Sequence[str | Labels], rest: Labels) -> Iterable[bytes]:
    """Return `name{labels} ` for each key, or nothing where the labels are not those of the family."""
    names = [key for key in keys if type(key) is str]
    if len(names) == len(keys) > 0 and len(rest) + 1 == len(family.labels) and _plain("".join(names), names):
        # Inside a value a quote is escaped, so that this mark can only be where the first label is empty.
        mark = f',{family.labels[0]}="'
        head, tail = _series(family.name, family.labels, account, ("", *rest)).decode().split(f'{mark}"')
        return [f'{head}{mark}{name}"{tail}'.encode() for name in names]
    return [_prefix(family, account, (*_labels(key), *rest)) for key in keys]


def _plain(text: str, names: list[str]) -> bool:
    """Whether these need neither cleaning nor escapes, told for all at once."""
    return (
        text.isascii() and text.isprintable() and not {'"', "\\"} & set(text) and max(map(len, names)) <= _LONGEST
    )


def _prefix(family: Family[Any], account: Labels, labels: Labels) -> bytes:
    if len(labels) != len(family.labels) or not all(isinstance(value, str) for value in labels):
        return b""
    return _series(family.name, family.labels, account, labels)


def _series(name: str, keys: Labels, account: Labels, labels: Labels, **more: str) -> bytes:
    keys, values = ("vendor", "account", *keys, *more), (*account, *labels, *more.values())
    pairs = ",".join(f'{key}="{_escape(clean(value))}"' for key, value in zip(keys, values, strict=True))
    return f"{PREFIX}{name}{{{pairs}}} ".encode()


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"") if '"' in text or "\\" in text else text


def clean(text: str) -> str:
    """Return a label value that is legal, harmless and short: what cannot be seen becomes U+FFFD."""
    if text.isascii() and text.isprintable() and len(text) <= _LONGEST:
        return text
    return "".join("\ufffd" if unicodedata.category(char) in _UNSEEN else char for char in text[:_LONGEST])
