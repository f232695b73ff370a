"""What a CI gets: from a run, from a result that is rendered again, and by itself on GitHub."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.render import to_json
from tests.command import Run, runner
from tests.render.sample import hostile, incident

run = pytest.fixture(runner)


@pytest.fixture
def result(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "result.json"
    path.write_text(to_json(incident()), encoding="utf-8")
    yield path


@pytest.fixture
def actions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    return tmp_path


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)


def test_a_result_is_rendered_again_without_logs(run: Run, result: Path) -> None:
    ran = run("report", result, "--format", "junit,csv", "--junit", result.parent / "x" / "a.xml")

    assert ran.code == 0
    names = {path.name for path in result.parent.iterdir()}
    assert {"junit.xml", "findings.csv", "endpoints.csv", "hourly.csv", "sources.csv"} <= names
    assert "report.html" not in names
    written = (result.parent / "x" / "a.xml").read_text(encoding="utf-8")
    assert written == (result.parent / "junit.xml").read_text(encoding="utf-8")
    assert "::" not in ran.out


def test_in_actions_it_is_told_without_being_asked(run: Run, result: Path, actions: Path) -> None:
    ran = run("report", result, "--format", "md")

    assert ran.out.count("::error title=Regression::") == 4
    assert (actions / "summary").read_text(encoding="utf-8").startswith("#")
    outputs = (actions / "outputs").read_text(encoding="utf-8")
    assert outputs.startswith("verdict=regression\nregressions=4\n")
    assert f"report-md={actions / 'report.md'}" in outputs
    assert "report-html" not in outputs


def test_json_stays_alone_on_stdout(run: Run, result: Path, actions: Path) -> None:
    ran = run("report", result, "--json")

    assert ran.out == to_json(incident())
    assert "::error" in ran.err


def test_it_can_be_refused_and_asked_for(run: Run, result: Path, actions: Path) -> None:
    refused = run("report", result, "--no-github")

    assert "::" not in refused.out + refused.err
    assert not (actions / "summary").exists()


def test_outside_it_can_be_asked_for(run: Run, result: Path) -> None:
    assert run("report", result, "--github").out.count("::error") == 4


def test_a_full_summary_is_left_as_it_is(run: Run, result: Path, actions: Path) -> None:
    (actions / "summary").write_bytes(b"x" * 2**20)

    assert run("report", result).code == 0
    assert (actions / "summary").stat().st_size == 2**20


@pytest.mark.parametrize("attack", ["::error::x", "  ::add-mask::x", "##[add-mask]x", "a\n::x::"])
def test_no_text_of_a_log_is_a_command(run: Run, result: Path, actions: Path, attack: str) -> None:
    result.write_text(to_json(hostile(attack)), encoding="utf-8")

    for extra in ([], ["--json"], ["--color", "always"]):
        ran = run("report", result, *extra)
        text = ran.out + ran.err
        commands = [line for line in text.splitlines() if line.strip().startswith("::")]
        assert all(line.startswith(("::error title=", "::warning title=")) for line in commands)
        assert "##[" not in text
