"""The program as it is started: its words, its exit codes, its signals, and what it must never let out."""

import asyncio
import base64
import gc
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from itertools import count, islice
from pathlib import Path
from typing import TypeVar

import aiohttp
import pytest
from msgspec import Struct
from replay import samples

import exporter
from exporter.cli import main
from exporter.metrics.exposition import FAMILIES
from exporter.poll import Pace

PATIENCE = 30.0  # an upper bound that a sound program never comes near
ROOT = Path(exporter.__file__).parent.parent
ENDPOINTS = ("current_queue_activity", "agents_activity", "account_overview", "agents_overview")
_PACE = Pace(5.0, 15.0, 5.0)
FIRST, SECOND, THIRD = islice(
    (
        name
        for name in map("account-{}".format, count())
        if all(_PACE.offset("zendesk_talk", name, endpoint) < 1 for endpoint in ENDPOINTS)
    ),
    3,
)
"""Names of accounts whose first polls all fall into the first second."""

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Undo what a command that runs in this process changes for all of it."""
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(interval)


async def first(ask: Callable[[], Awaitable[T | None]]) -> T:
    """Return the first answer that is something."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(OSError):
                if answer := await ask():
                    return answer
            await asyncio.sleep(0.05)


class Program:
    """A started program."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process = process
        self.folder = folder

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text("utf-8")

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text("utf-8")

    async def told(self, pattern: str) -> str:
        """Wait for what a pattern finds in what the program writes, and return its first group."""

        async def find() -> str | None:
            found = re.search(pattern, self.stdout + self.stderr)
            assert found or self.process.returncode is None, self.stderr
            return found[1] if found else None

        return await first(find)

    async def page(self, holds: Callable[[Mapping[str, str]], object] = bool) -> dict[str, str]:
        """Return the first page of which this holds."""
        url = await self.told(r'"serving", "url": "(\S+)/"')

        async def ask() -> dict[str, str] | None:
            page = samples(await get(f"{url}/metrics"))
            return page if holds(page) else None

        return await first(ask)

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        async with asyncio.timeout(10):  # no promise is longer
            return await self.process.wait()


async def get(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        return await reply.text()


@asynccontextmanager
async def started(folder: Path, *arguments: str, code: str = "", **environ: str) -> AsyncIterator[Program]:
    """Start the program in a folder, and end it with the context; `code` runs before it."""
    run = f"import sys; {code or 'pass'}; from exporter.__main__ import main; main()"
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", run, *arguments),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    try:
        yield Program(process, folder)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def ended(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run a command to its end, and return its exit code and what it has written."""
    async with started(folder, *arguments) as program, asyncio.timeout(PATIENCE):
        return await program.process.wait(), program.stdout, program.stderr


class Asked(Struct):
    """A request as a vendor sees it."""

    line: str
    head: str
    body: bytes


@asynccontextmanager
async def vendor(answer: Callable[[Asked], Awaitable[bytes]]) -> AsyncIterator[str]:
    """Serve raw answers, a connection each."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1]) if length else 0)
            writer.write(await answer(Asked(head.split("\r\n")[0], head, body)))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def http(status: int, body: str = "", *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status} X", *headers, f"Content-Length: {len(body.encode())}", "Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def account(url: str, credentials: str = "{access_token: token}", name: str = FIRST) -> str:
    return (
        f"  - {{name: {name}, vendor: zendesk_talk, polling: {{interval: 5s}}, credentials: {credentials}, "
        f"options: {{base_url: '{url}'}}}}\n"
    )


def write(folder: Path, *accounts: str, server: str = "") -> None:
    text = f'server: {{listen: "127.0.0.1:0"{server}}}\naccounts:\n{"".join(accounts)}'
    (folder / "config.yaml").write_text(text, "utf-8")


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


# Commands that end by themselves


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"contact-center-exporter {exporter.__version__}\n"


def test_every_metric_is_listed_with_its_labels_and_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(FAMILIES)
    assert "contact_center_calls_waiting (gauge) {vendor, account, queue, channel}" in lines
    assert "    Contacts waiting for an agent now." in lines


def test_check_tells_what_will_be_asked_how_often(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accounts = (account("https://acme.example", name=name) for name in ("acme", "other"))
    write(tmp_path, *accounts)
    assert main(["check", "--config", str(tmp_path / "config.yaml"), "--agents", "250"]) == 0
    out = capsys.readouterr().out
    assert "acme (zendesk_talk), planned for 250 agents\n" in out
    assert "other (zendesk_talk), planned for 250 agents\n" in out
    assert "  agents_activity         every     5 s     36.0 calls/min" in out


@pytest.mark.parametrize("command", [["check"], ["run"], ["doctor"], ["record"], ["demo"], []])
def test_a_wrong_config_is_exit_2_and_the_whole_report(
    command: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("server: {lisen: x}\naccounts:\n  - {name: acme, vendor: zendesk}\n", "utf-8")
    assert main([*command, "--config", str(path)]) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        f"{path}:1: server.lisen: unknown key; write listen",
        (
            f'{path}:3: accounts[0].vendor: unknown vendor "zendesk"; write '
            "zendesk_talk, zoho_voice, voximplant, kore_ai or liveperson"
        ),
    ]


def test_a_config_that_is_not_there_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", "/nowhere/config.yaml"]) == 2
    assert capsys.readouterr().err == "/nowhere/config.yaml: cannot be read: no such file or directory\n"


def test_an_address_that_is_none_is_refused_before_anything_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--listen", "nonsense", "--config", "/nowhere/config.yaml"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("error: argument --listen: not an address with a port\n")


@pytest.mark.parametrize("command", ["run", "demo", "simulate"])
async def test_a_port_that_is_taken_is_exit_1_and_one_line(command: str, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        write(tmp_path, account("https://acme.invalid"))
        option = ("--port", str(port)) if command == "simulate" else ("--listen", f"127.0.0.1:{port}")
        code, out, err = await ended(tmp_path, command, *option)
    assert (code, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith("contact-center-exporter: ")
    assert f"('127.0.0.1', {port})" in line
    assert line.endswith("address already in use; choose another address or port")


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (None, 1, "contact-center-exporter: faults.json: No such file or directory\n"),
        ('[{"kind": "x"}]', 2, "faults.json: Invalid value 'x' - at `$[0].kind`\n"),
    ],
    ids=["missing", "wrong"],
)
async def test_faults_that_cannot_be_read_are_told(text: str | None, code: int, line: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "faults.json").write_text(text)
    options = ("--port", "0", "--faults", "faults.json")
    assert await ended(tmp_path, "simulate", *options) == (code, "", line)


async def test_the_doctor_of_a_dead_account_ends_with_exit_1(tmp_path: Path) -> None:
    write(tmp_path, account("https://acme.invalid"))
    code, out, err = await ended(tmp_path, "doctor")
    assert (code, err) == (1, "")
    assert out.splitlines()[0] == f"{FIRST} (zendesk_talk)"
    assert out.count("FAILED  dns: the name acme.invalid cannot be resolved; check the address and DNS\n") == 4


# Living and dying


async def test_the_demo_shows_a_living_contact_centre(tmp_path: Path) -> None:
    async with started(tmp_path, "demo", "--listen", "127.0.0.1:0", "--log-format", "json") as program:
        page = await program.page(lambda page: any("contact_center_queue_agents{" in series for series in page))
        zendesk = 'contact_center_agent_status{vendor="zendesk_talk"'
        assert sum(series.startswith(zendesk) for series in page) == 40
        assert {value for series, value in page.items() if "endpoint_up" in series} == {"1.0"}
        assert await program.end() == 0
        assert "Traceback" not in program.stderr


async def test_a_simulator_and_an_exporter_meet_by_the_config_that_the_first_prints(tmp_path: Path) -> None:
    async with started(tmp_path, "simulate", "--port", "0") as simulator:
        await simulator.told(r"(family: chat)")
        (tmp_path / "config.yaml").write_text(f"polling: {{interval: 10s}}\n{simulator.stdout}")
        folder = tmp_path / "exporter"
        folder.mkdir()
        arguments = ("--config", "../config.yaml", "--listen", "127.0.0.1:0")
        async with started(folder, *arguments) as program:
            page = await program.page(lambda page: any("endpoint_up" in series for series in page))
            assert {value for series, value in page.items() if "endpoint_up" in series} == {"1.0"}
            assert await program.end(signal.SIGINT) == 0
        assert await simulator.end() == 0


async def test_a_program_whose_vendors_are_all_dead_serves_and_says_why(tmp_path: Path) -> None:
    write(
        tmp_path,
        account("https://acme.invalid", name=FIRST),
        account(f"http://127.0.0.1:{free_port()}", name=SECOND),
        server=", state_dir: /proc/nowhere",
    )
    async with started(tmp_path, "run") as program:

        def is_told(page: Mapping[str, str]) -> bool:
            return sum("poll_failures_total" in series for series in page) >= 8

        page = await program.page(is_told)
        assert page[f'contact_center_up{{vendor="zendesk_talk",account="{FIRST}"}}'] == "0.0"
        reasons = {re.search(r'account="(.*?)".*reason="(.*?)"', s) for s in page if "poll_failures_total" in s}
        assert {found.groups() for found in reasons if found} == {(FIRST, "dns"), (SECOND, "connect")}
        assert page["contact_center_exporter_config_last_reload_successful"] == "1.0"
        assert await program.end() == 0
        broke = [json.loads(line) for line in program.stderr.splitlines() if "endpoint_broke" in line]
        assert len(broke) == 8
        assert {line["account"] for line in broke} == {FIRST, SECOND}


@asynccontextmanager
async def silent_vendor() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Serve nobody: return the address, and what tells that it was asked."""
    asked = asyncio.Event()

    async def answer(_: Asked) -> bytes:
        asked.set()
        await asyncio.sleep(3600)
        return b""

    async with vendor(answer) as url:
        yield url, asked


async def test_sigterm_in_the_middle_of_a_poll_is_a_clean_end(tmp_path: Path) -> None:
    async with silent_vendor() as (url, asked):
        write(tmp_path, account(url))
        async with started(tmp_path, "run") as program:
            async with asyncio.timeout(PATIENCE):
                await asked.wait()
            assert await program.end() == 0
            events = [json.loads(line)["event"] for line in program.stderr.splitlines()]
            assert (events[0], events[-1]) == ("serving", "stopping")


ROTATING = "{client_id: me, client_secret: CANARY, refresh_token: old}"


async def test_sigterm_while_a_token_is_fetched_waits_until_it_is_written(tmp_path: Path) -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def answer(_: Asked) -> bytes:
        asked.set()
        await ended.wait()
        return http(200, '{"access_token": "a", "refresh_token": "new", "expires_in": 1800}')

    async with vendor(answer) as url:
        write(tmp_path, account(url, ROTATING), server=", state_dir: state")
        async with started(tmp_path, "run") as program:
            async with asyncio.timeout(PATIENCE):
                await asked.wait()
            program.process.send_signal(signal.SIGTERM)
            await program.told(r"(stopping)")
            ended.set()
            async with asyncio.timeout(10):
                assert await program.process.wait() == 0
    assert json.loads((tmp_path / "state" / f"{FIRST}.grant.json").read_text())["refresh_token"] == "new"


async def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    async with silent_vendor() as (url, asked):
        write(tmp_path, account(url, ROTATING), server=", state_dir: state")
        async with started(tmp_path, "run") as program:
            async with asyncio.timeout(PATIENCE):
                await asked.wait()
            program.process.send_signal(signal.SIGTERM)
            await program.told(r"(stopping)")  # and now it waits for the token
            assert await program.end() == 1


async def test_a_name_look_up_that_hangs_does_not_keep_the_program(tmp_path: Path) -> None:
    hang = (
        "sys.modules['uvloop'] = None; import socket, time; "
        "socket.getaddrinfo = lambda *_, **__: (print('looking', flush=True), time.sleep(3600))"
    )
    write(tmp_path, account("https://acme.example"))
    async with started(tmp_path, "run", "--listen", "127.0.0.1:0", code=hang) as program:
        await program.told("(looking)")
        assert await program.end() == 0


async def test_a_program_that_was_killed_starts_again_and_finds_its_token(tmp_path: Path) -> None:
    grants: list[str] = []

    async def answer(asked: Asked) -> bytes:
        if "/oauth/tokens" not in asked.line:
            return http(403)
        grants.append(json.loads(asked.body)["refresh_token"])
        return http(200, f'{{"access_token": "a", "refresh_token": "r{len(grants)}", "expires_in": 1800}}')

    async with vendor(answer) as url:
        write(tmp_path, account(url, ROTATING), server=", state_dir: state")
        for _ in range(3):
            async with started(tmp_path, "run") as program:
                await program.page(lambda page: any('reason="forbidden"' in series for series in page))
                assert await program.end(signal.SIGKILL) == -signal.SIGKILL
    assert grants == ["old"]  # a second use would have killed the grant


async def test_sighup_reads_the_config_again_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    async def answer(_: Asked) -> bytes:
        return http(403)

    def accounts(page: Mapping[str, str]) -> set[str]:
        return {series.split('account="')[1].split('"')[0] for series in page if "contact_center_up{" in series}

    successful = "contact_center_exporter_config_last_reload_successful"
    async with vendor(answer) as url:
        write(tmp_path, account(url))
        async with started(tmp_path, "run") as program:
            await program.page(lambda page: accounts(page) == {FIRST})
            write(tmp_path, account(url), account(url, name="new"))
            program.process.send_signal(signal.SIGHUP)
            await program.page(lambda page: accounts(page) == {FIRST, "new"})
            (tmp_path / "config.yaml").write_text("accounts: [\n")
            program.process.send_signal(signal.SIGHUP)
            page = await program.page(lambda page: page[successful] == "0.0")
            assert accounts(page) == {FIRST, "new"}
            write(tmp_path, account(url))
            program.process.send_signal(signal.SIGHUP)
            page = await program.page(lambda page: accounts(page) == {FIRST})
            assert page[successful] == "1.0"
            assert await program.end() == 0


def while_loading(number: int) -> str:
    """Return code by which the program gets a signal while it is still being imported."""
    kill = f"event == 'import' and words[0] == 'exporter.cli' and os.kill(os.getpid(), {number})"
    return f"import os; sys.addaudithook(lambda event, words: {kill})"


async def test_a_reload_that_is_asked_of_a_program_that_is_still_loading_comes_later(tmp_path: Path) -> None:
    write(tmp_path, account("https://acme.invalid"))
    async with started(tmp_path, "run", "--listen", "127.0.0.1:0", code=while_loading(signal.SIGHUP)) as program:
        await program.told('("reloaded")')
        assert await program.end() == 0


async def test_a_program_that_is_still_loading_hears_that_it_is_to_end(tmp_path: Path) -> None:
    write(tmp_path, account("https://acme.invalid"))
    async with (
        asyncio.timeout(PATIENCE),
        started(tmp_path, "run", "--listen", "127.0.0.1:0", code=while_loading(signal.SIGTERM)) as program,
    ):
        assert await program.process.wait() == 0
        assert '"stopping"' in program.stderr


async def test_a_command_that_prints_its_result_ends_by_a_signal_as_others_do(tmp_path: Path) -> None:
    write(tmp_path, account("https://acme.invalid"))
    async with (
        asyncio.timeout(PATIENCE),
        started(tmp_path, "check", code=while_loading(signal.SIGTERM)) as program,
    ):
        assert await program.process.wait() == -signal.SIGTERM


async def test_a_file_system_that_is_dead_holds_up_neither_the_page_nor_the_end(tmp_path: Path) -> None:
    write(tmp_path, account("https://acme.invalid"))
    async with started(tmp_path, "run", "--listen", "127.0.0.1:0") as program:
        await program.page()
        (tmp_path / "config.yaml").unlink()
        os.mkfifo(tmp_path / "config.yaml")  # whoever opens it waits for ever
        program.process.send_signal(signal.SIGHUP)
        lag = "contact_center_exporter_render_seconds"
        told = (await program.page())[lag]
        await program.page(lambda page: page[lag] != told)
        assert await program.end() == 0


async def test_what_does_not_end_in_time_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, account("https://acme.invalid"))
    code = """
import asyncio, exporter.app, exporter.signals
exporter.signals._END_SECONDS = 0.2
exporter.app.Exporter._end = lambda self, _: asyncio.Event().wait() if self._stopping else asyncio.sleep(0)
"""
    async with started(tmp_path, "run", "--listen", "127.0.0.1:0", code=f"exec({code!r})") as program:
        await program.page()
        assert await program.end() == 0


# Secrets


CANARIES = {
    name: f"CANARY-{name}-{number}0123456789"
    for number, name in enumerate(("client", "refresh", "bearer", "token", "mistyped", "access", "rotated"))
}


def forms(secret: str) -> set[str]:
    """Return the spellings in which a secret could come out."""
    encoded = {base64.b64encode(b"x" * skip + secret.encode()).decode()[4:-6] for skip in range(3)}
    return {secret, secret.encode().hex(), *encoded}


async def test_no_secret_comes_out_of_any_door(tmp_path: Path) -> None:
    async def echo(asked: Asked) -> bytes:
        told = asked.head.replace("\r\n", "; ")
        if "/oauth/tokens" in asked.line:
            access, rotated = CANARIES["access"], CANARIES["rotated"]
            return http(200, json.dumps({"access_token": access, "refresh_token": rotated, "expires_in": 600}))
        leaking = f"X-Echo: {told}", f"Location: {url}/?access_token={CANARIES['bearer']}"
        kinds = {
            "current_queue": http(500, f"<html>{told}</html>", *leaking),
            "agents_activity": http(401, json.dumps({"error": told}), "Content-Type: application/json", *leaking),
            "account": http(302, told, *leaking),
        }
        return next((reply for word, reply in kinds.items() if word in asked.line), http(200, told, *leaking))

    async with vendor(echo) as url:
        (tmp_path / "secret").write_text(CANARIES["client"])
        grant = f"{{client_id: me, client_secret_file: secret, refresh_token: {CANARIES['refresh']}}}"
        given = (
            account(url, grant, FIRST),
            account(url, f"{{access_token: {CANARIES['bearer']}}}", SECOND),
            account(url, "{email: a@b.example, api_token: '${API_TOKEN}'}", THIRD),
        )
        write(tmp_path, *given, server=", state_dir: state, reload: true")
        options = ("--log-level", "debug", "--log-format", "json")
        async with started(tmp_path, "run", *options, API_TOKEN=CANARIES["token"]) as program:
            failed = 3 * len(ENDPOINTS)
            await program.page(lambda page: sum("poll_failures_total" in series for series in page) >= failed)
            serving = await program.told(r'"serving", "url": "(\S+)/"')
            (tmp_path / "config.yaml").write_text(
                f"accounts:\n  - name: x\n    access_token: {CANARIES['mistyped']}\n"
                f"    credentials: {{clientsecret: {CANARIES['client']}, api_token: {CANARIES['token']}}}\n"
                f"    base_url: https://u:{CANARIES['bearer']}@x.example\n",
            )
            async with aiohttp.ClientSession() as session, session.post(f"{serving}/-/reload") as reply:
                assert reply.status == 400
                seen = [await reply.text()]
            program.process.send_signal(signal.SIGHUP)
            seen += [await get(f"{serving}{path}") for path in ("/", "/metrics", "/-/ready", "/nowhere")]
            assert "HTTP 401" in seen[1]
            await program.told(r"(reload_refused)")
            assert await program.end() == 0
            seen += [program.stderr, program.stdout, *map(str, (tmp_path / "state").iterdir())]
    sinks = "\n".join(seen)
    assert len(sinks) > 10_000
    assert [name for name, secret in CANARIES.items() if any(form in sinks for form in forms(secret))] == []
    (state,) = (tmp_path / "state").glob("*.json")
    kept = state.read_text()
    assert {name for name, secret in CANARIES.items() if secret in kept} == {"access", "rotated"}
    assert state.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "arguments",
    [
        "run --shard 5/5",
        "check --agents 0",
        "check --agents many",
        "simulate --port 65536",
        "simulate --rush 0",
        "demo --rush 1441",
        "simulate --speed 0",
        "simulate --speed nan",
        "simulate --speed inf",
        "replay folder --port -1",
    ],
)
def test_an_argument_that_means_nothing_is_a_usage_error_that_names_it(
    arguments: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    assert ended.value.code == 2
    option, wrong = arguments.split()[-2:]
    assert f"{option}: {wrong!r} is no" in capsys.readouterr().err


async def _said(code: str) -> list[str]:
    words = (sys.executable, "-c", code)
    process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return out.decode().splitlines()


async def test_who_only_polls_does_not_wait_until_the_simulator_is_loaded() -> None:
    loaded = await _said("import sys; import exporter.cli; print(*sys.modules, sep='\\n')")
    assert "exporter.app" in loaded
    assert not [name for name in loaded if name.startswith("exporter.simulator")]


async def test_garbage_is_collected_once_the_program_is_loaded() -> None:
    leave = "import gc, os, sys; os._exit = lambda _: print(gc.isenabled()); sys.argv = ['exporter', 'metrics']"
    assert (await _said(f"{leave}; from exporter.__main__ import main; main()"))[-1] == "True"
