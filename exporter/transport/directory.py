"""Where a vendor's services live: asked once, remembered for hours, asked again when nobody is at home there."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from exporter.errors import PollFailed, Reason, Unreadable
from exporter.wire.http import LookUp, Reply, Request

KEPT_FOR = 6 * 3600.0
"""Seconds after which a service is looked up again."""
NOT_SOONER = 60.0
"""Seconds in which a look-up is not repeated, however many calls fail."""

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)


class Directory:
    """The origins of one account's services."""

    def __init__(self, ask: Callable[[Request], Awaitable[Reply]]) -> None:
        self._ask = ask
        self._origins: dict[Request, tuple[str, float]] = {}
        self._lock = asyncio.Lock()

    async def origin(self, service: LookUp) -> str:
        """Return where a service lives; the last known place where a new look-up fails.

        Raises:
            PollFailed: it was never found.
        """
        async with self._lock:
            known, until = self._origins.get(service.request, ("", 0.0))
            if _now() < until:
                return known
            try:
                known = _trusted(service, service.read(await self._ask(service.request)))
            except PollFailed:
                if not known:
                    raise
                self._origins[service.request] = (known, _now() + NOT_SOONER)
            else:
                self._origins[service.request] = (known, _now() + KEPT_FOR)
            return known

    def doubt(self, service: LookUp) -> None:
        """Look the service up again at the next call, unless that has just been done."""
        known, until = self._origins.get(service.request, ("", 0.0))
        if known and until - _now() < KEPT_FOR - NOT_SOONER:
            self._origins[service.request] = (known, min(until, _now()))


def _trusted(service: LookUp, origin: str) -> str:
    asked, told = urlsplit(service.request.url), urlsplit(origin)
    host = told.hostname or ""
    at_home = host == asked.hostname or any(host.endswith(suffix) for suffix in service.hosts)
    if not (_ORIGIN.fullmatch(origin) and at_home and told.scheme == asked.scheme):
        raise Unreadable(Reason.ORIGIN, "the look-up names a host that is not the vendor's; it is not asked")
    return origin


def _now() -> float:
    return asyncio.get_running_loop().time()
