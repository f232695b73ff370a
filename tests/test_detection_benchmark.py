"""The detection benchmark in its quick form: bounds that a change of the method must keep.

Few draws, fixed seeds; `make bench` runs the full form, whose tables are in `docs/decisions`.
"""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.benchmark_scripts import benchmark_module

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "detection.py"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="the benchmarks are not installed")
FAMILIES = ["negbin", "cox"]


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    with benchmark_module("detection") as module:
        yield module


@pytest.mark.parametrize("family", FAMILIES)
def test_twice_the_traffic_raises_no_alarm(bench: ModuleType, family: str) -> None:
    rng = np.random.default_rng([7, 1])
    false = tested = 0
    while tested < 150:
        draw = bench.FAMILIES[family](rng, bench.Setting(surge=2.0))
        false += int(bench.ours(draw)["is_regression"].sum())
        tested += len(draw.counts)

    # At two in a thousand, three of two hundred would come by chance once in a hundred seeds.
    assert false <= 2


@pytest.mark.parametrize("family", FAMILIES)
def test_planted_rises_are_found(bench: ModuleType, family: str) -> None:
    rng = np.random.default_rng([7, 2])
    planted = ((5.0, 3.0), (30.0, 3.0), (3.0, float("inf"))) * 12
    draw = bench.FAMILIES[family](rng, bench.Setting(class_count=100, planted=planted))

    found = bench.ours(draw)["is_regression"].to_list()

    assert sum(found[: len(planted)]) >= 0.93 * len(planted)


@pytest.mark.parametrize("family", FAMILIES)
def test_clean_baselines_lose_nothing(bench: ModuleType, family: str) -> None:
    rng = np.random.default_rng([7, 3])
    cuts = tested = 0
    while tested < 100:
        draw = bench.FAMILIES[family](rng, bench.Setting())
        _, _, audit = bench._audited(draw)
        cuts += audit.filter("is_cut").height
        tested += len(draw.counts)

    assert cuts == 0
