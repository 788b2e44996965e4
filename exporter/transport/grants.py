"""What must outlive the process: the tokens of one account, in one small file that is old or new, never torn."""

import asyncio
import errno
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from exporter.errors import PollFailed, Reason

DISK_SECONDS = 10.0
"""In which a file system answers, if it is alive: nothing of ours waits longer."""
TURN_SECONDS = 75.0
"""In which another process has renewed its tokens: a token call takes a minute at most, then come the disks."""
_LOOK_SECONDS = 0.1  # between two looks at whether the other is done

T = TypeVar("T")


class Grant(Struct, frozen=True):
    """The tokens that an account holds."""

    configured: str = ""
    """Fingerprint of the configured secret that they descend from: another one there makes them worthless."""
    access_token: str = ""
    """Empty where there is none yet."""
    expires: float | None = None
    """Of the access token, in seconds since the Unix epoch; None where the vendor did not say."""
    refresh_token: str = ""
    """Empty where the grant has none."""

    def __repr__(self) -> str:
        return "Grant(***)"


class GrantStore:
    """Keeps one account's grant across restarts; without a directory, only the process remembers it."""

    def __init__(self, directory: Path | None, account: str, warn: Callable[[str], None]) -> None:
        """Name the file by the account; `warn` is told, in one line, what could not be read or written."""
        self._file = None if directory is None else directory / f"{quote(account, safe='')}.grant.json"
        self._warn = warn
        self._one = asyncio.Lock()
        self._deed: Future[Any] | None = None
        self._lock: Future[int] | None = None

    @property
    def lasting(self) -> bool:
        """Whether what is kept is there after a restart."""
        return self._file is not None

    async def load(self) -> Grant | None:
        """Return the grant that was kept last; None where there is none, or what there is makes no sense.

        Raises:
            OSError: it cannot be read at present.
        """
        if self._file is None:
            return None
        try:
            return msgspec.json.decode(await self._on_disk(self._file.read_bytes), type=Grant)
        except FileNotFoundError:
            return None
        except OSError as fault:
            self._warn(f"{self._file}: {fault.strerror}: the kept tokens cannot be read")
            raise
        except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
            self._warn(f"{self._file}: {type(fault).__name__}: the kept tokens are broken; starting without them")
            return None

    async def keep(self, grant: Grant) -> bool:
        """Write the grant so that it survives a power cut from now on; False where that was not possible."""
        if self._file is None:
            return True
        try:
            await self._on_disk(partial(_write, self._file, msgspec.json.encode(grant)))
        except OSError as fault:
            self._warn(
                f"{self._file}: {fault.strerror}: the new tokens cannot be kept; a restart may need a new grant"
            )
            return False
        return True

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Keep out every other process that shares the directory while this one renews the grant.

        Where the file system knows no locks, go on without, and say so.

        Raises:
            PollFailed: another has kept us out for TURN_SECONDS.
        """
        if self._file is None:
            yield
            return
        if self._lock and not self._lock.done():
            raise _taken()
        over = Event()
        disk = ThreadPoolExecutor(1)  # until it is our turn, and its only thread gives the lock back after that
        lock = self._lock = disk.submit(_locked, self._file.with_suffix(".lock"), over)
        try:
            try:
                async with asyncio.timeout(TURN_SECONDS):
                    await asyncio.wrap_future(lock)
            except TimeoutError:
                raise _taken() from None
            except OSError as fault:
                self._warn(
                    f"{self._file}: {fault.strerror}: it cannot be locked; two processes may ruin one grant"
                )
            yield
        finally:
            over.set()
            disk.submit(_unlock, lock)
            disk.shutdown(wait=False)

    async def _on_disk(self, deed: Callable[[], T]) -> T:
        """Do it beside the loop, one thing after the other, and return what comes of it.

        Raises:
            OSError: what the deed raises; or the file system is silent, and what was begun there may still happen.
        """
        silent = TimeoutError(errno.ETIMEDOUT, "the file system does not answer")
        async with self._one:
            if self._deed and not self._deed.done():
                raise silent
            disk = ThreadPoolExecutor(1)  # its own: the default one may be full of name look-ups
            done = self._deed = disk.submit(deed)
            disk.shutdown(wait=False)
            try:
                async with asyncio.timeout(DISK_SECONDS):
                    return await asyncio.wrap_future(done)
            except TimeoutError:
                raise silent from None


def _taken() -> PollFailed:
    detail = "another process that shares state_dir renews this grant for ever, or the disk is silent; see to it"
    return PollFailed(Reason.TIMEOUT, detail)


def _locked(file: Path, over: Event) -> int:
    """Return the descriptor of the file when it is locked, or give up when nobody waits for it any more."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if over.wait(_LOOK_SECONDS):
                    raise
            else:
                return lock
    except OSError:
        os.close(lock)
        raise


def _unlock(lock: Future[int]) -> None:
    if not lock.cancelled() and not lock.exception():
        os.close(lock.result())


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    new.replace(file)
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
