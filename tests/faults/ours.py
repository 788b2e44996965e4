"""The exporter itself, the whole program, on a clock that runs faster: `python ours.py SPEED argv...`.

Its environment may name the files by which its wall clock is set and its name look-ups fail: see injected.py.
"""

import os
import sys
from importlib import import_module
from types import ModuleType

from hurry import hurried
from injected import inject


def main() -> int:
    """Run the command line.

    INJECT names what is called first, as `module:function`: a fault that must be inside of the process.
    """
    speed, *argv = sys.argv[1:]
    inject(float(speed), os.environ)
    from exporter import cli  # not sooner: it takes its clock when it is imported

    if float(speed) != 1:
        fast = ModuleType("uvloop")
        fast.new_event_loop = hurried(float(speed))  # type: ignore[attr-defined]  # as much of it as the program asks for
        sys.modules["uvloop"] = fast
    if first := os.environ.get("INJECT"):
        module, _, name = first.partition(":")
        getattr(import_module(module), name)()
    return cli.main(argv)


if __name__ == "__main__":
    sys.exit(main())
