"""An error that comes with every start of its service is told to be normal there."""

import random
from pathlib import Path

from pipeline import orchestrate
from pipeline.model import Settings
from tests.written_logs import HOUR, START, Line, beats, write

COLD = "pool is not ready yet, request refused"


def test_errors_of_every_start_in_the_baseline_are_said(tmp_path: Path) -> None:
    """The service stands still for a quarter of an hour, five times; each start fails a little."""
    rng = random.Random(7)
    pauses = [5.0, 11.0, 20.0, 33.0, 41.0]
    lines: list[Line] = [
        line
        for line in beats(rng, 0, 48, per_hour=600)
        if not any(0 <= (line[0] - START) / HOUR - pause < 0.25 for pause in pauses)
    ]
    for pause in pauses:
        lines += [(START + (pause + 0.252 + step / 100) * HOUR, "ERROR", COLD) for step in range(4)]
    lines += [(START + hour * HOUR, "ERROR", "disk is slow") for hour in (3.5, 14.2, 28.7, 44.1)]
    write(tmp_path / "logs", {"api": lines})
    result = orchestrate.analyze(
        [str(tmp_path / "logs")],
        Settings(baseline=("36h",)),
        out=tmp_path / "out",
        now="2026-05-01",
    )

    said = [one.text for one in result.coverage.warnings if one.kind == "restart_errors"]
    assert len(said) == 1
    assert "4 of the 4 times" in said[0] and "(16 of its 16 events)" in said[0]
    assert "after 1 of 1" in said[0]
