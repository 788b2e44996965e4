from pathlib import Path

import pytest
from acme import ENVIRON, VENDORS, load_text

from exporter.config import ConfigError, Problem, load

BAD = sorted(Path(__file__).parent.joinpath("bad").glob("*.yaml"))


def report(path: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        load(path, VENDORS, ENVIRON)
    return str(refused.value)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_every_problem_of_a_bad_config_is_told_in_one_report(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    assert report(Path(path.name)) + "\n" == path.with_suffix(".txt").read_text(encoding="utf-8")


def test_a_problem_says_where_it_is_what_is_wrong_and_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_text(tmp_path, "accounts: []\npolling: {intervall: 30s}\n")
    assert refused.value.problems == (
        Problem(1, "accounts", "there is none", "at least one account"),
        Problem(2, "polling.intervall", "unknown key", "interval"),
    )


def test_a_file_that_is_not_there_is_a_problem_without_a_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    assert report(path) == f"{path}: cannot be read: no such file or directory"


def test_a_directory_is_no_config(tmp_path: Path) -> None:
    assert report(tmp_path) == f"{tmp_path}: cannot be read: is a directory"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"accounts: []\nname: M\xfcller\n", ":2: not UTF-8; write the file anew, saved as UTF-8"),
        ("accounts: []\n".encode("utf-16"), ":1: not UTF-8; write the file anew, saved as UTF-8"),
        (b"accounts: []\n\nname: \x00\n", ":3: a control character, which YAML does not allow"),
    ],
)
def test_bytes_that_are_no_text_are_told_by_their_line(data: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(data)
    assert report(path) == f"{path}{told}"


def test_what_is_no_plain_word_may_be_a_secret_in_the_wrong_place_and_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_text(
            tmp_path,
            '"a\\nb\\u202e": 1\n' + "k" * 100 + ": 1\nS3CRET-abcdef-123456: 1\n"
            'accounts: [{name: a, vendor: "9f86d081884c7d659a"}, {name: b, vendor: "${S3CRET_abcdef}"}]\n',
        )
    told = str(refused.value)
    assert told.count("(not shown): unknown key") == 3
    assert "unknown vendor (not shown)" in told
    for hidden in ("9f86", "kkkk", "S3CRET", "abcdef", "202e"):
        assert hidden not in told
