"""Pure geometry: numbers in, coordinates out. Markup is in ``reports/macros/charts.html.j2``.

One module a kind of drawing; `slots` and `axes` are what they share. Rates are events per covered
hour. Positions are in units of the drawing, rounded to a tenth, so that the same numbers give the
same bytes.
"""

from pipeline.render.charts.axes import Area, Tick, TimeAxis, TimeTick, log_ticks, nice_ticks
from pipeline.render.charts.chain import MAX_BOXES, Arrow, Box, Graph, chain_graph
from pipeline.render.charts.heat import HEAT_LIMITS, Cell, HeatMap, heat_level, heat_map, heat_runs
from pipeline.render.charts.lanes import Gap, Lane, LaneChart, Mark, lane_chart
from pipeline.render.charts.rate import Axis, RateChart, axis_strip, rate_chart, slot_words
from pipeline.render.charts.slope import Slope, SlopeChart, slope_chart
from pipeline.render.charts.slots import (
    MOST_POINTS,
    Slot,
    add_points,
    bucket_length,
    joined_words,
    slots,
)
from pipeline.render.charts.spark import Spark, spark

__all__ = [
    "HEAT_LIMITS",
    "MAX_BOXES",
    "MOST_POINTS",
    "Area",
    "Arrow",
    "Axis",
    "Box",
    "Cell",
    "Gap",
    "Graph",
    "HeatMap",
    "Lane",
    "LaneChart",
    "Mark",
    "RateChart",
    "Slope",
    "SlopeChart",
    "Slot",
    "Spark",
    "Tick",
    "TimeAxis",
    "TimeTick",
    "add_points",
    "axis_strip",
    "bucket_length",
    "chain_graph",
    "heat_level",
    "heat_map",
    "heat_runs",
    "joined_words",
    "lane_chart",
    "log_ticks",
    "nice_ticks",
    "rate_chart",
    "slope_chart",
    "slot_words",
    "slots",
    "spark",
]
