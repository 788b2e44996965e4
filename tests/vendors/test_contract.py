"""What every vendor must keep, whatever it is sent."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accounts import ACCOUNTS
from accounts import PAYLOADS as FOLDERS
from msgspec.structs import replace
from replay import AT, PAYLOADS, Answers, collect, collect_all, exposed, recorded, samples, with_body

from exporter.errors import PollFailed
from exporter.metrics.families import CENTRE
from exporter.vendors import VENDORS
from exporter.vendors.contract import Endpoint, Moment, Vendor
from exporter.wire.http import Reply, Request

HUGE = 10**400
STRANGE: list[Any] = [None, [], {}, "text", -1, 1.5, True, HUGE]
COUNTED = ("contact_center_agents{", "contact_center_agents_online{", "contact_center_queue_agents{")
"""Families that count rows: where a row is dropped they may only fall."""
LOGGED = tuple(f"contact_center_{name}_today{{" for name in ("calls", "call_outcomes", "contact_seconds"))
COUNTED_BY = {"zoho_voice": (*COUNTED, *LOGGED)}
"""Where a vendor counts the rows of more."""


def full_answers(name: str) -> Answers:
    return recorded(PAYLOADS / FOLDERS[name])


def cases() -> list[Any]:
    return [
        pytest.param(name, vendor, endpoint, id=f"{name}-{endpoint.name}")
        for name, vendor in ACCOUNTS.items()
        for endpoint in vendor.endpoints
    ]


def nodes(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every node, the root first."""
    yield path
    if isinstance(document, dict | list):
        for key, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield from nodes(value, (*path, key))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = replaced(document[path[0]], path[1:], value)
    return copy


def repr_of(body: bytes) -> str:
    return repr(body[:6])


def body_of(vendor: Vendor, answers: Answers, endpoint: str) -> bytes:
    """Return the first answer of the endpoint itself: other answers may lead to it."""
    bodies = []

    def kept(request: Request) -> Reply:
        reply = answers(request)
        bodies.extend([reply.body] if request.endpoint == endpoint else [])
        return reply

    collect(vendor, endpoint, kept)
    return bodies[0]


def with_other(answers: Answers, body: bytes, other: bytes) -> Answers:
    """Return answers of which one is another."""

    def answer(request: Request) -> Reply:
        reply = answers(request)
        return replace(reply, body=other) if reply.body == body else reply

    return answer


def test_every_vendor_of_the_table_is_tried_here() -> None:
    assert {name.split()[0] for name in ACCOUNTS} == VENDORS.keys()
    assert ACCOUNTS.keys() == FOLDERS.keys()


@pytest.mark.parametrize(("name", "vendor", "endpoint"), cases())
def test_the_same_replies_read_twice_say_the_same(name: str, vendor: Vendor, endpoint: Endpoint) -> None:
    answers = full_answers(name)
    assert collect(vendor, endpoint.name, answers) == collect(vendor, endpoint.name, answers)


@pytest.mark.parametrize(("name", "vendor", "endpoint"), cases())
def test_an_endpoint_fills_the_metrics_it_gives_and_no_others(
    name: str, vendor: Vendor, endpoint: Endpoint
) -> None:
    answers = full_answers(name)
    snapshot = collect(vendor, endpoint.name, answers, collect_all(vendor, answers))
    filled = {family.name for family in CENTRE if family.has_samples(snapshot)}
    assert filled == set(endpoint.gives)


@pytest.mark.parametrize(("name", "vendor", "endpoint"), cases())
def test_whatever_replaces_a_node_nothing_is_raised_and_nothing_invented(
    name: str, vendor: Vendor, endpoint: Endpoint
) -> None:
    answers = full_answers(name)
    body = body_of(vendor, answers, endpoint.name)
    document = json.loads(body)
    truth = samples(exposed({endpoint.name: collect(vendor, endpoint.name, answers)}))
    tried = 0
    for path in nodes(document):
        for strange in STRANGE:
            mutant = json.dumps(replaced(document, path, strange)).encode()
            try:
                snapshot = collect(vendor, endpoint.name, with_other(answers, body, mutant))
            except PollFailed:
                continue
            tried += 1
            shown = samples(exposed({endpoint.name: snapshot}))
            assert_not_invented(shown, truth, at(document, path), strange, COUNTED_BY.get(name, COUNTED))
    assert tried > len(STRANGE)


def assert_not_invented(
    shown: dict[str, str], truth: dict[str, str], before: Any, strange: Any, counted: tuple[str, ...]
) -> None:
    """Every sample was there before the node was replaced, or is what the strange value lawfully says."""
    if isinstance(before, str | None) and isinstance(strange, str | None):
        return  # another word, or none, is another truth
    if isinstance(before, list) and strange == []:
        return  # so is a list in which nobody is
    before = 0 if before in ("--", "0") else before  # numbers that some vendors send as text
    if isinstance(before, int | float) and strange == 1.5:
        assert_told(shown, truth, before, strange)
        return
    for series, value in shown.items():
        if 'via=""' in series or (strange == "text" and '="text"' in series):
            continue  # a name without a device; an id that is a text
        if series.startswith(counted):
            assert float(value) <= float(truth.get(series, 0)), series
        elif isinstance(before, str) and "_agent_status{" in series:
            assert wordless(series) in map(wordless, truth), series
        else:
            assert truth.get(series) == value, series


def wordless(series: str) -> str:
    """Without the vendor's word: where one of two words is missing, the other names the status."""
    return series.split(',vendor_status="', maxsplit=1)[0]


def assert_told(shown: dict[str, str], truth: dict[str, str], before: float, told: float) -> None:
    """Every number that differs is the one that was told, or a sum or rest that moved by no more than its part."""
    changed = {series: float(value) for series, value in shown.items() if truth.get(series) != value}
    derived = {series for series in changed if 'status="on_contact"' in series}
    identity = {series for series in changed if 'agent="' in series and series not in truth}
    identity |= {series for series in changed if f'="{told}"' in series}
    for series, value in changed.items():
        if not series.startswith(COUNTED) and series not in derived | identity:
            moved = abs(value - float(truth.get(series, "inf")))
            assert value in (told, told / 1000) or moved <= abs(before - told), series  # or milliseconds


@pytest.mark.parametrize(("name", "vendor", "endpoint"), cases())
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"<html>",
        b"null",
        b"[]",
        b'"\xff"',
        b"{" * 5_000_000,
        b"[" * 10_000_000,
        b'{"a": 1',
        b"\x1f\x8b",
        "{}".encode("utf-16"),
        b"NaN",
    ],
    ids=["empty", "blank", "html", "null", "list", "not_utf8", "nested", "deep", "cut", "gzip", "utf16", "nan"],
)
def test_a_body_that_is_no_answer_fails_the_poll(
    name: str, vendor: Vendor, endpoint: Endpoint, body: bytes
) -> None:
    answers = with_body(full_answers(name), endpoint.name, body)
    with pytest.raises(PollFailed):
        collect(vendor, endpoint.name, answers)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 405, 418, 429, 500, 502, 503, 599, 102])
@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[1]", b"\xff", b"[" * 1_000_000], ids=repr_of)
@pytest.mark.parametrize("name", list(ACCOUNTS))
def test_no_bad_status_is_taken_for_an_answer_whatever_the_body(name: str, body: bytes, status: int) -> None:
    vendor = ACCOUNTS[name]
    for endpoint in vendor.endpoints:
        for request in vendor.requests(endpoint.name, Moment(AT)):
            headers = {"content-type": "application/json"}
            assert isinstance(vendor.judge(Reply(request, status, body, AT.timestamp(), headers)), PollFailed)


@pytest.mark.parametrize("name", list(ACCOUNTS))
def test_the_series_of_the_plan_are_those_of_the_page(name: str) -> None:
    vendor = ACCOUNTS[name]
    answers = full_answers(name)
    seen = collect_all(vendor, answers)
    for endpoint in seen:
        snapshot = collect(vendor, endpoint, answers, seen)
        agents = len(snapshot.agents or ())
        planned = vendor.load(endpoint, agents).series
        shown = len(samples(exposed({endpoint: snapshot})))
        assert shown <= planned <= 1.5 * shown + 10, endpoint


def test_payload_folders_belong_to_vendors() -> None:
    assert {folder.name for folder in Path(PAYLOADS).iterdir()} == set(VENDORS)
