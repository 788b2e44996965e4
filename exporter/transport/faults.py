"""What the network did, in our words: an HTTP library's own texts quote URLs, headers and bodies."""

from errno import EMFILE, ENFILE

import aiohttp
from isal.igzip_lib import IsalError

from exporter.errors import PollFailed, Reason, Transient, Unreadable

UNSENT = frozenset({Reason.ORIGIN, Reason.DNS, Reason.CONNECT, Reason.TLS})
"""Where a call fails for one of these, the vendor has not seen it."""

_CERTIFICATE = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed",
    19: "comes from an authority that this machine does not know",
    20: "comes from an authority that this machine does not know",
    21: "comes from an authority that this machine does not know",
    62: "is for another host name",
    64: "is for another IP address",
}
"""OpenSSL's verification results in words."""

_EXHAUSTED = {
    EMFILE: "this process may open no more files; raise its limit (ulimit -n)",
    ENFILE: "this machine may open no more files; raise fs.file-max",
}
"""What keeps a call back that is neither the network's fault nor the vendor's."""

_DAMAGED: type[Exception] = IsalError  # type: ignore[assignment]  # its stub calls the class an instance

_MEANING: tuple[tuple[tuple[type[Exception], ...], type[PollFailed], Reason, str], ...] = (
    (
        (aiohttp.ClientConnectorDNSError,),
        Unreadable,
        Reason.DNS,
        "the name {host} cannot be resolved; check the address and DNS",
    ),
    (
        (aiohttp.ClientConnectorSSLError,),
        Unreadable,
        Reason.TLS,
        "{host} does not speak TLS 1.2 or newer here; check the address",
    ),
    (
        (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError),
        Transient,
        Reason.CONNECT,
        "no connection to {host}; check the address, firewalls and routes",
    ),
    ((_DAMAGED,), Unreadable, Reason.DECODE, "the compressed answer of {host} is damaged"),
    ((aiohttp.ClientPayloadError,), Transient, Reason.TRUNCATED, "the answer of {host} broke off"),
    ((TimeoutError,), Transient, Reason.TIMEOUT, "{host} kept silent for too long"),
    (
        (aiohttp.ClientConnectionError, OSError),
        Transient,
        Reason.RESET,
        "{host} closed the connection without an answer",
    ),
    (
        (aiohttp.ClientResponseError,),
        Unreadable,
        Reason.DECODE,
        "{host} does not answer in HTTP/1.1, or with too many headers",
    ),
)
"""From the special to the general: the first that fits counts."""


def failure(fault: Exception, host: str) -> PollFailed:
    """Return what `fault`, raised while `host` was asked, means for the poll."""
    if isinstance(fault, PollFailed):
        return fault
    if isinstance(fault, aiohttp.ClientConnectorCertificateError):
        code = getattr(fault.certificate_error, "verify_code", None)
        verdict = _CERTIFICATE.get(code or 0, f"cannot be verified (OpenSSL code {code})")
        return Unreadable(Reason.TLS, f"the certificate of {host} {verdict}")
    if isinstance(fault, aiohttp.ClientConnectorError) and fault.os_error.errno in _EXHAUSTED:
        return Transient(Reason.CONNECT, f"no connection to {host}: {_EXHAUSTED[fault.os_error.errno]}")
    for kinds, verdict_type, reason, words in _MEANING:
        if isinstance(fault, kinds):
            return verdict_type(reason, words.format(host=host))
    return Unreadable(Reason.INTERNAL, f"{type(fault).__name__} while {host} was asked; please report it")
