"""Programs beside this one: started, looked at, and ended by their process id."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

_PATIENCE = 180.0  # seconds: half a million series take a while to make
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Broken(Exception):
    """A program that did not come up."""


def cpu(pid: int) -> float:
    """Return the CPU seconds, user and system, that a process has used: /proc/<pid>/stat has them in 10 ms."""
    return time.clock_gettime(~pid << 3 | 2)  # as clock_getcpuclockid(3) does


def resident(pid: int) -> float:
    """Return the resident memory of a process, in bytes."""
    return float(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str | Path], port: int, environ: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a program, wait until it listens on the port, and end it with the context.

    Raises:
        Broken: it ended at once, or does not listen.
    """
    process = subprocess.Popen(  # noqa: S603 - commands of our own
        [str(word) for word in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(environ or {})},
    )
    try:
        _await(process, port)
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 1)):
            return
        time.sleep(0.002)
    raise Broken(f"{process.args!r} does not listen")
