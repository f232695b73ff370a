"""How the rate test does on somebody's own counts, and what of that a report quotes."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from pipeline import store
from pipeline.detection import Counts, calibrate_counts
from pipeline.detection.calibrate import KINDS
from pipeline.diagnosis.coverage import EVERYTHING, bucket_seconds, find_coverage
from pipeline.diagnosis.series import (
    finding_series,
    in_buckets,
    make_grid,
    service_coverage,
    service_traffic,
    shares_of,
    uncapped,
)
from pipeline.diagnosis.windows import Choice
from pipeline.errors import UndecidableError
from pipeline.facts import Calibration
from pipeline.model import CalibrationQuote, Settings, Window
from pipeline.orchestrate.reading import Tell, read, streams_of, write_tables
from pipeline.orchestrate.templates import open_book
from pipeline.orchestrate.windows import choose, moment_of
from pipeline.sql import Session

CALIBRATION = "calibration.json"


def last_calibration(out: Path, tell: Tell) -> CalibrationQuote | None:
    """Return what `calibrate` left in *out*; a file that is none is told and not quoted."""
    path = out / CALIBRATION
    if not path.is_file():
        return None
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        start, end = (
            datetime.fromisoformat(raw[name]).astimezone(UTC) for name in ("start", "end")
        )
        return CalibrationQuote(
            start=start,
            end=end,
            window_seconds=float(raw["window_seconds"]),
            class_window_count=int(raw["class_window_count"]),
            false_alarm_count=int(raw["false_alarm_count"]),
            confirmed={
                planted["kind"]: float(planted["confirmed"])
                for planted in raw["planted"]
                if planted["kind"] in KINDS and planted["confirmed"] is not None
            },
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        tell(f"{CALIBRATION} is not quoted: it cannot be read ({type(error).__name__})")
        return None


def calibrate(
    logs: Sequence[str],
    settings: Settings,
    *,
    seed: int,
    is_placebo: bool = False,
    out: Path | None = None,
    tell: Tell = lambda _: None,
) -> Calibration:
    """Tell how the test does on the counts of *logs*; write ``calibration.json`` to *out*, if any.

    Raises `UndecidableError` where there is nothing to calibrate on: no times, no errors, or less
    than a run needs for a baseline. Everything else in *out* stays as it is.
    """
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(TemporaryDirectory(prefix="aftershock-")))
        staging = stack.enter_context(store.staged(folder))
        streams = [streams_of(logs, settings, folder)]
        inputs = {
            "candidate": read(streams, "candidate", settings, staging, open_book(settings), tell)
        }
        usual = choose(settings, moment_of(None, settings), inputs)
        if not usual.baseline:
            raise UndecidableError(
                f"cannot calibrate: there is no baseline in these logs ({usual.description})",
                hint="name logs of twelve hours or more, better of several normal days",
            )
        tell("calibrating")
        counts = _counts(write_tables(staging, inputs), usual, staging)
        found = calibrate_counts(counts, seed, is_placebo=is_placebo)
    if out is not None:
        from pipeline.render import facts_json

        store.write_documents(out, {CALIBRATION: facts_json(found)})
    return found


def _counts(tables: Mapping[str, pl.DataFrame], usual: Choice, staging: store.Staging) -> Counts:
    """Count all that was read as one window, in the buckets that a run would take."""
    whole = Window(usual.baseline[0].start, usual.candidate.end)
    choice = Choice((), whole, "candidate", "all that was read")
    with Session() as session:
        session.read_events(staging.event_parts)
        session.register("rollup", tables["rollup"])
        session.register("minutes", tables["minutes"])
        session.register("windows", choice.table())
        names = ("finding_minutes", "finding_services", "service_minutes")
        marts = {name: session.frame(name) for name in names}
    seconds = bucket_seconds(usual)
    grid = make_grid(choice, seconds)
    coverage = find_coverage(marts["service_minutes"], choice)
    services = sorted(marts["service_minutes"]["service_name"].unique().to_list())
    covered = service_coverage([EVERYTHING, *services], grid, coverage)
    traffic = service_traffic(marts["service_minutes"], grid)
    minutes = marts["finding_minutes"].rename({"finding_id": "series_id"})
    shares = shares_of(marts["finding_services"])
    buckets = finding_series(uncapped(minutes), shares, grid, covered, traffic)
    placed = in_buckets(minutes.with_columns(minute=pl.col("bucket_start")), grid)
    return Counts(
        placed.select("series_id", "event_count", bucket_start="minute", bucket="bucket_start"),
        buckets.drop("window_name", "event_count", "capped_count"),
        whole,
        usual.candidate.seconds,
        seconds,
    )
