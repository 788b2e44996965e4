"""Faults that must be put inside of the process; a file named by FAULT switches them on and off as it runs."""

import asyncio
import os
import resource
import signal
import socket
import time
from pathlib import Path
from stat import S_ISDIR
from typing import Any

from exporter.app import Exporter
from exporter.poll import AccountPoll
from exporter.transport import grants


def switched_on(name: str) -> bool:
    """Tell whether a fault is to happen now."""
    file = Path(os.environ["FAULT"])
    return file.exists() and file.read_text() == name


def bugs() -> None:
    """Let the sick account's answers break the code that reads them, or its whole task; or stop the heart."""
    read, poll, heartbeat = AccountPoll._read, AccountPoll.poll, Exporter._heartbeat

    def reading(self: AccountPoll, *rest: Any) -> Any:
        if self._state.name == "sick" and switched_on("reading"):
            raise ZeroDivisionError("a bug")
        return read(self, *rest)

    async def polling(self: AccountPoll, endpoint: str) -> Any:
        if self._state.name == "sick" and switched_on("polling"):
            raise RuntimeError("a bug")
        return await poll(self, endpoint)

    async def beating(self: Exporter) -> None:
        heart = asyncio.create_task(heartbeat(self))
        while not switched_on("heart"):  # noqa: ASYNC110 - another process writes the file
            await asyncio.sleep(0.1)
        heart.cancel()
        await asyncio.Event().wait()

    AccountPoll._read = reading  # type: ignore[assignment,method-assign]
    AccountPoll.poll = polling  # type: ignore[method-assign]
    Exporter._heartbeat = beating  # type: ignore[method-assign]


def disk() -> None:
    """Let the writing of tokens be slow, or the whole process be killed in the middle of it."""
    write, sync, replace = grants._write, os.fsync, Path.replace

    def writing(file: Path, content: bytes) -> None:
        if switched_on("half"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) // 2, resource.RLIM_INFINITY))
        write(file, content)

    def syncing(descriptor: int) -> None:
        folder = S_ISDIR(os.fstat(descriptor).st_mode)
        if switched_on("renamed" if folder else "written"):
            die()
        if switched_on("slow") and not folder:
            Path(os.environ["FAULT"]).with_suffix(".began").touch()
            time.sleep(0.2)
            Path(os.environ["FAULT"]).with_suffix(".over").touch()
        sync(descriptor)

    def replacing(self: Path, target: Path) -> Path:
        if switched_on("synced"):
            die()
        return replace(self, target)

    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # who writes more than the limit dies of it
    grants._write = writing
    os.fsync = syncing  # type: ignore[assignment]
    Path.replace = replacing  # type: ignore[assignment,method-assign]


def die() -> None:
    """End as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def names() -> None:
    """Let no name be found: one of them at once, the other never."""
    find = socket.getaddrinfo

    def finding(host: Any, *rest: Any, **more: Any) -> Any:
        if host == "missing.localhost":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        while host == "hanging.localhost":
            time.sleep(0.05)
        return find(host, *rest, **more)

    socket.getaddrinfo = finding
