"""Measures one part or all of them, and writes their tables into docs/performance.md."""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping

from bench import many, poll, scrape, start, together
from bench.report import PAGE, Row, machine, missed, table, with_part

PARTS: Mapping[str, Callable[[bool], Iterator[Row]]] = {
    "scrape": scrape.measure,
    "poll": poll.measure,
    "together": together.measure,
    "many": many.measure,
    "start": start.measure,
}


def main() -> None:
    """Measure what was asked for; `--short` only tries it, and writes nothing."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--short", action="store_true", help="a few minutes less, and nothing is written")
    arguments = parser.parse_args()
    lost: list[str] = []
    for part in arguments.parts or PARTS:
        began, where = time.monotonic(), machine()
        print(f"{part}: {where}", flush=True)
        rows = []
        for row in PARTS[part](arguments.short):
            rows.append(row)
            print(f"  {row.what}: {row.measured}", flush=True)
        lost += missed(rows)
        if not arguments.short:
            PAGE.write_text(with_part(PAGE.read_text(), part, table(part, where, rows)))
        print(f"{part}: {time.monotonic() - began:.0f} s", flush=True)
    print("\n".join(["Missed:", *lost] if lost else ["All goals are kept."]))


if __name__ == "__main__":
    main()
