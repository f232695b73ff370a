"""What `rules` tells of rules, and what a run makes of a user's own."""

import json
import random
import tomllib
from pathlib import Path

import pytest

from pipeline.rules import load_rules
from tests.command import Run
from tests.written_logs import errors, write

OWN = "my-rules/own.toml"


@pytest.fixture(autouse=True)
def _here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def test_own_rules_are_listed_shown_and_used(run: Run, tmp_path: Path) -> None:
    listed = json.loads(run("rules", "list", "--rules", "my-rules", "--json").out)
    shown = run("rules", "show", "kiln_flame", "--rules", "my-rules")

    assert len(listed) == len(load_rules()) + 1
    (own,) = (one for one in listed if one["origin"] != "shipped")
    assert (own["name"], own["origin"]) == ("kiln_flame", OWN)
    assert "kiln lost its flame" in shown.out
    out = tmp_path / "out"
    run("logs", "--baseline", "24h", "--rules", "my-rules", "-q", "-o", out)
    found = json.loads((out / "result.json").read_text(encoding="utf-8"))["findings"]
    assert "kiln_flame" in {one["error_class"] for one in found}


def test_logs_are_told_by_the_rules_that_name_their_errors(run: Run) -> None:
    without = json.loads(run("rules", "test", "logs", "--json").out)
    own = json.loads(run("rules", "test", "logs", "--rules", "my-rules", "--json").out)

    named = {one["name"]: one["event_count"] for one in without["hits"]}
    named_now = {one["name"]: one["event_count"] for one in own["hits"]}
    assert named[None] == named_now["kiln_flame"] > 100
    assert None not in named_now
    assert sum(named_now.values()) == own["event_count"] == without["event_count"]


def test_what_is_suggested_names_what_had_no_name(run: Run, tmp_path: Path) -> None:
    suggested = run("rules", "suggest", "logs").out
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "new.toml").write_text(suggested, encoding="utf-8")

    (rule,) = tomllib.loads(suggested)["rule"]
    checked = run("rules", "test", tmp_path / "rules" / "new.toml")
    named = json.loads(run("rules", "test", "logs", "--rules", tmp_path / "rules", "--json").out)

    assert rule["name"] == "the_kiln_lost_its_flame"
    assert checked.out.startswith("SOUND")
    assert None not in {one["name"] for one in named["hits"]}
    assert (
        "nothing to suggest" in run("rules", "suggest", "logs", "--rules", tmp_path / "rules").err
    )


@pytest.mark.parametrize(
    "text",
    [
        "disk 'sda' \"broken\" at 100 % (really) [yes] {no} $5 ^a|b* c+ d? \\x",
        "\N{SNOWMAN} müde geworden: '''",
        "x" * 3000 + " fell over",
    ],
)
def test_a_suggestion_is_sound_whatever_the_text(run: Run, tmp_path: Path, text: str) -> None:
    logs = write(tmp_path / "logs", {"a": errors(random.Random(1), 0, 2, 20, text)}, shape="plain")

    ran = run("rules", "suggest", logs)
    (tmp_path / "new.toml").write_text(ran.out, encoding="utf-8")

    assert ran.code == 0
    assert run("rules", "test", tmp_path / "new.toml").out.startswith("SOUND")


def test_errors_that_have_no_words_cannot_be_told(run: Run, tmp_path: Path) -> None:
    lines = errors(random.Random(1), 0, 2, 20, "17: 4711")
    logs = write(tmp_path / "logs", {"a": lines}, shape="plain")

    ran = run("rules", "suggest", logs)

    assert (ran.code, ran.out) == (4, "")


LINTED = [
    ('literal = "kiln lost"', 'literal = "ki"', "the literal 'ki' is short"),
    ('regex = "kiln lost its flame"', 'regex = "(kiln lost)?"', "matches an empty text"),
    ('must = ["the kiln', 'must = ["the kiln', None),
    ("out.", "out.\"\npriority = 999\nseverity = \"error", None),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "note"), LINTED)
def test_lint_tells_what_is_sound_and_not_meant(
    run: Run, tmp_path: Path, place: Path, old: str, new: str, note: str | None
) -> None:
    text = (place / OWN).read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new, 1)
    if "?" in new:  # what must not match would
        text = text.replace('must_not = ["the kiln is hot"]', 'must_not = ["warm"]')
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")

    ran = run("rules", "lint", tmp_path / "own.toml")

    assert ran.out.startswith("SOUND")
    assert ran.code == (2 if note else 0)
    assert note is None or note in " ".join(ran.out.split())


def test_lint_tells_of_lines_that_another_rule_takes(run: Run, tmp_path: Path, place: Path) -> None:
    text = (place / OWN).read_text(encoding="utf-8")
    text = text.replace("the kiln lost its flame", "QueuePool limit of size 5 overflow 10 reached")
    text = text.replace("kiln lost its flame", "QueuePool").replace("kiln lost", "queuepool")
    text = text.replace("name =", "priority = 800\nname =")
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")

    ran = run("rules", "lint", tmp_path / "own.toml")

    assert ran.code == 2
    assert "'timeout' is tried before" in " ".join(ran.out.split())


def test_all_that_is_wrong_is_told(run: Run, tmp_path: Path, place: Path) -> None:
    text = (place / OWN).read_text(encoding="utf-8")
    twice = text + text.replace("regex = ", 'regex = "("\n# ')
    (tmp_path / "own.toml").write_text(twice, encoding="utf-8")

    ran = run("rules", "test", tmp_path / "own.toml", "--json")

    problems = json.loads(ran.out)["problems"]
    assert ran.code == 2
    assert any("is there 2 times" in one for one in problems)
    assert any("regex" in one for one in problems)
