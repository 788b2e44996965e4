import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import bcrypt
import pytest
from certificates import Authority, dns
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec import Struct
from msgspec.structs import fields

from exporter.config import ConfigError
from exporter.web import read_terms
from exporter.web.tls import Tls
from exporter.web.web_config import RateLimit, Terms, WebConfig

AUTHORITY = Authority()
SERVER = AUTHORITY.identity("the exporter", dns("localhost"))
HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
FILES = "cert_file: server.pem, key_file: server.key"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    SERVER.written(tmp_path, "server")
    (tmp_path / "ca.pem").write_text(AUTHORITY.cert)
    return tmp_path


def read(folder: Path, text: str, **environ: str) -> Terms:
    path = folder / "web.yaml"
    path.write_text(text)
    return read_terms(path, environ)


def tls(folder: Path, section: str) -> Tls:
    found = read(folder, f"tls_server_config: {{{FILES}, {section}}}").tls
    assert found
    return found


def told(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read(folder, text)
    return [line.removeprefix(str(folder / "web.yaml")) for line in str(refused.value).splitlines()]


def test_a_whole_file_is_understood(folder: Path) -> None:
    terms = read(
        folder,
        f"""
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus.example, 10.0.0.1]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP384]
http_server_config:
  http2: false
  headers:
    Content-Security-Policy: default-src 'self'
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    X-XSS-Protection: 1; mode=block
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  alice: {HASH}
  Bob Müller: {HASH}
rate_limit: {{interval: 100ms, burst: 20}}
""",
    )
    assert terms.users == {b"alice": HASH.encode(), "Bob Müller".encode(): HASH.encode()}
    assert terms.rate == RateLimit(interval=0.1, burst=20)
    assert terms.headers == {
        "Content-Security-Policy": "default-src 'self'",
        "X-Frame-Options": "deny",
        "X-Content-Type-Options": "nosniff",
        "X-XSS-Protection": "1; mode=block",
        "Strict-Transport-Security": "max-age=31536000",
    }
    assert terms.tls
    context = terms.tls.context
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.maximum_version is ssl.TLSVersion.TLSv1_3
    assert [one["name"] for one in context.get_ciphers() if one["protocol"] != "TLSv1.3"] == [
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
    ]
    assert not context.options & ssl.OP_CIPHER_SERVER_PREFERENCE


def test_an_empty_table_protects_nothing_because_it_says_so(folder: Path) -> None:
    assert read(folder, "{}") == Terms(tls=None, headers={}, users={}, rate=RateLimit())


def test_tls_is_1_2_or_newer_without_renegotiation_unless_the_file_says_more(folder: Path) -> None:
    context = tls(folder, "").context
    assert (context.minimum_version, context.maximum_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    assert context.verify_mode is ssl.CERT_NONE
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert tls(folder, "min_version: TLS13").context.minimum_version is ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize(
    "suite",
    [
        f"TLS_ECDHE_{key}_WITH_{rest}"
        for key in ("ECDSA", "RSA")
        for rest in (
            "AES_128_GCM_SHA256",
            "AES_256_GCM_SHA384",
            "CHACHA20_POLY1305_SHA256",
            "AES_128_CBC_SHA",
            "AES_256_CBC_SHA",
        )
    ],
)
def test_every_cipher_suite_of_tls_1_2_has_its_name_in_openssl(suite: str, folder: Path) -> None:
    ciphers = tls(folder, f"cipher_suites: [{suite}]").context.get_ciphers()
    (chosen,) = [one for one in ciphers if one["protocol"] != "TLSv1.3"]
    assert chosen["auth"] == f"auth-{suite.split('_')[2].lower()}"
    assert chosen["symmetric"].replace("-", "")[:6].upper() == suite.split("_WITH_")[1].replace("_", "")[:6]


def test_certificates_may_stand_in_the_file_itself(folder: Path) -> None:
    def block(text: str) -> str:
        return "|\n" + "".join(f"    {line}\n" for line in text.splitlines())

    found = read(
        folder,
        f"tls_server_config:\n  cert: {block(SERVER.cert)}  key: {block(SERVER.key)}"
        f"  client_ca: {block(AUTHORITY.cert)}  client_auth_type: VerifyClientCertIfGiven\n",
    ).tls
    assert found
    assert found.context.verify_mode is ssl.CERT_OPTIONAL
    assert SERVER.key not in repr(found.section)
    assert len(found.context.get_ca_certs()) == 1


def test_a_key_may_come_from_the_environment(folder: Path) -> None:
    text = 'tls_server_config: {cert_file: server.pem, key: "${WEB_KEY}"}'
    assert read(folder, text, WEB_KEY=SERVER.key).tls


def test_the_files_are_sought_beside_it(folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    SERVER.written(inner, "server")
    (inner / "web.yaml").write_text(f"tls_server_config: {{{FILES}}}")
    (folder / "server.pem").unlink()
    assert read_terms(inner / "web.yaml", {}).tls


ENCRYPTED = "the key is encrypted, and nobody can be asked for its passphrase; write a plain key"
STRANGER = AUTHORITY.identity("somebody else")


def rsa_key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("server.pem", "no certificate", ":2: tls_server_config.cert_file: holds no sound certificate in PEM"),
        ("server.pem", None, ":2: tls_server_config.cert_file: cannot be read: no such file or directory"),
        ("server.pem", "x" * (2**20 + 1), ":2: tls_server_config.cert_file: larger than 1 MiB"),
        ("server.key", "no key", ":3: tls_server_config.key_file: holds no sound private key in PEM"),
        (
            "server.key",
            SERVER.encrypted_key,
            f":3: tls_server_config.key_file: {ENCRYPTED}",
        ),
        ("server.key", STRANGER.key, ":2: tls_server_config: the key does not belong to the first certificate"),
        ("server.key", rsa_key(), ":2: tls_server_config: the key does not belong to the first certificate"),
        ("ca.pem", "", ":4: tls_server_config.client_ca_file: holds no sound certificate in PEM"),
    ],
)
def test_what_a_file_lacks_is_told_by_the_line_that_names_it(
    name: str, text: str | None, problem: str, folder: Path
) -> None:
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)
    lines = "tls_server_config:\n  {}\n  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
    assert told(folder, lines.format(FILES.replace(", ", "\n  "))) == [problem]


def test_a_directory_is_no_certificate(folder: Path) -> None:
    (folder / "server.pem").unlink()
    (folder / "server.pem").mkdir()
    (problem,) = told(folder, f"tls_server_config: {{{FILES}}}")
    assert problem == ":1: tls_server_config.cert_file: cannot be read: not a regular file"


_AUTHORITIES = "client_ca_file: ca.pem"


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("min_version: TLS10", ".min_version: older than TLS 1.2, which is the oldest that is spoken; write"),
        ("max_version: TLS11", ".max_version: older than TLS 1.2, which is the oldest that is spoken; write"),
        ("min_version: TLS14", '.min_version: unknown value "TLS14"; write TLS12 or TLS13'),
        ("min_version: TLS13, max_version: TLS12", ": min_version is newer than max_version"),
        (
            "cipher_suites: [TLS_AES_128_GCM_SHA256]",
            ".cipher_suites[0]: Python offers all cipher suites of TLS 1.3",
        ),
        ("cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]", ".cipher_suites[0]: unknown value"),
        (
            "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256], min_version: TLS13",
            ": cipher_suites are of TLS 1.2, which min_version excludes; write only one of the two",
        ),
        ("curve_preferences: [P256]", '.curve_preferences[0]: unknown value "P256"; write CurveP256, CurveP384'),
        ("curve_preferences: [X25519, CurveP256]", ": Python offers one of curve_preferences alone"),
        (
            f"client_auth_type: RequestClientCert, {_AUTHORITIES}",
            ".client_auth_type: RequestClientCert takes certificates without verifying them",
        ),
        (
            f"client_auth_type: RequireAnyClientCert, {_AUTHORITIES}",
            ".client_auth_type: RequireAnyClientCert takes certificates without verifying them",
        ),
        ("client_auth_type: Anybody", '.client_auth_type: unknown value "Anybody"; write NoClientCert, Verify'),
        (
            "client_auth_type: RequireAndVerifyClientCert",
            ": RequireAndVerifyClientCert needs an authority to trust",
        ),
        (_AUTHORITIES, ": client_ca and client_allowed_sans have no effect without client_auth_type; write"),
        ("client_allowed_sans: [a]", ": client_ca and client_allowed_sans have no effect without client_auth"),
        (
            f"client_auth_type: RequireAndVerifyClientCert, {_AUTHORITIES}, client_allowed_sans: []",
            ": client_allowed_sans is empty: nobody could come in",
        ),
        ("cert: x", ": cert is given beside cert_file; write only one of the two"),
        ("key: x", ": key is given beside key_file; write only one of the two"),
        ("min_versoin: TLS12", ".min_versoin: unknown key; write min_version"),
    ],
)
def test_what_python_cannot_do_or_would_not_protect_is_refused(section: str, problem: str, folder: Path) -> None:
    (line,) = told(folder, f"tls_server_config: {{{FILES}, {section}}}")
    assert line.startswith(f":1: tls_server_config{problem}")


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", [": empty; write {} where nothing is to be protected"]),
        ("# only a comment\n", [": empty; write {} where nothing is to be protected"]),
        (
            "tls_server_config: {}",
            [":1: tls_server_config: cert_file is missing; write it, or cert with the text itself"],
        ),
        (
            "tls_server_config: {cert_file: a}",
            [":1: tls_server_config: key_file is missing; write it, or key with"],
        ),
        ("tls_config: {}", [":1: tls_config: unknown key; write tls_server_config"]),
        ("basic_auth_users:", [":1: basic_auth_users: empty; write a value, or leave the key out"]),
        ("basic_auth_users: [alice]", [":1: basic_auth_users: a list where keys must be; write keys with values"]),
        ("http_server_config: {http2: true}", [":1: http_server_config: http2 cannot be had: HTTP/1.1 is spoken"]),
        (
            "http_server_config:\n headers:\n  X-Frame-Options: allow\n  Server: me\n  X-XSS-Protection: ü\n",
            [
                ':3: http_server_config.headers.X-Frame-Options: unknown value "allow"; write deny or sameorigin',
                ":4: http_server_config.headers.Server: unknown key; write Content-Security-Policy, X-Frame",
                ":5: http_server_config.headers.X-XSS-Protection: not printable ASCII",
            ],
        ),
        ("rate_limit: {interval: 1s}", [":1: rate_limit: burst is missing: no request would be answered; write"]),
        (
            "rate_limit: {interval: 1, burst: 1}",
            [":1: rate_limit.interval: not a duration; write a number with its"],
        ),
        ("rate_limit: {interval: 1s, burst: -1}", [":1: rate_limit.burst: out of bounds: expected int >= 0"]),
        (
            "basic_auth_users: {a: b, a: c}",
            [":1: basic_auth_users.a: given twice", ":1: basic_auth_users.a: not a"],
        ),
    ],
)
def test_every_problem_is_told_with_its_line(text: str, problems: list[str], folder: Path) -> None:
    lines = told(folder, text)
    assert len(lines) == len(problems)
    assert all(line.startswith(problem) for line, problem in zip(lines, sorted(problems), strict=True)), lines


@pytest.mark.parametrize("interval", ["0", "0s"])
def test_a_rate_limit_of_nothing_is_none(interval: str, folder: Path) -> None:
    assert read(folder, f"rate_limit: {{interval: {interval}}}").rate.interval == 0


CANARY = "CANARY-83b1"


@pytest.mark.parametrize(
    "hashed",
    [
        CANARY,
        "0123",
        f'"{CANARY}"',
        f"[{CANARY}]",
        f"'{HASH[:-1]}'",
        f"'{HASH}x'",
        HASH.replace("2y", "2x"),
        HASH.replace("$10$", "$03$"),
        HASH.replace("$10$", "$15$"),
        HASH.replace("zou", "zob"),  # more bits of salt than bcrypt has
        f"!{CANARY} x",
        f"*{CANARY}",
        f"'{CANARY}",
    ],
)
def test_a_password_in_place_of_a_hash_is_refused_and_not_shown(hashed: str, folder: Path) -> None:
    (problem,) = told(folder, f"basic_auth_users:\n  alice: {hashed}\n")
    assert problem.startswith((":2: basic_auth_users.alice: ", ":3: not YAML: "))
    assert CANARY not in problem
    assert "0123" not in problem
    assert HASH[-20:-2] not in problem


@pytest.mark.parametrize("prefix", [b"2a", b"2b", b"2y"])
def test_a_hash_of_each_kind_is_taken_and_can_be_checked(prefix: bytes, folder: Path) -> None:
    hashed = bcrypt.hashpw(b"a password", bcrypt.gensalt(4)).replace(b"2b", prefix)
    (known,) = read(folder, f"basic_auth_users: {{alice: {hashed.decode()}}}").users.values()
    assert bcrypt.checkpw(b"a password", known)


def test_a_key_in_the_file_is_not_shown_where_it_is_wrong(folder: Path) -> None:
    lines = told(folder, f"tls_server_config:\n  cert: {CANARY}\n  key: |\n    {CANARY}\n    x\n")
    assert lines == [
        ":2: tls_server_config.cert: holds no sound certificate in PEM",
        ":3: tls_server_config.key: holds no sound private key in PEM",
    ]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: no such file or directory"):
        read_terms(tmp_path / "web.yaml", {})


def test_the_text_of_a_certificate_never_reaches_a_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a file was made")

    monkeypatch.setattr("exporter.web.tls.NamedTemporaryFile", refuse)
    assert tls(folder, "").context.get_ca_certs() == []


def test_where_memory_cannot_be_lent_a_file_is_made_and_gone_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("os.memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = set(tmp_path.iterdir())
    assert tls(folder, "").context.get_ca_certs() == []
    assert set(tmp_path.iterdir()) - before == {folder / "web.yaml"}


def keys(shape: type[Struct]) -> Iterator[str]:
    for one in fields(shape):
        yield one.encode_name
        inner = one.type if isinstance(one.type, type) else next(iter(get_args(one.type)), None)
        if isinstance(inner, type) and issubclass(inner, Struct):
            yield from keys(inner)


def test_the_page_about_it_names_every_key_and_its_example_is_sound(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "web.md").read_text()
    told = set(re.findall(r"[\w-]+", " ".join(re.findall(r"`([^`\n]+)`", page.replace("```", "")))))
    assert set(keys(WebConfig)) - told == set()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert read(folder, example).users
