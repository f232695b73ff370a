"""What runs would have found and told, had they been made: a store's past, judged again step by
step.

Each step sees what was logged before it and nothing later, and remembers what the steps before it
found, as runs on a store do.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import polars as pl

from pipeline import store
from pipeline.detection import rate_ratio_interval
from pipeline.diagnosis.lifecycle import advance
from pipeline.diagnosis.times import parse_duration, parse_time
from pipeline.errors import ExitCode, UndecidableError, UsageError
from pipeline.facts import Backtest, BacktestStep, Row
from pipeline.model import FailOn, Settings
from pipeline.orchestrate.history import CANDIDATE, LEAST_HISTORY, extent_of
from pipeline.orchestrate.intake import cursors_of
from pipeline.orchestrate.keeping import judge_kept
from pipeline.orchestrate.reading import Tell
from pipeline.orchestrate.runs import Output, Stamp, escalation_text, exit_code
from pipeline.schema import CHANGES

_HOUR = timedelta(hours=1)
# What a comparison may change: each is a setting that a run on a store has.
PROPOSABLE = ("baseline", "fail-on")


def backtest(
    folder: Path,
    settings: Settings,
    every: str,
    *,
    since: str | None = None,
    until: str | None = None,
    proposed: Sequence[str] = (),
    tell: Tell = lambda _: None,
) -> Backtest:
    """Judge the store in *folder* as of every *every* from *since* to *until*.

    *proposed*: ``KEY=VALUE`` of `PROPOSABLE`, for a second series beside that of *settings*. Times
    are the first at which a run can compare, and the last event, by default. Raises `UsageError`
    for a step shorter than an hour (a store counts by the hour), `UndecidableError` where the store
    is too short.
    """
    step = parse_duration(every)
    if step is None or step < _HOUR or step % _HOUR:
        raise UsageError(f"--every {every!r} is no whole number of hours", hint="such as 1h or 6h")
    kept = store.open_store(folder)
    moments = _moments(kept, step, since, until, settings.zone)
    other = _with(settings, proposed)
    return Backtest(
        settings=[f"{key}={_value(settings, key)}" for key in PROPOSABLE],
        steps=_steps(kept, settings, moments, tell),
        proposed=None if other is None else [f"{key}={_value(other, key)}" for key in PROPOSABLE],
        proposed_steps=None if other is None else _steps(kept, other, moments, tell),
    )


def _moments(
    kept: store.Store, step: timedelta, since: str | None, until: str | None, zone: str | None
) -> list[datetime]:
    extent = extent_of(cursors_of(kept))
    if extent is None:
        raise UndecidableError(
            f"the store {kept.folder} holds no event with a time",
            hint="analyze run LOGS --store DIR reads logs into it",
        )
    first = _ceil(extent.start + LEAST_HISTORY + CANDIDATE)
    last = _ceil(extent.end)
    anchors = {"now": extent.end, "start": extent.start, "end": extent.end}
    begin = max(_ceil(parse_time(since, anchors, zone)), first) if since else first
    end = min(parse_time(until, anchors, zone), last) if until else last
    if begin > end:
        raise UndecidableError(
            f"the store {kept.folder} holds too little: a run can compare from "
            f"{first:%Y-%m-%d %H:%M} UTC on, and it ends at {last:%Y-%m-%d %H:%M} UTC",
            hint="it needs 36 hours before the first step",
        )
    return [begin + at * step for at in range(int((end - begin) / step) + 1)]


def _ceil(moment: datetime) -> datetime:
    floor = moment.replace(minute=0, second=0, microsecond=0)
    return floor if floor == moment else floor + _HOUR


def _steps(
    kept: store.Store, settings: Settings, moments: Sequence[datetime], tell: Tell
) -> list[BacktestStep]:
    steps: list[BacktestStep] = []
    rows: list[Row] = []
    for moment in moments:
        tell(f"as of {moment:%Y-%m-%d %H:%M} UTC")
        found, rows = _step(kept, settings, moment, rows)
        steps.append(found)
    return steps


def _step(
    kept: store.Store, settings: Settings, moment: datetime, rows: list[Row]
) -> tuple[BacktestStep, list[Row]]:
    asked = replace(settings, store=str(kept.folder), until=moment.isoformat())
    rule = escalation_text(settings)
    stamp = Stamp(moment, (), (), rule, {}, pl.DataFrame(schema=CHANGES))
    with TemporaryDirectory(prefix="aftershock-") as name:
        output = Output(Path(name) / "out", ())
        try:
            result = judge_kept(kept, None, stamp, asked, output, lambda _: None, remembered=rows)
        except UndecidableError:
            return BacktestStep(moment, "cannot_decide", ExitCode.CANNOT_DECIDE, []), rows
    # Each step is a run of its own, also where nothing was logged since the one before.
    run = replace(result.run, run_id=f"{moment.isoformat()}")
    after = advance(rows, replace(result, run=run), rate_ratio_interval)
    changes = [
        f"{step.after}: {row.error_class or row.title}"
        for row in after
        for step in row.steps
        if step.run_id == run.run_id
    ]
    status = exit_code(result, settings.fail_on)
    return BacktestStep(moment, result.verdict.value, int(status), changes), after


def _with(settings: Settings, proposed: Sequence[str]) -> Settings | None:
    """Return *settings* with what is proposed; None where nothing is."""
    if not proposed:
        return None
    levels: dict[str, FailOn] = {name: name for name in get_args(FailOn)}
    for one in proposed:
        key, _, value = one.partition("=")
        if key not in PROPOSABLE or not value:
            raise UsageError(
                f"--propose {one!r} is none of {', '.join(f'{key}=…' for key in PROPOSABLE)}",
                hint="such as --propose baseline=7d",
            )
        if key == "baseline":
            settings = replace(settings, baseline=(value,))
        elif value in levels:
            settings = replace(settings, fail_on=levels[value])
        else:
            raise UsageError(
                f"--propose {one!r}: no such level", hint=f"one of {', '.join(levels)}"
            )
    return settings


def _value(settings: Settings, key: str) -> str:
    return settings.baseline[0] if key == "baseline" else settings.fail_on
