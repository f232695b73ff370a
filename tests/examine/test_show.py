"""`analyze show`: one finding in full, by whatever names it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.model import Settings
from pipeline.orchestrate import analyze
from tests.command import Run

TRACE = (
    "Traceback (most recent call last):\n"
    '  File "/srv/app/oven.py", line 31, in heat\n'
    "    self.open(door)\n"
    "OvenError: door 3 is open\n"
)
LOG = "".join(
    f"2026-03-01T10:{minute:02}:00Z INFO baked tray {minute}\n"
    + (f"2026-03-01T10:{minute:02}:30Z ERROR tray lost\n{TRACE}" if minute == 20 else "")
    + (
        f"2026-03-01T10:{minute:02}:40Z ERROR login failed password=hunter2\n"
        if minute == 40
        else ""
    )
    for minute in range(60)
)


@pytest.fixture(scope="session")
def bakery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a log whose errors stand between lines that are known by heart."""
    folder = tmp_path_factory.mktemp("bakery")
    (folder / "oven.log").write_text(LOG, encoding="utf-8")
    analyze([str(folder / "oven.log")], Settings(), out=folder / "out")
    return folder


def findings(folder: Path) -> list[dict[str, Any]]:
    result = json.loads((folder / "out" / "result.json").read_text(encoding="utf-8"))
    return result["findings"]  # type: ignore[no-any-return]


def trace_of(folder: Path) -> dict[str, Any]:
    return next(one for one in findings(folder) if one["exception_type"])


@pytest.mark.parametrize("key", ["finding_id", "template_id", "fingerprint"])
@pytest.mark.parametrize("size", [None, 6])
def test_a_finding_is_named_by_ids_and_their_beginnings(
    bakery: Path, run: Run, key: str, size: int | None
) -> None:
    one = trace_of(bakery)

    shown = run("show", one[key][:size], "--run", bakery / "out", "--json")

    assert shown.code == 0
    assert [found["finding"]["finding_id"] for found in json.loads(shown.out)] == [
        one["finding_id"]
    ]


def test_lines_before_and_after_come_from_the_log(bakery: Path, run: Run) -> None:
    shown = run("show", trace_of(bakery)["finding_id"], "--run", bakery / "out", "--context", 2)

    lines = shown.out.splitlines()
    at = lines.index("> tray lost")
    assert lines[at - 2 : at] == [
        "  2026-03-01T10:19:00Z INFO baked tray 19",
        "  2026-03-01T10:20:00Z INFO baked tray 20",
    ]
    end = lines.index("> OvenError: door 3 is open")
    assert lines[end + 1 : end + 3] == [
        "  2026-03-01T10:21:00Z INFO baked tray 21",
        "  2026-03-01T10:22:00Z INFO baked tray 22",
    ]
    assert '>   File "/srv/app/oven.py", line 31, in heat' in lines


def test_without_context_only_the_event_is_shown(bakery: Path, run: Run) -> None:
    shown = run("show", trace_of(bakery)["finding_id"], "--run", bakery / "out", "--context", 0)

    assert "tray lost" in shown.out
    assert "baked tray" not in shown.out


def test_counts_by_time_are_bars(bakery: Path, run: Run) -> None:
    shown = run("show", trace_of(bakery)["finding_id"], "--run", bakery / "out")

    bars = [line for line in shown.out.splitlines() if "█" in line]
    assert sum(int(line.split()[2]) for line in bars) == 1


def test_secrets_of_the_source_are_not_shown(bakery: Path, run: Run) -> None:
    for one in findings(bakery):
        shown = run("show", one["finding_id"], "--run", bakery / "out", "--context", 60)
        assert "hunter2" not in shown.out
        assert (
            "hunter2"
            not in run(
                "show", one["finding_id"], "--run", bakery / "out", "--context", 60, "--json"
            ).out
        )


def test_logs_that_moved_are_read_where_they_are(bakery: Path, tmp_path: Path, run: Run) -> None:
    shutil.copytree(bakery / "out", tmp_path / "out")
    shutil.copy(bakery / "oven.log", tmp_path / "oven.log.1")
    words = ["show", trace_of(bakery)["finding_id"], "--run", tmp_path / "out"]

    shown = run(*words, "--logs", tmp_path / "oven.log.1")

    assert "baked tray 19" in shown.out
    assert "moved:" in shown.out


def test_without_its_log_the_event_is_shown_alone(bakery: Path, tmp_path: Path, run: Run) -> None:
    shutil.copytree(bakery / "out", tmp_path / "out")
    (tmp_path / "other.log").write_text("2026-03-01T10:00:00Z INFO calm\n", encoding="utf-8")
    words = ["show", trace_of(bakery)["finding_id"], "--run", tmp_path / "out"]

    shown = run(*words, "--logs", tmp_path / "other.log")

    assert shown.code == 0
    assert "tray lost" in shown.out
    assert "baked tray" not in shown.out
    assert "gone" in shown.out


def test_hostile_text_is_inert(made: Path, run: Run) -> None:
    one = next(one for one in findings(made) if "exploded" in one["title"])

    shown = run("show", one["finding_id"], "--run", made / "out", "--color", "never")

    assert shown.code == 0
    assert "exploded" in shown.out
    assert "\x1b" not in shown.out


UNKNOWN = {
    "conection_refused": "did you mean 'connection_refused'?",
    "zzz": "there are ",
    "": "there are ",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_name_is_told_with_what_is_near(made: Path, run: Run, name: str) -> None:
    shown = run("show", name, "--run", made / "out")

    assert (shown.code, shown.out) == (2, "")
    assert UNKNOWN[name] in shown.err


def test_a_beginning_of_several_names_is_refused(bakery: Path, tmp_path: Path, run: Run) -> None:
    text = (bakery / "out" / "result.json").read_text(encoding="utf-8")
    for at, one in enumerate(findings(bakery)):
        text = text.replace(one["finding_id"], f"abc{at}")
    (tmp_path / "result.json").write_text(text, encoding="utf-8")

    shown = run("show", "abc", "--run", tmp_path)

    assert shown.code == 2
    assert "'abc' is the beginning of" in shown.err
    assert "abc0, abc1" in shown.err


def test_a_result_without_its_tables_is_shown_as_it_is(
    bakery: Path, tmp_path: Path, run: Run
) -> None:
    shutil.copy(bakery / "out" / "result.json", tmp_path / "result.json")

    shown = run("show", trace_of(bakery)["finding_id"], "--run", tmp_path)

    assert "tray lost" in shown.out
    assert "the tables of the run are not beside its result" in shown.out
