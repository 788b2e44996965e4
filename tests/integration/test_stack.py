"""The shipped config, rules and routes in real programs: who is told what in a rush, and when a vendor is silent.

All takes a tenth of its time: calls, targets, and how long Prometheus and Alertmanager hesitate. Nothing else is
changed in the copies of the shipped files but the ports, and how often vendors are asked.
"""

import asyncio
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import stack
import webhook
from accounts import BERLIN
from msgspec import Struct
from msgspec.structs import asdict, replace
from test_demo import get, running, until

from exporter.simulator import server
from exporter.simulator.demo import demo_plan
from exporter.simulator.floor import Floor
from exporter.simulator.plan import FloorPlan, Habits, Rush
from exporter.simulator.stages import STAGES

_FASTER = 10
_TELL_WAITS = {"zendesk", "voximplant", "liveperson"}  # the others of config.yaml do not tell the longest wait
_PATIENCE = 150.0  # three times what a free machine takes
_TOO_LONG = "ContactCenterQueueWaitHigh"
_NUMBERS = {
    "config.yaml": (
        (r"(?<=\n  interval: )10s.*", "5s\n  max_age: 15s\n  budget_share: 100%"),
        (r"interval: 30s\}", "interval: 30s, max_age: 90s}"),
        (r"(?<=family: chat).*", r"\n    polling: {interval: 10s, max_age: 30s}"),
    ),
    "prometheus/targets.yml": ((r'(?<=:seconds\n        expr: ")(\d+)', rf"\1 / {_FASTER}"),),
}
_SIGNS = {"alertmanager": r"(Listening) on", "exporter": r'"(serving)"', "prometheus": r"(Server is ready)"}
_HESITATION = re.compile(
    r"\b(for|keep_firing_for|group_wait|group_interval|scrape_interval|evaluation_interval): (\d+)(s|m)\b"
)
_MILLISECONDS = {"s": 1000, "m": 60_000}

pytestmark = pytest.mark.needs("prometheus", "prometheus-alertmanager")


def ports(count: int) -> int:
    """Return the first of so many free ports in a row."""
    for first in range(20_000, 30_000, count):
        with ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no ports are free")


def copied(home: Path, *, faster: int = 1) -> int:
    """Copy what is shipped, on ports of its own; return Prometheus' port, the vendors' come after it."""
    first = ports(9)
    moved = {9093: first + 6, 10790: first + 7, 10777: first + 8} | {10778 + n: first + 1 + n for n in range(5)}
    shutil.copytree(stack.HOME / "prometheus", home / "prometheus")
    shutil.copy(stack.HOME / "config.yaml", home)
    for path in (home / "config.yaml", *home.rglob("*.yml")):
        text = path.read_text()
        for old, new in moved.items():
            text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
        if faster > 1:
            text = _HESITATION.sub(
                lambda found: f"{found[1]}: {int(found[2]) * _MILLISECONDS[found[3]] // faster}ms", text
            )
            for old_number, new_number in _NUMBERS.get(str(path.relative_to(home)), ()):
                text, changed = re.subn(old_number, new_number, text)
                assert changed, old_number
        path.write_text(text)
    return first


def hurried() -> FloorPlan:
    """Return the demo's plan with ten times as many callers, who take a tenth of the time, in an endless rush."""
    plan = demo_plan(BERLIN)
    habits = {
        name: value / _FASTER if name.endswith("_seconds") else value
        for name, value in asdict(plan.habits).items()
    }
    return replace(
        plan,
        queues=tuple(
            replace(
                queue, calls_per_hour=queue.calls_per_hour * _FASTER, talk_seconds=queue.talk_seconds / _FASTER
            )
            for queue in plan.queues
        ),
        habits=replace(Habits(**habits), most_wait_seconds=20),  # between the target, 12 s, and twice as much
        rushes=(Rush(time(), minutes=24 * 60, factor=10),),
    )


class Centre:
    """The five vendors on one floor, in a thread of their own."""

    def __init__(self, first_port: int) -> None:
        self.rush = hurried()
        self.calm = replace(self.rush, rushes=(), curve=(0.1,) * 24)
        now = datetime.now(UTC)
        self.floor = Floor(self.rush, now - timedelta(minutes=5))
        self.floor.advance(now)
        self._ports = {vendor: first_port + number for number, vendor in enumerate(STAGES)}
        self._open = {vendor: AsyncExitStack() for vendor in STAGES}
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()

    @contextmanager
    def living(self) -> Iterator[None]:
        thread = Thread(target=self._live)
        thread.start()
        asyncio.run_coroutine_threadsafe(server.pace(self.floor), self._loop)
        try:
            for vendor in STAGES:
                self.revive(vendor)
            yield
        finally:
            for vendor in STAGES:
                self.kill(vendor)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()

    def _live(self) -> None:
        with self._runner:
            self._loop.run_forever()

    def revive(self, vendor: str) -> None:
        dialect = {vendor: STAGES[vendor].open(self.floor)}
        self._do(self._open[vendor].enter_async_context(server.serve(dialect, ports=self._ports)))

    def kill(self, vendor: str) -> None:
        self._do(self._open[vendor].aclose())

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


class Scene(Struct, frozen=True):
    """A running stack."""

    centre: Centre
    told: list[dict[str, Any]]
    """The messages to the webhook, oldest first."""
    manager: str
    prometheus: str

    def queues(self, status: str) -> set[str]:
        """Return the accounts with a queue that had to wait, and of which the latest message told this status."""
        latest = {tell["groupKey"]: tell for tell in self.told}
        return {
            tell["groupLabels"]["account"]
            for tell in self.told
            if any(alert["labels"]["alertname"] == _TOO_LONG for alert in tell["alerts"])
            and latest[tell["groupKey"]]["status"] == status
        }

    def told_of(self, account: str) -> set[str]:
        """Return the alerts about an account as a whole that were told."""
        return {
            alert["labels"]["alertname"]
            for tell in self.told
            for alert in tell["alerts"]
            if alert["labels"]["scope"] == "account" and alert["labels"]["account"] == account
        }

    def states_of_queues(self, account: str) -> set[str]:
        """Return what Alertmanager does with the alerts about an account's waits: active or suppressed."""
        wanted = {"account": account, "alertname": _TOO_LONG}
        alerts: list[dict[str, Any]] = json.loads(get(f"{self.manager}/api/v2/alerts", "application/json"))
        return {alert["status"]["state"] for alert in alerts if wanted.items() <= alert["labels"].items()}


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with ExitStack() as all_of_it:
        home = Path(all_of_it.enter_context(tempfile.TemporaryDirectory()))
        first = copied(home, faster=_FASTER)
        parts = {part.name: part for part in stack.programs(home, home, first, 0)}
        centre = Centre(parts["simulator"].port)
        told: list[dict[str, Any]] = []
        all_of_it.enter_context(centre.living())
        all_of_it.enter_context(webhook.receiving(parts["webhook"].port, told.append))
        for name, sign in _SIGNS.items():
            (home / name).mkdir(exist_ok=True)
            all_of_it.enter_context(running(home / name, *parts[name].command))(sign)
        manager, prometheus = (f"http://127.0.0.1:{parts[name].port}" for name in ("alertmanager", "prometheus"))
        yield Scene(centre, told, manager, prometheus)


def test_a_rush_is_told_and_so_is_its_end(scene: Scene) -> None:
    scene.centre.floor.plan = scene.centre.rush
    until(lambda: scene.queues("firing") == _TELL_WAITS, _PATIENCE)
    (first, *_) = (
        alert for tell in scene.told for alert in tell["alerts"] if alert["labels"]["alertname"] == _TOO_LONG
    )
    summary = r"Somebody has waited [\d.]+s in queue \w+( \(\w+\))? of \w+, channel (voice|chat)"
    assert re.fullmatch(summary, first["annotations"]["summary"])

    scene.centre.floor.plan = scene.centre.calm
    until(lambda: not scene.queues("firing"), _PATIENCE)
    assert scene.queues("resolved") == _TELL_WAITS


def test_a_dead_vendor_is_told_its_queues_are_muted_and_the_others_go_on(scene: Scene) -> None:
    scene.centre.floor.plan = scene.centre.rush
    until(lambda: scene.queues("firing") == _TELL_WAITS, _PATIENCE)

    scene.centre.kill("voximplant")
    try:
        until(lambda: "ContactCenterQueuesStale" in scene.told_of("voximplant"), _PATIENCE)
        silent_since = len(scene.told)
        assert scene.states_of_queues("voximplant") == {"suppressed"}
        until(lambda: "ContactCenterAccountDown" in scene.told_of("voximplant"), _PATIENCE)
    finally:
        scene.centre.revive("voximplant")
    assert scene.queues("firing") == _TELL_WAITS, "a queue that nobody sees is not told to be resolved"
    later = [tell["groupLabels"] for tell in scene.told[silent_since:]]
    assert not [group for group in later if group["account"] == "voximplant" and "queue" in group]
    for other in _TELL_WAITS - {"voximplant"}:
        assert scene.states_of_queues(other) == {"active"}
        assert not scene.told_of(other)


def test_every_rule_can_be_computed_from_what_five_vendors_tell(scene: Scene) -> None:
    def rules() -> dict[str, str]:
        groups = json.loads(get(f"{scene.prometheus}/api/v1/rules", "application/json"))["data"]["groups"]
        return {
            rule["name"]: rule["health"] + rule.get("lastError", "") for one in groups for rule in one["rules"]
        }

    until(lambda: "unknown" not in rules().values(), _PATIENCE)
    assert {name: health for name, health in rules().items() if health != "ok"} == {}


def test_the_stack_starts_tells_where_it_is_and_ends_with_all_that_it_started(tmp_path: Path) -> None:
    first = copied(tmp_path)
    command = (sys.executable, stack.HOME / "scripts/stack.py", "--home", tmp_path, "--prometheus", str(first))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            shown = "".join(iter(process.stdout.readline, "Ctrl-C ends all. What Alertmanager tells:\n"))  # type: ignore[union-attr]  # a pipe
            addresses = re.findall(r"http://127\.0\.0\.1:\d+\S*", shown)
            assert len(addresses) == 4, shown
            assert all(until(lambda url=url: get(url)) for url in addresses)  # type: ignore[misc]  # lambdas have no types
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=90)
        finally:
            process.terminate()
    assert (process.returncode, errors) == (0, "")
    assert not any(stack._answers(port) for port in range(first, first + 9))


def test_a_port_that_is_taken_ends_the_stack_before_it_starts_anything(tmp_path: Path) -> None:
    first = copied(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        command = (sys.executable, stack.HOME / "scripts/stack.py", "--home", tmp_path, "--prometheus", str(first))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"127.0.0.1:{first}, where prometheus should listen, is taken: ")


def test_a_program_that_fails_ends_the_stack_with_its_last_words(tmp_path: Path) -> None:
    first = copied(tmp_path)
    with (tmp_path / "config.yaml").open("a") as config:
        config.write("\nservre: {}\n")
    command = (sys.executable, stack.HOME / "scripts/stack.py", "--home", tmp_path, "--prometheus", str(first))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("exporter ended by itself; its log ends so:\n")
    assert "servre: unknown key" in done.stderr
    assert not any(stack._answers(port) for port in range(first, first + 9))
