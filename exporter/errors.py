"""What can go wrong, sorted by what the caller does next."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a poll failed: the closed set behind the `reason` label."""

    BUDGET = "budget"
    CONNECT = "connect"
    CONTENT_TYPE = "content_type"
    CREDENTIALS = "credentials"
    DECODE = "decode"
    DNS = "dns"
    EMPTY_BODY = "empty_body"
    FORBIDDEN = "forbidden"
    HTTP_4XX = "http_4xx"
    HTTP_5XX = "http_5xx"
    INTERNAL = "internal"
    NOT_FOUND = "not_found"
    ORIGIN = "origin"
    PAGING = "paging"
    REAUTH_REQUIRED = "reauth_required"
    REDIRECT = "redirect"
    RESET = "reset"
    SCHEMA = "schema"
    SECRET = "secret"  # noqa: S105 - the name of a reason, not a secret
    STALE = "stale"
    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    TLS = "tls"
    TOO_LARGE = "too_large"
    TRUNCATED = "truncated"
    VENDOR = "vendor"


class ExporterError(Exception):
    """Anything that this program raises on purpose."""


class PollFailed(ExporterError):
    """One poll of one endpoint brought nothing that may be shown.

    `detail` is our own wording, safe to log and to show: it never quotes a URL's query, a header or a body.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Transient(PollFailed):
    """The same question may be answered in a moment: ask again inside the poll, within its deadline."""


class Throttled(PollFailed):
    """The vendor asks for silence: the whole account waits `retry_after` seconds (None: it did not say)."""

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(Reason.THROTTLED, detail)
        self.retry_after = retry_after


class Refused(PollFailed):
    """The vendor does not accept the credentials: the whole account slows down until they change."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.CREDENTIALS, detail)


class GrantLost(PollFailed):
    """The grant is dead and a person must make a new one: the account stops until a secret changes."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.REAUTH_REQUIRED, detail)


class NotAllowed(PollFailed):
    """This endpoint is not for this account (role, plan, scope): probe it slowly, go on with the others."""


class Unreadable(PollFailed):
    """The answer cannot be trusted: nothing of it is shown, and asking again at once would not help."""
