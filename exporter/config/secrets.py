"""Where secrets come from: the config itself, the environment, or a file that may change while we run."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from stat import S_ISREG
from typing import Final

from msgspec import Struct

from exporter.config.problems import Misfit
from exporter.wire.secret import Secret

_MAX_BYTES: Final = 2**16


def known_secret(text: str, where: str) -> Secret:
    """Return a secret that stays as it is."""
    return Secret(lambda: text, where)


def file_secret(path: Path) -> Secret:
    """Return the secret that a file holds, now and after every change of the file.

    Raises:
        Misfit: the file cannot be read, or holds no secret.
    """
    read = _following(path)
    try:
        read()
    except OSError as error:
        told = (error.strerror or "unknown reason").lower()
        raise Misfit(
            f"the file it names cannot be read: {told} (relative paths start beside the config)"
        ) from None
    return Secret(read, f"file {path}")


def _following(path: Path) -> Callable[[], str]:
    """Return a reader that opens the file only when it changed, and keeps the last good text while it is bad."""
    seen: tuple[int, ...] = ()
    good = ""  # no good text is empty

    def read() -> str:
        nonlocal seen, good
        try:
            now = _stamp(os.stat(path))  # noqa: PTH116 - the kernel follows symlinks anew at each call
            if now != seen:
                good, seen = _text(path), now
        except (OSError, Misfit):
            if not good:
                raise
        return good

    return read


def _stamp(stat: os.stat_result) -> tuple[int, ...]:
    if not S_ISREG(stat.st_mode):
        raise Misfit("what it names is not a regular file")
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise Misfit("the file it names is larger than 64 KiB, which is no secret")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Misfit("the file it names is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
    if not text.strip():
        raise Misfit("the file it names is empty")
    return text


def secrets_in(value: object) -> Iterator[Secret]:
    """Yield every secret in a config, or in a part of one."""
    match value:
        case Secret():
            yield value
        case Struct():
            yield from secrets_in(tuple(getattr(value, name) for name in value.__struct_fields__))
        case tuple():
            for part in value:
                yield from secrets_in(part)
