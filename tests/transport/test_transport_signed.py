"""Tokens that we sign ourselves, and secrets in forms: as the vendor sees them."""

import asyncio
import time
from typing import Any
from urllib.parse import parse_qsl

import jwt
import pytest
from aioresponses import CallbackResult, aioresponses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fake_vendor import Asked, Last, answer, client, failed, nothing, secret, vendor

from exporter.errors import PollFailed, Reason, Refused
from exporter.wire.auth import FormKey, SignedToken
from exporter.wire.http import Reply, Request
from exporter.wire.verdict import by_status

SOON = 30.0
SHARED = SignedToken("HS256", secret("a shared secret of more than 32 bytes"), (("appId", "cs-1"),))


def kept(calls: list[Asked]) -> list[str]:
    return [call.headers["authorization"].removeprefix("Bearer ") for call in calls]


def read(
    token: str, key: Any = "a shared secret of more than 32 bytes", algorithm: str = "HS256"
) -> dict[str, Any]:
    return jwt.decode(token, key, [algorithm])


def get(url: str) -> tuple[Request, ...]:
    return (Request("agents", f"{url}/x"),)


async def test_one_token_serves_many_requests_and_says_when_it_ends() -> None:
    async with vendor(lambda _: answer()) as site, client(scheme=SHARED) as opened:
        for _ in range(3):
            await opened.collect(get(site.url), nothing, SOON)
    tokens = kept(site.asked)
    assert len(set(tokens)) == 1
    claims = read(tokens[0])
    assert claims["appId"] == "cs-1"
    assert claims["exp"] - claims["iat"] == 600
    assert abs(claims["iat"] - time.time()) < 60


async def test_a_private_key_signs_with_its_id_and_an_early_date_and_its_account_is_a_number() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    scheme = SignedToken("RS256", secret(pem), (("iss", secret("42")),), key_id=secret("k-1"), early=60.0)
    async with vendor(lambda _: answer()) as site, client(scheme=scheme) as opened:
        await opened.collect(get(site.url), nothing, SOON)
    (token,) = kept(site.asked)
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": "k-1"}
    claims = jwt.decode(token, key.public_key(), ["RS256"], options={"verify_iss": False})
    assert claims["iss"] == 42
    assert 55 < time.time() - claims["iat"] < 120


async def test_the_header_and_its_prefix_are_the_vendors() -> None:
    scheme = SignedToken("HS256", SHARED.key, SHARED.claims, life=None, header="auth", prefix="")
    async with vendor(lambda _: answer()) as site, client(scheme=scheme) as opened:
        await opened.collect(get(site.url), nothing, SOON)
    (asked,) = site.asked
    assert "authorization" not in asked.headers
    assert read(asked.headers["auth"]) == {"appId": "cs-1"}


async def test_where_each_token_is_for_one_use_each_request_has_its_own() -> None:
    scheme = SignedToken("HS256", SHARED.key, SHARED.claims, once=True)
    async with vendor(lambda _: answer()) as site, client(scheme=scheme) as opened:
        await opened.collect((*get(site.url), Request("agents", f"{site.url}/y")), nothing, SOON)
    assert len({read(token)["jti"] for token in kept(site.asked)}) == 2


async def test_a_token_that_was_refused_when_it_was_new_is_not_tried_again() -> None:
    async with vendor(lambda _: answer({}, 401)) as site, client(scheme=SHARED) as opened:
        for _ in range(2):
            assert isinstance(await failed(opened.collect(get(site.url), nothing, SOON)), Refused)
    assert len(site.asked) == 1


async def test_a_token_that_was_good_once_and_is_refused_is_signed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    dead: list[str] = []

    def judge_tokens(asked: Asked) -> bytes | Last:
        return answer({}, 401 if asked.headers["authorization"] in dead else 200)

    async with vendor(judge_tokens) as site, client(scheme=SHARED) as opened:
        await opened.collect(get(site.url), nothing, SOON)
        dead.append(site.asked[0].headers["authorization"])
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 2)
        assert len(await opened.collect(get(site.url), nothing, SOON)) == 1
    assert len(site.asked) == 3


@pytest.mark.looptime
async def test_a_token_is_signed_anew_before_its_end(
    canned: aioresponses, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(time, "time", lambda: 1e9 + loop.time())
    seen: list[str] = []

    def look(_url: object, headers: Any = None, **_: object) -> CallbackResult:
        seen.append(headers["Authorization"])
        return CallbackResult(body="{}")

    canned.get("http://127.0.0.1:1/x", callback=look, repeat=True)
    async with client(scheme=SHARED) as opened:
        for pause in (0.0, 500.0, 69.0, 2.0):
            await asyncio.sleep(pause)
            await opened.collect(get("http://127.0.0.1:1"), nothing, SOON)
    assert [token == seen[0] for token in seen] == [True, True, True, False]


async def test_a_key_that_is_none_is_told_by_its_place_and_not_by_its_text() -> None:
    scheme = SignedToken("RS256", secret("-----BEGIN NOTHING-----"), (("iss", 1),))
    async with vendor(lambda _: answer()) as site, client(scheme=scheme) as opened:
        failure = await failed(opened.collect(get(site.url), nothing, SOON))
    assert failure.reason is Reason.SECRET
    assert "the test" in failure.detail
    assert "NOTHING" not in str(failure)
    assert site.asked == []


async def test_a_secret_field_goes_into_the_form_and_nowhere_else() -> None:
    scheme = FormKey("api_key", secret("k&y="), (("account_id", "42"),))
    form = Request("agents", "", method="POST", body=b"a=1", content_type="application/x-www-form-urlencoded")
    async with vendor(lambda _: answer()) as site, client(scheme=scheme) as opened:
        bare = Request("agents", f"{site.url}/x", method="POST", content_type=form.content_type)
        full = Request("agents", f"{site.url}/y", method="POST", body=b"a=1", content_type=form.content_type)
        replies = await opened.collect((full, bare), nothing, SOON)
    sent = {asked.target: parse_qsl(asked.body.decode()) for asked in site.asked}
    assert sent["/y"] == [("a", "1"), ("account_id", "42"), ("api_key", "k&y=")]
    assert sent["/x"] == [("account_id", "42"), ("api_key", "k&y=")]
    assert "k&y" not in repr(replies) + "".join(asked.line for asked in site.asked)


async def test_an_optional_call_that_is_refused_leaves_the_others() -> None:
    def one_is_not_for_us(asked: Asked) -> bytes:
        return answer({}, 403 if asked.target == "/b" else 400 if asked.target == "/c" else 200)

    async with vendor(one_is_not_for_us) as site, client() as opened:
        requests = tuple(Request("queue", f"{site.url}/{name}", optional=True) for name in "abcd")
        replies = await opened.collect(requests, nothing, SOON)
    assert [reply.request.url[-1] for reply in replies] == ["a", "d"]


async def test_where_every_optional_call_is_refused_the_poll_fails() -> None:
    async with vendor(lambda _: answer({}, 403)) as site, client() as opened:
        requests = tuple(Request("queue", f"{site.url}/{name}", optional=True) for name in "ab")
        assert (await failed(opened.collect(requests, nothing, SOON))).reason is Reason.FORBIDDEN


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_an_optional_call_that_is_not_refused_but_fails_fails_the_poll(status: int) -> None:
    def second_fails(asked: Asked) -> bytes:
        return answer({}, status if asked.target == "/b" else 200)

    async with vendor(second_fails) as site, client() as opened:
        requests = tuple(Request("queue", f"{site.url}/{name}", safe=False, optional=True) for name in "ab")
        await failed(opened.collect(requests, nothing, SOON))


async def test_a_vendor_that_wants_silence_on_one_endpoint_is_still_asked_on_the_others() -> None:
    def lock(asked: Asked) -> bytes:
        return answer({}, 429, retry_after="600") if asked.target == "/logs" else answer()

    async with vendor(lock) as site, client(own_limits={"logs": 30}) as opened:
        logs = (Request("logs", f"{site.url}/logs"),)
        for _ in range(3):
            assert (await failed(opened.collect(logs, nothing, SOON))).reason is Reason.THROTTLED
        await opened.collect(get(site.url), nothing, SOON)
    assert [asked.target for asked in site.asked] == ["/logs", "/x"]


@pytest.mark.looptime
async def test_an_endpoint_with_a_limit_of_its_own_is_paced_by_it(canned: aioresponses) -> None:
    loop = asyncio.get_running_loop()
    begun: list[float] = []

    def note(_url: object, **_: object) -> CallbackResult:
        begun.append(loop.time())
        return CallbackResult(body="{}")

    canned.get("http://127.0.0.1:1/x", callback=note, repeat=True)
    async with client(own_limits={"logs": 30}, share=0.5, calls_per_minute=6_000) as opened:
        requests = (Request("logs", "http://127.0.0.1:1/x"),) * 16
        await opened.collect(requests, nothing, 200.0)
    assert sum(at < 60 for at in begun) <= 15 < len(begun)


async def test_what_a_vendor_judges_good_is_good_whatever_its_status() -> None:
    def judge(reply: Reply) -> PollFailed | None:
        return None if reply.status == 204 else by_status(reply)

    async with vendor(lambda _: answer(b"", 204)) as site, client(judge=judge) as opened:
        (reply,) = await opened.collect(get(site.url), nothing, SOON)
    assert (reply.status, reply.body) == (204, b"")


async def test_a_later_round_is_told_the_earlier_ones() -> None:
    told: list[tuple[str, list[str]]] = []

    def follow(reply: Reply, before: tuple[Reply, ...]) -> tuple[Request, ...]:
        told.append((reply.request.url[-1], [one.request.url[-1] for one in before]))
        number = int(reply.request.url[-1])
        return (Request("agents", f"{site.url}/{number + 1}"),) if number < 3 else ()

    async with vendor(lambda _: answer()) as site, client() as opened:
        await opened.collect((Request("agents", f"{site.url}/1"),), follow, SOON)
    assert told == [("1", []), ("2", ["1"]), ("3", ["1", "2"])]
