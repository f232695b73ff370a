"""When was each service really logging: silence is not the absence of errors.

A service is silent where its absence is improbable at its own pace. The pace is the share of
minutes in which it logs, in the hours in which it logs at all, so that an outage does not hide
itself; *m* empty minutes in a row are silence when the chance of them, (1 - share)^m, is below one
in a billion, and when the run is also twice as long as nearly all of the service's own pauses: a
job that runs once a day is not silent between its runs.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import polars as pl

from pipeline.diagnosis.windows import Choice
from pipeline.model import Gap, Window, WindowName
from pipeline.schema import TIMESTAMP

_IMPROBABLE = math.log(1e-9)
_USUAL_PAUSE_QUANTILE, _PAUSE_FACTOR = 0.95, 2.0
_SHORTEST_GAP_SECONDS = 120.0
_FEWEST_MINUTES = 5
_FEWEST_PAUSES = 3
# A pause that is taken for a start in vain changes nothing; one in a million minutes is.
_IMPROBABLE_START, _MOST_REGULAR = math.log(1e-6), 0.999
_MOST_BUCKETS = 3000
EVERYTHING = ""  # the name under which the gaps of all services together are kept


@dataclass(frozen=True, slots=True)
class Coverage:
    """Gaps by service and window, and who logged in which window at all."""

    gaps: Mapping[str, tuple[Gap, ...]]
    present: Mapping[WindowName, frozenset[str]]

    def covered_seconds(
        self, services: Mapping[str, float], window: WindowName, start: datetime, end: datetime
    ) -> float:
        """Return for how long of [start, end) the services were logging, weighted by *services*.

        A service that never logs in the baseline does not make that time uncovered where others log
        there: its first error is new. One that never logs in the candidate window leaves nothing
        to judge.
        """
        before = self.present["baseline"]
        whole = (end - start).total_seconds()
        total = sum(services.values())
        covered = 0.0
        for name, weight in services.items():
            if window == "baseline" and name not in before:
                share = whole if EVERYTHING in before else 0.0
            else:
                share = whole - self._missing(name, window, start, end)
            covered += weight / total * share
        return covered

    def _missing(self, name: str, window: WindowName, start: datetime, end: datetime) -> float:
        gaps = self._of_window(name, window)
        seconds = 0.0
        # Gaps of one window follow each other: those that end before *start* are passed over.
        for gap in gaps[bisect_right(gaps, start, key=_end_of) :]:
            if gap.start >= end:
                break
            seconds += (min(end, gap.end) - max(start, gap.start)).total_seconds()
        return seconds

    def _of_window(self, name: str, window: WindowName) -> Sequence[Gap]:
        own = self.gaps.get(name, ())
        # The baseline's come first, as `find_coverage` goes through the windows.
        cut = bisect_right(own, "baseline", key=_window_of)
        return own[:cut] if window == "baseline" else own[cut:]


def _end_of(gap: Gap) -> datetime:
    return gap.end


def _window_of(gap: Gap) -> WindowName:
    return gap.window


def find_coverage(service_minutes: pl.DataFrame, choice: Choice) -> Coverage:
    """Work out where each service was silent.

    *service_minutes*: service_name, window_name, bucket_start (minute), first_timestamp,
    last_timestamp, event_count; only minutes with events.
    """
    windows: list[tuple[WindowName, Window]] = [
        *(("baseline", window) for window in choice.baseline),
        ("candidate", choice.candidate),
    ]
    gaps: dict[str, tuple[Gap, ...]] = {}
    present: dict[WindowName, set[str]] = {"baseline": set(), "candidate": set()}
    everything = service_minutes.with_columns(service_name=pl.lit(EVERYTHING))
    whole = pl.concat([service_minutes, everything])
    for (name,), rows in whole.group_by("service_name", maintain_order=True):
        rows = rows.sort("first_timestamp")
        longest = _longest_pause(rows)
        found: list[Gap] = []
        for window_name, window in windows:
            first = pl.col("first_timestamp")
            inside = rows.filter(
                (pl.col("window_name") == window_name)
                & (first >= window.start)
                & (first < window.end)
            )
            if inside.height:
                present[window_name].add(str(name))
            found += _gaps_in(str(name), window_name, window, inside, longest)
        gaps[str(name)] = tuple(found)
    return Coverage(gaps, {window: frozenset(names) for window, names in present.items()})


def _longest_pause(rows: pl.DataFrame) -> float:
    """Return the seconds without an event that this service may let pass without being silent."""
    minutes = rows["bucket_start"].dt.truncate("1m").unique().sort()
    hours = minutes.dt.truncate("1h").n_unique()
    share = min(len(minutes) / (hours * 60), 0.999)
    # Two runs of a daily job show neither a pace nor its usual pause.
    is_known = len(minutes) >= _FEWEST_MINUTES
    by_pace = _IMPROBABLE / math.log1p(-share) * 60 if is_known else math.inf
    pauses = minutes.diff().drop_nulls().dt.total_seconds()
    pauses = pauses.filter(pauses > 60)
    usual = _usual_pause(pauses) if len(pauses) >= _FEWEST_PAUSES else None
    return max(by_pace, _PAUSE_FACTOR * (usual or 0.0), _SHORTEST_GAP_SECONDS)


def _usual_pause(pauses: pl.Series) -> float:
    """Return what nearly all *pauses* do not exceed, as far as it occurred three times: of a few
    pauses the longest alone is no habit, however much it weighs among them.
    """
    nearly_all = float(pauses.quantile(_USUAL_PAUSE_QUANTILE) or 0.0)
    return min(nearly_all, float(pauses.sort(descending=True)[_FEWEST_PAUSES - 1]))


def _gaps_in(
    name: str, window_name: WindowName, window: Window, rows: pl.DataFrame, longest: float
) -> list[Gap]:
    if rows.is_empty():
        # Too short a window to expect anything of so quiet a service says nothing; of a window in
        # which nobody logs nothing is known.
        if window.seconds < longest and name != EVERYTHING:
            return []
        return [Gap(name, window_name, window.start, window.end, "absent")]
    edges = pl.Series([window.start, window.end], dtype=TIMESTAMP)
    pauses = pl.DataFrame(
        {
            "start": pl.concat([edges[:1], rows["last_timestamp"].cum_max()]),
            "end": pl.concat([rows["first_timestamp"], edges[1:]]),
        }
    )
    seconds = (pl.col("end") - pl.col("start")).dt.total_seconds(fractional=True)
    return [
        Gap(name, window_name, start, end, "silent")
        for start, end in pauses.filter(seconds > longest).iter_rows()
    ]


_Span = tuple[datetime, datetime]


def bucket_seconds(choice: Choice) -> int:
    """Return the bucket's length: an hour, or less where the candidate window is 6 h or shorter.

    Fine buckets only while they stay few: their number times that of the classes is the test's
    work.
    """
    whole = choice.candidate.seconds + sum(window.seconds for window in choice.baseline)
    if choice.candidate.seconds <= 6 * 3600:
        for seconds in (60, 600):
            if whole / seconds <= 1500:
                return seconds
    # Logs of years, or one line with a date of long ago, must not make a million buckets.
    for seconds in (3600, 6 * 3600, 86_400, 7 * 86_400):
        if whole / seconds <= _MOST_BUCKETS:
            return seconds
    return 30 * 86_400


def buckets(window: Window, seconds: int) -> list[_Span]:
    """Cut *window* at full multiples of *seconds* (UTC); first and last bucket may be shorter."""
    step = timedelta(seconds=seconds)
    epoch = window.start.timestamp()
    edge = window.start + timedelta(seconds=seconds - epoch % seconds)
    edges = [window.start]
    while edge < window.end:
        edges.append(edge)
        edge += step
    edges.append(window.end)
    return list(pairwise(edges))


def all_buckets(choice: Choice, seconds: int) -> list[tuple[WindowName, datetime, datetime]]:
    """Return (window, start, end) of every bucket, in time order within each window."""
    named: Iterable[tuple[WindowName, Window]] = [
        *(("baseline", window) for window in choice.baseline),
        ("candidate", choice.candidate),
    ]
    return [(name, start, end) for name, window in named for start, end in buckets(window, seconds)]


def service_starts(minutes: pl.DataFrame) -> pl.DataFrame:
    """Return when services began to log again: `service_name`, `window_name`, `start`.

    *minutes*: the rows of `service_minutes`. As for gaps, a pause counts that is improbable at the
    service's own pace; unlike there, also where it pauses as long every day.
    """
    key = ["service_name", "window_name"]
    empty = (pl.col("bucket_start").diff() - pl.duration(minutes=1)).dt.total_minutes().over(key)
    hours = pl.col("bucket_start").dt.truncate("1h").n_unique().over(key)
    share = (pl.len().over(key) / (60 * hours)).clip(upper_bound=_MOST_REGULAR)
    is_start = (60 * empty >= _SHORTEST_GAP_SECONDS) & (
        empty * (1 - share).log() < _IMPROBABLE_START
    )
    return minutes.sort(*key, "bucket_start").filter(is_start).select(*key, start="bucket_start")


def minute_coverage(
    choice: Choice, coverage: Coverage, services: Mapping[str, float], begin: datetime
) -> list[tuple[datetime, float]]:
    """Return (start, covered seconds) of every minute from *begin* to the candidate's end.

    *begin* is the candidate's start, or lies in the stretch of baseline that ends there.
    """
    parts: list[tuple[WindowName, Window]] = [("candidate", choice.candidate)]
    if begin < choice.candidate.start:
        parts.insert(0, ("baseline", Window(begin, choice.candidate.start)))
    return [
        (start, coverage.covered_seconds(services, name, start, end))
        for name, window in parts
        for start, end in buckets(window, 60)
    ]
