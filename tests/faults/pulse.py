"""How long a program keeps a caller waiting who asks for next to nothing, measured from outside."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_EVERY = 0.005
_ASK = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Pulse:
    """Asks all the time, on a thread of its own."""

    def __init__(self, port: int) -> None:
        self.longest = 0.0
        """Seconds of the longest answer: no stall of the event loop was longer."""
        self.beats = 0
        self._port = port
        self._over = threading.Event()

    def run(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), timeout=30) as one:
            while not self._over.wait(_EVERY):
                began = time.monotonic()
                one.sendall(_ASK)
                if not one.recv(65_536):
                    return
                self.longest = max(self.longest, time.monotonic() - began)
                self.beats += 1

    def end(self) -> None:
        self._over.set()


@contextmanager
def pulse(port: int) -> Iterator[Pulse]:
    """Feel it until the end of the block."""
    one = Pulse(port)
    thread = threading.Thread(target=one.run, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.end()
        thread.join(30)
    assert one.beats, "the pulse was never felt"
