"""What the ingest benchmark writes is what it says it writes, and the program reads all of it."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from pipeline.ingest import (
    Options,
    find_streams,
    ledger_frame,
    load_formats,
    merge_rollup,
    read_stream,
)
from tests.benchmark_scripts import benchmark_module

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "ingest.py"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="the benchmarks are not installed")


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    with benchmark_module("ingest") as module:
        yield module


def _tables(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows: list[dict[str, object]] = []
    options = Options(formats=load_formats())
    streams = find_streams([str(folder)])
    batches = [batch for stream in streams for batch in read_stream(stream, options, rows)]
    return ledger_frame(rows), merge_rollup([batch.rollup for batch in batches])


def test_reading_finds_the_counts_that_were_written(benchmark: ModuleType, tmp_path: Path) -> None:
    truth = benchmark.generate(tmp_path, 1)

    ledger, rollup = _tables(tmp_path)

    assert benchmark.differences(truth.counts, benchmark.count(ledger, rollup)) == []
    assert ledger.height == len(benchmark.CONTAINERS) == 21
    assert ledger["byte_count"].sum() == truth.bytes


@pytest.mark.parametrize("envelope", ["cri", "plain", "gz"])
def test_every_envelope_holds_the_same_events(
    benchmark: ModuleType, tmp_path: Path, envelope: str
) -> None:
    docker = benchmark.generate(tmp_path / "docker", 0.2)

    other = benchmark.generate(tmp_path / "other", 0.2, envelope=envelope)

    found = benchmark.count(*_tables(tmp_path / "other"))
    assert other.counts == docker.counts
    assert benchmark.differences(docker.counts, found) == []


def test_the_mix_is_that_of_real_logs(benchmark: ModuleType, tmp_path: Path) -> None:
    truth = benchmark.generate(tmp_path, 10)

    counts = truth.counts
    assert 9.5 < truth.bytes / 2**20 < 10.5
    assert 0.62 < counts.statuses.total() / counts.lines < 0.68
    assert 0.12 < truth.json_lines / counts.lines < 0.14
    assert 0.12 < truth.traceback_lines / counts.lines < 0.18
    assert 0.007 < counts.errors / counts.events < 0.010
    assert 0.005 < counts.warnings / counts.events < 0.008


def test_docker_files_keep_dockers_rules(benchmark: ModuleType, tmp_path: Path) -> None:
    benchmark.generate(tmp_path, 1)

    lines = (tmp_path / "api-1-json.log").read_text(encoding="utf-8").splitlines()
    times = [line.rsplit('"time":"', 1)[1].removesuffix('"}') for line in lines]
    assert [line for line in lines if set("<>&") & set(line)] == []
    assert any(r"\u003c" in line and r"\u003e" in line and r"\u0026" in line for line in lines)
    assert [time for time in times if time.endswith(("0Z", ".Z")) and "." in time] == []
    assert len({len(time) for time in times}) > 1
    in_trace = [
        above.find('"stream":"stderr"') > 0
        and '"stream":"stdout"' in line
        and r'{"log":"  ' in below
        for above, line, below in zip(lines, lines[1:], lines[2:], strict=False)
    ]
    assert any(in_trace)


def test_the_same_seed_writes_the_same_bytes(benchmark: ModuleType, tmp_path: Path) -> None:
    for name, seed in (("first", 4), ("again", 4), ("other", 5)):
        benchmark.generate(tmp_path / name, 0.1, seed=seed)

    first, again, other = (
        (tmp_path / name / "api-1-json.log").read_bytes() for name in ("first", "again", "other")
    )
    assert first == again
    assert first != other


def test_a_count_that_differs_is_told(benchmark: ModuleType) -> None:
    truth = benchmark.Counts(lines=2, events=2, errors=1)
    truth.statuses[500] = 1

    found = benchmark.Counts(lines=2, events=2, errors=0)

    assert benchmark.differences(truth, found) == [
        "errors: 1 written, 0 found",
        "access lines of status 500: 1 written, 0 found",
    ]
