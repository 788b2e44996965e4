"""TLS and passwords as Prometheus sees them: its own scrape config, and promtool's opinion of web.yaml."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import bcrypt
import pytest
from certificates import Authority, dns, ip
from msgspec import Struct
from test_demo import get, running, until

from exporter.config import ConfigError
from exporter.web import read_terms

_EXPORTER = """\
server: {listen: "127.0.0.1:0", web_config: web.yaml}
accounts:
  - name: acme
    vendor: zendesk_talk
    credentials: {access_token: "of nobody"}
    options: {base_url: "http://127.0.0.1:9"}
"""
_WEB = """\
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus.example]
  min_version: TLS12
http_server_config:
  headers: {{Strict-Transport-Security: max-age=60}}
basic_auth_users:
  alice: {hashed}
"""
_WHO = "basic_auth: {username: alice, password_file: password}"
_TLS = "ca_file: ca.pem, cert_file: prometheus.pem, key_file: prometheus.key"
_CLOSED = r"EOF$|connection reset by peer$|broken pipe$|server closed idle connection$|tls: "
JOBS: Mapping[str, tuple[str, str]] = {
    "right": (f"scheme: https, {_WHO}, tls_config: {{{_TLS}}}", ""),
    "tls_1_2": (f"scheme: https, {_WHO}, tls_config: {{{_TLS}, max_version: TLS12}}", ""),
    "wrong_password": (
        f"scheme: https, basic_auth: {{username: alice, password: guessed}}, tls_config: {{{_TLS}}}",
        "401 Unauthorized",
    ),
    "no_password": (f"scheme: https, tls_config: {{{_TLS}}}", "401 Unauthorized"),
    "no_certificate": (f"scheme: https, {_WHO}, tls_config: {{ca_file: ca.pem}}", _CLOSED),
    "strange_certificate": (
        f"scheme: https, {_WHO}, tls_config: {{{_TLS.replace('prometheus', 'stranger')}}}",
        _CLOSED,
    ),
    "wrong_name": (f"scheme: https, {_WHO}, tls_config: {{{_TLS.replace('prometheus', 'grafana')}}}", _CLOSED),
    "other_authority": (
        f"scheme: https, {_WHO}, tls_config: {{{_TLS.replace('ca.pem', 'others.pem')}}}",
        "unknown authority",
    ),
    "old_tls": (f"scheme: https, {_WHO}, tls_config: {{{_TLS}, max_version: TLS11}}", _CLOSED),
    "no_tls": (f"scheme: http, {_WHO}", _CLOSED),
}
"""Scrape configs, and the error that each leads to; none where it works."""


class Scene(Struct, frozen=True):
    """A running exporter and a running Prometheus that scrapes it in every way."""

    folder: Path
    authority: Authority
    api: str

    def ask(self, query: str) -> dict[str, float]:
        """Return the answer to a PromQL question, by job."""
        rows = json.loads(get(f"{self.api}/query?query={quote(query)}"))["data"]["result"]
        return {row["metric"]["job"]: float(row["value"][1]) for row in rows}

    def errors(self) -> dict[str, str]:
        """Return the latest error of each job, once all have been tried."""

        def tried() -> dict[str, str] | None:
            targets = json.loads(get(f"{self.api}/targets"))["data"]["activeTargets"]
            known = all(target["health"] != "unknown" for target in targets)
            return {target["labels"]["job"]: target["lastError"] for target in targets} if known else None

        return until(tried)

    def until_up(self, *jobs: str) -> None:
        until(lambda: {job for job, up in self.ask("up").items() if up} == set(jobs))


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    authority, others = Authority(), Authority("others")
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as other_name:
        folder = Path(name)
        authority.identity("the exporter", dns("localhost"), ip("127.0.0.1")).written(folder, "server")
        authority.identity("prometheus", dns("prometheus.example")).written(folder, "prometheus")
        authority.identity("grafana", dns("grafana.example")).written(folder, "grafana")
        others.identity("prometheus", dns("prometheus.example")).written(folder, "stranger")
        for file, text in {
            "ca.pem": authority.cert,
            "others.pem": others.cert,
            "password": "correct-horse",
            "config.yaml": _EXPORTER,
            "web.yaml": _WEB.format(hashed=bcrypt.hashpw(b"correct-horse", bcrypt.gensalt(10)).decode()),
        }.items():
            (folder / file).write_text(text)
        command = ("-m", "exporter", "run", "--log-format", "json")
        with running(folder, sys.executable, *command) as told:
            place = told(r'"serving", "url": "https://(127.0.0.1:\d+)/"')
            rows = [
                f"  - {{job_name: {job}, {how}, static_configs: [{{targets: ['{place}']}}]}}"
                for job, (how, _) in JOBS.items()
            ]
            config = "\n".join(("global: {scrape_interval: 1s}", "scrape_configs:", *rows))
            (folder / "prometheus.yml").write_text(config)
            flags = (f"--storage.tsdb.path={other_name}/data", "--web.listen-address=127.0.0.1:0")
            own = Path(other_name)
            with running(own, "prometheus", f"--config.file={folder}/prometheus.yml", *flags) as heard:
                found = heard(r"Listening on. address=(127.0.0.1:[1-9][0-9]*)")
                yield Scene(folder, authority, f"http://{found}/api/v1")


@pytest.mark.needs("prometheus")
def test_prometheus_scrapes_with_certificate_and_password_and_with_nothing_less(scene: Scene) -> None:
    scene.until_up("right", "tls_1_2")
    errors = scene.errors()
    assert errors.keys() == JOBS.keys()
    for job, (_, error) in JOBS.items():
        assert re.search(error or r"^$", errors[job]), (job, errors[job])
    assert scene.ask("count by (job) (contact_center_up)") == {"right": 1, "tls_1_2": 1}


@pytest.mark.needs("prometheus")
def test_renewed_certificates_cost_no_scrape(scene: Scene) -> None:
    scene.until_up("right", "tls_1_2")
    scrapes = scene.ask("count_over_time(up[1h])")["right"]
    for _ in range(3):
        renewed = scene.folder / "renewed"
        renewed.mkdir()
        scene.authority.identity("the exporter", ip("127.0.0.1")).written(renewed, "server")
        for name in ("server.key", "server.pem"):
            (renewed / name).rename(scene.folder / name)
        renewed.rmdir()
        scrapes += 2
        until(lambda least=scrapes: scene.ask("count_over_time(up[1h])")["right"] >= least)  # type: ignore[misc]
    assert scene.ask("up")["right"] == 1


def put(file: Path, text: str) -> None:
    """Replace a file at once, as whoever cares does: nobody can read half of it."""
    whole = file.with_suffix(".new")
    whole.write_text(text)
    whole.replace(file)


@pytest.mark.needs("prometheus")
def test_a_broken_file_closes_the_door_to_prometheus_too_and_it_opens_again(scene: Scene) -> None:
    scene.until_up("right", "tls_1_2")
    web = scene.folder / "web.yaml"
    good = web.read_text()
    put(web, "basic_auth_users: [")
    scene.until_up()
    put(web, good)
    scene.until_up("right", "tls_1_2")
    log = (scene.folder / "log").read_text()
    assert log.count("web_config_refused") == 1
    assert "correct-horse" not in log
    assert "Traceback" not in log


_HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
_FILES = "cert_file: server.pem, key_file: server.key"
_MUTUAL = "client_ca_file: ca.pem, client_auth_type"
GOOD = [
    "{}",
    f"tls_server_config: {{{_FILES}}}",
    f"tls_server_config: {{{_FILES}, {_MUTUAL}: RequireAndVerifyClientCert}}",
    f"tls_server_config: {{{_FILES}, {_MUTUAL}: VerifyClientCertIfGiven}}",
    f"tls_server_config: {{{_FILES}, min_version: TLS12, max_version: TLS13, curve_preferences: [X25519]}}",
    f"tls_server_config: {{{_FILES}, cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]}}",
    f"tls_server_config: {{{_FILES}, prefer_server_cipher_suites: false}}",
    "http_server_config: {http2: false, headers: {X-Frame-Options: sameorigin, X-XSS-Protection: '0'}}",
    f"basic_auth_users: {{alice: {_HASH}, bob: {_HASH}}}",
]
BAD = [
    "users: {}",
    "tls_server_config: {cert_file: server.pem}",
    "tls_server_config: {cert_file: server.pem, key_file: prometheus.key}",
    f"tls_server_config: {{{_FILES}, client_auth_type: Everybody}}",
    f"tls_server_config: {{{_FILES}, client_ca_file: ca.pem}}",
    f"tls_server_config: {{{_FILES}, min_version: TLS14}}",
    f"tls_server_config: {{{_FILES}, cipher_suites: [ROT13]}}",
    f"tls_server_config: {{{_FILES}, curve_preferences: [P1]}}",
    "http_server_config: {headers: {Server: me}}",
    "http_server_config: {headers: {X-Frame-Options: allow}}",
    "http_server_config: {headers: {X-Content-Type-Options: sniff}}",
    "basic_auth_users: {alice: a-password}",
]


@pytest.fixture
def judged(tmp_path: Path) -> Callable[[str], tuple[bool, bool]]:
    """Whether promtool takes a web.yaml, and whether we do."""
    authority = Authority()
    for name in ("server", "prometheus"):
        authority.identity(name).written(tmp_path, name)
    (tmp_path / "ca.pem").write_text(authority.cert)

    def judge(text: str) -> tuple[bool, bool]:
        path = tmp_path / "web.yaml"
        path.write_text(text)
        theirs = subprocess.run(["promtool", "check", "web-config", path], capture_output=True, check=False)
        try:
            read_terms(path, {})
        except ConfigError:
            return theirs.returncode == 0, False
        return theirs.returncode == 0, True

    return judge


@pytest.mark.needs("promtool")
@pytest.mark.parametrize(("text", "sound"), [*((text, True) for text in GOOD), *((text, False) for text in BAD)])
def test_promtool_is_of_the_same_opinion(
    text: str, *, sound: bool, judged: Callable[[str], tuple[bool, bool]]
) -> None:
    assert judged(text) == (sound, sound)
