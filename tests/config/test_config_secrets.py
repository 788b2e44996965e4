import os
import tracemalloc
from pathlib import Path

import pytest
from acme import load_text, login

from exporter.config import ConfigError
from exporter.wire.secret import Secret

CONFIG = """
accounts:
  - name: support
    vendor: acme
    credentials: {user: exporter, password_file: password}
    options: {base_url: https://acme.example.com}
"""


@pytest.fixture(autouse=True)
def file(tmp_path: Path) -> Path:
    (tmp_path / "password").write_text("first\n")
    return tmp_path / "password"


@pytest.fixture
def password(file: Path) -> Secret:
    return login(load_text(file.parent, CONFIG).accounts[0]).password


def test_a_secret_comes_from_the_text_from_a_file_or_from_the_environment(file: Path, tmp_path: Path) -> None:
    texts = ("password: a-secret", "password_file: password", f"password_file: {file}", "password: '${SECRET}'")
    secrets = [
        login(load_text(tmp_path, CONFIG.replace("password_file: password", t)).accounts[0]).password
        for t in texts
    ]
    assert [secret.reveal() for secret in secrets] == ["a-secret", "first", "first", "CANARY-in-the-environment"]
    assert [secret.where for secret in secrets] == [
        "the config file",
        f"file {file}",
        f"file {file}",
        "environment variable SECRET",
    ]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b"secret\n\n", "secret\n"),
        (b" secret ", " secret "),
        (b"\xef\xbb\xbfsecret", "secret"),
        ("Schlüssel".encode(), "Schlüssel"),
    ],
)
def test_exactly_one_newline_at_the_end_of_a_file_is_no_part_of_the_secret(
    data: bytes, text: str, file: Path, tmp_path: Path
) -> None:
    file.write_bytes(data)
    assert login(load_text(tmp_path, CONFIG).accounts[0]).password.reveal() == text


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "the file it names is empty"),
        (b" \n", "the file it names is empty"),
        (b"CANARY\xff", "the file it names is not UTF-8 text"),
        (b"CANARY" * 20_000, "the file it names is larger than 64 KiB, which is no secret"),
    ],
)
def test_a_file_without_a_secret_is_a_problem(data: bytes, told: str, file: Path, tmp_path: Path) -> None:
    file.write_bytes(data)
    with pytest.raises(ConfigError) as refused:
        load_text(tmp_path, CONFIG)
    (problem,) = refused.value.problems
    assert (problem.line, problem.path) == (5, "accounts[0].credentials.password_file")
    assert problem.wrong == told


def test_a_pipe_is_not_read(file: Path, tmp_path: Path) -> None:
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(ConfigError, match="not a regular file"):
        load_text(tmp_path, CONFIG)


def test_a_file_that_is_rewritten_is_read_again(file: Path, password: Secret) -> None:
    assert password.reveal() == "first"
    file.write_text("the second")
    assert password.reveal() == "the second"


def test_a_symlink_that_is_swapped_as_kubernetes_does_is_read_again(tmp_path: Path, file: Path) -> None:
    file.unlink()
    for version in ("first", "other"):  # of one length: the inode tells them apart
        (tmp_path / version).mkdir()
        (tmp_path / version / "password").write_text(version)
        os.utime(tmp_path / version / "password", ns=(0, 0))
    (tmp_path / "..data").symlink_to("first")
    file.symlink_to("..data/password")
    password = login(load_text(tmp_path, CONFIG).accounts[0]).password
    assert password.reveal() == "first"
    (tmp_path / "..data_tmp").symlink_to("other")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    assert password.reveal() == "other"


def test_a_file_that_did_not_change_is_not_read_again(file: Path, password: Secret) -> None:
    stat = file.stat()
    file.write_text("fir5t\n")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert password.reveal() == "first"


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe", None])
def test_the_last_good_secret_stays_while_its_file_is_bad_or_gone(
    data: bytes | None, file: Path, password: Secret
) -> None:
    assert password.reveal() == "first"
    file.unlink() if data is None else file.write_bytes(data)
    assert password.reveal() == "first"
    file.write_text("the second")
    assert password.reveal() == "the second"


def test_the_last_good_secret_is_that_of_the_start_where_nobody_has_asked_since(
    file: Path, password: Secret
) -> None:
    file.unlink()
    assert password.reveal() == "first"


def test_secrets_mask_themselves_in_a_config(tmp_path: Path) -> None:
    config = load_text(tmp_path, CONFIG)
    assert "first" not in f"{config!r} {config}"
    assert "Secret(***)" in repr(config)


def test_of_a_file_that_is_no_secret_not_more_is_read_than_shows_it(file: Path) -> None:
    with file.open("wb") as endless:
        endless.truncate(64 * 2**20)
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError, match="larger than 64 KiB"):
            load_text(file.parent, CONFIG)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()
