"""One HTTP exchange: a request as it stands, a whole answer under a cap, or a failure in our words."""

import asyncio
import re
import ssl
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlencode

import aiohttp
from isal import isal_zlib
from msgspec import Struct
from yarl import URL

from exporter import __version__
from exporter.errors import Reason, Transient, Unreadable
from exporter.transport.faults import failure
from exporter.transport.names import Names
from exporter.wire.http import Reply, Request

BODY_CAP = 8 * 2**20
"""Bytes of an answer after decompression: more than any vendor's page, and decoded in a tenth of a second."""
ERROR_CAP = 64 * 2**10
"""Bytes of an answer that is no success: enough for the vendor's error code."""
_CHUNK = 64 * 2**10  # compressed bytes at a time, so that no step holds the loop for long
_GZIP = 31  # zlib's window bits for a gzip header
PATIENCE = 10.0
"""Seconds without a byte, after which a connection counts as dead: there is time for another in the same poll."""
_CONNECT, _ERROR_SECONDS, _DNS = 5, 5, 60
_KEEP_ALIVE = 90  # seconds; longer than the pause between two polls
_SAFE_URL = re.compile(r"https?://[!-~]+", re.ASCII)


class Proof(Struct, frozen=True):
    """What one request carries to be believed. It prints as `***`."""

    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """Sent in place of the request's own; None where that one is sent."""

    def __repr__(self) -> str:
        return "Proof(***)"


NO_PROOF = Proof()


def tls_context(authority: Path | None = None) -> ssl.SSLContext:
    """Return the one context that all accounts share: TLS 1.2 or newer, certificates always verified.

    Those of the given authority alone, where its file is named.

    Raises:
        OSError: the file cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def open_session(tls: ssl.SSLContext) -> aiohttp.ClientSession:
    """Open one account's connections. Nothing secret, no proxy, no cookie and no netrc lives here."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            ssl=tls, keepalive_timeout=_KEEP_ALIVE, ttl_dns_cache=_DNS, resolver=Names()
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # aiohttp's own has no cap, and joins any number of gzip members
        trust_env=False,
        middlewares=(_once,),
        headers={
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"contact-center-exporter/{__version__}",
        },
    )


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Fail where a connection breaks: aiohttp would send an idempotent request again, unasked and uncounted."""
    try:
        return await send(request)
    except (aiohttp.ClientError, OSError) as fault:
        broken = failure(fault, request.url.host or "")
    raise broken


def address(request: Request) -> URL:
    """Return the request's URL, byte for byte as it will be sent: commas stay commas.

    Raises:
        Unreadable: it is nothing that may be called.
    """
    query = urlencode(request.query, safe=",", quote_via=quote)
    text = f"{request.url}?{query}" if query else request.url
    try:
        url = URL(text, encoded=True)
    except ValueError:
        url = URL()
    if not (_SAFE_URL.fullmatch(text) and url.host) or url.raw_user is not None:
        raise Unreadable(Reason.ORIGIN, "the address is no plain http or https URL; check base_url")
    return url


async def exchange(
    session: aiohttp.ClientSession,
    request: Request,
    *,
    proof: Proof = NO_PROOF,
    patience: float = PATIENCE,
    cap: int = BODY_CAP,
) -> Reply:
    """Ask once, and return the answer whatever its status.

    Raises:
        PollFailed: there was no whole answer.
    """
    url = address(request)
    headers = dict(request.headers) | dict(proof.headers)
    if request.content_type is not None:
        headers["Content-Type"] = request.content_type
    try:
        async with session.request(
            request.method,
            url,
            headers=headers,
            data=request.body if proof.body is None else proof.body,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT, sock_read=patience),
        ) as response:
            body = await _whole(response, cap) if 200 <= response.status < 300 else await _glance(response)
            names = {name.lower(): value for name, value in response.headers.items()}
            return Reply(request, response.status, body, time.time(), names)
    except Exception as fault:  # noqa: BLE001 - whatever a library raises becomes a verdict in our words
        failed = failure(fault, str(url.host))
    # Out of the except clause, so that the library's exception does not hang on it; without the frames that hold
    # what was read, since a failure and this frame keep each other alive until the garbage is collected.
    raise failed.with_traceback(None)


async def _whole(response: aiohttp.ClientResponse, cap: int) -> bytes:
    unzip = _unzip(response.headers.get("Content-Encoding", "identity").strip().lower())
    body, chunk = bytearray(), b""
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += unzip.decompress(chunk, cap + 1 - len(body)) if unzip else chunk
        if len(body) > cap:
            raise Unreadable(Reason.TOO_LARGE, f"the answer is larger than {cap} bytes; ask for less at a time")
        if unzip and unzip.unused_data:
            raise Unreadable(Reason.DECODE, "the answer goes on after the end of its gzip member")
        await asyncio.sleep(0)  # a body that is all there would otherwise be read without a pause
    if unzip and chunk and not unzip.eof:
        raise Transient(Reason.TRUNCATED, "the answer broke off inside its gzip member")
    return bytes(body)


async def _glance(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of an error, or nothing where it is long, broken or slow: the status says enough."""
    with suppress(Exception):
        async with asyncio.timeout(_ERROR_SECONDS):
            return await _whole(response, ERROR_CAP)
    return b""


def _unzip(encoding: str) -> "isal_zlib.Decompress | None":
    match encoding:
        case "identity" | "":
            return None
        case "gzip" | "x-gzip":
            return isal_zlib.decompressobj(wbits=_GZIP)
        case _:
            raise Unreadable(Reason.DECODE, "the answer is compressed in a way that was not asked for")
