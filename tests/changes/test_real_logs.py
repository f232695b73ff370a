"""Changes in published logs, against what was found in them by hand, line by line."""

from collections import Counter
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from pipeline.changes import find_changes, literals_of, load_signs
from pipeline.ingest import Options, find_streams, load_formats, read_stream
from pipeline.schema import CHANGES

LOGS = Path(__file__).parents[3] / "shared" / "logs"
pytestmark = pytest.mark.skipif(not LOGS.is_dir(), reason="the published logs are not here")


@cache
def changes(folder: str) -> pl.DataFrame:
    signs = load_signs()
    options = Options(formats=load_formats(), notable=literals_of(signs))
    found = [
        find_changes(batch.notable, signs, "candidate")
        for stream in find_streams([str(LOGS / folder)])
        for batch in read_stream(stream, options, [])
    ]
    return pl.concat([pl.DataFrame(schema=CHANGES), *found])


def kinds(folder: str) -> dict[str, int]:
    return dict(Counter(changes(folder)["kind"].to_list()))


# Counted with grep, by line: (folder, kinds). Nothing else may be found.
EXPECTED = {
    "app/featureform": {"start": 11, "crash": 1},
    "app/pumicewiki": {"start": 12},
    "mysql/galera-conflict": {"membership": 1},
    "compose/gifty-backend": {},
}


@pytest.mark.parametrize("folder", EXPECTED)
def test_what_is_there_is_found_and_nothing_else(folder: str) -> None:
    assert kinds(folder) == EXPECTED[folder]


@pytest.mark.slow
def test_a_broker_that_restarts_is_seen_to_end_and_to_begin() -> None:
    own = changes("kafka").filter(pl.col("log_file_path").str.contains("kafka1/server"))
    at = pl.col("timestamp").dt.strftime("%H:%M")

    assert kinds("kafka") == {"start": 4, "stop": 1, "leader": 5}
    assert own.sort("timestamp").select("kind", at).rows() == [
        ("start", "16:32"), ("stop", "18:14"), ("start", "19:27"),
    ]  # fmt: skip


def test_each_network_function_of_a_lab_starts_once() -> None:
    started = changes("compose/open5gs").filter(pl.col("sign") == "open5gs_start")
    by_file = started.group_by("log_file_path").len()

    assert by_file["len"].to_list() == [15, 15]
    assert set(changes("compose/open5gs")["kind"]) == {"start"}


@pytest.mark.slow
def test_an_upgrade_of_a_cluster_is_told_with_its_versions() -> None:
    found = changes("mysql/galera-upgrade").filter(pl.col("sign") == "mysql_start")
    versions = found.sort("timestamp").group_by("service_name", maintain_order=True).agg("version")

    told = {name: list(dict.fromkeys(own)) for name, own in versions.rows()}
    assert told["node2"] == ["5.7.40-43-57-log", "8.0.28-19.1"]
    assert told["node1"] == told["node3"] == ["8.0.28-19.1"]


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["nezha-onlineboutique", "formats/fail2ban", "formats/plaso"])
def test_logs_without_a_change_have_none(folder: str) -> None:
    assert kinds(folder) == {}
