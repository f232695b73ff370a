"""Looking after a store: what it holds, whether that is as it was written, what of it can go."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from pipeline import store
from pipeline.errors import UsageError
from pipeline.facts import KindFacts, StoreChange, StoreCheck, StoreDamage, StoreFacts
from pipeline.ingest import merge_minutes, merge_rollup
from pipeline.orchestrate.changes import PLACE
from pipeline.orchestrate.history import extent_of
from pipeline.orchestrate.intake import EVENT_ORDER, cursors_of, ledger_of, templates_of
from pipeline.orchestrate.reading import Tell
from pipeline.store import upkeep
from pipeline.store.manifest import Part

ORDERS = {"events": EVENT_ORDER, "changes": PLACE}
_QUIET: Tell = lambda _: None  # noqa: E731  # the default of a parameter


def store_facts(folder: Path) -> StoreFacts:
    """Return what the store in *folder* holds. Raises `UsageError` where there is none."""
    kept = store.open_store(folder)
    cursors = cursors_of(kept)
    extent = extent_of(cursors)
    runs = list(kept.rows("runs"))
    last = runs[-1] if runs else {}
    manifest = kept.manifest
    return StoreFacts(
        folder=str(folder),
        store_id=kept.store_id,
        manifest=manifest.number,
        written_at=manifest.written_at,
        program=manifest.program,
        first_event=extent.start if extent else None,
        last_event=extent.end - timedelta(microseconds=1) if extent else None,
        source_count=len(cursors),
        run_count=len(runs),
        last_run=str(last["generated_at"]) if last else None,
        last_verdict=str(last["verdict"]) if last else None,
        kinds=_by_kind(manifest.parts),
        horizons=dict(manifest.horizons),
    )


def _by_kind(parts: Sequence[Part]) -> list[KindFacts]:
    kinds: dict[str, list[Part]] = {}
    for part in parts:
        kinds.setdefault(part.kind, []).append(part)
    found = []
    for kind, own in sorted(kinds.items()):
        dates = sorted(str(one.date) for one in own if one.date not in (None, "none"))
        found.append(
            KindFacts(
                kind,
                len(own),
                sum(one.byte_count for one in own),
                sum(one.row_count or 0 for one in own),
                dates[0] if dates else None,
                dates[-1] if dates else None,
            )
        )
    return found


def check_store(folder: Path, *, tell: Tell = _QUIET) -> StoreCheck:
    """Read every file of the store in *folder* and compare it with its hash."""
    kept = store.open_store(folder)
    damaged = [StoreDamage(one.path, one.reason) for one in upkeep.find_damage(kept, tell)]
    parts = kept.manifest.parts
    return StoreCheck(
        str(folder), len(parts), sum(one.byte_count for one in parts), damaged, kept.strays()
    )


def prune_store(
    folder: Path,
    keep: Mapping[str, timedelta],
    *,
    is_applied: bool,
    now: datetime | None = None,
    tell: Tell = _QUIET,
) -> StoreChange:
    """Let go what is older than *keep* says, by kind, counted back from the last event; or tell
    what would go.
    """
    kept = store.open_store(folder)
    if not is_applied:
        return _change(kept, "prune", upkeep.outdated(kept, keep, _end(kept)), applied=None)
    with store.locked(folder):
        kept = store.open_store(folder)
        kept.sweep()
        end = _end(kept)
        parts = upkeep.outdated(kept, keep, end)
        before = kept.manifest.parts
        tell(f"letting {len(parts)} files go")
        with kept.change() as batch:
            upkeep.prune(batch, parts, keep, end)
            batch.commit(now or _now(), kept.manifest.run_id)
        kept.sweep(keeps_before=False)
        return _change(kept, "prune", parts, applied=before)


def compact_store(
    folder: Path, *, is_applied: bool, now: datetime | None = None, tell: Tell = _QUIET
) -> StoreChange:
    """Make the small files of each day one; or tell which."""
    kept = store.open_store(folder)
    if not is_applied:
        small = [one for parts in upkeep.small_days(kept).values() for one in parts]
        return _change(kept, "compact", small, applied=None)
    with store.locked(folder):
        kept = store.open_store(folder)
        kept.sweep()
        before = kept.manifest.parts
        days = upkeep.small_days(kept)
        with kept.change() as batch:
            for (kind, date), parts in days.items():
                tell(f"putting {kind} of {date} together")
                upkeep.compact(batch, kind, date, parts, ORDERS.get(kind, ()))
            if days:
                batch.commit(now or _now(), kept.manifest.run_id)
        kept.sweep(keeps_before=False)
        small = [one for parts in days.values() for one in parts]
        return _change(kept, "compact", small, applied=before)


def _change(
    kept: store.Store, action: str, parts: Sequence[Part], *, applied: Sequence[Part] | None
) -> StoreChange:
    now = sum(one.byte_count for one in kept.manifest.parts)
    before = now if applied is None else sum(one.byte_count for one in applied)
    return StoreChange(
        str(kept.folder),
        action,
        applied is not None,
        _by_kind(parts),
        before,
        None if applied is None else now,
    )


def _end(kept: store.Store) -> datetime:
    extent = extent_of(cursors_of(kept))
    if extent is None:
        raise UsageError(
            f"the store {kept.folder} holds no event with a time, so nothing in it is old",
            hint="analyze store info tells what it holds",
        )
    return extent.end


def export_store(folder: Path, out: Path, *, tell: Tell = _QUIET) -> list[str]:
    """Write the tables of the store in *folder* to *out*, a file each, for other programs.

    `events` are all that are kept, with the paths of their files; `hourly` and `minutes` are added
    up. Returns the names of the files. Raises `UsageError` where *out* holds other files.
    """
    kept = store.open_store(folder)
    cursors = cursors_of(kept)
    paths = {one.source_id: one.path for one in cursors}
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} holds other files", hint="name an empty or new folder with -o")
    with store.writing(out):
        out.mkdir(parents=True, exist_ok=True)
        for number, table in enumerate((*kept.tables("events"), *kept.tables("open_events"))):
            tell(f"writing events, part {number}")
            named = table.with_columns(pl.col("log_file_path").replace(paths))
            store.write_table(out / f"events-{number:05d}.parquet", named)
        for kind, merge in (("hourly", merge_rollup), ("minutes", merge_minutes)):
            opened = [one.drop("source_id") for one in kept.tables(f"open_{kind}")]
            merged = merge([*kept.tables(kind), *opened])
            tell(f"writing {kind}")
            store.write_table(out / f"{kind}.parquet", merged.sort(merged.columns, nulls_last=True))
        store.write_table(out / "ledger.parquet", ledger_of(cursors))
        store.write_table(out / "templates.parquet", templates_of(kept))
    return sorted(path.name for path in out.iterdir())


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
