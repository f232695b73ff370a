"""Two runs compared: what is of the system, what is of the rules, and what cannot be told."""

import json
import random
from pathlib import Path

import polars as pl
import pytest

from pipeline import orchestrate
from pipeline.errors import UsageError
from pipeline.facts import ClassChange, Difference
from pipeline.model import Settings
from pipeline.render import facts_json, render_difference
from tests.written_logs import HOUR, START, Line, beats, errors, requests, write

RULE = """
[[rule]]
name = "cache_lost"
title = "The cache lost a key"
description = "An own name for an own error."
must_not = ["cache is warm"]

[[rule.pattern]]
literal = "cache exploded"
regex = "cache exploded"
must = ["cache exploded: key 17 missing"]
"""


def run(out: Path, lines: dict[str, list[Line]], *, rules: Path | None = None) -> Path:
    """Analyse *lines* as the candidate window of a run in *out*."""
    logs = write(out.with_name(f"{out.name}-logs"), lines)
    settings = Settings(rules_dir=str(rules) if rules else None)
    orchestrate.analyze([str(logs)], settings, out=out, documents=(), now="2026-05-01")
    return out


def day(rng: random.Random, number: int, *more: tuple[float, str]) -> dict[str, list[Line]]:
    """One day of an API with its usual errors, and *more* of an hourly rate and a text each."""
    first, last = 24 * number, 24 * number + 24
    usual = requests(rng, first, last, 60, 0.03)
    usual += errors(rng, first, last, 5, "cache exploded: key 17 missing")
    found = [line for rate, text in more for line in errors(rng, first, last, rate, text)]
    return {"api": usual + found, "mailer": beats(rng, first, last)}


def change(found: Difference, text: str) -> ClassChange:
    (one,) = (one for one in found.changes if text in one.title and one.kind == "error")
    return one


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two days: one error goes, one comes, one grows, one shrinks."""
    rng, folder = random.Random(11), tmp_path_factory.mktemp("days")
    first = run(folder / "first", day(
        rng, 0, (20, "old failure of disk"), (4, "queue is full"), (40, "lease was lost")
    ))  # fmt: skip
    second = run(folder / "second", day(
        rng, 1, (20, "new failure of mail"), (40, "queue is full"), (4, "lease was lost")
    ))  # fmt: skip
    return first, second


def test_each_class_is_told_how_it_stands(days: tuple[Path, Path]) -> None:
    found = orchestrate.diff(*days)

    assert change(found, "old failure").status == "resolved"
    assert change(found, "new failure").status == "new"
    assert change(found, "queue is full").status == "worse"
    assert change(found, "lease was lost").status == "better"
    assert change(found, "cache exploded").status == "same"
    assert [one.status for one in found.changes][:2] == ["new", "worse"]
    assert found.counts["relabelled"] == 0
    assert orchestrate.difference_code(found) == 1


def test_the_other_way_round_is_the_opposite(days: tuple[Path, Path]) -> None:
    found = orchestrate.diff(*reversed(days))

    assert change(found, "old failure").status == "new"
    assert change(found, "new failure").status == "resolved"
    assert change(found, "queue is full").status == "better"
    assert found.notes == ["the first run named is the later one in time"]


def test_a_run_does_not_differ_from_itself(days: tuple[Path, Path]) -> None:
    found = orchestrate.diff(days[0], days[0])

    assert {one.status for one in found.changes} == {"same"}
    assert orchestrate.difference_code(found) == 0


def test_other_rules_are_no_change_of_the_system(tmp_path: Path) -> None:
    lines = day(random.Random(12), 0)
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.toml").write_text(RULE, encoding="utf-8")
    before = run(tmp_path / "before", lines)
    after = run(tmp_path / "after", lines, rules=rules)

    for own in (None, rules):
        found = orchestrate.diff(before, after, rules=own)

        assert {one.status for one in found.changes} == {"same"}
        one = change(found, "cache exploded" if own is None else "cache_lost")
        assert (one.relabelled_from, one.relabelled_to) == ("(none)", "cache_lost")
        assert found.counts["relabelled"] == 1
        assert orchestrate.difference_code(found) == 0


@pytest.mark.slow
def test_other_masks_and_names_in_the_tables_are_no_change_of_the_system(tmp_path: Path) -> None:
    lines = day(random.Random(13), 0)
    before, after = run(tmp_path / "before", lines), run(tmp_path / "after", lines)
    (part,) = (after / "events").glob("candidate-*.parquet")
    # As a version would have written it whose masks and fingerprints were others.
    events = pl.read_parquet(part).with_columns(
        template=pl.lit("v0 ") + pl.col("template"),
        template_id=pl.lit("0") + pl.col("template_id"),
        fingerprint=pl.lit("0") + pl.col("fingerprint"),
    )
    events.write_parquet(part)

    found = orchestrate.diff(before, after)

    assert {one.status for one in found.changes} == {"same"}
    assert found.counts["relabelled"] == 0


@pytest.mark.slow
def test_where_nothing_was_logged_nothing_is_better(tmp_path: Path) -> None:
    rng = random.Random(14)
    first, second = day(rng, 0, (20, "old failure of disk")), day(rng, 1)
    silent = {**second, "api": [line for line in second["api"] if line[0] < START + 30 * HOUR]}
    before = run(tmp_path / "before", first)

    part = orchestrate.diff(before, run(tmp_path / "part", silent))
    gone = orchestrate.diff(before, run(tmp_path / "gone", {"mailer": second["mailer"]}))

    for found in (part, gone):
        one = change(found, "old failure")
        assert (one.status, one.is_blind) == ("unknown", True)
        assert one.reason
        assert found.counts["resolved"] == found.counts["better"] == 0
        assert orchestrate.difference_code(found) == 4


@pytest.mark.slow
def test_an_error_of_a_service_that_was_not_read_before_is_not_called_new(tmp_path: Path) -> None:
    rng = random.Random(15)
    before = run(tmp_path / "before", {"mailer": beats(rng, 0, 24)})
    after = run(tmp_path / "after", day(rng, 1))

    one = change(orchestrate.diff(before, after), "cache exploded")

    assert (one.status, one.reason) == ("unknown", "the earlier run has no line of api")


@pytest.mark.slow
def test_a_rare_error_that_did_not_come_is_not_resolved(tmp_path: Path) -> None:
    rng = random.Random(16)
    first = day(rng, 0)
    first["api"].append((START + 20 * HOUR, "ERROR", "a rare thing happened"))
    before, after = run(tmp_path / "before", first), run(tmp_path / "after", day(rng, 1))

    found = orchestrate.diff(before, after)

    one = change(found, "a rare thing")
    assert (one.status, one.is_blind) == ("unknown", False)
    assert "too seldom" in (one.reason or "")
    assert orchestrate.difference_code(found) == 0


def test_tables_without_a_comparison_can_be_compared_too(tmp_path: Path) -> None:
    rng = random.Random(17)
    logs = write(tmp_path / "logs", day(rng, 0))
    orchestrate.ingest([str(logs)], tmp_path / "out", Settings(), tell=lambda _: None)

    found = orchestrate.diff(tmp_path / "out", tmp_path / "out")

    assert found.before.run_id is None
    assert {one.status for one in found.changes} == {"same"}


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not the folder of a finished run"):
        orchestrate.diff(tmp_path, tmp_path)


def test_text_and_json_tell_the_same(days: tuple[Path, Path]) -> None:
    found = orchestrate.diff(*days)

    text = render_difference(found, width=100, color=False)
    document = json.loads(facts_json(found))

    assert text.startswith("WORSE  1 new · 1 worse · 0 unknown · 1 better · 1 resolved")
    assert document["counts"] == found.counts
    for one in found.changes:
        assert (one.status == "same") or one.title[:20] in text
    assert max(map(len, text.splitlines())) <= 100
