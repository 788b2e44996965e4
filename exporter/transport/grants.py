"""What must outlive the process: the tokens of one account, in one small file that is old or new, never torn."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import msgspec
from msgspec import Struct


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

    @property
    def lasting(self) -> bool:
        """Whether what is kept is there after a restart."""
        return self._file is not None

    def load(self) -> Grant | None:
        """Return the grant that was kept last; None where there is none, or none that can be read."""
        if self._file is None:
            return None
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Grant)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as fault:
            self._warn(
                f"{self._file}: {type(fault).__name__}: the kept tokens cannot be read; starting without them"
            )
            return None

    async def keep(self, grant: Grant) -> bool:
        """Write the grant so that it survives a power cut from now on; False where that was not possible."""
        if self._file is None:
            return True
        try:
            with ThreadPoolExecutor(1) as disk:  # its own: the default one may be full of name look-ups
                await asyncio.get_running_loop().run_in_executor(
                    disk, _write, self._file, msgspec.json.encode(grant)
                )
        except OSError as fault:
            self._warn(
                f"{self._file}: {fault.strerror}: the new tokens cannot be kept; a restart may need a new grant"
            )
            return False
        return True


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
