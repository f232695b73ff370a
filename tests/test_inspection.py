"""What `doctor` and `formats` tell: on logs whose truth is written here."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.ingest import load_formats
from tests.command import Run, runner
from tests.written_logs import beats, errors, write

FIXTURES = Path(__file__).parents[1] / "fixtures"
START, STEP = datetime(2026, 3, 2, tzinfo=UTC), timedelta(minutes=10)
KILN = FIXTURES / "unknown_format" / "kiln.log"


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Run]:
    """Run `analyze` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    yield from runner(capsys, monkeypatch)


def docker_line(text: str, second: int, stream: str = "stderr") -> str:
    time = f"2026-03-02T10:00:{second:02}.5Z"
    return json.dumps({"log": text + "\n", "stream": stream, "time": time}) + "\n"


TRACEBACK = [
    "2026-03-02 11:00:01,250 ERROR app.db: cannot save",
    "Traceback (most recent call last):",
    '  File "/srv/app/db.py", line 3, in save',
    "    raise KeyError(name)",
    "KeyError: 'ann'",
]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A folder of logs: Docker's, a compose dump, an unknown one, one that is none."""
    folder = tmp_path / "logs"
    folder.mkdir()
    lines = [docker_line(text, at) for at, text in enumerate(TRACEBACK)]
    lines.append(docker_line("2026-03-02 11:00:06,000 INFO app.db: saved", 6))
    (folder / "api-json.log").write_text("".join(lines), encoding="utf-8")
    web = ['web-1  | 10.0.0.1 - - [02/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 503 5'] * 3
    (folder / "dump.log").write_text("\n".join(web) + "\n", encoding="utf-8")
    (folder / "picture.log").write_bytes(b"\x89PNG" + bytes(100))
    return folder


def diagnosed(run: Run, *arguments: str | Path) -> dict[str, dict[str, Any]]:
    ran = run("doctor", "--json", *arguments)
    assert ran.err == ""
    return {Path(one["log_file_path"]).name: one for one in json.loads(ran.out)["sources"]}


def test_doctor_tells_what_each_source_is(run: Run, logs: Path) -> None:
    sources = diagnosed(run, logs)

    api, web = sources["api-json.log"], sources["dump.log"]
    assert api["envelopes"] == ["json_file"]
    assert (api["line_count"], api["event_count"], api["confidence"]) == (6, 2, 1.0)
    assert {one["name"]: one["event_count"] for one in api["severities"]} == {"error": 1, "info": 1}
    assert [one["name"] for one in api["severity_sources"]] == ["header"]
    assert [one["line_count"] for one in api["formats"]] == [6]
    assert web["envelopes"] == ["compose"]
    assert [one["name"] for one in web["severity_sources"]] == ["HTTP status"]
    assert [(one["name"], one["source"]) for one in web["services"]] == [("web", "the envelope")]
    assert web["time_zone"] == "written in the lines"


def test_doctor_ends_with_3_when_a_source_cannot_be_read(run: Run, logs: Path) -> None:
    ran = run("doctor", logs)

    assert ran.code == 3
    assert "a PNG image" in ran.out
    (logs / "picture.log").unlink()
    assert run("doctor", logs).code == 0


def test_doctor_names_the_command_that_helps(run: Run) -> None:
    ran = run("doctor", KILN)

    assert ran.code == 0
    assert f"analyze formats suggest {KILN}" in " ".join(ran.out.split())


def test_doctor_says_what_was_inferred(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("2026-03-02 10:00:00,000 INFO app.db: saved\n", encoding="utf-8")

    reading = diagnosed(run, path)["app.log"]

    assert [one["kind"] for one in reading["inferences"]] == ["tz_assumed"]
    assert any("--tz" in one["remedy"] for one in reading["problems"])
    assert diagnosed(run, path, "--tz", "Europe/Berlin")["app.log"]["first_timestamp"] == (
        "2026-03-02T09:00:00Z"
    )


def test_doctor_reads_with_the_options_of_a_run(run: Run, logs: Path) -> None:
    api = diagnosed(run, logs, "--service", "api*=shop")["api-json.log"]

    assert [(one["name"], one["source"]) for one in api["services"]] == [("shop", "--service")]


def test_doctor_tells_of_a_file_that_runs_backwards(run: Run, tmp_path: Path) -> None:
    rows = [f"2026-03-02T10:{at:02}:00Z INFO app: step {at}" for at in reversed(range(60))]
    (tmp_path / "app.log").write_text("\n".join(rows) + "\n", encoding="utf-8")

    assert diagnosed(run, "app.log")["app.log"]["is_reversed"] is True
    assert "from new to old" in run("doctor", "app.log").out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["doctor", "nowhere"], 2, "no such file"),
        (["doctor", str(KILN), "--tz", "Mars"], 2, "not a time zone"),
        (["doctor", "."], 3, "no log"),
        (["formats", "show", "redos"], 2, "near: redis"),
        (["formats", "explain", str(KILN)], 2, "FILE:LINE"),
        (["formats", "explain", f"{KILN}:0"], 2, "FILE:LINE"),
        (["formats", "explain", f"{KILN}:999999"], 2, "has 125 lines"),
        (["formats", "explain", ".:1"], 2, "is a folder"),
        (["formats", "list", "--formats", "html,md"], 2, "--format names documents"),
    ],
)
def test_what_cannot_be_told_is_said_on_stderr(
    run: Run, arguments: list[str], code: int, message: str
) -> None:
    ran = run(*arguments)

    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err
    assert "Traceback" not in ran.err


def explained(run: Run, place: str) -> dict[str, Any]:
    ran = run("formats", "explain", place, "--json")
    assert (ran.code, ran.err) == (0, "")
    found: dict[str, Any] = json.loads(ran.out)
    return found


def test_explain_tells_where_each_value_of_a_line_was_written(run: Run, logs: Path) -> None:
    line = explained(run, f"{logs / 'api-json.log'}:1")

    assert [(one["name"], one["values"]["log_iostream"]) for one in line["layers"]] == [
        ("json_file", "stderr")
    ]
    assert line["payload"] == TRACEBACK[0]
    assert {one["column"]: (one["text"], one["source"]) for one in line["captured"]}[
        "severity_text"
    ] == ("ERROR", "group severity_text")
    assert line["time_written"] == "2026-03-02 11:00:01,250"
    assert (line["severity_number"], line["severity_source"]) == (17, "header")
    assert line["event_lines"] == [1, 2, 3, 4, 5]
    assert (line["is_kept"], line["service_name"]) == (True, "api")
    assert line["event"]["exception_type"] == "KeyError"


def test_explain_tells_to_which_event_a_line_belongs(run: Run, logs: Path) -> None:
    line = explained(run, f"{logs / 'api-json.log'}:4")

    assert "part of the event of line 1" in line["role"]
    assert line["event_lines"] == [1, 2, 3, 4, 5]


def test_explain_tells_that_an_event_is_only_counted(run: Run, logs: Path) -> None:
    line = explained(run, f"{logs / 'api-json.log'}:6")

    assert line["is_kept"] is False


def test_explain_names_the_keys_of_an_object(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text('{"lvl":"warn","ts":1772445600.5,"msg":"slow"}\n', encoding="utf-8")

    line = explained(run, f"{path}:1")

    assert {one["column"]: one["source"] for one in line["captured"]} == {
        "timestamp": "key ts",
        "severity_text": "key lvl",
        "body": "key msg",
    }
    assert (line["severity_source"], line["timestamp"]) == ("field", "2026-03-02T10:00:00.500000Z")


def test_explain_of_a_blank_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("ERROR: x\n\n", encoding="utf-8")

    assert explained(run, "app.log:2")["event_lines"] == []
    assert "only counted" in run("formats", "explain", "app.log:2").out


def test_log_text_has_no_power_over_the_terminal(run: Run, tmp_path: Path) -> None:
    hostile = "\x1b]0;gone\x07\x9b31m\u202eab\x00\r"
    (tmp_path / "bad\x1b[31m.log").write_text(f"{hostile} x\n" * 3, encoding="utf-8")

    name = "bad\x1b[31m.log"

    for arguments in (
        ["doctor", "."],
        ["doctor", ".", "--json"],
        ["formats", "test", name],
        ["formats", "explain", f"{name}:1"],
    ):
        ran = run(*arguments)
        assert [c for c in ran.out if not c.isprintable() and c != "\n"] == []


def test_formats_are_listed_and_shown(run: Run) -> None:
    listed = json.loads(run("formats", "list", "--json").out)

    assert [one["name"] for one in listed] == [one.name for one in load_formats()]
    assert len(run("formats", "list").out.splitlines()) == len(listed) + 1
    shown = run("formats", "show", "redis").out
    assert all(sample.line in shown for sample in _format("redis").samples)
    assert 'name = "redis"' in run("formats", "show", "redis", "--toml").out


def _format(name: str) -> Any:  # noqa: ANN401  # a Format
    return next(one for one in load_formats() if one.name == name)


OWN = r"""
name = "kiln"
title = "Kilns"
kind = "regex"
priority = 100
[[pattern]]
regex = '^~(?P<unit>[^~]+)~ (?P<timestamp>[0-9. :]+) \{(?P<severity_text>[A-Z])\} (?P<body>.*)$'
[timestamp]
layouts = ["day_month_dotted"]
[[sample]]
line = "~kiln-1~ 02.03.2026 08:02:50.970 {E} burner 3 lost its flame"
expect = { severity_number = 17, body = "burner 3 lost its flame" }
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "kiln.toml").write_text(OWN, encoding="utf-8")
    return folder


def test_test_checks_a_definition(run: Run, own: Path) -> None:
    path = own / "kiln.toml"

    assert run("formats", "test", path).out.startswith("SOUND  kiln: 1 pattern, 1 sample")
    path.write_text(OWN.replace("severity_number = 17", "severity_number = 9"), encoding="utf-8")
    ran = run("formats", "test", path)
    assert ran.code == 2
    assert "sample[1].expect.severity_number: 9 was told, 17 was read" in ran.out


def test_test_on_a_log_tells_which_formats_took_its_lines(run: Run, own: Path) -> None:
    ran = run("formats", "test", KILN, "--formats", own, "--json")

    formats = json.loads(ran.out)["sources"][0]["formats"]
    assert {one["name"]: one["event_count"] for one in formats} == {"kiln": 120, "unparsed": 2}
    assert sum(one["line_count"] for one in formats) == 125


def test_own_formats_are_used_by_a_run_and_named_in_its_result(
    run: Run, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = run(KILN, "--formats", own, "-o", tmp_path / "out", "--json")
    assert ran.code == 4  # nothing to compare with
    result = json.loads(ran.out)
    assert result["coverage"]["sources"][0]["format_names"] == ["kiln", "unparsed"]
    assert result["run"]["settings"]["formats_dir"] == str(own)

    monkeypatch.setenv("ANALYZE_FORMATS", str(own))
    assert ", 2 unparsed" in run("ingest", KILN, "-o", tmp_path / "in").out
    (own / "kiln.toml").write_text("colour = 1", encoding="utf-8")
    ran = run("ingest", KILN, "-o", tmp_path / "in2")
    assert (ran.code, ran.out) == (2, "")
    assert "kiln.toml: unknown key 'colour'" in ran.err


def test_suggest_teaches_the_unknown_log(run: Run, tmp_path: Path) -> None:
    ran = run("formats", "suggest", KILN)
    assert (ran.code, ran.err) == (0, "")
    own = tmp_path / "suggested"
    own.mkdir()
    (own / "kiln.toml").write_text(ran.out, encoding="utf-8")

    assert run("formats", "test", own / "kiln.toml").out.startswith("SOUND  kiln")
    before, after = diagnosed(run, KILN), diagnosed(run, KILN, "--formats", own)
    assert before["kiln.log"]["confidence"] == 0
    assert after["kiln.log"]["unparsed_event_count"] == 2
    levels = {one["name"]: one["event_count"] for one in after["kiln.log"]["severities"]}
    text = KILN.read_text(encoding="utf-8")
    assert levels["fatal"] == text.count("{F}")
    assert levels["error"] == text.count("{E}") + text.count("\nERROR:")
    assert levels["warn"] == text.count("{W}")


@pytest.mark.parametrize(
    ("name", "code"), [("oven", 0), ("redis", 2), ("../oven", 2), ("unparsed", 2)]
)
def test_suggest_takes_a_name_of_ones_own(run: Run, name: str, code: int) -> None:
    ran = run("formats", "suggest", KILN, "--name", name)

    assert ran.code == code
    assert (f'name = "{name}"' in ran.out) == (code == 0)


def test_suggest_says_when_there_is_nothing_to_suggest(run: Run, logs: Path) -> None:
    ran = run("formats", "suggest", logs / "api-json.log")

    assert (ran.code, ran.out) == (0, "")
    assert "nothing to suggest" in ran.err
    assert run("formats", "suggest", logs / "picture.log").code == 3


def wrapped_kiln(folder: Path) -> Path:
    """The unknown log as Docker would keep it, a line every ten minutes: the runtime's clock gives
    what no format does.
    """
    rows = [
        {"log": f"{text}\n", "stream": "stdout", "time": f"{START + at * STEP:%Y-%m-%dT%H:%M:%SZ}"}
        for at, text in enumerate(KILN.read_text(encoding="utf-8").splitlines())
    ]
    path = folder / "kiln-json.log"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_report_says_what_was_not_understood_and_how_to_teach_it(
    run: Run, tmp_path: Path
) -> None:
    path = wrapped_kiln(tmp_path)

    ran = run(path, "--baseline", "10h", "-o", tmp_path / "out", "--format", "html,md,json")

    result = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert result["coverage"]["parse_coverage"] == 0
    assert sum(one["event_line_count"] for one in result["coverage"]["sources"]) == 125
    # Prose of errors and failures is none: only the lines that begin with a level are.
    errors = [one for one in result["findings"] if one["kind"] == "error"]
    assert sum(one["baseline_count"] + one["candidate_count"] for one in errors) == 2
    html, markdown = (
        (tmp_path / "out" / f"report.{kind}").read_text(encoding="utf-8") for kind in ("html", "md")
    )
    for text in (html, markdown, " ".join(ran.out.split())):
        assert "all of the events were taken by no format" in text
        assert "analyze formats suggest" in text
        assert "kiln" in text.partition("analyze formats suggest")[2][:300]


def test_without_times_the_refusal_says_how_to_teach_them(run: Run, tmp_path: Path) -> None:
    ran = run(KILN, "-o", tmp_path / "out")

    assert ran.code == 4
    assert f"analyze formats suggest {KILN}" in ran.err


def test_calibrate_prints_and_writes_the_same_for_the_same_seed(run: Run, tmp_path: Path) -> None:
    rng = random.Random(4)
    logs = {"job": beats(rng, 0, 14) + errors(rng, 0, 14, 6, "job failed, giving up")}
    folder = write(tmp_path / "logs", logs)

    first = run("calibrate", folder, "--placebo", "--json", "-o", "out")
    again = run("calibrate", folder, "--placebo", "--json")
    shown = run("calibrate", folder, "--placebo")

    assert first.code == 0
    assert first.out == again.out == Path("out/calibration.json").read_text(encoding="utf-8")
    assert json.loads(first.out)["class_window_count"] > 0
    assert "with nothing planted" in shown.out


def test_calibrate_refuses_what_is_too_short(run: Run, tmp_path: Path) -> None:
    rng = random.Random(4)
    folder = write(tmp_path / "logs", {"job": errors(rng, 0, 5, 6, "job failed, giving up")})

    ran = run("calibrate", folder)

    assert (ran.code, ran.out) == (4, "")
    assert "cannot calibrate" in ran.err
