"""What may be typed after the program's name."""

import argparse
from pathlib import Path

from exporter import __version__
from exporter.config import Listen, read_listen
from exporter.shard import Shard

SIMULATOR_PORT = 10778
WHOLE = Shard()
_DAY_MINUTES = 24 * 60
_FASTEST = 10_000.0  # seconds of a simulated life a second: more would take a core for itself


def parser() -> argparse.ArgumentParser:
    """Return what reads argv; `command` is the word of the command, `run` where there is none."""
    whole = argparse.ArgumentParser(
        prog="contact-center-exporter",
        description="Contact-centre statistics of many vendors for Prometheus. Without a command: run.",
    )
    whole.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    _run_options(whole)
    whole.set_defaults(command="run")
    commands = whole.add_subparsers(metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(command=name)
        return one

    _run_options(command("run", "poll every account of the config and serve /metrics (the default)"))
    check = command("check", "check the config without asking anybody, and print what it will cost")
    check.add_argument("--config", type=Path, default=Path("config.yaml"), help="default: %(default)s")
    check.add_argument("--agents", type=_count, default=100, help="agents of an account (default: %(default)s)")
    examine = command("doctor", "ask each vendor once, and tell what the key may see")
    examine.add_argument("--config", type=Path, default=Path("config.yaml"), help="default: %(default)s")
    health = command("healthcheck", "tell whether the exporter on this machine is alive")
    health.add_argument("--config", type=Path, default=Path("config.yaml"), help="default: %(default)s")
    demo = command("demo", "a simulated contact centre and the exporter; no account needed")
    demo.add_argument("--config", type=Path, help="a config whose accounts are simulated (default: built in)")
    _rush_option(demo)
    _serve_options(demo)
    simulate = command("simulate", "the simulated contact centre alone")
    simulate.add_argument(
        "--port",
        type=_port,
        default=SIMULATOR_PORT,
        help="of the first vendor; others follow (default: %(default)s)",
    )
    simulate.add_argument("--speed", type=_speed, default=1.0, help="seconds of its life a second")
    simulate.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    _rush_option(simulate)
    simulate.add_argument("--faults", type=Path, help="a JSON file of faults to inject")
    recording = command(
        "record",
        "ask each vendor once, and keep the answers; names, addresses and numbers are left out, ids stay",
    )
    recording.add_argument("--config", type=Path, default=Path("config.yaml"), help="default: %(default)s")
    recording.add_argument("--folder", type=Path, default=Path("recorded"), help="default: %(default)s")
    replay = command("replay", "answer on 127.0.0.1 as one recorded account did")
    replay.add_argument("folder", type=Path, help="one account's folder of a recording")
    replay.add_argument("--port", type=_port, default=SIMULATOR_PORT, help="default: %(default)s")
    command("metrics", "print the table of all metrics")
    return whole


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=Path("config.yaml"), help="default: %(default)s")
    parser.add_argument(
        "--shard",
        metavar="N/COUNT",
        type=_shard,
        default=WHOLE,
        help="poll the share of the accounts that falls to replica N of COUNT; the first is 0",
    )
    _serve_options(parser)


def _serve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--listen", metavar="HOST:PORT", type=_address, help="in place of the config's server.listen"
    )
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    parser.add_argument("--log-format", choices=("auto", "console", "json"), default="auto")


def _rush_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rush",
        metavar="MINUTES",
        type=_minutes,
        default=0,
        help="a quiet day that begins with a rush of so many minutes (default: a day like any other)",
    )


def _address(text: str) -> Listen:
    try:
        return read_listen(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 7 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of agents")
    return int(text)


def _minutes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= _DAY_MINUTES):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes from 1 to {_DAY_MINUTES}")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; 0 lets the system choose one")
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= _FASTEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed; more than 0, at most {_FASTEST:g}")
    return speed


def _shard(text: str) -> Shard:
    try:
        return Shard.read(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None
