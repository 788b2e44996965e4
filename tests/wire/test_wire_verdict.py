import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from math import isfinite

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.errors import NotAllowed, PollFailed, Reason, Refused, Throttled, Transient, Unreadable
from exporter.wire.http import Reply, Request
from exporter.wire.verdict import by_status, instant, retry_after

NOW = datetime(2026, 3, 29, 10, 0, tzinfo=UTC).timestamp()


def reply(status: int, **headers: str) -> Reply:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(Request("agents", "https://acme.example.com/agents?token=s3cret"), status, b"s3cret", NOW, told)


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (201, Unreadable, Reason.VENDOR),
        (204, Unreadable, Reason.EMPTY_BODY),
        (206, Unreadable, Reason.VENDOR),
        (301, Unreadable, Reason.REDIRECT),
        (302, Unreadable, Reason.REDIRECT),
        (307, Unreadable, Reason.REDIRECT),
        (308, Unreadable, Reason.REDIRECT),
        (399, Unreadable, Reason.REDIRECT),
        (400, Unreadable, Reason.HTTP_4XX),
        (401, Refused, Reason.CREDENTIALS),
        (402, Unreadable, Reason.HTTP_4XX),
        (403, NotAllowed, Reason.FORBIDDEN),
        (404, NotAllowed, Reason.NOT_FOUND),
        (422, Unreadable, Reason.HTTP_4XX),
        (429, Throttled, Reason.THROTTLED),
        (499, Unreadable, Reason.HTTP_4XX),
        (500, Transient, Reason.HTTP_5XX),
        (502, Transient, Reason.HTTP_5XX),
        (503, Transient, Reason.HTTP_5XX),
        (504, Transient, Reason.HTTP_5XX),
        (599, Transient, Reason.HTTP_5XX),
        (600, Unreadable, Reason.VENDOR),
        (999, Unreadable, Reason.VENDOR),
    ],
)
def test_a_status_says_what_the_caller_does_next(status: int, kind: type[PollFailed], reason: Reason) -> None:
    verdict = by_status(reply(status))
    assert type(verdict) is kind
    assert verdict.reason is reason
    assert str(status) in verdict.detail
    assert "s3cret" not in str(verdict)
    assert "\n" not in verdict.detail


def test_200_is_an_answer() -> None:
    assert by_status(reply(200, retry_after="5"), "word") is None


def test_the_vendors_word_refines_the_wording_alone() -> None:
    plain, refined = by_status(reply(403)), by_status(reply(403), "missing_scope")
    assert plain is not None
    assert refined is not None
    assert refined.detail == plain.detail.replace("HTTP 403", "HTTP 403 (missing_scope)")
    assert type(refined) is type(plain)


@pytest.mark.parametrize(("status", "wait"), [(429, 30.0), (503, 30.0)])
def test_a_vendor_that_says_when_to_come_back_is_believed(status: int, wait: float) -> None:
    verdict = by_status(reply(status, retry_after="30"))
    assert isinstance(verdict, Throttled)
    assert verdict.retry_after == wait


def test_a_vendor_that_does_not_say_when_leaves_it_to_us() -> None:
    for headers in ({}, {"retry_after": "soon"}):
        verdict = by_status(reply(429, **headers))
        assert isinstance(verdict, Throttled)
        assert verdict.retry_after is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "5"}, 5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": " 93 "}, 93),
        ({"retry-after": "1000000000"}, 1e9),
        ({"retry-after": "99999999999"}, None),
        ({"retry-after": "Sun, 29 Mar 2026 10:00:42 GMT"}, 42),
        ({"retry-after": "Sun, 29 Mar 2026 09:59:00 GMT"}, 0),
        ({"retry-after": "Sunday, 29-Mar-26 10:00:42 GMT"}, 42),
        ({"retry-after": "Sun Mar 29 10:00:42 2026"}, 42),
        ({"retry-after": "Sun, 29 Mar 2026 10:00:42 GMT", "date": "Sun, 29 Mar 2026 10:00:30 GMT"}, 12),
        ({"retry-after": "Sun, 29 Mar 2026 10:00:42 GMT", "date": "today"}, 42),
        ({"retry-after": "30", "date": "Sun, 29 Mar 2026 10:00:30 GMT"}, 30),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "1_000"}, None),
        ({"retry-after": "\u0663"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_nothing_else(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Sun, 29 Mar 2026 10:00:00 GMT", NOW),
        ("Sun, 29 Mar 2026 12:00:00 +0200", NOW),
        ("Sun, 29 Mar 2026 10:00:00 -0000", NOW),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Sun, 29 Mar 99999999999999999999 10:00:00 GMT", None),
        ("Sun, 99 Mar 2026 10:00:00 GMT", None),
        ("Sun, 29 Mar 2026 10:00:00 +9999", None),
        ("", None),
        ("\ud800", None),
        ("<html>", None),
    ],
)
def test_an_instant_is_an_http_date_or_nothing(text: str, at: float | None) -> None:
    assert instant(text) == at


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this machine's own time zone be another than the vendors'."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize("text", ["Sun, 29 Mar 2026 10:00:00 -0000", "Sun Mar 29 10:00:00 2026"])
def test_a_date_without_a_zone_is_utc_wherever_we_run(text: str) -> None:
    assert time.timezone != 0
    assert instant(text) == NOW


WORDS = st.sampled_from(
    ["Sun,", "29", "Mar", "2026", "10:00:00", "GMT", "+0200", "-9999", "9" * 30, "0", "25:61:61", ":", "-", "\x00"]
)


@given(st.text(max_size=30) | st.lists(WORDS, max_size=7).map(" ".join))
@example("29 Mar 9999999999999999999999 10:00:00 GMT")
def test_whatever_a_header_says_nothing_is_raised(text: str) -> None:
    at, wait = instant(text), retry_after({"retry-after": text, "date": text}, NOW)
    assert at is None or isfinite(at)
    assert wait is None or wait >= 0


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - a bound
def test_every_http_date_is_understood(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    assert instant(format_datetime(whole, usegmt=True)) == whole.timestamp()
