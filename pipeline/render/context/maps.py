"""Class by time, rates before and after, services over time, and the changes of the system."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pipeline.model import Change, Finding, WindowFacts
from pipeline.render import charts
from pipeline.render.charts import Slot
from pipeline.render.context.basis import Basis, moment_view, tone_of
from pipeline.render.figures import count, duration, many, minute, moment, rate
from pipeline.render.happenings import change_words, kind_words, service_words
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import ChangeView, HeatRow, HeatView, LaneView, SlopeView
from pipeline.render.words import distinct_names, is_risen

_LEVELS = {
    "1": "above the band, under 2 times the expected",
    "2": "2 to 4 times the expected",
    "3": "4 to 16 times the expected",
    "4": "16 times the expected and more",
    "gap": "not covered",
    "none": "no expectation",
}
_MOST_ROWS = 150  # of the table behind the map


def _ranked(basis: Basis) -> list[Finding]:
    """Return risen classes by appearance, then the others as the result has them."""
    return [*basis.risen, *(one for one in basis.result.findings if not is_risen(one))]


def _split(basis: Basis, found: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Return the classes that get a row each and those that share the last one."""
    rows = basis.caps.rows
    most = rows if len(found) <= rows else rows - 1
    return list(found[:most]), list(found[most:])


def _rest_name(rest: Sequence[Finding]) -> str:
    return f"{len(rest):,} other"


def heat_view(basis: Basis) -> HeatView | None:
    """Return classes by time against what was expected, null where no class has a series."""
    single, rest = _split(basis, [one for one in _ranked(basis) if one.hourly])
    if not single:
        return None
    names = distinct_names(basis.result.findings)
    limit = basis.caps.heat_slots
    rows = [(names[one.finding_id], basis.slots(one.hourly, limit)) for one in single]
    if rest:
        added = charts.add_points([one.hourly for one in rest])
        rows.append((_rest_name(rest), basis.slots(added, limit)))
    said = [f"{name}: {_heat_words(drawn)}" for name, drawn in rows]
    fields = [field for name, drawn in rows for field in _heat_rows(name, drawn)]
    return HeatView(
        chart=charts.heat_map([drawn for _, drawn in rows]),
        names=[Untrusted(name) for name, _ in rows],
        description=Untrusted("; ".join(said) + "."),
        bucket=charts.joined_words(single[0].hourly, rows[0][1]),
        rows=fields[:_MOST_ROWS],
        more=f"and {len(fields) - _MOST_ROWS:,} more" if len(fields) > _MOST_ROWS else "",
    )


def _heat_words(drawn: Sequence[Slot]) -> str:
    known = [slot for slot in drawn if charts.heat_level(slot) in "01234"]
    above = [slot for slot in known if slot.is_above]
    if not known:
        return "no expectation"
    if not above:
        return "never above its band"
    where = f"{minute(above[0].start)} to {minute(above[-1].end)} UTC"
    return f"above its band in {len(above)} of {len(drawn)} buckets, {where}"


def _heat_rows(name: str, drawn: Sequence[Slot]) -> list[HeatRow]:
    """Return the stretches of a row that are not simply in the band."""
    return [
        HeatRow(
            name=Untrusted(name),
            time=f"{minute(run[0].start)} to {minute(run[-1].end)}",
            count=count(sum(slot.event_count for slot in run)),
            level=_LEVELS[charts.heat_level(run[0])],
        )
        for run in charts.heat_runs(drawn)
        if charts.heat_level(run[0]) in _LEVELS
    ]


def slope_view(basis: Basis) -> SlopeView | None:
    """Return rates before and after; null where no class has a rate in the baseline window."""
    found = [one for one in _ranked(basis) if one.candidate_rate is not None]
    if not any(one.baseline_rate is not None for one in found):
        return None
    single, rest = _split(basis, found)
    names = distinct_names(basis.result.findings)
    labels = [names[one.finding_id] for one in single]
    pairs = [(one.baseline_rate, one.candidate_rate) for one in single]
    tones = [tone_of(one) for one in single]
    if rest:
        labels.append(_rest_name(rest))
        pairs.append(
            (_sum(one.baseline_rate for one in rest), _sum(one.candidate_rate for one in rest))
        )
        tones.append("plain")
    said = [
        f"{name}: {rate(before)} to {rate(after)} per hour"
        for name, (before, after) in zip(labels, pairs, strict=True)
    ]
    return SlopeView(
        chart=charts.slope_chart(pairs),
        names=[Untrusted(name) for name in labels],
        tones=tones,
        description=Untrusted("; ".join(said) + "."),
        rows=[
            (Untrusted(name), rate(before), rate(after))
            for name, (before, after) in zip(labels, pairs, strict=True)
        ],
    )


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def lanes_view(basis: Basis) -> LaneView | None:
    """Return services over time: gaps, rises, changes; null where none has any of these."""
    lanes = _lanes(basis)
    eventful = [name for name, lane in lanes.items() if lane.gaps or lane.onsets or lane.changes]
    if not eventful:
        return None
    # Those with most to tell first; the others, which logged without a break, share a lane.
    eventful.sort(key=lambda name: (not lanes[name].onsets, not lanes[name].changes, name))
    most = basis.caps.rows
    is_more = len(lanes) > most or len(eventful) < len(lanes)
    shown = eventful[: most - 1] if is_more else eventful
    rest = [name for name in lanes if name not in shown]
    drawn = [lanes[name] for name in shown]
    labels = list(shown)
    if rest:
        drawn.append(_joined([lanes[name] for name in rest]))
        # A file may hold the lines of services that nothing here names by themselves.
        number = max(len(rest), (basis.result.coverage.service_count or 0) - len(shown))
        labels.append(f"{number:,} other (any of them)")
    windows = basis.result.windows
    chart = charts.lane_chart(drawn, _span(windows.baseline), _span(windows.candidate))
    said = [(label, _lane_words(lane)) for label, lane in zip(labels, drawn, strict=True)]
    return LaneView(
        chart=chart,
        names=[Untrusted(label) for label in labels],
        description=Untrusted("; ".join(f"{label}: {words}" for label, words in said) + "."),
        rows=[(Untrusted(label), words) for label, words in said],
    )


def _span(facts: WindowFacts) -> tuple[datetime, datetime] | None:
    return (facts.start, facts.end) if facts.start and facts.end else None


def _lanes(basis: Basis) -> dict[str, charts.Lane]:
    """Return each service's lane, by name; a rise is at its onset in that service, where known."""
    result = basis.result
    found: dict[str, charts.Lane] = {}
    for name in basis.service_keys:
        gaps = [
            charts.Gap(one.start, one.end, one.kind)
            for one in result.coverage.gaps
            if one.service_name == name
        ]
        onsets = [at for one in basis.regressions if (at := _onset_in(one, name))]
        changes = [one.timestamp for one in result.changes if one.service_name == name]
        found[name] = charts.Lane(gaps, onsets, changes)
    return found


def _onset_in(one: Finding, name: str) -> datetime | None:
    """Return when a finding rose in a service: its own onset there, or that of its only one."""
    for at in one.services:
        if at.service_name == name and at.onset is not None:
            return at.onset
    raised = [at.service_name for at in one.services if at.candidate_count]
    return one.onset if raised == [name] else None


def _joined(lanes: Sequence[charts.Lane]) -> charts.Lane:
    return charts.Lane(
        [gap for lane in lanes for gap in lane.gaps],
        [at for lane in lanes for at in lane.onsets],
        [at for lane in lanes for at in lane.changes],
    )


def _lane_words(lane: charts.Lane) -> str:
    parts = []
    if lane.onsets:
        parts.append(f"{many(len(lane.onsets), 'onset')}, first {moment(min(lane.onsets))} UTC")
    if lane.changes:
        parts.append(f"{many(len(lane.changes), 'change')}, first {moment(min(lane.changes))} UTC")
    if lane.gaps:
        length = sum((gap.end - gap.start).total_seconds() for gap in lane.gaps)
        parts.append(f"{many(len(lane.gaps), 'gap')} of {duration(length)} together")
    return "; ".join(parts) or "logged without a gap"


def change_view(one: Change) -> ChangeView:
    """Return one change of the system."""
    return ChangeView(
        moment_view(one.timestamp),
        Untrusted(service_words(one)),
        Untrusted(kind_words(one)),
        Untrusted(change_words(one)),
        Untrusted(one.source),
    )
