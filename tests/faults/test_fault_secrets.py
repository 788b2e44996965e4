"""Cases 84 and 85: what no door may let out."""

import asyncio
import json
import sys
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from canaries import Canaries, accounts_of, environment
from centre import TOKEN
from echoing import SHAPES, echoing
from subject import HERE, Subject, serving, started
from trial import tried

from exporter.config import ConfigError
from exporter.plan import read

SPEED = 10.0  # Zoho is polled once a minute, and a reload of so many accounts takes its time
OURS = "web_config: web.yaml, state_dir: state, reload: true"
LAWFUL: Mapping[str, frozenset[str]] = {
    "grant": frozenset({"zendesk issued", "zendesk rotated"}),
    "zoho": frozenset({"zoho issued", "zoho refresh token"}),
    "client": frozenset({"liveperson issued"}),
}
"""By the end of an account's name, what its own state files are there for."""


@dataclass(frozen=True)
class Stage:
    """A folder with a config, and what else the subject needs."""

    folder: Path
    canaries: Canaries
    plain: bool

    def prepare(self) -> None:
        (self.folder / "pseudonym-key").write_text(self.canaries.of["pseudonym key"])
        users = f"basic_auth_users: {{prometheus: {self.canaries.of['web password hash']}}}\n"
        (self.folder / "web.yaml").write_text(users)

    @property
    def environment(self) -> dict[str, str]:
        return {**environment(self.canaries), "INJECT": "insides:leaky"}

    @property
    def password(self) -> dict[str, str]:
        user = f"prometheus:{self.canaries.of['web password']}"
        return {} if self.plain else {"Authorization": f"Basic {b64encode(user.encode()).decode()}"}

    def config(self, accounts: str, port: str = "{port}") -> str:
        key = self.folder / "pseudonym-key"
        privacy = "" if self.plain else f"privacy: {{agent_label: pseudonym, pseudonym_key_file: {key}}}"
        return f"""
server: {{listen: "127.0.0.1:{port}"{"" if self.plain else f", {OURS}"}}}
polling: {{interval: 60s}}
{privacy}
accounts:{accounts}"""

    async def command(self, name: str, config: str, *words: str) -> str:
        """Return all that a command of ours prints."""
        (self.folder / "few.yaml").write_text(config)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(HERE / "ours.py"), str(SPEED), name, "--config", "few.yaml", *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self.folder,
            env={"PYTHONPATH": str(HERE), "TOLD": "told", **self.environment},
        )
        return (await process.communicate())[0].decode()

    def reprs(self) -> str:
        """Return what a config would look like in a traceback with variables; an e-mail is no secret there."""
        config = read(self.folder / "few.yaml", self.environment)
        parts = (part for one in config.accounts for part in (one, one.credentials, one.options))
        return "".join(f"{part!r} {part!s}" for part in (config, *parts)).replace(
            self.canaries.of["zendesk e-mail"], ""
        )

    def state(self) -> dict[str, str]:
        """Return what is kept of tokens, without what each file is there for."""
        found = {}
        for path in _files(self.folder / "state"):
            assert path.stat().st_mode & 0o077 == 0, path
            text = path.read_text()
            for name in LAWFUL[path.name.partition(".grant")[0].rpartition("-")[2]]:
                text = text.replace(json.dumps(self.canaries.of[name]), "")
            found[path.name] = text
        return found


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


async def answers(subject: Subject) -> str:
    """Return all answers of the subject but its metrics, with their headers."""
    told = []
    for path in ("/", "/-/healthy", "/-/ready", "/nowhere", "/metrics?secret=1", "/-/reload"):
        for headers in ({}, {"Authorization": "Basic " + b64encode(b"prometheus:guess").decode()}):
            method = "POST" if path == "/-/reload" else "GET"
            async with subject.session.request(method, subject.url + path, headers=headers) as reply:
                told.append(f"{reply.status} {reply.headers} {await reply.text()}")
    return "\n".join(told)


def broken(config: str, canaries: Canaries) -> Iterator[str]:
    """Yield configs that hold secrets where these are wrong, or right where all else is wrong."""
    key, wrong = (json.dumps(canaries.of[name]) for name in ("voximplant api key", "under a wrong key"))
    for right, instead in {
        "api_key:": f"apikey: {wrong}, api_key:",
        "account_id: 1, api_key": f"account_id: {wrong}, api_key",
        key: f"{{nested: {key}}}",
        "interval: 60s": f"interval: {wrong}",
        "vendor: voximplant": f"vendor: {wrong}",
        "engine: acd": f"engine: {wrong}",
        'base_url: "http://': f'base_url: "http://user:{canaries.of["under a wrong key"][:40]}@',
        "\naccounts:": f"\n{wrong}: {wrong}\naccounts:",
        "polling:": f"[{key}, {wrong}\npolling:",
    }.items():
        assert right in config
        yield config.replace(right, instead)
    yield config.replace(key, f"[{key}, {wrong}]")


async def refusals(subject: Subject, canaries: Canaries) -> str:
    """Return what is said of configs that cannot be put in force."""
    path = subject.folder / "config.yaml"
    whole = path.read_text()
    told = []
    for wrong in broken(whole, canaries):
        path.write_text(wrong)
        status, text = await subject.ask("/-/reload", "POST")
        assert status == 400, "it was taken"
        with pytest.raises(ConfigError) as refused:
            read(path, environment(canaries))
        error = refused.value
        told += [text, *traceback.format_exception(error), *map(repr, (error, error.__cause__, error.__context__))]
    path.write_text(whole)
    return "\n".join(told)


@pytest.mark.thorough
async def test_fault_84_vendors_repeat_all_secrets_and_everything_breaks_with_them(
    program: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    canaries = Canaries()
    stage = Stage(tmp_path, canaries, program != "ours")
    stage.prepare()
    sinks: dict[str, str] = {}
    async with echoing(canaries) as sites:

        def accounts(number: int, shape: str) -> str:
            name = shape.replace(" ", "-")
            return accounts_of(canaries, sites[shape][0], name, tmp_path, plain=stage.plain, third=number)

        config = stage.config("".join(accounts(number, shape) for number, shape in enumerate(SHAPES)))
        async with started(
            program,
            config,
            tmp_path,
            speed=SPEED,
            environment=stage.environment,
            arguments=() if stage.plain else ("--log-level", "debug", "--log-format", "json"),
            headers=stage.password,
        ) as subject:
            await serving(subject)
            await subject.until(
                lambda page: (
                    len({one["account"] for one, _ in page.of("poll_failures_total")})
                    >= config.count("- name:") - stage.plain
                ),  # it takes data with an echo in it
                "every account has failed",
            )
            sinks["metrics"] = (await subject.page()).text
            sinks["other answers"] = await answers(subject)
            process = Path(f"/proc/{subject.pid}")
            sinks["command line"] = process.joinpath("cmdline").read_text()
            if not stage.plain:
                sinks["refused reloads"] = await refusals(subject, canaries)
                given = process.joinpath("environ").read_text()
                assert canaries.found(given) == {"zendesk access token"}, "it was given there, and no other"
                assert await subject.stop() == 0
        sinks["log"] = subject.log
        assert all(echo.asked for _, echo in sites.values()), "a vendor was never asked"
        if not stage.plain:
            assert subject.log.count("RuntimeError: cannot send") > 10, "no traceback was seen"
            few = stage.config(accounts_of(canaries, sites["data"][0], "few", tmp_path), port="0")
            for name in ("check", "doctor"):
                sinks[f"{name} prints"] = await stage.command(name, few)
            sinks["record prints"] = await stage.command("record", few, "--folder", "recorded")
            sinks["reprs"] = stage.reprs()
            sinks["recordings"] = "".join(f"{path} {path.read_text()}" for path in _files(tmp_path / "recorded"))
            assert '"debug"' in sinks["recordings"]
            sinks["state"] = "".join(stage.state().values())
            assert sinks["state"]
    record_property("canaries", len(canaries))
    record_property("sinks", len(sinks))
    record_property("searched, MB", round(sum(map(len, sinks.values())) / 1e6, 1))
    assert {name: found for name, text in sinks.items() if (found := canaries.found(text))} == {}


@pytest.mark.ours_only("where the plain exporter's page is broken is another place")
async def test_fault_85_a_fault_of_our_own_while_asyncio_debugs(program: str, tmp_path: Path) -> None:
    breaking = {"PYTHONASYNCIODEBUG": "1", "INJECT": "insides:page_breaks"}
    async with tried(program, tmp_path, environment=breaking) as trial:
        async with trial.subject.session.get(trial.subject.url) as reply:
            text = await reply.text()
            assert (reply.status, text) == (500, "internal error\n")
            assert reply.headers["Server"] == "contact-center-exporter"
            assert "Python" not in str(reply.headers)
            assert "aiohttp" not in str(reply.headers)
        await trial.subject.until(lambda _: "RuntimeError" in trial.subject.log, "the fault is in the log")
        assert "request_failed" in trial.subject.log
        assert TOKEN not in trial.subject.log
        assert (await trial.subject.ask("/metrics"))[0] == 200
