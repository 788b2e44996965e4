"""The figures as docs/performance.md shows them."""

import os
import platform
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


class Row(Struct, frozen=True):
    """One claim, measured."""

    what: str
    measured: str
    goal: str = ""
    kept: bool | None = None
    """None where there is no goal."""


def table(part: str, where: str, rows: Iterable[Row]) -> str:
    """Return the rows of a part under the command that makes them, and what it ran on."""
    lines = "".join(f"| {row.what} | {row.measured} | {row.goal} | {_mark(row.kept)} |\n" for row in rows)
    return f"`make bench PART={part}`, on {where}:\n\n| What | Measured | Goal | |\n|---|---|---|---|\n{lines}"


def _mark(kept: bool | None) -> str:  # noqa: FBT001 - one of three
    return {None: "", True: "kept", False: "**missed**"}[kept]


def with_part(page: str, part: str, text: str) -> str:
    """Return the page with this text between the markers of a part.

    Raises:
        ValueError: the page has no such markers.
    """
    begin, end = f"<!-- bench: {part} -->\n", f"<!-- /bench: {part} -->"
    between = re.compile(f"({re.escape(begin)}).*?({re.escape(end)})", re.DOTALL)
    changed, places = between.subn(lambda found: f"{found[1]}{text}{found[2]}", page)
    if places != 1:
        raise ValueError(f"docs/performance.md: the markers of {part} are not there, or not once")
    return changed


def machine() -> str:
    """Return what the figures were measured on, and what else it did then."""
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    return f"{cores} cores, Python {platform.python_version()}, load average {load:.1f} when it began"


def span(seconds: float) -> str:
    """Return a duration with the unit that suits it, and two or three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{digits(seconds / size)} {unit}"
    return f"{digits(seconds / 1e-9)} ns"


def digits(number: float) -> str:
    """Return a number with two digits, or all those before the point."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}" if number >= 1 else f"{number:.2f}"


def times(ratio: float) -> str:
    """Return how many times as much."""
    return f"{digits(ratio)} times"


def missed(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the claims that did not hold."""
    for row in rows:
        if row.kept is False:
            yield f"{row.what}: {row.measured}, and should be {row.goal}"
