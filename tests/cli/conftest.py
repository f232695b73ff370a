"""A place with logs, runs and definitions, as the examples of the help name them."""

import contextlib
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.model import Settings
from pipeline.orchestrate import analyze
from tests.command import Run, runner
from tests.written_logs import Line, beats, errors, requests, write

ROOT = Path(__file__).parents[2]
ENUM = 'asyncpg.exceptions.UndefinedObjectError: type "googleservice" does not exist'
OWN = "the kiln lost its flame"
RULE = f"""
[[rule]]
name = "kiln_flame"
title = "The kiln lost its flame"
description = "A burner went out."
must_not = ["the kiln is hot"]

[[rule.pattern]]
literal = "kiln lost"
regex = "kiln lost its flame"
must = ["{OWN}"]
"""


def api(rng: random.Random, first: float, last: float) -> list[Line]:
    return requests(rng, first, last, 40, 0.02) + errors(rng, first, last, 3, OWN)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `place` is a copy of; nothing is written to it."""
    folder = tmp_path_factory.mktemp("made")
    rng = random.Random(21)
    own = api(rng, 0, 48)
    write(folder / "logs", {"api": own + errors(rng, 30, 48, 12, ENUM)}, shape="plain")
    write(folder / "old-logs", {"api": own}, shape="plain")
    write(folder / "last-week", {"api": api(rng, -168, -120)}, shape="plain")
    write(folder / "later", {"api": api(rng, 48, 60)}, shape="plain")
    write(folder / "calm", {"api": beats(rng, 0, 48, 30)}, shape="plain")
    write(folder / "short", {"api": beats(rng, 0, 2)}, shape="plain")
    shutil.copy(folder / "last-week" / "api.log", folder / "normal.log")
    shutil.copy(ROOT / "fixtures" / "unknown_format" / "kiln.log", folder / "odd.log")
    (folder / "no-times.log").write_text("ERROR boom\n" * 50, encoding="utf-8")
    (folder / "binary.log").write_bytes(bytes(range(256)) * 64)
    (folder / "empty").mkdir()
    (folder / "facts").mkdir()
    shutil.copy(ROOT / "fixtures" / "facts" / "probes.json", folder / "facts")
    for name, text in (("my-rules/own.toml", RULE), ("bad-rules/own.toml", RULE + "x = 1")):
        (folder / name).parent.mkdir()
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "my-formats").mkdir()
    settings = Settings(baseline=("24h",))
    with contextlib.chdir(folder):  # so that the run names its logs as a copy of it finds them
        analyze(["logs"], settings, out=Path("analysis"), now="2026-03-03T00:00Z")
        analyze(["logs"], Settings(store="store"), out=Path("kept"), now="2026-03-03T00:00Z")
    for name in ("monday", "tuesday"):
        shutil.copytree(folder / "analysis", folder / name)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `analyze` in this process, in the current folder."""
    yield from runner(capsys, monkeypatch)


@pytest.fixture(scope="module")
def place(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all that was made, for the tests of one module to write to."""
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("place") / "here"))


@pytest.fixture(autouse=True)
def _no_settings_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the user's file nor variables of the shell that runs the tests count."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("NO_COLOR", "FORCE_COLOR", "ANALYZE_CONFIG", "ANALYZE_TZ"):
        monkeypatch.delenv(name, raising=False)
