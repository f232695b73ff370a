from dataclasses import replace
from datetime import UTC, datetime

from pipeline.model import CalibrationQuote
from pipeline.render.prose import lead_of
from tests.render import sample


def test_the_lead_tells_what_the_test_is_worth_on_these_counts() -> None:
    quote = CalibrationQuote(
        start=datetime(2026, 3, 1, tzinfo=UTC),
        end=datetime(2026, 3, 8, tzinfo=UTC),
        window_seconds=86_400,
        class_window_count=182,
        false_alarm_count=1,
        confirmed={"x2": 0.75, "new": 1.0},
    )
    said = lead_of(replace(sample.incident(), calibration=quote))[-1]
    assert "1 false alarm in 182 comparisons" in said
    assert "x2 in 75 %, new in 100 %" in said
