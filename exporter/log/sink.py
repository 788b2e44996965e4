"""Where lines go: a thread of its own writes, so that a stuck stream costs lines, which are counted, not time."""

import queue
import threading
import time
from contextlib import suppress
from typing import Protocol

_KEPT = 1_000  # lines that wait for a stream that does not take them at once


class Stream(Protocol):
    """An unbuffered binary stream: the lock of a buffer would be held at exit by a write that is stuck."""

    def write(self, data: memoryview, /) -> int | None: ...  # noqa: D102 - as io.RawIOBase
    def isatty(self) -> bool: ...  # noqa: D102


class Sink:
    """A bounded queue of lines, and the thread that empties it."""

    def __init__(self, stream: Stream) -> None:
        """Begin to write what is put."""
        self.dropped = 0
        self._stream = stream
        self._lines: queue.Queue[bytes | None] = queue.Queue(_KEPT)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Take a line, or drop it, at once."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._drop()

    debug = info = warning = error = critical = put

    def close(self, timeout: float) -> None:
        """Wait until all is written, for at most so many seconds."""
        end = time.monotonic() + timeout
        with suppress(queue.Full):
            self._lines.put(None, timeout=timeout)
        self._thread.join(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._write(memoryview(line))
            except (OSError, ValueError):  # full, gone, or closed by somebody
                self._drop()

    def _write(self, rest: memoryview) -> None:
        while rest:
            written = self._stream.write(rest)
            if written is None:
                raise BlockingIOError
            rest = rest[written:]

    def _drop(self) -> None:
        with self._lock:
            self.dropped += 1
