"""From an event to a line, in one pass: flood, time, traceback, redaction last, and then only the spelling."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from structlog.processors import format_exc_info
from structlog.typing import EventDict

from exporter.log.flood import Flood, Key
from exporter.log.redaction import Redaction, bounded

_LINE = 16_384  # most characters of a line
_NARROWER = ("logger", "vendor", "account", "endpoint", "reason", "part")  # fields that make another kind of line
_PLAIN = re.compile(r"[\w./:@%+,*-]+", re.ASCII)
_COLOURS = {"debug": "\x1b[2m", "warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31;1m"}


class Lines:
    """The chain of structlog. Whatever an event holds, it makes a line and never raises."""

    def __init__(
        self,
        flood: Flood,
        redaction: Redaction,
        render: Callable[[Mapping[str, Any]], str],
        wall: Callable[[], float],
    ) -> None:
        """Make lines as `render` spells them, dated by `wall` in seconds since the Unix epoch."""
        self._flood = flood
        self._redaction = redaction
        self._render = render
        self._wall = wall

    def __call__(self, logger: Any, level: str, event: EventDict) -> bytes:
        """Return the line, and before it those about floods that are over.

        Raises:
            structlog.DropEvent: the line is kept back, being one too many of its kind.
        """
        always, kind = event.pop("always", False), event.pop("kind", event.get("event"))
        key = (level, *(str(told)[:512] for told in (kind, *(event.get(name, "") for name in _NARROWER))))
        before = 0 if always else self._flood.admit(key)
        over = b"".join(map(self._summary, self._flood.sweep()))
        if before is not None:
            counted = {"suppressed": before} if before else {}
            return over + self._line(level, {**format_exc_info(logger, level, event), **counted})
        if not over:
            raise structlog.DropEvent
        return over

    def left(self) -> bytes:
        """Return the lines about all floods."""
        return b"".join(map(self._summary, self._flood.sweep(everything=True)))

    def _summary(self, flood: tuple[Key, int]) -> bytes:
        (level, *told), count = flood
        fields = zip(("event", *_NARROWER), told, strict=False)
        return self._line(level, {**{name: value for name, value in fields if value}, "suppressed": count})

    def _line(self, level: str, event: EventDict) -> bytes:
        self._redaction.refresh()
        at = datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        trace = event.pop("exception", None)
        head = {"timestamp": at, "level": level, "event": self._redaction.value(event.pop("event", ""))}
        rest = {name: bounded(value) for name, value in self._redaction.value(event).items() if name not in head}
        end = {} if trace is None else {"exception": self._redaction.trace(str(trace))}
        line = self._render({**head, **rest, **end})
        if len(line) > _LINE:
            line = self._render({**head, "cut": "the line was too long"})
        return f"{line}\n".encode("utf-8", "backslashreplace")


def to_json(event: Mapping[str, Any]) -> str:
    """Return the event as one line of JSON, in ASCII."""
    return json.dumps(event)


def console(*, colours: bool) -> Callable[[Mapping[str, Any]], str]:
    """Return what spells an event for a person; a traceback follows on lines that cannot be taken for others."""

    def render(event: Mapping[str, Any]) -> str:
        fields = dict(event)
        at, level, name, trace = (fields.pop(key, "") for key in ("timestamp", "level", "event", "exception"))
        colour = _COLOURS.get(level, "") if colours else ""
        shown = f"{colour}{level:<8}\x1b[0m" if colour else f"{level:<8}"
        told = "".join(f" {_visible(key)}={_quoted(value)}" for key, value in fields.items())
        rows = "".join(f"\n    | {_visible(row)}" for row in trace.splitlines())
        return f"{at} {shown} {_visible(str(name))}{told}{rows}"

    return render


def _quoted(value: object) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return _visible(json.dumps(value, ensure_ascii=False))


def _visible(text: str) -> str:
    """Escape what a terminal would obey instead of showing it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
