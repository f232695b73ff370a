"""Which stretch of time is taken as normal, which is under question, and why.

Overlapping and empty windows are refused (`UndecidableError`, exit 4), never passed. Borders that
the program chooses are full hours where the data is long enough for that, else full minutes.
Counts are by minute, so a border that names seconds is moved to the start of its minute.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from pipeline.diagnosis.times import parse_absolute, parse_duration, parse_time, shown
from pipeline.errors import UndecidableError, UsageError
from pipeline.model import DataWarning, Settings, Window, WindowName
from pipeline.schema import TIMESTAMP, Schema

# Clocks of hosts differ and rotation is not atomic: two folders may overlap by this much.
ALLOWED_OVERLAP = timedelta(minutes=15)
# Without a stated baseline, less than this cannot be split into two windows that say anything.
MINIMUM_AUTO = timedelta(hours=12)
_LONG_AUTO, _AUTO_CANDIDATE = timedelta(hours=96), timedelta(hours=24)
# `same-hours:7d`: the hours of the candidate window on each of the seven days before it.
SAME_HOURS = "same-hours:"
_DAY = timedelta(days=1)
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """The two windows; *baseline* has several stretches when several paths were given, or none.

    *baseline_origin* says which input the baseline lies in: "baseline" (its own paths) or
    "candidate". *shift* is how far baseline times are moved back for the test, so that windows that
    overlap by skew stay apart.
    """

    baseline: tuple[Window, ...]
    candidate: Window
    baseline_origin: WindowName
    description: str
    warnings: tuple[DataWarning, ...] = ()
    shift: timedelta = field(default=timedelta())

    def table(self) -> pl.DataFrame:
        """Return the windows as queries read them: window_name, origin, window_start,
        window_end.
        """
        rows: list[tuple[str, str, datetime, datetime]] = [
            ("baseline", self.baseline_origin, window.start, window.end) for window in self.baseline
        ]
        rows.append(("candidate", "candidate", self.candidate.start, self.candidate.end))
        schema: Schema = {
            "window_name": pl.String,
            "origin": pl.String,
            "window_start": TIMESTAMP,
            "window_end": TIMESTAMP,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")


def is_window_text(text: str) -> bool:
    """Tell whether a value of ``--baseline`` names a time rather than a path."""
    return (
        text == "auto"
        or text.startswith(SAME_HOURS)
        or ".." in text.strip("./")
        or parse_duration(text) is not None
    )


def choose_windows(
    settings: Settings,
    now: datetime,
    extent: Window,
    baseline_extents: Sequence[Window],
) -> Choice:
    """Decide on both windows.

    *extent* runs from the first to the last event of the logs in question, each of
    *baseline_extents* over the logs of one baseline path (empty: the baseline lies in the same
    logs).
    """
    whole = _to_minutes(extent)
    anchors = {"now": now, "start": whole.start, "end": whole.end}
    asked = _asked(settings, anchors)
    if baseline_extents:
        choice = _of_paths(asked, extent, baseline_extents, settings.baseline)
    else:
        choice = _of_times(settings, anchors, asked, _rounded(extent))
    _refuse_outside(choice.candidate, extent, "candidate")
    return choice


def _asked(
    settings: Settings, anchors: Mapping[str, datetime]
) -> tuple[datetime | None, datetime | None]:
    since, until = (
        _moment(text, anchors, settings.zone) if text is not None else None
        for text in (settings.since, settings.until)
    )
    return since, until


def _moment(text: str, anchors: Mapping[str, datetime], zone: str | None) -> datetime:
    # Counts of all events are kept by the minute: a window cannot begin within one.
    return _floor(parse_time(text, anchors, zone), _MINUTE)


def named_borders(settings: Settings) -> tuple[datetime, ...]:
    """Return the borders that *settings* name by themselves, before anything was read.

    A store counts by the hour, so that its windows have no others.
    """
    if settings.store is not None:
        return ()
    texts = [settings.since, settings.until]
    first = settings.baseline[0]
    if first.startswith(SAME_HOURS):
        return _daily_borders(settings)
    if len(settings.baseline) == 1 and is_window_text(first):
        texts += first.split("..")
    moments = (
        parse_absolute(text.strip(), settings.zone)
        for text in texts
        if text and text != "auto" and parse_duration(text) is None
    )
    borders = {_floor(moment, _MINUTE) for moment in moments if moment is not None}
    duration = parse_duration(settings.baseline[0])
    since = parse_absolute(settings.since, settings.zone) if settings.since else None
    if duration is not None and since is not None:
        borders.add(_floor(_floor(since, _MINUTE) - duration, _MINUTE))
    return tuple(sorted(borders))


def _daily_borders(settings: Settings) -> tuple[datetime, ...]:
    named = (settings.since, settings.until)
    moments = [parse_absolute(text, settings.zone) for text in named if text is not None]
    days = _days(settings.baseline[0])
    return tuple(
        sorted(
            _floor(moment, _MINUTE) - back * _DAY
            for moment in moments
            if moment is not None
            for back in range(days + 1)
        )
    )


def _days(text: str) -> int:
    """Return of how many days `same-hours:7d` speaks."""
    duration = parse_duration(text.removeprefix(SAME_HOURS))
    if duration is None or duration < _DAY or duration % _DAY or duration > _MOST_DAYS * _DAY:
        raise UsageError(
            f"{text!r} does not name whole days",
            hint=f"use same-hours:7d, with 1 to {_MOST_DAYS} days",
        )
    return duration // _DAY


_MOST_DAYS = 366


def _window(start: datetime, end: datetime, what: str) -> Window:
    if end <= start:
        raise UndecidableError(
            f"the {what} window is empty: {shown(start)} .. {shown(end)}",
            hint="check --since, --until and --baseline against the time that the logs cover",
        )
    return Window(start, end)


def _refuse_outside(window: Window, extent: Window, what: str) -> None:
    if window.end <= extent.start or window.start >= extent.end:
        raise UndecidableError(
            f"the logs hold nothing of the {what} window {shown(window.start)} .. "
            f"{shown(window.end)}: they run from {shown(extent.start)} to {shown(extent.end)}",
            hint="name a window that the logs cover",
        )


def _of_paths(
    asked: tuple[datetime | None, datetime | None],
    extent: Window,
    baselines: Sequence[Window],
    names: Sequence[str],
) -> Choice:
    whole = _to_minutes(extent)
    candidate = _window(asked[0] or whole.start, asked[1] or whole.end, "candidate")
    stretches = _merged([_to_minutes(one) for one in baselines])
    warnings = []
    shift = timedelta()
    for one in stretches:
        overlap = min(one.end, candidate.end) - max(one.start, candidate.start)
        if overlap <= timedelta():
            continue
        inside = overlap in (one.end - one.start, candidate.end - candidate.start)
        if overlap > ALLOWED_OVERLAP or inside:
            raise UndecidableError(
                f"baseline and logs cover the same time: {shown(one.start)} .. {shown(one.end)} "
                f"and {shown(candidate.start)} .. {shown(candidate.end)}",
                hint="name logs of another time as --baseline, or cut the logs with --since",
            )
        minutes = overlap.total_seconds() / 60
        text = f"baseline and logs overlap by {minutes:.0f} min; each file counts for its own side"
        warnings.append(DataWarning("overlap", text))
        # Whole weeks keep the hour of the week.
        shift = timedelta(weeks=1 + (candidate.end - candidate.start).days // 7)
    description = "the logs of " + ", ".join(names)
    return Choice(tuple(stretches), candidate, "baseline", description, tuple(warnings), shift)


def _merged(windows: Sequence[Window]) -> list[Window]:
    merged: list[Window] = []
    for one in sorted(windows, key=lambda window: window.start):
        if merged and one.start <= merged[-1].end:
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, one.end))
        else:
            merged.append(one)
    return merged


def _of_times(
    settings: Settings,
    anchors: Mapping[str, datetime],
    asked: tuple[datetime | None, datetime | None],
    extent: Window,
) -> Choice:
    if len(settings.baseline) > 1:
        raise UsageError(
            "--baseline was given several times, but not only with paths",
            hint="name several paths, or one window A..B, or one duration",
        )
    (text,) = settings.baseline
    if text == "auto":
        return _auto(asked, extent)
    if text.startswith(SAME_HOURS):
        return _same_hours(_days(text), text, asked, extent)
    if (duration := parse_duration(text)) is not None:
        return _before(duration, text, asked, extent)
    return _between(text, anchors, settings.zone, asked, extent)


def _auto(asked: tuple[datetime | None, datetime | None], extent: Window) -> Choice:
    end = asked[1] or extent.end
    length = min(end, extent.end) - extent.start
    if asked[0] is not None:
        candidate = _window(asked[0], end, "candidate")
        why = "everything in the logs before the candidate window"
    elif length < MINIMUM_AUTO:
        why = (
            f"none: the logs cover {_hours(length)}, and without --baseline at least 12 h are "
            "needed to tell a normal part from the part under question"
        )
        return Choice((), _window(extent.start, end, "candidate"), "candidate", why)
    else:
        part = _AUTO_CANDIDATE if length >= _LONG_AUTO else length / 4
        unit = _unit(extent)
        candidate = _window(_floor(end - part, unit), end, "candidate")
        share = "last 24 h" if length >= _LONG_AUTO else "last quarter"
        why = (
            f"everything before the candidate window, which is the {share} of the "
            f"{_hours(length)} that the logs span"
        )
    if extent.start >= candidate.start:
        return Choice((), candidate, "candidate", "none: the logs begin with the candidate window")
    return Choice((Window(extent.start, candidate.start),), candidate, "candidate", why)


def _before(
    duration: timedelta,
    text: str,
    asked: tuple[datetime | None, datetime | None],
    extent: Window,
) -> Choice:
    end = asked[1] or extent.end
    rest = end - extent.start - duration
    if asked[0] is None and rest <= timedelta():
        raise UndecidableError(
            f"the logs cover {_hours(extent.end - extent.start)}, so a baseline of {text} leaves "
            "no candidate window",
            hint="use a shorter duration, or name other logs with --baseline PATH",
        )
    start = asked[0] or _floor(end - min(duration, rest), _MINUTE)
    candidate = _window(start, end, "candidate")
    baseline = _window(_floor(start - duration, _MINUTE), start, "baseline")
    if baseline.end <= extent.start:
        raise UndecidableError(
            f"the logs begin at {shown(extent.start)}, after the baseline of {text} ends",
            hint="name other logs with --baseline PATH, or move --since",
        )
    return Choice((baseline,), candidate, "candidate", f"the {text} before the candidate window")


def _same_hours(
    days: int, text: str, asked: tuple[datetime | None, datetime | None], extent: Window
) -> Choice:
    """Take the candidate's hours on each of the days before it, as far as the logs hold them."""
    end = asked[1] or extent.end
    candidate = _window(asked[0] or _floor(end - _DAY, _MINUTE), end, "candidate")
    if candidate.end - candidate.start > _DAY:
        raise UndecidableError(
            f"the candidate window is longer than a day, so {text} would overlap it",
            hint="cut it with --since and --until, or name a duration such as 7d",
        )
    stretches = [
        Window(max(candidate.start - back * _DAY, extent.start), candidate.end - back * _DAY)
        for back in range(days, 0, -1)
        if candidate.end - back * _DAY > extent.start
    ]
    if not stretches:
        raise UndecidableError(
            f"the logs begin at {shown(extent.start)}: they hold none of those hours before",
            hint="name other logs with --baseline PATH, or move --since",
        )
    found = f"the same hours of the {len(stretches)} days before"
    if len(stretches) < days:
        found += f" ({days} were asked for)"
    return Choice(tuple(_merged(stretches)), candidate, "candidate", found)


def _between(
    text: str,
    anchors: Mapping[str, datetime],
    zone: str | None,
    asked: tuple[datetime | None, datetime | None],
    extent: Window,
) -> Choice:
    first, _, second = text.partition("..")
    start = _moment(first.strip(), anchors, zone)
    baseline = _window(start, _moment(second.strip(), anchors, zone), "baseline")
    if asked[0] or asked[1]:
        since, until = asked[0] or extent.start, asked[1] or extent.end
    elif baseline.end < extent.end:
        since, until = baseline.end, extent.end
    else:
        since, until = extent.start, baseline.start
    candidate = _window(since, until, "candidate")
    if min(baseline.end, candidate.end) > max(baseline.start, candidate.start):
        raise UndecidableError(
            f"baseline {shown(baseline.start)} .. {shown(baseline.end)} and candidate "
            f"{shown(candidate.start)} .. {shown(candidate.end)} overlap",
            hint="name windows that lie apart",
        )
    _refuse_outside(baseline, extent, "baseline")
    return Choice((baseline,), candidate, "candidate", "the window that was named")


def _unit(extent: Window) -> timedelta:
    return _HOUR if extent.end - extent.start >= MINIMUM_AUTO else _MINUTE


def _floor(moment: datetime, unit: timedelta) -> datetime:
    seconds = unit.total_seconds()
    since_midnight = moment - moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return moment - timedelta(seconds=since_midnight.total_seconds() % seconds)


def _ceil(moment: datetime, unit: timedelta) -> datetime:
    floor = _floor(moment, unit)
    return floor if floor == moment else floor + unit


def _rounded(extent: Window) -> Window:
    unit = _unit(extent)
    return Window(_floor(extent.start, unit), _ceil(extent.end, unit))


def _to_minutes(extent: Window) -> Window:
    return Window(_floor(extent.start, _MINUTE), _ceil(extent.end, _MINUTE))


def _hours(length: timedelta) -> str:
    hours = length.total_seconds() / 3600
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min"
