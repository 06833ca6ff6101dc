"""Builds Grafana dashboards from what filterctl declares.

Reads a JSON list of dashboards on standard input (see panel.rs) and writes a JSON object on standard output: the dashboards by
name. What is shown is declared there; here is only how it looks. Needs the package grafana-foundation-sdk.
"""

import json
import sys

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as dashboard_models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models import prometheus as prometheus_models

# All dashboards of the suite carry it; each links to the others by it.
TAG = "envoy-filters"

# The reader chooses the Prometheus, so that the files can be imported as they are.
DATASOURCE = common_models.DataSourceRef(type_val="prometheus", uid="${datasource}")

COLOURS = {"good": "green", "odd": "orange", "bad": "red", "neutral": "blue", "unseen": "#808080"}

UNITS = {
    "count": "short",
    "per_second": "suffix:/s",
    "per_minute": "suffix:/min",
    "octets": "decbytes",
    "octets_per_second": "Bps",
    "share": "percentunit",
    "microseconds": "µs",
}


def thresholds(spec):
    steps = [dashboard_models.Threshold(value=None, color=COLOURS[spec["base"]])]
    steps += [dashboard_models.Threshold(value=value, color=COLOURS[colour]) for value, colour in spec["steps"]]
    return dashboard.ThresholdsConfig().mode(dashboard_models.ThresholdsMode.ABSOLUTE).steps(steps)


def queries(panel, spec, over_time, result_format=prometheus_models.PromQueryFormat.TIME_SERIES):
    for index, query in enumerate(spec["queries"]):
        target = (
            prometheus.Dataquery()
            .ref_id(chr(ord("A") + index))
            .datasource(DATASOURCE)
            .expr(query["expr"])
            .legend_format(query["legend"])
            .editor_mode(prometheus_models.QueryEditorMode.CODE)
            .format(result_format)
        )
        panel.with_target(target.range() if over_time else target.instant())


def colours(panel, spec):
    for legend, colour in spec["colours"]:
        value = {"mode": "fixed", "fixedColor": COLOURS[colour]}
        panel.override_by_name(legend, [dashboard_models.DynamicConfigValue(id_val="color", value=value)])


def lines(spec):
    legend = (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(common_models.LegendDisplayMode.TABLE)
        .placement(common_models.LegendPlacement.BOTTOM)
        .calcs(["mean", "max"])
        .sort_by("Mean")
        .sort_desc(True)
    )
    tooltip = (
        common.VizTooltipOptions()
        .mode(common_models.TooltipDisplayMode.MULTI)
        .sort(common_models.SortOrder.DESCENDING)
        .hide_zeros(True)
    )
    panel = (
        timeseries.Panel()
        .draw_style(common_models.GraphDrawStyle.LINE)
        .line_width(1)
        .fill_opacity(30 if spec["stacked"] else 8)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(legend)
        .tooltip(tooltip)
    )
    if spec["stacked"]:
        panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A"))
    queries(panel, spec, over_time=True)
    return panel


def numbers(spec):
    panel = (
        stat.Panel()
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .color_mode(common_models.BigValueColorMode.VALUE)
        .text_mode(
            common_models.BigValueTextMode.VALUE_AND_NAME
            if len(spec["queries"]) > 1 or "{{" in spec["queries"][0]["legend"]
            else common_models.BigValueTextMode.VALUE
        )
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    # What is extrapolated from a counter is no whole number; nobody wants to read that.
    if spec["unit"] == "count":
        panel.decimals(0)
    queries(panel, spec, over_time=False)
    return panel


def bars(spec):
    panel = (
        bargauge.Panel()
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.GRADIENT)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .decimals(0)
    )
    queries(panel, spec, over_time=False)
    return panel


def rows(spec):
    panel = table.Panel().with_transformation(
        dashboard_models.DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": {"Time": True}, "renameByName": {"Value": spec["queries"][0]["legend"]}},
        )
    )
    queries(panel, spec, over_time=False, result_format=prometheus_models.PromQueryFormat.TABLE)
    return panel


def heat(spec):
    panel = (
        heatmap.Panel()
        .calculate(False)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heatmap_models.HeatmapColorMode.SCHEME)
            .scheme("Oranges")
            .scale(heatmap_models.HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(64)
        )
        .y_axis(heatmap.YAxisConfig().unit(UNITS[spec["unit"]]))
        .cell_gap(1)
    )
    queries(panel, spec, over_time=True, result_format=prometheus_models.PromQueryFormat.HEATMAP)
    return panel


KINDS = {"lines": lines, "numbers": numbers, "bars": bars, "table": rows, "heatmap": heat}


def build_panel(spec, identifier):
    panel = (
        KINDS[spec["kind"]](spec)
        .id(identifier)
        .title(spec["title"])
        .description(spec["description"])
        .datasource(DATASOURCE)
        .unit(UNITS[spec["unit"]])
        .span(spec["width"])
        .height(spec["height"])
    )
    if spec["min"] is not None:
        panel.min(spec["min"])
    if spec["max"] is not None:
        panel.max(spec["max"])
    if spec["thresholds"] is not None:
        panel.thresholds(thresholds(spec["thresholds"]))
        panel.color_scheme(dashboard.FieldColor().mode(dashboard_models.FieldColorModeId.THRESHOLDS))
    colours(panel, spec)
    return panel


def build_variable(spec):
    variable = (
        dashboard.QueryVariable(spec["name"])
        .label(spec["label"])
        .description(spec["description"])
        .datasource(DATASOURCE)
        .query(f"label_values({spec['series']}, {spec['values_of']})")
        .refresh(dashboard_models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard_models.VariableSort.ALPHABETICAL_ASC)
        .multi(spec["multi"])
        .include_all(spec["multi"])
    )
    if spec["multi"]:
        variable.all_value(".*").current(
            dashboard_models.VariableOption(selected=True, text="All", value="$__all")
        )
    return variable


def build_dashboard(spec):
    builder = (
        dashboard.Dashboard(spec["title"])
        .uid(f"{TAG}-{spec['name']}")
        .description(spec["description"])
        .tags([TAG])
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(dashboard_models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Envoy filters")
            .type(dashboard_models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .include_vars(True)
            .keep_time(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for variable in spec["variables"]:
        builder.with_variable(build_variable(variable))
    identifier = 0
    for row in spec["rows"]:
        identifier += 1
        header = dashboard.Row(row["title"]).id(identifier)
        panels = []
        for panel in row["panels"]:
            identifier += 1
            panels.append(build_panel(panel, identifier))
        # A closed row holds its panels; those of an open one follow it.
        if row["collapsed"]:
            for panel in panels:
                header.with_panel(panel)
            builder.with_row(header)
        else:
            builder.with_row(header)
            for panel in panels:
                builder.with_panel(panel)
    return builder.build()


def main():
    specs = json.load(sys.stdin)
    built = {spec["name"]: build_dashboard(spec) for spec in specs}
    json.dump(built, sys.stdout, cls=JSONEncoder, sort_keys=True, ensure_ascii=False)


main()
