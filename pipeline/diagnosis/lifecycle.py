"""What becomes of a finding from run to run: opened, worse, over, back; and what people said of it.

One run says how the last day stands against its past. A problem lives longer: this holds the rows
that a store keeps of it, one a finding that ever was a regression, and the rules by which the next
run moves them. A row and a result give the next row and nothing else does, so that a history can be
played again.

A problem is over only where logs show it: its class stayed below what its baseline explains
(`detection.recovery`) for as many covered hours as that takes to mean something, while what
usually asks was asking. Missing logs end nothing. Another name given by other rules or masks is no
change: the row is found again by what the rules do not touch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

from pipeline.facts import Limit, Row, Spell, Step
from pipeline.model import (
    Criterion,
    Finding,
    HourlyPoint,
    Lifecycle,
    LifecycleState,
    PastIncident,
    Result,
    State,
)

Interval = Callable[[float, float, float, float], tuple[float | None, float | None, float | None]]

OPEN = ("new", "increased", "escalating", "returned")
# Recent hours against those in which it was told: twice as many, and chance does not explain it.
_WORSE_RATIO, _WORSE_LOWER, _RECENT_HOURS = 2.0, 1.5, 3.0
# A bucket in which less than this was logged says nothing of what is absent.
_ENOUGH_COVERAGE = 0.8
# Where fewer asked than half as usual, an error that asking causes may only wait.
_ENOUGH_ACTIVITY = 0.5
# Rows are kept for as long as counts by the hour are by default, and so many at most.
KEPT_DAYS, MOST_ROWS, _MOST_STEPS = 400, 5000, 50


def advance(rows: Iterable[Row], result: Result, interval: Interval) -> list[Row]:
    """Return the rows after a run, those of findings of *result* moved by it, in the order of ids.

    *interval* gives the ratio of two rates and its 95 % interval from counts and hours.
    """
    at, run_id = result.run.generated_at, result.run.run_id
    known = _by_finding(rows, result)
    criteria = {one.scope.get("finding_id"): one for one in result.criteria}
    moved = dict(known)
    for one in result.findings:
        row = known.get(one.finding_id)
        if row is not None and row.last_run == run_id:
            continue  # the same run once more
        after = _moved(row, one, criteria.get(one.finding_id), at, run_id, interval)
        if after is not None:
            moved[one.finding_id] = after
    return _kept([_expired(row, at) for row in moved.values()], at)


def annotate(result: Result, rows: Sequence[Row], interval: Interval) -> Result:
    """Return *result* with what is known of each finding over runs, that of this run included."""
    after = {row.finding_id: row for row in advance(rows, result, interval)}
    run_id = result.run.run_id
    findings = [
        replace(one, lifecycle=_shown(after[one.finding_id], run_id))
        if one.finding_id in after
        else one
        for one in result.findings
    ]
    return replace(result, findings=findings)


def _shown(row: Row, run_id: str) -> Lifecycle:
    own = [one for one in row.steps if one.run_id == run_id]
    return Lifecycle(
        state=row.state,
        since=row.since,
        run_count=row.run_count,
        spell_count=len(row.spells),
        handling=row.handling,
        who=row.who,
        why=row.why,
        until=row.until,
        is_changed=bool(own),
        before=own[0].before if own else None,
    )


def is_silenced(finding: Finding) -> bool:
    """Tell whether people asked not to be called for *finding*."""
    return finding.lifecycle is not None and finding.lifecycle.handling == "silenced"


def stretches(rows: Iterable[Row]) -> list[tuple[str, datetime, datetime | None]]:
    """Return the times that are no measure of what is normal: a finding, from, to (null: it goes
    on).
    """
    return [(row.finding_id, spell.start, spell.end) for row in rows for spell in row.spells]


def past_incidents(rows: Iterable[Row]) -> list[PastIncident]:
    """Return the times that are over, with their length."""
    return [
        PastIncident(name, (end - start) / timedelta(hours=1))
        for name, start, end in stretches(rows)
        if end is not None and end > start
    ]


def handle(
    row: Row,
    what: Literal["ack", "resolve", "ignore"],
    at: datetime,
    *,
    who: str,
    why: str | None,
    until: datetime | None = None,
) -> Row:
    """Return *row* with what a person says of it; the step tells who and why."""
    said = why or {"ack": "acknowledged", "resolve": "said to be over", "ignore": "silenced"}[what]
    if what == "resolve":
        closed = _closed(row, at)
        return _with_step(
            replace(
                closed, state="resolved", since=at, handling="none", who=who, why=why, until=None
            ),
            Step(at, row.state, "resolved", said, who=who),
        )
    handling: Literal["acknowledged", "silenced"] = (
        "silenced" if what == "ignore" else "acknowledged"
    )
    after = replace(row, handling=handling, who=who, why=why, until=until)
    return _with_step(after, Step(at, row.state, row.state, said, who=who))


# ---- one row ----------------------------------------------------------------------------------


def _moved(
    row: Row | None,
    finding: Finding,
    criterion: Criterion | None,
    at: datetime,
    run_id: str,
    interval: Interval,
) -> Row | None:
    """Return the row of *finding* after this run; None where there is nothing to remember."""
    if row is None:
        return _opened(finding, criterion, at, run_id) if finding.is_regression else None
    limit = _limit_of(criterion) or row.limit
    now = replace(
        row,
        error_class=finding.error_class,
        title=finding.title,
        limit=limit,
        last_run=run_id,
        last_seen=max(filter(None, (row.last_seen, finding.last_seen)), default=None),
    )
    is_calm = limit is not None and _is_calm(finding.hourly, limit)
    if row.state in OPEN:
        if is_calm:
            why = f"at most {limit.bound} events in {limit.hours:g} covered hours" if limit else ""
            return _to(_closed(now, at), "resolved", at, run_id, why, handling="none")
        now = replace(now, run_count=row.run_count + finding.is_regression)
        recent = _recent(finding.hourly, row.spells[-1].start)
        if finding.is_regression and _is_worse(row.told, recent, interval):
            # The rate of now, which the last hour tells: the hours before it were still better.
            worse = replace(now, told=_recent(finding.hourly, row.spells[-1].start, least=0.0))
            return _to(worse, "escalating", at, run_id, "twice as many as when it was told",
                       handling="none" if row.handling == "silenced" else row.handling)  # fmt: skip
        return now
    closed = row.spells[-1].end if row.spells else None
    is_later = finding.last_seen is not None and (closed is None or finding.last_seen > closed)
    if finding.is_regression and is_later and not is_calm:
        begun = _begin(finding, closed)
        told = _recent(finding.hourly, begun)
        back = replace(now, spells=[*now.spells, Spell(begun, None)], run_count=1, told=told)
        return _to(back, "returned", at, run_id, "more than usual again", handling="none")
    return now


def _opened(
    finding: Finding,
    criterion: Criterion | None,
    at: datetime,
    run_id: str,
) -> Row:
    begun = _begin(finding, None)
    state: LifecycleState = "new" if finding.state is State.NEW else "increased"
    return Row(
        finding.finding_id,
        finding.kind,
        finding.error_class,
        finding.title,
        finding.template_id,
        finding.fingerprint,
        state,
        at,
        1,
        run_id,
        finding.last_seen,
        [Spell(begun, None)],
        _limit_of(criterion),
        _recent(finding.hourly, begun),
        steps=[Step(at, None, state, "more than its baseline explains", run_id)],
    )


def _begin(finding: Finding, closed: datetime | None) -> datetime:
    """Return when the spell began: what lies before the last one's end belongs to that."""
    begun = finding.onset or finding.first_seen or finding.hourly[-1].bucket_start
    if closed is None or begun > closed:
        return begun
    busy = [one.bucket_start for one in finding.hourly if one.event_count]
    return min((at for at in busy if at > closed), default=closed)


def _to(
    row: Row,
    state: LifecycleState,
    at: datetime,
    run_id: str,
    why: str,
    *,
    handling: Literal["none", "acknowledged", "silenced"],
) -> Row:
    forgets = handling == "none"
    after = replace(
        row,
        state=state,
        since=at,
        handling=handling,
        who=None if forgets else row.who,
        why=None if forgets else row.why,
        until=None if forgets else row.until,
    )
    return _with_step(after, Step(at, row.state, state, why, run_id))


def _with_step(row: Row, step: Step) -> Row:
    return replace(row, steps=[*row.steps, step][-_MOST_STEPS:])


def _closed(row: Row, at: datetime) -> Row:
    if not row.spells or row.spells[-1].end is not None:
        return row
    last = row.spells[-1]
    end = max(row.last_seen or at, last.start)
    return replace(row, spells=[*row.spells[:-1], Spell(last.start, end)])


def _expired(row: Row, at: datetime) -> Row:
    if row.handling == "silenced" and row.until is not None and row.until <= at:
        return replace(row, handling="none", who=None, why=None, until=None)
    return row


# ---- what the hours say -----------------------------------------------------------------------


def _limit_of(criterion: Criterion | None) -> Limit | None:
    if criterion is None or criterion.bound is None or criterion.hours is None:
        return None
    activity = criterion.usual_activity if criterion.activity_unit == "requests" else None
    return Limit(criterion.hours, criterion.bound, activity)


def _newest_first(points: Sequence[HourlyPoint]) -> list[HourlyPoint]:
    return sorted(points, key=lambda one: one.bucket_start, reverse=True)


def _is_calm(points: Sequence[HourlyPoint], limit: Limit) -> bool:
    """Tell whether the newest covered hours, as many as the limit asks for, stayed below it."""
    length = _bucket_hours(points)
    hours = asked = 0.0
    count = 0
    for one in _newest_first(points):
        count += one.event_count
        if count > limit.bound:
            return False
        if one.coverage >= _ENOUGH_COVERAGE:
            hours += length * one.coverage
            asked += one.exposure or 0.0
        if hours >= limit.hours - length / 2:
            wanted = (limit.activity or 0.0) * hours * _ENOUGH_ACTIVITY
            return limit.activity is None or asked >= wanted
    return False


def _recent(
    points: Sequence[HourlyPoint], begun: datetime, least: float = _RECENT_HOURS
) -> tuple[int, float] | None:
    """Return the events of the newest covered hours since *begun*, *least* or the first that passes
    it, and how many hours these are.
    """
    length = _bucket_hours(points)
    hours, count = 0.0, 0
    for one in _newest_first(points):
        if one.bucket_start + timedelta(hours=length) <= begun or hours >= max(least, length / 2):
            break
        if one.coverage > 0:
            hours += length * one.coverage
            count += one.event_count
    return (count, hours) if hours else None


def _bucket_hours(points: Sequence[HourlyPoint]) -> float:
    starts = sorted({one.bucket_start for one in points})
    gaps = [right - left for left, right in pairwise(starts)]
    return min(gaps, default=timedelta(hours=1)) / timedelta(hours=1)


def _is_worse(
    told: tuple[int, float] | None, recent: tuple[int, float] | None, interval: Interval
) -> bool:
    if told is None or recent is None or not told[0]:
        return False
    ratio, lower, _ = interval(told[0], told[1], recent[0], recent[1])
    return (ratio or 0.0) >= _WORSE_RATIO and (lower or 0.0) >= _WORSE_LOWER


# ---- all rows ---------------------------------------------------------------------------------


def _by_finding(rows: Iterable[Row], result: Result) -> dict[str, Row]:
    """Return the rows by the ids that their findings have in *result*.

    A class that rules or masks name otherwise now has another id; its exception or its template
    still is what it was.
    """
    at = result.run.generated_at
    known = {row.finding_id: row for row in rows}
    there = {one.finding_id for one in result.findings}
    lost = [row for name, row in known.items() if name not in there]
    for one in result.findings:
        if one.finding_id in known:
            continue
        row = next((row for row in lost if _is_same(row, one)), None)
        if row is not None:
            lost.remove(row)
            del known[row.finding_id]
            why = f"named otherwise: {row.error_class or row.title}"
            step = Step(at, row.state, row.state, why, result.run.run_id)
            known[one.finding_id] = _with_step(replace(row, finding_id=one.finding_id), step)
    return known


def _is_same(row: Row, finding: Finding) -> bool:
    if row.kind != finding.kind:
        return False
    if row.fingerprint or finding.fingerprint:
        return row.fingerprint == finding.fingerprint
    return row.template_id is not None and row.template_id == finding.template_id


def _kept(rows: Iterable[Row], at: datetime) -> list[Row]:
    oldest = at - timedelta(days=KEPT_DAYS)
    kept = [
        row
        for row in rows
        if row.state in OPEN or row.handling != "none" or (row.last_seen or row.since) >= oldest
    ]
    kept.sort(key=lambda row: (row.state in OPEN, row.last_seen or row.since), reverse=True)
    return sorted(kept[:MOST_ROWS], key=lambda row: row.finding_id)


# ---- as JSON ----------------------------------------------------------------------------------

_TIMES = ("since", "last_seen", "until")


def row_json(row: Row) -> dict[str, Any]:
    """Return *row* as values of JSON."""
    raw = asdict(row)
    for name in _TIMES:
        raw[name] = _iso(raw[name])
    raw["spells"] = [{"start": _iso(one.start), "end": _iso(one.end)} for one in row.spells]
    raw["steps"] = [{**asdict(one), "at": _iso(one.at)} for one in row.steps]
    raw["told"] = list(row.told) if row.told else None
    return raw


def read_row(raw: Mapping[str, Any]) -> Row:
    """Return the row that `row_json` gave. Raises `ValueError`, `KeyError` or `TypeError`."""
    values = dict(raw)
    for name in _TIMES:
        values[name] = _time(values[name])
    values["spells"] = [Spell(datetime.fromisoformat(one["start"]), _time(one["end"]))
                        for one in values["spells"]]  # fmt: skip
    values["steps"] = [Step(**{**one, "at": datetime.fromisoformat(one["at"])})
                       for one in values["steps"]]  # fmt: skip
    values["limit"] = Limit(**values["limit"]) if values["limit"] else None
    values["told"] = tuple(values["told"]) if values["told"] else None
    return Row(**values)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
