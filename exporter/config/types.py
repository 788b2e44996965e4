"""How a text in the config becomes a value: markers for the fields of models and of the vendors' shapes.

A field may be `str`, `int`, `float`, `bool`, `Literal[...]`, a StrEnum, `Secret`, `Url`, `Duration`, `Share`,
`tuple[X, ...]`, `Mapping[str, X]`, a nested Struct, or any of these `| None`. `msgspec.Meta` bounds numbers and
texts. A `Secret` that is a field of its own may also be given as a file, under the field's name and `_file`.
"""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Struct

from exporter.config.problems import Misfit


class Place(Struct, frozen=True):
    """What the meaning of a text depends on besides its field."""

    directory: Path
    """Of the config file: where relative paths start."""
    environ: Mapping[str, str] = {}
    allow_insecure_url: bool = False


class Form(Struct, frozen=True):
    """Marks a field whose text is read by a function, which raises Misfit where the text does not fit."""

    read: Callable[[str, Place], Any]
    bare: bool = False
    """Whether the text needs no quotes, whatever YAML takes it for."""
    secret: bool = False
    """Whether no problem may tell the text, which may have several lines."""


class Listen(Struct, frozen=True):
    """Where to listen; an empty host is every interface."""

    host: str
    port: int


_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h)", re.ASCII)
_SHARE: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)(%?)", re.ASCII)
_NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,63}")
_KEY: Final = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_OBJECT_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
# The last label begins with a letter: `127.1` and `0x7f000001` are addresses to the resolver, not names.
_HOST: Final = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?:[a-z0-9_-]+\.)*[a-z][a-z0-9-]*"
_LISTEN: Final = re.compile(
    rf"(?:\[([0-9a-f:.]*:[0-9a-f:.]*)\]|({_HOST}|)):([0-9]{{1,5}})", re.ASCII | re.IGNORECASE
)
_URL: Final = re.compile(
    rf"(https?)://(?:\[([0-9a-f:.]*:[0-9a-f:.]*)\]|({_HOST}))(:[0-9]{{1,5}})?((?:/[a-z0-9._~!$&'()*+,;=:%-]*)*)",
    re.ASCII | re.IGNORECASE,
)


def read_duration(text: str, _: Place, at_least: str = "1ms", at_most: str = "8760h") -> float:
    """Return the seconds in `30s`, `5m`, `1h` or `500ms`."""
    advice = f"a number with its unit (ms, s, m or h), from {at_least} to {at_most}"
    if not _DURATION.fullmatch(text):
        raise Misfit("not a duration", advice)
    if not _seconds(at_least) <= _seconds(text) <= _seconds(at_most):
        raise Misfit("out of bounds", advice)
    return _seconds(text)


def _seconds(text: str) -> float:
    number, unit = re.split(r"(?=[a-z])", text, maxsplit=1)
    return float(number) * _SECONDS[unit]


def read_share(text: str, _: Place) -> float:
    """Return the ratio in `50%` or `0.5`: more than 0, at most 1."""
    match = _SHARE.fullmatch(text)
    ratio = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < ratio <= 1:
        raise Misfit("not a share above 0% and up to 100%", "a percentage like 50%, or a ratio like 0.5")
    return ratio


def read_name(text: str, _: Place) -> str:
    """Return a name that is fit for a label, a file and a command line."""
    if not _NAME.fullmatch(text):
        raise Misfit("not a name", "1 to 63 of the characters a-z A-Z 0-9 _ . -")
    return text


def read_key(text: str, _: Place) -> str:
    """Return an id that is fit for a URL and a header."""
    if not _KEY.fullmatch(text):
        raise Misfit("not an id", "1 to 64 of the characters a-z A-Z 0-9 _ . -")
    return text


def read_object_name(text: str, _: Place) -> str:
    """Return a name as Kubernetes takes it."""
    if not _OBJECT_NAME.fullmatch(text):
        raise Misfit(
            "not a name in Kubernetes", "1 to 63 of the characters a-z 0-9 -, a letter or digit at each end"
        )
    return text


def read_path(text: str, place: Place) -> Path:
    """Return the path; a relative one starts beside the config."""
    return place.directory / text


def read_time_zone(text: str, _: Place) -> ZoneInfo:
    """Return the time zone of an IANA name."""
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        close = get_close_matches(text, available_timezones(), n=1)
        raise Misfit("not a time zone", close[0] if close else "an IANA name like Europe/Berlin") from None


def read_listen(text: str, _: Place | None = None) -> Listen:
    """Return the host and port in `0.0.0.0:10777`, `[::1]:10777`, `localhost:10777` or `:10777`."""
    match = _LISTEN.fullmatch(text)
    if not match or int(match[3]) > 65535 or not _sound(match[1] or match[2]):
        raise Misfit("not an address with a port", '0.0.0.0:10777, or "[::]:10777" for IPv6')
    return Listen(match[1] or match[2], int(match[3]))


def read_url(text: str, place: Place) -> str:
    """Return an absolute base URL without its trailing slash; https and public unless the account allows less.

    Its problems never tell the text: a URL may carry a password or a key.
    """
    match = _URL.fullmatch(text)
    if not match or int((match[4] or ":0")[1:]) > 65535 or not _sound(match[2] or match[3]):
        raise Misfit(_url_fault(text), "an absolute URL like https://acme.example.com")
    scheme, host = match[1].lower(), (match[2] or match[3]).lower()
    if not place.allow_insecure_url:
        _refuse_insecure(scheme, host)
    return f"{scheme}://{f'[{host}]' if match[2] else host}{match[4] or ''}{match[5].rstrip('/')}"


def _url_fault(text: str) -> str:
    if "@" in text:
        return "a URL must not carry a user or password"
    if "?" in text or "#" in text:
        return "a base URL has no query and no fragment"
    return "not an absolute http(s) URL"


def _refuse_insecure(scheme: str, host: str) -> None:
    address = _address(host)
    loopback = address.is_loopback if address else host == "localhost" or host.endswith(".localhost")
    if loopback:
        return
    if scheme == "http":
        raise Misfit(
            "http shows the credentials to the network", "https, or allow_insecure_url: true in the account"
        )
    if address and not address.is_global:
        raise Misfit("a private address", "the vendor's public host, or allow_insecure_url: true in the account")


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _sound(host: str) -> bool:
    """Tell whether the host is a name, or an address that can exist (not 1.2.3.400)."""
    is_name = ":" not in host and not host.replace(".", "").isdigit()
    return is_name or _address(host) is not None


Duration = Annotated[float, Form(read_duration, bare=True)]
"""Seconds, written with a unit: `30s`, `5m`, `1h`, `500ms`."""

Interval = Annotated[float, Form(partial(read_duration, at_least="1s", at_most="1h"), bare=True)]
"""A Duration between two polls."""

Age = Annotated[float, Form(partial(read_duration, at_least="1s", at_most="24h"), bare=True)]
"""A Duration for which data may be shown."""

Term = Annotated[float, Form(partial(read_duration, at_least="10s", at_most="10m"), bare=True)]
"""A Duration for which a lease is given."""

Share = Annotated[float, Form(read_share, bare=True)]
"""A ratio above 0 and up to 1, written `50%` or `0.5`."""

Url = Annotated[str, Form(read_url)]
"""An absolute base URL without trailing slash, user, query or fragment; https unless the account allows less."""

Name = Annotated[str, Form(read_name)]
Key = Annotated[str, Form(read_key, bare=True)]
"""A vendor's id, with or without quotes: it becomes a part of a URL or a header."""
ObjectName = Annotated[str, Form(read_object_name)]
TimeZone = Annotated[ZoneInfo, Form(read_time_zone)]
Location = Annotated[Path, Form(read_path)]
Address = Annotated[Listen, Form(read_listen)]
