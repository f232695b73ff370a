"""Logs whose lines name traces are read once more, bounded, where that can tell something."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.diagnosis.windows import Choice
from pipeline.model import Settings, Window
from pipeline.orchestrate import analyze, check_report
from pipeline.orchestrate.tracing import (
    MAX_STEPS,
    Sample,
    why_not_traced,
    with_statements,
)
from pipeline.schema import EVENTS

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=1))
MIB = 2**20


def events(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=EVENTS)


def event(trace: str, line: int = 0, **given: object) -> dict[str, Any]:
    return {
        "timestamp": START + timedelta(seconds=line),
        "service_name": "shop",
        "trace_id": trace,
        "severity_number": 9,
        "body": "asked",
        "log_file_path": "shop.log",
        "line_number": line,
    } | given


# ---- the sample -------------------------------------------------------------------------------


def test_the_sample_is_the_same_however_the_events_come() -> None:
    rows = [event(f"t{number}", line) for line in range(3) for number in range(200)]
    samples = []
    for size in (7, 150, 600):
        sample = Sample(limit=20)
        for at in range(0, len(rows), size):
            sample.add(events(rows[at : at + size]))
        samples.append(sample.steps().sort("trace_id", "line_number"))

    assert samples[0].equals(samples[1])
    assert samples[0].equals(samples[2])
    assert samples[0]["trace_id"].n_unique() == 20
    assert samples[0].height == 60  # whole traces


def test_a_trace_without_end_gives_its_first_steps() -> None:
    sample = Sample()
    sample.add(events([event("t", line) for line in range(MAX_STEPS + 5)]))

    assert sample.steps()["line_number"].max() == MAX_STEPS - 1


def test_an_empty_sample_has_the_columns() -> None:
    steps = Sample().steps()

    assert steps.is_empty()
    assert {"timestamp", "trace_id", "body"} <= set(steps.columns)


# ---- statements -------------------------------------------------------------------------------


def statements(*rows: dict[str, Any]) -> list[str]:
    frame = events([event("t", line, **row) for line, row in enumerate(rows)])
    return with_statements(frame.with_columns(origin=pl.lit("candidate")))["statement"].to_list()


def test_ids_and_names_of_services_are_no_part_of_a_statement() -> None:
    one, other, *_ = statements(
        {"body": "trace_id=4bf92f3577b34da6 span_id=00f067aa0ba902b7 no stock here"},
        {"body": "trace_id=5bf92f3577b34da6 span_id=10f067aa0ba902b7 no mail here"},
        {"service_name": "stock"},
        {"service_name": "mail"},
    )

    assert one == other == "no <service> here"


def test_an_error_is_its_exception_wherever_it_is_logged() -> None:
    error = {"severity_number": 17, "exception_type": "TimeoutError"}

    assert statements(
        {**error, "scope_name": "a", "body": "x"}, {**error, "scope_name": "b", "body": "y"}
    ) == ["TimeoutError", "TimeoutError"]
    assert statements({"scope_name": "a.py:3", "body": "begins"}) == ["a.py:3 begins"]


# ---- when they are read -----------------------------------------------------------------------


def reason(
    settings: dict[str, Any],
    *,
    traces: int = 5,
    mib: int = 1,
    path: str = "a.log",
    has_baseline: bool = True,
    has_risen: bool = False,
) -> str | None:
    totals = pl.DataFrame({"window_name": ["candidate"], "trace_count": [traces]}).head(traces)
    ledger = pl.DataFrame({"log_file_path": [path], "byte_count": [mib * MIB]})
    choice = Choice((WINDOW,) if has_baseline else (), WINDOW, "baseline", "")
    return why_not_traced(settings, choice, totals, ledger, has_risen=has_risen)


@pytest.mark.parametrize(
    ("settings", "given", "words"),
    [
        ({}, {}, None),
        ({"trace_paths": "off"}, {}, "--trace-paths off"),
        ({"trace_paths": "on"}, {"has_baseline": False}, "no baseline"),
        ({}, {"traces": 0}, "names a trace"),
        ({"trace_paths": "on"}, {"traces": 0, "mib": 9999}, None),
        ({}, {"mib": 65}, "--trace-paths on"),
        ({}, {"mib": 65, "has_risen": True}, None),
        ({}, {"mib": 257, "has_risen": True}, "257 MiB"),
        ({"keeps_all_events": True}, {"mib": 9999, "path": "-"}, None),
        ({"trace_paths": "on"}, {"path": "-"}, "standard input"),
    ],
)
def test_why_traces_are_not_looked_at(
    settings: dict[str, Any], given: dict[str, Any], words: str | None
) -> None:
    found = reason(settings, **given)

    assert found is None if words is None else found is not None and words in found


# ---- a run ------------------------------------------------------------------------------------


def write(folder: Path, start: datetime, traces: int, *, is_broken: bool) -> None:
    """Write JSON lines of a shop that asks stock; where *is_broken*, stock fails every third."""
    folder.mkdir()
    lines: dict[str, list[str]] = {"shop": [], "stock": []}

    def say(service: str, number: int, ms: int, level: str, text: str) -> None:
        at = start + timedelta(seconds=2 * number, milliseconds=ms)
        line = {
            "time": at.isoformat(), "level": level, "service": service, "msg": text,
            "trace_id": f"{2**127 + number:032x}", "span_id": f"{service}1",
        }  # fmt: skip
        lines[service].append(json.dumps(line))

    for number in range(traces):
        say("shop", number, 0, "info", f"order {number} begins")
        say("stock", number, 5, "info", f"reserving {number} of shelf")
        if is_broken and number % 3 == 0:
            say("stock", number, 9, "error", "shelf is gone")
            continue
        say("stock", number, 9, "info", "reserved")
        say("shop", number, 14, "warn" if number % 20 == 0 else "info", f"order {number} ends")
    for service, own in lines.items():
        (folder / f"{service}.log").write_text("\n".join(own) + "\n", encoding="utf-8")


@pytest.mark.slow
def test_a_run_on_traces_in_json_names_the_service_and_can_be_checked(tmp_path: Path) -> None:
    write(tmp_path / "before", START, 120, is_broken=False)
    write(tmp_path / "now", START + timedelta(days=1), 120, is_broken=True)
    settings = Settings(baseline=(str(tmp_path / "before"),))

    result = analyze([str(tmp_path / "now")], settings, out=tmp_path / "out")

    assert result.localisation is not None
    assert result.localisation.status == "clear"
    first = result.localisation.candidates[0]
    assert first.service_name == "stock"
    assert (first.trace_count, first.changed_trace_count) == (40, 40)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Where it began" in page
    assert "not a cause" in page
    assert check_report(tmp_path / "out").agrees
