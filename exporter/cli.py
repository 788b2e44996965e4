"""The command line: words to deeds. Nothing else in the program prints."""

import argparse
import asyncio
import errno
import gc
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from msgspec.structs import replace

from exporter import doctor, healthcheck, log, signals
from exporter.app import Exporter
from exporter.arguments import WHOLE, parser
from exporter.config import Config, ConfigError, Listen
from exporter.config.secrets import secrets_in
from exporter.metrics.exposition import FAMILIES
from exporter.metrics.family import PREFIX
from exporter.plan import plan, read, told
from exporter.shard import Shard
from exporter.transport import tls_context

FINE, FAILED, WRONG_CONFIG = 0, 1, 2
_LOOPBACK = Listen("127.0.0.1", 10777)
_STDERR = 2  # by its number: sys.stderr is not there if it was closed before we started
_NOT_OURS = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES})
_UNTIL_A_SIGNAL = frozenset({"run", "demo", "simulate", "replay"})
_SWITCH = 0.0001  # seconds after which the worker thread gives way to the event loop
_GC = (100_000, 20, 50)  # snapshots are large and hold no cycles: look at them seldom, each time is a stall


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 fine, 1 failed, 2 wrong config."""
    arguments = parser().parse_args(argv)
    if arguments.command not in _UNTIL_A_SIGNAL:
        signals.release()
    try:
        code = _COMMANDS[arguments.command](arguments)
        print(end="", flush=True)
    except ConfigError as wrong:
        print(wrong, file=sys.stderr)
        return WRONG_CONFIG
    except OSError as fault:
        print(f"contact-center-exporter: {_in_words(fault)}", file=sys.stderr)
        return FAILED
    return code


def _in_words(fault: OSError) -> str:
    words = fault.strerror or type(fault).__name__
    if fault.filename:
        return f"{fault.filename}: {words}"
    return f"{words}; choose another address or port" if fault.errno in _NOT_OURS else words


def _run(arguments: argparse.Namespace) -> int:
    reader = _reader(arguments.config, arguments.listen, arguments.shard)
    return complete(_serve(reader(), reader, arguments))


def _check(arguments: argparse.Namespace) -> int:
    config = _reader(arguments.config)()
    plans = [plan(account, arguments.agents) for account in config.accounts]
    print(told(plans, keeps_tokens=config.server.state_dir is not None))
    return FINE


def _doctor(arguments: argparse.Namespace) -> int:
    return complete(_examine(_reader(arguments.config)()))


def _healthcheck(arguments: argparse.Namespace) -> int:
    if problem := healthcheck.problem(healthcheck.listens(arguments.config)):
        print(problem, file=sys.stderr)
    return FAILED if problem else FINE


def _demo(arguments: argparse.Namespace) -> int:
    return complete(_play(arguments))


def _simulate(arguments: argparse.Namespace) -> int:
    return complete(_act(arguments))


def _record(arguments: argparse.Namespace) -> int:
    return complete(_keep(_reader(arguments.config)(), arguments.folder))


def _replay(arguments: argparse.Namespace) -> int:
    return complete(_repeat(arguments.folder, arguments.port))


def _metrics(_: argparse.Namespace) -> int:
    for family in FAMILIES:
        labels = ", ".join(("vendor", "account", *family.labels))
        print(f"{PREFIX}{family.name} ({family.kind}) {{{labels}}}\n    {family.help}")
    return FINE


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "check": _check,
    "doctor": _doctor,
    "healthcheck": _healthcheck,
    "demo": _demo,
    "simulate": _simulate,
    "record": _record,
    "replay": _replay,
    "metrics": _metrics,
}


def _reader(path: Path, listen: Listen | None = None, shard: Shard = WHOLE) -> Callable[[], Config]:
    """Return what reads the config, now and at each reload; an address of the command line goes before its own."""

    def reader() -> Config:
        config = shard.of(read(path, os.environ))
        if listen is None:
            return config
        return replace(config, server=replace(config.server, listen=listen))

    return reader


def complete(work: Coroutine[None, None, int]) -> int:
    """Run to the end and return the exit code, on uvloop where it is installed.

    Its idle TLS connections take a quarter of the memory.
    """
    factory = None
    with suppress(ImportError):
        import uvloop  # noqa: PLC0415 - it is not there on every platform

        factory = uvloop.new_event_loop
    sys.setswitchinterval(_SWITCH)
    gc.freeze()
    gc.set_threshold(*_GC)
    with asyncio.Runner(loop_factory=factory) as runner:
        try:
            code = runner.run(work)
        except ExceptionGroup as group:
            raise _first(group) from None
        print(end="", flush=True)
    return code


def _first(fault: Exception) -> Exception:
    """Return the first fault of a group, whatever groups it is in."""
    return _first(fault.exceptions[0]) if isinstance(fault, ExceptionGroup) else fault


async def _serve(config: Config, reader: Callable[[], Config], arguments: argparse.Namespace) -> int:
    """Run the exporter until a signal ends it."""
    secrets = dict.fromkeys(secrets_in(config))
    with log.opened(
        stream=log.raw(_STDERR),
        level=arguments.log_level,
        style=arguments.log_format,
        secrets=lambda: (secret.reveal() for secret in tuple(secrets)),
    ) as journal:

        def reread() -> Config:
            fresh = reader()
            secrets.update(dict.fromkeys(secrets_in(fresh)))  # the old ones stay: they may still be in a line
            return fresh

        exporter = Exporter(config, read=reread, log=journal.log, lines_dropped=lambda: journal.dropped)
        stop = asyncio.Event()
        signals.follow(stop, exporter.reload)
        host = config.server.listen.host

        def listening(port: int) -> None:
            url = f"{exporter.scheme}://{_shown(host)}:{port}/"
            journal.log.info("serving", url=url, accounts=len(config.accounts))

        await exporter.run(stop, listening)
    return FINE


def _shown(host: str) -> str:
    """Return the host as one would write it into a browser on this machine."""
    everywhere = host in {"", "0.0.0.0", "::"}  # noqa: S104 - this only names it
    return "localhost" if everywhere else f"[{host}]" if ":" in host else host


def _journal(config: Config) -> AbstractContextManager[log.Journal]:
    """Return the journal of a command that prints its result: it has little to say."""
    secrets = list(secrets_in(config))
    return log.opened(
        stream=log.raw(_STDERR),
        level="error",
        style="auto",
        secrets=lambda: (secret.reveal() for secret in secrets),
    )


async def _examine(config: Config) -> int:
    with _journal(config) as journal:
        checkups = [
            await doctor.examine(account, config, tls_context(), journal.log) for account in config.accounts
        ]
    print("\n\n".join(map(doctor.told, checkups)))
    return FINE if all(checkup.healthy for checkup in checkups) else FAILED


async def _keep(config: Config, folder: Path) -> int:
    from exporter.record import record  # noqa: PLC0415 - what is recorded is known to the simulator: as below

    whole = True
    with _journal(config) as journal:
        for account in config.accounts:
            place = folder / account.name
            for one in await record(account, place, config.server.state_dir, tls_context(), journal.log):
                whole = whole and one.failure is None
                print(f"{account.name}  {one.endpoint}  {one.failure or f'{len(one.files)} files in {place}'}")
    return FINE if whole else FAILED


def _tell(text: str) -> None:
    print(text, flush=True)


async def _play(arguments: argparse.Namespace) -> int:
    from exporter import rehearsal  # noqa: PLC0415 - a tenth of the start, which nobody else should wait for

    async def serve(path: Path) -> int:
        reader = _reader(path, arguments.listen or _LOOPBACK)  # a demo is nobody else's to see
        return await _serve(reader(), reader, arguments)

    return await rehearsal.play(arguments, serve)


async def _act(arguments: argparse.Namespace) -> int:
    from exporter import rehearsal  # noqa: PLC0415 - as above

    await rehearsal.act(arguments, _tell)
    return FINE


async def _repeat(folder: Path, port: int) -> int:
    from exporter import rehearsal  # noqa: PLC0415 - as above

    await rehearsal.repeat(folder, port, _tell)
    return FINE
