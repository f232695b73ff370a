"""A run on a store: read what is new into it, compare the last day with what it holds, remember.

Reading counts as soon as it is done, whatever becomes of the comparison: the next run goes on
there. The run itself is remembered with its result, in a second step.
"""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import polars as pl

from pipeline import store
from pipeline.detection import rate_ratio_interval
from pipeline.diagnosis.lifecycle import advance, read_row, row_json
from pipeline.errors import StoreError
from pipeline.facts import Row
from pipeline.model import Result, Settings
from pipeline.orchestrate.history import (
    described,
    extent_of,
    open_history,
    settled_times,
    to_hours,
)
from pipeline.orchestrate.intake import Intake, cursors_of, take_in, templates_of
from pipeline.orchestrate.reading import Tell, read, streams_of
from pipeline.orchestrate.runs import Material, Output, Stamp, conclude
from pipeline.orchestrate.sealing import EVIDENCE
from pipeline.orchestrate.templates import open_book
from pipeline.orchestrate.windows import choose, moment_of
from pipeline.schema import ALIASES, CALM, LEDGER


@contextmanager
def held_store(folder: Path) -> Iterator[store.Store]:
    """Make *folder* a store where it is none, and hold its lock; what was left over is removed.

    Raises `LockedError` where another run has it, `UsageError` where it holds other files.
    """
    store.claim_folder(folder)
    with store.locked(folder):
        store.create_store(folder)
        kept = store.open_store(folder)
        kept.sweep()
        try:
            yield kept
        except KeyboardInterrupt as stopped:
            told = "the store is as its last finished step left it; the next run goes on there"
            raise KeyboardInterrupt(told) from stopped


def analyze_kept(stamp: Stamp, settings: Settings, output: Output, tell: Tell) -> Result:
    """Read what is new in the logs into the store, and compare with what it holds."""
    assert settings.store is not None
    with held_store(Path(settings.store)) as kept:
        taken = take_in(stamp.logs, settings, kept, stamp.now, skip=[output.folder], tell=tell)
        result = judge_kept(kept, taken, stamp, settings, output, tell)
        remember(kept, result, stamp.now, output.folder)
    return result


def judge_kept(
    kept: store.Store,
    taken: Intake | None,
    stamp: Stamp,
    settings: Settings,
    output: Output,
    tell: Tell,
    remembered: list[Row] | None = None,
) -> Result:
    """Compare what the store holds of the candidate window with its baseline, and write the report.

    *taken* is what this run has read, None where it read nothing; *remembered* what is known of
    findings, by default what the store holds. Raises `UndecidableError` where
    the store holds no event with a time.
    """
    extent = extent_of(cursors_of(kept))
    if extent is not None:
        settings = settled_times(settings, kept, extent)
    refused = pl.DataFrame(schema=LEDGER) if taken is None else taken.refused
    history = open_history(kept, settings, refused)
    baseline = [streams_of([name], settings, output.folder) for name in stamp.baseline]
    with store.staged(output.folder) as staging:
        inputs = {}
        if baseline:
            book = open_book(settings)
            inputs["baseline"] = read(baseline, "baseline", settings, staging, book, tell)
        tell("reading the store")
        inputs["candidate"] = history.tables()
        history.write_events(staging, "candidate")
        choice = to_hours(choose(settings, stamp.now, inputs))
        if settings.baseline == ("auto",):
            choice = described(choice)
        streams = {
            "baseline": [one for own in baseline for one in own],
            "candidate": [] if taken is None else taken.streams,
        }
        material = Material(
            inputs,
            _written_book(kept, staging),
            choice,
            streams,
            state=kept.manifest.fingerprint(),
            is_read_again=False,
            evidence=_known_evidence(kept, history.paths),
            remembered=remembered_rows(kept) if remembered is None else remembered,
        )
        staging.write_table(store.CALM, pl.DataFrame(schema=CALM))
        result = conclude(staging, material, settings, stamp, output, tell)
        staging.commit()
    return result


def _known_evidence(kept: store.Store, paths: Mapping[str, str]) -> pl.DataFrame:
    """Return the hashes of samples of earlier runs, with the paths that their files have now."""
    known = next(iter(kept.tables("evidence")), pl.DataFrame(schema=EVIDENCE))
    return known.with_columns(pl.col("log_file_path").replace(paths))


def _evidence_of(kept: store.Store, result: Result) -> pl.DataFrame:
    """Return the hashes of the samples of *result*, by the ids of their files: names move."""
    ids = {one.path: one.source_id for one in cursors_of(kept)}
    rows = {
        (ids[one.log_file_path], one.byte_offset, one.byte_length, one.segment_hash)
        for finding in result.findings
        for one in finding.samples
        if one.segment_hash is not None and one.log_file_path in ids
    }
    return pl.DataFrame(sorted(rows), schema=EVIDENCE, orient="row")


def _written_book(kept: store.Store, staging: store.Staging) -> pl.DataFrame:
    staging.write_table(store.TEMPLATES, templates_of(kept))
    aliases = next(iter(kept.tables("aliases")), pl.DataFrame(schema=ALIASES))
    staging.write_table(store.ALIASES, aliases)
    return aliases


def remember(kept: store.Store, result: Result, now: datetime, folder: Path | None = None) -> None:
    """Add a finished run to the store: a line that tells of it, and its result. *folder* is where
    its report lies.
    """
    from pipeline import render

    run_id = result.run.run_id
    if (last := kept.last_row("runs")) and last.get("run_id") == run_id:
        return  # nothing has changed since: the result is the same
    rows = advance(remembered_rows(kept), result, rate_ratio_interval)
    month = f"{now:%Y-%m}-01"
    with kept.change() as batch:
        place = f"{now:%Y%m%dT%H%M%SZ}-{run_id}"
        data = gzip.compress(render.to_json(result).encode(), 6, mtime=0)
        day = f"{now:%Y-%m-%d}"
        batch.add_bytes("results", data, date=day, name=f"{place}/result.json.gz")
        own = [one for one in batch.parts("runs") if one.date == month]
        lines = [row for one in own for row in kept.rows_of(one)]
        line = run_row(result, f"runs/{place}/result.json.gz")
        lines.append({**line, "output": str(folder.absolute()) if folder else None})
        batch.replace_table("evidence", _evidence_of(kept, result))
        batch.drop(own)
        batch.add_rows("runs", lines, date=month)
        batch.replace_rows("findings", map(row_json, rows))
        batch.commit(now, run_id)


def remembered_rows(kept: store.Store) -> list[Row]:
    """Return what the store holds of findings. Raises `StoreError` where a row is none."""
    try:
        return [read_row(raw) for raw in kept.rows("findings")]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"what {kept.folder} holds of findings cannot be read: {error}",
            hint="analyze store verify names everything that is damaged",
        ) from error


def run_row(result: Result, path: str) -> dict[str, object]:
    """Return what the store tells of a run without opening its result."""
    candidate, baseline = result.windows.candidate, result.windows.baseline
    return {
        "run_id": result.run.run_id,
        "generated_at": result.run.generated_at.isoformat(),
        "version": result.run.version,
        "verdict": result.verdict.value,
        "headline": result.headline,
        "result": path,
        "candidate_start": _iso(candidate.start if candidate else None),
        "candidate_end": _iso(candidate.end if candidate else None),
        "baseline_start": _iso(baseline.start if baseline else None),
        "baseline_end": _iso(baseline.end if baseline else None),
        "regressions": [one.finding_id for one in result.findings if one.is_regression],
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def ingest_kept(logs: Sequence[str], settings: Settings, *, tell: Tell = lambda _: None) -> Intake:
    """Read what is new in *logs* into the store that *settings* name, and nothing else."""
    assert settings.store is not None
    with held_store(Path(settings.store)) as kept:
        return take_in(logs, settings, kept, moment_of(None, settings), skip=[], tell=tell)
