"""What is there before anything is polled: a cold start, idle memory, and the size of the image."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from bench.program import free_port, resident, running
from bench.report import Row, span

ROOT = Path(__file__).parent.parent
_STARTS = 5
_WITHIN = 1.0
_IDLE = 70e6
_CONFIG = """
server: {listen: "127.0.0.1:%d"}
accounts:
  - name: dead
    vendor: zendesk_talk
    credentials: {access_token: nothing}
    options: {base_url: "http://127.0.0.1:9"}
"""


def measure(short: bool = False) -> Iterator[Row]:  # noqa: FBT001, FBT002 - asked for by name
    """Yield the rows; the image is its root file system, made as the Dockerfile makes it."""
    starts = [_started() for _ in range(2 if short else _STARTS)]
    seconds, memory = median(took for took, _ in starts), median(held for _, held in starts)
    yield Row("cold start to a served /metrics", span(seconds), f"under {_WITHIN:.0f} s", seconds < _WITHIN)
    yield Row("resident memory, idle", f"{memory / 1e6:.0f} MB", f"under {_IDLE / 1e6:.0f} MB", memory < _IDLE)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # the root has a /tmp of its own
        try:
            size = _image(Path(folder))
        except subprocess.CalledProcessError as fault:
            why = (fault.stderr or b"").decode().strip().splitlines()[-1:]
            yield Row("the image", f"left out: {' '.join(map(str, fault.cmd[:3]))} failed: {''.join(why)}")
            return
    what = "the image, not compressed: the root file system alone, made by scripts/rootfs.py on this machine"
    yield Row(what, f"{size / 1e6:.0f} MB")


def _started() -> tuple[float, float]:
    """Return the seconds of one start, and the bytes held two seconds later."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(_CONFIG % port)
        began = time.perf_counter()
        with running([sys.executable, "-m", "exporter", "--config", config], port) as process:
            connection = HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/metrics")
            connection.getresponse().read()
            took = time.perf_counter() - began
            connection.close()
            time.sleep(2)
            return took, resident(process.pid)


def _image(folder: Path) -> int:
    """Return the bytes of the image's files.

    Raises:
        CalledProcessError: they cannot be made here.
    """
    python, app = Path(sys.executable), folder / "app"
    pip: list[str | Path] = [
        python,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "--python",
        app / "bin" / "python",
    ]
    _run(python, "-m", "venv", "--without-pip", app)
    locked = ["install", "--no-compile", "--only-binary", ":all:", "--require-hashes"]
    _run(*pip, *locked, "--requirement", ROOT / "requirements.lock")
    _run(python, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder / "dist")
    (wheel,) = (folder / "dist").glob("*.whl")
    _run(*pip, "install", "--no-compile", "--no-deps", wheel)
    bill: list[str | Path] = ["environment", "--output-reproducible", "--output-file", app / "sbom.cdx.json", app]
    _run(python.with_name("cyclonedx-py"), *bill)
    _run(app / "bin" / "python", ROOT / "scripts" / "rootfs.py", app, folder / "rootfs")
    return sum(file.lstat().st_size for file in (folder / "rootfs").rglob("*") if not file.is_dir())


def _run(*command: str | Path) -> None:
    subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, check=True)  # noqa: S603 - our own words
