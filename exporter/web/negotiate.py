"""What a scraper can read: its Accept headers, understood so tolerantly that nothing in them can fail."""

import re
from functools import lru_cache
from typing import NamedTuple

_READ = 8192
"""Characters of a header that are looked at; an honest one is a twentieth of it."""
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_PREFERRED = ("text/plain", "text/*", "*/*")


class _Entry(NamedTuple):
    name: str
    version: str | None
    weight: float


def wants_openmetrics(accept: str) -> bool:
    """Return whether OpenMetrics 1.0.0 is asked for by name, at least as much as plain text."""
    openmetrics, plain = 0.0, dict.fromkeys(_PREFERRED, -1.0)
    for name, version, weight in _entries(accept[:_READ]):
        if name in plain:
            plain[name] = max(weight, plain[name])
        elif name == "application/openmetrics-text" and version in (None, "1.0.0"):
            openmetrics = max(weight, openmetrics)
    wanted = next((weight for weight in plain.values() if weight >= 0), 0.0)
    return openmetrics > 0 and openmetrics >= wanted


def takes_gzip(accept_encoding: str) -> bool:
    """Return whether gzip is among the codings that are named as welcome."""
    return any(name == "gzip" and weight > 0 for name, _, weight in _entries(accept_encoding[:_READ]))


@lru_cache(maxsize=32)  # a scraper sends the same words each time
def _entries(header: str) -> tuple[_Entry, ...]:
    """Return the entries of a header; one with a broken weight is as good as absent."""
    entries = []
    for entry in header.lower().split(","):
        name, *rest = (part.strip() for part in entry.split(";"))
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
        weight = parameters.get("q", "1")
        if _WEIGHT.fullmatch(weight):
            entries.append(_Entry(name, parameters.get("version"), float(weight)))
    return tuple(entries)
