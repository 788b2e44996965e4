"""What is put into a subject before it starts: a wall clock that can be set, names that do not resolve, a list of
the addresses that it calls, counts of its tasks and of its memory.

NAMES, WALL, CALLED and TOLD in the environment name the files by which the suite steers it and in which it reads.
"""

import asyncio
import gc
import json
import signal
import socket
import sys
import time
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp.connector

MISSING, HANGING = "missing", "hanging"


def inject(speed: float, environ: Mapping[str, str]) -> None:
    """Change this process as its environment says; call it before the program is imported."""
    aiohttp.connector.monotonic = lambda: time.monotonic() * speed  # type: ignore[attr-defined]  # a pool ages too
    signal.signal(signal.SIGUSR1, _teller(Path(environ["TOLD"]), lambda: len(asyncio.all_tasks())))
    signal.signal(signal.SIGUSR2, _teller(Path(environ["TOLD"]), _living))
    if "WALL" in environ:
        time.time = _wall(Path(environ["WALL"]), speed)
    if "NAMES" in environ:
        socket.getaddrinfo = _resolver(Path(environ["NAMES"]))
    if "CALLED" in environ:
        BaseSelectorEventLoop.sock_connect = _connector(Path(environ["CALLED"]))  # type: ignore[method-assign]


def _teller(file: Path, tell: Callable[[], int]) -> Callable[..., None]:
    return lambda *_: _written(file, str(tell()))


def _living() -> int:
    """Return how many blocks of memory are in use, now that what is no more is collected."""
    gc.collect()
    return sys.getallocatedblocks()


def _wall(file: Path, speed: float) -> Callable[[], float]:
    real, began = time.time(), time.monotonic()
    _written(file.with_suffix(".began"), f"{real} {began}")
    return lambda: real + (time.monotonic() - began) * speed + float(file.read_text())


def _resolver(file: Path) -> Callable[..., Any]:
    """Names under .localhost are this machine's, unless the file says otherwise."""
    real = socket.getaddrinfo

    def verdict(host: object) -> str:
        return str(json.loads(file.read_text()).get(host, ""))

    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        ours = isinstance(host, str) and host.endswith(".localhost")
        if ours:
            with file.with_suffix(".asked").open("a") as asked:
                asked.write(f"{host} {verdict(host)}\n")
        while verdict(host) == HANGING:
            time.sleep(0.02)
        if verdict(host) == MISSING:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real("127.0.0.1" if ours else host, *rest, **more)

    return getaddrinfo


def _connector(file: Path) -> Callable[..., Any]:
    real = BaseSelectorEventLoop.sock_connect

    async def sock_connect(loop: Any, sock: socket.socket, address: Any) -> None:
        with file.open("a") as called:
            called.write(f"{address[0]}:{address[1]}\n")
        await real(loop, sock, address)

    return sock_connect


def _written(file: Path, text: str) -> None:
    """Write it in one step: somebody may be reading."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


@dataclass
class Names:
    """Which names a subject cannot resolve."""

    file: Path

    def __post_init__(self) -> None:
        self.are({})

    def are(self, verdicts: Mapping[str, str]) -> None:
        """Let each of these be MISSING or HANGING from now on, and no other."""
        _written(self.file, json.dumps(verdicts))

    def asked(self, name: str, verdict: str) -> int:
        """Return how many look-ups of a name began while that was its verdict."""
        with suppress(FileNotFoundError):
            return self.file.with_suffix(".asked").read_text().splitlines().count(f"{name} {verdict}")
        return 0


@dataclass
class Wall:
    """The wall clock of a subject, which passes as fast as its loop's."""

    file: Path
    speed: float
    offset: float = 0.0

    def __post_init__(self) -> None:
        self.shift(0.0)

    def shift(self, seconds: float) -> None:
        """Set it forward, or back."""
        self.offset += seconds
        _written(self.file, str(self.offset))

    def now(self) -> float:
        """Return what the running subject believes, in seconds since the Unix epoch."""
        real, began = map(float, self.file.with_suffix(".began").read_text().split())
        return real + (time.monotonic() - began) * self.speed + self.offset


def called(file: Path) -> set[str]:
    """Return the addresses that a subject has tried to reach."""
    return set(file.read_text().split()) if file.exists() else set()
