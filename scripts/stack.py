"""Runs the whole stack on this machine, with the files of this repository, until it is interrupted.

A simulated contact centre with a rush, the exporter, Prometheus and Alertmanager on 127.0.0.1, and a webhook that
prints whom Alertmanager would have told what.
"""

import argparse
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import yaml

HOME = Path(__file__).parent.parent
_SECONDS = 60.0  # until a program answers, or ends when it is asked to
_STEP = 0.2
_RUSH_MINUTES = 5


class Program(NamedTuple):
    """One program of the stack."""

    name: str
    port: int
    """Where it answers, on 127.0.0.1."""
    command: tuple[str, ...]
    ports: int = 1
    """How many in a row it takes."""


class CannotRunError(Exception):
    """What the stack lacks, in a line for the one who started it."""


def programs(home: Path, data: Path, prometheus_port: int, rush_minutes: int) -> tuple[Program, ...]:
    """Return what to run, in order, at the addresses that the files in `home` name; `data` is for what it keeps.

    Raises:
        CannotRunError: a program is not installed.
    """
    config, prometheus, alertmanager = (
        _read(home / name) for name in ("config.yaml", "prometheus/prometheus.yml", "prometheus/alertmanager.yml")
    )
    simulated = _port(config["accounts"][0]["options"]["base_url"])
    exporter = _port(f"//{prometheus['scrape_configs'][0]['static_configs'][0]['targets'][0]}")
    manager = _port(f"//{prometheus['alerting']['alertmanagers'][0]['static_configs'][0]['targets'][0]}")
    webhook = _port(alertmanager["receivers"][0]["webhook_configs"][0]["url"])
    ours = (sys.executable, "-m", "exporter")
    rush = ("--rush", str(rush_minutes)) if rush_minutes else ()
    return (
        Program("webhook", webhook, (sys.executable, str(HOME / "scripts/webhook.py"), f"--port={webhook}")),
        Program(
            "alertmanager",
            manager,
            (
                _found("prometheus-alertmanager", "alertmanager"),
                f"--config.file={home}/prometheus/alertmanager.yml",
                f"--storage.path={data}/alertmanager",
                f"--web.listen-address=127.0.0.1:{manager}",
                "--cluster.listen-address=",
            ),
        ),
        Program(
            "simulator", simulated, (*ours, "simulate", f"--port={simulated}", *rush), len(config["accounts"])
        ),
        Program(
            "exporter",
            exporter,
            (*ours, "run", f"--config={home}/config.yaml", f"--listen=127.0.0.1:{exporter}", "--log-format=json"),
        ),
        Program(
            "prometheus",
            prometheus_port,
            (
                _found("prometheus"),
                f"--config.file={home}/prometheus/prometheus.yml",
                f"--storage.tsdb.path={data}/prometheus",
                f"--web.listen-address=127.0.0.1:{prometheus_port}",
            ),
        ),
    )


def _read(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load(path.read_text())
    return told


def _port(url: str) -> int:
    return urlsplit(url).port or 80


def _found(*names: str) -> str:
    for name in names:
        if shutil.which(name):
            return name
    raise CannotRunError(f"{names[0]} is not installed: apt-get install prometheus prometheus-alertmanager")


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _running(program: Program, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a process group of its own, so that an interrupt at the keyboard is ours alone."""
    with log.open("wb") as kept:
        process = subprocess.Popen(  # noqa: S603 - the programs of this stack
            program.command,
            cwd=HOME,
            stdin=subprocess.DEVNULL,
            stdout=None if program.name == "webhook" else kept,  # what it is told is what there is to see
            stderr=kept,
            process_group=0,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Stack:
    """Programs that run together until a signal, or until one of them ends by itself."""

    def __init__(self, parts: Sequence[Program], data: Path) -> None:
        self.parts = parts
        self.data = data
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._interrupted = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._interrupt)

    def run(self) -> None:
        """Start all, tell where they are, and end them when it is time.

        Raises:
            CannotRunError: a port is taken, or a program ended by itself.
        """
        for part in self.parts:
            if any(_taken(part.port + number) for number in range(part.ports)):
                raise CannotRunError(
                    f"127.0.0.1:{part.port}, where {part.name} should listen, is taken: end what listens there"
                    " (if those are Debian's services: systemctl stop prometheus prometheus-alertmanager)"
                )
        with ExitStack() as running:
            for part in self.parts:
                self._processes[part.name] = running.enter_context(_running(part, self._log(part.name)))
                if not self._came_up(part):
                    return
            self._tell()
            while self._go_on():
                pass

    def _came_up(self, part: Program) -> bool:
        deadline = time.monotonic() + _SECONDS
        while self._go_on():
            if _answers(part.port):
                return True
            if time.monotonic() > deadline:
                raise CannotRunError(f"{part.name} does not answer; {self._last_words(part.name)}")
        return False

    def _tell(self) -> None:
        at = {part.name: f"http://127.0.0.1:{part.port}" for part in self.parts}
        print(f"status page   {at['exporter']}/")
        print(f"metrics       {at['exporter']}/metrics")
        print(f"Prometheus    {at['prometheus']}/graph")
        print(f"Alertmanager  {at['alertmanager']}/")
        print(f"logs          {self.data}")
        print("Ctrl-C ends all. What Alertmanager tells:", flush=True)

    def _interrupt(self, *_: object) -> None:
        self._interrupted = True

    def _go_on(self) -> bool:
        time.sleep(_STEP)
        for name, process in self._processes.items():
            if process.poll() is not None and not self._interrupted:
                raise CannotRunError(f"{name} ended by itself; {self._last_words(name)}")
        return not self._interrupted

    def _last_words(self, name: str) -> str:
        return "\n".join(["its log ends so:", *self._log(name).read_text(errors="replace").splitlines()[-5:]])

    def _log(self, name: str) -> Path:
        return self.data / f"{name}.log"


def main() -> int:
    """Run the stack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=HOME, help="has config.yaml and prometheus/ (default: this)")
    parser.add_argument("--prometheus", metavar="PORT", type=int, default=9090, help="default: %(default)s")
    parser.add_argument(
        "--rush",
        metavar="MINUTES",
        type=int,
        default=_RUSH_MINUTES,
        help="how long the rush lasts with which it begins; 0: none (default: %(default)s)",
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stack-") as data:
        try:
            parts = programs(arguments.home.absolute(), Path(data), arguments.prometheus, arguments.rush)
            Stack(parts, Path(data)).run()
        except CannotRunError as why:
            print(why, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
