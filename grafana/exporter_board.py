"""The board of the exporter: does it know what it shows, and what does that cost?"""

import frame
from frame import Section, runbook
from grafana_foundation_sdk.models.dashboard import Dashboard
from panels import (
    AGE,
    BAD_ABOVE_ZERO,
    GOOD_ABOVE_ZERO,
    PLAIN,
    USED,
    Cell,
    Panel,
    chart,
    linked,
    now,
    number,
    over_time,
    sheet,
    texts,
)
from promql import (
    ACCOUNT,
    age,
    failing,
    joined,
    none_yet,
    per_minute,
    rows,
    slowest,
)

_ENDPOINT = f"{ACCOUNT}, endpoint"
_PLACE = "{{account}}, {{endpoint}}"
_SILENT = "Empty where the exporter or Prometheus is down."
_ACCOUNTS: dict[str, Cell] = {
    "Up": (rows("up", ACCOUNT), "bool_yes_no", GOOD_ABOVE_ZERO),
    "Age of the data": (age(), "dthms", AGE),
    "Failing endpoints": (failing(), "short", BAD_ABOVE_ZERO),
    "Needs a new grant": (rows("reauth_required", ACCOUNT), "bool_yes_no", BAD_ABOVE_ZERO),
    "Calls a minute": (per_minute("api_requests_total", ACCOUNT), "short", PLAIN),
    "Calls allowed a minute": (rows("api_budget_limit", ACCOUNT), "short", PLAIN),
}


def board(docs: str) -> Dashboard:
    """Return the board."""
    return frame.board(
        frame.EXPORTER,
        "exporter",
        "Whether the exporter knows what it shows, why not, and how much of the vendors' limits it takes.",
        (frame.vendor(), frame.account(), frame.instance()),
        (
            Section("Accounts", _accounts()),
            Section("Polls", _polls()),
            Section("The vendors' limits", _limits()),
            Section("The process", _process()),
        ),
        since="now-6h",
        docs=docs,
    )


def _accounts() -> tuple[Panel, ...]:
    return (
        number(
            "Accounts up",
            f"Accounts of which at least one live endpoint answers. {_SILENT}",
            now(f"sum({rows('up', ACCOUNT)})"),
            steps=GOOD_ABOVE_ZERO,
        ),
        linked(
            number(
                "Accounts down",
                f"Accounts of which no live endpoint answers. {_SILENT}",
                now(f"sum(1 - {rows('up', ACCOUNT)})"),
                steps=BAD_ABOVE_ZERO,
            ),
            runbook("What to do", "ContactCenterAccountDown"),
        ),
        sheet(
            "Accounts",
            "Each account. The age is that of the newest answer; where polls of an endpoint fail, of its last "
            f"good one. {_SILENT}",
            name="Account",
            named=lambda cells: joined(cells, "row", "account", "vendor"),
            cells=_ACCOUNTS,
            width=18,
        ),
    )


def _polls() -> tuple[Panel, ...]:
    success = rows("last_success_timestamp_seconds", _ENDPOINT)
    failures = per_minute("poll_failures_total", f"{ACCOUNT}, reason")
    odd = (
        ("rows_dropped_total", f"{ACCOUNT}, reason", "row dropped: {{reason}}"),
        ("schema_drift_total", _ENDPOINT, "not as documented: {{endpoint}}"),
        ("unknown_status_total", ACCOUNT, "unknown status"),
    )
    return (
        linked(
            chart(
                "Age of each endpoint's answer",
                "Since the latest good poll of each endpoint began. Slow endpoints are polled every few minutes "
                f"or hours. An endpoint that never answered has none. {_SILENT}",
                over_time(f"time() - {success}", _PLACE),
                unit="dthms",
            ),
            runbook("What to do", "ContactCenterDataStale"),
        ),
        linked(
            chart(
                "Failures by reason",
                'Polls a minute that brought nothing; "none" is a known 0. The first failure of its kind since '
                f"the start begins its line, and counts from the next on. {_SILENT}",
                over_time(none_yet(failures, "reason"), "{{account}}, {{reason}}"),
            ),
            runbook("What to do", "ContactCenterAccountDown"),
        ),
        chart(
            "Time of a poll",
            "How long the slowest of twenty polls took, with all its pages and retries. Empty while an endpoint "
            f"is not polled. {_SILENT}",
            over_time(slowest("poll_duration_seconds", _ENDPOINT), _PLACE),
            unit="s",
        ),
        linked(
            chart(
                "Answers that are not as documented",
                "Rows a minute that are not shown, fields that have changed, and status words that nobody has "
                f'mapped; "none" is a known 0. {_SILENT}',
                *(
                    over_time(none_yet(per_minute(counter, by), "reason"), f"{{{{account}}}}, {legend}")
                    for counter, by, legend in odd
                ),
            ),
            runbook("What to do", "ContactCenterSchemaDrift"),
        ),
    )


def _limits() -> tuple[Panel, ...]:
    limit = rows("api_budget_limit", ACCOUNT)
    ours = f"{per_minute('api_requests_total', ACCOUNT)} / on ({ACCOUNT}) {limit}"
    everybody = f"1 - {rows('api_budget_remaining', ACCOUNT)} / on ({ACCOUNT}) {limit}"
    return (
        linked(
            chart(
                "Budget used",
                "The share of the calls a minute that the vendor allows: by this exporter, and by all programs of "
                f"the account, where the vendor's answers tell that. {_SILENT}",
                over_time(ours, "{{account}}, exporter"),
                over_time(everybody, "{{account}}, everybody"),
                unit="percentunit",
                steps=USED,
            ),
            runbook("What to do", "ContactCenterBudgetNearlyGone"),
        ),
        chart(
            "Calls to the vendors",
            f"Calls a minute by status code, or by why there was no answer. {_SILENT}",
            over_time(per_minute("api_requests_total", f"{ACCOUNT}, code"), "{{account}}, {{code}}"),
        ),
        chart(
            "Time of a call",
            f"How long the slowest of twenty calls took. Empty while an endpoint is not called. {_SILENT}",
            over_time(slowest("api_request_duration_seconds", _ENDPOINT), _PLACE),
            unit="s",
        ),
        linked(
            chart(
                "Time spent waiting for a call to be allowed",
                "Seconds a minute that calls have waited to stay inside the budget or the vendor's limit; "
                f'"none" is a known 0. {_SILENT}',
                over_time(none_yet(per_minute("throttled_seconds_total", ACCOUNT), "reason"), "{{account}}"),
                unit="s",
            ),
            runbook("What to do", "ContactCenterThrottled"),
        ),
    )


def _process() -> tuple[Panel, ...]:
    return (
        linked(
            texts(
                number(
                    "Config",
                    "Whether the config was taken the last time it was read; if not, the old one goes on. "
                    f"{_SILENT}",
                    now(_own("config_last_reload_successful"), "{{instance}}"),
                    steps=GOOD_ABOVE_ZERO,
                    width=4,
                ),
                {"1": ("taken", "green"), "0": ("refused", "red")},
            ),
            runbook("What to do", "ContactCenterReloadFailed"),
        ),
        number(
            "Config read",
            f"How long ago the config in use was read. {_SILENT}",
            now(f"time() - {_own('config_last_reload_success_timestamp_seconds')}", "{{instance}}"),
            unit="dtdhms",
            width=4,
        ),
        texts(
            number(
                "Polls",
                f"Whether this replica polls; one that stands by shows no account. {_SILENT}",
                now(_own("is_leader"), "{{instance}}"),
                width=4,
            ),
            {"1": ("polls", "green"), "0": ("stands by", "blue")},
        ),
        chart(
            "Series",
            f"Series of all accounts on the page, and samples refused because they were not sound. {_SILENT}",
            over_time(_own("series"), "{{instance}}"),
            over_time(_own("samples_refused"), "{{instance}}, refused"),
        ),
        linked(
            chart(
                "Event-loop lag",
                "The longest delay of the event loop in the last minute; above a second it has too much to do. "
                f"{_SILENT}",
                over_time(_own("event_loop_lag_seconds"), "{{instance}}"),
                unit="s",
            ),
            runbook("What to do", "ContactCenterExporterSlow"),
        ),
        chart(
            "Time to make the page",
            f"How long it took to make the page of /metrics: once for each change, not for each scrape. {_SILENT}",
            over_time(_own("render_seconds"), "{{instance}}"),
            unit="s",
        ),
    )


def _own(metric: str) -> str:
    """Return a metric about the picked exporters themselves."""
    return f'max by (instance) (contact_center_exporter_{metric}{{instance=~"$instance"}})'
