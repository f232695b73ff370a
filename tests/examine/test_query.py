"""`analyze query`: SQL on a finished run that can read its tables and do nothing else."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from pipeline.console import Limits
from pipeline.errors import QueryError
from pipeline.orchestrate import open_console
from tests.command import Run

VIEWS = ["events", "rollup", "minutes", "ledger", "windows", "findings"]


def test_without_sql_views_and_columns_are_listed(made: Path, run: Run) -> None:
    shown = run("query", "--run", made / "out")

    assert shown.code == 0
    assert all(f"\n{name} (" in f"\n{shown.out}" for name in VIEWS)
    assert "  byte_offset " in shown.out
    assert "finding_totals" in shown.out


def test_findings_are_those_of_the_result(made: Path, run: Run) -> None:
    result = json.loads((made / "out" / "result.json").read_text(encoding="utf-8"))
    asked = run("query", "from findings", "--run", made / "out", "--format", "json")

    rows = json.loads(asked.out)
    assert [row["finding_id"] for row in rows] == [one["finding_id"] for one in result["findings"]]
    assert [row["hourly"] for row in rows] == [one["hourly"] for one in result["findings"]]


@pytest.mark.parametrize("name", ["finding_totals", "finding_samples", "window_totals"])
def test_queries_of_the_report_are_views(made: Path, run: Run, name: str) -> None:
    asked = run("query", f"from {name}", "--run", made / "out", "--format", "csv")

    assert asked.code == 0
    assert len(list(csv.DictReader(io.StringIO(asked.out)))) >= 1


REFUSED = {
    "a file": ("from read_text('/etc/hostname')", "Cannot access file"),
    "a file by its name": ("from '/etc/hostname'", "does not exist"),
    "what is in a folder": ("from glob('/*')", "Cannot access file"),
    "a table of the run by its path": ("from read_parquet('{out}/*.parquet')", "Cannot access"),
    "the network": ("from read_csv('https://example.org/x.csv')", "Permission Error"),
    "writing": ("copy (select 1) to '{out}/rollup.parquet'", "kind copy is not run"),
    "making a table": ("create table x as select 1", "kind create is not run"),
    "dropping a view": ("drop view events", "kind drop is not run"),
    "changing what is locked": ("set memory_limit = '64GB'", "kind set is not run"),
    "attaching": ("attach 'x.db'", "kind attach is not run"),
    "loading": ("load httpfs", "kind load is not run"),
    "two at once": ("select 1; select 2", "2 statements"),
    "nothing": ("", "0 statements"),
    "variables of this program": ("from made", "does not exist"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_all_but_reading_the_run_is_refused(made: Path, run: Run, what: str) -> None:
    sql, words = REFUSED[what]
    files = {path: path.read_bytes() for path in (made / "out").rglob("*") if path.is_file()}

    shown = run("query", sql.format(out=made / "out"), "--run", made / "out")

    assert (shown.code, shown.out) == (2, "")
    assert words in shown.err
    assert {
        path: path.read_bytes() for path in (made / "out").rglob("*") if path.is_file()
    } == files


FAULTS = {
    "selec 1": ('syntax error at or near "selec"', "LINE 1: selec 1"),
    "select bodi from events": ("Candidate bindings", "^^^^"),
    "from eventz": ('Did you mean "events"?', "^^^^^^"),
    "select body::int from events": ("Conversion Error", "LINE 1"),
}


@pytest.mark.parametrize("sql", FAULTS)
def test_faults_are_told_with_their_place(made: Path, run: Run, sql: str) -> None:
    shown = run("query", sql, "--run", made / "out")

    assert shown.code == 2
    assert all(words in shown.err for words in FAULTS[sql])
    assert "Traceback" not in shown.err


def test_time_and_memory_are_limited(made: Path) -> None:
    long = "select count(*) from range(10000000000) a where a.range % 7 = 3"
    wide = "select list(a.range::varchar || b.range) from range(100000) a, range(1000) b"

    for limits, sql, words in (
        (Limits(seconds=0.3), long, r"stopped after 0.3 s"),
        (Limits(memory="200MB"), wide, "Out of Memory"),
    ):
        with (
            open_console(made / "out", limits) as console,
            pytest.raises(QueryError, match=words),
            console.ask(sql) as answer,
        ):
            list(answer.batches)


def test_a_limit_that_is_none_is_wrong_usage(made: Path, run: Run) -> None:
    shown = run("query", "select 1", "--run", made / "out", "--memory-limit", "much")

    assert shown.code == 2
    assert "'much' is no amount of memory" in shown.err


def test_text_of_logs_is_inert_in_every_form(made: Path, run: Run) -> None:
    sql = "select body, '=' || body as formula from events where body like 'cache%' limit 1"
    forms = {
        form: run("query", sql, "--run", made / "out", "--format", form).out
        for form in ("table", "csv", "json")
    }

    assert all("\x1b" not in forms[form] for form in ("table", "json"))
    assert list(csv.reader(io.StringIO(forms["csv"])))[1][1].startswith("'=")
    assert json.loads(forms["json"])[0]["formula"].startswith("=cache")


def test_a_table_shows_a_hundred_rows_and_says_so(made: Path, run: Run) -> None:
    shown = run("query", "select range as n from range(101)", "--run", made / "out")

    assert shown.out.splitlines()[-1].startswith("100 and more rows")
    assert len(shown.out.splitlines()) == 104


def test_parquet_goes_to_a_file(made: Path, tmp_path: Path) -> None:
    words = ["query", "select * from rollup", "--run", str(made / "out"), "--format", "parquet"]
    with (tmp_path / "x.parquet").open("wb") as file:
        subprocess.run([sys.executable, "-m", "pipeline", *words], stdout=file, check=True)

    expected = pl.read_parquet(made / "out" / "rollup.parquet")
    assert pl.read_parquet(tmp_path / "x.parquet").height == expected.height


def test_sql_comes_from_standard_input(
    made: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("select 6 * 7 as answer"))

    assert "42" in run("query", "-", "--run", made / "out").out


def test_a_folder_without_a_run_is_wrong_usage(tmp_path: Path, run: Run) -> None:
    shown = run("query", "--run", tmp_path)

    assert shown.code == 2
    assert "is not the folder of a finished run" in shown.err


def test_what_only_ingest_wrote_has_no_findings(made: Path, tmp_path: Path, run: Run) -> None:
    run("ingest", made / "logs", "-o", tmp_path / "out", "-q")

    shown = run("query", "--run", tmp_path / "out")
    assert "events (" in shown.out
    assert "findings (" not in shown.out
