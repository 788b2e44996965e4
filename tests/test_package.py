"""What others get who do not clone the repository."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import exporter

ROOT = Path(exporter.__file__).parent.parent


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone: nothing tells what belongs to it")
def test_the_source_distribution_is_the_whole_repository(tmp_path: Path) -> None:
    build = (Path(sys.executable).with_name("hatchling"), "build", "--target", "sdist", "--directory", tmp_path)
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    listed = subprocess.run(("git", "ls-files", "-z"), cwd=ROOT, capture_output=True, check=True).stdout
    files = {name for name in listed.decode().split("\0") if name and (ROOT / name).exists()}
    (path,) = tmp_path.iterdir()
    with tarfile.open(path) as package:
        held = {one.name.partition("/")[2] for one in package if not one.isdir()}
        package.extractall(tmp_path, filter="data")
    assert files <= held
    (folder,) = (one for one in tmp_path.iterdir() if one.is_dir())
    assert {name for name in files if (folder / name).read_bytes() != (ROOT / name).read_bytes()} == set()
