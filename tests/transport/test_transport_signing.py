"""OAuth 1.0a: against published examples, and against the address as it came over the wire."""

import base64
import hmac
import re
import time
from email.utils import formatdate
from urllib.parse import parse_qsl, quote, unquote

import pytest
from fake_vendor import Asked, answer, client, failed, nothing, secret, vendor

from exporter.errors import Reason, Refused
from exporter.transport.exchange import Proof
from exporter.transport.proofs import signature
from exporter.wire.auth import OAuth1
from exporter.wire.http import Request
from exporter.wire.secret import Secret

SOON = 30.0
PRINTED = {
    "oauth_consumer_key": "dpf43f3p2l4k3l03",
    "oauth_token": "nnch734d00sl2jdk",
    "oauth_signature_method": "HMAC-SHA1",
    "oauth_timestamp": "1191242096",
    "oauth_nonce": "kllo9940pd9333jh",
    "oauth_version": "1.0",
}
PRINTED_SIGNATURE = "tR3+Ty81lMeYAr/Fid0kMTYa/WM="
"""The example of OAuth Core."""
KEYS = ("app-key", "app secret/+", "token", "token secret&=")


def parameters(header: str) -> dict[str, str]:
    """Return the parameters of an OAuth header."""
    scheme, _, rest = header.partition(" ")
    assert scheme == "OAuth"
    return {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', rest)}


def escaped(text: str) -> str:
    return quote(text, safe="-._~")


def signed(method: str, url: str, oauth: dict[str, str], client_secret: str, token_secret: str) -> str:
    """Sign by the letter of RFC 5849, from the address alone."""
    base, _, query = url.partition("?")
    pairs = [*parse_qsl(query, keep_blank_values=True), *oauth.items()]
    pairs = sorted(
        (escaped(name), escaped(value)) for name, value in pairs if name not in {"oauth_signature", "realm"}
    )
    told = "&".join(f"{name}={value}" for name, value in pairs)
    text = "&".join(map(escaped, (method, base, told)))
    key = f"{escaped(client_secret)}&{escaped(token_secret)}"
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), "sha1")).decode()


def at(monkeypatch: pytest.MonkeyPatch, nonce: str, timestamp: str) -> None:
    monkeypatch.setattr("oauthlib.oauth1.rfc5849.generate_nonce", lambda: nonce)
    monkeypatch.setattr("oauthlib.oauth1.rfc5849.generate_timestamp", lambda: timestamp)


def test_the_example_of_oauth_core_is_signed_as_it_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, "kllo9940pd9333jh", "1191242096")
    prove = signature("dpf43f3p2l4k3l03", "kd94hf93k423kf44", "nnch734d00sl2jdk", "pfkkdhi9sl3r4s00")
    query = (("file", "vacation.jpg"), ("size", "original"))
    [(name, header)] = prove(Request("photos", "http://photos.example.net/photos", query)).headers
    assert name == "Authorization"
    assert parameters(header) == PRINTED | {"oauth_signature": PRINTED_SIGNATURE}


def test_the_rule_by_which_these_tests_judge_agrees_with_the_printed_example() -> None:
    url = "http://photos.example.net/photos?file=vacation.jpg&size=original"
    assert signed("GET", url, PRINTED, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00") == PRINTED_SIGNATURE


@pytest.mark.parametrize(
    ("url", "query", "wire"),
    [
        ("https://va.example.test/q", (("skillIds", "1,2,3"), ("v", "2")), "skillIds=1,2,3&v=2"),
        ("https://va.example.test/q", (("v", "1"), ("v", "1"), ("a", "")), "v=1&v=1&a="),
        (
            "https://va.example.test/q",
            (("x", "a b+c&d=e%f"), ("ü", "Zoë")),
            "x=a%20b%2Bc%26d%3De%25f&%C3%BC=Zo%C3%AB",
        ),
        ("https://va.example.test/a/current/", (("histogram", "0,10"),), "histogram=0,10"),
        ("https://va.example.test/q", (), ""),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_signed_is_the_address_that_is_sent(
    method: str, url: str, query: tuple[tuple[str, str], ...], wire: str
) -> None:
    body = b'{"agentIds":"1,2"}' if method == "POST" else None
    kind = "application/json" if method == "POST" else None
    request = Request("sla", url, query, method=method, body=body, content_type=kind)  # type: ignore[arg-type]
    proof = signature(*KEYS)(request)
    assert proof.body is None  # JSON is sent as it is, and not signed
    [(_, header)] = proof.headers
    oauth = parameters(header)
    address = f"{url}?{wire}" if wire else url
    assert oauth["oauth_signature"] == signed(method, address, oauth, KEYS[1], KEYS[3])


def test_a_comma_is_encoded_twice_in_the_text_that_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, "n", "1")
    request = Request("sla", "https://va.example.test/q", (("skillIds", "1,2"),))
    [(_, header)] = signature(*KEYS)(request).headers
    text = (
        "GET&https%3A%2F%2Fva.example.test%2Fq&oauth_consumer_key%3Dapp-key%26oauth_nonce%3Dn%26"
        "oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1%26oauth_token%3Dtoken%26oauth_version%3D1.0%26"
        "skillIds%3D1%252C2"
    )
    key = b"app%20secret%2F%2B&token%20secret%26%3D"
    assert (
        parameters(header)["oauth_signature"] == base64.b64encode(hmac.digest(key, text.encode(), "sha1")).decode()
    )


def scheme(token: Secret | None = None) -> OAuth1:
    return OAuth1(KEYS[0], secret(KEYS[1]), token or secret(KEYS[2]), secret(KEYS[3]))


async def test_the_vendor_can_check_each_request_from_what_it_sees() -> None:
    def checked(asked: Asked) -> bytes:
        oauth = parameters(asked.headers["authorization"])
        url = f"http://{asked.headers['host']}{asked.target}"
        good = signed(asked.line.split()[0], url, oauth, KEYS[1], KEYS[3])
        return answer(status=200 if oauth["oauth_signature"] == good else 401)

    async with vendor(checked) as site, client(scheme=scheme()) as opened:
        requests = (
            Request("sla", f"{site.url}/sla", (("skillIds", "4,15,3"), ("histogram", "0,10,20"))),
            Request(
                "status",
                f"{site.url}/status",
                (("limit", "5"),),
                "POST",
                body=b"{}",
                content_type="application/json",
            ),
        )
        replies = await opened.collect(requests, nothing, SOON)
    assert [reply.status for reply in replies] == [200, 200]
    assert site.asked[0].target == "/sla?skillIds=4,15,3&histogram=0,10,20"  # commas stay commas
    assert site.asked[1].body == b"{}"
    nonces = {parameters(asked.headers["authorization"])["oauth_nonce"] for asked in site.asked}
    assert len(nonces) == 2


async def test_a_refused_signature_is_not_tried_again_until_a_key_changes() -> None:
    text = ["old"]
    async with vendor(lambda _: answer(status=401)) as site:
        keys = scheme(Secret(lambda: text[0], "a test"))
        async with client(scheme=keys) as opened:
            requests = (Request("sla", f"{site.url}/sla"),)
            for _ in range(3):
                failure = await failed(opened.collect(requests, nothing, SOON))
                assert isinstance(failure, Refused)
            text[0] = "new"
            await failed(opened.collect(requests, nothing, SOON))
    told = [parameters(asked.headers["authorization"])["oauth_token"] for asked in site.asked]
    assert told == ["old", "new"]


async def test_a_secret_of_several_lines_signs_nothing() -> None:
    async with vendor(lambda _: answer()) as site, client(scheme=scheme(secret("a\nb"))) as opened:
        failure = await failed(opened.collect((Request("sla", f"{site.url}/sla"),), nothing, SOON))
    assert (failure.reason, site.asked) == (Reason.SECRET, [])


def test_a_signature_shows_nowhere() -> None:
    proof = signature(*KEYS)(Request("sla", "https://va.example.test/q"))
    assert isinstance(proof, Proof)
    assert repr(proof) == "Proof(***)"


@pytest.mark.parametrize(("ahead", "told"), [(600, True), (-600, True), (0, False), (None, False)])
async def test_a_refusal_tells_by_how_much_the_clocks_differ(ahead: float | None, *, told: bool) -> None:
    dated = {} if ahead is None else {"date": formatdate(time.time() + ahead, usegmt=True)}
    async with vendor(lambda _: answer({}, 401, **dated)) as site, client() as asking:
        failure = await failed(asking.collect((Request("agents", f"{site.url}/x"),), nothing, 5))
    assert failure.reason is Reason.CREDENTIALS
    assert ("the vendor's clock is" in failure.detail) is told
