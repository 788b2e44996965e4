"""The peers: how each is had, and how it is started. One that cannot be had is missing, and its rows with it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.centres import Centre
from bench.program import free_port, running
from bench.serve import Answer

CLIENT_GOLANG = "v1.24.0"
JSON_EXPORTER = "v0.7.0"
_OURS = Path(__file__).parent / "peers"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "contact-center-exporter"


class Missing(Exception):
    """A peer that is not on this machine and cannot be built on it."""


def promhttp() -> Path:
    """Return the server made with client_golang's promhttp."""
    source = _OURS / "promhttp" / "main.go"
    return _built("bench-promhttp", "github.com/prometheus/client_golang", CLIENT_GOLANG, ".", source)


def json_exporter() -> Path:
    """Return prometheus-community's json_exporter."""
    module = "github.com/prometheus-community/json_exporter"
    return _built("json_exporter", module, JSON_EXPORTER, module)


def _built(name: str, module: str, version: str, package: str, source: Path | None = None) -> Path:
    """Build a Go program once, outside of the repository, through the Go module proxy."""
    program = _CACHE / f"{name}-{version}" / name
    if program.exists() and not (source and source.stat().st_mtime > program.stat().st_mtime):
        return program
    go = shutil.which("go", path=f"{os.environ['PATH']}:/usr/local/go/bin")
    if go is None:
        raise Missing(f"{name}: install Go, or put it on the PATH")
    with tempfile.TemporaryDirectory() as folder:
        if source:
            shutil.copy(source, folder)
        for words in (
            ("mod", "init", "built"),
            ("mod", "edit", f"-require={module}@{version}"),
            ("build", "-mod=mod", "-o", str(program), package),
        ):
            done = subprocess.run([go, *words], cwd=folder, capture_output=True, check=False)  # noqa: S603 - ours
            if done.returncode:
                raise Missing(f"{name}: go {words[0]} failed: {done.stderr.decode().strip()[-200:]}")
    return program


class Server(NamedTuple):
    """One that serves /metrics."""

    port: int
    process: "subprocess.Popen[bytes]"


def ours(accounts: int, agents: int, folder: Path) -> AbstractContextManager[Server]:
    """Start the exporter's own server with so many accounts; it leaves its page in the folder."""
    words = [sys.executable, "-m", "bench.serve"]
    return _started(lambda port: [*words, str(port), str(accounts), str(agents), folder])


def told(server: Server, word: str) -> Answer:
    """Tell our own server what to do, and return what it answers."""
    assert server.process.stdin  # noqa: S101 - both are pipes
    assert server.process.stdout  # noqa: S101
    server.process.stdin.write(f"{word}\n".encode())
    server.process.stdin.flush()
    return msgspec.json.decode(server.process.stdout.readline(), type=Answer)


def peer(name: str, folder: Path) -> AbstractContextManager[Server]:
    """Start a peer that serves the page in the folder.

    Raises:
        Missing: it cannot be had.
    """
    page = folder / "metrics"
    match name.split():
        case ["promhttp,", kind]:
            program = promhttp()
            return _started(lambda port: [program, str(port), kind, page])
        case ["prometheus_client,", kind]:
            return _started(lambda port: [sys.executable, "-m", "bench.plain", str(port), kind, page])
        case _:
            return _nginx(folder)


@contextmanager
def _started(command: Callable[[int], Sequence[str | Path]]) -> Iterator[Server]:
    port = free_port()
    with running(command(port), port) as process:
        yield Server(port, process)


_NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log /dev/null;
events {{}}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    location = /metrics {{ alias {folder}/metrics.gz; default_type text/plain; add_header Content-Encoding gzip; }}
  }}
}}
"""


def _nginx(folder: Path) -> AbstractContextManager[Server]:
    """Serve the compressed page as a file: nothing that makes no page anew can be much cheaper."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise Missing("nginx: apt-get install nginx-light")

    def command(port: int) -> Sequence[str | Path]:
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port))
        folder.chmod(0o755)
        return [program, "-p", folder, "-c", folder / "nginx.conf", "-g", "user root;"]

    return _started(command)


def json_modules(centre: Centre) -> Mapping[str, object]:
    """Return json_exporter's config: a module an endpoint, with every number that a path can tell."""
    modules = {}
    for endpoint, lists in centre.plain.items():
        metrics = [
            {
                "name": "plain",
                "type": "object",
                "path": f"{{.{one.rows}[*]}}",
                "labels": {"agent": f"{{.{one.key}}}"},
                "values": {name: f"{{.{_jsonpath(path)}}}" for name, path in one.values.items()},
            }
            for one in lists
        ]
        modules[endpoint] = {"metrics": metrics}
    return {"modules": modules}


def _jsonpath(path: str) -> str:
    return path.replace(".0.", "[0].")


@contextmanager
def json_exporting(centre: Centre) -> Iterator[Server]:
    """Start json_exporter for the answers of a centre.

    Raises:
        Missing: it cannot be had.
    """
    program = json_exporter()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(json.dumps(json_modules(centre)))  # JSON is YAML
        with _started(
            lambda port: [program, "--config.file", config, f"--web.listen-address=127.0.0.1:{port}"]
        ) as one:
            yield one
