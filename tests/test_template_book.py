"""The template book of runs: ids stay when masks change, and what is not one is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from pipeline import orchestrate
from pipeline.errors import UsageError
from pipeline.mining import book as books
from pipeline.mining import masks, miner
from pipeline.model import Finding, Result, Settings
from pipeline.orchestrate import templates
from pipeline.orchestrate.templates import Book
from pipeline.schema import ALIASES, EVENTS, TEMPLATES
from tests.test_identity import START, lines, write

CUT = "2026-03-03T13:00Z"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("book") / "logs", [lines()])


@contextmanager
def masks_without(name: str, step: int = -1) -> Iterator[None]:
    """Have the masks of an older version, or one to come, which lack one of today's."""
    older = tuple(one for one in masks.load_masks() if one.name != name)
    assert len(older) == len(masks.load_masks()) - 1
    caches = (miner._any_of, miner._kept_shapes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(miner, "load_masks", lambda: older)
        for module in (miner, books, templates):
            patch.setattr(module, "MASKS_VERSION", masks.MASKS_VERSION + step)
        for one in caches:
            one.cache_clear()
        yield
    for one in caches:
        one.cache_clear()


def run(logs: Path, out: Path, former: Path | None = None) -> Result:
    settings = Settings(
        baseline=(f"{START.isoformat()}..{CUT}",), since=CUT, until="2026-03-03T14:00Z",
        templates=str(former) if former else None,
    )  # fmt: skip
    return orchestrate.analyze([str(logs)], settings, out=out, documents=())


@dataclass(frozen=True)
class Made:
    """A run: its folder and what it found."""

    out: Path
    result: Result


@pytest.fixture(scope="module")
def today(logs: Path) -> Made:
    """A run by the masks of today, without a book."""
    return Made(logs.parent / "today", run(logs, logs.parent / "today"))


@pytest.fixture(scope="module")
def former(logs: Path) -> Made:
    """A run by masks that hid what those of today keep."""
    with masks_without("enum_value"):
        return Made(logs.parent / "former", run(logs, logs.parent / "former"))


@pytest.fixture(scope="module")
def after(logs: Path, former: Made) -> Made:
    """A run of today that reads the book of the former."""
    return Made(logs.parent / "after", run(logs, logs.parent / "after", former.out))


def book(out: Path) -> dict[str, str]:
    rows = pl.read_parquet(out / "templates.parquet").select("template_id", "template")
    return dict(rows.iter_rows())


def counted(result: Result) -> dict[str, tuple[int, int]]:
    return {one.finding_id: (one.baseline_count, one.candidate_count) for one in result.findings}


def test_a_run_writes_what_it_saw(today: Made) -> None:
    rows = pl.read_parquet(today.out / "templates.parquet")
    events = pl.read_parquet(today.out / "events" / "*.parquet")
    assert rows.schema == TEMPLATES
    assert rows["event_count"].sum() == events["template_id"].count()
    assert rows["first_seen"].min() == events["timestamp"].min()
    assert rows["last_seen"].max() == events["timestamp"].max()
    assert miner.mine(rows["body"])["template_id"].to_list() == rows["template_id"].to_list()
    assert pl.read_parquet(today.out / "aliases.parquet").schema == ALIASES
    assert pl.read_parquet(today.out / "aliases.parquet").is_empty()


def test_a_book_of_the_same_masks_changes_nothing(logs: Path, today: Made, tmp_path: Path) -> None:
    again = run(logs, tmp_path / "again", today.out)
    over_itself = run(logs, tmp_path / "again", tmp_path / "again" / "templates.parquet")

    assert counted(today.result) == counted(again) == counted(over_itself)
    assert all(one.alias_ids == [] for one in over_itself.findings)
    paths = (folder / "templates.parquet" for folder in (today.out, tmp_path / "again"))
    one, other = map(pl.read_parquet, paths)
    assert one.equals(other)


def assert_none_lost(before: Made, after: Made, alone: Made) -> None:
    assert counted(before.result).keys() - counted(alone.result).keys()
    assert counted(before.result).keys() <= counted(after.result).keys()
    assert sorted(counted(after.result).values()) == sorted(counted(alone.result).values())
    table = pl.read_parquet(after.out / "aliases.parquet")
    assert set(table["template_id"]) <= book(after.out).keys()
    assert not set(table["alias_id"]) & book(after.out).keys()


def test_no_id_is_lost_when_templates_get_another_text(
    former: Made, after: Made, today: Made
) -> None:
    assert_none_lost(former, after, today)


@pytest.mark.slow
def test_no_id_is_lost_when_masks_split_a_template(logs: Path, tmp_path: Path, today: Made) -> None:
    with masks_without("quoted_name"):
        before = Made(tmp_path / "before", run(logs, tmp_path / "before"))
    after = Made(tmp_path / "after", run(logs, tmp_path / "after", before.out))

    assert_none_lost(before, after, today)


def test_findings_that_masks_make_one_are_joined(logs: Path, today: Made, tmp_path: Path) -> None:
    before = today.result
    with masks_without("quoted_name", step=1):
        after = run(logs, tmp_path / "after", today.out)

    (joined,) = (one for one in after.findings if "does not exist" in (one.template or ""))
    old = {one.finding_id for one in before.findings if "does not exist" in (one.template or "")}
    assert len(old) == 2
    assert old < {joined.finding_id, *joined.alias_ids}
    assert counted(after).keys() <= counted(before).keys()
    assert set(pl.read_parquet(tmp_path / "after" / "aliases.parquet")["reason"]) == {
        "merged", "renamed",
    }  # fmt: skip


def test_a_renamed_template_is_neither_gone_nor_new(
    logs: Path, former: Made, after: Made, tmp_path: Path
) -> None:
    later = run(logs, tmp_path / "later", after.out)

    assert counted(former.result) == counted(after.result) == counted(later)
    (old, new, last) = (of_cart(one) for one in (former.result, after.result, later))
    assert old.template != new.template == last.template
    assert old.template_id == new.template_id == last.template_id
    assert new.alias_ids == last.alias_ids != []


def of_cart(result: Result) -> Finding:
    (found,) = (one for one in result.findings if "has no owner" in (one.template or ""))
    return found


def test_an_update_of_the_masks_hides_no_class_from_diff_and_verify(
    former: Made, after: Made, tmp_path: Path
) -> None:
    moved = [line.replace("2026-03-03T", "2026-03-04T") for line in lines()]
    later = write(tmp_path / "later", [moved])
    owner = of_cart(former.result)

    found = orchestrate.diff(former.out, after.out)
    checked = orchestrate.verify(former.out, [str(later)], Settings())

    assert {one.status for one in found.changes} == {"same"}
    assert {one.finding_id for one in found.changes} == counted(after.result).keys()
    (criterion,) = (
        one for one in former.result.criteria if one.scope.get("finding_id") == owner.finding_id
    )
    (check,) = (one for one in checked.criteria if one.criterion_id == criterion.criterion_id)
    assert check.event_count == owner.baseline_count + owner.candidate_count


def test_what_a_former_run_saw_stays_in_the_book(today: Made, tmp_path: Path) -> None:
    lamps = tmp_path / "lamps.log"
    lamps.write_text(
        "".join(f"2026-03-03T{hour:02d}:00:00Z WARN lamp is dim\n" for hour in range(24)),
        encoding="utf-8",
    )
    orchestrate.ingest([str(lamps)], tmp_path / "next", Settings(templates=str(today.out)))

    rows = pl.read_parquet(tmp_path / "next" / "templates.parquet")
    seen = rows.filter(pl.col("event_count") > 0)
    assert seen["template"].to_list() == ["lamp is dim"]
    assert book(today.out).items() < book(tmp_path / "next").items()


def test_parts_of_a_run_add_up() -> None:
    events = pl.DataFrame(
        {"template_id": ["a", "a", "b"], "template": ["x", "x", "y"], "body": ["x", "x", "y"]}
    )
    events = pl.concat([pl.DataFrame(schema=EVENTS), events], how="diagonal")
    whole, parts = (Book(pl.DataFrame(schema=TEMPLATES)) for _ in range(2))
    whole.add(events)
    for row in range(3):
        parts.add(events[row : row + 1])

    assert whole.table().equals(parts.table())
    assert whole.table()["event_count"].to_list() == [2, 1]


def test_of_too_many_templates_the_most_frequent_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "MAX_TEMPLATES", 1)
    events = pl.DataFrame({"template_id": ["a", "b", "b"], "template": ["x", "y", "y"]})
    found = Book(pl.DataFrame(schema=TEMPLATES))
    found.add(pl.concat([pl.DataFrame(schema=EVENTS), events], how="diagonal"))

    assert found.table()["template_id"].to_list() == ["b"]


@pytest.mark.parametrize("text", [None, "no table"])
def test_what_is_no_book_is_refused(logs: Path, tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "templates.parquet").write_text(text, encoding="utf-8")

    with pytest.raises(UsageError, match="template book"):
        run(logs, tmp_path / "out", tmp_path)
