"""Why an answer is none: Zoho tells most errors with HTTP 200, and a missing scope or too many calls with 400."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from exporter.errors import NotAllowed, PollFailed, Reason, Refused, Throttled, Unreadable
from exporter.vendors.zoho_voice.pages import envelope
from exporter.wire.http import Reply
from exporter.wire.verdict import by_status, retry_after

LOCK_SECONDS = 600.0
"""How long Zoho locks a call out after too many of them, where the answer does not say."""

_TOKEN = re.compile(rb"INVALID_(OAUTH)?TOKEN")
_SCOPE = re.compile(rb"INVALID_OAUTHSCOPE|OAUTH_SCOPE_MISMATCH")
_THROTTLE = re.compile(
    rb"ROLLING_THROTTLES_LIMIT|THRESHOLD_EXCEEDED|too[_ ]many[_ ]requests|try again after [0-9]", re.IGNORECASE
)
_AGAIN = re.compile(rb"try again after ([0-9]{1,4}) *(second|minute|hour)", re.IGNORECASE)
_SECONDS = {b"second": 1.0, b"minute": 60.0, b"hour": 3600.0}
_CODE = re.compile(r"[A-Z]{0,6}[0-9]{1,6}")
_NOT_HERE = {
    "ZVTL001": (Reason.FORBIDDEN, "the licence does not include this"),
    "ZVT011": (Reason.NOT_FOUND, "there is no such endpoint; check data_center and base_url"),
}

_ENVELOPE = msgspec.json.Decoder(dict[str, msgspec.Raw])


def judged(reply: Reply, payload: str) -> PollFailed | None:
    """Return why this reply is no answer, or None where it is one; 204 is the answer that there is nothing.

    `payload` is the key that a good answer has.
    """
    if reply.status == 204:
        return None
    page = envelope(reply) if reply.status == 200 else None
    if page and _in_order(page.code, page.status):
        return None
    document = _document(reply.body)
    if reply.status == 200 and (document is None or _succeeded(document, payload)):
        return None  # what is no JSON is found out when it is read
    return _named(reply, _code(document or {}))


def _document(body: bytes) -> Mapping[str, Any] | None:
    """Return the envelope, its small values decoded; None where there is none."""
    try:
        return {key: _value(raw) for key, raw in _ENVELOPE.decode(body).items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _value(raw: msgspec.Raw) -> object:
    text = memoryview(raw)
    return msgspec.json.decode(text) if len(text) <= 64 and text[0] not in b"{[" else raw


def _succeeded(document: Mapping[str, Any], payload: str) -> bool:
    """Whether code and status, where there are any, say so; without them the payload itself does."""
    if not _in_order(document.get("code"), document.get("status")):
        return False
    return payload in document or not ({"error", "response", "data"} & document.keys())


def _in_order(code: object, status: object) -> bool:
    return (code is None or str(code) == "200") and (status is None or str(status).upper() in ("SUCCESS", "200"))


def _code(document: Mapping[str, Any]) -> str:
    code = str(document.get("code", ""))
    return code if _CODE.fullmatch(code) and code != "200" else ""


def _named(reply: Reply, code: str) -> PollFailed:
    told = f"HTTP {reply.status}{f' ({code})' if code else ''}"
    if _TOKEN.search(reply.body):
        return Refused(f"{told}: the vendor does not accept the access token")
    if code == "ZVT022" or _SCOPE.search(reply.body):
        return NotAllowed(
            Reason.FORBIDDEN,
            f"{told}: the grant lacks a scope; make a new one with ZohoVoice.agents.READ, zohovoice.queues.READ"
            " and ZohoVoice.call.READ",
        )
    if code in _NOT_HERE:
        reason, why = _NOT_HERE[code]
        return NotAllowed(reason, f"{told}: {why}")
    if reply.status == 429 or _THROTTLE.search(reply.body):
        return Throttled(f"{told}: too many calls; the vendor locks them out for a while", _lock(reply))
    told_by_status = by_status(reply, code)
    if reply.request.optional and (told_by_status is None or (reply.status == 500 and code)):
        # A single call that is not what we took it for: the poll goes on without it.
        return Unreadable(Reason.HTTP_4XX, f"{told}: the vendor refuses the request")
    return told_by_status or Unreadable(Reason.VENDOR, f"{told}: the vendor refuses the request")


def _lock(reply: Reply) -> float:
    again = _AGAIN.search(reply.body)
    asked = float(again[1]) * _SECONDS[again[2].lower()] if again else None
    return retry_after(reply.headers, reply.at) or asked or LOCK_SECONDS
