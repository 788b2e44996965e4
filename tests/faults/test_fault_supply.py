"""Cases 89 and 90: what is shipped, and of what it is made."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import distributions, version
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parent.parent.parent
SHIPPED = {
    "chart": "tests/integration/test_chart_pods.py",
    "image": "tests/integration/test_image.py::test_hadolint_finds_nothing_to_mend",
}
"""The other tests of the image build and run it, which takes too long for here: `make test` has them."""
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-image.lock")
_PINNED = re.compile(
    r"^([\w.-]+)==(\S+)((?: ;[^\\\n]*)?)((?: \\\n    --hash=sha256:[0-9a-f]{64})*)$", re.MULTILINE
)


@pytest.mark.thorough
@pytest.mark.ours_only("the plain exporter is not shipped")
@pytest.mark.parametrize("what", SHIPPED)
def test_fault_89_what_is_shipped_may_do_nothing_that_it_need_not(
    what: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    report = tmp_path / "report.xml"
    words = (SHIPPED[what], f"--junitxml={report}", "--quiet", "-p", "no:cacheprovider")
    subprocess.run((sys.executable, "-m", "pytest", *words), cwd=ROOT, capture_output=True, check=False)
    tests = list(ET.parse(report).iter("testcase"))
    fallen = [
        one.attrib["name"] for one in tests if one.find("failure") is not None or one.find("error") is not None
    ]
    lacking = {skip.attrib["message"] for one in tests for skip in one.iter("skipped")}
    checks = sum(one.find("skipped") is None for one in tests)
    assert fallen == []
    if not checks:
        pytest.skip("; ".join(sorted(lacking)))
    record_property(f"checks of the {what}", checks)
    for why in lacking:
        record_property("left out", why)


def pinned(lock: str) -> dict[str, tuple[str, str]]:
    """Return the version and the hashes of each requirement of a lock file.

    Raises:
        AssertionError: it holds anything else.
    """
    text = (ROOT / lock).read_text()
    found = {name: (number, hashes) for name, number, _, hashes in _PINNED.findall(text)}
    assert _PINNED.sub("", text).strip() == "", f"{lock} has a line that pins nothing"
    return found


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


@pytest.mark.ours_only("it has no lock file")
@pytest.mark.parametrize("lock", LOCKS)
def test_fault_90_everything_is_locked_by_its_hashes(
    lock: str, record_property: Callable[[str, object], None]
) -> None:
    # Whether any of it is known to be vulnerable needs a database that cannot be asked from here.
    found = pinned(lock)
    assert all("--hash=sha256:" in hashes for _, hashes in found.values())
    record_property(f"packages of {lock}", len(found))


@pytest.mark.ours_only("it has no lock file")
def test_fault_90_what_runs_is_what_is_locked_and_no_older_than_promised() -> None:
    locked = pinned("requirements.lock")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    floors = dict(re.findall(r"^([\w-]+)>=([\d.]+)", "\n".join(project["dependencies"]), re.MULTILINE))
    assert len(floors) == len(project["dependencies"]), "a dependency has no floor"
    assert numbers(floors["aiohttp"]) >= (3, 14, 4)
    for name, floor in floors.items():
        number, _ = locked[name.lower()]
        assert numbers(number) >= numbers(floor), name
        assert version(name) == number, f"{name}: another version is installed than is locked"


@pytest.mark.ours_only("it is installed by nobody")
def test_fault_90_only_wheels_with_known_hashes_are_installed() -> None:
    made = (ROOT / "Makefile").read_text().splitlines()
    installing = [line for line in made if re.search(r"pip install.* -r ", line)]
    assert len(installing) == 2
    assert all("--require-hashes --only-binary :all:" in line for line in installing), installing
    recipe = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    assert re.search(r"^ENV .*PIP_ONLY_BINARY=:all: PIP_REQUIRE_HASHES=1", recipe, re.MULTILINE)
    unhashed = re.findall(r"PIP_REQUIRE_HASHES=0 (.*?)&&", recipe)
    assert len(unhashed) == 1
    assert "--no-deps --no-index" in unhashed[0], "only our own wheel has no hash"


@pytest.mark.thorough
@pytest.mark.ours_only("it has no bill of materials")
def test_fault_90_the_bill_of_materials_is_what_is_installed(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    bill = tmp_path / "sbom.json"
    told = (Path(sys.executable).parent / "cyclonedx-py", "environment", sys.executable, "--output-file", bill)
    subprocess.run(told, capture_output=True, check=True)
    named = {(_plain(one["name"]), one["version"]) for one in json.loads(bill.read_text())["components"]}
    assert named == {(_plain(one.name), one.version) for one in distributions()}
    locked = {(name, number) for name, (number, _) in pinned("requirements.lock").items()}
    assert len(locked & named) >= len(locked) - 3, "but for what other platforms need"
    record_property("components told", len(named))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
