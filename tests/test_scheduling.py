"""What `analyze init` writes is what its schedulers read, and `analyze watch` keeps time."""

import ast
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import ExitCode, UsageError
from pipeline.orchestrate import scheduling
from pipeline.orchestrate.scheduling import watch, write_setup
from pipeline.setups import Places, kinds, setup_for
from tests.written_logs import errors, requests, write

ODD = """/var/log/it's "odd" $HOME 100%"""
PLACES = Places("/usr/local/bin/analyze", ["/var/log/app", ODD], "/var/lib/aftershock")


def written(kind: str, folder: Path) -> list[Path]:
    return write_setup(kind, ["/var/log/app"], Path("/var/lib/x"), folder, overwrites=False)[1]


def test_odd_paths_are_one_word_in_every_syntax() -> None:
    unit = setup_for("systemd", PLACES).files["aftershock.service"]
    script = setup_for("cron", PLACES).files["aftershock-hourly"]
    dag = ast.parse(setup_for("dagster", PLACES).files["aftershock_dagster.py"])

    line = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    plain = line.replace("%%", "%").replace("$$", "$")
    assert shlex.split(plain)[3] == ODD
    assert ODD in shlex.split(script, comments=True)
    texts = [node.value for node in ast.walk(dag) if isinstance(node, ast.Constant)]
    assert ODD in texts


@pytest.mark.parametrize("kind", kinds())
def test_files_are_commented_and_hold_no_blank_value(kind: str) -> None:
    setup = setup_for(kind, PLACES)

    assert setup.next_steps
    for text in setup.files.values():
        assert text.startswith(("#", '"""'))
        assert "None" not in text.replace("-> None", "")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    program = tmp_path / "analyze"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    files = setup_for("systemd", Places(str(program), ["/var/log"], "/var/lib/x")).files
    paths = [tmp_path / name for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        path.write_text(text, encoding="utf-8")

    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, paths)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    ("kind", "schema"), [("github", "vendor.github-workflows"), ("gitlab", "vendor.gitlab-ci")]
)
def test_workflows_fit_the_schemas_of_their_makers(kind: str, schema: str, tmp_path: Path) -> None:
    pytest.importorskip("check_jsonschema")

    ran = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema,
         *map(str, written(kind, tmp_path))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stdout


def test_manifests_fit_the_schemas_of_kubernetes(tmp_path: Path) -> None:
    validator = pytest.importorskip("kubernetes_validate")
    yaml = pytest.importorskip("yaml")
    manifests = [path for path in written("k8s", tmp_path) if path.suffix == ".yaml"]

    checked = 0
    for path in manifests:
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            validator.validate(document, "1.30", strict=True)
            checked += 1

    assert checked == 3


def test_scripts_for_orchestrators_are_python(tmp_path: Path) -> None:
    for kind in ("airflow", "dagster"):
        (path,) = written(kind, tmp_path)
        compile(path.read_text(encoding="utf-8"), path.name, "exec")


def test_cron_is_silent_but_for_what_matters(tmp_path: Path) -> None:
    program = tmp_path / "analyze"
    files = setup_for("cron", Places(str(program), ["/var/log"], str(tmp_path))).files
    said = {}
    for status in (0, 1, 3, 4, 75):
        program.write_text(f"#!/bin/sh\nexit {status}\n", encoding="utf-8")
        program.chmod(0o755)
        ran = subprocess.run(
            ["sh", "-c", files["aftershock-hourly"]], capture_output=True, text=True, check=True
        )
        said[status] = ran.stdout.partition(":")[0].strip()

    assert said == {
        0: "", 1: "errors rose", 4: "cannot decide",
        3: "analyze failed with status 3; the report is the previous one",
        75: "the run before still goes on",
    }  # fmt: skip


def test_files_that_are_there_are_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "aftershock.timer"
    own.write_text("mine", encoding="utf-8")

    with pytest.raises(UsageError, match=r"aftershock\.timer is there already"):
        written("systemd", tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["aftershock.timer"]
    assert own.read_text(encoding="utf-8") == "mine"


def test_watch_keeps_to_its_times(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, begun = [1000.0], []

    def run(arguments: object) -> int:
        begun.append(clock[0])
        clock[0] += 5000 if len(begun) == 2 else 10  # the second one goes on for longer than a step
        return 1

    monkeypatch.setattr(scheduling, "_run", run)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))

    assert watch(["logs"], "1h", "0s", 4, lambda _: None) == 1
    assert begun == [1000.0, 4600.0, 11800.0, 15400.0]


def test_watch_ends_where_the_first_run_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "_run", lambda _: ExitCode.USAGE)

    assert watch(["logs"], "1h", "0s", None, lambda _: None) == ExitCode.USAGE


@pytest.mark.parametrize(
    ("every", "jitter", "said"),
    [("soon", "0s", "--every: 'soon'"), ("10s", "0s", "too often"), ("1h", "2h", "not shorter")],
)
def test_watch_refuses_times_that_are_none(every: str, jitter: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        watch(["logs"], every, jitter, 1, lambda _: None)


@pytest.mark.slow
def test_watch_stops_its_run_when_it_is_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "watch", "-", "-o", str(tmp_path / "out")]
    # Nothing comes from standard input, and no end: the run waits.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as watching:
        while len(_session(watching.pid)) < 2:
            time.sleep(0.1)
        watching.send_signal(signal.SIGTERM)

        assert watching.wait(timeout=60) == ExitCode.INTERRUPTED
        assert _session(watching.pid) == []


def _session(leader: int) -> list[str]:
    """Return the processes that *leader* started, and itself."""
    ran = subprocess.run(
        ["ps", "-o", "pid=", "-s", str(leader)], capture_output=True, text=True, check=False
    )
    return ran.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cron", "systemd"])
def test_the_commands_run_as_they_are_written(kind: str, tmp_path: Path) -> None:
    write_logs(tmp_path / "logs")
    program = tmp_path / "bin" / "analyze"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipeline "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    places = Places(str(program), [str(tmp_path / "logs")], str(tmp_path / "state dir"))
    files = setup_for(kind, places).files
    command = files.get("aftershock-hourly") or next(
        line.removeprefix("ExecStart=")
        for line in files["aftershock.service"].splitlines()
        if line.startswith("ExecStart=")
    )

    for _ in range(2):  # the second one finds a store
        ran = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, check=False, cwd=Path.cwd()
        )
        assert (ran.returncode in (0, 1), ran.stderr) == (True, ""), ran.stdout

    kept = sorted(path.name for path in (tmp_path / "state dir").iterdir())
    assert kept == ["aftershock.prom", "report", "store"]


def write_logs(folder: Path) -> None:
    rng = random.Random(4)
    own = requests(rng, 0, 60, 30, 0.02)
    write(folder, {"api": own + errors(rng, 40, 60, 12, "the kiln is cold")}, shape="plain")
