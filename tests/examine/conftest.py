"""A finished run of small logs, for commands that look into one."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.model import Settings
from pipeline.orchestrate import analyze
from tests.command import Run, runner
from tests.written_logs import beats, errors, requests, write

HOSTILE = "cache \x1b[31mexploded\x1b[0m <script>alert(1)</script> | =cmd() of shard 7"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `logs` and, in `out`, what a run of them left."""
    folder = tmp_path_factory.mktemp("made")
    rng = random.Random(5)
    api = requests(rng, 0, 48, 40, 0.02) + errors(rng, 30, 48, 10, HOSTILE)
    write(folder / "logs", {"api": api, "worker": beats(rng, 0, 48, 20)})
    analyze(
        [str(folder / "logs")],
        Settings(baseline=("24h",)),
        out=folder / "out",
        now="2026-03-03T00:00Z",
    )
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `analyze` in this process."""
    yield from runner(capsys, monkeypatch)
