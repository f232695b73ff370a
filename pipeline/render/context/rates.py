"""Rates by time: all errors, each risen class, requests."""

from collections.abc import Sequence
from typing import Any

from pipeline.model import HourlyPoint
from pipeline.render import charts
from pipeline.render.charts import Slot
from pipeline.render.context.basis import Basis
from pipeline.render.figures import count, duration, minute, percent, rate
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import ChartView, SlotRow
from pipeline.render.words import name_of, series_words


def _chart(
    basis: Basis,
    points: Sequence[HourlyPoint],
    chart_id: str,
    name: str,
    **given: Any,  # noqa: ANN401  # options of `rate_chart`, and *limit*
) -> ChartView:
    limit = given.pop("limit")
    drawn = basis.slots(points, limit)
    bucket = bucket_words(drawn)
    return ChartView(
        chart_id=chart_id,
        name=Untrusted(name),
        description=Untrusted(series_words(name, drawn, bucket)),
        bucket=bucket,
        chart=charts.rate_chart(drawn, **given),
        rows=[_slot_row(slot) for slot in drawn],
    )


def total_chart(basis: Basis) -> ChartView | None:
    """Return all errors by time, null for a result without that series."""
    if not basis.result.hourly:
        return None
    onset = min((one.onset for one in basis.regressions if one.onset), default=None)
    return _chart(
        basis,
        basis.result.hourly, "all", "All errors by time",
        limit=basis.caps.slots, onset=onset, noun="errors",
    )  # fmt: skip


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
    return _chart(
        basis,
        points, "requests", "Requests by time",
        limit=basis.caps.request_slots, noun="requests", height=150,
    )  # fmt: skip


def small_charts(basis: Basis) -> list[ChartView]:
    """Return one chart for each of the first risen classes."""
    return [
        _chart(
        basis,
            one.hourly, f"s{at}", name_of(one), limit=basis.caps.small_slots, onset=one.onset,
            width=340, height=180, tick_distance=76.0,
        )
        for at, one in enumerate(basis.risen[: basis.caps.charts], start=1)
        if one.hourly
    ]  # fmt: skip


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


def bucket_words(drawn: Sequence[Slot]) -> str:
    """Return the usual length of a bucket."""
    lengths = sorted((slot.end - slot.start).total_seconds() for slot in drawn)
    return duration(lengths[len(lengths) // 2]) if lengths else ""
