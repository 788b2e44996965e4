"""Where a vendor's services live: asked once, remembered for hours, asked again when nobody is at home there."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from exporter.errors import PollFailed, Reason, Unreadable
from exporter.wire.http import LookUp, Reply, Request

KEPT_FOR = 6 * 3600.0
"""Seconds after which a service is looked up again."""
NOT_SOONER = 60.0
"""Seconds in which a look-up is not repeated, however many calls fail."""

_ORIGIN = re.compile(r"https?://[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*(:([0-9]{1,5}))?", re.ASCII)


class _Entry(Struct, frozen=True):
    """What is known of one service. Instants are those of the loop's clock."""

    origin: str
    asked: float
    """When it was asked last, well or not."""
    until: float


class Directory:
    """The origins of one account's services."""

    def __init__(self, ask: Callable[[Request], Awaitable[Reply]]) -> None:
        self._ask = ask
        self._entries: dict[Request, _Entry] = {}
        self._lock = asyncio.Lock()

    async def origin(self, service: LookUp) -> str:
        """Return where a service lives; the last known place where a new look-up fails.

        Raises:
            PollFailed: it was never found.
        """
        async with self._lock:
            known = self._entries.get(service.request)
            if known and _now() < known.until:
                return known.origin
            asked = _now()
            try:
                origin = _trusted(service, service.read(await self._ask(service.request)))
            except PollFailed:
                if known is None:
                    raise
                entry = _Entry(known.origin, asked, asked + NOT_SOONER)
            else:
                entry = _Entry(origin, asked, asked + KEPT_FOR)
            self._entries[service.request] = entry
            return entry.origin

    def doubt(self, service: LookUp) -> None:
        """Look the service up again at the next call, unless that has just been done."""
        known = self._entries.get(service.request)
        if known and _now() - known.asked >= NOT_SOONER:
            self._entries[service.request] = replace(known, until=_now())


def _trusted(service: LookUp, origin: str) -> str:
    match = _ORIGIN.fullmatch(origin)
    if not (match and int(match[3] or 0) < 2**16 and _at_home(service, origin)):
        raise Unreadable(Reason.ORIGIN, "the look-up names a host that is not the vendor's; it is not asked")
    return origin


def _at_home(service: LookUp, origin: str) -> bool:
    asked, told = urlsplit(service.request.url), urlsplit(origin)
    host = told.hostname or ""
    at_home = host == asked.hostname or any(host.endswith(suffix) for suffix in service.hosts)
    return at_home and told.scheme == asked.scheme


def _now() -> float:
    return asyncio.get_running_loop().time()
