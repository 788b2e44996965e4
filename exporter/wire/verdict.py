"""What an HTTP status alone says, before anybody looks at the body."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from exporter.errors import NotAllowed, PollFailed, Reason, Refused, Throttled, Transient, Unreadable
from exporter.wire.http import Reply


def by_status(  # noqa: C901, PLR0911 - a table: one arm a status
    reply: Reply, word: str = ""
) -> PollFailed | None:
    """Return why this reply is no answer, or None for 200.

    `word` is the vendor's own error code where the body names one; it only refines the wording.
    """
    told = f"HTTP {reply.status}{f' ({word})' if word else ''}"
    match reply.status:
        case 200:
            return None
        case 204:
            return Unreadable(Reason.EMPTY_BODY, "HTTP 204: the answer is empty")
        case 401:
            return Refused(f"{told}: the vendor does not accept the credentials; check that they are valid")
        case 403:
            return NotAllowed(
                Reason.FORBIDDEN, f"{told}: the credentials may not read this; check role, plan and scope"
            )
        case 404:
            return NotAllowed(
                Reason.NOT_FOUND,
                f"{told}: this endpoint is not there for the account; check plan and base_url",
            )
        case 429:
            return Throttled(f"{told}: the vendor's rate limit is used up", retry_after(reply.headers, reply.at))
        case status if 300 <= status < 400:
            return Unreadable(Reason.REDIRECT, f"{told}: redirects are not followed; check base_url")
        case status if 400 <= status < 500:
            return Unreadable(Reason.HTTP_4XX, f"{told}: the vendor refuses the request")
        case 503 if "retry-after" in reply.headers:
            return Throttled(f"{told}: the vendor asks for patience", retry_after(reply.headers, reply.at))
        case status if 500 <= status < 600:
            return Transient(Reason.HTTP_5XX, f"{told}: the vendor has a fault of its own")
        case _:
            return Unreadable(Reason.VENDOR, f"{told}: an answer of a kind that the vendor does not document")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return how many seconds the vendor asks to wait, or None where it does not say so intelligibly.

    Both forms of RFC 9110 count, seconds and an HTTP date; the vendor's own `Date` is the clock for the latter.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,10}", text):
        return float(text)
    then = instant(text)
    if then is None:
        return None
    return max(0.0, then - (instant(headers.get("date", "")) or now))


def kept_for(headers: Mapping[str, str]) -> float:
    """Return for how many seconds a cache on the way has kept an answer; 0 where none says so (RFC 9111, Age)."""
    text = headers.get("age", "").strip()
    return float(text) if re.fullmatch(r"[0-9]{1,10}", text) else 0.0


def instant(text: str) -> float | None:
    """Return the instant of an HTTP date in seconds since the Unix epoch; None where it is no date."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
