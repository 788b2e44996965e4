import pytest
from plain_http import OPENMETRICS, TEXT, Bytes, ask, send, server

from exporter.web.negotiate import takes_gzip, wants_openmetrics

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
AS_TEXT = "text/plain; version=0.0.4; charset=utf-8"
AS_OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@pytest.mark.parametrize(
    "accept",
    [
        PROMETHEUS_2,
        PROMETHEUS_3,
        "application/openmetrics-text",
        'application/openmetrics-text; version="1.0.0"',
        " Application/OpenMetrics-Text ;\tversion=1.0.0 ; q=1.000 ",
        "application/openmetrics-text;q=0.5,text/plain;q=0.5",
        "application/openmetrics-text;q=0.2,text/plain;q=0.1,*/*;q=0.9",
        "text/plain;q=broken,application/openmetrics-text;q=0.1",
    ],
)
def test_openmetrics_is_given_where_it_is_wanted_at_least_as_much_as_text(accept: str) -> None:
    assert wants_openmetrics(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/html,application/xhtml+xml,*/*;q=0.8",
        "application/*",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=0.4,text/plain;q=0.5",
        "application/openmetrics-text;q=0.4,*/*;q=0.5",
        "application/openmetrics-text;version=0.0.1",
        "application/openmetrics-text;version=foo",
        "application/openmetrics-text;version=7.7.7",
        "application/openmetrics-text;q=2",
        "application/openmetrics-text;q=-1",
        "application/openmetrics-text;q=\u0660.\u0665",
        "application/openmetrics-text;q=nan",
        "application/openmetrics-text;q=",
        "application/openmetrics-textual",
    ],
)
def test_anything_else_is_given_plain_text(accept: str) -> None:
    assert not wants_openmetrics(accept)


@pytest.mark.parametrize("header", ["gzip", "GZIP", "deflate, gzip;q=0.001", "br;q=1.0, gzip ; q=0.5"])
def test_gzip_is_used_where_it_is_welcome(header: str) -> None:
    assert takes_gzip(header)


@pytest.mark.parametrize(
    "header", ["", "identity", "gzip;q=0", "gzip;q=0.000", "gzip;q=x", "gzipped", "br,zstd", "*"]
)
def test_gzip_is_not_used_where_nobody_asked_for_it(header: str) -> None:
    assert not takes_gzip(header)


@pytest.mark.parametrize(
    ("headers", "body", "kind"),
    [
        ({}, TEXT, AS_TEXT),
        ({"Accept-Encoding": "gzip"}, Bytes().text_gzip, AS_TEXT),
        (
            {"Accept": PROMETHEUS_3},
            OPENMETRICS,
            AS_OPENMETRICS,
        ),
        (
            {"Accept": PROMETHEUS_2, "Accept-Encoding": "deflate, gzip"},
            Bytes().openmetrics_gzip,
            AS_OPENMETRICS,
        ),
    ],
)
async def test_a_scrape_gets_the_ready_bytes_that_it_can_read(
    headers: dict[str, str], body: bytes, kind: str
) -> None:
    async with server() as port:
        reply = await ask(port, headers=headers)
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, body, kind)
    assert reply.headers.get("content-encoding") == ("gzip" if b"\x1f\x8b" in body else None)
    assert reply.headers["vary"] == "Accept, Accept-Encoding"
    assert reply.headers["server"] == "contact-center-exporter"


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;version=foo",
        "a" * 8192,
        "application/openmetrics-text;q=0.1," * 230 + ";;;,,,===",
        b"\xff\xfe\x80 text/plain",
        "ä/ö;q=ü".encode(),
        ";" * 4000,
        '"unclosed, text/plain',
    ],
)
@pytest.mark.parametrize("field", ["Accept", "Accept-Encoding"])
async def test_hostile_headers_get_a_page(accept: str | bytes, field: str) -> None:  # case 68
    async with server() as port:
        reply = await ask(port, headers={field: accept})
    assert (reply.status, reply.headers.get("content-encoding")) == (200, None)
    assert reply.body in (TEXT, OPENMETRICS)


@pytest.mark.parametrize("query", ["name[]=up", "q=" + "x" * 8192, "%ff%00&&&=", "target=http://169.254.169.254/"])
async def test_the_query_is_ignored(query: str) -> None:
    async with server() as port:
        reply = await ask(port, f"GET /metrics?{query}")
    assert (reply.status, reply.body) == (200, TEXT)


async def test_a_head_request_gets_the_headers_alone() -> None:
    async with server() as port:
        reply = await ask(port, "HEAD /metrics")
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", str(len(TEXT)))


@pytest.mark.parametrize(
    "sizes", [[3_000_001], [1] * 9_000, [262_144] * 3, [100, 262_145, 0, 7], [200_000] * 5 + [600_000, 1], [0], []]
)
async def test_a_page_arrives_whole_whatever_its_pieces(sizes: list[int]) -> None:
    page = Bytes(
        text=tuple(bytes(n % 251 for n in range(place, place + size)) for place, size in enumerate(sizes))
    )
    async with server(page=lambda: page) as port:
        assert (await ask(port)).body == b"".join(page.text)


async def test_requests_that_are_sent_ahead_are_answered_in_turn() -> None:  # case 71: pipelining
    one = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with server() as port:
        answer = await send(port, one * 40 + last)
    assert answer.count(TEXT) == 40
    assert answer.endswith(b"\r\n\r\nok\n")
