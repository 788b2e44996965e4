import random
import re
import traceback
from pathlib import Path
from typing import Any

import pytest
import yaml
from acme import ENVIRON, VENDORS, load_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.config import ConfigError, load
from exporter.config.nodes import MAX_BYTES

SEVERAL = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

GOOD = """
server:
  listen: 0.0.0.0:10777
  state_dir: state
polling:
  interval: 30s
privacy:
  agent_label: pseudonym
  pseudonym_key: 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
accounts:
  - name: support
    vendor: acme
    time_zone: Europe/Berlin
    statuses:
      On Break: away
    credentials:
      user: exporter
      password: a-secret
      key: another-secret
    options:
      base_url: https://acme.example.com
      queues:
        - name: sales
          numbers: [1, 2]
"""

CANARY = "CANARY-83b1"
"""In every place and in every dress where a secret may stand, by right or by mistake."""

DRESSES = (
    "{}",
    "'{}",
    '"{}',
    '"{}" x',
    "[{}]",
    "[{}",
    "{{a: {}}}",
    "{{{}",
    "!{}",
    "!{} x",
    "!{}!x y",
    "!<{}> x",
    "&{} x",
    "*{}",
    "%{}",
    "@{}",
    "`{}",
    "{}: x",
    "x: {}",
    "- {}",
    "|\n{}",
    "? {}",
    '"{}\\q"',
    '"{}\\UFFFFFFFF"',
    '"{}\\ud800"',
    "${{X}}{}",
    "https://user:{}@acme.example.com",
)
PLACES = (
    "password: a-secret",
    "key: another-secret",
    "pseudonym_key: 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f",
    "base_url: https://acme.example.com",
    "numbers: [1, 2]",
    "interval: 30s",
    "time_zone: Europe/Berlin",
    "state_dir: state",
    "listen: 0.0.0.0:10777",
)
NUMBERS = ("0911198304", "911198304", "911198304.5", "9111983e04", "0x911198304", "91119:03:04", "2911-11-04")


SECTIONS = (
    f"{CANARY}",
    f"- {CANARY}",
    f"accounts: {CANARY}",
    f"accounts: [{CANARY}]",
    f"accounts: [{{name: a, vendor: acme, credentials: {CANARY}}}]",
    f"accounts: [{{name: a, vendor: acme, credentials: [{CANARY}]}}]",
    f"accounts: [{{name: a, vendor: acme, credentials: {{passwrd: {CANARY}, user: {{a: {CANARY}}}}}}}]",
    f"accounts: [{{name: a, vendor: nobody, credentials: {{password: {CANARY}}}}}]",
    f"accounts: [{{name: a, vendor: acme, credentials: {{user: root, password: {CANARY}}}}}]",
    f"accounts: [{{name: a, vendor: acme, credentials: {{password: {CANARY}, password: {CANARY}}}}}]",
    f"privacy: {{pseudonym_key: {CANARY}}}",
    f"token: {CANARY}",
    f"token: {{x: [{CANARY}]}}",
    f"privacy: {CANARY}",
)


def report(tmp_path: Path, text: str) -> str:
    """Return everything that a refusal could print; nothing where the config is accepted."""
    try:
        load_text(tmp_path, text)
    except ConfigError as error:
        return f"{error} {error!r} {error.problems} {''.join(traceback.format_exception(error))}"
    return ""


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("place", PLACES)
def test_no_report_tells_a_secret_whatever_it_looks_like(place: str, dress: str, tmp_path: Path) -> None:
    key = place.partition(":")[0]
    value = dress.format(CANARY)
    reports = [
        report(tmp_path, GOOD.replace(f" {place}\n", f" {line}\n"))
        for line in (f"{key}: {value}", f"{key}_file: {value}", f"{key}_: {value}", f"{key}:{value}")
    ]
    assert any(reports)
    assert CANARY not in " ".join(reports)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("key", ["password", "password_file", "passwort", "key"])
def test_no_report_tells_a_secret_that_yaml_would_read_as_a_number(key: str, number: str, tmp_path: Path) -> None:
    told = report(tmp_path, GOOD.replace("password: a-secret", f"{key}: {number}"))
    assert told
    assert number not in told


@pytest.mark.parametrize("text", SECTIONS)
def test_no_report_tells_a_secret_in_the_wrong_place(text: str, tmp_path: Path) -> None:
    told = report(tmp_path, text)
    assert told
    assert CANARY not in told


def test_no_report_tells_what_the_environment_holds(tmp_path: Path) -> None:
    for place in (*PLACES, "name: support", "vendor: acme", "agent_label: pseudonym", "user: exporter"):
        told = report(tmp_path, GOOD.replace(place, f"{place.partition(':')[0]}: ${{SECRET}}"))
        assert "CANARY" not in told


def test_an_alias_bomb_is_refused_at_its_anchors(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(ConfigError, match="polling: anchors") as refused:
        load_text(tmp_path, bomb.replace("a11:", "polling:"))
    assert len(str(refused.value)) < 10_000


@pytest.mark.parametrize(
    "text", ["[" * 2000, "{a: " * 2000, "- " * 2000, "? " * 2000, "".join(f"{' ' * n}a:\n" for n in range(1000))]
)
def test_what_is_nested_deeply_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nested deeper than 32 levels"):
        load_text(tmp_path, text)


def test_a_file_of_100_megabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        load(path, VENDORS, ENVIRON)


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    assert load_text(tmp_path, GOOD + "#" * (MAX_BYTES - len(GOOD))).accounts
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        load_text(tmp_path, GOOD + "#" * (MAX_BYTES - len(GOOD) + 1))


def loads_or_refuses(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        load(path, VENDORS, ENVIRON)
    except ConfigError as error:
        refused = error
    else:
        return
    assert refused.problems
    assert len(str(refused).split("\n")) == len(refused.problems)


YAMLISH = st.text(st.sampled_from("ab01:-?[]{},&*!|>%@`'\"\\#<~$ \n\r\t\x85\u2028\ufeffü\ud7ff"), max_size=60)


@SEVERAL
@given(
    data=YAMLISH.map(str.encode) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "replace")) | st.binary()
)
def test_whatever_the_bytes_are_they_are_a_config_or_a_report(data: bytes, tmp_path: Path) -> None:
    loads_or_refuses(tmp_path / "config.yaml", data)


KEYS = st.sampled_from(
    [*re.findall(r"(\w+):", GOOD), "password_file", "allow_insecure_url", "endpoints", "max_age"]
)
LEAVES = (
    st.sampled_from(
        ["acme", "plain", "30s", "50%", "https://acme.example.com", "${SECRET}", "Europe", "[::1]:1", ""]
    )
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.binary(max_size=4)
    | st.text(max_size=8)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | LEAVES, inner, max_size=5),
    max_leaves=20,
)


@SEVERAL
@given(tree=st.fixed_dictionaries({}, optional=dict.fromkeys(("server", "polling", "privacy", "accounts"), TREES)))
def test_whatever_the_structure_is_it_is_a_config_or_a_report(tree: dict[str, Any], tmp_path: Path) -> None:
    text = yaml.safe_dump(tree, allow_unicode=True)
    loads_or_refuses(tmp_path / "config.yaml", text.encode("utf-8", "surrogatepass"))


def test_a_good_config_that_was_damaged_anywhere_is_a_config_or_a_report(tmp_path: Path) -> None:
    dice = random.Random(46)
    for _ in range(300):
        start = dice.randrange(len(GOOD))
        bit = dice.choice(
            ["", ":", "- ", "{", "]", '"', "\n", "\t", "0", "&a ", "*a", "!b ", "~", "\x00", GOOD[:start]]
        )
        text = GOOD[:start] + bit + GOOD[start + dice.randrange(8) :]
        loads_or_refuses(tmp_path / "config.yaml", text.encode())
