"""The door to all that is served. Its terms are read from web.yaml before each handshake and each request."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Self

from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace
from structlog.typing import FilteringBoundLogger

from exporter.config.problems import ConfigError, Misfit, Problem
from exporter.web.buckets import Buckets
from exporter.web.passwords import Passwords, Refusal
from exporter.web.server import remote
from exporter.web.tls import Tls
from exporter.web.web_config import RateLimit, Terms, content, read_terms

_MOST_PROBLEMS: Final = 20  # that are logged, a line each
_CLOSED: Final = Refusal(503, "closed: the web config is broken, and the log tells where")
_TOO_MANY: Final = "too many requests"


class Verdict(Struct, frozen=True):
    """What becomes of a request."""

    refusal: Refusal | None
    """None: it may be answered."""
    headers: Mapping[str, str] = {}
    """Of the answer, whichever it is."""


class Gate:
    """Lets in who may come in, by the terms that the files say now; while they cannot be read, nobody.

    Whether TLS is spoken is settled at the start: a file that says otherwise later counts as broken.
    """

    def __init__(self, path: Path, environ: Mapping[str, str], log: FilteringBoundLogger) -> None:
        """Read the files for the first time, inside a running loop.

        Raises:
            ConfigError: with all their problems.
        """
        self._log = log
        self._clock = asyncio.get_running_loop().time
        self._files = _Files(path, environ)
        self._told: Terms | ConfigError = self._files.look()
        if isinstance(self._told, ConfigError):
            raise self._told
        self.tls: Final = self._told.tls is not None
        """Whether TLS is spoken."""
        self._reader = ThreadPoolExecutor(1, "web-config")  # not that of the passwords, which has long to do
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[Terms | None] | None = None
        self._passwords = Passwords(self._clock, log)
        self._limit(self._told.rate)

    @asynccontextmanager
    async def handshake(self, peer: str) -> AsyncIterator[ssl.SSLContext | None]:
        """Yield how a connection is to be made secret; None where nobody may come in."""
        terms = await self._terms()
        try:
            yield terms.tls.context if terms and terms.tls else None
        except ssl.SSLError as error:  # the client is not told why: asyncio drops what OpenSSL would say
            self._log.debug("handshake_refused", peer=peer, reason=error.reason)
            raise

    async def judge(self, request: web.BaseRequest) -> Verdict:
        """Return what becomes of a request.

        Raises:
            ConnectionError: its connection was made on other terms of TLS, or its client has not the right name.
        """
        terms = await self._terms()
        if terms is None:
            return Verdict(_CLOSED)
        transport = request.transport
        if transport is None:
            raise ConnectionError("the client is gone")
        peer = remote(transport)
        if terms.tls:
            self._check(terms.tls, transport, peer)
        if terms.rate != self._rate:
            self._limit(terms.rate)
        if wait := self._requests.take(""):
            return Verdict(Refusal(429, _TOO_MANY, {"Retry-After": f"{wait + 1:.0f}"}), terms.headers)
        fields = request.headers.getall("Authorization", ())
        refusal = terms.users and await self._passwords.check(terms.users, fields, peer)
        return Verdict(refusal or None, terms.headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reader.shutdown(wait=False, cancel_futures=True)
        self._passwords.close()

    def _check(self, tls: Tls, transport: asyncio.BaseTransport, peer: str) -> None:
        if transport.get_extra_info("sslcontext") is not tls.context:
            raise ConnectionError("made on other terms")
        if not tls.admits(transport.get_extra_info("ssl_object").getpeercert(binary_form=True)):
            self._log.debug("handshake_refused", peer=peer, reason="NAME_NOT_ALLOWED")
            raise ConnectionError("not an allowed name")

    def _limit(self, rate: RateLimit) -> None:
        self._rate = rate
        self._requests = Buckets(rate.burst, rate.interval, self._clock)

    async def _terms(self) -> Terms | None:
        """Return the terms, read from now on; None where they cannot be had. Who asks meanwhile shares them."""
        if self._next is None:
            self._next = asyncio.create_task(self._read())
        return await asyncio.shield(self._next)

    async def _read(self) -> Terms | None:
        async with self._turn:
            self._next = None  # who comes from here on may see a younger file
            try:
                found = await asyncio.get_running_loop().run_in_executor(self._reader, self._files.look)
            except Exception:  # noqa: BLE001 - a fault of ours must not open the door
                self._log.exception("web_config_broke")
                return None
            self._tell(found)
            return found if isinstance(found, Terms) else None

    def _tell(self, found: Terms | ConfigError) -> None:
        """Log what changed, once."""
        before, self._told = self._told, found
        if found is before:
            return
        if isinstance(found, Terms):
            self._log.info("web_config_read", always=True)
        elif str(found) != str(before):
            for problem in str(found).splitlines()[:_MOST_PROBLEMS]:
                self._log.error("web_config_refused", problem=problem, always=True)


class _Files:
    """web.yaml and the files that it names, and what they came to when they were last read."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self._path = path
        self._environ = environ
        self._seen: Mapping[Path, bytes | None] = {}
        self._outcome: Terms | ConfigError | None = None
        self._last: Terms | None = None  # that was good

    def look(self) -> Terms | ConfigError:
        """Return what the files come to: the same object as long as nothing in them changes. Blocks.

        Contents are compared, not times: a file may be written twice within a tick of its clock.
        """
        if self._outcome is None or any(_found(path) != data for path, data in self._seen.items()):
            seen: dict[Path, bytes | None] = {}

            def read(path: Path) -> bytes:
                data = seen[path] = _found(path)
                return content(path) if data is None else data

            try:
                self._outcome = self._last = self._kept(read_terms(self._path, self._environ, read))
            except ConfigError as wrong:
                self._outcome = wrong
            self._seen = seen
        return self._outcome

    def _kept(self, terms: Terms) -> Terms:
        """Return the terms with the TLS that is in force where theirs is the same: connections go on."""
        if self._last is None:
            return terms
        new, old = terms.tls, self._last.tls
        if (new is None) != (old is None):
            wrong = "TLS cannot be switched on or off while the exporter runs: start it anew"
            raise ConfigError(str(self._path), [Problem(None, "tls_server_config", wrong)])
        same = new and old and (new.section, new.pems) == (old.section, old.pems)
        return replace(terms, tls=old) if same else terms


def _found(path: Path) -> bytes | None:
    """Return what a file holds; None where it cannot be read."""
    try:
        return content(path)
    except Misfit:
        return None
