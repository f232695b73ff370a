"""The gauges of a run: what they say, that they are well-formed, what a failure leaves."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline import store
from pipeline.errors import ExitCode, PipelineError
from pipeline.facts import Job
from pipeline.model import Result
from pipeline.orchestrate.metering import metered
from pipeline.render.metrics import MAX_CLASSES, render_metrics
from tests.render import sample

ENDED = datetime(2026, 3, 1, 7, tzinfo=UTC)
JOB = Job("1.2.3", ENDED, 4.5, 1, ENDED)


def gauges(text: str) -> dict[tuple[str, ...], float]:
    """Return each value by its name and the values of its labels."""
    return {
        (one.name, *(value for _, value in sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_they_say_what_the_result_says() -> None:
    result = sample.incident()
    found = gauges(render_metrics(JOB, result))
    worst = result.findings[0]

    assert found["aftershock_last_success_timestamp_seconds",] == ENDED.timestamp()
    assert found["aftershock_verdict", result.verdict.value] == 1
    key = (worst.error_class or "", worst.finding_id, worst.kind)
    assert found["aftershock_class_events_per_hour", *key] == worst.candidate_rate
    assert found["aftershock_class_regression", *key, worst.state.value] == worst.is_regression
    lines = found["aftershock_lines", "event"] + found["aftershock_lines", "blank"]
    assert lines == sum(one.line_count for one in result.coverage.sources)


def test_a_run_without_a_result_says_so() -> None:
    found = gauges(render_metrics(Job("1.2.3", ENDED, 4.5, 3, None), None))

    assert found["aftershock_last_run_exit_status",] == 3
    assert ("aftershock_last_success_timestamp_seconds",) not in found
    assert not any("verdict" in key[0] for key in found)


def test_the_number_of_series_is_bounded() -> None:
    one = sample.incident().findings[0]
    many = [replace(one, finding_id=f"f{index}") for index in range(200)]
    result = replace(sample.incident(), findings=many)
    found = gauges(render_metrics(JOB, result))
    rates = {key: value for key, value in found.items() if "class_events" in key[0]}
    kinds = [one for one in result.findings if one.kind != "warning"]

    assert len(rates) == MAX_CLASSES + 1
    assert sum(rates.values()) == pytest.approx(sum(one.candidate_rate or 0 for one in kinds))


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
@pytest.mark.parametrize("make", [sample.incident, sample.undecided, sample.quiet])
def test_promtool_has_nothing_against_them(make: Callable[[], Result]) -> None:
    text = render_metrics(JOB, make())
    ran = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )

    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


def test_a_failure_keeps_the_time_of_the_last_success(tmp_path: Path) -> None:
    path = tmp_path / "analyze.prom"
    with metered(path) as meter:
        meter.exit_status = ExitCode.REGRESSION
    before = gauges(path.read_text(encoding="utf-8"))

    with pytest.raises(PipelineError), metered(path):
        raise PipelineError("the disk is full")
    after = gauges(path.read_text(encoding="utf-8"))

    success = ("aftershock_last_success_timestamp_seconds",)
    assert after[success] == before[success]
    assert after["aftershock_last_run_exit_status",] == ExitCode.FAILED
    assert after["aftershock_last_run_timestamp_seconds",] > before[success]


def test_a_run_that_another_one_keeps_out_writes_nothing(tmp_path: Path) -> None:
    class Locked(PipelineError):
        exit_code = ExitCode.LOCKED

    with pytest.raises(Locked), metered(tmp_path / "analyze.prom"):
        raise Locked("another run holds the store")

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_none_of_ours_tells_no_success(tmp_path: Path) -> None:
    path = tmp_path / "analyze.prom"
    path.write_bytes(b"\xff aftershock_last_success_timestamp_seconds 9e999\n")

    with pytest.raises(PipelineError), metered(path):
        raise PipelineError("no")

    assert "last_success" not in path.read_text(encoding="utf-8")


def test_where_it_cannot_be_written_the_error_says_which_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with (
        pytest.raises(PipelineError, match="cannot write") as caught,
        metered(tmp_path / "file" / "analyze.prom") as meter,
    ):
        meter.exit_status = ExitCode.NORMAL

    assert caught.value.hint == "name another file with --metrics"
    assert store.MARKER not in [path.name for path in tmp_path.iterdir()]
