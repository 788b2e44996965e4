"""One chain for structlog and for the standard library's logging."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Literal

import structlog
from structlog.typing import FilteringBoundLogger

from exporter.log.flood import Flood
from exporter.log.lines import Lines, console, to_json
from exporter.log.redaction import Redaction
from exporter.log.sink import Sink, Stream

Level = Literal["debug", "info", "warning", "error"]
Style = Literal["auto", "console", "json"]


class Journal:
    """The logger to pass on, and what became of its lines.

    Two keywords of a call are for the journal itself: `always=True` exempts a line from the limit on floods, and
    `kind` says what counts as the same line, where that is not its event.
    """

    def __init__(
        self,
        *,
        stream: Stream,
        level: Level,
        style: Style,
        secrets: Callable[[], Iterable[str]],
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to write.

        `secrets` returns the secrets as they are now, without waiting for anything; `wall` tells the seconds since
        the Unix epoch, `clock` the monotonic ones.
        """
        terminal = stream.isatty()
        readable = style == "console" or (style == "auto" and terminal)
        render = console(colours=terminal) if readable else to_json
        self._sink = Sink(stream)
        self._lines = Lines(Flood(clock), Redaction(secrets), render, wall)
        self.log: FilteringBoundLogger = structlog.wrap_logger(
            self._sink,
            processors=[self._lines],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            context_class=dict,
            cache_logger_on_first_use=False,
        ).bind()
        self.handler: logging.Handler = _Bridge(self.log)
        """The way into this journal for the standard library's loggers."""

    @property
    def dropped(self) -> int:
        """Lines that could not be written."""
        return self._sink.dropped

    def close(self, timeout: float = 1.0) -> None:
        """Write what is left, for at most so many seconds."""
        if lines := self._lines.left():
            self._sink.put(lines)
        self._sink.close(timeout)


@contextmanager
def opened(
    *, stream: Stream, level: Level, style: Style, secrets: Callable[[], Iterable[str]]
) -> Iterator[Journal]:
    """Keep a journal as long as the context lasts, also of what libraries log and warn of."""
    journal = Journal(stream=stream, level=level, style=style, secrets=secrets)
    root = logging.getLogger()
    before = root.level
    root.addHandler(journal.handler)
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    try:
        yield journal
    finally:
        logging.captureWarnings(False)
        root.setLevel(before)
        root.removeHandler(journal.handler)
        journal.close()


def raw(descriptor: int) -> BinaryIO:
    """Return the unbuffered stream of a descriptor; the null device where it was closed before we started.

    A closed descriptor would be given to the next socket, and the lines would be written into that.
    """
    try:
        os.fstat(descriptor)
    except OSError:
        return open(os.devnull, "wb", buffering=0)  # noqa: PTH123 - it lives as long as the process
    return open(descriptor, "wb", buffering=0, closefd=False)


class _Bridge(logging.Handler):
    """Hands what the standard library's loggers say to ours."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record; its text before formatting is its kind."""
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - its arguments do not fit its text
            text = str(record.msg)
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        self._log.log(level, text, logger=record.name, kind=str(record.msg), exc_info=record.exc_info or None)
