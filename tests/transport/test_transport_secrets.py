import asyncio
import base64
import contextlib
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fake_vendor import Asked, Last, answer, client, failed, nothing, secret, store, vendor

from exporter.errors import PollFailed
from exporter.transport import GrantStore
from exporter.transport.auth import Pass
from exporter.transport.proofs import header
from exporter.wire.auth import Basic, Bearer, Scheme, TokenGrant
from exporter.wire.http import Request

CANARY = "c4n4ry+s3cr3t/%"
FORMS = (
    CANARY,
    quote(CANARY, safe=""),
    base64.b64encode(CANARY.encode()).decode().rstrip("="),
    base64.b64encode(f"ann:{CANARY}".encode()).decode(),
    CANARY.encode().hex(),
    "4n4ry",
)


def echo(asked: Asked) -> str:
    return asked.line + "".join(f"{name}: {value}" for name, value in asked.headers.items()) + asked.body.decode()


ANSWERS: dict[str, Callable[[Asked], bytes | Last]] = {
    "an error page": lambda asked: answer(echo(asked).encode(), 500),
    "a 401": lambda asked: answer({"error": echo(asked), "headers": asked.headers}, 401),
    "a 403": lambda asked: answer({"error": {"title": echo(asked)}}, 403),
    "a 200": lambda asked: answer({"error": echo(asked), "error_description": echo(asked)}),
    "a web page": lambda asked: answer(f"<html>{echo(asked)}".encode()),
    "a redirect": lambda asked: answer(
        echo(asked).encode(), 302, location="http://127.0.0.1:1/?" + quote(echo(asked))
    ),
    "a 429": lambda asked: answer(echo(asked).encode(), 429, retry_after=quote(echo(asked))),
    "a status line": lambda asked: f"HTTP/1.1 banana {quote(echo(asked))}\r\n\r\n".encode(),
    "a reason": lambda asked: f"HTTP/1.1 500 {quote(echo(asked))}\r\nContent-Length: 0\r\n\r\n".encode(),
    "a header": lambda asked: f"HTTP/1.1 200 OK\r\n{quote(echo(asked))}\r\n\r\n".encode(),
    "a long header": lambda asked: answer(x_echo=quote(echo(asked)) * 200),
    "an encoding": lambda asked: answer(b"x", content_encoding=quote(echo(asked))),
    "a length": lambda asked: Last(answer(echo(asked).encode(), content_length="99999")),
    "chunks": lambda asked: Last(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + echo(asked).encode()),
    "a reset": lambda _: Last(reset=True),
}
SCHEMES: dict[str, Callable[[str], Scheme]] = {
    "basic": lambda _: Basic("ann", secret(CANARY)),
    "bearer": lambda _: Bearer(secret(CANARY)),
    "grant": lambda url: TokenGrant(f"{url}/token", "exporter", secret(CANARY)),
    "rotating": lambda url: TokenGrant(
        f"{url}/token", "exporter", secret(CANARY), refresh_token=secret(CANARY), rotates=True, encoding="json"
    ),
}


def leaks(text: str) -> list[str]:
    return [form for form in FORMS if form in text]


def whole(failure: BaseException) -> str:
    """Return all that a log may make of an exception, and of those behind it."""
    told = [str(failure), repr(failure), repr(failure.args), repr(vars(failure))]
    told += traceback.format_exception(failure)
    for behind in (failure.__cause__, failure.__context__):
        if behind is not None:
            told.append(whole(behind))
    return "\n".join(told)


@pytest.mark.parametrize("token_endpoint", ["honest", "echoing"])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", ANSWERS)
async def test_no_secret_is_in_any_failure_log_or_value(
    *,
    kind: str,
    scheme: str,
    token_endpoint: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    asyncio.get_running_loop().set_debug(True)
    caplog.set_level(logging.DEBUG)
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))

    def reply(asked: Asked) -> bytes | Last:
        if asked.target == "/token" and token_endpoint == "honest":
            return answer({"access_token": CANARY, "refresh_token": CANARY})
        return ANSWERS[kind](asked)

    told: list[str] = []
    async with (
        vendor(reply) as site,
        client(scheme=SCHEMES[scheme](site.url), grants=store(tmp_path, told)) as opened,
    ):
        request = Request("agents", f"{site.url}/x", query=(("api_key", CANARY),), safe=False)
        for _ in range(2):
            with contextlib.suppress(asyncio.CancelledError):
                polling = asyncio.ensure_future(opened.collect((request,), nothing, 30.0))
                await asyncio.wait([polling])
                failure = polling.exception()
                if failure is None:
                    assert kind == "a 200"
                else:
                    assert isinstance(failure, PollFailed)
                    assert leaks(whole(failure)) == []
        assert site.asked  # so that there was something to leak
        assert leaks(repr(opened) + repr(vars(opened)) + repr(opened._keys) + repr(vars(opened._keys))) == []
    assert leaks(caplog.text + "".join(capfd.readouterr()) + "".join(told) + repr(unhandled)) == []


async def test_a_fault_inside_a_library_does_not_carry_the_request_along() -> None:
    async with vendor(lambda _: Last()) as site, client(scheme=Bearer(secret(CANARY))) as opened:
        failure = await failed(opened.collect((Request("agents", site.url, safe=False),), nothing, 30.0))
    assert failure.__cause__ is None
    assert failure.__context__ is None


def test_what_holds_a_secret_prints_as_stars(tmp_path: Path) -> None:
    assert (
        leaks(
            repr(Pass(header(CANARY), 1, "x"))
            + repr(header(CANARY)(Request("a", "b")))
            + repr(secret(CANARY))
            + repr(GrantStore(tmp_path, "acme", print))
        )
        == []
    )
