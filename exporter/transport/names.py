"""Host names become addresses, each look-up in a thread that it shares with nobody."""

import asyncio
import socket
from contextlib import suppress
from threading import Thread
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult


class Names(AbstractResolver):
    """Looks names up: one that hangs holds up no other account's, and not the end of the program.

    A loop's own threads are few, and a handful of names in a black hole would take them all. An account has one
    look-up of a name under way at a time, since aiohttp lets the others wait for it.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            OSError: it has none.
        """
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Any]] = loop.create_future()

        def tell(infos: list[Any], fault: Exception | None) -> None:
            if found.done():  # nobody waits any longer
                return
            if fault:
                found.set_exception(fault)
            else:
                found.set_result(infos)

        def look_up() -> None:
            infos: list[Any] = []
            fault: Exception | None = None
            try:
                infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
            except UnicodeError:  # a label is empty, or longer than DNS allows
                fault = socket.gaierror(socket.EAI_NONAME, "no name of a host")
            except Exception as failed:  # noqa: BLE001 - whatever it is, who waits must hear of it
                fault = failed
            with suppress(RuntimeError):  # the loop is gone, and so is who waited
                loop.call_soon_threadsafe(tell, infos, fault)

        Thread(target=look_up, name=f"look up {host}", daemon=True).start()
        return [
            ResolveResult(
                hostname=host, host=address[0], port=address[1], family=kind, proto=protocol, flags=_NUMERIC
            )
            for kind, _, protocol, _, address in await found
        ]

    async def close(self) -> None:
        """Do nothing: threads that hang end with the program."""


_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
