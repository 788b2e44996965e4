"""Writes the parts of docs/ that the code knows better; with --check, fails where they are not what it says.

docs/metrics.md and docs/vendors/README.md are whole pages. In a vendor's page, what stands between
`<!-- begin X -->` and `<!-- end X -->` is written: `fields FOLDER ...` tells the metrics of each field, found by
leaving it out of the recorded payloads in these folders; `plan` tells what `check` prints. Both are about the
account in the page's first YAML example.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct
from prometheus_client import CollectorRegistry

from exporter.config import Account
from exporter.errors import Unreadable
from exporter.metrics.account import ACCOUNT
from exporter.metrics.families import AGENT_DAY, CENTRE, NOW
from exporter.metrics.family import PREFIX, Family
from exporter.metrics.process import ProcessMetrics
from exporter.metrics.totals import TOTALS
from exporter.model import Dropped
from exporter.plan import plan, read, told, vendor_of
from exporter.vendors import VENDORS
from exporter.vendors.contract import Moment, Vendor
from exporter.wire.http import Reply

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAYLOADS = ROOT / "tests" / "payloads"
_AT = Moment(datetime(2026, 3, 29, 10, tzinfo=UTC))
_SIZES = (10, 100, 1_000)
_OWN_LABELS = {"status", "vendor_status", "queue", "agent"}  # a sample's label of these depends on its row

Row = tuple[str, ...]
Series = tuple[str, tuple[str, ...]]


class Stale(Exception):
    """A page cannot be written: it says too little, or what is not so."""


class Field(Struct, frozen=True):
    """What one field of an endpoint becomes."""

    name: str
    metrics: tuple[str, ...]
    """With those labels that are always the same."""
    expected: bool
    """Whether its absence is told as a change of the API."""


class Seen(Struct, frozen=True):
    """What the vendor's module makes of one document."""

    series: Mapping[Series, Any]
    invalid_rows: int
    drift: frozenset[str]


def main() -> int:
    """Write the pages, or compare them with what would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where something would change")
    check = parser.parse_args().check
    stale = 0
    try:
        for path, text in pages():
            if path.exists() and path.read_text("utf-8") == text:
                continue
            stale += 1
            print(f"{path.relative_to(ROOT)}: {'not what the code says; run: make docs' if check else 'written'}")
            if not check:
                path.write_text(text, "utf-8")
    except Stale as wrong:
        print(wrong)
        return 1
    return 1 if check and stale else 0


def pages() -> Iterator[tuple[Path, str]]:
    """Yield every page, as it should be."""
    vendors = {name: vendor_of(_account(name)) for name in VENDORS}
    yield DOCS / "metrics.md", _metrics_page(vendors)
    yield DOCS / "vendors" / "README.md", _vendors_page(vendors)
    for name in vendors:
        yield _page(name), _vendor_page(name)


def _page(vendor: str) -> Path:
    return DOCS / "vendors" / f"{vendor}.md"


@cache
def _account(vendor: str) -> Account:
    """Return the account of the first YAML example in the vendor's page."""
    path = _page(vendor)
    example = re.search(r"```yaml\n(.*?)```", path.read_text("utf-8") if path.exists() else "", re.DOTALL)
    if example is None:
        raise Stale(f"{path.relative_to(ROOT)}: it needs a config of the vendor as its first YAML example")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(example[1], "utf-8")
        environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", example[1]), "secret")
        (account,) = read(file, environ).accounts
    return account


def _metrics_page(vendors: Mapping[str, Vendor]) -> str:
    givers = _givers(vendors)

    def filled(families: Iterable[Family[Any]]) -> str:
        rows = (
            (*_row(family), "<br>".join(f"{v}: {', '.join(e)}" for v, e in givers[family.name].items()) or "—")
            for family in families
        )
        return _table(("Metric", "Type", "Labels", "Meaning", "Filled by"), rows)

    def plain(rows: Iterable[Row]) -> str:
        return _table(("Metric", "Type", "Labels", "Meaning"), rows)

    return f"""\
# Metrics

Written by `make docs` from the tables in `exporter/metrics/`; the changelog tells when a name or label changes.

Every metric of an account carries `vendor` and `account` (its name in the config) besides the labels below.
Durations are seconds, instants are seconds since the Unix epoch. **What a vendor did not tell is absent**, never 0
and never NaN; what is older than `polling.max_age` is absent too. `_today` counts from midnight of the account: a
gauge, for it falls there. "Filled by" names the vendor's endpoint; — is for what the exporter finds out
by itself from poll to poll, and for vendors to come.

## Now

{filled(NOW)}
## Today, agent by agent

{filled(AGENT_DAY)}
## Today, all agents together

{filled(TOTALS)}
## How the polls are doing

{plain(map(_row, ACCOUNT))}
## The process

These carry neither `vendor` nor `account`. With them come `process_*` and `python_gc_*` of the client library.

{plain(_process_rows())}"""


def _row(family: Family[Any]) -> Row:
    return f"`{PREFIX}{family.name}`", family.kind, _code(family.labels), family.help


def _process_rows() -> Iterator[Row]:
    registry = CollectorRegistry()
    ProcessMetrics(registry, "")
    for metric in registry.collect():
        if metric.name.startswith(PREFIX):
            yield f"`{metric.name}`", metric.type, _code(metric.samples[0].labels), metric.documentation


def _vendors_page(vendors: Mapping[str, Vendor]) -> str:
    givers = _givers(vendors)
    rows = (
        (f"`{family.name}`", *(_code(givers[family.name].get(vendor, ())) or "—" for vendor in vendors))
        for family in CENTRE
    )
    heads = ("Metric", *(f"[{name}]({name}.md)" for name in vendors))
    return f"""\
# Which vendor tells what

Written by `make docs`. A row is a metric without its prefix `{PREFIX}`; a cell is the vendor's endpoint that
can fill it, where plan, role and config allow. `contact-center-exporter doctor` tells what *your* key may see.

{_table(heads, rows)}"""


def _givers(vendors: Mapping[str, Vendor]) -> Mapping[str, Mapping[str, list[str]]]:
    """Return the endpoints that can fill each metric, by vendor."""
    givers: dict[str, dict[str, list[str]]] = {family.name: {} for family in CENTRE}
    for name, vendor in vendors.items():
        for endpoint in vendor.endpoints:
            for metric in endpoint.gives:
                givers[metric].setdefault(name, []).append(endpoint.name)
    return givers


def _vendor_page(name: str) -> str:
    text = _page(name).read_text("utf-8")
    sections: Mapping[str, Callable[..., str]] = {"fields": _fields_section, "plan": _plan_section}

    def written(match: re.Match[str]) -> str:
        what, *folders = match[1].split()
        return f"<!-- begin {match[1]} -->\n{sections[what](name, *folders)}<!-- end {what} -->"

    return re.sub(r"<!-- begin ([\w ]+) -->\n.*?<!-- end \w+ -->", written, text, flags=re.DOTALL)


def _plan_section(name: str) -> str:
    return f"\n```\n{told([plan(_account(name), agents) for agents in _SIZES])}\n```\n\n"


def _fields_section(name: str, *folders: str) -> str:
    """Return a table for each endpoint; a field without a metric must be in the page's table of those left out."""
    vendor, page = vendor_of(_account(name)), _page(name)
    left_out = set(re.findall(r"^\| `([\w-]+)` \| `([\w.\[\]]+)` \|", page.read_text("utf-8"), re.MULTILINE))
    tables = []
    for endpoint in vendor.endpoints:
        fields = list(_fields(vendor, endpoint.name, [PAYLOADS / name / folder for folder in folders]))
        for field in fields:
            if bool(field.metrics) is ((endpoint.name, field.name) in left_out):
                wrong = "is told as left out, and fills a metric" if field.metrics else "fills no metric: say why"
                raise Stale(f"{page.relative_to(ROOT)}: {endpoint.name}.{field.name} {wrong}")
        rows = ((f"`{one.name}`{_mark(one)}", "<br>".join(one.metrics) or "left out") for one in fields)
        tables.append(f"\n### {endpoint.name}\n\n{_table(('Field', 'Metric'), rows)}")
    return "".join(tables) + "\n"


def _mark(field: Field) -> str:
    return " †" if field.metrics and not field.expected else ""


def _fields(vendor: Vendor, endpoint: str, folders: Iterable[Path]) -> Iterator[Field]:
    documents = [_document(vendor, endpoint, folder) for folder in folders]
    for path in sorted({path for document in documents for path in _leaves(document)}):
        whole = [_seen(vendor, endpoint, document) for document in documents]
        parts = [_seen(vendor, endpoint, _without(document, "", path)) for document in documents]
        name = path.removeprefix(endpoint).removeprefix("[]").removeprefix(".")
        if any(part is None or part.invalid_rows for part in parts):
            yield Field(name, ("the key of the row: the label of its series",), expected=True)
            continue
        pairs = [(old, new) for old, new in zip(whole, parts, strict=True) if old and new]
        changed = {key for old, new in pairs for key in old.series if old.series[key] != new.series.get(key)}
        yield Field(name, tuple(_named(changed)), expected=any(new.drift - old.drift for old, new in pairs))


def _named(changed: Iterable[Series]) -> Iterator[str]:
    """Yield the metrics of these series, in the order of the page."""
    for family in CENTRE:
        mine = [labels for name, labels in changed if name == family.name]
        labels = [_label(label, set(values)) for label, *values in zip(family.labels, *mine, strict=True)]
        if mine:
            yield f"`{family.name}{{{', '.join(labels)}}}`" if labels else f"`{family.name}`"


def _label(label: str, values: set[str]) -> str:
    return f'{label}="{min(values)}"' if len(values) == 1 and label not in _OWN_LABELS else label


def _document(vendor: Vendor, endpoint: str, folder: Path) -> Any:
    path = vendor.requests(endpoint, _AT)[0].url.split("/", 3)[3]
    return json.loads((folder / path).read_bytes())


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every field that holds no others; the rows of a list share theirs."""
    match value:
        case dict():
            parts = [(f"{path}.{key}".removeprefix("."), item) for key, item in value.items()]
        case list():
            parts = [(f"{path}[]", item) for item in value]
        case _:
            yield path
            return
    yield from dict.fromkeys(leaf for place, item in parts for leaf in _leaves(item, place))


def _without(value: Any, path: str, gone: str) -> Any:
    if isinstance(value, dict):
        items = ((key, item, f"{path}.{key}".removeprefix(".")) for key, item in value.items())
        return {key: _without(item, place, gone) for key, item, place in items if place != gone}
    return [_without(item, f"{path}[]", gone) for item in value] if isinstance(value, list) else value


def _seen(vendor: Vendor, endpoint: str, document: Any) -> Seen | None:
    """Read a document as the answer to each request; None where the vendor's module refuses it."""
    body, headers = json.dumps(document).encode(), {"content-type": "application/json"}
    replies = (Reply(request, 200, body, 0.0, headers) for request in vendor.requests(endpoint, _AT))
    try:
        snapshot = vendor.read(endpoint, tuple(replies), _AT)
    except Unreadable:
        return None
    series = {
        (family.name, (*((key,) if isinstance(key, str) else key), *column.rest)): value
        for family in CENTRE
        for column in family.columns(snapshot)
        for key, value in zip(column.keys, column.values, strict=True)
    }
    return Seen(series, snapshot.dropped.get(Dropped.INVALID, 0), frozenset(snapshot.drift))


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(heads: Row, rows: Iterable[Row]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (heads, ("---",) * len(heads), *rows))


if __name__ == "__main__":
    sys.exit(main())
