"""Cases 68 to 71: requests that no scraper sends."""

import asyncio
import gzip
import os
import random
import re
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median

import aiohttp
import bcrypt
import pytest
from crowd import Reply, ask, brisk, parse, send
from hurry import SPEED
from subject import Page, Subject
from trial import Trial, tried

Record = Callable[[str, object], None]

WRITTEN = {
    "text/plain; version=0.0.4; charset=utf-8",
    "text/plain; version=1.0.0; charset=utf-8",  # the plain exporter's, which Prometheus reads as well
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
ACCEPT: tuple[bytes, ...] = (
    b"",
    b",,,;;;",
    b"text/plain;version=foo",
    b"application/openmetrics-text;version=7.7.7",
    b"application/openmetrics-text;version=foo;escaping=allow-utf-8",
    b"application/openmetrics-text;version=1.0.0;q=NaN",
    b"application/openmetrics-text;version=\xff\xfe",
    b"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    "Ünicode/☃;q=①".encode(),
    b"*/*;q=1e999",
    b"text/plain;q=-1, */*;q=0",
    b"text/plain;" * 700,
    b'text/plain;version="0.0.4\\"',
)
ENCODING: tuple[bytes, ...] = (
    b"gzip;q=nope",
    b"br, zstd, compress",
    b"\xffgzip",
    b"gzip;q=0",
    b"identity;q=0, *;q=0",
    b"gzip," * 1_500,
)
QUERIES = (
    "name[]=up",
    "name[]=contact_center_up&name[]=%ff%fe",
    "name[]=" + "x" * 8_000,
    "format=json&debug=1&collect[]=process",
    "%00%0d%0aX-Injected:%201",
    "a=1#f",
)


def page_of(reply: Reply) -> Page:
    """Return the page in an answer, as its own headers say it is written."""
    body = gzip.decompress(reply.body) if reply.headers.get("content-encoding") == "gzip" else reply.body
    assert reply.headers.get("content-encoding", "gzip") == "gzip"
    assert reply.headers["content-type"] in WRITTEN, reply.headers["content-type"]
    return Page(body.decode())


def noise(number: int) -> Iterator[bytes]:
    """Yield header values of bytes that may stand there, and never the same ones in another run."""
    some = random.Random(68)
    allowed = bytes([9, *range(32, 127), *range(128, 256)])
    for _ in range(number):
        yield bytes(some.choices(allowed, k=some.randrange(60)))


async def test_fault_68_headers_and_queries_that_nobody_understands(trial: Trial, record_property: Record) -> None:
    port, asked = trial.subject.port, 0
    hostile: list[tuple[str, Mapping[str, str | bytes]]] = [
        *(("/metrics", {"Accept": accept}) for accept in (*ACCEPT, *noise(40))),
        *(("/metrics", {"Accept-Encoding": encoding}) for encoding in (*ENCODING, *noise(40))),
        *((f"/metrics?{query}", {}) for query in QUERIES),
    ]
    for target, headers in hostile:
        reply = await ask(port, target, headers)
        asked += 1
        assert reply.status == 200, f"{target[:80]} {headers!r:.200}: {reply.status}"
        page = page_of(reply)
        assert len(page.of("up")) == 2, "a part of the page"
        assert "x-injected" not in reply.headers
    beyond = await ask(port, "/metrics?" + "x" * 20_000)
    assert beyond.status in {0, 400, 414}
    record_property("requests", asked)


def basic(data: bytes) -> str:
    return f"Basic {b64encode(data).decode()}"


def by(authorization: str) -> dict[str, str | bytes]:
    return {"Authorization": authorization}


RIGHT = basic(b"alice:canary-password")
SHAPES = (
    "",
    "Basic",
    "Basic ",
    "Basic ====",
    "Basic \xff\xfe",
    "Basic " + "A" * 8_000,
    basic(b"alice"),
    basic(b"\xff\xfe:\xff"),
    "Bearer canary-password",
    "Negotiate YIIxxx",
    "alice:canary-password",
    RIGHT + ", " + RIGHT,
)
PAIRS = {
    "a wrong password": b"alice:wrong",
    "an unknown user": b"mallory:canary-password",
    "not ASCII": "alice:pässwörd".encode(),
    "not UTF-8": b"alice:\xff\xfe\xfd",
    "73 bytes": b"alice:" + b"x" * 73,
    "5,000 bytes": b"alice:" + b"y" * 5_000,
    "NUL": b"alice:canary-password\x00",
    "NUL first": b"alice:\x00canary-password",
    "an empty password": b"alice:",
    "an empty user": b":canary-password",
}


def guarded(folder: Path, cost: int = 10) -> Callable[[str], str]:
    """Write a web config with one user, and return what names it in a config."""
    hashed = bcrypt.hashpw(b"canary-password", bcrypt.gensalt(cost)).decode()
    (folder / "web.yaml").write_text(f"basic_auth_users:\n  alice: {hashed}\n")
    return lambda config: config.replace('{port}"}', '{port}", web_config: web.yaml}')


@pytest.mark.thorough
@pytest.mark.ours_only("the plain exporter has no web config")
async def test_fault_69_credentials_of_every_kind(tmp_path: Path, record_property: Record) -> None:
    configure = guarded(tmp_path)
    async with tried("ours", tmp_path, configure=configure, headers={"Authorization": RIGHT}) as trial:
        port = trial.subject.port
        refused = [await ask(port, headers=by(shape)) for shape in SHAPES]
        times: dict[str, list[float]] = {name: [] for name in PAIRS}
        for turn in range(3):  # each from an address of its own: who fails often is made to wait
            for number, (name, pair) in enumerate(PAIRS.items()):
                began = time.monotonic()
                source = f"127.0.{turn + 1}.{number + 1}"
                refused.append(await ask(port, headers=by(basic(pair)), source=source))
                times[name].append(time.monotonic() - began)
        assert {reply.status for reply in refused} == {401}
        assert len({reply.body for reply in refused}) == 1
        assert len({reply.headers["www-authenticate"] for reply in refused}) == 1
        assert (await ask(port, headers=by(RIGHT))).status == 200
        # A header in which no pair can be read is refused at once: it asks about nobody.
        fastest = min(min(some) for some in times.values())
        record_property("fastest refusal, ms", round(1_000 * fastest, 1))
        for name, some in times.items():
            record_property(f"median of {name}, ms", round(1_000 * median(some), 1))
        assert fastest > 0.01, "a pair was refused without bcrypt, which tells who exists"
    assert "Traceback" not in trial.subject.log


def seconds_of_cpu(subject: Subject) -> float:
    fields = Path(f"/proc/{subject.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(("seconds", "cost"), [(2.0, 6), (60.0, 10)])
@pytest.mark.thorough
@pytest.mark.ours_only("the plain exporter has no web config")
async def test_fault_70_somebody_guesses_passwords(
    seconds: float, cost: int, tmp_path: Path, record_property: Record
) -> None:
    configure = guarded(tmp_path, cost)

    def real(config: str) -> str:
        return brisk(configure(config))

    async with tried("ours", tmp_path, speed=1, configure=real, headers={"Authorization": RIGHT}) as trial:
        subject, waits = trial.subject, []
        guessers = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
        async with aiohttp.ClientSession(connector=guessers) as session:

            async def guess(number: int) -> int:
                told = {"Authorization": basic(f"alice:guess {number}".encode())}
                async with session.get(f"{subject.url}/metrics", headers=told) as reply:
                    await reply.read()
                    return reply.status

            began, used = time.monotonic(), seconds_of_cpu(subject)
            guesses: list[asyncio.Task[int]] = []
            while (passed := time.monotonic() - began) < seconds:
                while len(guesses) < 100 * passed:
                    guesses.append(asyncio.create_task(guess(len(guesses))))
                asked = subject.clock()
                assert (await ask(subject.port, headers=by(RIGHT))).status == 200
                waits.append(subject.clock() - asked)
                await asyncio.sleep(0.02)
            statuses = await asyncio.gather(*guesses)
            took = time.monotonic() - began
        used = seconds_of_cpu(subject) - used
        computed = statuses.count(401)
        assert len(guesses) >= 100 * seconds - 100, "nobody guessed"
        assert set(statuses) <= {401, 429, 503}
        assert statuses.count(429) > 0, "the guesser is not limited"
        assert computed <= 30 + took / 2 + 1, f"{computed} guesses in {took:.0f} s"
        first = by(basic(b"alice:a first guess"))
        assert (await ask(subject.port, headers=first, source="127.0.0.3")).status == 401, (
            "others are limited, too"
        )
        assert (await ask(subject.port, headers=by(RIGHT), source="127.0.0.2")).status == 200, (
            "who knows is kept out"
        )
        record_property("guesses a second", round(len(guesses) / took))
        record_property("guesses computed", computed)
        record_property("slowest honest scrape, ms", round(1_000 * max(waits), 1))
        record_property("cores used <= 1", round(used / took, 2))
        assert used / took < 1.3, "bcrypt uses more than one worker"


GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
NO_HTTP = {
    "both lengths": GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": GET + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + SMUGGLED,
    "a bad length": GET + b"Content-Length: +5\r\n\r\nhello" + SMUGGLED,
    "a negative length": GET + b"Content-Length: -5\r\n\r\n" + SMUGGLED,
    "a chunk of nonsense": GET + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + SMUGGLED,
    "an unknown transfer": GET + b"Transfer-Encoding: chunked, identity\r\n\r\n" + SMUGGLED,
    "a bare line feed": b"GET /metrics HTTP/1.1\nHost: x\n\n",
    "a space in a name": GET + b"Content-Length : 5\r\n\r\nhello" + SMUGGLED,
    "no HTTP": b"\x16\x03\x01" + os.urandom(16).replace(b"\n", b"x") + b"\r\n\r\n",
    "HTTP/9.9": b"GET /metrics HTTP/9.9\r\nHost: x\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "NUL": b"GET /met\x00rics HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header of 20 kB": GET + b"X: " + b"x" * 20_000 + b"\r\n\r\n",
    "10,000 headers": GET + b"".join(b"X-%d: 1\r\n" % number for number in range(10_000)) + b"\r\n",
}
STATUS = re.compile(rb"HTTP/1\.[01] \d{3} ")  # a refusal may quote the line that it refuses
METHODS = ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "get", "x" * 500)


def own(page: Page) -> set[tuple[str, str]]:
    """Return the series that tell of the exporter itself."""
    return {(name, str(sorted(labels.items()))) for name, labels, _ in page.samples if "account" not in labels}


async def tls_on_the_plain_port(port: int) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port, ssl=context), 10)


async def test_fault_71_methods_and_bytes_that_are_no_scrape(trial: Trial) -> None:
    subject = trial.subject
    before = own(await subject.page())
    for method in METHODS:
        for path in (b"/metrics", b"/", b"/-/healthy", b"/nowhere"):
            line = method.encode() + b" " + path + b" HTTP/1.1\r\n"
            reply = parse(await send(subject.port, line + b"Host: x\r\nConnection: close\r\n\r\n"))
            assert reply.status == 0 or 400 <= reply.status < 500, f"{method[:20]} {path!r}: {reply.status}"
            assert b"TRACE" not in reply.body
    for name, data in NO_HTTP.items():
        answer = await send(subject.port, data)
        assert len(STATUS.findall(answer)) <= 1, f"{name}: what was smuggled is answered"
        assert b"404" not in answer[:20], f"{name}: what was smuggled is answered"
        assert parse(answer).status in {0, 200, *range(400, 500)}, f"{name}: {parse(answer).status}"
        assert parse(answer).status != 200 or name == "HTTP/9.9", f"{name} is taken for a scrape"
        if subject.program == "ours":
            assert b"aiohttp" not in answer, f"{name}: the answer tells what it is made of"
        assert b"Traceback" not in answer
    pipeline = await send(subject.port, 50 * (GET + b"\r\n") + GET + b"Connection: close\r\n\r\n")
    assert pipeline.count(b"HTTP/1.1 200") in {0, 51}, "some of a pipeline"
    await tls_on_the_plain_port(subject.port)
    await asyncio.sleep(6 / SPEED)  # in which its own metrics are told anew
    assert own(await subject.page()) == before, "a request has made a series"
    assert "Traceback" not in subject.log
