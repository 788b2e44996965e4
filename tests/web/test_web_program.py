"""web.yaml as the program meets it: checked with the config, and named by it."""

import asyncio
import ssl
from pathlib import Path

import pytest
import structlog
from certificates import Authority, ip
from msgspec.structs import replace
from plain_http import ask
from structlog.testing import LogCapture

from exporter.app import Exporter
from exporter.cli import main
from exporter.config import Config, Listen
from exporter.plan import read

CONFIG = """\
server: {listen: "127.0.0.1:10777", web_config: web.yaml}
accounts:
  - name: acme
    vendor: zendesk_talk
    credentials: {access_token: a token}
    options: {base_url: "http://127.0.0.1:9"}
"""


KEYS = "tls_server_config, http_server_config, basic_auth_users or rate_limit"
AUTHORITY = Authority()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    AUTHORITY.identity("the exporter", ip("127.0.0.1")).written(tmp_path, "server")
    (tmp_path / "web.yaml").write_text("tls_server_config: {cert_file: server.pem, key_file: server.key}")
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path / "config.yaml"


def test_check_reads_it_from_beside_the_config(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(path)]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_wrong_one_is_a_wrong_config(command: str, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    web = path.with_name("web.yaml")
    web.write_text("tls_server_config: {cert_file: server.pem, key_file: nowhere}\nusers: {}\n")
    assert main([command, "--config", str(path)]) == 2
    assert capsys.readouterr().err == f"{web}:2: users: unknown key; write {KEYS}\n"
    web.write_text("tls_server_config: {cert_file: server.pem, key_file: nowhere}\n")
    assert main([command, "--config", str(path)]) == 2
    told = f"{web}:1: tls_server_config.key_file: cannot be read: no such file or directory\n"
    assert capsys.readouterr().err == told


def test_one_that_is_not_there_is_a_wrong_config(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.with_name("web.yaml").unlink()
    assert main(["check", "--config", str(path)]) == 2
    assert capsys.readouterr().err == f"{path.with_name('web.yaml')}: cannot be read: no such file or directory\n"


async def test_the_exporter_serves_as_it_says_and_another_file_needs_a_new_start(path: Path) -> None:
    config = read(path, {})
    config = replace(config, server=replace(config.server, listen=Listen("127.0.0.1", 0)))
    other = replace(config, server=replace(config.server, web_config=None))
    log = LogCapture()

    def reread() -> Config:
        return other

    logger = structlog.wrap_logger(None, processors=[log])
    exporter = Exporter(config, read=reread, log=logger, lines_dropped=lambda: 0)
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    run = asyncio.create_task(exporter.run(stop, port.set_result))
    assert exporter.scheme == "https"
    context = ssl.create_default_context(cadata=AUTHORITY.cert)
    assert (await ask(await port, "GET /-/healthy", tls=context)).status == 200
    assert await exporter.reload() == ()
    assert [entry["log_level"] for entry in log.entries if entry["event"] == "server_unchanged"] == ["warning"]
    assert (await ask(await port, "GET /-/healthy", tls=context)).status == 200
    stop.set()
    await run
