"""The demo as real programs see it: Prometheus scrapes and asks, promtool judges, a browser shows."""

import json
import re
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from picture import document, photograph

_PATIENCE = 60.0
_AGENTS = 40
_QUEUES = {"sales", "support", "billing", "returns"}
_STATUSES = {"available", "ringing", "on_contact", "wrap_up", "busy", "away", "offline", "other"}

T = TypeVar("T")


def until(ask: Callable[[], T | None], patience: float = _PATIENCE) -> T:
    """Return the first answer that is neither None nor empty; real programs need real time."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            if answer := ask():
                return answer
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"nothing came of it within {patience:g} s")


@contextmanager
def running(folder: Path, *command: str) -> Iterator[Callable[[str], str]]:
    """Run a program; the function returns what a pattern finds in its log, once it is there."""
    with (folder / "log").open("wb+") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def told(pattern: str) -> str:
            def find() -> str | None:
                assert process.poll() is None, (folder / "log").read_text()
                found = re.search(pattern, (folder / "log").read_text())
                return found[1] if found else None

            return until(find)

        try:
            yield told
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def get(url: str, accept: str = "text/plain") -> bytes:
    with urlopen(Request(url, headers={"Accept": accept}), timeout=10) as reply:
        body: bytes = reply.read()
    return body


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """The demo's address, once every endpoint of its account was polled."""
    with tempfile.TemporaryDirectory() as folder:
        command = ("-m", "exporter", "demo", "--listen", "127.0.0.1:0", "--log-format", "json")
        with running(Path(folder), sys.executable, *command) as told:
            url = told(r'"serving", "url": "(\S+)/"')
            until(lambda: get(f"{url}/-/ready"))
            yield url


@contextmanager
def only_text(page: str) -> Iterator[str]:
    """Serve a page again to those who cannot be made to ask for plain text: Prometheus prefers OpenMetrics."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = get(page)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_CONFIG = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - {{job_name: openmetrics, static_configs: [{{targets: ["{openmetrics}"]}}]}}
  - {{job_name: text, static_configs: [{{targets: ["{text}"]}}]}}
"""
_RULES = """\
groups:
  - name: waiting
    rules:
      - record: queue:longest_wait_seconds:max
        expr: max by (queue) (contact_center_longest_wait_seconds{account="zendesk"})
      - alert: CallersWait
        expr: max by (account, queue) (contact_center_longest_wait_seconds{account="zendesk"}) >= 0
"""


Ask = Callable[[str], dict[str, float]]


@pytest.fixture(scope="module")
def prometheus(demo: str) -> Iterator[str]:
    """The address of a Prometheus that scrapes the demo in both formats."""
    with tempfile.TemporaryDirectory() as name, only_text(f"{demo}/metrics") as text:
        folder = Path(name)
        (folder / "rules.yml").write_text(_RULES)
        config = _CONFIG.format(openmetrics=demo.removeprefix("http://"), text=text)
        (folder / "prometheus.yml").write_text(config)
        flags = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0")
        with running(folder, "prometheus", *flags) as told:
            yield f"http://{told(r'Listening on. address=(127.0.0.1:[1-9][0-9]*)')}/api/v1"


@pytest.fixture
def ask(prometheus: str) -> Ask:
    """Asks a PromQL question of one label; waits until it has an answer."""

    def asked(query: str) -> dict[str, float]:
        def answer() -> dict[str, float]:
            rows = json.loads(get(f"{prometheus}/query?query={quote(query)}"))["data"]["result"]
            return {",".join(row["metric"].values()): float(row["value"][1]) for row in rows}

        return until(answer)

    return asked


@pytest.mark.needs("prometheus")
def test_a_real_prometheus_scrapes_both_formats(ask: Ask) -> None:
    both = {"openmetrics": 1, "text": 1}
    until(lambda: ask("sum by (job) (up)") == both)
    until(lambda: ask("sum by (job) (contact_center_up)") == {"openmetrics": 5, "text": 5})
    assert ask('count by (job) (contact_center_agents{account="zendesk"})') == {"openmetrics": 8, "text": 8}
    every = 'count by (job) ({__name__=~"contact_center_.*", account="zendesk"})'
    until(lambda: len(set(ask(every).values())) == 1)


@pytest.mark.needs("prometheus")
def test_promql_tells_how_the_contact_centre_is(ask: Ask) -> None:
    agents = ask('sum by (status) (contact_center_agents{job="text",account="zendesk"})')
    assert agents.keys() == _STATUSES
    assert sum(agents.values()) == _AGENTS
    assert 0 < ask('sum(contact_center_agents_online{job="text",account="zendesk"})')[""] <= _AGENTS
    assert ask('sum by (queue) (contact_center_calls_waiting{job="text",account="zendesk"})').keys() == _QUEUES
    served = ask('sum by (queue) (contact_center_queue_agents{job="text",account="zendesk"})')
    assert served.keys() == _QUEUES
    assert sum(served.values()) > _AGENTS  # some serve two queues
    assert ask('count(count by (agent) (contact_center_agent_status{job="text",account="zendesk"}))') == {
        "": _AGENTS
    }


@pytest.mark.needs("prometheus")
def test_the_seconds_in_states_add_up_to_the_time_logged_in(ask: Ask) -> None:
    sums = 'sum by (agent) (contact_center_seconds_in_state{job="text",account="zendesk"})'
    whole = 'contact_center_agent_logged_in_seconds_today{job="text",account="zendesk"}'
    assert ask(f"max(abs({sums} - on (agent) {whole}))")[""] <= 3
    assert ask(f"sum({whole})")[""] > 3600


@pytest.mark.needs("prometheus")
def test_rules_follow_the_longest_wait(ask: Ask, prometheus: str) -> None:
    assert ask("queue:longest_wait_seconds:max").keys() == {
        f"queue:longest_wait_seconds:max,{queue}" for queue in _QUEUES
    }
    (group,) = json.loads(get(f"{prometheus}/rules"))["data"]["groups"]
    assert [rule["health"] for rule in group["rules"]] == ["ok", "ok"]

    def firing() -> bool:
        alerts: list[dict[str, Any]] = json.loads(get(f"{prometheus}/alerts"))["data"]["alerts"]
        return {alert["labels"]["queue"] for alert in alerts if alert["state"] == "firing"} == _QUEUES

    until(firing)


@pytest.mark.needs("promtool")
def test_promtool_finds_nothing_to_mend_in_the_metrics(demo: str) -> None:
    page = get(f"{demo}/metrics")
    assert b"contact_center_agents{" in page
    judged = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
    assert (judged.stdout, judged.stderr, judged.returncode) == (b"", b"", 0)


@pytest.mark.needs("chromium")
def test_a_browser_shows_the_status_page(demo: str, tmp_path: Path) -> None:
    png = tmp_path / "status.png"
    photograph(f"{demo}/", png, width=1000, height=1400)
    size, rows = pixels(png.read_bytes())
    assert size == (1000, 1400)
    assert len(set(rows)) > 200, "a page with text has many different rows of pixels, a blank one has few"


@pytest.mark.needs("chromium")
def test_a_browser_finds_the_account_and_its_queues_on_the_status_page(demo: str) -> None:
    page = document(f"{demo}/")
    assert {"zendesk", "zendesk_talk", *_QUEUES} <= set(re.findall(r">([^<>]+)<", page))


def pixels(png: bytes) -> tuple[tuple[int, int], list[bytes]]:
    """Return width and height of a PNG, and its rows as they are packed."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, place = [], 8
    while place < len(png):
        (length,) = struct.unpack_from(">I", png, place)
        chunks.append((png[place + 4 : place + 8], png[place + 8 : place + 8 + length]))
        place += length + 12
    width, height = struct.unpack_from(">II", chunks[0][1])
    packed = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    wide = len(packed) // height
    return (width, height), [packed[row * wide : (row + 1) * wide] for row in range(height)]
