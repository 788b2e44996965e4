"""A start that a config must not survive: its exit code, its words and what it cost."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from subject import HERE

_PATIENCE = {"ours": 30.0, "plain": 10.0}
"""Seconds in which a start has ended, or gone to work."""


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    """-9: it did not end by itself, and went to work instead."""
    said: str
    seconds: float
    """Of a core."""
    mib: float
    """The most memory that it was seen to hold; what wait4 tells would begin with that of the tests."""


def ended(program: str, folder: Path, config: Path, command: str = "run") -> Ended:
    """Run a command of `ours` or `plain` to its end."""
    words = (str(HERE / f"{program}.py"), "1", command, "--config", str(config))
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            (sys.executable, *words),
            stdout=said,
            stderr=said,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(HERE), "TOLD": str(folder / "told")},
        )
        end, mib, pid = time.monotonic() + _PATIENCE[program], 0.0, 0
        while not pid:
            mib = max(mib, _held(process.pid))
            if time.monotonic() > end:
                process.kill()
            time.sleep(0.005)
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        process.returncode = os.waitstatus_to_exitcode(status)
    text = (folder / "said").read_text(errors="replace")
    return Ended(process.returncode, text, usage.ru_utime + usage.ru_stime, mib)


def _held(pid: int) -> float:
    """Return the most memory that a process has held since it became a program of its own, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def written(folder: Path, text: str) -> Path:
    """Write a config, and return its path."""
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def stopped(program: str, folder: Path, text: str) -> Ended:
    """Return how a start with this config ended, of itself and not well.

    Raises:
        AssertionError: it did not, and went to work.
    """
    found = ended(program, folder, written(folder, text))
    assert found.code not in {0, -9}, f"exit code {found.code}: {found.said[-2000:]}"
    return found


def planted(text: str) -> list[str]:
    """Return how a report on a config must begin, line by line: at the keys that its comments `#! key` name."""
    lines = enumerate(text.splitlines(), 1)
    return [
        f":{number}: {key}:"
        for number, line in lines
        for key in line.partition("#! ")[2].split(", ")
        if "#! " in line
    ]


def refused(program: str, folder: Path, text: str, command: str = "run") -> list[str]:
    """Return the report on a config, a line each: of all that its comments name, and of nothing else.

    Raises:
        AssertionError: it is not refused, or its report is another.
    """
    path = written(folder, text)
    found = ended(program, folder, path, command)
    assert found.code == 2, f"exit code {found.code}: {found.said[-2000:]}"
    report = found.said.splitlines()
    begun = [f"{path}{place}" for place in planted(text)]
    assert begun, "no fault was planted"
    for line, start in zip(report, begun, strict=True):
        assert line.startswith(start), f"{line!r} where {start!r} is due"
    return report
