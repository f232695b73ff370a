"""The template book of runs: ids stay when masks change, and what is not one is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
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


def book(out: Path) -> dict[str, str]:
    rows = pl.read_parquet(out / "templates.parquet").select("template_id", "template")
    return dict(rows.iter_rows())


def counted(result: Result) -> dict[str, tuple[int, int]]:
    return {one.finding_id: (one.baseline_count, one.candidate_count) for one in result.findings}


def test_a_run_writes_what_it_saw(logs: Path, tmp_path: Path) -> None:
    run(logs, tmp_path / "out")

    rows = pl.read_parquet(tmp_path / "out" / "templates.parquet")
    events = pl.read_parquet(tmp_path / "out" / "events" / "*.parquet")
    assert rows.schema == TEMPLATES
    assert rows["event_count"].sum() == events["template_id"].count()
    assert rows["first_seen"].min() == events["timestamp"].min()
    assert rows["last_seen"].max() == events["timestamp"].max()
    assert miner.mine(rows["body"])["template_id"].to_list() == rows["template_id"].to_list()
    assert pl.read_parquet(tmp_path / "out" / "aliases.parquet").schema == ALIASES
    assert pl.read_parquet(tmp_path / "out" / "aliases.parquet").is_empty()


def test_a_book_of_the_same_masks_changes_nothing(logs: Path, tmp_path: Path) -> None:
    first = run(logs, tmp_path / "first")
    second = run(logs, tmp_path / "second", tmp_path / "first")
    third = run(logs, tmp_path / "second", tmp_path / "second" / "templates.parquet")

    assert counted(first) == counted(second) == counted(third)
    assert all(one.alias_ids == [] for one in third.findings)
    tables = [
        pl.read_parquet(tmp_path / name / "templates.parquet") for name in ("first", "second")
    ]
    assert tables[0].equals(tables[1])


@pytest.mark.parametrize("name", ["enum_value", "quoted_name"])
def test_no_id_is_lost_when_masks_change(logs: Path, tmp_path: Path, name: str) -> None:
    """The one gives a template another text, the other splits one."""
    with masks_without(name):
        before = run(logs, tmp_path / "before")
    alone = run(logs, tmp_path / "alone")
    after = run(logs, tmp_path / "after", tmp_path / "before")

    assert counted(before).keys() - counted(alone).keys()
    assert counted(before).keys() <= counted(after).keys()
    assert sorted(counted(after).values()) == sorted(counted(alone).values())
    table = pl.read_parquet(tmp_path / "after" / "aliases.parquet")
    assert set(table["template_id"]) <= book(tmp_path / "after").keys()
    assert not set(table["alias_id"]) & book(tmp_path / "after").keys()


def test_findings_that_masks_make_one_are_joined(logs: Path, tmp_path: Path) -> None:
    before = run(logs, tmp_path / "before")
    with masks_without("quoted_name", step=1):
        after = run(logs, tmp_path / "after", tmp_path / "before")

    (joined,) = (one for one in after.findings if "does not exist" in (one.template or ""))
    old = {one.finding_id for one in before.findings if "does not exist" in (one.template or "")}
    assert len(old) == 2
    assert old < {joined.finding_id, *joined.alias_ids}
    assert counted(after).keys() <= counted(before).keys()
    assert set(pl.read_parquet(tmp_path / "after" / "aliases.parquet")["reason"]) == {
        "merged", "renamed",
    }  # fmt: skip


def test_a_renamed_template_is_neither_gone_nor_new(logs: Path, tmp_path: Path) -> None:
    with masks_without("token"):
        before = run(logs, tmp_path / "before")
    after = run(logs, tmp_path / "after", tmp_path / "before")
    later = run(logs, tmp_path / "later", tmp_path / "after")

    assert counted(before) == counted(after) == counted(later)
    (old, new, last) = (reaching(one) for one in (before, after, later))
    assert old.template != new.template == last.template
    assert old.template_id == new.template_id == last.template_id
    assert new.alias_ids == last.alias_ids != []


def reaching(result: Result) -> Finding:
    (found,) = (one for one in result.findings if "cannot reach" in (one.template or ""))
    return found


def test_an_update_of_the_masks_hides_no_class_from_diff_and_verify(
    logs: Path, tmp_path: Path
) -> None:
    """The masks of then hid what those of now keep: no id and no text are the same."""
    with masks_without("enum_value"):
        before = run(logs, tmp_path / "before")
    after = run(logs, tmp_path / "after", tmp_path / "before")
    moved = [line.replace("2026-03-03T", "2026-03-04T") for line in lines()]
    later = write(tmp_path / "later", [moved])
    (owner,) = (one for one in before.findings if "has no owner" in (one.template or ""))

    found = orchestrate.diff(tmp_path / "before", tmp_path / "after")
    checked = orchestrate.verify(tmp_path / "before", [str(later)], Settings())

    assert {one.status for one in found.changes} == {"same"}
    assert {one.finding_id for one in found.changes} == counted(after).keys()
    (criterion,) = (
        one for one in before.criteria if one.scope.get("finding_id") == owner.finding_id
    )
    (check,) = (one for one in checked.criteria if one.criterion_id == criterion.criterion_id)
    assert check.status == "fail" and check.value


def test_what_a_former_run_saw_stays_in_the_book(logs: Path, tmp_path: Path) -> None:
    run(logs, tmp_path / "first")
    lamps = tmp_path / "lamps.log"
    lamps.write_text(
        "".join(f"2026-03-03T{hour:02d}:00:00Z WARN lamp is dim\n" for hour in range(24)),
        encoding="utf-8",
    )
    orchestrate.ingest([str(lamps)], tmp_path / "next", Settings(templates=str(tmp_path / "first")))

    rows = pl.read_parquet(tmp_path / "next" / "templates.parquet")
    seen = rows.filter(pl.col("event_count") > 0)
    assert seen["template"].to_list() == ["lamp is dim"]
    assert book(tmp_path / "first").items() < book(tmp_path / "next").items()


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
