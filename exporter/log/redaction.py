"""What must not be read in a line: secrets by the name of their field, by their value and by their look."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

_HIDDEN = "***"
_TEXT, _TRACE = 512, 2_048  # most characters of a value, and of a traceback
_SEEN = 16_384  # most characters of a text in which secrets are sought; what is beyond them is cut off anyway
_ITEMS, _DEPTH = 20, 4
_EXACT = 2**53  # beyond this, and for NaN, a number is told as text
_SHORTEST = 4  # characters below which a secret would be found everywhere

_SENSITIVE = re.compile(
    r"token|secret|passw|authori[sz]ation|cookie|credential|signature|assertion|jwt|(^|[_-])(key|auth)($|[_-])"
    r"|(agent|user|first|last|full|display|caller)_?name|e_?mail|phone",
    re.IGNORECASE,
)
_TOKENS = (
    (re.compile(r"\b(bearer|basic|zoho-oauthtoken)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), _HIDDEN),  # a JWT
    (
        re.compile(
            r"((?:token|secret|passw(?:or)?d|(?:api|app|private)[_-]?key|signature|authorization)[\w-]{0,32}"
            r"(?:=|[\"']\s?[:=]\s?)[\"']?)[^\s&\"',;)}\]]+",
            re.IGNORECASE,
        ),
        rf"\1{_HIDDEN}",
    ),
)
_LOOKS = (
    _TOKENS[0],
    (re.compile(r"(\bhttps?://[^\s?\"'<>]+)\?[^\s\"'<>]+", re.IGNORECASE), rf"\1?{_HIDDEN}"),
    *_TOKENS[1:],
    (re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+"), _HIDDEN),
)


class Redaction:
    """Makes values short and harmless. Secrets go before anything is cut, so that no half of one remains."""

    def __init__(self, secrets: Callable[[], Iterable[str]]) -> None:
        """Seek the secrets that the function returns at each refresh."""
        self._secrets = secrets
        self._known: dict[str, frozenset[str]] = {}
        self._forms: dict[str, list[str]] = {}

    def refresh(self) -> None:
        """Learn the secrets as they are now; where that fails, go on with those that were known."""
        with suppress(Exception):
            if (secrets := set(self._secrets())) != self._known.keys():
                self._known = {secret: self._known.get(secret) or _forms(secret) for secret in secrets}
                self._forms = _by_beginning(self._known.values())

    def value(self, value: object, name: str = "", depth: int = 0) -> Any:
        """Return a value as plain JSON; `name` is of the field it stands in."""
        if value is None or isinstance(value, bool):
            return value
        if _SENSITIVE.search(name):
            return _HIDDEN
        if isinstance(value, int | float):
            return self._number(value)
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            return self._container(value, depth) if depth < _DEPTH else "…"
        text = f"{type(value).__name__}: {_told(value)}" if isinstance(value, BaseException) else _told(value)
        return self._short(text)

    def trace(self, text: str) -> str:
        """Return the end of a traceback, where the error stands."""
        text = self._clean(text[-_SEEN:])
        return text if len(text) <= _TRACE else f"…{text[1 - _TRACE :]}"

    def secretless(self, text: str) -> str:
        """Return a text of any length without the secrets in it; addresses stay."""
        return self._without(text, _TOKENS)

    def _number(self, value: float) -> object:
        text = _told(value)
        shown = self._short(text)
        return value if shown == text and abs(value) < _EXACT else shown

    def _container(self, value: Any, depth: int) -> object:
        if isinstance(value, Mapping):
            pairs = list(value.items())[:_ITEMS]
            return {self._short(_told(key)): self.value(item, _told(key), depth + 1) for key, item in pairs}
        return [self.value(item, depth=depth + 1) for item in list(value)[:_ITEMS]]

    def _short(self, text: str) -> str:
        text = self._clean(text[:_SEEN])
        return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"

    def _clean(self, text: str) -> str:
        return self._without(text, _LOOKS)

    def _without(self, text: str, looks: Iterable[tuple[re.Pattern[str], str]]) -> str:
        lower = text.lower()
        beginnings = {lower[place : place + _SHORTEST] for place in range(len(lower))} & self._forms.keys()
        found = (form for beginning in beginnings for form in self._forms[beginning] if form.lower() in lower)
        for form in sorted(found, key=len, reverse=True):
            text = re.sub(re.escape(form), _HIDDEN, text, flags=re.IGNORECASE)
        for pattern, shown in looks:
            text = pattern.sub(shown, text)
        return text


def bounded(value: Any) -> Any:
    """Return a list or an object as the beginning of its JSON where it would be long."""
    if not isinstance(value, list | dict) or len(text := json.dumps(value, ensure_ascii=False)) <= _TEXT:
        return value
    return f"{text[: _TEXT - 1]}…"


def _told(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - what cannot be told must not keep the rest of the line from being
        return f"({type(value).__name__})"


def _by_beginning(known: Iterable[frozenset[str]]) -> dict[str, list[str]]:
    """Sort the forms of all secrets by how they begin, so that a text is not searched for each of a thousand."""
    found: dict[str, list[str]] = {}
    for form in (form for forms in known for form in forms):
        found.setdefault(form.lower()[:_SHORTEST], []).append(form)
    return found


def _forms(secret: str) -> frozenset[str]:
    """Return the secret, and what others make of it: escaped, encoded, line by line."""
    if len(secret) < _SHORTEST:
        return frozenset()
    data = secret.encode("utf-8", "replace")
    escaped = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1])
    quoted = (quote(data), quote(data, safe=""), quote_plus(data))
    lines = (line for line in secret.splitlines() if len(line) >= 2 * _SHORTEST)
    return frozenset(
        form
        for form in (secret, escape(secret), data.hex(), *escaped, *quoted, *lines, *_base64(data))
        if len(form) >= _SHORTEST
    )


def _base64(data: bytes) -> Iterator[str]:
    """Yield the characters that the data make in base64, wherever in a longer text they stand."""
    for skipped, mixed in enumerate((0, 2, 3)):  # the first ones depend on what stands before, too
        whole = b64encode(bytes(skipped) + data).decode().rstrip("=")
        form = whole[mixed : len(whole) - bool((skipped + len(data)) % 3)]
        if len(form) > _SHORTEST:
            yield from (form, form.replace("+", "-").replace("/", "_"))
