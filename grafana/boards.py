"""Writes grafana/dashboards/*.json from these modules; says what it wrote."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import agent_board
import exporter_board
import queue_board
import wallboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

FOLDER = Path(__file__).parent / "dashboards"
DOCS = "https://example.org/contact-center-exporter/docs"
"""Where docs/ is published; links to the runbooks begin so."""


def main() -> int:
    """Write every board that has changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", default=DOCS, help="where docs/ is published (default: %(default)s)")
    for path, text in boards(parser.parse_args().docs):
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(f"{path.relative_to(FOLDER.parent.parent)}: written")
    return 0


def boards(docs: str = DOCS) -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each board."""
    for made in (wallboard.board, queue_board.board, agent_board.board, exporter_board.board):
        board = made(docs)
        text = json.dumps(board, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        yield FOLDER / f"{board.uid}.json", f"{text}\n"


if __name__ == "__main__":
    sys.exit(main())
