"""Runs by the hour over logs that are rotated leave what one run over everything leaves."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.store.plant import Service, contents, ingest, services

_NAMES = pl.col("log_file_path")


def assert_same(one: Path, other: Path, *, but: tuple[str, ...] = ()) -> None:
    """Two stores hold the same rows, each table in one order."""
    left, right = contents(one), contents(other)
    for name, table in left.items():
        if name not in but:
            assert_frame_equal(table, right[name], check_exact=True)


def run_hours(plant: list[Service], logs: Path, kept: Path, how: str, hours: range) -> list[int]:
    """Let the plant log, rotated every third hour, and a job read it after each; some lines are
    only half there.
    """
    sizes = []
    for hour in hours:
        if hour % 3 == 0 and hour:
            for one in plant:
                one.rotate(how)
        for one in plant:
            one.log(hour, is_cut=hour % 3 == 1)
        sizes.append(ingest(logs, kept))
    return sizes


@pytest.mark.parametrize("how", ["rename", pytest.param("copytruncate", marks=pytest.mark.slow)])
def test_many_runs_leave_what_one_leaves(tmp_path: Path, how: str) -> None:
    logs = tmp_path / "logs"
    plant = services(logs)

    run_hours(plant, logs, tmp_path / "kept", how, range(7))
    ingest(logs, tmp_path / "once")

    assert_same(tmp_path / "kept", tmp_path / "once")
