"""What needs no vendor: the commands that simulate a contact centre, or repeat what one has said."""

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from exporter import signals
from exporter.arguments import SIMULATOR_PORT
from exporter.config import ConfigError, Problem
from exporter.simulator import server
from exporter.simulator.demo import demo_config, demo_floor
from exporter.simulator.faults import Fault, Faulty, read_faults
from exporter.simulator.recorded import Recorded
from exporter.simulator.stages import STAGES

_ZONE = ZoneInfo("Europe/Berlin")


async def play(arguments: argparse.Namespace, serve: Callable[[Path], Awaitable[int]]) -> int:
    """Run a simulated centre, and `serve` the exporter beside it from a config."""
    floor = demo_floor(datetime.now(UTC), _ZONE, rush_minutes=arguments.rush)
    dialects = {vendor: stage.open(floor) for vendor, stage in STAGES.items()}
    ports = _ports(SIMULATOR_PORT) if arguments.config else {}
    async with server.serve(dialects, ports=ports) as urls, asyncio.TaskGroup() as tasks:
        pace = tasks.create_task(server.pace(floor))
        with tempfile.TemporaryDirectory() as folder:
            path = arguments.config or Path(folder) / "config.yaml"
            if not arguments.config:
                path.write_text(f"polling: {{interval: 10s}}\n{demo_config(floor, urls)}")
            code = await serve(path)
        pace.cancel()
    return code


async def act(arguments: argparse.Namespace, tell: Callable[[str], None]) -> None:
    """Run a simulated centre alone, until a signal ends it; a config that asks it is told."""
    floor = demo_floor(datetime.now(UTC), _ZONE, arguments.seed, arguments.rush)
    faults = _faults(arguments.faults)
    dialects = {vendor: Faulty(stage.open(floor), faults, floor) for vendor, stage in STAGES.items()}
    stop = asyncio.Event()
    signals.follow(stop)
    ports = _ports(arguments.port)
    async with server.serve(dialects, ports=ports) as urls, asyncio.TaskGroup() as tasks:
        pace = tasks.create_task(server.pace(floor, arguments.speed))
        tell(demo_config(floor, urls))
        await stop.wait()
        pace.cancel()


async def repeat(folder: Path, port: int, tell: Callable[[str], None]) -> None:
    """Answer as one recorded account did, until a signal ends it; what its config needs is told."""
    stop = asyncio.Event()
    signals.follow(stop)
    async with server.serve({"recorded": Recorded(folder)}, ports={"recorded": port}) as urls:
        tell(f"base_url: {urls['recorded']}")
        await stop.wait()


def _ports(first: int) -> Mapping[str, int]:
    """Return a port for each simulated vendor: as many in a row as there are."""
    return {vendor: first + number if first else 0 for number, vendor in enumerate(STAGES)}


def _faults(path: Path | None) -> tuple[Fault, ...]:
    try:
        return read_faults(path.read_bytes()) if path else ()
    except ValueError as wrong:
        raise ConfigError(str(path), [Problem(None, "", str(wrong))]) from None
