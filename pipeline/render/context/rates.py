"""Rates by time: all errors, requests, each risen class; all on one axis of time."""

from collections.abc import Sequence
from typing import Any

from pipeline.model import Finding, HourlyPoint
from pipeline.render import charts
from pipeline.render.charts import Slot
from pipeline.render.context.basis import Basis, tone_of
from pipeline.render.figures import count, many, minute, percent, rate
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import ChartView, ClassCharts, ClassRow, SlotRow
from pipeline.render.words import distinct_names, series_words, state_of

_STRIP_HEIGHT, _REQUEST_HEIGHT = 76, 90


def _chart(
    basis: Basis,
    points: Sequence[HourlyPoint],
    chart_id: str,
    name: str,
    drawn: Sequence[Slot],
    **given: Any,  # noqa: ANN401  # options of `rate_chart`
) -> ChartView:
    return ChartView(
        chart_id=chart_id,
        name=Untrusted(name),
        description=Untrusted(series_words(name, drawn, given.get("noun", "events"))),
        bucket=charts.joined_words(points, drawn),
        chart=charts.rate_chart(drawn, shared=basis.shared, **given),
        rows=[_slot_row(slot) for slot in drawn],
    )


def _onset_of(found: Sequence[Finding]) -> dict[str, Any]:
    """Return the earliest onset of *found* with its bounds, as `rate_chart` takes them."""
    dated = [(one.onset, one.onset_lower, one.onset_upper) for one in found if one.onset]
    if not dated:
        return {}
    onset, lower, upper = min(dated, key=lambda at: at[0])
    return {"onset": onset, "onset_range": (lower, upper) if lower and upper else None}


def drawn_kinds(
    total: ChartView | None, requests: ChartView | None, classes: ClassCharts | None
) -> frozenset[str]:
    """Return what any chart of the section shows: only that is in the key."""
    views = [view for view in (total, requests) if view] + (classes.charts if classes else [])
    return frozenset(kind for view in views for kind in view.chart.kinds)


def time_axis(basis: Basis) -> charts.Axis:
    """Return the axis on which all charts of the section stand."""
    return charts.axis_strip(basis.shared)


def total_chart(basis: Basis) -> ChartView | None:
    """Return all errors by time, null for a result without that series."""
    if not basis.result.hourly:
        return None
    onset = _onset_of(basis.regressions)
    return _chart(
        basis, basis.result.hourly, "all", "All errors", basis.shared, noun="errors", **onset
    )


def request_chart(basis: Basis) -> ChartView | None:
    """Return requests by time, null where none were counted."""
    points = [
        HourlyPoint(point.bucket_start, point.window, round(point.exposure), None, None, None,
                    None, point.coverage)
        for point in basis.result.hourly
        if point.exposure is not None
    ]  # fmt: skip
    if not points:
        return None
    drawn = basis.slots(points, basis.caps.request_slots)
    return _chart(
        basis, points, "requests", "Requests", drawn,
        noun="requests", height=_REQUEST_HEIGHT, tick_count=2, has_times=False,
    )  # fmt: skip


def class_charts(basis: Basis) -> ClassCharts | None:
    """Return the risen classes on one axis; with more than fit, the last chart adds up the rest."""
    risen = [one for one in basis.risen if one.hourly]
    if not risen:
        return None
    names = distinct_names(basis.result.findings)
    single = risen if len(risen) <= basis.caps.charts else risen[: basis.caps.charts - 1]
    found = [
        _class_chart(basis, f"s{at}", names[one.finding_id], [one])
        for at, one in enumerate(single, start=1)
    ]
    rest = risen[len(single) :]
    if rest:
        found.append(_class_chart(basis, "rest", _rest_words(rest), rest))
    return ClassCharts(
        charts=[chart for chart, _ in found],
        bucket=found[0][0].bucket,
        more=f"{_rest_words(rest)} are added up in the last chart." if rest else "",
        rows=_class_rows([drawn for _, drawn in found]),
    )


def _rest_words(rest: Sequence[Finding]) -> str:
    return many(len(rest), "other class", "other classes")


def _class_chart(
    basis: Basis, chart_id: str, name: str, found: Sequence[Finding]
) -> tuple[ChartView, list[Slot]]:
    one = found[0]
    points = one.hourly if len(found) == 1 else charts.add_points([at.hourly for at in found])
    drawn = basis.slots(points, basis.caps.small_slots)
    onset = _onset_of(found)
    chart = charts.rate_chart(
        drawn, shared=basis.shared, height=_STRIP_HEIGHT, tick_count=2, has_times=False, **onset
    )
    is_single = len(found) == 1
    keys = {key for at in found for key in basis.keys(at).split()}
    view = ChartView(
        chart_id=chart_id,
        name=Untrusted(name),
        description=Untrusted(series_words(name, drawn, "events")),
        bucket=charts.joined_words(points, drawn),
        chart=chart,
        rows=[],
        anchor=basis.anchors.get(one.finding_id, "") if is_single else "",
        state=state_of(one) if is_single else "",
        tone=tone_of(one) if is_single else "plain",
        keys=basis.keys(one) if is_single else " ".join(sorted(keys)),
    )
    return view, drawn


def _class_rows(series: Sequence[Sequence[Slot]]) -> list[ClassRow]:
    """Return counts by bucket, a column a series; a bucket that one has not is a dash."""
    by_start = [{(slot.start, slot.window): slot for slot in drawn} for drawn in series]
    starts = sorted({key for found in by_start for key in found})
    return [
        ClassRow(
            time=minute(start),
            is_candidate=window == "candidate",
            cells=[_cell(found.get((start, window))) for found in by_start],
        )
        for start, window in starts
    ]


def _cell(slot: Slot | None) -> str:
    if slot is None or (slot.rate is None and not slot.event_count):
        return count(None)
    text = count(slot.event_count)
    if slot.is_above:
        text += " above"
    return f"{text}; {percent(slot.coverage)} covered" if slot.coverage < 1 else text


def _slot_row(slot: Slot) -> SlotRow:
    band = "" if slot.upper is None else f"{rate(slot.lower)} to {rate(slot.upper)}"
    remarks = ["above the band"] if slot.is_above else []
    if slot.is_partial:
        remarks.append(f"{percent(slot.coverage)} covered" if slot.coverage < 1 else "cut short")
    return SlotRow(
        time=minute(slot.start),
        is_candidate=slot.window == "candidate",
        count=count(slot.event_count),
        rate=rate(slot.rate),
        expected=rate(slot.expected),
        band=band,
        remark=", ".join(remarks),
    )
