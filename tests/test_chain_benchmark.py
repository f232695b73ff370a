"""The chain benchmark in small: bounds that a change of the method must keep.

Few draws, fixed seeds; `python benchmarks/chain.py` is the full form, whose table is in
`docs/chain.md`.
"""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.benchmark_scripts import benchmark_module

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "chain.py"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="the benchmarks are not installed")
RUNS = 8


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    with benchmark_module("chain") as module:
        yield module


def case(bench: ModuleType, name: str) -> object:
    return next(one for one in bench.CASES if one.name == name)


@pytest.mark.parametrize("name", ["chain", "chain, ids", "fork"])
def test_one_draw_is_drawn_right(bench: ModuleType, name: str) -> None:
    found = bench.measure(case(bench, name), 60, 0.9, 1, 3)

    assert (found.share("right"), found.share("apart")) == (100, 100)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [20, 200])
@pytest.mark.parametrize("name", ["chain", "chain, ids", "fork", "fork, ids", "burst chain"])
def test_chains_and_forks_are_told_apart(bench: ModuleType, name: str, rate: int) -> None:
    found = bench.measure(case(bench, name), rate, 0.6, RUNS, 3)

    assert found.share("right") >= 100 * (RUNS - 1) / RUNS
    assert found.share("apart") >= 100 * (RUNS - 1) / RUNS
    assert found.reversed_share == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hidden", "hidden narrow", "alone"])
def test_nothing_is_sure_where_nothing_can_be_known(bench: ModuleType, name: str) -> None:
    found = bench.measure(case(bench, name), 60, 0.9, RUNS, 3)

    assert found.share("no sure B-C") == 100
