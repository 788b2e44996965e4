"""Takes the pictures in docs/images of a running `make stack` with a headless Chromium.

status.png is the exporter's status page with all five accounts, liveliest six minutes after the start. rush.png is
what Prometheus' own page tells of the latest 20 minutes, the rush and all that comes of it, 16 minutes after the
start.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

_IMAGES = Path(__file__).parent.parent / "docs" / "images"
_RUSH = (
    "max by (vendor) (contact_center_longest_wait_seconds)",
    'count by (alertname) (ALERTS{alertstate="firing", scope="queue"})',
)
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--virtual-time-budget=10000",  # milliseconds of its own clock for scripts to draw
)
_SECONDS = 60


def photograph(url: str, png: Path, *, width: int = 1280, height: int = 1000) -> None:
    """Write what the browser shows of the page as a PNG.

    Raises:
        subprocess.SubprocessError: the browser failed, or took longer than a minute.
    """
    _browse(url, f"--window-size={width},{height}", f"--screenshot={png}")


def document(url: str) -> str:
    """Return the page as the browser understood it, as HTML.

    Raises:
        subprocess.SubprocessError: the browser failed, or took longer than a minute.
    """
    return _browse(url, "--dump-dom")


def _browse(url: str, *flags: str) -> str:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = ("chromium", *_FLAGS, f"--user-data-dir={profile}", *flags, url)
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)  # noqa: S603 - fixed words and our own page
    return done.stdout


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", nargs="*", default=["status", "rush"], help="status or rush; default: both")
    parser.add_argument("--exporter", default="http://127.0.0.1:10777", help="default: %(default)s")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", help="default: %(default)s")
    arguments = parser.parse_args()
    graphs = {
        f"g{number}.{key}": value
        for number, query in enumerate(_RUSH)
        for key, value in {"expr": query, "tab": "0", "range_input": "20m"}.items()
    }
    if "status" in arguments.picture:
        photograph(f"{arguments.exporter}/", _IMAGES / "status.png", height=3540)  # all of it
    if "rush" in arguments.picture:
        photograph(f"{arguments.prometheus}/graph?{urlencode(graphs)}", _IMAGES / "rush.png", height=1620)
    return 0


if __name__ == "__main__":
    sys.exit(main())
