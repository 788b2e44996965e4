"""The program without some of its standard streams: a supervisor may close them before it starts us."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import exporter

PATIENCE = 60.0
ROOT = Path(exporter.__file__).parent.parent
CONFIG = """
server: {listen: "127.0.0.1:0"}
accounts:
  - name: dead
    vendor: zendesk_talk
    credentials: {access_token: abcd1234}
    options: {base_url: "https://127.0.0.1:1"}
"""


def begun(folder: Path, closed: str, *words: str) -> subprocess.Popen[bytes]:
    """Start it. A SIGTERM waits from its first moment on until it knows what to do with one."""
    (folder / "config.yaml").write_text(CONFIG)
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "exporter", *words]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        return subprocess.Popen(command, cwd=folder, env=environ)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_program_that_was_started_without_a_stream_ends_well_all_the_same(closed: str, tmp_path: Path) -> None:
    process = begun(tmp_path, closed, "run")
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(("config", "code"), [("config.yaml", 0), ("nothing.yaml", 2)])
def test_who_cannot_be_told_anything_is_told_by_the_exit_code(config: str, code: int, tmp_path: Path) -> None:
    assert begun(tmp_path, "1>&- 2>&-", "check", "--config", config).wait(PATIENCE) == code
