"""Whole runs on small logs with planted truth: what must and what must never be found."""

import dataclasses
import json
import random
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

import pipeline
from pipeline import cli, orchestrate
from pipeline.errors import ExitCode, SourceError, UndecidableError, UsageError
from pipeline.model import Confidence, Finding, Result, Settings, State, Verdict
from pipeline.orchestrate import reading, runs
from tests.written_logs import (
    HOUR,
    START,
    Logs,
    beats,
    errors,
    requests,
    without,
    write,
)

NOW = "2026-05-01"
BETTER = {State.GONE, State.DECREASED, State.STEADY}


def analyze(
    out: Path,
    logs: Sequence[Path],
    baseline: Sequence[str | Path] = ("24h",),
    settings: Settings | None = None,
) -> Result:
    settings = replace(settings or Settings(), baseline=tuple(map(str, baseline)))
    return orchestrate.analyze(list(map(str, logs)), settings, out=out, now=NOW)


def finding(result: Result, text: str, kind: str = "error") -> Finding:
    (found,) = (one for one in result.findings if text in one.title and one.kind == kind)
    return found


def two_days(seed: int = 1) -> Logs:
    """A service with requests, a worker with a steady error, and a new error from hour 30 on."""
    rng = random.Random(seed)
    return {
        "api": requests(rng, 0, 48, 200, 0.02) + errors(rng, 30, 48, 20, "cache exploded"),
        "worker": beats(rng, 0, 48) + errors(rng, 0, 48, 4, "job failed, giving up"),
    }


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("written") / "logs", two_days())


@pytest.fixture(scope="module")
def out(logs: Path) -> Path:
    analyze(logs.parent / "out", [logs])
    return logs.parent / "out"


@pytest.fixture(scope="module")
def result(out: Path) -> Result:
    from pipeline.render import from_json

    return from_json((out / "result.json").read_text(encoding="utf-8"))


def test_a_new_error_class_is_found_with_its_onset(result: Result) -> None:
    found = finding(result, "cache exploded")

    assert (found.state, found.confidence, found.is_regression) == (
        State.NEW, Confidence.CONFIRMED, True
    )  # fmt: skip
    assert found.onset_lower and found.onset_upper and found.onset
    assert found.onset_lower <= START + 30 * HOUR <= found.onset_upper
    assert found.onset_upper - found.onset_lower < timedelta(hours=2)
    assert result.findings[0] == found
    assert result.verdict is Verdict.REGRESSION


def test_what_was_there_before_is_no_regression(result: Result) -> None:
    others = [one for one in result.findings if "cache exploded" not in one.title]

    assert len(others) == 3
    assert [one.title for one in others if one.is_regression] == []


def test_counts_of_findings_add_up_to_the_windows(result: Result) -> None:
    def total(kind: str, count: str) -> int:
        return sum(getattr(one, count) for one in result.findings if one.kind == kind)

    windows = result.windows
    assert total("error", "baseline_count") == windows.baseline.error_count
    assert total("error", "candidate_count") == windows.candidate.error_count
    assert total("failed_request", "candidate_count") == windows.candidate.failed_request_count
    assert sum(one.event_count for one in result.hourly) == (
        windows.baseline.error_count + windows.candidate.error_count
    )


def test_counts_of_a_finding_add_up_over_hours_and_services(result: Result) -> None:
    for one in result.findings:
        before = sum(point.event_count for point in one.hourly if point.window == "baseline")
        after = sum(point.event_count for point in one.hourly if point.window == "candidate")
        assert (before, after) == (one.baseline_count, one.candidate_count)
        assert sum(service.baseline_count for service in one.services) == before
        assert sum(service.candidate_count for service in one.services) == after


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = requests(random.Random(3), 0, 4, 3000, 0.3)
    return write(tmp_path_factory.mktemp("busy") / "logs", {"api": lines})


@pytest.mark.parametrize("since", ["2026-03-01T02:00:30", "2026-03-01T02:26"])
def test_counts_add_up_at_any_border(busy: Path, tmp_path: Path, since: str) -> None:
    result = analyze(tmp_path, [busy], ("1h",), Settings(since=since))

    windows = result.windows
    found = [one for one in result.findings if one.kind == "error"]
    assert sum(one.baseline_count for one in found) == windows.baseline.error_count > 0
    assert sum(one.candidate_count for one in found) == windows.candidate.error_count > 0


def endpoint_requests(result: Result) -> list[tuple[int, int]]:
    return [(one.baseline_request_count, one.candidate_request_count) for one in result.endpoints]


@pytest.mark.parametrize(
    ("baseline", "since"),
    [("1h", "2026-03-01T02:26"), ("2026-03-01T00:26..2026-03-01T01:13:20", None)],
)
def test_endpoints_add_up_at_any_border(
    busy: Path, tmp_path: Path, baseline: str, since: str | None
) -> None:
    result = analyze(tmp_path, [busy], (baseline,), Settings(since=since))

    windows = result.windows
    assert endpoint_requests(result) == [
        (windows.baseline.request_count, windows.candidate.request_count)
    ]


def test_endpoints_add_up_at_borders_that_the_end_of_the_data_gives(
    busy: Path, tmp_path: Path
) -> None:
    result = analyze(tmp_path, [busy], ("50m",))

    windows = result.windows
    assert endpoint_requests(result) == [
        (windows.baseline.request_count, windows.candidate.request_count)
    ]


def test_samples_are_lines_of_the_files(logs: Path, result: Result) -> None:
    samples = [sample for one in result.findings for sample in one.samples]

    assert samples
    for sample in samples:
        line = Path(sample.log_file_path).read_bytes()[sample.byte_offset :].split(b"\n")[0]
        lines = Path(sample.log_file_path).read_text(encoding="utf-8").splitlines()
        assert lines[sample.line_number - 1].encode() == line
        assert sample.body in json.loads(line)["log"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_twice_the_traffic_at_the_same_error_share_is_no_regression(
    tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    before = write(tmp_path / "before", {"api": requests(rng, 0, 24, 150, 0.03)})
    after = write(tmp_path / "after", {"api": requests(rng, 24, 48, 300, 0.03)})

    result = analyze(tmp_path / "out", [after], [before])

    assert result.verdict is Verdict.NORMAL
    assert result.windows.candidate.error_count > 1.5 * result.windows.baseline.error_count


def test_the_same_errors_at_half_the_traffic_are_a_regression(tmp_path: Path) -> None:
    rng = random.Random(4)
    before = write(tmp_path / "before", {"api": requests(rng, 0, 24, 400, 0.03)})
    after = write(tmp_path / "after", {"api": requests(rng, 24, 48, 200, 0.06)})

    result = analyze(tmp_path / "out", [after], [before])

    assert finding(result, "500", "failed_request").is_regression
    assert finding(result, "Connection refused").is_regression


@pytest.mark.parametrize("hour", [2, 24, 31, 40, 47])
def test_an_hour_that_is_missing_never_makes_a_regression_better(tmp_path: Path, hour: int) -> None:
    rng = random.Random(5)
    whole = {
        "api": requests(rng, 0, 48, 100, 0.01) + errors(rng, 0, 48, 6, "job failed")
        + errors(rng, 24, 48, 9, "job failed"),
    }  # fmt: skip

    result = analyze(tmp_path / "out", [write(tmp_path / "logs", without(whole, hour, hour + 1))])

    found = finding(result, "job failed")
    assert found.is_regression
    assert found.state not in BETTER


@pytest.mark.parametrize("hour", [3, 30])
def test_an_hour_that_is_missing_makes_no_steady_class_better(tmp_path: Path, hour: int) -> None:
    rng = random.Random(6)
    whole = {"api": requests(rng, 0, 48, 100, 0.05)}

    result = analyze(tmp_path / "out", [write(tmp_path / "logs", without(whole, hour, hour + 1))])

    assert {one.state for one in result.findings} == {State.STEADY}
    assert len(result.coverage.gaps) == 1


def test_a_silent_service_is_a_gap_and_its_errors_are_not_gone(tmp_path: Path) -> None:
    rng = random.Random(7)
    logs = {
        "api": requests(rng, 0, 48, 100),
        "worker": beats(rng, 0, 24) + errors(rng, 0, 24, 10, "job failed"),
    }

    result = analyze(tmp_path / "out", [write(tmp_path / "logs", logs)])

    assert finding(result, "job failed").state is State.UNKNOWN
    (gap,) = result.coverage.gaps
    assert (gap.service_name, gap.window, gap.kind) == ("worker", "candidate", "absent")


def test_errors_that_end_while_their_service_goes_on_are_gone(tmp_path: Path) -> None:
    rng = random.Random(8)
    logs = {
        "api": requests(rng, 0, 48, 100),
        "worker": beats(rng, 0, 48) + errors(rng, 0, 24, 10, "job failed"),
    }

    result = analyze(tmp_path / "out", [write(tmp_path / "logs", logs)])

    assert finding(result, "job failed").state is State.GONE
    assert result.coverage.gaps == []
    assert result.verdict is Verdict.NORMAL


def test_the_order_of_arguments_changes_no_byte(logs: Path, tmp_path: Path) -> None:
    files = sorted(logs.iterdir())
    written = []
    for at, order in enumerate((files, files[::-1])):
        analyze(tmp_path / f"out{at}", order)
        written.append((tmp_path / f"out{at}" / "result.json").read_bytes())

    assert len(files) == 2
    assert written[0] == written[1]


def test_the_order_of_lines_changes_no_count(logs: Path, tmp_path: Path, result: Result) -> None:
    shuffled = tmp_path / "logs"
    shuffled.mkdir()
    for path in logs.iterdir():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        random.Random(9).shuffle(lines)
        (shuffled / path.name).write_text("".join(lines), encoding="utf-8")

    again = analyze(tmp_path / "out", [shuffled])

    assert facts(again) == facts(result)


def facts(result: Result) -> list[tuple[object, ...]]:
    return [
        (one.finding_id, one.state, one.baseline_count, one.candidate_count, one.q_value, one.onset)
        for one in result.findings
    ]


def test_borders_of_parts_change_no_byte(
    logs: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PART_EVENTS", 50)
    monkeypatch.setattr(reading, "_MERGE_ROWS", 100)

    analyze(tmp_path / "out", [logs])

    parts = list((tmp_path / "out" / "events").iterdir())
    assert len(parts) > len(list((out / "events").iterdir()))
    assert (tmp_path / "out" / "result.json").read_bytes() == (out / "result.json").read_bytes()


@pytest.mark.parametrize("name", ["result.json", "report.html", "report.md", "criteria.toml"])
def test_a_second_run_writes_the_same_bytes(
    logs: Path, out: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    again = tmp_path_factory.getbasetemp() / "again"
    if not again.exists():
        analyze(again, [logs])

    assert (again / name).read_bytes() == (out / name).read_bytes()


def test_rendering_again_writes_the_same_bytes(out: Path, tmp_path: Path) -> None:
    folder, _ = orchestrate.render_again(out, tmp_path, ("html", "md", "json"))

    assert folder == tmp_path
    for name in ("result.json", "report.html", "report.md", "criteria.toml"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_the_shape_of_the_envelope_changes_no_count(tmp_path: Path, result: Result) -> None:
    plain = write(tmp_path / "logs", two_days(), shape="plain")

    again = analyze(tmp_path / "out", [plain])

    def counts(of: Result) -> list[tuple[object, ...]]:
        return [(one.title, one.baseline_count, one.candidate_count) for one in of.findings]

    assert counts(again) == counts(result)


def test_a_rotated_copy_adds_no_error(logs: Path, tmp_path: Path, result: Result) -> None:
    both = tmp_path / "logs"
    shutil.copytree(logs, both)
    shutil.copy(both / "api-json.log", both / "api-json.log.1")

    again = analyze(tmp_path / "out", [both])

    assert facts(again) == facts(result)
    assert again.windows.candidate.error_count == result.windows.candidate.error_count
    assert "duplicate_lines" in {warning.kind for warning in again.coverage.warnings}


def test_a_burst_of_equal_lines_counts_every_line(tmp_path: Path) -> None:
    rng = random.Random(10)
    burst = [(START + 40 * HOUR, "ERROR", "boom")] * 1000

    result = analyze(
        tmp_path / "out", [write(tmp_path / "logs", {"api": requests(rng, 0, 48, 100) + burst})]
    )

    assert finding(result, "boom").candidate_count == 1000


def test_folders_of_the_same_time_are_refused_and_the_last_result_stays(tmp_path: Path) -> None:
    rng = random.Random(11)
    before = write(tmp_path / "before", {"api": requests(rng, 0, 24, 60)})
    after = write(tmp_path / "after", {"api": requests(rng, 22, 48, 60)})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".aftershock").touch()
    (tmp_path / "out" / "result.json").write_text("the last one", encoding="utf-8")

    with pytest.raises(UndecidableError, match="the same time"):
        analyze(tmp_path / "out", [after], [before])

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".aftershock", "result.json",
    ]  # fmt: skip
    assert (tmp_path / "out" / "result.json").read_text(encoding="utf-8") == "the last one"


def test_folders_that_overlap_by_minutes_count_each_for_its_side(tmp_path: Path) -> None:
    rng = random.Random(12)
    both = requests(rng, 24, 24.15, 400, 0.2)
    first, second = requests(rng, 0, 24, 100, 0.02), requests(rng, 24.15, 48, 100, 0.02)
    before = write(tmp_path / "before", {"api": first + both})
    after = write(tmp_path / "after", {"api": both + second})

    result = analyze(tmp_path / "out", [after], [before])

    assert [one.kind for one in result.coverage.warnings].count("overlap") == 1
    for window, lines in (
        (result.windows.baseline, first + both),
        (result.windows.candidate, both + second),
    ):
        assert window.error_count == sum(1 for _, level, _ in lines if level == "ERROR")


def test_a_baseline_may_lie_after_the_candidate(tmp_path: Path) -> None:
    rng = random.Random(13)
    logs = {"api": requests(rng, 0, 48, 100) + errors(rng, 2, 24, 20, "cache exploded")}
    after = write(tmp_path / "after", without(logs, 0, 24))
    incident = write(tmp_path / "incident", without(logs, 24, 48))

    result = analyze(tmp_path / "out", [incident], [after])

    assert finding(result, "cache exploded").is_regression


def test_several_baseline_folders_are_one_baseline(tmp_path: Path) -> None:
    rng = random.Random(14)
    logs = {"api": requests(rng, 0, 60, 100, 0.02)}
    parts = [
        write(tmp_path / f"part{at}", without(without(logs, 0, at), at + 12, 60)) for at in (0, 24)
    ]
    after = write(tmp_path / "after", without(logs, 0, 48))

    result = analyze(tmp_path / "out", [after], parts)

    assert result.windows.baseline.covered_seconds == pytest.approx(24 * 3600, rel=0.01)
    assert result.verdict is Verdict.NORMAL


def test_without_a_baseline_nothing_is_decided_and_everything_shown(tmp_path: Path) -> None:
    rng = random.Random(15)
    logs = write(tmp_path / "logs", {"api": requests(rng, 0, 3, 300, 0.1)})

    result = analyze(tmp_path / "out", [logs], ("auto",))

    found = finding(result, "Connection refused")
    assert result.verdict is Verdict.CANNOT_DECIDE
    assert orchestrate.exit_code(result, "never") == ExitCode.CANNOT_DECIDE
    assert (found.state, found.is_regression) == (State.UNKNOWN, False)
    assert found.candidate_count == result.windows.candidate.error_count > 10
    assert found.samples


def test_what_was_kept_of_no_error_is_counted_all_the_same(logs: Path, out: Path) -> None:
    lines = sum(path.read_bytes().count(b"\n") for path in logs.iterdir())

    assert pl.read_parquet(out / "rollup.parquet")["event_count"].sum() == lines
    assert pl.read_parquet(out / "minutes.parquet")["event_count"].sum() == lines
    assert pl.read_parquet(out / "ledger.parquet")["line_count"].sum() == lines


def test_all_events_are_kept_when_asked_for(logs: Path, tmp_path: Path) -> None:
    settings = Settings(keeps_all_events=True)

    ledger = orchestrate.ingest([str(logs)], tmp_path, settings, tell=lambda _: None)

    events = pl.read_parquet(tmp_path / "events")
    assert events.height == ledger.event_count == ledger.line_count
    assert ledger.unparsed_event_count == 0


def test_endpoints_are_tied_to_the_error_under_their_failures(tmp_path: Path) -> None:
    rng = random.Random(16)
    logs = {"api": requests(rng, 0, 24, 100) + requests(rng, 24, 48, 100, 0.2)}

    result = analyze(tmp_path / "out", [write(tmp_path / "logs", logs)])

    (endpoint,) = result.endpoints
    assert (endpoint.http_request_method, endpoint.http_route) == ("GET", "/orders/{id}")
    assert endpoint.is_affected
    assert endpoint.candidate_failure_count == result.windows.candidate.failed_request_count
    assert endpoint.baseline_failure_count == 0
    assert finding(result, "Connection refused").error_class


def test_the_library_keeps_nothing_unless_asked(logs: Path, tmp_path: Path, result: Result) -> None:
    found = pipeline.analyze([logs], "24h")

    assert facts(found) == facts(result)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("baseline", [("24h", "24h"), ("logs", "24h"), ("auto", "logs")])
def test_paths_and_times_are_not_mixed(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, baseline: tuple[str, str]
) -> None:
    monkeypatch.chdir(logs.parent)

    with pytest.raises(UsageError, match="--baseline"):
        analyze(tmp_path / "out", [logs], baseline)


def test_a_moment_of_the_report_must_stand_by_itself(logs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--now"):
        orchestrate.analyze([str(logs)], Settings(), out=tmp_path, now="end-1h")


def test_one_file_that_is_no_log_does_not_stop_the_others(
    logs: Path, tmp_path: Path, result: Result
) -> None:
    mixed = tmp_path / "logs"
    shutil.copytree(logs, mixed)
    (mixed / "core.bin").write_bytes(bytes(range(256)) * 64)

    again = analyze(tmp_path / "out", [mixed])

    assert facts(again) == facts(result)
    assert "unreadable_source" in {warning.kind for warning in again.coverage.warnings}
    with pytest.raises(SourceError, match=r"core\.bin"):
        analyze(tmp_path / "strict", [mixed], settings=Settings(is_strict=True))


def test_files_that_run_backwards_or_in_an_unknown_encoding_are_told(
    logs: Path, tmp_path: Path
) -> None:
    mixed = tmp_path / "logs"
    shutil.copytree(logs, mixed)
    times = [f"2026-03-02 10:00:{second:02} INFO kept" for second in range(59, -1, -1)]
    (mixed / "export.log").write_text("\n".join(times))
    (mixed / "chinese.log").write_bytes(
        "2026-03-02 10:00:00 \u8fde\u63a5\u5931\u8d25".encode("gbk")
    )

    read = analyze(tmp_path / "out", [mixed])
    given = analyze(tmp_path / "gbk", [mixed], settings=Settings(encoding="gbk"))

    said = {warning.kind: warning.text for warning in read.coverage.warnings}
    assert "1 of " in said["order_reversed"]
    assert "--encoding" in said["low_coverage"]
    assert not any("--encoding" in warning.text for warning in given.coverage.warnings)
    by_name = {Path(one.log_file_path).name: one for one in given.coverage.sources}
    assert by_name["export.log"].is_reversed
    assert by_name["chinese.log"].encoding == "gbk"


@pytest.mark.parametrize(
    ("fail_on", "state", "confidence", "expected"),
    [
        ("regression", State.INCREASED, Confidence.CONFIRMED, ExitCode.REGRESSION),
        ("new", State.INCREASED, Confidence.CONFIRMED, ExitCode.NORMAL),
        ("new", State.NEW, Confidence.CONFIRMED, ExitCode.REGRESSION),
        ("never", State.NEW, Confidence.CONFIRMED, ExitCode.NORMAL),
        ("any", State.NEW, Confidence.CONFIRMED, ExitCode.REGRESSION),
        ("any", State.INCREASED, Confidence.SUSPECTED, ExitCode.REGRESSION),
        ("regression", State.INCREASED, Confidence.SUSPECTED, ExitCode.NORMAL),
        ("any", State.STEADY, Confidence.NONE, ExitCode.NORMAL),
    ],
)
def test_exit_status(
    result: Result, fail_on: str, state: State, confidence: Confidence, expected: ExitCode
) -> None:
    rise = confidence is Confidence.CONFIRMED
    one = replace(result.findings[0], state=state, confidence=confidence, is_regression=rise)
    verdict = {
        Confidence.CONFIRMED: Verdict.REGRESSION,
        Confidence.SUSPECTED: Verdict.WATCH,
        Confidence.NONE: Verdict.NORMAL,
    }[confidence]

    found = replace(result, findings=[one], verdict=verdict)

    assert orchestrate.exit_code(found, fail_on) == expected


def test_a_fault_of_the_last_hours_of_the_baseline_is_found_and_said(tmp_path: Path) -> None:
    rng = random.Random(21)
    logs = write(
        tmp_path / "logs",
        {
            "api": requests(rng, 0, 48, 200, 0.02) + errors(rng, 21, 48, 15, "cache exploded"),
            "worker": beats(rng, 0, 48) + errors(rng, 0, 48, 4, "job failed, giving up"),
        },
    )

    result = analyze(tmp_path / "out", [logs])

    found = finding(result, "cache exploded")
    assert (found.state, found.is_regression) == (State.NEW, True)
    (cut,) = found.baseline_excluded
    assert abs(cut.start - (START + 21 * HOUR)) <= HOUR
    assert cut.end == result.windows.candidate.start
    assert cut.event_count == found.baseline_count > 0
    assert cut in result.windows.baseline.excluded
    # It is told when it began, though that is before the window under question.
    assert found.onset is not None and abs(found.onset - (START + 21 * HOUR)) <= HOUR / 2
    assert [one.finding_id for one in result.findings if one.is_regression] == [found.finding_id]
    assert "Left out of its baseline" in (tmp_path / "out" / "report.md").read_text("utf-8")


def test_an_incident_of_the_baseline_that_comes_back_is_not_new(tmp_path: Path) -> None:
    rng = random.Random(29)
    burst = errors(rng, 6, 8, 60, "cache exploded") + errors(rng, 40, 48, 60, "cache exploded")
    logs = write(
        tmp_path / "logs",
        {
            "api": requests(rng, 0, 48, 200, 0.02) + burst,
            "worker": beats(rng, 0, 48) + errors(rng, 0, 48, 4, "job failed, giving up"),
        },
    )

    found = finding(analyze(tmp_path / "out", [logs]), "cache exploded")

    assert found.baseline_excluded
    assert (found.state, found.is_regression) == (State.RETURNED, True)


def test_files_of_different_services_before_and_after_are_told(tmp_path: Path) -> None:
    rng = random.Random(31)
    logs = write(tmp_path / "logs", {"a": beats(rng, 0, 24, 30), "b": beats(rng, 24, 48, 30)})

    result = analyze(tmp_path / "out", [logs])

    assert result.coverage.warnings[0].kind == "no_common_service"


def test_errors_of_another_service_than_before_are_no_regression(tmp_path: Path) -> None:
    """Logs of two systems in one folder, of different days: what is new tells of neither."""
    rng = random.Random(31)
    failing = beats(rng, 24, 48, 30) + errors(rng, 24, 48, 20, "job failed, giving up")
    logs = write(tmp_path / "logs", {"a": beats(rng, 0, 24, 30), "b": failing})

    result = analyze(tmp_path / "out", [logs])

    assert result.verdict is Verdict.CANNOT_DECIDE
    assert "No service logs in both windows" in result.headline
    assert finding(result, "job failed").candidate_count > 300


def test_a_baseline_without_a_line_decides_nothing(tmp_path: Path) -> None:
    """Two starts of a stack, days apart: the day before the later one is empty."""
    rng = random.Random(32)
    first, last = beats(rng, 0, 0.05, 600), beats(rng, 96, 96.05, 600)
    last += errors(rng, 96, 96.05, 200, "cannot bind the socket")
    logs = write(tmp_path / "logs", {"core": first + last})

    result = analyze(tmp_path / "out", [logs])

    assert result.windows.baseline.event_count == 0
    assert (result.verdict, result.windows.baseline.covered_seconds) == (Verdict.CANNOT_DECIDE, 0)
    assert "no baseline" in result.headline
    assert result.coverage.warnings[0].kind == "empty_baseline"
    assert finding(result, "cannot bind").state is State.UNKNOWN


def test_services_that_were_renamed_are_compared_where_a_baseline_is_named(tmp_path: Path) -> None:
    rng = random.Random(31)
    before = write(tmp_path / "before", {"blue": beats(rng, 0, 24, 30)})
    failing = beats(rng, 24, 48, 30) + errors(rng, 24, 48, 20, "job failed, giving up")
    after = write(tmp_path / "after", {"green": failing})

    result = analyze(tmp_path / "out", [after], [str(before)])

    assert result.verdict is Verdict.REGRESSION


def test_a_slow_ramp_is_suspected_and_said(tmp_path: Path) -> None:
    rng = random.Random(23)
    growing = [
        line
        for day in range(20)
        for line in errors(rng, 24 * day, 24 * day + 24, 8 * 1.04**day, "queue is full")
    ]
    steady = errors(rng, 0, 480, 5, "job failed, giving up")
    logs = write(tmp_path / "logs", {"worker": beats(rng, 0, 480, 30) + growing + steady})

    result = analyze(tmp_path / "out", [logs], ["auto"])

    found = finding(result, "queue is full")
    assert found.ramp is not None and abs(found.ramp.growth_per_day - 0.04) < 0.01
    assert found.confidence is not Confidence.NONE
    assert result.verdict is not Verdict.NORMAL
    assert finding(result, "job failed").ramp is None
    (warning,) = (one for one in result.coverage.warnings if one.kind == "slow_ramp")
    assert (found.error_class or found.title) in warning.text


def test_the_command_in_the_report_asks_for_the_same_again(tmp_path: Path) -> None:
    path = tmp_path / "the logs"
    write(path, {"api": beats(random.Random(1), 0, 48, 9)})
    asked = Settings(zone="Europe/Berlin", title="It's down", is_strict=True, services=("*=api",))

    found = analyze(tmp_path / "out", [path], ["24h"], asked)
    words = shlex.split(found.run.command)
    assert words[:2] == ["analyze", str(path)]
    assert words[2:] == [
        "--baseline", "24h", "--tz", "Europe/Berlin", "--service", "*=api", "--strict",
        "--title", "It's down",
    ]  # fmt: skip
    assert {"aftershock", "python", "polars", "duckdb", "pyarrow"} == set(found.run.versions)

    with pytest.raises(SystemExit):
        cli.analyze([*words[1:], "--out", str(tmp_path / "again"), "-q"], standalone_mode=False)
    again = json.loads((tmp_path / "again" / "result.json").read_text(encoding="utf-8"))
    assert again["run"]["run_id"] == found.run.run_id


def test_each_setting_has_an_option_in_that_command() -> None:
    assert set(runs.OPTION_OF) == {item.name for item in dataclasses.fields(Settings)}


def test_what_happens_every_night_is_no_rise_against_the_same_hours(tmp_path: Path) -> None:
    rng = random.Random(41)
    nightly = [
        line
        for night in range(6)
        for line in errors(rng, 24 * night + 2, 24 * night + 4, 30, "backup lock is held")
    ]
    usual = beats(rng, 0, 124, 30) + errors(rng, 0, 124, 2, "job failed, giving up")
    logs = write(tmp_path / "logs", {"worker": usual + nightly})
    asked = Settings(since="2026-03-06T02:00Z", until="2026-03-06T04:00Z")

    day = analyze(tmp_path / "day", [logs], ["24h"], asked)
    hours = analyze(tmp_path / "hours", [logs], ["same-hours:5d"], asked)

    assert finding(day, "backup lock").confidence is not Confidence.NONE
    assert finding(hours, "backup lock").confidence is Confidence.NONE
    assert hours.windows.baseline.description == "the same hours of the 5 days before"
