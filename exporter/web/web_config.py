"""web.yaml: TLS, passwords and headers, in the format of Prometheus' exporter-toolkit.

What the format allows and cannot be done here is refused: a setting that is ignored protects nobody.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import fields

from exporter.config.nodes import MAX_BYTES, Malformed, Node, Table, at, parse
from exporter.config.problems import ConfigError, Misfit, Problem
from exporter.config.secrets import known_secret
from exporter.config.types import Form, Place, read_duration
from exporter.config.walk import Walk
from exporter.web.tls import Pems, Tls, TlsServer, build, check_certificates, check_key
from exporter.wire.secret import Secret

_BCRYPT: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_CHEAPEST, _DEAREST = 4, 14  # logarithms of bcrypt's rounds; 14 is a second for each guess
_PRINTABLE: Final = re.compile(r"[ -~]+")
_TLS: Final = "tls_server_config"


def _read_hash(text: str, _: Place) -> Secret:
    match = _BCRYPT.fullmatch(text)
    if match is None:
        raise Misfit("not a bcrypt hash", "what `htpasswd -nBC 10 NAME` prints after the colon")
    if not _CHEAPEST <= int(match[1]) <= _DEAREST:
        wrong = f"a bcrypt cost of {match[1]}, which is not from {_CHEAPEST:02} to {_DEAREST}"
        raise Misfit(wrong, "a hash of cost 10")
    return known_secret(text, "web.yaml")


def _read_header(text: str, _: Place) -> str:
    if not _PRINTABLE.fullmatch(text):
        raise Misfit("not printable ASCII")
    return text


def _read_interval(text: str, place: Place) -> float:
    return 0.0 if text in {"0", "0s"} else read_duration(text, place)


Words = Annotated[str, Form(_read_header)]


class Headers(Struct, frozen=True, kw_only=True):
    """What every answer says besides."""

    content_security_policy: Words | None = field(default=None, name="Content-Security-Policy")
    frame_options: Literal["deny", "sameorigin"] | None = field(default=None, name="X-Frame-Options")
    content_type_options: Literal["nosniff"] | None = field(default=None, name="X-Content-Type-Options")
    xss_protection: Words | None = field(default=None, name="X-XSS-Protection")
    strict_transport_security: Words | None = field(default=None, name="Strict-Transport-Security")


class HttpServer(Struct, frozen=True, kw_only=True):
    """How HTTP is spoken."""

    http2: bool = False
    headers: Headers = Headers()

    def __post_init__(self) -> None:
        if self.http2:
            raise Misfit("http2 cannot be had: HTTP/1.1 is spoken", "http2: false, or leave the key out")


class RateLimit(Struct, frozen=True, kw_only=True):
    """How often anybody may ask, all clients together."""

    interval: Annotated[float, Form(_read_interval, bare=True)] = 0.0
    """Seconds until one more request is allowed; 0: there is no limit."""
    burst: Annotated[int, Meta(ge=0)] = 0
    """Requests that are allowed at once."""

    def __post_init__(self) -> None:
        if self.interval and not self.burst:
            raise Misfit("burst is missing: no request would be answered", "a burst of 1 or more")


class WebConfig(Struct, frozen=True, kw_only=True):
    """What the file says."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: Mapping[str, Annotated[Secret, Form(_read_hash, secret=True)]] = {}
    rate_limit: RateLimit = RateLimit()


class Terms(Struct, frozen=True):
    """What the file comes to."""

    tls: Tls | None
    headers: Mapping[str, str]
    users: Mapping[bytes, bytes]
    """Their bcrypt hashes; empty: no password is asked for."""
    rate: RateLimit


def content(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        Misfit: it cannot be read.
    """
    try:
        if not S_ISREG(path.stat().st_mode):
            raise Misfit("cannot be read: not a regular file")
        with path.open("rb", buffering=0) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Misfit(f"cannot be read: {(error.strerror or 'no reason given').lower()}") from None
    if len(data) > MAX_BYTES:
        raise Misfit("larger than 1 MiB")
    return data


def read_terms(path: Path, environ: Mapping[str, str], read: Callable[[Path], bytes] = content) -> Terms:
    """Return what a file and the certificates that it names come to; `read` reads each. Blocks.

    Raises:
        ConfigError: with the problems of the file.
    """
    problems: list[Problem] = []
    walk = Walk(Place(path.parent, environ), problems)
    try:
        root = parse(read(path))
    except Misfit as misfit:
        problems.append(Problem(None, "", misfit.wrong))
    except Malformed as error:
        write = "{} where nothing is to be protected" if error.wrong == "empty" else error.write
        problems.append(Problem(error.line, "", error.wrong, write))
    else:
        config = walk.read(root, WebConfig, "")
        if not problems:
            section = config.tls_server_config
            tls = None if section is None else _tls(walk, at(root, _TLS) or Table(0), section, read)
    if problems:
        raise ConfigError(str(path), problems)
    headers = {one.encode_name: getattr(config.http_server_config.headers, one.name) for one in fields(Headers)}
    return Terms(
        tls=tls,
        headers={name: value for name, value in headers.items() if value is not None},
        users={name.encode(): hash_.reveal().encode() for name, hash_ in config.basic_auth_users.items()},
        rate=config.rate_limit,
    )


def _tls(walk: Walk, node: Node, section: TlsServer, read: Callable[[Path], bytes]) -> Tls | None:
    """Return the section in force; None where that cannot be, which is noted."""
    pems: dict[str, bytes] = {}
    for name, check in (("cert", check_certificates), ("key", check_key), ("client_ca", check_certificates)):
        inline, file = getattr(section, name), getattr(section, f"{name}_file")
        key = name if inline else f"{name}_file"
        if inline or file:
            try:
                pems[name] = inline.reveal().encode() if inline else read(file)
                check(pems[name])
            except Misfit as misfit:
                walk.note((at(node, key) or node).line, f"{_TLS}.{key}", misfit.wrong, misfit.write)
    if walk.problems:
        return None
    try:
        return build(section, Pems(**pems))
    except Misfit as misfit:
        walk.note(node.line, _TLS, misfit.wrong, misfit.write)
        return None
