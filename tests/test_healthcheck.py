"""The question that an orchestrator asks: alive, whatever guards the door, and never so by mistake."""

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from exporter import healthcheck
from exporter.cli import main
from exporter.config import Listen
from exporter.web import gate

ROOT = Path(healthcheck.__file__).parent.parent
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async with await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]


def saying(answer: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    return talk


async def problem(port: int, patience: float = 10.0, host: str = "127.0.0.1") -> str | None:
    return await asyncio.to_thread(healthcheck.problem, Listen(host, port), patience)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "", "localhost"])
async def test_one_that_answers_is_alive_wherever_it_listens(host: str) -> None:
    async with listening(saying(OK)) as port:
        assert await problem(port, host=host) is None


@pytest.mark.parametrize("status", ["401 Unauthorized", "429 Too Many Requests"])
async def test_one_that_will_not_tell_a_stranger_is_alive(status: str) -> None:
    async with listening(saying(OK.replace(b"200 OK", status.encode()))) as port:
        assert await problem(port) is None


async def test_one_whose_loops_stand_still_is_not_alive() -> None:
    async with listening(saying(OK.replace(b"200 OK", b"503 Service Unavailable"))) as port:
        assert await problem(port) == f"127.0.0.1, port {port}: /-/healthy answers 503"


async def test_one_whose_doors_a_broken_web_config_has_closed_is_alive() -> None:
    said = gate._CLOSED.text
    answer = f"HTTP/1.1 503 Service Unavailable\r\nContent-Length: {len(said)}\r\n\r\n{said}"
    async with listening(saying(answer.encode())) as port:
        assert await problem(port) is None


async def test_one_that_is_silent_is_not_alive() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with listening(silent) as port:
        assert await problem(port, patience=0.05) == f"127.0.0.1, port {port}: no answer"


async def test_where_nobody_listens_nobody_is_alive() -> None:
    async with listening(saying(OK)) as port:
        pass
    assert await problem(port) == f"127.0.0.1, port {port}: connection refused"


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("clients", [ssl.CERT_NONE, ssl.CERT_REQUIRED])
async def test_one_behind_tls_is_alive_whether_it_wants_our_certificate_or_not(
    newest: ssl.TLSVersion, clients: ssl.VerifyMode, tmp_path: Path
) -> None:
    asked = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response()

    tls = certificate(tmp_path)
    tls.maximum_version, tls.verify_mode = newest, clients
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    async with await loop.create_server(web.Server(answer), "127.0.0.1", 0, ssl=tls) as server:
        assert await problem(server.sockets[0].getsockname()[1]) is None
    assert asked == ([] if clients else ["/-/healthy"])


@pytest.mark.needs("openssl")
async def test_one_behind_tls_whose_loops_stand_still_is_not_alive(tmp_path: Path) -> None:
    async with listening(saying(OK.replace(b"200", b"503")), certificate(tmp_path)) as port:
        assert "answers 503" in str(await problem(port))


def certificate(folder: Path) -> ssl.SSLContext:
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=elsewhere"
    subprocess.run([*make.split(), "-keyout", "key", "-out", "pem"], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem", folder / "key")
    return context


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("server: {listen: '127.0.0.1:1'}", Listen("127.0.0.1", 1)),
        ("server: {listen: '${WHERE}', unknown: 1}\naccounts: wrong", Listen("::1", 2)),
        ("server: {listen: nowhere}", Listen("0.0.0.0", 10777)),
        ("server: [", Listen("0.0.0.0", 10777)),
        ("accounts: []", Listen("0.0.0.0", 10777)),
        (None, Listen("0.0.0.0", 10777)),
    ],
)
def test_it_asks_where_the_config_says_however_wrong_the_rest_is(
    text: str | None, listen: Listen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHERE", "[::1]:2")
    config = tmp_path / "config.yaml"
    if text is not None:
        config.write_text(text)
    assert healthcheck.listens(config) == listen


def test_a_config_that_has_become_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.yaml")
    code = "from pathlib import Path; from exporter import healthcheck as h; print(h.listens(Path('config.yaml')))"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    told = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, env=environ, text=True, timeout=30)
    assert told == f"{Listen('0.0.0.0', 10777)}\n"


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


async def test_the_command_and_the_module_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> tuple[int | None, bytes]:
        module = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "exporter.healthcheck", "--config", config), cwd=ROOT, stderr=subprocess.PIPE
        )
        _, told = await module.communicate()
        return module.returncode, told

    async with listening(saying(OK)) as port:
        config = written(tmp_path / "config.yaml", f"server: {{listen: '127.0.0.1:{port}'}}")
        assert await asyncio.to_thread(main, ["healthcheck", "--config", config]) == 0
        assert await run() == (0, b"")
    assert await asyncio.to_thread(main, ["healthcheck", "--config", config]) == 1
    told = capsys.readouterr().err
    assert told == f"127.0.0.1, port {port}: connection refused\n"
    assert await run() == (1, told.encode())


def test_asking_does_not_load_the_program() -> None:
    heavy = "{'aiohttp', 'structlog', 'prometheus_client', 'exporter.cli'}"
    code = f"import sys, exporter.healthcheck; sys.exit(str({heavy} & sys.modules.keys() or ''))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stderr == "\n"
