"""Runs tests/faults against the exporter and against the plain one, and writes docs/reliability.md.

All between the page's markers is counted from the two JUnit reports. A test `test_fault_NN_...` belongs to case
NN. `record_property(name, figure)` puts a figure beside it; a name like `closed in, s <= 10` sets its limit, which
the page says to be kept or missed. Fails where a case has no test or was not survived.

With the word `mutants` it runs the tests marked `million` instead, against the exporter alone, and writes their
table: `tried` is the property with the number of random trials of which none may go wrong. Further words are
pytest's: `mutants -k 100` tries one seed alone.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from msgspec import Struct

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reliability.md"
GROUPS = {
    "A. Vendor answers": range(1, 27),
    "B. Network": range(27, 38),
    "C. Authorisation": range(38, 48),
    "D. Time": range(48, 56),
    "E. Configuration": range(56, 65),
    "F. Scrapes": range(65, 73),
    "G. Life cycle": range(73, 80),
    "H. Scale": range(80, 84),
    "I. Security and privacy": range(84, 91),
}
_SLOWEST = 5
_PYTEST = (".venv/bin/pytest", "tests/faults")
_WORKERS = 3  # for two cores: the tests wait for most of their time
_SEED = re.compile(r"-?\d+\]$")
_CASE = re.compile(r"test_fault_(\d\d)_(\w+)")
_LIMIT = re.compile(r"(.+) (<=|>=) ([\d.]+)$")
_ORACLE = (
    *("oracle: scrapes", "oracle: numbers"),
    *("oracle: slowest scrape, s", "oracle: slowest beat, s", "oracle: oldest number, s"),
)
_SURVIVED, _FELL, _UNASKED = "survived", "**fell**", "—"
_KEPT, _MISSED = "kept", "**missed**"

Figures = Mapping[str, str]


class Test(Struct, frozen=True):
    """One test, or one of its parameters, as the report tells it."""

    name: str
    """With its parameter."""
    result: str
    seconds: float
    figures: Figures
    why: str = ""
    """What a skip gives as its reason; empty for the others."""


class Case(Struct, frozen=True):
    """One of the 90, as all its tests together tell it."""

    number: int
    sentence: str
    result: str
    why: str
    """What part of it was skipped for; empty where none was."""
    figures: Figures


def main() -> int:
    """Run both, or the mutants; write the page, and print what fell and what took longest."""
    began = time.monotonic()
    if sys.argv[1:2] == ["mutants"]:
        ran = _run("ours", "million", *sys.argv[2:])
        _write("mutants", statistics(ran))
        unwell = [one.name for one in ran if one.result != _SURVIVED]
    else:
        ours, control = (_run(subject, "not million") for subject in ("ours", "plain"))
        _write("faults", report(ours, control, speed=os.environ.get("SPEED", "20")))
        ran = ours + control
        fell = [case for case in cases(ours) if case.result != _SURVIVED]
        unwell = [f"{case.number:02} {case.sentence}: {case.result} {case.why}" for case in fell]
        missed = (f"{case.number:02} {told}" for case in cases(ours) for told in _limits(case) if _MISSED in told)
        print(*missed, sep="\n")
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    print(f"{minutes} min {seconds} s. The slowest:")
    for one in sorted(ran, key=lambda test: -test.seconds)[:_SLOWEST]:
        print(f"  {one.seconds:6.1f} s  {one.name}")
    print(*(f"  {one}" for one in unwell), sep="\n")
    return 1 if unwell else 0


def _write(part: str, text: str) -> None:
    """Put the text between the markers of a part of the page."""
    begin, end = f"<!-- begin {part} -->", f"<!-- end {part} -->"
    page = PAGE.read_text("utf-8")
    marked = f"{begin}\n\n{text}\n{end}"
    PAGE.write_text(re.sub(f"{begin}.*{end}", lambda _: marked, page, flags=re.DOTALL))


def _run(subject: str, which: str, *words: str) -> list[Test]:
    with tempfile.TemporaryDirectory() as folder:
        return _ran(subject, which, Path(folder) / "report.xml", words)


def _ran(subject: str, which: str, path: Path, more: Sequence[str]) -> list[Test]:
    spread = (f"--numprocesses={_WORKERS}", "--dist=worksteal")
    words = (f"--subject={subject}", f"--junitxml={path}", *spread, "-qm", which, *more)
    told = subprocess.run((*_PYTEST, *words), cwd=ROOT, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
    if told.returncode and subject == "ours":  # that the plain one falls is what it is for
        print(told.stdout, flush=True)
    print(f"{subject}: {told.stdout.strip().splitlines()[-1]}", flush=True)
    return tests(path.read_text("utf-8"))


def tests(xml: str) -> list[Test]:
    """Return every test of a JUnit report."""
    return [_test(node) for node in ET.fromstring(xml).iter("testcase")]  # noqa: S314 - pytest wrote it for us


def _test(node: ET.Element) -> Test:
    figures = _worst({one.attrib["name"]: one.attrib["value"]} for one in node.iter("property"))
    name, seconds = node.attrib["name"], float(node.attrib["time"])
    if node.find("failure") is not None or node.find("error") is not None:
        return Test(name, _FELL, seconds, figures)
    skipped = node.find("skipped")
    if skipped is not None:
        return Test(name, _UNASKED, seconds, figures, skipped.attrib.get("message", ""))
    return Test(name, _SURVIVED, seconds, figures)


def cases(told: Iterable[Test], groups: Mapping[str, range] = GROUPS) -> list[Case]:
    """Return the cases in their order; one without a test was not survived."""
    of: dict[int, list[Test]] = {number: [] for numbers in groups.values() for number in numbers}
    for one in told:
        if (found := _CASE.match(one.name)) and int(found[1]) in of:
            of[int(found[1])].append(one)
    return [_case(number, some) for number, some in of.items()]


def _case(number: int, some: Sequence[Test]) -> Case:
    if not some:
        return Case(number, "no test", _UNASKED, "", {})
    sentences = sorted({_sentence(one.name.partition("[")[0]) for one in some})
    results = {one.result for one in some}
    result = next(result for result in (_FELL, _SURVIVED, _UNASKED) if result in results)
    why = "; ".join(sorted({one.why for one in some if one.why}))
    return Case(number, "; ".join(sentences), result, why, _worst(one.figures for one in some))


def _worst(several: Iterable[Figures]) -> Figures:
    """Return each figure once: the one nearest to its limit, or beyond; without one the greatest, or the last."""
    worst: dict[str, str] = {}
    for figures in several:
        for name, value in figures.items():
            before = worst.get(name)
            worst[name] = value if before is None else _worse(before, value, least=" >= " in name)
    return worst


def _worse(before: str, value: str, *, least: bool) -> str:
    try:
        return (min if least else max)(before, value, key=float)
    except ValueError:
        return value


def report(
    ours: Sequence[Test], control: Sequence[Test], groups: Mapping[str, range] = GROUPS, *, speed: str = "20"
) -> str:
    """Return the Markdown of both runs."""
    mine, plain = cases(ours, groups), cases(control, groups)
    survived, held = Counter(case.result for case in mine), Counter(case.result for case in plain)
    asked = held[_SURVIVED] + held[_FELL]
    rows = {one.number: _row(one, other) for one, other in zip(mine, plain, strict=True)}
    tables = (
        f"### {title}\n\n| Case | What goes wrong | Ours | Plain | Figures |\n| ---: | --- | --- | --- | --- |\n"
        + "".join(rows[number] for number in numbers)
        for title, numbers in groups.items()
    )
    limits = [told for one in mine for told in _limits(one)]
    kept = sum(_MISSED not in told for told in limits)
    counts = (
        f"**Ours: {survived[_SURVIVED]} of {len(mine)} survived.** "
        f"The plain exporter: {held[_SURVIVED]} of the {asked} that it can be asked. "
        f"Of the {len(limits)} limits of speed and size that the cases set, ours kept {kept}. "
        f"The clock was hurried {speed}-fold.\n"
    )
    return "\n".join((counts, *_oracle(ours), *tables))


def _row(mine: Case, plain: Case) -> str:
    shown = (_figure(name, value) for name, value in mine.figures.items() if name not in _ORACLE)
    result = f"{mine.result} (skipped: {mine.why})" if mine.why else mine.result
    cells = (f"{mine.number:02}", mine.sentence, result, plain.result, "; ".join(shown))
    return f"| {' | '.join(cells)} |\n".replace("|  |", "| |")


def _figure(name: str, value: str) -> str:
    """Return a figure as the page shows it; one that has a limit, with it."""
    found = _LIMIT.match(name)
    if not found:
        return f"{name} {value}"
    what, sign, limit = found.groups()
    kept = float(value) >= float(limit) if sign == ">=" else float(value) <= float(limit)
    return f"{what} {value} (at {'least' if sign == '>=' else 'most'} {limit}: {_KEPT if kept else _MISSED})"


def _limits(case: Case) -> list[str]:
    return [_figure(name, value) for name, value in case.figures.items() if _LIMIT.match(name)]


def _oracle(ours: Iterable[Test]) -> Iterator[str]:
    seen = [one for one in ours if _ORACLE[0] in one.figures]
    if seen:
        scrapes, numbers = (sum(int(one.figures[name]) for one in seen) for name in _ORACLE[:2])
        (slowest, where), (beat, there), (oldest, _) = (
            max((float(one.figures[name]), _sentence(one.name.partition("[")[0])) for one in seen)
            for name in _ORACLE[2:]
        )
        scrape = _figure(f'The slowest scrape, in "{where}", took, ms <= 250', f"{slowest * 1000:.0f}")
        healthy = _figure(f'the slowest `/-/healthy`, in "{there}", ms <= 100', f"{beat * 1000:.0f}")
        yield (
            f"In {len(seen)} runs the oracle held {numbers:,} numbers on {scrapes:,} scrapes against what the "
            f"accounts had sent. {scrape}; {healthy}; the oldest number was {oldest:.1f} s old.\n"
        )


def statistics(ran: Iterable[Test]) -> str:
    """Return a table of the random trials: none wrong of n means less than 3 in n, at 95 % (the rule of three)."""
    tried: dict[str, int] = {}
    wrong: set[str] = set()
    for one in ran:
        what = _sentence(_SEED.sub("]", one.name).removesuffix("[]"))
        tried[what] = tried.get(what, 0) + int(one.figures.get("tried", 0))
        if one.result != _SURVIVED:
            wrong.add(what)
    rows = (
        f"| {what} | {count:,} | {'**some** | ?' if what in wrong else f'0 | 3 in {count:,}'} |\n"
        for what, count in tried.items()
    )
    return "| What | Tried | Wrong | At 95 %, fewer than |\n| --- | ---: | ---: | ---: |\n" + "".join(rows)


def _sentence(name: str) -> str:
    found = _CASE.match(name)
    return (found[2] + name[found.end() :] if found else name.removeprefix("test_")).replace("_", " ")


if __name__ == "__main__":
    sys.exit(main())
