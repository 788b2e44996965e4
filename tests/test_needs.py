"""A test that needs a program: skipped where that is missing, failed where CI must not skip."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


@pytest.mark.parametrize(
    ("ci", "program", "told"),
    [
        ("", "no-such-program", "1 skipped"),
        ("true", "no-such-program", "no-such-program is missing"),
        ("true", "sh", "1 passed"),
    ],
)
def test_a_missing_program_skips_and_fails_in_ci(ci: str, program: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    needs(program): runs it\n")
    (tmp_path / "test_it.py").write_text(
        f"import pytest\n\n@pytest.mark.needs({program!r})\ndef test_it():\n    pass\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "conftest", "-p", "no:cacheprovider", tmp_path],
        env={**os.environ, "CI": ci, "PYTHONPATH": f"{TESTS}:{TESTS / 'faults'}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told in run.stdout
