"""How long a program keeps a caller waiting who asks for next to nothing, measured from outside."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from subject import Subject

_EVERY = 0.005
_ASK = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Pulse:
    """Asks all the time, on a thread of its own."""

    def __init__(self, subject: Subject) -> None:
        self.longest = 0.0
        """Seconds of the longest answer: no stall of the event loop was longer."""
        self.beats = 0
        self._subject = subject
        self._over = threading.Event()

    def run(self) -> None:
        with socket.create_connection(("127.0.0.1", self._subject.port), timeout=30) as one:
            while not self._over.wait(_EVERY):
                began = self._subject.clock()
                one.sendall(_ASK)
                if not one.recv(65_536):
                    return
                self.longest = max(self.longest, self._subject.clock() - began)
                self.beats += 1

    def end(self) -> None:
        self._over.set()


@contextmanager
def pulse(subject: Subject) -> Iterator[Pulse]:
    """Feel it until the end of the block."""
    one = Pulse(subject)
    thread = threading.Thread(target=one.run, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.end()
        thread.join(30)
    assert one.beats, "the pulse was never felt"
