"""Every rule gives the milliseconds of its samples and leaves what tells no unit."""

import pytest

from pipeline.ingest.durations import load_rules
from tests.ingest.support import read_event

SAMPLES = [
    pytest.param(line, expected, id=f"{rule.name}-{number}")
    for rule in load_rules()
    for number, (line, expected) in enumerate(rule.samples)
]
LEAVES = [
    pytest.param(line, id=f"{rule.name}-{number}")
    for rule in load_rules()
    for number, line in enumerate(rule.leaves)
]


@pytest.mark.parametrize(("line", "expected"), SAMPLES)
def test_sample_comes_to_its_milliseconds(line: str, expected: float) -> None:
    assert read_event(line)["duration_ms"] == pytest.approx(expected)


@pytest.mark.parametrize("line", LEAVES)
def test_line_without_a_unit_tells_no_duration(line: str) -> None:
    assert read_event(line)["duration_ms"] is None
