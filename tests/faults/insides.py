"""Faults of the program itself, which no input brings about: INJECT=insides:NAME in the subject's environment."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from exporter.transport import client
from exporter.transport.exchange import exchange
from exporter.web import status


def leaky() -> None:
    """Let every other exchange with a vendor break, with all that it carries in the exception's words."""
    number = count()

    async def broken(session: Any, request: Any, **given: Any) -> Any:
        if next(number) % 2:
            headers = {**dict(request.headers), **dict(given["proof"].headers)} if "proof" in given else {}
            body = given["proof"].body or request.body if "proof" in given else request.body
            raise RuntimeError(f"cannot send {request.url}?{request.query} {headers} {body!r} {body}")
        return await exchange(session, request, **given)

    client.exchange = broken  # type: ignore[attr-defined]  # not meant to be, but it is where the client looks


def page_breaks() -> None:
    """Let the page of the accounts break, with secrets in the exception's words and in the frame's variables."""

    def parts(*_: Any, **__: Any) -> Iterator[str]:
        secret = "canary-7f3a-token"
        yield "<!doctype html>"
        raise RuntimeError(f"canary-7f3a-token {secret}")

    status.parts = parts
