"""Why an answer is none: three refusals share one status and one number, and only their text tells them apart."""

import msgspec
from msgspec import Struct

from exporter.errors import NotAllowed, PollFailed, Reason, Refused, Throttled, Unreadable
from exporter.vendors.kore_ai.listing import is_page
from exporter.vendors.kore_ai.payloads import AVAILABILITY, PERFORMANCE, QUEUES, STATS, STATUSES
from exporter.wire.http import Reply
from exporter.wire.verdict import by_status, retry_after

_SCOPES = {
    STATUSES: "SmartAssist Analytics",
    STATS: "SmartAssist Analytics",
    AVAILABILITY: "Configuration",
    PERFORMANCE: "Configuration",
    QUEUES: "Configuration",
}
_TOO_MANY = b"exceeded the per-minute rate limit"
_LONGEST = 2_000  # bytes of an error: in a list of agents those words may be somebody's
_MINUTE = 60.0


class _Fault(Struct, frozen=True):
    msg: str = ""
    code: int = 0


class _Faults(Struct, frozen=True):
    errors: list[_Fault] = []


def judged(reply: Reply) -> PollFailed | None:
    """Return why this reply is no answer, or None where it is one.

    The limit's own text counts whatever the status, which is not documented; it lasts to the end of the minute.
    """
    if reply.status == 429 or (_TOO_MANY in reply.body and len(reply.body) <= _LONGEST):
        told = f"HTTP {reply.status}: the account's calls of this minute are used up"
        return Throttled(told, retry_after(reply.headers, reply.at) or _MINUTE - reply.at % _MINUTE)
    if reply.status == 200 and is_page(reply):
        return None
    fault = _fault(reply)
    if reply.status == 200:
        return Unreadable(Reason.VENDOR, f"HTTP 200 (error {fault.code}) in place of data") if fault else None
    word = f"error {fault.code}" if fault and fault.code else ""
    return (fault and _by_text(reply, fault.msg.casefold(), word)) or by_status(reply, word)


def _fault(reply: Reply) -> _Fault | None:
    try:
        errors = msgspec.json.decode(reply.body, type=_Faults, strict=False).errors
    except (ValueError, RecursionError):
        return None
    return errors[0] if errors else None


def _by_text(reply: Reply, text: str, word: str) -> PollFailed | None:
    told = f"HTTP {reply.status} ({word})" if word else f"HTTP {reply.status}"
    match reply.status:
        case 401 if "scope" in text:
            scope = _SCOPES[reply.request.endpoint]
            return NotAllowed(
                Reason.FORBIDDEN,
                f"{told}: the JWT app lacks the API scope {scope}; map it to the app, save, and publish",
            )
        case 401 if "invalid jwt" in text:
            return Refused(
                f"{told}: the vendor does not take our token for one;"
                " check that the JWT app enforces neither JWE nor, unless enforce_jti is set, JTI"
            )
        case 401 if "credentials" in text:
            return Refused(
                f"{told}: the vendor does not know this client_id or client_secret; check both, and base_url"
            )
        case 400 if "streamid" in text:
            return Unreadable(Reason.HTTP_4XX, f"{told}: the vendor does not know this stream; check stream_id")
    return None
