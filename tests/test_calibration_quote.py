"""A report quotes what `calibrate` measured in its folder, and nothing that is no calibration."""

import json
from pathlib import Path

import pytest

from pipeline.orchestrate.calibration import CALIBRATION, last_calibration

WRITTEN = {
    "start": "2026-03-01T00:00:00Z",
    "end": "2026-03-08T00:00:00Z",
    "window_seconds": 86400,
    "class_window_count": 182,
    "false_alarm_count": 1,
    "planted": [
        {"kind": "x2", "confirmed": 0.75},
        {"kind": "silence", "confirmed": None},
        {"kind": "<script>", "confirmed": 1.0},
    ],
}


def test_what_was_measured_is_quoted(tmp_path: Path) -> None:
    (tmp_path / CALIBRATION).write_text(json.dumps(WRITTEN), encoding="utf-8")
    quote = last_calibration(tmp_path, print)
    assert quote is not None
    assert (quote.class_window_count, quote.false_alarm_count) == (182, 1)
    assert quote.confirmed == {"x2": 0.75}


def test_without_a_calibration_nothing_is_said(tmp_path: Path) -> None:
    assert last_calibration(tmp_path, print) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"start": 3}', "\ufeff{", "[" * 100_000])
def test_what_is_no_calibration_is_told_and_not_quoted(tmp_path: Path, text: str) -> None:
    (tmp_path / CALIBRATION).write_text(text, encoding="utf-8")
    told: list[str] = []
    assert last_calibration(tmp_path, told.append) is None
    assert "not quoted" in told[0]
