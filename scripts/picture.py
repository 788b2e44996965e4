"""Takes a picture of the status page with a headless Chromium: docs/images/status.png of a running `make demo`."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

_IMAGE = Path(__file__).parent.parent / "docs" / "images" / "status.png"
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
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
    """Take the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:10777/", help="default: %(default)s")
    parser.add_argument("png", nargs="?", type=Path, default=_IMAGE, help="default: docs/images/status.png")
    arguments = parser.parse_args()
    photograph(arguments.url, arguments.png.absolute())
    return 0


if __name__ == "__main__":
    sys.exit(main())
