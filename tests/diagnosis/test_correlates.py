"""What is said to explain a rise, and how seldom chance alone is."""

import random

import polars as pl
import pytest

from pipeline.detection import rate_ratio_interval
from pipeline.diagnosis.correlates import find_correlates
from pipeline.model import Correlate


def values(
    *, candidate: tuple[int, int], baseline: tuple[int, int], other: tuple[int, int],
    kind: str = "version", finding: str = "boom",
) -> pl.DataFrame:  # fmt: skip
    counts = {"candidate": candidate, "baseline": baseline, "other": other}
    return pl.DataFrame(
        {
            "finding_id": [finding],
            "value_kind": [kind],
            "value_text": ["2.1"],
            **{f"{name}_count": [count] for name, (count, _) in counts.items()},
            **{f"{name}_total": [total] for name, (_, total) in counts.items()},
        }
    )


def found(frame: pl.DataFrame) -> list[Correlate]:
    return find_correlates(frame, rate_ratio_interval).get("boom", [])


def test_a_value_that_rose_against_both_explains() -> None:
    (one,) = found(values(candidate=(45, 50), baseline=(10, 50), other=(100, 500)))
    assert (one.kind, one.value, one.share, one.event_count) == ("version", "2.1", 0.9, 45)
    assert one.lift == pytest.approx(4.5)
    assert (one.baseline_share, one.other_share) == (0.2, 0.2)


@pytest.mark.parametrize(
    ("why", "baseline", "other"),
    [
        ("the class always had it", (45, 50), (100, 500)),
        ("everything has it now", (10, 50), (450, 500)),
        ("there is nothing to compare with", (0, 0), (0, 0)),
        ("too little is known of before, and others have it too", (0, 4), (300, 500)),
    ],
)
def test_what_does_not_explain(why: str, baseline: tuple[int, int], other: tuple[int, int]) -> None:
    assert not found(values(candidate=(45, 50), baseline=baseline, other=other)), why


def test_a_new_class_is_compared_with_other_events_alone() -> None:
    (one,) = found(values(candidate=(20, 20), baseline=(0, 0), other=(5, 500)))
    assert one.baseline_share is None
    assert one.lift == pytest.approx(100)


def test_a_value_that_no_other_event_has_gets_no_invented_lift() -> None:
    (one,) = found(values(candidate=(20, 20), baseline=(0, 0), other=(0, 500)))
    assert one.lift is None


@pytest.mark.parametrize("kind", ["service", "detail"])
def test_what_all_events_of_a_new_class_carry_is_not_told_twice(kind: str) -> None:
    assert not found(values(candidate=(20, 20), baseline=(0, 0), other=(1, 500), kind=kind))


@pytest.mark.slow
def test_fewer_than_one_of_a_thousand_values_that_mean_nothing_passes() -> None:
    draws = random.Random(7)
    frames = []
    for index in range(4000):
        usual = draws.uniform(0.05, 0.8)
        sizes = [draws.choice([10, 30, 100, 400]) for _ in range(3)]
        counts = [sum(draws.random() < usual for _ in range(size)) for size in sizes]
        if counts[0] < 5 or counts[0] < 0.2 * sizes[0]:  # the query leaves these out
            continue
        pairs = list(zip(counts, sizes, strict=True))
        baseline = pairs[1] if index % 2 else (0, 0)
        frames.append(
            values(candidate=pairs[0], baseline=baseline, other=pairs[2], finding=str(index))
        )
    passed = len(find_correlates(pl.concat(frames), rate_ratio_interval))
    assert len(frames) > 2000
    assert passed / len(frames) < 0.001
