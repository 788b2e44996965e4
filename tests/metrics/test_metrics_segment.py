import gc
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse_text
from reference import is_sound
from worlds import HOSTILE, NUMBERS, TEXTS

from exporter.metrics.family import Column, Family, Kind
from exporter.metrics.segment import Segment, clean, segment
from exporter.model import Histogram, Status

ACCOUNT = ("zendesk_talk", "acme")
HEAD = 'contact_center_stays{vendor="zendesk_talk",account="acme",'


def family(*labels: str, kind: Kind = Kind.GAUGE) -> Family[Any]:
    return Family("stays", "Stays.", labels, lambda _: (), kind)


STAYS = family("agent", "status", "word")


def lines(columns: Iterable[Column], of: Family[Any] = STAYS) -> list[str]:
    return segment(of, ACCOUNT, columns, Segment()).lines.decode().splitlines()


def test_a_column_becomes_one_line_a_sample() -> None:
    column = Column(["1", "Zoë"], [3, 0.5], (Status.AWAY, 'on "break"'))
    assert lines([column]) == [
        HEAD + r'agent="1",status="away",word="on \"break\""} 3',
        HEAD + r'agent="Zoë",status="away",word="on \"break\""} 0.5',
    ]


@pytest.mark.parametrize("word", [*HOSTILE, '="', ',agent=""', 'agent="', r",agent=\"\""])
def test_a_word_that_looks_like_the_format_stays_a_word(word: str) -> None:
    found = labels_of(segment(STAYS, ACCOUNT, [Column(["1", "2"], [1, 2], (Status.AWAY, word))], Segment()))
    assert found == {("1", "away", clean(word)): 1, ("2", "away", clean(word)): 2}


@pytest.mark.parametrize(
    "number",
    [None, True, False, float("nan"), float("inf"), -float("inf"), 10**400, 2 * 10**308, "7"],
    ids=lambda number: str(number)[:9],
)
def test_a_value_that_is_no_finite_number_costs_itself_alone(number: Any) -> None:
    done = segment(family("agent"), ACCOUNT, [Column(["1", "2", "3"], [1, number, 3])], Segment())
    assert labels_of(done) == {("1",): 1, ("3",): 3}
    assert (done.series, done.refused) == (2, 1)


@pytest.mark.parametrize(
    "number",
    [0, -0.0, 5e-324, 1.7976931348623157e308, 10**308, 2**53 + 1, 1e16, 1e22, -12.5],
    ids=lambda number: str(number)[:9],
)
def test_every_finite_number_is_shown_exactly(number: float) -> None:
    [line] = lines([Column(["1"], [number])], family("agent"))
    assert float(line.rsplit(" ", 1)[1]) == float(number)


@pytest.mark.parametrize(
    "key", [("1", "away"), ("1", "away", "lunch", "x"), ("1", None, "lunch"), ("1", 7, "lunch")]
)
def test_labels_that_are_not_the_familys_cost_their_sample(key: Any) -> None:
    done = segment(STAYS, ACCOUNT, [Column([key, ("2", "away", "lunch")], [1, 2])], Segment())
    assert labels_of(done) == {("2", "away", "lunch"): 2}
    assert (done.series, done.refused) == (1, 1)


def test_of_samples_with_the_same_labels_the_first_sound_one_is_shown() -> None:
    nan = float("nan")
    twins = [
        Column(["1", "2", "1"], [nan, 2, 3], (Status.AWAY, "lunch")),
        Column(["2", "3\x00", "3\x01"], [4, 5, 6], (Status.AWAY, "lunch")),
        Column([("2", "away", "lunch")], [7]),
    ]
    done = segment(STAYS, ACCOUNT, twins, Segment())
    assert labels_of(done) == {
        ("1", "away", "lunch"): 3,
        ("2", "away", "lunch"): 2,
        ("3\ufffd", "away", "lunch"): 5,
    }
    assert (done.series, done.refused) == (3, 4)


def test_two_words_that_differ_only_where_they_are_cleaned_are_one_series() -> None:
    twins = [Column(["1"], [number], (Status.AWAY, word)) for number, word in ((1, "a\x00"), (2, "a\x01"))]
    done = segment(STAYS, ACCOUNT, twins, Segment())
    assert labels_of(done) == {("1", "away", "a\ufffd"): 1}
    assert done.refused == 1


def test_two_ids_that_differ_only_where_they_are_cut_are_one_series() -> None:
    done = segment(family("agent"), ACCOUNT, [Column(["x" * 200 + "1", "x" * 200 + "2"], [1, 2])], Segment())
    assert labels_of(done) == {("x" * 128,): 1}
    assert done.refused == 1


def test_nothing_becomes_nothing() -> None:
    assert (
        segment(STAYS, ACCOUNT, [], Segment()) == segment(STAYS, ACCOUNT, [Column([], [])], Segment()) == Segment()
    )


def test_new_values_for_the_same_series_keep_their_labels_as_they_are() -> None:
    first = segment(family("agent"), ACCOUNT, [Column(["1", "2"], [1, 2])], Segment())
    second = segment(family("agent"), ACCOUNT, [Column(["1", "2"], [3, 4])], first)
    third = segment(family("agent"), ACCOUNT, [Column(["2", "3"], [5, 6])], second)
    assert second.tracks[()] is first.tracks[()]
    assert third.tracks[()].prefixes[0] is first.tracks[()].prefixes[1]
    assert labels_of(third) == {("2",): 5, ("3",): 6}


def test_what_a_column_was_rendered_with_is_let_go() -> None:
    turns, column = 1_000, Column(["1", "2"], (1, 2.5))

    def render() -> None:
        for _ in range(turns):
            segment(family("agent"), ACCOUNT, [column], Segment())

    render()
    gc.collect()
    before = sys.getallocatedblocks()
    render()
    gc.collect()
    assert sys.getallocatedblocks() - before < turns / 2


def labels_of(done: Segment) -> dict[tuple[str, ...], float]:
    """Return what a parser reads in the lines: the labels of the family, in its order."""
    found = [
        (tuple(sample.labels.values())[2:], float(sample.value))
        for metric in parse_text(done.lines.decode())
        for sample in metric.samples
    ]
    assert len(dict(found)) == len(found) == done.series
    return dict(found)


ANY_TEXT = TEXTS | st.text(st.characters(), max_size=4)
KEYS = TEXTS | st.tuples(TEXTS, TEXTS) | st.tuples(TEXTS, TEXTS, TEXTS)


@st.composite
def columns(draw: st.DrawFn) -> Column:
    samples: list[tuple[Any, Any]] = draw(st.lists(st.tuples(KEYS, NUMBERS), max_size=3))
    rest = draw(
        st.sampled_from(
            [(), ("a|b",), ("away", "a|b"), ("away", "\x00"), ("away", "\x01"), ("away", "\ud800"), ("away", '"')]
        )
    )
    return Column([key for key, _ in samples], [value for _, value in samples], rest)


def expected(these: list[Column]) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    for column in these:
        for key, value in zip(column.keys, column.values, strict=True):
            own = (key,) if isinstance(key, str) else key
            cleaned = tuple(map(clean, (*own, *column.rest)))
            if len(cleaned) == len(STAYS.labels) and is_sound(value, STAYS.kind):
                found.setdefault(cleaned, float(value))  # type: ignore[arg-type]  # no histogram among NUMBERS
    return found


@given(st.lists(st.lists(columns(), max_size=3), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
@example([[Column(["1"], [1], ("away", "lunch"))], [Column([("1", "away", "lunch")], [2])]])
@example([[Column(["1"], [1], ("away", "a|b"))], [Column(["1", "2"], [2, 10**400], ("away", "a|b"))]])
def test_step_by_step_or_from_scratch_the_lines_are_those_of_the_sound_samples(polls: list[list[Column]]) -> None:
    before = Segment()
    for these in polls:
        before, fresh = segment(STAYS, ACCOUNT, these, before), segment(STAYS, ACCOUNT, these, Segment())
        assert (before.lines, before.series, before.refused) == (fresh.lines, fresh.series, fresh.refused)
        assert labels_of(fresh) == expected(these)
        assert fresh.series + fresh.refused == sum(len(column.keys) for column in these)


@given(ANY_TEXT)
@example("x" * 129)
@example("\n" * 129)
@example("\n\u202e\ud800\u2028\u2029")
def test_a_cleaned_label_is_short_legal_and_harmless_and_otherwise_the_same(text: str) -> None:
    label = clean(text)
    assert len(label) == min(len(text), 128)
    assert label == clean(label) == label.encode().decode()
    for before, after in zip(text, label, strict=False):
        hidden = unicodedata.category(before) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert after == ("\ufffd" if hidden else before)


def test_histograms_are_cumulative_with_their_sum_and_count() -> None:
    histogram = Histogram.empty(0.5, 1.0)
    for value in (0.1, 0.5, 0.7, 30.0):
        histogram = histogram.with_value(value)
    done = segment(family("endpoint", kind=Kind.HISTOGRAM), ACCOUNT, [Column([("a",)], [histogram])], Segment())
    of = 'vendor="zendesk_talk",account="acme",endpoint="a"'
    assert done.lines.decode().splitlines() == [
        f'contact_center_stays_bucket{{{of},le="0.5"}} 2',
        f'contact_center_stays_bucket{{{of},le="1.0"}} 3',
        f'contact_center_stays_bucket{{{of},le="+Inf"}} 4',
        f"contact_center_stays_sum{{{of}}} 31.3",
        f"contact_center_stays_count{{{of}}} 4",
    ]
    assert (done.series, done.refused) == (5, 0)
