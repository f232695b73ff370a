"""`analyze collect` with programs of our own on the PATH: what it runs, keeps and says."""

import json
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.captures import Collected, collect, load_commands, plan, read_captures
from pipeline.captures.collecting import Command
from pipeline.errors import UsageError
from pipeline.orchestrate.captured import service_named

FIXTURES = Path(__file__).parents[2] / "fixtures" / "facts"
NOW = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="programs are shell scripts here")
# A docker whose daemon answers: the files of fixtures/facts, and what it was asked beside them.
DOCKER = f"""
echo "$@" >> "$ASKED"
case "$1" in
ps) cat "{FIXTURES}/docker-ps.jsonl" ;;
inspect) cat "{FIXTURES}/docker-inspect.json" ;;
stats) cat "{FIXTURES}/docker-stats.jsonl" ;;
esac
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put scripts of the given names, and nothing else, on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    # What the scripts themselves need.
    for name in ("cat", "sleep", "yes", "sh"):
        (folder / f".{name}").symlink_to(shutil.which(name, path=os.defpath) or f"/bin/{name}")

    def put(**scripts: str) -> None:
        for name, text in scripts.items():
            tools = "".join(
                f'{one}() {{ "{folder}/.{one}" "$@"; }}\n' for one in ("cat", "sleep", "yes")
            )
            path = folder / name
            path.write_text(f"#!/bin/sh\n{tools}{text}\n", "utf-8")
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return put


def run(folder: Path, *commands: Command) -> tuple[Collected, list[str]]:
    said: list[str] = []
    found = collect(folder, commands or None, tell=said.append, clock=lambda: NOW)
    return found, said


def command(name: str, **changes: object) -> Command:
    values = {
        "name": name, "argv": (name,), "file": f"{name}.txt", "kind": "text", "why": "a test",
        "seconds": 20.0, "most_bytes": 10_000, "systems": (), "words": None,
    }  # fmt: skip
    return Command(**(values | changes))  # type: ignore[arg-type]


def outcome(found: Collected, name: str) -> str:
    return next(one.outcome for one in found.commands if one.name == name)


def test_what_is_there_is_asked_and_what_is_not_is_said(
    tmp_path: Path, programs: Callable[..., None]
) -> None:
    programs(docker=DOCKER, uptime="echo 06:30 up 2 days, load average: 1.0, 1.0, 1.0")

    found, said = run(tmp_path / "facts")

    assert sorted(found.files) == [
        "docker-inspect.json", "docker-ps.jsonl", "docker-stats.jsonl", "uptime.txt",
    ]  # fmt: skip
    assert "kubectl get pods: kubectl was not found" in said
    asked = (tmp_path / "asked").read_text("utf-8").splitlines()
    assert asked[1] == (
        "inspect --type container 7c1d5e0b9a42 b2f4a6c8e0d1 d00d00000001 d00d00000002 d00d00000003"
    )


def test_no_secret_is_written(tmp_path: Path, programs: Callable[..., None]) -> None:
    programs(docker=DOCKER, df='echo "postgresql://shop:tulip-bulb-77@db/shop"')

    run(tmp_path / "facts")

    texts = {path.name: path.read_text("utf-8") for path in (tmp_path / "facts").iterdir()}
    assert {name for name, text in texts.items() if "tulip-bulb-77" in text} == set()
    assert {name for name, text in texts.items() if "nobody-may-see" in text} == set()
    assert "POSTGRES_PASSWORD=[redacted:environment]" in texts["docker-inspect.json"]


def test_files_are_for_their_owner_alone(tmp_path: Path, programs: Callable[..., None]) -> None:
    programs(uptime="echo up")

    run(tmp_path / "facts")

    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "facts").iterdir()}
    assert modes == {0o600}
    assert (tmp_path / "facts").stat().st_mode & 0o777 == 0o700


def test_what_was_collected_is_read_with_its_time(
    tmp_path: Path, programs: Callable[..., None]
) -> None:
    programs(docker=DOCKER, kubectl="echo no cluster >&2; exit 1")
    run(tmp_path / "facts")

    facts, measures = read_captures([str(tmp_path / "facts")], service_named, None)

    times = dict(facts.select("file_name", "captured_at").iter_rows())
    assert set(times.values()) == {NOW}
    assert facts["time_origin"].unique().to_list().count("noted by analyze collect") == 1
    failed = measures.filter(shape="collected", subject="kubectl get pods", measure="stderr")
    assert failed["text"].to_list() == ["no cluster"]


def test_a_file_that_was_changed_afterwards_has_no_time(
    tmp_path: Path, programs: Callable[..., None]
) -> None:
    programs(uptime="echo up")
    run(tmp_path / "facts")
    (tmp_path / "facts" / "uptime.txt").write_text("up, they say\n", "utf-8")

    facts, _ = read_captures([str(tmp_path / "facts")], service_named, None)

    changed = facts.filter(facts["file_name"].str.ends_with("uptime.txt"))
    assert changed["captured_at"].to_list() == [None]


def test_a_command_that_hangs_is_stopped_with_what_it_started(
    tmp_path: Path, programs: Callable[..., None]
) -> None:
    programs(hangs="sleep 60 & sleep 60", works="echo here")
    begin = time.monotonic()

    found, _ = run(tmp_path / "facts", command("hangs", seconds=0.3), command("works"))

    assert time.monotonic() - begin < 10
    assert outcome(found, "hangs") == "stopped: it took more than 0.3 s"
    assert outcome(found, "works") == "written"


def test_a_command_that_floods_is_stopped(tmp_path: Path, programs: Callable[..., None]) -> None:
    programs(floods="yes")

    found, _ = run(tmp_path / "facts", command("floods"))

    assert outcome(found, "floods") == "stopped: it wrote more than 10,000 bytes"
    assert found.files == []


def test_a_command_that_fails_is_said_with_its_words(
    tmp_path: Path, programs: Callable[..., None]
) -> None:
    programs(fails="echo half an answer; printf 'tried\\ndenied \\033[31mred\\n' >&2; exit 3")

    found, said = run(tmp_path / "facts", command("fails"))

    (one,) = found.commands
    assert (one.outcome, one.exit_status, one.stderr) == ("ended with 3", 3, "denied red")
    assert said[-1].endswith("nothing was written; it said: denied red")


@pytest.mark.parametrize("answer", ['[{"Env": ["A=tulip-bulb-77"', "no JSON at all"])
def test_an_answer_that_should_be_json_and_is_none_is_not_written(
    tmp_path: Path, programs: Callable[..., None], answer: str
) -> None:
    programs(asks=f"echo '{answer}'")

    found, _ = run(tmp_path / "facts", command("asks", kind="json", file="asks.json"))

    assert outcome(found, "asks").startswith("its answer is not written")
    assert [path.name for path in (tmp_path / "facts").iterdir()] == ["collect.json"]


def test_nothing_of_the_current_folder_is_run(
    tmp_path: Path, programs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(uptime="echo up")
    monkeypatch.chdir(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{os.pathsep}.{os.pathsep}bin")

    assert {one.program for one in plan()} == {None}


def test_files_of_others_are_not_replaced(tmp_path: Path, programs: Callable[..., None]) -> None:
    programs(uptime="echo up")
    folder = tmp_path / "facts"
    folder.mkdir()
    (folder / "uptime.txt").write_text("mine", "utf-8")

    with pytest.raises(UsageError, match="did not write"):
        run(folder)

    assert (folder / "uptime.txt").read_text("utf-8") == "mine"


def test_what_was_collected_before_is_replaced(
    tmp_path: Path, programs: Callable[..., None]
) -> None:
    programs(uptime="echo up")
    run(tmp_path / "facts")
    programs(uptime="echo up longer")

    run(tmp_path / "facts")

    assert (tmp_path / "facts" / "uptime.txt").read_text("utf-8") == "up longer\n"
    manifest = json.loads((tmp_path / "facts" / "collect.json").read_text("utf-8"))
    assert [one["name"] for one in manifest["commands"] if one["file"]] == ["uptime"]


READING = {"ps", "inspect", "stats", "get", "-P", "-k"}


def test_commands_only_read() -> None:
    """A command that could change something must not come in unseen."""
    verbs = {one.argv[1] for one in load_commands() if len(one.argv) > 1}

    assert verbs <= READING
    assert len({one.file for one in load_commands()}) == len(load_commands())
