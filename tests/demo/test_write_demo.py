"""The demo's files hold what its truth says, for every seed, and the program reads them so."""

import gzip
import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.demo import write_demo
from pipeline.ingest import (
    Options,
    check_conservation,
    find_streams,
    ledger_frame,
    load_formats,
    read_stream,
)

Demo = tuple[Path, Any]
WINDOWS = ("baseline", "candidate")
SPLIT = datetime(2025, 8, 9, 12, tzinfo=UTC)


# A reader that shares no code with the program: JSON, `split`, a few searches.
_ACCESS = re.compile(r'"([A-Z]+) ([^ "]*) HTTP/1\.1" ([0-9]{3})')
_REQUEST_ID = re.compile(r"request_id=([0-9a-f]{16})")
_ERROR = re.compile(
    r" - ERROR - |^\[[^\]]*: ERROR/|^ERROR:    |\| ERROR +\| | level=(?:error|ERROR) |"
    r'"level": "error"|^\{"level":50,|^[0-9/: ]{19} \[error\] | UTC \[[0-9]+\] ERROR:  |Z ERROR '
)
_LAST_LINES = {
    "sqlalchemy.exc.ProgrammingError: ": "enum_binding",
    "RuntimeError: Unexpected message received: http.request": "asgi_message",
    "httpx.ReadTimeout: ": "timeout",
}
_STEPS = {
    "token wanted": "request",
    "could not read the": "enum_binding",
    "Exception in ASGI application": "asgi_message",
    "calendar sync had no answer": "timeout",
}


@dataclass
class Recount:
    """What the files hold: keys are (window, …)."""

    line_counts: dict[str, int] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    errors_by_service: Counter[tuple[str, str]] = field(default_factory=Counter)
    classes: Counter[tuple[str, str]] = field(default_factory=Counter)
    requests: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    failures: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    steps: dict[str, dict[str, datetime]] = field(default_factory=dict)


def recount_files(logs: Path) -> Recount:
    """Read every file below *logs* and count."""
    found = Recount()
    for path in sorted(item for item in logs.rglob("*") if item.is_file()):
        if path.name == "config.v2.json":
            continue
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
        lines = text.splitlines()
        found.line_counts[str(path.relative_to(logs))] = len(lines)
        for service, time, line in _peeled(path, lines):
            _count(found, service, time, line)
    return found


def _peeled(path: Path, lines: list[str]) -> Iterator[tuple[str, str, str]]:
    if "containers" in path.parts:
        config = json.loads((path.parent / "config.v2.json").read_text(encoding="utf-8"))
        for text in lines:
            record = json.loads(text)
            yield config["Name"].strip("/"), record["time"], record["log"].removesuffix("\n")
    elif path.name == "compose.log":
        for text in lines:
            name, _, rest = text.partition(" | ")
            time, _, line = rest.partition(" ")
            yield name.strip().removesuffix("-1"), time, line
    elif "pods" in path.parts:
        for text in lines:
            time, _, _, line = text.split(" ", 3)
            yield path.parent.name, time, line
    elif path.suffix == ".jsonl":
        for text in lines:
            moment = datetime.fromtimestamp(json.loads(text)["time"] / 1000, UTC)
            yield path.stem, moment.isoformat(), text
    else:
        for text in lines:
            yield path.stem, text[:20], text


def _count(found: Recount, service: str, time: str, line: str) -> None:
    window = "baseline" if time[:19] < SPLIT.isoformat()[:19] else "candidate"
    access = _ACCESS.search(line)
    if _ERROR.search(line):
        found.errors[window] += 1
        found.errors_by_service[window, service] += 1
    elif service == "api" and access:
        method, path, status = access.groups()
        key = (window, method, re.sub("/[0-9]+$", "/{id}", path))
        found.requests[key] += 1
        found.failures[key] += status >= "500"
    for start, name in _LAST_LINES.items():
        if line.startswith(start):
            found.classes[window, name] += 1
    if identity := _REQUEST_ID.search(line):
        for text, step in _STEPS.items():
            if text in line:
                _note(found, identity[1], step, time)
        if access and access[3] == "500":
            _note(found, identity[1], "http_500", time)


def _note(found: Recount, request_id: str, step: str, time: str) -> None:
    found.steps.setdefault(request_id, {})[step] = datetime.fromisoformat(time[:26] + "+00:00")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    return folder, write_demo(folder)


@pytest.fixture(scope="module")
def recount(demo: Demo) -> Recount:
    return recount_files(demo[0] / "logs")


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_in_another_process(demo: Demo, tmp_path: Path) -> None:
    code = "import sys, pathlib, pipeline.demo as d; d.write_demo(pathlib.Path(sys.argv[1]))"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Kathmandu"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment)
    assert _digests(tmp_path) == _digests(demo[0])


def test_the_totals_are_those_of_the_story(demo: Demo) -> None:
    truth = demo[1]
    assert {name: truth["windows"][name]["error_count"] for name in WINDOWS} == {
        "baseline": 6308,
        "candidate": 9526,
    }
    assert len(truth["containers"]) == 21
    assert 250_000 <= truth["line_count"] <= 400_000
    assert sum(endpoint["is_affected"] for endpoint in truth["endpoints"]) == 5
    firsts = {item["name"]: item["first"] for item in truth["classes"]}
    assert firsts["enum_binding"] == "2025-08-10T06:06:28.000000Z"
    assert all(item["first"].startswith("2025-08-10T06:06:28") for item in truth["classes"])
    assert all(item["last"].startswith("2025-08-10T11:43:23") for item in truth["classes"])


def test_background_classes_differ_by_less_than_their_noise(demo: Demo) -> None:
    for item in demo[1]["background"]:
        before, after = item["baseline_count"], item["candidate_count"]
        assert abs(after - before) <= max(0.04 * before, 1), item["name"]
        assert abs(after - before) < (before + after) ** 0.5, item["name"]


def test_a_recount_of_lines_gives_the_truth(demo: Demo, recount: Recount) -> None:
    files = {item["path"]: item["line_count"] for item in demo[1]["files"]}
    assert recount.line_counts == files
    assert sum(files.values()) == demo[1]["line_count"]


def test_a_recount_of_errors_gives_the_truth(demo: Demo, recount: Recount) -> None:
    truth = demo[1]
    assert dict(recount.errors) == {w: truth["windows"][w]["error_count"] for w in WINDOWS}
    expected: Counter[tuple[str, str]] = Counter()
    for item in truth["background"]:
        for window in WINDOWS:
            expected[window, item["service_name"]] += item[f"{window}_count"]
    for item in truth["classes"]:
        expected["candidate", item["service_name"]] += item["count"]
    assert recount.errors_by_service == expected
    assert recount.classes == {("candidate", c["name"]): c["count"] for c in truth["classes"]}


def test_a_recount_of_requests_gives_the_truth(demo: Demo, recount: Recount) -> None:
    for item in demo[1]["endpoints"]:
        for window in WINDOWS:
            key = (window, item["http_request_method"], item["http_route"])
            assert recount.requests[key] == item[f"{window}_request_count"], key
            assert recount.failures[key] == item[f"{window}_failure_count"], key
    total = sum(demo[1]["windows"][window]["api_request_count"] for window in WINDOWS)
    assert sum(recount.requests.values()) == total


def test_the_steps_of_each_failed_request_follow_in_order_and_with_the_lags_of_the_truth(
    demo: Demo, recount: Recount
) -> None:
    order = demo[1]["chain"]["order"]
    chains = [steps for steps in recount.steps.values() if "enum_binding" in steps]
    for steps in chains:
        times = [steps[name] for name in order if name in steps]
        assert times == sorted(times)
    for edge in demo[1]["chain"]["edges"]:
        lags = [
            (steps[edge["to"]] - steps[edge["from"]]).total_seconds()
            for steps in chains
            if edge["to"] in steps and edge["from"] in steps
        ]
        assert len(lags) == edge["together_count"]
        assert statistics.median(lags) == pytest.approx(edge["median_lag_seconds"], abs=1e-6)
        assert min(lags) == pytest.approx(edge["least_lag_seconds"], abs=1e-6)
        assert max(lags) == pytest.approx(edge["greatest_lag_seconds"], abs=1e-6)
        assert min(lags) >= 0.05 and max(lags) <= 1.5


@pytest.mark.slow
def test_another_seed_keeps_every_total(demo: Demo, tmp_path: Path) -> None:
    other: Any = write_demo(tmp_path, seed=7)
    for key in ("windows", "background", "endpoints", "containers"):
        assert other[key] == demo[1][key]
    assert _digests(tmp_path / "logs") != _digests(demo[0] / "logs")
    again = recount_files(tmp_path / "logs")
    assert dict(again.errors) == {"baseline": 6308, "candidate": 9526}
    assert again.line_counts == {item["path"]: item["line_count"] for item in other["files"]}


@pytest.fixture(scope="module")
def reading(demo: Demo) -> tuple[pl.DataFrame, pl.DataFrame]:
    options = Options(formats=load_formats(), keep_all=True)
    rows: list[dict[str, object]] = []
    events = [
        batch.events.select(
            "timestamp", "severity_number", "service_name", "http_request_method",
            "http_route", "http_response_status_code",
        )
        for stream in find_streams([str(demo[0] / "logs")])
        for batch in read_stream(stream, options, rows)
    ]  # fmt: skip
    window = (
        pl.when(pl.col("timestamp") < SPLIT).then(pl.lit("baseline")).otherwise(pl.lit("candidate"))
    )
    return pl.concat(events).with_columns(window=window), ledger_frame(rows)


def _by_file(demo: Demo, ledger: pl.DataFrame, column: str) -> dict[str, int]:
    logs = str(demo[0] / "logs") + "/"
    rows = ledger.select("log_file_path", column).rows()
    return {path.removeprefix(logs): count for path, count in rows}


@pytest.mark.slow
def test_the_program_counts_the_events_of_each_file_as_the_truth_does(
    demo: Demo, reading: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    files = {item["path"]: item["event_count"] for item in demo[1]["files"]}
    assert _by_file(demo, reading[1], "event_count") == files


@pytest.mark.slow
def test_the_program_counts_lines_and_errors_as_the_truth_does(
    demo: Demo, reading: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    events, ledger = reading
    check_conservation(ledger)
    files = {item["path"]: item["line_count"] for item in demo[1]["files"]}
    assert _by_file(demo, ledger, "line_count") == files
    errors = events.filter(
        (pl.col("severity_number") >= 17) & pl.col("http_response_status_code").is_null()
    )
    assert dict(errors.group_by("window").len().rows()) == {
        window: demo[1]["windows"][window]["error_count"] for window in WINDOWS
    }


@pytest.mark.slow
def test_the_program_counts_the_requests_of_each_endpoint_as_the_truth_does(
    demo: Demo, reading: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    requests = reading[0].filter(
        pl.col("http_response_status_code").is_not_null() & (pl.col("service_name") == "api")
    )
    counted = requests.group_by("window", "http_request_method", "http_route").agg(
        requests=pl.len(), failures=(pl.col("http_response_status_code") >= 500).sum()
    )
    found = {row[:3]: row[3:] for row in counted.rows()}
    assert found == {
        (window, e["http_request_method"], e["http_route"]): (
            e[f"{window}_request_count"],
            e[f"{window}_failure_count"],
        )
        for e in demo[1]["endpoints"]
        for window in WINDOWS
    }
