"""The quick form of `benchmarks/templates.py`: labelled logs, with bounds; skipped without them."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from tests.benchmark_scripts import benchmark_module

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "templates.py"
LOGS = ROOT.parent / "shared" / "logs"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="the benchmarks are not installed")


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    with benchmark_module("templates") as module:
        yield module


def test_score_counts_lines_of_exact_groups(benchmark: ModuleType) -> None:
    truth, found = pl.Series(["a", "a", "b", "c", "c"]), pl.Series(["x", "x", "y", "y", "z"])

    assert benchmark.score(truth, found) == (0.4, 2 / 6)


@pytest.mark.skipif(not (LOGS / "loghub").is_dir(), reason="the labelled logs are not here")
def test_grouping_accuracy_on_labelled_logs(benchmark: ModuleType) -> None:
    scores = benchmark.measure(LOGS / "loghub")

    assert len(scores) == 9
    assert scores["mean"][0] >= 0.985
    assert scores["mean"][1] >= 0.985
    assert min(accuracy for accuracy, _ in scores.values()) >= 0.98


@pytest.mark.skipif(not (LOGS / "nezha-trainticket").is_dir(), reason="TrainTicket is not here")
def test_grouping_accuracy_by_statement(benchmark: ModuleType) -> None:
    accuracy, f1 = benchmark.score_of(benchmark.train_ticket(LOGS / "nezha-trainticket"))

    assert accuracy >= 0.82
    assert f1 >= 0.82
