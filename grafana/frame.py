"""What is around the panels of a board: its variables, its links and its rows."""

from collections.abc import Iterable, Mapping, Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model
from msgspec import Struct
from panels import DATA_SOURCE, POLL, Panel
from promql import FORMULAS, PICKED, agent_names

WALLBOARD, QUEUES, AGENTS, EXPORTER = (
    f"contact-center-{name}" for name in ("wallboard", "queues", "agents", "exporter")
)
"""What the boards are called in addresses; this never changes."""
TAG = "contact-center"
"""By which boards find each other."""

_TARGETS = (10, 15, 20, 30, 45, 60, 90, 120, 180, 300)
_QUEUED = "calls_waiting|calls_in_progress|calls_today|calls_offered_today|queue_info"

Variable = (
    dashboard.ConstantVariable | dashboard.CustomVariable | dashboard.DatasourceVariable | dashboard.QueryVariable
)


class Section(Struct, frozen=True):
    """A row of a board, and the panels below it."""

    title: str
    panels: Sequence[Panel]
    repeat: str = ""
    """The variable for whose values it is repeated; empty where it is not."""


def board(
    uid: str,
    title: str,
    text: str,
    variables: Iterable[Variable],
    sections: Iterable[Section],
    *,
    since: str,
    docs: str,
) -> model.Dashboard:
    """Return a board that Grafana 11 and later can import; `docs` is where docs/ is published."""
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    made = (
        dashboard.Dashboard(f"Contact centre: {title}")
        .uid(uid)
        .description(text)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .time(since, "now")
        .refresh(POLL)
        .timepicker(dashboard.TimePicker().refresh_intervals([POLL, "1m", "5m", "15m", "30m", "1h"]))
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .variables([source, *variables, dashboard.ConstantVariable("docs").value(docs)])
        .links([_boards(), runbook("Runbooks")])
    )
    for section in sections:
        row = dashboard.Row(section.title)
        made.with_row(row.repeat(section.repeat) if section.repeat else row)
        for panel in section.panels:
            made.with_panel(panel)
    whole = made.build()
    for number, placed in enumerate(whole.panels or (), 1):
        placed.id_val = number
    for variable in whole.templating.list_val or ():
        if variable.type_val is model.VariableType.CONSTANT:
            variable.hide = model.VariableHide.HIDE_VARIABLE  # the builder of constants cannot
    return whole


def vendor() -> dashboard.QueryVariable:
    """Return the variable for the vendors."""
    return _picked("vendor", "Vendor", "label_values(contact_center_up, vendor)")


def account() -> dashboard.QueryVariable:
    """Return the variable for the accounts of the picked vendors."""
    return _picked("account", "Account", 'label_values(contact_center_up{vendor=~"$vendor"}, account)')


def queue() -> dashboard.QueryVariable:
    """Return the variable for the queues of the picked accounts."""
    metrics = f'{{__name__=~"contact_center_({_QUEUED})", {PICKED}}}'
    return _picked("queue", "Queue", f"label_values({metrics}, queue)")


def agent() -> dashboard.QueryVariable:
    """Return the variable for the agents of the picked accounts: it shows names where they are told."""
    names = agent_names("agent_status", "seconds_in_state")
    return _picked("agent", "Agent", f"query_result(group by (agent, who) ({names}))").regex(
        '/agent="(?<value>[^"]+)",who="(?<text>.+)"}/'
    )


def instance() -> dashboard.QueryVariable:
    """Return the variable for the exporters."""
    return _picked("instance", "Instance", "label_values(contact_center_exporter_build_info, instance)")


def target() -> dashboard.CustomVariable:
    """Return the variable for the seconds within which a contact should be answered."""
    return _chosen("target", "Answered within (s)", {str(seconds): str(seconds) for seconds in _TARGETS}, "20")


def formula() -> dashboard.CustomVariable:
    """Return the variable for what the service level is a share of."""
    return _chosen("formula", "Service level of", {name: str(n) for n, name in enumerate(FORMULAS, 1)}, "1")


def runbook(title: str, alert: str = "") -> dashboard.DashboardLink:
    """Return a link to what to do, about one alert or all."""
    place = f"#{alert.lower()}" if alert else ""
    return (
        dashboard.DashboardLink(title)
        .type(model.DashboardLinkType.LINK)
        .icon("doc")
        .url(f"${{docs}}/runbooks.md{place}")
        .target_blank(target_blank=True)
    )


def to_board(title: str, uid: str, *also: str) -> dashboard.DashboardLink:
    """Return a link to another board, about the same time, accounts, and whatever else of it is picked here."""
    picked = "&".join(f"${{{name}:queryparam}}" for name in ("datasource", "vendor", "account", *also))
    url = f"/d/{uid}?{picked}&${{__url_time_range}}"
    return dashboard.DashboardLink(title).type(model.DashboardLinkType.LINK).url(url)


def _boards() -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("Boards")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )


def _picked(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATA_SOURCE)
        .query(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.NATURAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".+")
        .current(model.VariableOption(selected=True, text="All", value="$__all"))
    )


def _chosen(name: str, label: str, values: Mapping[str, str], default: str) -> dashboard.CustomVariable:
    options = {
        value: model.VariableOption(selected=value == default, text=text, value=value)
        for text, value in values.items()
    }
    listed = ", ".join(f"{text} : {value}" for text, value in values.items())
    return (
        dashboard.CustomVariable(name)
        .label(label)
        .values(listed)
        .options(list(options.values()))
        .current(options[default])
    )
