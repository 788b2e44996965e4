import asyncio
import os
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import structlog
from certificates import Authority
from plain_http import TEXT, ask, server
from structlog.testing import LogCapture

from exporter.config import ConfigError
from exporter.web import Gate, web_config

PATHS = ("/", "/metrics", "/-/healthy", "/-/ready", "/nowhere")


def users(**passwords: str) -> str:
    rows = (
        f"  {name}: {bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()}" for name, word in passwords.items()
    )
    return "\n".join(("basic_auth_users:", *rows))


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


ALICE = basic("alice", "one")


class Guarded:
    """A server behind a web.yaml, and what it logs."""

    def __init__(self, path: Path, port: int, log: LogCapture) -> None:
        self.path = path
        self.port = port
        self.log = log

    async def status(self, headers: Mapping[str, str] = {}, line: str = "GET /metrics") -> int:
        return (await ask(self.port, line, headers)).status

    def logged(self) -> list[tuple[str, str]]:
        return [(entry["event"], entry.get("problem", "")) for entry in self.log.entries]


@asynccontextmanager
async def guarded(folder: Path, text: str, **changes: Any) -> AsyncIterator[Guarded]:
    path = folder / "web.yaml"
    path.write_text(text)
    log = LogCapture()
    logger = structlog.wrap_logger(None, processors=[log])
    async with Gate(path, {}, logger) as gate, server(gate=gate, log=logger, **changes) as port:
        yield Guarded(path, port, log)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """How often the file is understood anew."""
    found: list[Path] = []
    real = web_config.read_terms

    def counted(path: Path, *rest: Any) -> web_config.Terms:
        found.append(path)
        return real(path, *rest)

    monkeypatch.setattr("exporter.web.gate.read_terms", counted)
    return found


async def test_a_file_that_protects_nothing_lets_everybody_in(tmp_path: Path) -> None:
    async with guarded(tmp_path, "{}") as it:
        assert [await it.status(line=f"GET {path}") for path in PATHS] == [200, 200, 200, 200, 404]


async def test_a_broken_file_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text("users: {}")
    with pytest.raises(ConfigError, match="unknown key"):
        Gate(tmp_path / "web.yaml", {}, structlog.wrap_logger(None))


async def test_users_come_and_go_without_a_reload(tmp_path: Path) -> None:
    async with guarded(tmp_path, users(alice="one")) as it:
        assert await it.status(ALICE) == 200
        it.path.write_text(users(bob="two"))
        assert await it.status(ALICE) == 401
        assert await it.status(basic("bob", "two")) == 200
        it.path.write_text(users(alice="three", bob="two"))
        assert await it.status(ALICE) == 401
        assert await it.status(basic("alice", "three")) == 200
        it.path.write_text("{}")
        assert await it.status() == 200
    assert it.logged() == [("web_config_read", "")] * 3


async def test_a_change_of_nothing_but_the_content_is_seen(tmp_path: Path) -> None:
    async with guarded(tmp_path, users(alice="one")) as it:
        assert await it.status(ALICE) == 200
        before = it.path.stat()
        it.path.write_text(users(alice="two"))
        os.utime(it.path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert (it.path.stat().st_size, it.path.stat().st_ino) == (before.st_size, before.st_ino)
        assert await it.status(ALICE) == 401


async def test_a_file_that_kubernetes_swaps_is_followed(tmp_path: Path) -> None:
    for name, password in (("old", "one"), ("new", "two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "web.yaml").write_text(users(alice=password))
    (tmp_path / "data").symlink_to("old")
    (tmp_path / "mount").mkdir()
    (tmp_path / "mount" / "web.yaml").symlink_to("../data/web.yaml")
    async with guarded(tmp_path / "mount", users(alice="one")) as it:
        assert await it.status(ALICE) == 200
        (tmp_path / "swap").symlink_to("new")
        (tmp_path / "swap").rename(tmp_path / "data")
        assert await it.status(ALICE) == 401
        assert await it.status(basic("alice", "two")) == 200


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "garbage: [",
        "users: {}",
        "basic_auth_users: {alice: one}",
        "tls_server_config: {cert_file: a}",
        "\x00",
    ],
)
@pytest.mark.parametrize("before", [users(alice="one"), "{}"], ids=["users", "nobody"])
async def test_while_it_is_broken_every_route_is_closed_and_then_it_heals(
    before: str, text: str | None, tmp_path: Path
) -> None:  # case 64
    async with guarded(tmp_path, before) as it:
        assert await it.status(ALICE) == 200
        if text is None:
            it.path.unlink()
        else:
            it.path.write_text(text)
        replies = [await ask(it.port, f"GET {path}", ALICE) for path in PATHS]
        assert {(reply.status, reply.body) for reply in replies} == {
            (503, b"closed: the web config is broken, and the log tells where\n")
        }
        assert await it.status(line="POST /-/reload") == 503
        it.path.write_text(before)
        assert await it.status(ALICE) == 200
    ((event, problem), *more) = it.logged()
    assert (event, more) == ("web_config_refused", [("web_config_read", "")])  # once, however many asked
    assert problem.startswith(str(it.path))


async def test_the_same_problem_is_told_once_however_the_file_changes(tmp_path: Path) -> None:
    async with guarded(tmp_path, "{}") as it:
        for text in ("users: {}", "users: {}  # still", "users: {}", "other: {}"):
            it.path.write_text(text)
            assert await it.status() == 503
    problems = [problem for _, problem in it.logged()]
    assert [problem.split(":")[2].strip() for problem in problems] == ["users", "other"]


async def test_an_unreadable_directory_closes_too(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    async with guarded(inner, users(alice="one")) as it:
        assert await it.status(ALICE) == 200
        inner.rename(tmp_path / "moved")
        assert await it.status(ALICE) == 503
        (tmp_path / "moved").rename(inner)
        assert await it.status(ALICE) == 200


async def test_a_bug_in_reading_closes_and_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> web_config.Terms:
        raise RuntimeError("a bug")

    async with guarded(tmp_path, "{}") as it:
        assert await it.status() == 200
        with monkeypatch.context() as patch:
            patch.setattr("exporter.web.gate.read_terms", broken)
            it.path.write_text(users(alice="one"))
            assert [await it.status(), await it.status(ALICE)] == [503, 503]
        assert [await it.status(), await it.status(ALICE)] == [401, 200]
    assert it.logged()[0] == ("web_config_broke", "")


@pytest.mark.parametrize("text", [users(alice="one"), "garbage: ["], ids=["users", "garbage"])
async def test_a_file_is_understood_once_and_not_for_each_request(
    text: str, tmp_path: Path, reads: list[Path]
) -> None:
    async with guarded(tmp_path, "{}") as it:
        it.path.write_text(text)
        statuses = {await it.status() for _ in range(20)}
        assert statuses <= {401, 503}
        assert len(reads) == 2


async def test_many_at_once_share_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    real = web_config.content

    def counted(path: Path) -> bytes:
        looks.append(path)
        return real(path)

    monkeypatch.setattr("exporter.web.gate.content", counted)
    async with guarded(tmp_path, "{}") as it:
        replies = await asyncio.gather(*(ask(it.port) for _ in range(100)))
    assert {reply.body for reply in replies} == {TEXT}
    assert len(looks) < 100


async def test_the_files_are_not_read_on_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = web_config.content

    def elsewhere(path: Path) -> bytes:
        assert threading.current_thread() is not threading.main_thread()
        return real(path)

    async with guarded(tmp_path, users(alice="one")) as it:
        monkeypatch.setattr("exporter.web.gate.content", elsewhere)
        assert await it.status(ALICE) == 200
        it.path.write_text(users(alice="two"))
        assert await it.status(ALICE) == 401


async def test_headers_are_on_every_answer_and_follow_the_file(tmp_path: Path) -> None:
    text = users(alice="one") + "\nhttp_server_config: {headers: {X-Frame-Options: deny, X-XSS-Protection: '0'}}\n"
    async with guarded(tmp_path, text) as it:
        for path in PATHS:
            for headers in ({}, ALICE):
                reply = await ask(it.port, f"GET {path}", headers)
                assert (reply.headers["x-frame-options"], reply.headers["x-xss-protection"]) == ("deny", "0")
                assert reply.headers["x-content-type-options"] == "nosniff"
        it.path.write_text("http_server_config: {headers: {Content-Security-Policy: \"default-src 'self'\"}}")
        page = await ask(it.port, "GET /")
        assert page.headers["content-security-policy"] == "default-src 'self'"
        assert "x-frame-options" not in page.headers


async def test_requests_are_limited_where_the_file_says_so(tmp_path: Path) -> None:
    async with guarded(tmp_path, "rate_limit: {interval: 1h, burst: 3}") as it:
        assert [await it.status() for _ in range(5)] == [200, 200, 200, 429, 429]
        refused = await ask(it.port, "GET /-/healthy")
        assert refused.status == 429
        assert 3_590 < int(refused.headers["retry-after"]) <= 3_601
        it.path.write_text("rate_limit: {interval: 1h, burst: 1}")
        assert [await it.status(), await it.status()] == [200, 429]
        it.path.write_text("rate_limit: {interval: 0, burst: 1}")
        assert [await it.status() for _ in range(5)] == [200] * 5


async def test_tls_cannot_be_added_while_the_exporter_runs_and_the_door_is_closed_meanwhile(
    tmp_path: Path,
) -> None:
    Authority().identity("the exporter").written(tmp_path, "server")
    async with guarded(tmp_path, "{}") as it:
        it.path.write_text("tls_server_config: {cert_file: server.pem, key_file: server.key}")
        assert await it.status() == 503
        it.path.write_text("{}")
        assert await it.status() == 200
    wrong = "TLS cannot be switched on or off while the exporter runs: start it anew"
    assert it.logged()[0] == ("web_config_refused", f"{it.path}: tls_server_config: {wrong}")
