import json
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from exporter.errors import Reason, Unreadable
from exporter.wire.decode import EXACT, Count, Decoded, Mean, Seconds, decode, decode_row

Key = Annotated[int, Meta(ge=0)] | Annotated[str, Meta(min_length=1)]


class Call(Struct, frozen=True):
    """What a vendor might document: a key without which the row means nothing, and fields that may be missing."""

    id: Key
    count: Count | None = None
    wait: Seconds | None = None
    mean: Mean | None = None
    word: str | None = None
    state: str | UnsetType | None = UNSET
    ratio: float | None = None
    flag: bool | None = None
    parts: tuple[Count, ...] = ()
    by_reason: dict[str, Count] = {}


class Page(Struct, frozen=True):
    calls: list[Call]
    next_page: str | None = None
    total: Count | None = None


class Envelope(Struct, frozen=True):
    page: Page


def read_call(**fields: Any) -> Decoded[Call]:
    return read_raw(json.dumps({"id": 1, **fields}))


def read_raw(text: str) -> Decoded[Call]:
    return decode(text.encode(), Call)


NOTHING = [None, "", "--", " -- ", "-", "N/A"]
NO_NUMBERS = [
    "1_000",
    "\u0663",
    "+5",
    " 12",
    "12 ",
    "0x10",
    "1,5",
    "1e",
    ".5",
    "5.",
    "9" * 41,
    "1e99999",
    "1e999",
    "NaN",
    "Infinity",
    "text",
    True,
    False,
    [],
    [1],
    {},
    {"a": 1},
    -1,
    "-1",
    -0.5,
    EXACT * 2,
    str(EXACT * 2),
    1e308,
    10**400,
]


@pytest.mark.parametrize("field", ["count", "wait", "mean"])
@pytest.mark.parametrize("value", NOTHING)
def test_a_vendors_word_for_no_number_is_no_number_and_no_drift(field: str, value: object) -> None:
    assert read_call(**{field: value}) == Decoded(Call(1))


@pytest.mark.parametrize("field", ["count", "wait", "mean"])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: str(value)[:12])
def test_what_is_no_number_is_dropped_and_told_and_its_neighbours_live(field: str, value: object) -> None:
    assert read_call(**{field: value, "word": "hi"}) == Decoded(Call(1, word="hi"), (field,))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400])
@pytest.mark.parametrize("field", ["count", "wait", "mean", "ratio"])
def test_a_number_beyond_all_numbers_is_dropped_and_its_neighbours_live(field: str, number: str) -> None:
    assert read_raw(f'{{"id": 1, "{field}": {number}, "word": "hi"}}') == Decoded(Call(1, word="hi"), (field,))


@pytest.mark.parametrize(
    ("value", "count"),
    [(0, 0), (12, 12), ("12", 12), ("0", 0), ("-0", 0), (12.0, 12), ("12.0", 12), ("1e2", 100), (EXACT, EXACT)],
)
def test_a_count_is_a_whole_number_however_it_is_written(value: object, count: int) -> None:
    told = read_call(count=value)
    assert told == Decoded(Call(1, count=count))
    assert type(told.value.count) is int


@pytest.mark.parametrize("value", [1.5, "1.5", "15e-1"])
def test_a_count_is_never_a_part_of_a_thing(value: object) -> None:
    assert read_call(count=value) == Decoded(Call(1), ("count",))


@pytest.mark.parametrize(
    ("value", "wait"),
    [(0, 0.0), (1.5, 1.5), ("1.5", 1.5), ("12", 12.0), ("15e-1", 1.5), (float(EXACT), float(EXACT))],
)
def test_a_duration_may_have_a_fraction(value: object, wait: float) -> None:
    told = read_call(wait=value)
    assert told == Decoded(Call(1, wait=wait))
    assert isinstance(told.value.wait, int | float)  # no text, whichever way it came


@pytest.mark.parametrize("value", [12, 1.5, True, [], {}])
def test_a_word_is_only_a_text(value: object) -> None:
    assert read_call(word=value) == Decoded(Call(1), ("word",))


@pytest.mark.parametrize("value", [0, 1, "true", "", []])
def test_a_flag_is_only_true_or_false(value: object) -> None:
    dropped = read_call(flag=value)
    assert dropped.value.flag is None
    assert dropped.drift == (() if value == "" else ("flag",))


def test_null_and_absent_are_told_apart_where_the_vendor_does() -> None:
    assert read_raw('{"id": 1}').value.state is UNSET
    assert read_raw('{"id": 1, "state": null, "count": -1}').value.state is None
    assert read_raw('{"id": 1, "state": "", "count": -1}').value.state == ""
    assert read_raw('{"id": 1, "state": 7}') == Decoded(Call(1), ("state",))


@pytest.mark.parametrize("bad", [{}, {"count": -1}], ids=["fits", "does not"])
@pytest.mark.parametrize("key", [7, "7", "007", "1e5", "1.0", "--", "N/A", "Zoë", 2**62])
def test_a_key_stays_what_it_is_whether_or_not_its_neighbours_fit(key: object, bad: dict[str, object]) -> None:
    told = read_call(id=key, **bad).value.id
    assert told == key
    assert type(told) is type(key)


@pytest.mark.parametrize("key", [None, "", -1, 1.5, True, [], {}, float("nan")])
def test_a_row_without_its_key_costs_itself_alone(key: object) -> None:
    rows = json.dumps({"calls": [{"id": 1}, {"id": key}, {"count": 3}, {"id": 2}], "next_page": "x"})
    told = decode(rows.encode(), Page)
    assert told.value == Page([Call(1), Call(2)], "x")
    assert told.invalid_rows == 2
    assert set(told.drift) == {"calls[].id", "calls[]"}


@pytest.mark.parametrize("row", [None, 7, "text", [], True])
def test_a_row_that_is_no_row_costs_itself_alone(row: object) -> None:
    told = decode(json.dumps({"calls": [row, {"id": 1}]}).encode(), Page)
    assert told == Decoded(Page([Call(1)]), ("calls[]",), 1)


def test_inside_a_row_lists_and_mappings_lose_only_what_does_not_fit() -> None:
    told = read_call(parts=[1, "2", -3, None], by_reason={"a": 1, "b": "x", "c": "4"})
    assert told == Decoded(Call(1, parts=(1, 2), by_reason={"a": 1, "c": 4}), ("parts[]", "by_reason.*"), 2)
    for wrong in (7, "text", None, True):
        assert read_call(parts=wrong, by_reason=wrong) == Decoded(Call(1), ("parts", "by_reason"))


def test_the_path_of_a_fault_is_told_once_and_twenty_paths_are_enough() -> None:
    rows: list[dict[str, Any]] = [{"id": 1, "count": -1}, {"id": 2, "count": -1, "wait": "x"}]
    told = decode(json.dumps({"page": {"calls": rows}}).encode(), Envelope)
    assert told.drift == ("page.calls[].count", "page.calls[].wait")
    wide = msgspec.defstruct("Wide", [(f"f{n}", Count | None, None) for n in range(30)])
    assert len(decode(json.dumps({f"f{n}": -1 for n in range(30)}).encode(), wide).drift) == 20


def test_a_field_goes_by_the_vendors_name() -> None:
    class Renamed(Struct, rename="camel"):
        call_count: Count | None = None

    assert decode(b'{"callCount": "3"}', Renamed).value == Renamed(3)
    assert decode(b'{"callCount": -1}', Renamed) == Decoded(Renamed(), ("callCount",))


@pytest.mark.parametrize("text", ["\\ud800", "\\udfff\\ud800"])
def test_a_lone_surrogate_becomes_a_question_mark(text: str) -> None:
    told = read_raw(f'{{"id": "{text}", "word": "a{text}", "by_reason": {{"{text}": 1}}}}')
    marks = "?" * (len(text) // 6)
    assert told == Decoded(Call(marks, word=f"a{marks}", by_reason={marks: 1}))


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    assert read_raw('{"id": 1, "count": 1, "count": 2}').value.count == 2
    assert read_raw('{"id": 1, "count": -1, "count": 2}') == Decoded(Call(1, count=2))
    assert read_raw('{"id": 1, "count": 2, "count": -1}') == Decoded(Call(1), ("count",))


def test_fields_that_nobody_documented_are_ignored_whatever_they_hold() -> None:
    for extra in ("NaN", "[[[[1]]]]", '"\\ud800"', "9" * 400, "1e999", '{"a": {"b": null}}'):
        assert read_raw(f'{{"extra": {extra}, "id": 1, "count": 3}}') == Decoded(Call(1, count=3))


def test_a_byte_order_mark_is_no_part_of_the_answer() -> None:
    assert decode(b'\xef\xbb\xbf{"id": 1}', Call) == Decoded(Call(1))
    assert decode(b'\xef\xbb\xbf {"id": 1, "count": "2"}\r\n', Call) == Decoded(Call(1, count=2))


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t ", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_an_empty_answer_is_not_an_answer_of_nothing(body: bytes) -> None:
    with pytest.raises(Unreadable) as failed:
        decode(body, Call)
    assert failed.value.reason is Reason.EMPTY_BODY


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>CANARY</html>", id="html"),
        pytest.param(b'{"id": 1', id="cut"),
        pytest.param(b'{"id": 1}{"id": 2}', id="two"),
        pytest.param(b'{"id": 1,}', id="comma"),
        pytest.param(b"{'id': 1}", id="quotes"),
        pytest.param(b'{"id": "\xff"}', id="not_utf8"),
        pytest.param(b'{"id": 1, "else": "\xff"}', id="not_utf8_where_nobody_looks"),
        pytest.param(b'{"id": "\xed\xa0\x80"}', id="surrogate_bytes"),
        pytest.param('{"id": 1}'.encode("utf-16"), id="utf16"),
        pytest.param('{"id": 1}'.encode("utf-16-le"), id="utf16le"),
        pytest.param('{"id": 1}'.encode("utf-32"), id="utf32"),
        pytest.param(b"\x1f\x8b\x08\x00", id="gzip"),
        pytest.param(b"\x00", id="nul"),
        pytest.param(b'{"id": 1, "count": ' + b"9" * 5_000 + b"}", id="digits"),
        pytest.param(b"[" * 200_000, id="deep_list"),
        pytest.param(b'{"a":' * 200_000, id="deep_object"),
        pytest.param(b'{"id": 1, "extra": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", id="deep_extra"),
    ],
)
def test_what_is_no_json_in_utf8_is_unreadable_and_never_quoted(body: bytes) -> None:
    with pytest.raises(Unreadable) as failed:
        decode(body, Call)
    assert failed.value.reason is Reason.DECODE
    assert "CANARY" not in str(failed.value)
    assert len(failed.value.detail) < 80


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"null", "(the whole answer)"),
        (b"[]", "(the whole answer)"),
        (b'"CANARY"', "(the whole answer)"),
        (b"NaN", "(the whole answer)"),
        (b"{}", "(the whole answer)"),
        (b'{"page": null}', "page"),
        (b'{"page": {}}', "page"),
        (b'{"page": {"calls": null}}', "page.calls"),
        (b'{"page": {"calls": {"CANARY": 1}}}', "page.calls"),
    ],
)
def test_an_answer_without_what_it_is_about_is_not_as_documented(body: bytes, where: str) -> None:
    with pytest.raises(Unreadable) as failed:
        decode(body, Envelope)
    assert failed.value.reason is Reason.SCHEMA
    assert failed.value.detail == f"the answer is not as documented at {where}"


SHAPES: list[Any] = [
    Call,
    Page,
    Envelope,
    list[Call],
    dict[str, Page],
    list[list[Count]],
    Count,
    dict[str, Key | None],
]
FIELDS = st.sampled_from([field for shape in (Call, Page, Envelope) for field in shape.__struct_fields__])
LEAVES = st.sampled_from([*NOTHING, *NO_NUMBERS, 0, 7, "7", 1.5, 3.0, "Zoë", "\ud800", float("nan"), float("inf")])
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """Return an answer as documented but for one node, or one with some of its bytes changed."""
    row = {"id": 7, draw(FIELDS): draw(DOCUMENTS)}
    body = json.dumps({"page": {"calls": [row, {"id": "x", "parts": [1]}], draw(FIELDS): draw(LEAVES)}}).encode()
    cut = draw(st.none() | st.integers(0, len(body)))
    return body if cut is None else body[:cut] + draw(st.binary(max_size=2)) + body[cut + 1 :]


@given(DOCUMENTS.map(lambda document: json.dumps(document).encode()) | broken() | st.binary(max_size=20))
@settings(max_examples=100, deadline=None)
def test_whatever_comes_it_is_unreadable_or_exactly_of_the_shape(body: bytes) -> None:
    for shape in SHAPES:
        try:
            value = decode(body, shape).value
        except Unreadable:
            continue
        assert msgspec.json.decode(msgspec.json.encode(value), type=shape) == value


GOOD = st.builds(
    Call,
    id=st.integers(0, 2**62) | st.sampled_from(["7", "007", "1e5", "3.0", "--", "N/A", "Zoë"]),
    count=st.none() | st.integers(0, EXACT),
    wait=st.none() | st.floats(0, 1e9),
    word=st.none() | st.sampled_from(["", "--", "12", "text"]),
    state=st.sampled_from([UNSET, None, "", "--", "away"]),
    ratio=st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5).map(float),
    flag=st.none() | st.booleans(),
    parts=st.lists(st.integers(0, 9), max_size=2).map(tuple),
    by_reason=st.dictionaries(st.sampled_from(["a", ""]), st.integers(0, 9)),
)


@given(st.lists(GOOD, max_size=3))
@settings(max_examples=40, deadline=None)
def test_what_fits_is_read_the_same_whether_or_not_its_neighbours_fit(calls: list[Call]) -> None:
    page = Page(calls)
    assert decode(msgspec.json.encode(page), Page) == Decoded(page)
    beside = msgspec.json.encode({"calls": calls, "total": "a misfit"})
    assert decode(beside, Page) == Decoded(page, ("total",))
    for ours, theirs in zip(decode(beside, Page).value.calls, calls, strict=True):
        assert list(map(type, msgspec.structs.astuple(ours))) == list(map(type, msgspec.structs.astuple(theirs)))


def test_a_row_is_decoded_like_an_answer() -> None:
    rows = decode(b'[{"id":1,"count":2},{"id":2,"count":"x","word":"\\u00fc"},{"count":3},7]', list[Raw]).value
    assert decode_row(rows[0], Call) == Decoded(Call(1, 2))
    assert decode_row(rows[1], Call) == Decoded(Call(2, word="ü"), ("count",))
    for lost in rows[2:]:
        with pytest.raises(Unreadable):
            decode_row(lost, Call)
