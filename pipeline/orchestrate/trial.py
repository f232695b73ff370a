"""Which classes rose, by the rate test on their counts, and since when."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from pipeline.detection import (
    audit_baseline,
    cap_storms,
    cut_out,
    detect,
    expected_band,
    find_onset,
    find_ramps,
    find_restart_errors,
    refine_onset,
    with_known,
)
from pipeline.diagnosis import findings as building
from pipeline.diagnosis.assemble import Tested
from pipeline.diagnosis.audits import with_ramps
from pipeline.diagnosis.coverage import EVERYTHING, Coverage, minute_coverage, service_starts
from pipeline.diagnosis.premises import (
    Ask,
    by_time_alone,
    facts_of,
    find_doubts,
    recounted,
    rounds,
    settle,
    with_verdicts,
)
from pipeline.diagnosis.series import (
    Grid,
    finding_series,
    make_grid,
    onset_minutes,
    service_coverage,
    service_traffic,
    shares_of,
    shift_baseline,
    total_series,
    uncapped,
    with_bucket_lengths,
    without_band,
)
from pipeline.diagnosis.windows import Choice
from pipeline.model import Onset, Premise, Window

MARTS = (
    "change_lines",
    "correlated_endpoints",
    "data_quality",
    "endpoint_totals",
    "finding_aliases",
    "finding_intervals",
    "finding_locations",
    "finding_minutes",
    "finding_services",
    "finding_totals",
    "ledger_sources",
    "service_minutes",
    "stated_causes",
    "window_totals",
)
MARTS_OF_ENDPOINTS = ("endpoint_latencies", "mentioned_endpoints", "unfinished_requests")
Spell = tuple[str, datetime, datetime | None]  # finding, from, to: None where it goes on
# What is only asked of classes that rose, once it is known since when.
MARTS_OF_RISEN = (
    "correlated_pairs",
    "correlated_triples",
    "finding_samples",
    "finding_times",
    "finding_values",
)


@dataclass(frozen=True, slots=True)
class Court:
    """What every class is judged by: the windows' buckets, and who logged how much in each."""

    choice: Choice
    grid: Grid
    baseline: Sequence[Window]
    shares: pl.DataFrame
    covered: pl.DataFrame
    traffic: pl.DataFrame
    audit: pl.DataFrame | None = None  # in shifted time; None before the baseline was looked at

    def capped(self, minutes: pl.DataFrame) -> pl.DataFrame:
        """Return minute counts, by `series_id`, with storms cut."""
        shifted = shift_baseline(minutes, self.choice.shift)
        # A storm is a matter of minutes: where these are the buckets, it is what is looked for.
        is_capped = self.baseline and self.grid.bucket_seconds > 60
        capped = cap_storms(shifted, self.baseline) if is_capped else uncapped(shifted)
        return shift_baseline(capped, -self.choice.shift)

    def series(self, capped: pl.DataFrame) -> pl.DataFrame:
        """Return the buckets of every class."""
        return finding_series(capped, self.shares, self.grid, self.covered, self.traffic)

    def compare(self, series: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the verdicts on *series*, and its points with what was expected."""
        return _compare(self.cut(series), self.grid, self.choice, self.baseline)

    def cut(self, series: pl.DataFrame) -> pl.DataFrame:
        """Leave out of the baseline what the audit found not to be normal."""
        if self.audit is None:
            return series
        shifted = cut_out(shift_baseline(series, self.choice.shift), self.audit)
        return shift_baseline(shifted, -self.choice.shift)


def judge(
    marts: Mapping[str, pl.DataFrame],
    choice: Choice,
    coverage: Coverage,
    ask: Ask,
    recall: Callable[[Sequence[str]], None],
    spells: Sequence[Spell] = (),
) -> Tested:
    """Run the rate test on every class and on all errors together, and date the regressions.

    *recall* has ordinary lines of templates looked for, before `level_minutes` is asked. *spells*
    are times in which a class is known to have been in trouble: they are no measure of it.
    """
    grid = make_grid(choice)
    services = sorted(marts["service_minutes"]["service_name"].unique().to_list())
    covered = service_coverage([EVERYTHING, *services], grid, coverage)
    traffic = service_traffic(marts["service_minutes"], grid)
    baseline = [Window(w.start - choice.shift, w.end - choice.shift) for w in choice.baseline]
    shares = shares_of(marts["finding_services"])
    court = Court(choice, grid, baseline, shares, covered, traffic)
    minutes = marts["finding_minutes"].rename({"finding_id": "series_id"})
    capped = court.capped(minutes)
    series = court.series(capped)
    total = total_series(marts["service_minutes"], grid, covered, traffic)
    shifted = shift_baseline(series, choice.shift)
    audit = audit_baseline(shifted, baseline, choice.candidate)
    audit = with_known(audit, shifted, baseline, spells)
    court = replace(court, audit=audit)
    verdicts, hourly = court.compare(series)
    total_verdict, total_hourly = court.compare(total)
    premises, verdicts = _audit(marts, minutes, verdicts, court, ask, recall)
    audit = audit.with_columns(pl.col("start", "end") + pl.lit(choice.shift))
    ramps = find_ramps(shift_baseline(court.cut(series), choice.shift), baseline, choice.candidate)
    explained = [name for one in premises for name in one.finding_ids]
    ramps = ramps.filter(~pl.col("series_id").is_in(explained))
    verdicts = with_ramps(verdicts, ramps)
    services_of = marts["finding_services"]
    onsets = _onsets(verdicts, court.cut(series), capped, services_of, choice, coverage, audit)
    by_service = _service_onsets(onsets, court, services_of, coverage, audit, ask)
    return Tested(
        capped, verdicts, hourly, total_verdict, total_hourly, onsets, audit, ramps, premises,
        by_service, _restarts(minutes, marts, baseline),
    )  # fmt: skip


def regressions_of(verdicts: pl.DataFrame) -> list[str]:
    """Return the ids of the classes that are regressions, sorted."""
    if "is_regression" not in verdicts.columns:
        return []
    return sorted(verdicts.filter("is_regression")["series_id"].to_list())


def _restarts(
    minutes: pl.DataFrame, marts: Mapping[str, pl.DataFrame], baseline: Sequence[Window]
) -> pl.DataFrame:
    """Find classes that come whenever their service begins to log again."""
    own = marts["finding_services"].select("service_name", series_id="finding_id")
    starts = service_starts(marts["service_minutes"]).join(own, on="service_name")
    seconds = sum(window.seconds for window in baseline)
    return find_restart_errors(minutes, starts.drop("service_name"), seconds)


def _audit(
    marts: Mapping[str, pl.DataFrame],
    minutes: pl.DataFrame,
    verdicts: pl.DataFrame,
    court: Court,
    ask: Ask,
    recall: Callable[[Sequence[str]], None],
) -> tuple[list[Premise], pl.DataFrame]:
    """Look for what the input itself may fake, and judge the classes concerned without it.

    Returns the premises, and the verdicts with those replaced that an artefact explains.
    """
    asked = dict(marts)

    def answer(name: str) -> pl.DataFrame:
        if name not in asked:
            asked[name] = ask(name)
        return asked[name]

    windows = court.grid.frame.group_by("window_name").agg(
        (pl.col("bucket_end") - pl.col("bucket_start")).dt.total_seconds(fractional=True).sum()
    )
    seconds = {"baseline": 0.0, "candidate": 0.0, **dict(windows.iter_rows())}
    facts = facts_of(
        answer,
        marts["finding_totals"],
        marts["finding_services"],
        verdicts,
        minutes,
        seconds,
        recall,
    )
    doubts = find_doubts(facts)
    retested: dict[int, Mapping[str, object]] = {}
    for places in rounds(doubts):
        chosen = [doubts[place] for place in places]
        series = court.series(court.capped(recounted(chosen, minutes)))
        found, _ = court.compare(by_time_alone(chosen, series))
        rows = {row["series_id"]: row for row in found.iter_rows(named=True)}
        retested |= {
            place: rows[name]
            for place in places
            if (name := doubts[place].finding_id) is not None and name in rows
        }
    names = building.titles(marts["finding_totals"])
    premises, explained = settle(doubts, retested, names)
    return premises, with_verdicts(verdicts, explained)


def _compare(
    series: pl.DataFrame, grid: Grid, choice: Choice, baseline: Sequence[Window]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return verdicts and the series with its expected band; without a baseline, neither."""
    placed = with_bucket_lengths(series, grid)
    if not baseline or series.is_empty():
        return pl.DataFrame(schema={"series_id": pl.String}), without_band(placed)
    shifted = shift_baseline(placed, choice.shift)
    verdicts = detect(shifted, baseline, choice.candidate)
    band = expected_band(shifted, verdicts, baseline, choice.candidate).select(
        "series_id", "bucket_start", "expected_count", "lower", "upper"
    )
    joined = shifted.join(band, on=["series_id", "bucket_start"], how="left", maintain_order="left")
    return verdicts, shift_baseline(joined, -choice.shift)


def _onsets(
    verdicts: pl.DataFrame,
    series: pl.DataFrame,
    minutes: pl.DataFrame,
    services: pl.DataFrame,
    choice: Choice,
    coverage: Coverage,
    audit: pl.DataFrame,
) -> dict[str, Onset]:
    """Date every class that rose, confirmed or suspected."""
    if verdicts.is_empty():
        return {}
    onsets = {}
    for row in verdicts.filter(pl.col("confidence") != "none").iter_rows(named=True):
        name = row["series_id"]
        weights = dict(
            shares_of(services.filter(pl.col("finding_id") == name))
            .select("service_name", "weight")
            .iter_rows()
        )
        own = series.filter(pl.col("series_id") == name)
        counts = minutes.filter(pl.col("series_id") == name)
        onset = _onset(row, own, counts, weights, choice, coverage, audit)
        if onset is not None:
            onsets[name] = onset
    return onsets


# To date a series takes up to half a second; this many keep a run of many services short.
_MOST_DATED = 48


def _service_onsets(
    onsets: Mapping[str, Onset],
    court: Court,
    services: pl.DataFrame,
    coverage: Coverage,
    audit: pl.DataFrame,
    ask: Ask,
) -> dict[tuple[str, str], Onset]:
    """Date what rose and is logged by several in each service that it rose in by the same test.

    By id and service name. In a service where it is as ever, any minute is as likely as another.
    """
    risen = services.filter(pl.col("finding_id").is_in(list(onsets)))
    if not risen["finding_id"].is_duplicated().any():
        return {}
    both = pl.concat_str("finding_id", "service_name", separator=" ")
    minutes = ask("finding_service_minutes").filter(pl.col("finding_id").is_in(list(onsets)))
    minutes = minutes.with_columns(series_id=both)
    keys = minutes.select("finding_id", "service_name", "series_id").unique().sort("series_id")
    if keys.is_empty():
        return {}
    own = replace(
        court,
        shares=keys.select("series_id", "service_name", weight=pl.lit(1.0)),
        audit=court.audit if court.audit is None else _by_service(court.audit, keys),
    )
    capped = own.capped(minutes)
    series = own.series(capped)
    verdicts, _ = own.compare(series)
    series = own.cut(series)
    rises = verdicts.filter(pl.col("confidence") != "none")
    rises = rises.join(keys, on="series_id").filter(pl.len().over("finding_id") > 1)
    # Clearest classes first, each with all its services or with none: half an order misleads.
    clearest = pl.col("p_value").min().over("finding_id")
    rises = rises.sort(clearest, "series_id", nulls_last=True).with_row_index("place")
    rises = rises.filter(pl.col("place").max().over("finding_id") < _MOST_DATED)
    dated = {}
    for verdict in rises.iter_rows(named=True):
        finding_id, service = verdict["finding_id"], verdict["service_name"]
        own_rows = pl.col("series_id") == verdict["series_id"]
        onset = _onset(
            {**verdict, "series_id": finding_id},
            series.filter(own_rows),
            capped.filter(own_rows),
            {service: 1.0},
            court.choice,
            coverage,
            audit,
        )
        if onset is not None:
            dated[finding_id, service] = onset
    return dated


def _by_service(audit: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Return *audit* with what it says of a class said of the class in each service."""
    names = keys.select(pl.col("finding_id"), in_service=pl.col("series_id"))
    joined = audit.join(names, left_on="series_id", right_on="finding_id", how="left")
    return joined.with_columns(series_id=pl.coalesce("in_service", "series_id")).drop("in_service")


# A fault that ran before the candidate began may have begun this much before it stood out.
_BEFORE_RUNNING = timedelta(hours=2)


def _onset(
    verdict: Mapping[str, Any],
    series: pl.DataFrame,
    minutes: pl.DataFrame,
    services: Mapping[str, float],
    choice: Choice,
    coverage: Coverage,
    audit: pl.DataFrame,
) -> Onset | None:
    """Date one series' rise; that of a fault that already ran lies before the candidate window."""
    begin = choice.candidate.start
    running = audit.filter(
        (pl.col("series_id") == verdict["series_id"]) & (pl.col("end") == begin) & pl.col("is_cut")
    )
    if running.height and not choice.shift:
        begin = max(running["start"][0] - _BEFORE_RUNNING, choice.baseline[-1].start)
    covered = minute_coverage(choice, coverage, services, begin)
    in_question = (pl.col("window_name") == "candidate") | (pl.col("bucket_start") >= begin)
    rows = minutes.filter(in_question)
    # As in the test: events beside the errors are no excuse unless the baseline proves them one.
    is_proven = verdict["offset"] == "events" or "requests" in series["exposure_kind"]
    frame = onset_minutes(
        shift_baseline(series, choice.shift), rows, covered, with_exposure=is_proven
    )
    baseline = [
        Window(w.start - choice.shift, min(w.end, max(begin, w.start)) - choice.shift)
        if w.end == choice.candidate.start
        else Window(w.start - choice.shift, w.end - choice.shift)
        for w in choice.baseline
    ]
    onset = find_onset(frame, baseline, Window(begin, choice.candidate.end))
    if onset is None:
        return None
    is_new = verdict["baseline_count"] == 0
    return refine_onset(onset, rows["first_timestamp"], is_new=is_new)
