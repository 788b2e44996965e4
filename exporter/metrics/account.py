"""The metrics about how an account is doing: what the exporter knows of its own polls."""

from collections.abc import Iterable

from exporter.metrics.family import Column, Family, Kind, column, single
from exporter.store import AccountState
from exporter.tally import Event, Span


def _counter(name: str, text: str, event: Event, *labels: str) -> Family[AccountState]:
    def columns(account: AccountState) -> Iterable[Column]:
        return column(account.counts.events.get(event, {}).items())

    return Family(name, text, labels, columns, Kind.COUNTER)


def _histogram(name: str, text: str, span: Span, *labels: str) -> Family[AccountState]:
    def columns(account: AccountState) -> Iterable[Column]:
        return [Column([key], [value]) for key, value in account.counts.spans.get(span, {}).items()]

    return Family(name, text, labels, columns, Kind.HISTOGRAM)


def _endpoint_up(account: AccountState) -> Iterable[Column]:
    return column(
        ((name,), float(state.trouble is None)) for name, state in account.endpoints.items() if state.tried
    )


def _last_success(account: AccountState) -> Iterable[Column]:
    return column(
        ((name,), state.last_success)
        for name, state in account.endpoints.items()
        if state.last_success is not None
    )


def _max_age(account: AccountState) -> Iterable[Column]:
    return column(
        ((name,), state.max_age) for name, state in account.endpoints.items() if state.max_age is not None
    )


ACCOUNT: tuple[Family[AccountState], ...] = (
    Family(
        "up",
        "1 if the latest poll of at least one live endpoint of the account succeeded.",
        (),
        lambda account: single(float(account.up)),
    ),
    Family(
        "endpoint_up",
        "1 if the latest poll of the endpoint succeeded; absent before the first.",
        ("endpoint",),
        _endpoint_up,
    ),
    Family(
        "last_success_timestamp_seconds",
        "When the latest successful poll of the endpoint began.",
        ("endpoint",),
        _last_success,
    ),
    Family(
        "endpoint_max_age_seconds",
        "How old an answer of the endpoint may grow before its numbers leave the page.",
        ("endpoint",),
        _max_age,
    ),
    _histogram(
        "poll_duration_seconds", "Duration of the polls, pages and retries included.", Span.POLL, "endpoint"
    ),
    _counter("polls_total", "Polls that were begun.", Event.POLL, "endpoint"),
    _counter(
        "poll_failures_total", "Polls that brought nothing, by why.", Event.POLL_FAILED, "endpoint", "reason"
    ),
    _counter(
        "polls_skipped_total",
        "Polls left out because the one before was still under way.",
        Event.POLL_SKIPPED,
        "endpoint",
    ),
    _counter(
        "api_requests_total",
        "Calls to the vendor by status code, or by why there was none.",
        Event.REQUEST,
        "endpoint",
        "code",
    ),
    _histogram(
        "api_request_duration_seconds", "Duration of single calls to the vendor.", Span.REQUEST, "endpoint"
    ),
    Family(
        "api_budget_limit",
        "Calls a minute that the vendor allows the whole account, as its replies say or its documentation.",
        (),
        lambda account: single(account.budget.limit),
    ),
    Family(
        "api_budget_remaining",
        "Calls that the vendor said are left this minute for all programs of the account.",
        (),
        lambda account: single(account.budget.remaining),
    ),
    _counter(
        "throttled_seconds_total",
        "Seconds that calls have waited to stay inside the budget or the vendor's limit.",
        Event.THROTTLED_SECONDS,
    ),
    _counter("token_refreshes_total", "Access tokens fetched.", Event.TOKEN_REFRESH),
    Family(
        "reauth_required",
        "1 if the grant is dead and a person must make a new one.",
        (),
        lambda account: single(float(account.reauth_required)),
    ),
    _counter(
        "rows_dropped_total",
        "Rows, or parts of rows, that came from the vendor and are not shown, by why.",
        Event.ROW_DROPPED,
        "reason",
    ),
    _counter("schema_drift_total", "Fields that were not as documented.", Event.DRIFT, "endpoint"),
    _counter(
        "unknown_status_total",
        "Status words that nobody has mapped yet, counted once for each poll that brought them.",
        Event.UNKNOWN_STATUS,
    ),
)
