"""Vendors that give tokens and data as they should, but repeat in each answer all that was sent to them."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from canaries import Canaries
from centre import Centre
from fake_vendor import Asked, Last, Said, answer, vendor


class Echo:
    """One site of all five vendors, whose answers have one shape."""

    def __init__(self, shape: str, canaries: Canaries) -> None:
        self.shape = shape
        self.asked: list[Asked] = []
        self._canaries = canaries
        self._centre = Centre("echo")

    def answer(self, asked: Asked) -> Said:
        """Give a token to who asks for one, and everybody their own words."""
        self.asked.append(asked)
        self._remember(asked)
        if asked.line.startswith("POST") and "token" in asked.target:
            return answer(self._grant(asked))
        return _SHAPES[self.shape](_words(asked), self._document(asked))

    def _grant(self, asked: Asked) -> dict[str, Any]:
        whose = {"oauth/v2/token": "zoho", "app/token": "liveperson"}
        name = next((name for path, name in whose.items() if path in asked.target), "zendesk")
        grant = {"access_token": self._canaries.of[f"{name} issued"], "token_type": "Bearer", "expires_in": 3600}
        rotated = {"refresh_token": self._canaries.of["zendesk rotated"]} if b"refresh_token" in asked.body else {}
        return grant | (rotated if name == "zendesk" else {})

    def _document(self, asked: Asked) -> dict[str, Any]:
        """Return what Zendesk would say; to the others' requests that means nothing."""
        document = json.loads(bytes(self._centre.answer(asked)).partition(b"\r\n\r\n")[2])  # type: ignore[arg-type]  # it is bytes
        return {**document, "debug": {"request": _words(asked), "headers": asked.headers}}

    def _remember(self, asked: Asked) -> None:
        if token := asked.headers.get("auth"):
            self._canaries.signed_for("kore issued", token)
        scheme, _, value = asked.headers.get("authorization", "").partition(" ")
        if value.startswith("ey"):
            self._canaries.signed_for("voximplant issued", value)
        elif scheme == "OAuth":
            self._canaries.signed_for("liveperson signature", value.rpartition('oauth_signature="')[2].rstrip('"'))
        elif scheme == "Basic":
            self._canaries.signed_for("zendesk basic", value)


def _words(asked: Asked) -> str:
    """Return all that a request said, in one line."""
    headers = "; ".join(f"{name}: {value}" for name, value in asked.headers.items())
    return f"{asked.line}; {headers}; {asked.body.decode('utf-8', 'replace')}".replace("\n", " ").replace(
        "\r", " "
    )


def _raw(head: str, body: bytes = b"") -> Last:
    return Last(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode("latin-1", "replace") + body)


_SHAPES: Mapping[str, Callable[[str, dict[str, Any]], Said]] = {
    "data": lambda _, document: answer(document),
    "other json": lambda words, _: answer(
        {"result": words, "data": [words], "error": {"msg": words, "code": 100}}
    ),
    "400": lambda words, _: answer({"error": words, "description": words, "message": words}, status=400),
    "401": lambda words, _: answer({"error": words}, status=401, www_authenticate=f'Bearer error="{words}"'),
    "403": lambda words, _: answer({"error": {"title": words, "message": words}}, status=403),
    "429": lambda words, _: answer({"error": words}, status=429, retry_after=words),
    "503": lambda words, _: answer(f"<html>{words}</html>".encode(), status=503, content_type=f"text/{words}"),
    "redirect": lambda words, _: answer(b"", status=302, location=f"https://elsewhere.example/?{words}"),
    "web page": lambda words, _: answer(f"<html>{words}</html>".encode(), content_type="text/html"),
    "status line": lambda words, _: _raw(f"HTTP/1.1 {words}"),
    "reason": lambda words, _: _raw(f"HTTP/1.1 500 {words}"),
    "header": lambda words, _: _raw(f"HTTP/1.1 200 OK\r\n{words.replace(':', ' ')}"),
    "long header": lambda words, _: _raw(f"HTTP/1.1 200 OK\r\nX-Echo: {words * 400}"),
    "encoding": lambda words, _: answer(b"{}", content_encoding=words),
    "charset": lambda words, _: answer(b"\xff\xfe", content_type=f"application/json; charset={words}"),
    "cut": lambda words, _: Last(answer({"data": words})[:-5]),
    "chunks": lambda words, _: Last(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{words}\r\n".encode()),
    "no json": lambda words, _: answer(f'{{"data": "{words}'.encode()),
}
SHAPES = tuple(_SHAPES)


@asynccontextmanager
async def echoing(canaries: Canaries) -> AsyncIterator[dict[str, tuple[str, Echo]]]:
    """Serve a site of each shape, with its URL, until the end of the block."""
    async with AsyncExitStack() as stack:
        sites = {}
        for shape in SHAPES:
            echo = Echo(shape, canaries)
            sites[shape] = ((await stack.enter_async_context(vendor(echo.answer))).url, echo)
        yield sites
