"""The command line: exit status, what stands on stdout and on stderr, and what stays on disk."""

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pipeline import cli, orchestrate
from tests.command import Run, runner
from tests.written_logs import beats, errors, requests, write

HEAVY = {"polars", "duckdb", "pyarrow", "jinja2", "rich", "cattrs", "tomllib"}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `analyze` in this process, in the current folder."""
    yield from runner(capsys, monkeypatch)


def start(*arguments: str | Path, **options: object) -> "subprocess.Popen[str]":
    """Start `analyze` as a process of its own."""
    command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good and bad inputs."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = random.Random(1)
    rising = {"api": requests(rng, 0, 48, 50, 0.02) + errors(rng, 30, 48, 10, "cache exploded")}
    write(folder / "logs", rising)
    write(folder / "calm", {"api": requests(rng, 0, 48, 50)})
    write(folder / "short", {"api": beats(rng, 0, 2)})
    (folder / "empty").mkdir()
    (folder / "zero.log").write_bytes(b"")
    (folder / "blank.log").write_bytes(b"\n\n\n")
    (folder / "binary.log").write_bytes(bytes(range(256)) * 64)
    (folder / "no-times.log").write_text("ERROR boom\n" * 50, encoding="utf-8")
    packed = gzip.compress((folder / "logs" / "api-json.log").read_bytes())
    (folder / "whole.log.gz").write_bytes(packed)
    (folder / "damaged.log.gz").write_bytes(packed[:10] + b"\xff" * 200)
    (folder / "named-folder.log").mkdir()
    return folder


@pytest.fixture
def place(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in the folder of inputs, and write to another one."""
    monkeypatch.chdir(inputs)
    return tmp_path / "out"


def contents(out: Path) -> dict[str, bytes]:
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


# arguments, exit status, what stderr says
REFUSED = [
    ("missing path", ["nowhere.log"], 2, "no such file or folder"),
    ("missing baseline", ["logs", "--baseline", "nowhere"], 2, "no such file or folder"),
    ("one of two is missing", ["logs", "nowhere.log"], 2, "no such file or folder"),
    ("pattern without a match", ["*.nothing"], 2, "no such file or folder"),
    ("misspelt command", ["reprot"], 2, "Did you mean the command 'report'"),
    ("misspelt option", ["logs", "--basline", "24h"], 2, "--baseline"),
    ("unknown document", ["logs", "--format", "htlm"], 2, "Did you mean 'html'"),
    ("unknown document of many", ["logs", "--format", "md,pdf"], 2, "'pdf' is none of"),
    ("unknown choice", ["logs", "--fail-on", "always"], 2, "never"),
    ("no logs named", ["run"], 2, "LOGS"),
    ("not a time", ["logs", "--since", "10/08/2025"], 2, "'10/08/2025' is not a time"),
    ("not a zone", ["logs", "--since", "2026-03-02", "--tz", "Mars"], 2, "not a time zone"),
    ("now depends on data", ["logs", "--now", "end"], 2, "--now"),
    ("paths and times", ["logs", "--baseline", "calm", "--baseline", "24h"], 2, "--baseline"),
    ("result of no run", ["report", "empty"], 2, "cannot read"),
    ("result that is none", ["report", "no-times.log"], 2, "not a result"),
    ("empty folder", ["empty"], 3, "no log"),
    ("folder named like a file", ["named-folder.log"], 3, "no log"),
    ("binary file", ["binary.log"], 3, "binary"),
    ("damaged gzip", ["damaged.log.gz"], 3, "gzip"),
    ("strict", ["--strict", "logs", "binary.log"], 3, "binary.log"),
    ("empty file", ["zero.log"], 4, "no line"),
    ("blank lines", ["blank.log"], 4, "has a time"),
    ("no times", ["no-times.log"], 4, "50 lines"),
    ("baseline without times", ["logs", "--baseline", "no-times.log"], 4, "baseline"),
    ("same folder as baseline", ["logs", "--baseline", "logs"], 4, "the same time"),
    ("baseline longer than logs", ["logs", "--baseline", "30d"], 4, "30d"),
    ("windows that overlap", ["logs", "--baseline", "start..end"], 4, "window"),
    ("since after the end", ["logs", "--since", "2030-01-01"], 4, "window"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_what_cannot_be_done_is_said_on_stderr(
    run: Run, place: Path, case: tuple[str, list[str], int, str]
) -> None:
    _, arguments, code, message = case

    ran = run(*arguments, "-o", place)

    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert not (place / "result.json").exists()
    lines = ran.err.splitlines()
    assert not lines[0].startswith("error: ") or lines[1].startswith("  hint: ")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_does_not_block(run: Run, place: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.log")

    ran = run(tmp_path / "pipe.log", "-o", place)

    assert (ran.code, ran.out) == (3, "")
    assert "not a regular file" in ran.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_an_unreadable_file_is_reported_and_the_rest_read(
    run: Run, place: Path, inputs: Path, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    shutil.copytree(inputs / "calm", logs)
    (logs / "secret.log").write_text("x", encoding="utf-8")
    (logs / "secret.log").chmod(0)

    ran = run(logs, "--baseline", "24h", "-o", place)

    assert ran.code == 0
    assert "secret.log" in (place / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("logs", "options", "code"),
    [
        ("logs", [], 1),
        ("logs", ["--fail-on", "never"], 0),
        ("logs", ["--fail-on", "new"], 1),
        ("whole.log.gz", [], 1),
        ("calm", [], 0),
    ],
)
def test_exit_status_tells_the_verdict(
    run: Run, place: Path, logs: str, options: list[str], code: int
) -> None:
    ran = run(logs, "--baseline", "24h", *options, "-o", place)

    assert (ran.code, ran.err) == (code, "")
    assert ran.out.startswith("REGRESSION" if "calm" not in logs else "NORMAL")


def test_without_a_baseline_the_report_is_written_and_the_status_is_4(
    run: Run, place: Path
) -> None:
    ran = run("short", "-o", place)

    assert ran.code == 4
    assert (place / "report.html").exists()


def test_run_is_the_default_command(run: Run, place: Path) -> None:
    written = []
    for arguments in (["calm"], ["run", "calm"], ["--format", "json", "calm"]):
        ran = run(*arguments, "--baseline", "24h", "--now", "2026-05-01", "-o", place)
        assert ran.code == 0
        written.append((place / "result.json").read_bytes())

    assert len(set(written)) == 1


def test_a_folder_named_like_a_command_is_named_with_its_path(
    run: Run, place: Path, tmp_path: Path, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(inputs / "calm", tmp_path / "report")
    monkeypatch.chdir(tmp_path)

    assert run("./report", "--baseline", "24h", "-o", place).code == 0


def test_json_prints_the_result_and_nothing_else(run: Run, place: Path) -> None:
    ran = run("logs", "--baseline", "24h", "--json", "-o", place)

    assert ran.code == 1
    assert json.loads(ran.out)["verdict"] == "regression"
    assert ran.out == (place / "result.json").read_text(encoding="utf-8")
    assert ran.err == ""


def test_json_with_a_failure_prints_nothing_on_stdout(run: Run, place: Path) -> None:
    ran = run("no-times.log", "--json", "-o", place)

    assert (ran.code, ran.out) == (4, "")


def test_quiet_prints_nothing_and_keeps_the_status(run: Run, place: Path) -> None:
    assert run("logs", "--baseline", "24h", "-q", "-o", place) == (1, "", "")
    assert run("no-times.log", "-q", "-o", place).err != ""


def test_only_the_documents_that_were_asked_for_are_written(run: Run, place: Path) -> None:
    run("calm", "--baseline", "24h", "--format", "md", "-o", place)

    assert sorted(path.name for path in place.iterdir() if path.suffix != ".parquet") == [
        ".aftershock", "criteria.toml", "events", "report.md", "result.json",
    ]  # fmt: skip


def test_markdown_keeps_to_the_limit_given(run: Run, place: Path) -> None:
    run("calm", "--baseline", "24h", "-o", place, "--md-limit", "3000")
    assert len((place / "report.md").read_bytes()) <= 3000

    run("report", place, "--format", "md", "--md-limit", "9000")
    assert 3000 < len((place / "report.md").read_bytes()) <= 9000


@pytest.mark.parametrize(
    ("environment", "options", "is_colored"),
    [
        ({}, [], False),  # not a terminal
        ({"FORCE_COLOR": "1"}, [], True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, [], False),
        ({"FORCE_COLOR": "1", "NO_COLOR": ""}, [], True),
        ({}, ["--color", "always"], True),
        ({"NO_COLOR": "1"}, ["--color", "always"], True),
        ({"FORCE_COLOR": "1"}, ["--color", "never"], False),
    ],
)
def test_color(
    run: Run,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    options: list[str],
    is_colored: bool,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    run("logs", "--baseline", "24h", "-o", place)

    ran = run("report", place, *options)

    assert ("\x1b[" in ran.out) == is_colored


def test_a_run_that_fails_leaves_the_last_report_as_it_was(run: Run, place: Path) -> None:
    run("calm", "--baseline", "24h", "-o", place)
    before = contents(place)

    codes = [
        run(*arguments, "-o", place).code
        for arguments in (
            ["no-times.log"],
            ["binary.log"],
            ["nowhere"],
            ["logs", "--baseline", "logs"],
        )
    ]

    assert codes == [4, 3, 2, 4]
    assert contents(place) == before
    assert [path for path in place.iterdir() if path.name.startswith(".staging")] == []


def test_a_run_replaces_the_last_report(run: Run, place: Path) -> None:
    run("calm", "--baseline", "24h", "-o", place)
    before = contents(place)

    run("logs", "--baseline", "24h", "-o", place)

    after = contents(place)
    assert after.keys() == before.keys()
    assert after["report.html"] != before["report.html"]


def test_a_folder_of_other_files_is_not_written_to(run: Run, place: Path) -> None:
    place.mkdir()
    (place / "thesis.txt").write_text("mine", encoding="utf-8")

    ran = run("calm", "--baseline", "24h", "-o", place)

    assert ran.code == 2
    assert "other files" in ran.err
    assert sorted(contents(place)) == ["thesis.txt"]


def test_control_bytes_in_a_name_do_not_reach_the_terminal(run: Run, place: Path) -> None:
    ran = run("\x1b[31mred\x07.log", "-o", place)

    assert ran.code == 2
    assert "\x1b" not in ran.err
    assert "\\x1b[31mred\\x07.log" in ran.err


def test_a_bug_is_a_traceback_and_never_the_status_of_a_regression(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(orchestrate, "analyze", broken)

    ran = run("calm", "-o", place)

    assert ran.code == 3
    assert "ZeroDivisionError: a bug" in ran.err


def test_ingest_says_where_every_line_went(run: Run, place: Path) -> None:
    ran = run("ingest", "calm", "-o", place)

    assert ran.code == 0
    assert ran.out.startswith("1 sources, ")
    assert {"ledger.parquet", "rollup.parquet"} <= contents(place).keys()


def test_report_renders_again_elsewhere(run: Run, place: Path, tmp_path: Path) -> None:
    run("logs", "--baseline", "24h", "-o", place)

    ran = run("report", place / "result.json", "-o", tmp_path / "again")

    assert ran.out.startswith("REGRESSION")
    for name in ("report.html", "report.md"):
        assert contents(tmp_path / "again")[name] == contents(place)[name]


@pytest.mark.parametrize(
    "command",
    [
        [],
        *([name] for name in sorted(cli.analyze.commands)),
        *(
            [group, name]
            for group, command in sorted(cli.analyze.commands.items())
            if isinstance(command, click.Group)
            for name in sorted(command.commands)
        ),
    ],
)
def test_every_command_has_help(run: Run, command: list[str]) -> None:
    ran = run(*command, "--help")

    assert ran.code == 0
    assert ran.out.startswith("Usage: analyze")
    assert ran.err == ""


def test_every_command_of_the_help_is_one_and_says_what_it_is_for() -> None:
    listed = [name for part in cli.group.COMMANDS.values() for name in part]

    assert len(listed) == len(set(listed))
    assert {name: cli.analyze.commands[name].name for name in listed} == {
        name: name for name in listed
    }
    assert {cli.analyze.commands[name].short_help for name in listed} == {
        summary for part in cli.group.COMMANDS.values() for _, summary in part.values()
    }


def test_the_help_imports_no_command() -> None:
    code = (
        "import sys; from pipeline.cli import main; sys.argv = ['analyze', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if m.startswith('pipeline.')), file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    modules = ["pipeline.cli", "pipeline.cli.config", "pipeline.cli.group", "pipeline.cli.options"]
    modules += ["pipeline.cli.output", "pipeline.cli.progress", "pipeline.errors"]
    assert told.stderr.strip() == str(modules)


def test_without_arguments_the_help_is_shown(run: Run) -> None:
    assert run().out == run("--help").out


def test_version_is_that_of_the_distribution(run: Run) -> None:
    from importlib.metadata import version

    assert run("--version").out.split() == ["analyze,", "version", version("aftershock")]


def test_help_imports_nothing_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "pipeline", "--help"]

    ran = subprocess.run(command, capture_output=True, text=True, check=True)

    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in ran.stderr.splitlines()}
    assert "click" in names
    assert names & HEAVY == set()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_with_130_and_leaves_nothing(
    place: Path, number: signal.Signals
) -> None:
    process = start("run", "-", "-o", place, stdin=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(place.glob(".staging-*")) and time.monotonic() < deadline:
        time.sleep(0.05)

    process.send_signal(number)
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (130, "")
    assert "interrupted" in err
    assert "Traceback" not in err
    assert sorted(path.name for path in place.iterdir()) == [".aftershock"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["logs", "--baseline", "24h"], 1), (["calm", "--baseline", "24h", "--json"], 0), (["-h"], 0)],
    ids=["summary", "json", "help"],
)
def test_a_closed_pipe_is_quiet_and_keeps_the_verdict(
    place: Path, arguments: list[str], code: int
) -> None:
    process = start(*arguments, "-o", place)
    assert process.stdout and process.stderr
    process.stdout.close()

    err = process.stderr.read()
    process.stderr.close()

    assert (process.wait(60), err) == (code, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_under_stdout_is_a_message(place: Path) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        command = [sys.executable, "-m", "pipeline", "calm", "--baseline", "24h", "-o", str(place)]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert ran.returncode == 3
    assert ran.stderr.startswith("error: ")
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_knows_few_characters_gets_the_report(place: Path, encoding: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "pipeline", "logs", "--baseline", "24h", "-o", str(place)]

    ran = subprocess.run(command, capture_output=True, env=environment, check=False)

    assert (ran.returncode, ran.stderr) == (1, b"")
    assert ran.stdout.startswith(b"REGRESSION")


def test_standard_input_is_read(inputs: Path, place: Path) -> None:
    with (inputs / "logs" / "api-json.log").open("rb") as text:
        command = [sys.executable, "-m", "pipeline", "-", "--baseline", "24h", "-o", str(place)]
        ran = subprocess.run(command, stdin=text, capture_output=True, check=False)

    assert ran.returncode == 1
    assert ran.stdout.startswith(b"REGRESSION")
