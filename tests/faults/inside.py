"""Faults that must be put inside of the process; a file named by FAULT switches them on and off as it runs."""

import asyncio
import os
from pathlib import Path
from typing import Any

from exporter.app import Exporter
from exporter.poll import AccountPoll


def switched_on(name: str) -> bool:
    """Tell whether a fault is to happen now."""
    file = Path(os.environ["FAULT"])
    return file.exists() and file.read_text() == name


def bugs() -> None:
    """Let the sick account's answers break the code that reads them, or its whole task; or stop the heart."""
    read, poll, heartbeat = AccountPoll._read, AccountPoll.poll, Exporter._heartbeat

    def reading(self: AccountPoll, *rest: Any) -> Any:
        if self._state.name == "sick" and switched_on("reading"):
            raise ZeroDivisionError("canary-in-an-error")
        return read(self, *rest)

    async def polling(self: AccountPoll, endpoint: str) -> Any:
        if self._state.name == "sick" and switched_on("polling"):
            raise RuntimeError("canary-in-an-error")
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
