"""Classes over days and all runs, as a store that was run on has them."""

import contextlib
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline import store
from pipeline.diagnosis.lifecycle import row_json
from pipeline.errors import StoreError, UndecidableError, UsageError
from pipeline.facts import Row, Spell
from pipeline.model import Result, Settings
from pipeline.orchestrate import analyze, store_history, trend, write_index
from pipeline.orchestrate.keeping import held_store
from tests.written_logs import errors, requests, write

POOL = "FATAL: sorry, too many clients already"
START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROW = row_json(
    Row(
        "feedc0ffee00", "error", None, "gone for long", None, None, "returned",
        datetime(2026, 3, 2, 1, tzinfo=UTC), 1, "a run", None,
        [
            Spell(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC)),
            Spell(datetime(2026, 3, 2, 0, 30, tzinfo=UTC), None),
        ],
        handling="silenced",
    )
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A store of two days, in which the second has more of one class, and its only run."""
    folder = tmp_path_factory.mktemp("kept")
    rng = random.Random(5)
    own = requests(rng, 0, 20, 40, 0.05) + requests(rng, 24, 48, 40, 0.05)
    own += errors(rng, 2, 20, 3, POOL) + errors(rng, 30, 48, 30, POOL)
    write(folder / "logs", {"api": own}, shape="plain")
    settings = Settings(store=str(folder / "store"))
    with contextlib.chdir(folder):
        result = analyze(["logs"], settings, out=folder / "out", now="2026-03-03T00:00Z")
    with held_store(folder / "store") as kept, kept.change() as batch:
        batch.replace_rows("findings", [ROW])
        batch.commit(START)
    return folder, result


def test_classes_have_the_ids_and_counts_of_reports(made: tuple[Path, Result]) -> None:
    folder, result = made
    found = trend(folder / "store")

    known = {one.finding_id: one.candidate_count + one.baseline_count for one in result.findings}
    counted = {one.finding_id: one.event_count for one in found.series if one.event_count}
    assert {name: known[name] for name in counted} == counted
    assert {one.kind for one in found.series} == {"error", "failed_request"}


def test_a_gap_is_not_covered_and_a_rate_is_per_covered_hour(made: tuple[Path, Result]) -> None:
    folder, _ = made
    found = trend(folder / "store", by="hour")
    pool = max(found.series, key=lambda one: one.event_count)

    gap = [one for one in pool.periods if START + 20 * HOUR <= one.start < START + 24 * HOUR]
    assert [(one.event_count, one.rate) for one in gap] == [(0, None)] * 4
    days = max(trend(folder / "store").series, key=lambda one: one.event_count).periods
    assert [one.start for one in days] == [START, START + 24 * HOUR]
    assert 19 < days[0].covered_hours <= 20
    assert days[0].rate == pytest.approx(days[0].event_count / days[0].covered_hours)
    assert sum(one.event_count for one in days) == sum(one.event_count for one in pool.periods)


def test_one_class_by_name_title_or_id(made: tuple[Path, Result]) -> None:
    kept = made[0] / "store"
    one = max(trend(kept).series, key=lambda one: one.event_count)

    for name in (one.finding_id, one.error_class, one.name):
        assert name is not None
        assert one.finding_id in {own.finding_id for own in trend(kept, name).series}
    with pytest.raises(UsageError, match="no class 'nothing'"):
        trend(kept, "nothing")


def test_what_is_open_is_told_first_also_where_it_did_not_occur(
    made: tuple[Path, Result],
) -> None:
    first = trend(made[0] / "store").series[0]

    assert (first.name, first.event_count, first.rate) == ("gone for long", 0, None)
    assert first.standing is not None
    assert first.standing.begun == START + 24.5 * HOUR


def test_only_the_days_that_are_asked_for_are_read(
    made: tuple[Path, Result], tmp_path: Path
) -> None:
    kept = Path(shutil.copytree(made[0] / "store", tmp_path / "store"))
    for path in (kept / "events" / "date=2026-03-01").iterdir():
        path.write_bytes(b"damaged")

    assert trend(kept, since="2026-03-02T00:00Z").start == START + 24 * HOUR
    with pytest.raises(StoreError, match="damaged"):
        trend(kept)
    with pytest.raises(UndecidableError, match="nothing of this time"):
        trend(kept, since="2027-01-01T00:00Z")


def test_a_report_is_linked_while_it_is_that_of_its_run(
    made: tuple[Path, Result], tmp_path: Path
) -> None:
    kept = Path(shutil.copytree(made[0] / "store", tmp_path / "store"))
    (run,) = store_history(kept).runs
    assert run.report == str(made[0] / "out")
    page = tmp_path / "pages" / "index.html"
    write_index(kept, page)
    assert "out/report.html" in page.read_text(encoding="utf-8")

    with held_store(kept) as held, held.change() as batch:
        rows = list(held.rows("runs"))
        later = {**rows[0], "run_id": "later", "generated_at": "2026-03-03T01:00:00+00:00"}
        batch.replace_rows("runs", [*rows, later])
        batch.commit(START)
    # The later run wrote to the same folder: what the first one wrote is gone.
    assert [one.report is None for one in store_history(kept).runs] == [True, False]


def test_hours_of_the_page_are_those_of_the_store(made: tuple[Path, Result]) -> None:
    found = store_history(made[0] / "store")

    assert len(found.hours) == 44
    assert [one.title for one in found.standings] == ["gone for long"]
    total = sum(one.event_count for one in found.hours)
    whole = store.open_store(made[0] / "store")
    tables = [*whole.tables("hourly"), *whole.tables("open_hourly")]
    assert total == sum(int(one["event_count"].sum()) for one in tables)


def test_a_row_that_is_none_is_named(made: tuple[Path, Result], tmp_path: Path) -> None:
    kept = Path(shutil.copytree(made[0] / "store", tmp_path / "store"))
    with held_store(kept) as held, held.change() as batch:
        batch.replace_rows("findings", [{"finding_id": "a"}])
        batch.commit(START)

    with pytest.raises(StoreError, match="findings cannot be read"):
        trend(kept)
