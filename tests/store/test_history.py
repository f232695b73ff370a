"""Which windows a run on a store compares, and which days it reads for that."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline import store
from pipeline.diagnosis.windows import Choice
from pipeline.errors import StoreError, UndecidableError, UsageError
from pipeline.ingest import Cursor
from pipeline.model import Settings, Window
from pipeline.orchestrate.history import (
    extent_of,
    open_history,
    refuse_since_last,
    settled_times,
    to_hours,
)
from pipeline.orchestrate.intake import cursors_of
from pipeline.schema import LEDGER, MINUTES, ROLLUP

END = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
NOTHING = pl.DataFrame(schema=LEDGER)


def hour(days: int, count: int = 1) -> dict[str, object]:
    return {"bucket_start": (END - timedelta(days=days)).replace(minute=0), "event_count": count}


@pytest.fixture
def kept(tmp_path: Path) -> store.Store:
    """A store with an hour of counts on some of a hundred days."""
    folder = tmp_path / "store"
    store.claim_folder(folder)
    store.create_store(folder)
    one = store.open_store(folder)
    cursor = Cursor("a", "group", "logs/api.log", "logs/api.log", (10, "x"))
    cursor.total.first, cursor.total.last = END - timedelta(days=99), END
    with one.change() as batch:
        for days in (0, 1, 2, 27, 29, 30, 99):
            row = hour(days)
            date = f"{row['bucket_start']:%Y-%m-%d}"
            batch.add_table("hourly", pl.DataFrame([row], schema=ROLLUP), date=date)
            batch.add_table("minutes", pl.DataFrame([row], schema=MINUTES), date=date)
        batch.add_rows("sources", [cursor.to_json()])
        batch.commit(END)
    return one


def settled(kept: store.Store, **asked: object) -> Settings:
    settings = Settings(store=str(kept.folder), **asked)  # type: ignore[arg-type]
    extent = extent_of(cursors_of(kept))
    assert extent is not None
    return settled_times(settings, kept, extent)


def remember(kept: store.Store, end: datetime) -> None:
    with kept.change() as batch:
        row = {"run_id": "r", "generated_at": END.isoformat(), "candidate_end": end.isoformat()}
        batch.add_rows("runs", [row], date="2026-03-01")
        batch.commit(END)


def test_the_last_day_is_compared_with_the_28_days_before(kept: store.Store) -> None:
    settings = settled(kept)
    history = open_history(kept, settings, NOTHING)

    assert settings.since == "2026-03-01T09:00:00+00:00"
    assert history.window.start == datetime(2026, 2, 1, 9, tzinfo=UTC)
    assert history.tables().rollup.height == 5


def test_days_that_are_not_compared_are_not_read(kept: store.Store) -> None:
    for part in kept.manifest.of("hourly"):
        if str(part.date) < "2026-02-01":
            (kept.folder / part.path).write_bytes(b"damaged")

    open_history(kept, settled(kept), NOTHING).tables()

    with pytest.raises(StoreError):
        open_history(kept, settled(kept, baseline=("60d",)), NOTHING).tables()


def test_since_last_begins_ten_minutes_before_the_end_of_the_last_run(kept: store.Store) -> None:
    remember(kept, datetime(2026, 3, 2, 8, 5, tzinfo=UTC))

    assert settled(kept, since="last").since == "2026-03-02T07:00:00+00:00"


def test_since_last_is_the_last_day_before_there_was_a_run(kept: store.Store) -> None:
    assert settled(kept, since="last").since == "2026-03-01T09:00:00+00:00"


def test_since_last_needs_a_store() -> None:
    with pytest.raises(UsageError, match="needs the store"):
        refuse_since_last(Settings(since="last"))


def test_a_baseline_never_reaches_before_what_was_pruned(kept: store.Store) -> None:
    with kept.change() as batch:
        batch.horizons["events"] = "2026-02-20"
        batch.commit(END)

    history = open_history(kept, settled(kept), NOTHING)

    assert history.window.start == datetime(2026, 2, 20, tzinfo=UTC)


def test_a_store_without_times_cannot_decide(tmp_path: Path) -> None:
    store.claim_folder(tmp_path / "store")
    store.create_store(tmp_path / "store")

    with pytest.raises(UndecidableError, match="no event with a time"):
        open_history(store.open_store(tmp_path / "store"), Settings(), NOTHING)


def test_an_hour_lies_in_one_window() -> None:
    start = datetime(2026, 3, 1, 0, 20, tzinfo=UTC)
    border = datetime(2026, 3, 2, 6, 40, tzinfo=UTC)
    choice = Choice((Window(start, border),), Window(border, END), "candidate", "")

    moved = to_hours(choice)

    assert moved.baseline == (Window(start.replace(minute=0), border.replace(minute=0)),)
    assert moved.candidate == Window(border.replace(minute=0), datetime(2026, 3, 2, 10, tzinfo=UTC))
