"""Looking after a store: what is damaged, what can go, what can be put together."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from pipeline.errors import StoreError
from pipeline.store.folder import LARGE_ROWS, Batch, Store
from pipeline.store.layout import KINDS, NO_DATE
from pipeline.store.manifest import Part

# What a user may ask to keep for so long, with the kinds that go with it.
KEPT = {
    "events": ("events",),
    "hourly": ("hourly", "minutes", "changes"),
    "runs": ("results",),
}


@dataclass(frozen=True, slots=True)
class Damage:
    """A part that is not as it was written, and why."""

    path: str
    reason: str


def find_damage(kept: Store, tell: Callable[[str], None] = lambda _: None) -> list[Damage]:
    """Read every part of *kept* and compare its hash; return those that differ."""
    found = []
    for part in kept.manifest.parts:
        tell(f"reading {part.path}")
        path = kept.folder / part.path
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            found.append(Damage(part.path, "it is missing"))
            continue
        except OSError as error:
            found.append(Damage(part.path, f"it cannot be read: {error.strerror or error}"))
            continue
        if len(data) != part.byte_count:
            reason = f"it has {len(data):,} bytes, {part.byte_count:,} were written"
            found.append(Damage(part.path, reason))
        elif hashlib.sha256(data).hexdigest() != part.sha256:
            found.append(Damage(part.path, "its bytes are not those written"))
    return found


def outdated(kept: Store, keep: Mapping[str, timedelta], end: datetime) -> list[Part]:
    """Return the parts of days that are older than *keep* says, counted back from *end*."""
    found = []
    for name, length in keep.items():
        day = horizon(length, end)
        for kind in KEPT[name]:
            found += [
                one for one in kept.manifest.of(kind) if one.date not in (None, NO_DATE)
                and str(one.date) < day
            ]  # fmt: skip
    return sorted(found, key=lambda one: one.path)


def horizon(length: timedelta, end: datetime) -> str:
    """Return the first day that is kept."""
    return f"{end - length:%Y-%m-%d}"


def prune(batch: Batch, parts: list[Part], keep: Mapping[str, timedelta], end: datetime) -> None:
    """Let *parts* count no more, and remember that what lies before is not known any more."""
    batch.drop(parts)
    for name, length in keep.items():
        for kind in KEPT[name]:
            if kind == "results":
                continue
            before = batch.store.manifest.horizons.get(kind, "")
            batch.horizons[kind] = max(before, horizon(length, end))


def small_days(kept: Store) -> dict[tuple[str, str], list[Part]]:
    """Return the parts of each kind and day that could be one, where they are several."""
    found: dict[tuple[str, str], list[Part]] = {}
    for part in kept.manifest.parts:
        is_table = KINDS[part.kind].ending == "parquet" and KINDS[part.kind].is_dated
        if is_table and part.owner is None and (part.row_count or 0) < LARGE_ROWS:
            found.setdefault((part.kind, str(part.date)), []).append(part)
    return {key: parts for key, parts in sorted(found.items()) if len(parts) > 1}


def compact(batch: Batch, kind: str, date: str, parts: list[Part], order: Sequence[str]) -> None:
    """Write *parts* of one kind and day as one: the same rows, and no other, in *order* (of all
    columns where none is named).

    Raises `StoreError` where they are not.
    """
    tables = [batch.store.table_of(one) for one in parts]
    whole = pl.concat(tables)
    if whole.height != sum(one.row_count or 0 for one in parts):
        raise StoreError(f"parts of {kind} of {date} hold other rows than were written to them")
    batch.drop(parts)
    batch.add_table(kind, whole.sort(order or whole.columns, nulls_last=True), date=date)
