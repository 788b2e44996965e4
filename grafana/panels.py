"""The kinds of panels: looks, units, thresholds, and how they say that nothing is known."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from string import ascii_uppercase
from typing import TypeVar

from grafana_foundation_sdk.builders import barchart, common, dashboard, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from promql import columns

DATA_SOURCE = model.DataSourceRef("prometheus", "${datasource}")
UNTOLD = "Not told where the vendor does not tell it, or where its last answer is too old."
POLL = "30s"
"""Nothing is asked more often than the exporter asks the vendors."""

STATUSES = {
    "available": "green",
    "ringing": "light-blue",
    "on_contact": "blue",
    "wrap_up": "purple",
    "busy": "orange",
    "away": "yellow",
    "offline": "#808080",
    "other": "super-light-red",
}
"""Every status, in its colour."""

Steps = Sequence[tuple[float | None, str]]
"""From which value on which colour."""
Cell = tuple[str, str, Steps]
"""A query, its unit and its steps."""
PLAIN: Steps = ((None, "blue"),)
GOOD_ABOVE_ZERO: Steps = ((None, "red"), (1, "green"))
BAD_ABOVE_ZERO: Steps = ((None, "green"), (1, "red"))
WAITING: Steps = ((None, "green"), (5, "orange"), (10, "red"))
WAIT: Steps = ((None, "green"), (120, "orange"), (240, "red"))
"""As prometheus/targets.yml has them for voice."""
WRAP_UP: Steps = ((None, "green"), (300, "orange"), (600, "red"))
AWAY: Steps = ((None, "green"), (1800, "orange"), (3600, "red"))
AGE: Steps = ((None, "green"), (90, "orange"), (120, "red"))
LEVEL: Steps = ((None, "red"), (0.7, "orange"), (0.8, "green"))
ABANDONED: Steps = ((None, "green"), (0.05, "orange"), (0.1, "red"))
USED: Steps = ((None, "green"), (0.5, "orange"), (0.9, "red"))

Panel = barchart.Panel | stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel
P = TypeVar("P", barchart.Panel, stat.Panel, statetimeline.Panel, table.Panel, timeseries.Panel)


def over_time(expression: str, legend: str) -> Dataquery:
    """Return a query over the time of the board."""
    return Dataquery().expr(expression).legend_format(legend).range()


def now(expression: str, legend: str = "") -> Dataquery:
    """Return a query about this moment alone: what has gone must not stand there any longer."""
    return Dataquery().expr(expression).legend_format(legend).instant()


def number(
    title: str, text: str, query: Dataquery, *, unit: str = "short", steps: Steps = PLAIN, width: int = 3
) -> stat.Panel:
    """Return a big number, or one for each series of the query."""
    value = common.ReduceDataOptions().calcs(["last"])
    return (
        _panel(stat.Panel(), title, text, (query,), unit=unit, steps=steps)
        .reduce_options(value)
        .graph_mode(looks.BigValueGraphMode.NONE)
        .color_mode(looks.BigValueColorMode.BACKGROUND)
        .span(width)
        .height(5)
    )


def chart(
    title: str, text: str, *queries: Dataquery, unit: str = "short", steps: Steps = PLAIN, width: int = 12
) -> timeseries.Panel:
    """Return lines over time; where there are steps, they are drawn."""
    marks = looks.GraphThresholdsStyleMode.OFF if steps is PLAIN else looks.GraphThresholdsStyleMode.DASHED
    return (
        _panel(timeseries.Panel(), title, text, queries, unit=unit, steps=steps)
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(marks))
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .legend(
            common.VizLegendOptions()
            .display_mode(looks.LegendDisplayMode.TABLE)
            .placement(looks.LegendPlacement.RIGHT)
            .show_legend(show_legend=True)
            .calcs(["last", "max"])
        )
        .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING))
        .min(0)
        .span(width)
        .height(8)
    )


def stacked(chart: timeseries.Panel, colours: Mapping[str, str]) -> timeseries.Panel:
    """Return the chart as areas on top of each other, each in its colour."""
    chart.fill_opacity(70).line_width(0).stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL))
    return coloured(chart, colours)


def timeline(title: str, text: str, query: Dataquery, states: Mapping[str, str]) -> statetimeline.Panel:
    """Return a line for each series, in the colour of the state whose number, counted from 1, is its value."""
    names = {
        str(n): model.ValueMappingResult(state, colour) for n, (state, colour) in enumerate(states.items(), 1)
    }
    return (
        _panel(statetimeline.Panel(), title, text, (query,))
        .mappings([model.ValueMap(names), _not_told()])
        .show_value(looks.VisibilityMode.NEVER)
        .merge_values(merge_values=True)
        .row_height(0.8)
        .legend(common.VizLegendOptions().show_legend(show_legend=True).placement(looks.LegendPlacement.BOTTOM))
        .span(24)
        .height(14)
    )


def bars(
    title: str, text: str, expression: str, *, row: str, column: str, parts: Mapping[str, str]
) -> barchart.Panel:
    """Return a bar for each value of the label `row`, stacked of the values of the label `column`."""
    key = f"{row}\\{column}"
    chart = (
        _panel(barchart.Panel(), title, text, (_cells(expression),), unit="dthms")
        .transformations([*_matrix(row, column, parts), _step("sortBy", sort=[{"field": key}])])
        .x_field(key)
        .orientation(looks.VizOrientation.HORIZONTAL)
        .stacking(looks.StackingMode.NORMAL)
        .fill_opacity(80)
        .legend(common.VizLegendOptions().show_legend(show_legend=True).placement(looks.LegendPlacement.BOTTOM))
        .span(24)
        .height(14)
    )
    return coloured(chart, parts)


def sheet(
    title: str, text: str, *, name: str, named: Callable[[str], str], cells: Mapping[str, Cell], width: int = 24
) -> table.Panel:
    """Return these cells for each value of the label `row`; `named` adds it, and the board calls it `name`."""
    expression = named(columns({column: one for column, (one, _, _) in cells.items()}))
    sheet = _panel(table.Panel(), title, text, (_cells(expression),))
    sheet.transformations(_matrix("row", "column", cells, name)).span(width).height(10)
    for column, (_, unit, steps) in cells.items():
        sheet.override_by_name(column, [model.DynamicConfigValue("unit", unit), *_cell_colours(steps)])
    return sheet


def ranking(
    title: str, text: str, expression: str, labels: Mapping[str, str], value: str, *, unit: str, steps: Steps
) -> table.Panel:
    """Return a row for each series, its labels under these names, the highest value on top."""
    names = {**labels, "Value": value}
    hidden = dict.fromkeys({"Time", "vendor", "agent"} - labels.keys(), True)
    order = {label: place for place, label in enumerate(names)}
    return (
        _panel(table.Panel(), title, text, (_cells(expression),), unit=unit)
        .transformations([_step("organize", excludeByName=hidden, indexByName=order, renameByName=names)])
        .sort_by([common.TableSortByFieldState().display_name(value).desc(desc=True)])
        .override_by_name(value, _cell_colours(steps))
        .no_value("nobody, or not told")
        .span(12)
        .height(8)
    )


def coloured(chart: P, colours: Mapping[str, str]) -> P:
    """Give the series of these names these colours."""
    for name, colour in colours.items():
        fixed = model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})
        chart.override_by_name(name, [fixed])
    return chart


def dashed(chart: timeseries.Panel, pattern: str) -> timeseries.Panel:
    """Draw the lines whose names match a pattern thinner and dashed."""
    style = model.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [6, 6]})
    return chart.override_by_regexp(pattern, [style, model.DynamicConfigValue("custom.lineWidth", 1)])


def texts(kind: P, meanings: Mapping[str, tuple[str, str]]) -> P:
    """Show these values as texts, each in its colour."""
    results = {value: model.ValueMappingResult(text, colour) for value, (text, colour) in meanings.items()}
    return kind.mappings([model.ValueMap(results), _not_told()])


def linked(kind: P, *links: dashboard.DashboardLink) -> P:
    """Give the panel links of its own."""
    return kind.links(list(links))


def _panel(
    kind: P, title: str, text: str, queries: Iterable[Dataquery], *, unit: str = "short", steps: Steps = PLAIN
) -> P:
    for letter, query in zip(ascii_uppercase, queries, strict=False):
        kind.with_target(query.ref_id(letter).datasource(DATA_SOURCE))
    thresholds = [model.Threshold(value, colour) for value, colour in steps]
    return (
        kind.title(title)
        .description(text)
        .datasource(DATA_SOURCE)
        .interval(POLL)
        .unit(unit)
        .thresholds(dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(thresholds))
        .mappings([_not_told()])
        .no_value("not told")
    )


def _not_told() -> model.ValueMapping:
    unknown = model.ValueMappingResult("not told", "text")
    return model.SpecialValueMap(
        model.DashboardSpecialValueMapOptions(model.SpecialValueMatch.NULL_AND_NAN, unknown)
    )


def _cells(expression: str) -> Dataquery:
    return now(expression).format(PromQueryFormat.TABLE)


def _step(id_: str, **options: object) -> model.DataTransformerConfig:
    return model.DataTransformerConfig(id_val=id_, options=options)


def _matrix(row: str, column: str, order: Iterable[str], name: str = "") -> list[model.DataTransformerConfig]:
    """Make a row of each value of one label and a column of each of another; an empty cell is no zero."""
    key = f"{row}\\{column}"
    return [
        _step("groupingToMatrix", rowField=row, columnField=column, valueField="Value", emptyValue="null"),
        _step(
            "organize",
            excludeByName={},
            indexByName={key: 0, **{name: place for place, name in enumerate(order, 1)}},
            renameByName={key: name} if name else {},
        ),
    ]


def _cell_colours(steps: Steps) -> list[model.DynamicConfigValue]:
    if steps is PLAIN:
        return []
    marks = [{"value": value, "color": colour} for value, colour in steps]
    return [
        model.DynamicConfigValue("thresholds", {"mode": "absolute", "steps": marks}),
        model.DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
    ]
