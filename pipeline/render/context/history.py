"""A store's days, findings and runs turned into what the page over all runs reads.

The page is at most a megabyte for a year of hourly runs: a day is one group of the drawing, runs
that say the same after each other are one row, and lists end where a reader does.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from statistics import median
from urllib.parse import quote

from pipeline.render.charts.calendar import Calendar, Day, Spells, calendar, spell_lanes
from pipeline.render.charts.heat import HEAT_LIMITS
from pipeline.render.context.basis import count_more, moment_view
from pipeline.render.figures import count, many, minute, rate
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import Moment
from pipeline.trends import HourCount, OpenTime, RunLine, Standing, StoreHistory

_DAY = timedelta(days=1)
_MOST_DAYS, _MOST_LANES, _MOST_SPELLS, _MOST_RUNS = 400, 40, 40, 500
# Half an error an hour: without it, one would be infinitely many where the median is none.
_LEAST_USUAL = 0.5
_VERDICTS = {
    "regression": ("bad", "regression"),
    "watch": ("warn", "watch"),
    "cannot_decide": ("plain", "cannot decide"),
    "normal": ("ok", "normal"),
}
_OPEN_TONES = {"new": "bad", "escalating": "bad", "returned": "bad", "increased": "warn"}


@dataclass(frozen=True, slots=True)
class DayRow:
    """A day as a row of the table behind the calendar."""

    date: str
    events: str
    errors: str
    rate: str
    covered: str
    verdict: str
    runs: str


@dataclass(frozen=True, slots=True)
class StandingRow:
    """What runs remember of a finding."""

    name: Untrusted
    finding_id: Untrusted
    state: Untrusted
    tone: str
    since: Moment
    handling: str
    spells: list[str]
    more: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """Runs after each other that say the same; *href* is the report of the last, or empty."""

    first: Moment
    last: Moment
    number: str
    verdict: str
    tone: str
    headline: Untrusted
    href: str


@dataclass(frozen=True, slots=True)
class IndexContext:
    """What ``index.html.j2`` reads."""

    index_title: Untrusted = field(metadata={"help": "title of the window"})
    store: Untrusted = field(metadata={"help": "folder of the store"})
    span_start: Moment = field(metadata={"help": "begin of what is shown"})
    span_end: Moment = field(metadata={"help": "end of what is shown"})
    totals: list[str] = field(metadata={"help": "runs, hours and findings, in words"})
    usual: str = field(metadata={"help": "errors of the median hour"})
    grid: Calendar | None = field(metadata={"help": "days by hours, null without a day"})
    grid_words: str = field(metadata={"help": "the calendar in a sentence"})
    days: list[DayRow] = field(metadata={"help": "the calendar as a table, newest first"})
    days_more: str = field(metadata={"help": "how many earlier days are left out"})
    lanes: Spells | None = field(metadata={"help": "findings over time, null without any"})
    lane_names: list[Untrusted] = field(metadata={"help": "the names of the lanes"})
    standings: list[StandingRow] = field(metadata={"help": "findings, open ones first"})
    standings_more: str = field(metadata={"help": "how many findings are left out"})
    run_rows: list[RunRow] = field(metadata={"help": "runs, newest first"})
    runs_more: str = field(metadata={"help": "how many rows of runs are left out"})


def build_index(found: StoreHistory, folder: str) -> IndexContext:
    """Return the context of *found*; links are relative to *folder*, where the page will lie."""
    usual = median([h.error_count / h.covered_hours for h in found.hours if h.covered_hours] or [0])
    days = _days(found)
    drawn = days[-_MOST_DAYS:]
    runs = _by_day(found.runs)
    hours = _hours_by_day(found.hours)
    standings = sorted(found.standings, key=_foremost)
    shown = standings[:_MOST_LANES]
    rows = [_run_row(own, folder) for own in _same(found.runs)][::-1]
    left_out = [day for day in days if day not in drawn]
    open_count = sum(one.is_open for one in standings)
    return IndexContext(
        index_title=Untrusted(f"All runs of {found.folder}"),
        store=Untrusted(found.folder),
        span_start=moment_view(found.start),
        span_end=moment_view(found.end),
        totals=[
            many(len(found.runs), "run"),
            f"{many(len(found.hours), 'hour')} with logs",
            f"{many(len(standings), 'finding')}, {count(open_count)} open",
        ],
        usual=rate(usual),
        grid=calendar([_day(at, hours[at], runs[at], usual) for at in drawn]) if drawn else None,
        grid_words=_grid_words(found, usual),
        days=[_day_row(at, hours[at], runs[at]) for at in reversed(drawn)],
        days_more=count_more(len(left_out)),
        lanes=_lanes(shown, found) if shown else None,
        lane_names=[Untrusted(one.title) for one in shown],
        standings=[_standing_row(one) for one in shown],
        standings_more=count_more(len(standings) - len(shown)),
        run_rows=rows[:_MOST_RUNS],
        runs_more=count_more(len(rows) - _MOST_RUNS),
    )


# ---- days


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _days(found: StoreHistory) -> list[datetime]:
    at, days = _midnight(found.start), []
    last = max([found.end, *(one.generated_at for one in found.runs)])
    # Runs long after the last event would draw empty days without end.
    last = min(last, found.end + 7 * _DAY)
    while at < last:
        days.append(at)
        at += _DAY
    return days


def _by_day(runs: Iterable[RunLine]) -> defaultdict[datetime, list[RunLine]]:
    found: defaultdict[datetime, list[RunLine]] = defaultdict(list)
    for one in runs:
        found[_midnight(one.generated_at)].append(one)
    return found


def _hours_by_day(hours: Iterable[HourCount]) -> defaultdict[datetime, list[HourCount]]:
    found: defaultdict[datetime, list[HourCount]] = defaultdict(list)
    for one in hours:
        found[_midnight(one.start)].append(one)
    return found


def _level(hour: HourCount, usual: float) -> str:
    """Return the level of an hour by its errors against the median hour; empty: not covered."""
    if hour.covered_hours <= 0:
        return ""
    value = hour.error_count / hour.covered_hours
    if value <= usual:
        return "0"
    times = value / max(usual, _LEAST_USUAL)
    return str(1 + sum(times >= limit for limit in HEAT_LIMITS))


def _worst(runs: Sequence[RunLine]) -> str:
    """Return the worst verdict of runs, empty without any."""
    said = {one.verdict for one in runs}
    return next((one for one in _VERDICTS if one in said), "")


def _verdict(name: str) -> tuple[str, str]:
    """Return tone and words of a verdict; of a later version's none is known."""
    return _VERDICTS.get(name, ("plain", "not known"))


def _day(at: datetime, hours: Sequence[HourCount], runs: Sequence[RunLine], usual: float) -> Day:
    row = _day_row(at, hours, runs)
    words = f"{row.date}: {row.errors} errors, {row.rate} per hour, {row.covered} h covered"
    said = f"; {row.runs}, worst verdict {row.verdict}" if runs else "; no run"
    worst = _worst(runs)
    return Day(
        at,
        {one.start.hour: level for one in hours if (level := _level(one, usual))},
        _verdict(worst)[0] if runs else "",
        words + said,
    )


def _day_row(at: datetime, hours: Sequence[HourCount], runs: Sequence[RunLine]) -> DayRow:
    covered = sum(one.covered_hours for one in hours)
    errors = sum(one.error_count for one in hours)
    return DayRow(
        date=f"{at:%Y-%m-%d}",
        events=count(sum(one.event_count for one in hours)),
        errors=count(errors) if hours else count(None),
        rate=rate(errors / covered if covered else None),
        covered=f"{covered:.3g}",
        verdict=_verdict(_worst(runs))[1] if runs else count(None),
        runs=many(len(runs), "run"),
    )


def _grid_words(found: StoreHistory, usual: float) -> str:
    above = [one for one in found.hours if _level(one, usual) in ("3", "4")]
    if not found.hours:
        return "No hour with logs."
    if not above:
        return "No hour had four times the errors of the median hour."
    return (
        f"{many(len(above), 'hour')} of {count(len(found.hours))} had four times the errors of the "
        f"median hour or more, the last of them {minute(above[-1].start)} UTC."
    )


# ---- findings


def _foremost(one: Standing) -> tuple[bool, float, str]:
    return (not one.is_open, -one.begun.timestamp(), one.finding_id)


def _lanes(shown: Sequence[Standing], found: StoreHistory) -> Spells:
    span = (_midnight(found.start), found.end)
    return spell_lanes(
        [
            [(spell.start, spell.end, _spell_words(spell)) for spell in one.spells[-_MOST_SPELLS:]]
            for one in shown
        ],
        span,
    )


def _spell_words(spell: OpenTime) -> str:
    end = f"to {minute(spell.end)} UTC" if spell.end else "on: still open"
    return f"{minute(spell.start)} {end}"


def _standing_row(one: Standing) -> StandingRow:
    spells = [_spell_words(spell) for spell in reversed(one.spells)]
    return StandingRow(
        name=Untrusted(one.title),
        finding_id=Untrusted(one.finding_id),
        state=Untrusted(one.state),
        tone=_OPEN_TONES.get(one.state, "plain") if one.is_open else "ok",
        since=moment_view(one.begun),
        handling="" if one.handling not in ("acknowledged", "silenced") else one.handling,
        spells=spells[:3],
        more=count_more(len(spells) - 3),
    )


# ---- runs


def _same(runs: Sequence[RunLine]) -> list[list[RunLine]]:
    """Return runs after each other with one verdict and the same regressions, together.

    One with a report ends its row, so that every report is linked.
    """
    found = []
    for _, group in groupby(runs, key=lambda one: (one.verdict, sorted(one.regressions))):
        own: list[RunLine] = []
        for one in group:
            own.append(one)
            if one.report is not None:
                found.append(own)
                own = []
        if own:
            found.append(own)
    return found


def _run_row(own: Sequence[RunLine], folder: str) -> RunRow:
    last = own[-1]
    tone, words = _verdict(last.verdict)
    return RunRow(
        first=moment_view(own[0].generated_at),
        last=moment_view(last.generated_at),
        number=count(len(own)),
        verdict=words,
        tone=tone,
        headline=Untrusted(last.headline),
        href=_href(last.report, folder) if last.report else "",
    )


def _href(report: str, folder: str) -> str:
    """Return a link that stays on this computer: relative, and with every odd character coded."""
    path = os.path.relpath(Path(report) / "report.html", folder)
    return "./" + quote(os.fsencode(path.replace(os.sep, "/")))
