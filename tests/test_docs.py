"""What the docs say is so: links, commands, configs, names of metrics, keys and reasons."""

import argparse
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args, get_origin
from zoneinfo import ZoneInfo

import pytest
import yaml
from known import known_metrics
from msgspec import UNSET, Struct
from msgspec.structs import fields

import docs
from exporter.arguments import SIMULATOR_PORT, parser
from exporter.config import Config
from exporter.config.models import Account, Pace, Polling, Privacy, Server
from exporter.errors import Reason
from exporter.metrics.family import PREFIX
from exporter.plan import read
from exporter.simulator.demo import demo_config, demo_floor
from exporter.simulator.stages import STAGES
from exporter.vendors import VENDORS
from exporter.vendors.zendesk_talk.reading import Words

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TEXTS = [*PAGES, ROOT / "config.yaml"]
MINIMAL: dict[str, Any] = {
    "accounts": [
        {
            "name": "acme",
            "vendor": "zendesk_talk",
            "credentials": {"access_token": "a token"},
            "options": {"base_url": "https://acme.example"},
        }
    ]
}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
every_text = pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, key: str) -> list[str]:
    """Return the YAML examples that have this key at their top."""
    found = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    return [block for block in found if re.search(rf"^{key}:", block, re.MULTILINE)]


def rows(page: str) -> Iterator[list[str]]:
    """Yield the cells of every table row of a page, without their backticks."""
    for line in (ROOT / "docs" / page).read_text().splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            yield [cell.strip().strip("`") for cell in line.strip("|").split("|")]


def config(folder: Path, text: str) -> Config:
    path = folder / "config.yaml"
    path.write_text(text)
    return read(path, dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "secret"))


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target


def commands() -> Mapping[str, argparse.ArgumentParser]:
    whole = parser()
    (choices,) = (action.choices for action in whole._actions if isinstance(action, argparse._SubParsersAction))
    return {**choices, "": whole}


@every_text
def test_commands_exist_with_their_options(page: Path) -> None:
    shown = re.findall(r"contact-center-exporter(?: ([a-z]+))?((?: --?[a-z-]+(?: [^-`\s]+)?)*)", page.read_text())
    for command, options in shown:
        known = commands()[command]
        for option in re.findall(r"--[a-z-]+", options):
            assert option in known._option_string_actions, (command, option)


@every_text
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^|: )make ([a-z]+)", page.read_text(), re.MULTILINE)) <= targets


def test_the_help_tells_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)", makefile, re.MULTILINE)
    told = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert sorted(line.split()[0] for line in told.stdout.splitlines()) == sorted(phony.split())


@every_text
def test_metrics_exist(page: Path) -> None:
    assert set(re.findall(rf"{PREFIX}\w*[a-z]", page.read_text())) <= known_metrics().keys()


@every_page
def test_configs_shown_are_valid(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "accounts"):
        assert config(tmp_path, block).accounts


@pytest.mark.needs("promtool")
def test_rules_shown_are_valid(tmp_path: Path) -> None:
    (block,) = blocks(ROOT / "README.md", "groups")
    (tmp_path / "rules.yml").write_text(block)
    judged = subprocess.run(
        ["promtool", "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, check=False
    )
    assert judged.returncode == 0, judged
    assert b"2 rules found" in judged.stdout


def test_the_shipped_config_is_that_of_the_demo_once_its_queues_are_uncommented(tmp_path: Path) -> None:
    text = (ROOT / "config.yaml").read_text()
    whole = re.sub(r"(?m)^( *)# ( *(?:- \{|(?:plan|queues|groups|time_zone):).*)$", r"\1\2", text)
    floor = demo_floor(datetime(2026, 3, 9, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    urls = {vendor: f"http://127.0.0.1:{SIMULATOR_PORT + number}" for number, vendor in enumerate(STAGES)}
    own = "polling: {interval: 10s}\n" + demo_config(floor, urls)
    shipped = config(tmp_path, whole)
    assert shipped == config(tmp_path, own)
    assert [one.credentials for one in read(ROOT / "config.yaml", {}).accounts] == [
        one.credentials for one in shipped.accounts
    ]


def test_the_shipped_config_marks_the_lines_to_change() -> None:
    marked = re.findall(r"^ *(\w+): .*# \((\d)\)", (ROOT / "config.yaml").read_text(), re.MULTILINE)
    keys = ["client_id client_secret base_url"] * 5
    keys[2] = "account_id api_key base_url"
    keys[4] = "app_key app_secret domain_api_url"
    assert marked == [(key, str(place)) for three in keys for place, key in enumerate(three.split(), 1)]


def keys(shape: type[Struct], path: str) -> Iterator[str]:
    """Yield the way to every key of a shape."""
    for field in fields(shape):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from keys(field.type, f"{path}{field.name}.")
            continue
        yield f"{path}{field.name}"
        row = next(iter(get_args(field.type)), None)
        if isinstance(row, type) and issubclass(row, Struct) and get_origin(field.type) is tuple:
            yield from keys(row, f"{path}{field.name}[].")


def config_page() -> dict[str, dict[str, str]]:
    """Return the default of each key, as the page tells it, by vendor; the common ones under an empty name."""
    first, *sections = re.split(r"(?m)^### ", (ROOT / "docs" / "config.md").read_text())
    parts = {"": first} | {section.split("\n")[0]: section for section in sections}
    found: dict[str, dict[str, str]] = {}
    for vendor, section in parts.items():
        told = re.findall(r"(?m)^\| `([\w.\[\]]+)` \| (.*?) \|", section)
        assert len(dict(told)) == len(told)
        found[vendor] = {key: default.strip("`") for key, default in told}
    return found


def test_the_config_page_has_every_key_and_no_other() -> None:
    common = {f"accounts[].{field.name}" for field in fields(Account)}
    pace = {f"accounts[].polling.{field.name}" for field in fields(Pace)}
    pace -= {f"accounts[].polling.{field.name}" for field in fields(Polling)}
    server = {*keys(Server, "server."), *keys(Polling, "polling."), *keys(Privacy, "privacy.")}
    vendors = {
        name: {*keys(vendor.Credentials, "credentials."), *keys(vendor.Options, "options.")}
        for name, vendor in VENDORS.items()
    }
    told = {vendor: set(defaults) for vendor, defaults in config_page().items()}
    assert told == {"": server | common | pace, **vendors}


@pytest.mark.parametrize("vendor", ["", *VENDORS])
def test_the_config_page_has_the_defaults_that_count(vendor: str, tmp_path: Path) -> None:
    page = ROOT / "docs" / "vendors" / f"{vendor or 'zendesk_talk'}.md"
    text = blocks(page, "accounts")[0] if vendor else yaml.safe_dump(MINIMAL)
    tried = set()
    for key, told in config_page()[vendor].items():
        value = re.match(r"[^`,]+", told)
        if value is None or value[0] in {"none", "required", "as above"}:
            continue
        without, document = yaml.safe_load(text), yaml.safe_load(text)
        *way, last = key.removeprefix("accounts[].").split(".")
        for whole, default in ((without, None), (document, yaml.safe_load(value[0]))):
            where = whole if key.split(".")[0] in {"server", "polling", "privacy"} else whole["accounts"][0]
            for step in way:
                where = where.setdefault(step, {})
            where.pop(last, None) if default is None else where.update({last: default})
        assert config(tmp_path, yaml.safe_dump(document)) == config(tmp_path, yaml.safe_dump(without)), key
        tried.add(key)
    must = {"": {"server.listen", "polling.max_age", "privacy.agent_label"}, "kore_ai": {"options.base_url"}}
    assert must.get(vendor, set()) <= tried


def test_troubleshooting_explains_every_reason_and_no_other() -> None:
    told = [row[0] for row in rows("troubleshooting.md") if row[0] != "reason"]
    assert sorted(told) == sorted(Reason)


def test_zendesk_statuses_are_as_the_page_says() -> None:
    table = [row for row in rows("vendors/zendesk_talk.md") if len(row) == 4 and row[0] != "agent_state"]
    absent = {"absent": None, "another word": "Lunch"}
    for state, call, status, word in table:
        told = Words.with_taught({}).status(
            absent.get(state, state), {"null": None, "absent": UNSET}.get(call, call)
        )
        expected = (None, "") if status == "no series" else (status, {"the word": "Lunch"}.get(word, word))
        assert told == expected, (state, call)
    assert len(table) >= 12


def dependencies() -> tuple[list[str], list[str]]:
    """Return the names of what is needed at run time, and of what development needs as well."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = (project["project"]["dependencies"], project["dependency-groups"]["dev"])
    run, dev = ([re.split(r"[>=;\s]", requirement)[0] for requirement in some] for some in wanted)
    return run, dev


def test_every_dependency_has_its_reason() -> None:
    run, dev = dependencies()
    reasons = (ROOT / "docs" / "adr" / "0008-dependencies.md").read_text()
    told = re.findall(r"^\| ([\w-]+) \|", reasons, re.MULTILINE)
    assert told == run
    assert [name for name in dev if not re.search(rf"\b{name}\b", reasons)] == []


def test_every_dependency_of_the_run_time_is_used() -> None:
    run, _ = dependencies()
    sources = "".join(path.read_text() for path in (ROOT / "exporter").rglob("*.py"))
    imported = {"PyJWT": "jwt", "PyYAML": "yaml", "prometheus-client": "prometheus_client"}
    unused = [
        name
        for name in run
        if not re.search(rf"^\s*(?:import|from) {imported.get(name, name)}\b", sources, re.MULTILINE)
    ]
    assert unused == ["tzdata"]  # data, which zoneinfo finds by itself


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the docs that `scripts/docs.py --check` looks at."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "DOCS", tmp_path / "docs")
    monkeypatch.setattr("sys.argv", ["docs.py", "--check"])
    docs._account.cache_clear()
    return tmp_path / "docs"


@pytest.mark.usefixtures("written")
def test_the_written_pages_are_as_the_code_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main() == 0, capsys.readouterr().out


@pytest.mark.parametrize("page", ["metrics.md", "vendors/README.md", "vendors/zendesk_talk.md"])
def test_a_page_that_the_code_has_left_behind_is_named(
    page: str, written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (written / page).read_text()
    (written / page).write_text(text.replace("agents_activity", "agents_activities"))
    assert docs.main() == 1
    assert f"docs/{page}: " in capsys.readouterr().out


def test_a_field_that_is_left_out_without_a_reason_is_named(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = written / "vendors" / "zendesk_talk.md"
    page.write_text(re.sub(r"\| `agents_activity` \| `avatar_url` .*\n", "", page.read_text()))
    assert docs.main() == 1
    told = "docs/vendors/zendesk_talk.md: agents_activity.avatar_url fills no metric: say why\n"
    assert capsys.readouterr().out.endswith(told)
