import asyncio
import gzip
import os
import random
import resource
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aioresponses import aioresponses
from fake_vendor import Asked, Last, Vendor, answer, failed, vendor
from fake_vendor import tls as machines_tls

from exporter.errors import PollFailed, Reason, Transient, Unreadable
from exporter.transport import open_session, tls_context
from exporter.transport.exchange import BODY_CAP, ERROR_CAP, Proof, exchange
from exporter.wire.http import Reply, Request


async def ask(
    site: Vendor, path: str = "/x", tls: ssl.SSLContext | None = None, body: bytes | None = None, **more: Any
) -> Reply:
    request = Request("agents", f"{site.url}{path}", query=more.pop("query", ()))
    async with open_session(tls or machines_tls()) as session:
        return await exchange(session, request, proof=Proof((("Authorization", "Bearer t0ken"),), body), **more)


async def fault(reply: bytes | Last) -> PollFailed:
    async with vendor(lambda _: reply) as site:
        return await failed(ask(site))


async def test_a_request_says_who_asks_and_what_for_and_nothing_else() -> None:
    async with vendor(lambda _: answer()) as site:
        await ask(site)
    (asked,) = site.asked
    agent = asked.headers.pop("user-agent")
    assert agent.startswith("contact-center-exporter/")
    assert asked.headers == {
        "host": f"127.0.0.1:{site.port}",
        "accept": "application/json",
        "accept-encoding": "gzip",
        "authorization": "Bearer t0ken",
    }


async def test_a_query_is_sent_as_it_was_built_and_a_comma_stays_a_comma() -> None:
    query = (("ids", "1,2,3"), ("a b", "ä&=+%/?#"), ("page[size]", "5"))
    async with vendor(lambda _: answer()) as site:
        await ask(site, "/stats/a%2Fb", query=query)
    assert site.asked[0].target == ("/stats/a%2Fb?ids=1,2,3&a%20b=%C3%A4%26%3D%2B%25%2F%3F%23&page%5Bsize%5D=5")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/",
        "https://",
        "https://a b/",
        "http://h/\r\nX: y",
        "https://u:p@h/",
        "//h/",
        "https://[::1",
        "http://h/ä",
    ],
)
async def test_an_address_that_is_no_plain_http_url_is_not_called(url: str) -> None:
    async with open_session(machines_tls()) as session:
        assert (await failed(exchange(session, Request("agents", url)))).reason is Reason.ORIGIN


async def test_a_reply_has_status_body_and_lower_case_headers() -> None:
    async with vendor(lambda _: answer({"a": 1}, 201, x_rate_limit="700")) as site:
        reply = await ask(site)
    assert (reply.status, reply.body, reply.headers["x-rate-limit"]) == (201, b'{"a": 1}', "700")
    assert reply.request.endpoint == "agents"


async def test_a_connection_is_kept_for_the_next_request() -> None:
    async with vendor(lambda _: answer()) as site, open_session(machines_tls()) as session:
        for _ in range(3):
            await exchange(session, Request("agents", f"{site.url}/x"))
    assert (site.connections, len(site.asked)) == (1, 3)


async def test_a_cookie_is_not_sent_back() -> None:
    async with vendor(lambda _: answer(set_cookie="id=1")) as site, open_session(machines_tls()) as session:
        for _ in range(2):
            await exchange(
                session, Request("agents", f"http://localhost:{site.port}/x")
            )  # an address has no cookies
    assert "cookie" not in site.asked[1].headers


async def test_proxies_and_netrc_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with vendor(lambda _: answer(b"proxied")) as proxy, vendor(lambda _: answer(b"direct")) as site:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login joe password hunter2")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        async with open_session(machines_tls()) as session:
            reply = await exchange(session, Request("agents", f"{site.url}/x"))
    assert (reply.body, proxy.connections) == (b"direct", 0)
    assert "authorization" not in site.asked[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_returned_and_not_followed(status: int) -> None:
    def redirect(_: Asked) -> bytes:
        return answer(b"", status, location=f"{other.url}/x")

    async with vendor(lambda _: answer()) as other, vendor(redirect) as site:
        reply = await ask(site, body=b"client_secret=s3cret")
    assert (reply.status, len(site.asked), other.connections) == (status, 1, 0)


MANY: dict[str, Any] = {f"x_{n}": "y" for n in range(200)}


def cut(data: bytes, status: int = 200) -> Last:
    return Last(answer(data, status, content_length=str(len(data) + 90)))


@pytest.mark.parametrize(
    ("reply", "reason", "kind"),
    [
        (Last(), Reason.RESET, Transient),
        (Last(reset=True), Reason.RESET, Transient),
        (Last(b"HTTP/1.1 200 OK\r\nContent-Le"), Reason.RESET, Transient),
        (cut(b'{"a":'), Reason.TRUNCATED, Transient),
        (Last(cut(b'{"a":').data, reset=True), Reason.TRUNCATED, Transient),
        (
            Last(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n'),
            Reason.TRUNCATED,
            Transient,
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", Reason.DECODE, Unreadable),
        (answer(gzip.compress(b"[1, 2]")[:-3], content_encoding="gzip"), Reason.TRUNCATED, Transient),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Reason.DECODE, Unreadable),
        (answer(**MANY), Reason.DECODE, Unreadable),
        (answer(x_long="y" * 20_000), Reason.DECODE, Unreadable),
        (answer(b"not gzip at all, by no means", content_encoding="gzip"), Reason.DECODE, Unreadable),
        (answer(gzip.compress(b"[1]")[:-8] + bytes(8), content_encoding="gzip"), Reason.DECODE, Unreadable),
        (answer(b"[1]", content_encoding="br"), Reason.DECODE, Unreadable),
        (answer(b"[1]", content_encoding="gzip, gzip"), Reason.DECODE, Unreadable),
        (answer(bytes(BODY_CAP + 1)), Reason.TOO_LARGE, Unreadable),
    ],
    ids=lambda value: None if isinstance(value, Reason | type) else "",
)
async def test_a_broken_answer_is_a_failure_of_its_own_kind(
    reply: bytes | Last, reason: Reason, kind: type[PollFailed]
) -> None:
    failure = await fault(reply)
    assert failure.reason is reason
    assert type(failure) is kind
    assert "127.0.0.1" in failure.detail or reason in {Reason.DECODE, Reason.TOO_LARGE, Reason.TRUNCATED}


async def test_a_broken_connection_is_not_silently_asked_again() -> None:
    async with vendor(lambda _: Last()) as site:
        await failed(ask(site))
    assert len(site.asked) == 1


async def test_a_port_where_nobody_listens_is_a_connect_fault() -> None:
    async with vendor(lambda _: answer()) as site:
        pass
    failure = await failed(ask(site))
    assert isinstance(failure, Transient)
    assert failure.reason is Reason.CONNECT


async def test_a_name_that_does_not_exist_is_a_dns_fault_and_not_asked_again() -> None:
    async with open_session(machines_tls()) as session:
        failure = await failed(exchange(session, Request("agents", "http://no-such-host.invalid/x")))
    assert isinstance(failure, Unreadable)
    assert failure.reason is Reason.DNS
    assert "no-such-host.invalid" in failure.detail


async def test_a_vendor_that_keeps_silent_is_a_timeout() -> None:
    async def mute(_: Asked) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with vendor(mute) as site:
        failure = await failed(ask(site, patience=0.01))
    assert isinstance(failure, Transient)
    assert failure.reason is Reason.TIMEOUT


async def test_a_body_within_the_cap_comes_whole_whatever_its_shape() -> None:
    data = random.Random(1).randbytes(3_000_000) + bytes(3_000_000)
    for reply in (
        answer(data),
        answer(gzip.compress(data), content_encoding="gzip"),
        answer(gzip.compress(data), content_encoding="X-GZIP"),
        Last(b"HTTP/1.1 200 OK\r\n\r\n" + data),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(data), data),
    ):
        async with vendor(lambda _, reply=reply: reply) as site:  # type: ignore[misc]
            assert (await ask(site)).body == data


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_an_empty_answer_is_an_empty_body(encoding: str) -> None:
    async with vendor(lambda _: answer(b"", content_encoding=encoding)) as site:
        assert (await ask(site)).body == b""


async def test_a_gzip_bomb_is_stopped_at_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0

    class Counting:
        def __init__(self, unzip: object) -> None:
            self.unzip = unzip

        def __getattr__(self, name: str) -> object:
            return getattr(self.unzip, name)

        def decompress(self, chunk: bytes, room: int) -> bytes:
            nonlocal made
            part: bytes = self.unzip.decompress(chunk, room)  # type: ignore[attr-defined]
            made += len(part)
            return part

    from exporter.transport import exchange as module

    plain = module._unzip
    monkeypatch.setattr(module, "_unzip", lambda encoding: Counting(plain(encoding)))
    bomb = gzip.compress(bytes(8 * BODY_CAP), 1)
    failure = await fault(answer(bomb, content_encoding="gzip"))
    assert failure.reason is Reason.TOO_LARGE
    assert made == BODY_CAP + 1


async def test_what_follows_a_gzip_member_is_never_left_out_silently() -> None:
    member = gzip.compress(b"[1]")
    for tail in (member * 100_000, member, b"\0" * 512, b"x"):
        failure = await fault(answer(member + tail, content_encoding="gzip"))
        assert (failure.reason, type(failure)) == (Reason.DECODE, Unreadable)


async def test_an_error_keeps_its_status_whatever_its_body_does() -> None:
    replies: list[bytes | Last] = [
        answer(bytes(ERROR_CAP + 1), 503),
        cut(b"<html>", 429),
        answer(b"no gzip", 429, content_encoding="gzip"),
        answer(b"x", 500, content_encoding="br"),
    ]
    for reply, status in zip(replies, (503, 429, 429, 500), strict=True):
        async with vendor(lambda _, reply=reply: reply) as site:  # type: ignore[misc]
            got = await ask(site)
        assert (got.status, got.body) == (status, b"")


async def test_an_error_whose_body_has_no_end_is_waited_for_only_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.transport.exchange._ERROR_SECONDS", 0.1)

    async def dribble(_: Asked) -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 429 Something\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            yield b"1\r\nx\r\n"
            await asyncio.sleep(0.01)

    async with asyncio.timeout(20), vendor(dribble) as site:  # no pause in it is longer than our patience
        got = await ask(site)
    assert (got.status, got.body, got.headers["retry-after"]) == (429, b"", "7")


async def test_a_body_that_is_all_there_leaves_others_their_turn(
    canned: aioresponses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.transport.exchange._CHUNK", 64)
    turns, chunks = 0, 100

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    canned.get("https://acme.example/x", body=bytes(chunks * 64))
    task = asyncio.create_task(others())
    async with open_session(machines_tls()) as session:
        reply = await exchange(session, Request("agents", "https://acme.example/x"))
    task.cancel()
    assert len(reply.body) == chunks * 64
    assert turns >= chunks


async def test_the_body_of_an_error_is_there_for_the_vendor_to_judge() -> None:
    async with vendor(lambda _: answer({"error": "InvalidEndpoint"}, 404)) as site:
        assert (await ask(site)).body == b'{"error": "InvalidEndpoint"}'


def certificate(folder: Path, name: str = "localhost", days: str = "2") -> ssl.SSLContext:
    def run(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem",
        "-out", "request.pem", "-subj", f"/CN={name}")  # fmt: skip
    (folder / "extensions").write_text(f"subjectAltName=DNS:{name}")
    run("x509", "-req", "-in", "request.pem", "-signkey", "key.pem", "-days", days, "-extfile", "extensions",
        "-out", "certificate.pem")  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


def trusting(folder: Path) -> ssl.SSLContext:
    context = tls_context()
    context.load_verify_locations(folder / "certificate.pem")
    return context


@pytest.mark.needs("openssl")
async def test_a_certificate_that_fits_is_accepted(tmp_path: Path) -> None:
    async with vendor(lambda _: answer(), certificate(tmp_path)) as site:
        assert (await ask(site, tls=trusting(tmp_path))).status == 200


@pytest.mark.needs("openssl")
@pytest.mark.parametrize(
    ("name", "days", "trusted", "words"),
    [
        ("localhost", "2", False, "self-signed"),
        ("localhost", "-1", True, "has expired"),
        ("elsewhere", "2", True, "another host name"),
    ],
)
async def test_a_certificate_that_does_not_fit_is_refused(
    tmp_path: Path, *, name: str, days: str, trusted: bool, words: str
) -> None:
    async with vendor(lambda _: answer(), certificate(tmp_path, name, days)) as site:
        failure = await failed(ask(site, tls=trusting(tmp_path) if trusted else None))
    assert (failure.reason, type(failure), site.asked) == (Reason.TLS, Unreadable, [])
    assert words in failure.detail


@pytest.mark.needs("openssl")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_a_server_that_knows_only_old_tls_is_refused(tmp_path: Path) -> None:
    old = certificate(tmp_path)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1

    def serve(listening: socket.socket) -> None:  # in a thread: asyncio's server goes away without an alert
        with suppress(OSError), old.wrap_socket(listening.accept()[0], server_side=True):
            pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        site = Vendor(lambda _: answer(), "localhost", "https", listening.getsockname()[1])
        failure, _ = await asyncio.gather(
            failed(ask(site, tls=trusting(tmp_path))), asyncio.to_thread(serve, listening)
        )
    assert (failure.reason, type(failure)) == (Reason.TLS, Unreadable)


async def test_who_may_open_no_more_files_is_told_so() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with vendor(lambda _: answer()) as site, open_session(machines_tls()) as session:
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            failure = await failed(exchange(session, Request("agents", f"{site.url}/x"), proof=Proof()))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (failure.reason, type(failure)) == (Reason.CONNECT, Transient)
    assert (
        failure.detail
        == "no connection to 127.0.0.1: this process may open no more files; raise its limit (ulimit -n)"
    )


async def test_a_server_without_tls_is_refused() -> None:
    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(status=400))
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        site = Vendor(lambda _: answer(), scheme="https", port=server.sockets[0].getsockname()[1])
        assert (await failed(ask(site))).reason is Reason.TLS
