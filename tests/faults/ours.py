"""The exporter itself, the whole program, on a clock that runs faster: `python ours.py SPEED argv...`.

Its environment may name the files by which its wall clock is set and its name look-ups fail: see injected.py.
"""

import asyncio
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from hurry import hurried
from injected import inject


def main() -> int:
    """Run the command line; at SIGUSR1 the number of tasks goes into the file named by TASKS.

    INJECT names what is called first, as `module:function`: a fault that must be inside of the process.
    """
    speed, *argv = sys.argv[1:]
    inject(float(speed), os.environ)
    from exporter import cli  # not sooner: it takes its clock when it is imported

    make = hurried(float(speed))
    loops: list[asyncio.AbstractEventLoop] = []

    def new_event_loop() -> asyncio.AbstractEventLoop:
        loops.append(make())
        return loops[-1]

    def count(*_: object) -> None:
        Path(os.environ["TASKS"]).write_text(str(len(asyncio.all_tasks(loops[-1]))))

    signal.signal(signal.SIGUSR1, count)
    if float(speed) != 1:
        fast = ModuleType("uvloop")
        fast.new_event_loop = new_event_loop  # type: ignore[attr-defined]  # as much of it as the program asks for
        sys.modules["uvloop"] = fast
    if first := os.environ.get("INJECT"):
        module, _, name = first.partition(":")
        getattr(import_module(module), name)()
    return cli.main(argv)


if __name__ == "__main__":
    sys.exit(main())
