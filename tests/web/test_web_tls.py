import asyncio
import gc
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Any

import pytest
import structlog
import uvloop
from certificates import Authority, Identity, dns, ip
from cryptography import x509
from plain_http import PATIENCE, TEXT, Bytes, ask, send, server
from structlog.testing import LogCapture
from structlog.typing import FilteringBoundLogger

from exporter.web import Gate, Limits

AUTHORITY, OTHERS = Authority(), Authority("another authority")
SERVER = AUTHORITY.identity("the exporter", dns("localhost"), ip("127.0.0.1"))
PROMETHEUS = AUTHORITY.identity(
    "prometheus",
    dns("prometheus.example"),
    ip("10.1.2.3"),
    ip("2001:db8::1"),
    x509.RFC822Name("ops@example.com"),
    x509.UniformResourceIdentifier("spiffe://example/prometheus"),
)
NAMELESS = AUTHORITY.identity("prometheus.example")
STRANGER = OTHERS.identity("prometheus", dns("prometheus.example"))
FILES = "cert_file: server.pem, key_file: server.key"
MUTUAL = f"{FILES}, client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert"
BIG = Bytes(text=(bytes(16 * 2**20),))


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on asyncio's own loop and on uvloop: each does TLS in its own way."""

    @wraps(test)
    def plain(run: Callable[[Coroutine[Any, Any, None]], None], **given: Any) -> None:
        run(test(**given))

    run = Parameter("run", Parameter.KEYWORD_ONLY)
    plain.__signature__ = Signature([*signature(test).parameters.values(), run])  # type: ignore[attr-defined]
    both: Callable[..., None] = pytest.mark.parametrize(
        "run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"]
    )(plain)
    return both


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    SERVER.written(tmp_path, "server")
    (tmp_path / "ca.pem").write_text(AUTHORITY.cert)
    return tmp_path


@asynccontextmanager
async def guarded(
    folder: Path, section: str, log: FilteringBoundLogger | None = None, **changes: Any
) -> AsyncIterator[int]:
    """Serve over TLS as a section says."""
    path = folder / "web.yaml"
    path.write_text(f"tls_server_config: {{{section}}}")
    async with Gate(path, {}, log or structlog.wrap_logger(None)) as gate, server(gate=gate, **changes) as port:
        yield port


def client(
    folder: Path, who: Identity | None = None, trusts: Authority = AUTHORITY, **limits: Any
) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=trusts.cert)
    context.check_hostname = False
    if who:
        context.load_cert_chain(*who.written(folder, "client"))
    for name, value in limits.items():
        setattr(context, name, value)
    return context


async def fails(port: int, context: ssl.SSLContext) -> bool:
    """Whether nothing at all is answered."""
    try:
        return await send(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", context) == b""
    except OSError:
        return True


@on_both_loops
async def test_a_scrape_over_tls_gets_the_page(folder: Path) -> None:
    async with guarded(folder, FILES) as port:
        reply = await ask(port, tls=client(folder, maximum_version=ssl.TLSVersion.TLSv1_2))
        assert (reply.status, reply.body) == (200, TEXT)
        assert (await ask(port, "GET /-/healthy", tls=client(folder))).status == 200


@on_both_loops
async def test_several_requests_go_over_one_connection(folder: Path) -> None:
    async with guarded(folder, FILES) as port:
        first, last = b"GET /metrics HTTP/1.1\r\nHost: x\r\n", b"Connection: close\r\n\r\n"
        assert (await send(port, first + b"\r\n" + first + last, client(folder))).count(TEXT) == 2


@on_both_loops
async def test_who_does_not_trust_the_authority_is_not_connected(folder: Path) -> None:
    async with guarded(folder, FILES) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(port, tls=client(folder, trusts=OTHERS))
        assert (await ask(port, tls=client(folder))).status == 200


@pytest.mark.parametrize(
    ("section", "limits"),
    [
        ("", {"maximum_version": ssl.TLSVersion.TLSv1_1}),
        ("min_version: TLS13", {"maximum_version": ssl.TLSVersion.TLSv1_2}),
        ("max_version: TLS12", {"minimum_version": ssl.TLSVersion.TLSv1_3}),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
@on_both_loops
async def test_versions_outside_the_bounds_are_refused(section: str, limits: dict[str, Any], folder: Path) -> None:
    async with guarded(folder, f"{FILES}, {section}") as port:
        assert await fails(port, client(folder, **limits))
        assert (await ask(port, tls=client(folder))).status == 200


@on_both_loops
async def test_the_server_chooses_the_cipher_unless_it_leaves_that_to_the_client(folder: Path) -> None:
    ours, theirs = "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"
    suites = "[TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]"
    for prefers, chosen in ((True, ours), (False, theirs)):
        section = f"{FILES}, cipher_suites: {suites}, prefer_server_cipher_suites: {str(prefers).lower()}"
        async with guarded(folder, section) as port:
            context = client(folder, maximum_version=ssl.TLSVersion.TLSv1_2)
            context.set_ciphers(f"{theirs}:{ours}")
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            assert writer.get_extra_info("cipher")[0] == chosen
            writer.close()


@on_both_loops
async def test_one_curve_can_be_demanded(folder: Path) -> None:
    async with guarded(folder, f"{FILES}, curve_preferences: [CurveP521]") as port:
        other = client(folder, maximum_version=ssl.TLSVersion.TLSv1_2)
        other.set_ecdh_curve("prime256v1")
        assert await fails(port, other)
        assert (await ask(port, tls=client(folder))).status == 200


@pytest.mark.parametrize(
    ("section", "who", "enters"),
    [
        (f"{FILES}, client_auth_type: NoClientCert", None, True),
        (f"{FILES}, client_auth_type: NoClientCert", STRANGER, True),
        (MUTUAL, None, False),
        (MUTUAL, STRANGER, False),
        (MUTUAL, NAMELESS, True),
        (MUTUAL, PROMETHEUS, True),
        (MUTUAL.replace("RequireAndVerify", "Verify") + "IfGiven", None, True),
        (MUTUAL.replace("RequireAndVerify", "Verify") + "IfGiven", PROMETHEUS, True),
        (MUTUAL.replace("RequireAndVerify", "Verify") + "IfGiven", STRANGER, False),
        (f"{MUTUAL}, client_allowed_sans: [prometheus.example, other.example]", PROMETHEUS, True),
        (f"{MUTUAL}, client_allowed_sans: [10.1.2.3]", PROMETHEUS, True),
        (f'{MUTUAL}, client_allowed_sans: ["2001:db8::1"]', PROMETHEUS, True),
        (f"{MUTUAL}, client_allowed_sans: [ops@example.com]", PROMETHEUS, True),
        (f'{MUTUAL}, client_allowed_sans: ["spiffe://example/prometheus"]', PROMETHEUS, True),
        (f"{MUTUAL}, client_allowed_sans: [example, prometheus, Prometheus.example]", PROMETHEUS, False),
        (f"{MUTUAL}, client_allowed_sans: [prometheus.example]", NAMELESS, False),  # its subject has that name
        (f"{MUTUAL}, client_allowed_sans: [prometheus.example]", STRANGER, False),
        (
            f"{MUTUAL.replace('RequireAndVerify', 'Verify')}IfGiven, client_allowed_sans: [prometheus.example]",
            None,
            False,
        ),
    ],
)
@on_both_loops
async def test_the_certificate_of_a_client_decides(
    section: str, who: Identity | None, *, enters: bool, folder: Path
) -> None:
    async with guarded(folder, section) as port:
        if enters:
            assert (await ask(port, tls=client(folder, who))).status == 200
        else:
            assert await fails(port, client(folder, who))
            assert await fails(port, client(folder, who, maximum_version=ssl.TLSVersion.TLSv1_2))


@on_both_loops
async def test_a_certificate_is_trusted_itself_where_it_stands_among_the_authorities(folder: Path) -> None:
    (folder / "ca.pem").write_text(STRANGER.cert)
    async with guarded(folder, MUTUAL) as port:
        assert (await ask(port, tls=client(folder, STRANGER))).status == 200
        assert await fails(port, client(folder, PROMETHEUS))


@pytest.mark.parametrize(
    "data",
    [
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600),
        b"\x16\x03\x01\xff\xff" + b"\x00" * 70_000,
        bytes(range(256)) * 8,
    ],
)
@on_both_loops
async def test_what_is_no_handshake_is_closed_without_a_page(data: bytes, folder: Path) -> None:  # case 71
    async with guarded(folder, FILES) as port:
        answer = await send(port, data)
        assert len(answer) <= 7  # an alert, at most
        assert (await ask(port, tls=client(folder))).status == 200


async def silent(stack: AsyncExitStack, port: int, number: int, data: bytes = b"") -> list[asyncio.StreamReader]:
    readers = []
    for _ in range(number):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stack.callback(writer.close)
        writer.write(data)
        readers.append(reader)
    return readers


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Read to the end, however the server makes it."""
    async with asyncio.timeout(PATIENCE):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
@on_both_loops
async def test_clients_that_never_finish_a_handshake_are_cut_and_honest_ones_are_served(
    data: bytes, folder: Path
) -> None:  # case 65
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(guarded(folder, FILES, limits=Limits(header=0.5)))
        hostile = await silent(stack, port, 100, data)
        assert [(await ask(port, tls=client(folder))).status for _ in range(5)] == [200] * 5
        assert await asyncio.gather(*map(rest, hostile)) == [b""] * 100


@on_both_loops
async def test_a_handshake_without_a_request_is_cut(folder: Path) -> None:
    async with guarded(folder, FILES, limits=Limits(header=0.2)) as port:
        assert await send(port, b"GET /metrics HTTP/1.1\r\nX-Slow: ", client(folder)) == b""


@on_both_loops
async def test_beyond_the_cap_of_connections_an_old_handshake_makes_room(folder: Path) -> None:
    async with AsyncExitStack() as stack:
        limits = Limits(connections=2, header=1e6)
        port = await stack.enter_async_context(guarded(folder, FILES, limits=limits))
        hostile = await silent(stack, port, 5)
        closed = [asyncio.create_task(rest(one)) for one in hostile]
        await asyncio.wait(closed, return_when=asyncio.FIRST_COMPLETED)
        assert sum(one.done() for one in closed) == 1
        assert (await ask(port, tls=client(folder))).status == 200


async def slow(stack: AsyncExitStack, port: int, folder: Path, number: int) -> list[ssl.SSLSocket]:
    """Return readers of the page that have taken one byte of it; sockets, since asyncio reads ahead."""

    def begin() -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        secret = client(folder).wrap_socket(plain)
        secret.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert secret.recv(1) == b"H"
        return secret

    return [stack.enter_context(await asyncio.to_thread(begin)) for _ in range(number)]


def taken(reader: ssl.SSLSocket) -> int:
    """Return how many bytes more there are to be had."""
    size = 0
    with suppress(OSError):
        while data := reader.recv(2**16):
            size += len(data)
    return size


@on_both_loops
async def test_readers_that_are_too_slow_are_cut(folder: Path) -> None:  # case 66
    async with AsyncExitStack() as stack:
        limits = Limits(header=1.0, answer=0.5)
        port = await stack.enter_async_context(guarded(folder, FILES, limits=limits, page=lambda: BIG))
        readers = await slow(stack, port, folder, 8)
        await rest((await silent(stack, port, 1))[0])  # the limit of the answers has passed twice
        assert all([await asyncio.to_thread(taken, reader) < len(BIG.text[0]) for reader in readers])


async def test_a_slow_reader_costs_a_piece_of_the_page_and_not_a_copy(folder: Path) -> None:  # case 66
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(guarded(folder, FILES, page=lambda: BIG))
        await slow(stack, port, folder, 8)
        gc.collect()
        wires = (one for one in gc.get_objects() if isinstance(one, asyncio.WriteTransport))
        sizes = [one.get_write_buffer_size() for one in wires if not one.is_closing()]
    assert sum(size > 0 for size in sizes) >= 8
    assert max(sizes) <= 384 * 1024


@on_both_loops
async def test_an_honest_reader_gets_a_long_page_whole_though_it_is_slow(folder: Path) -> None:
    limits = Limits(header=0.5, idle=0.5)
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(guarded(folder, FILES, limits=limits, page=lambda: BIG))
        (reader,) = await slow(stack, port, folder, 1)
        await rest((await silent(stack, port, 1))[0])  # the limit of the header has passed
        assert await asyncio.to_thread(taken, reader) > len(BIG.text[0])


@pytest.mark.parametrize("number", [0, 50])
@on_both_loops
async def test_stopping_is_fast_and_leaves_nothing_behind_whoever_is_in_the_door(
    number: int, folder: Path
) -> None:
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:
        async with guarded(folder, FILES) as port:
            hostile = await silent(stack, port, number)
            assert (await ask(port, tls=client(folder))).status == 200
        assert asyncio.all_tasks() == before
        assert await asyncio.gather(*map(rest, hostile)) == [b""] * number


@on_both_loops
async def test_renewed_certificates_are_shown_from_the_next_handshake_on(folder: Path) -> None:
    async with guarded(folder, FILES) as port:
        assert (await ask(port, tls=client(folder))).status == 200
        OTHERS.identity("the exporter", dns("localhost")).written(folder, "server")
        assert (await ask(port, tls=client(folder, trusts=OTHERS))).status == 200
        assert await fails(port, client(folder))


@on_both_loops
async def test_certificates_that_kubernetes_swaps_are_followed(folder: Path) -> None:
    for name, authority in (("old", AUTHORITY), ("new", OTHERS)):
        (folder / name).mkdir()
        authority.identity("the exporter").written(folder / name, "server")
    data = folder / "data"
    data.symlink_to("old")
    for name in ("server.pem", "server.key"):
        (folder / name).unlink()
        (folder / name).symlink_to(data / name)
    async with guarded(folder, FILES) as port:
        assert (await ask(port, tls=client(folder))).status == 200
        (folder / "swap").symlink_to("new")
        (folder / "swap").rename(data)
        assert (await ask(port, tls=client(folder, trusts=OTHERS))).status == 200


@pytest.mark.parametrize("name", ["server.pem", "server.key", "ca.pem", "web.yaml"])
@pytest.mark.parametrize("text", [None, "", "garbage: ["])
@on_both_loops
async def test_while_a_file_is_broken_nobody_comes_in_and_then_it_heals(
    name: str, text: str | None, folder: Path
) -> None:  # case 64
    async with guarded(folder, MUTUAL) as port:
        good = (folder / name).read_text()
        if text is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(text)
        assert await fails(port, client(folder, PROMETHEUS))
        (folder / name).write_text(good)
        assert (await ask(port, tls=client(folder, PROMETHEUS))).status == 200


@on_both_loops
async def test_tls_cannot_be_taken_away_while_the_exporter_runs(folder: Path) -> None:
    async with guarded(folder, FILES) as port:
        (folder / "web.yaml").write_text("{}")
        assert await send(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        assert await fails(port, client(folder))


Ask = Callable[[], Awaitable[bytes]]


@asynccontextmanager
async def kept_alive(port: int, context: ssl.SSLContext) -> AsyncIterator[Ask]:
    """One connection over which one can ask again and again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)

    async def asked() -> bytes:
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            try:
                return await reader.readuntil(TEXT)
            except (asyncio.IncompleteReadError, ConnectionError):
                return b""

    yield asked
    writer.transport.abort()


@on_both_loops
async def test_connections_go_on_where_their_terms_are_the_same(folder: Path) -> None:
    async with guarded(folder, MUTUAL) as port, kept_alive(port, client(folder, PROMETHEUS)) as asked:
        assert await asked()
        web = folder / "web.yaml"
        web.write_text(web.read_text() + "\nhttp_server_config: {headers: {X-Frame-Options: deny}}")
        assert b"X-Frame-Options: deny" in await asked()
        web.rename(folder / "old")
        (folder / "old").rename(web)
        assert await asked()


@on_both_loops
async def test_why_a_handshake_was_refused_is_told_to_those_who_look_for_it(folder: Path) -> None:
    log = LogCapture()
    logger = structlog.wrap_logger(None, processors=[log])
    section = f"{MUTUAL}, client_allowed_sans: [prometheus.example]"
    async with guarded(folder, section, log=logger) as port:
        for who in (None, STRANGER, NAMELESS):
            assert await fails(port, client(folder, who))
        assert (await ask(port, tls=client(folder, PROMETHEUS))).status == 200
    assert [(entry["log_level"], entry["peer"], entry["reason"]) for entry in log.entries] == [
        ("debug", "127.0.0.1", "PEER_DID_NOT_RETURN_A_CERTIFICATE"),
        ("debug", "127.0.0.1", "CERTIFICATE_VERIFY_FAILED"),
        ("debug", "127.0.0.1", "NAME_NOT_ALLOWED"),
    ]


@pytest.mark.parametrize("text", [AUTHORITY.cert + OTHERS.cert, OTHERS.cert])
@on_both_loops
async def test_an_open_connection_does_not_outlive_the_terms_it_was_made_on(text: str, folder: Path) -> None:
    async with guarded(folder, MUTUAL) as port, kept_alive(port, client(folder, PROMETHEUS)) as asked:
        assert await asked()
        (folder / "ca.pem").write_text(text)
        assert await asked() == b""
        assert await fails(port, client(folder, PROMETHEUS)) == (AUTHORITY.cert not in text)


@on_both_loops
async def test_a_session_cannot_be_resumed_past_new_terms(folder: Path) -> None:
    async with guarded(folder, f"{MUTUAL}, max_version: TLS12") as port:
        context = client(folder, PROMETHEUS)
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        session = writer.get_extra_info("ssl_object").session
        assert session.has_ticket or session.id
        writer.transport.abort()
        (folder / "ca.pem").write_text(OTHERS.cert)

        def resumed() -> bool:
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain:
                try:
                    with context.wrap_socket(plain, session=session, do_handshake_on_connect=True) as secret:
                        return bool(secret.session_reused)
                except OSError:
                    return False

        assert not await asyncio.to_thread(resumed)


@on_both_loops
async def test_who_would_rather_speak_http_2_is_told_to_speak_1_1(folder: Path) -> None:
    context = client(folder)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with guarded(folder, FILES) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.close()
