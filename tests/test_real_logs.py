"""Reading of real logs against counts that were made from the files by other means.

The logs lie beside the repository, not in it: without them every test here is skipped.
"""

import csv
import gzip
import json
import re
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.ingest import severity
from pipeline.schema import ERROR_SEVERITY, FATAL_SEVERITY, WARN_SEVERITY
from tests.ingest.support import Read, read_paths

LOGS = Path(__file__).parents[2] / "shared" / "logs"
pytestmark = pytest.mark.skipif(not LOGS.is_dir(), reason="the real logs are not here")


def _rows(name: str) -> list[dict[str, str]]:
    path = LOGS / name
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _at_least(read: Read, number: int) -> int:
    return read.events.filter(pl.col("severity_number") >= number).height


def _by_level(read: Read) -> dict[str, int]:
    bands = {"FATAL": (21, 24), "ERROR": (17, 20), "WARN": (13, 16), "INFO": (9, 12)}
    level = pl.col("severity_number")
    return {
        name: count
        for name, band in bands.items()
        if (count := read.events.filter(level.is_between(*band)).height)
    }


def test_crash_loop_in_utf16_gives_its_18_errors_with_their_tracebacks() -> None:
    read = read_paths(LOGS / "compose/telegram-archive")
    truth = json.loads((LOGS / "compose/truth_compose.json").read_text())
    expected = truth["telegram-archive/docker_logs.txt"]
    ledger = read.ledger.row(0, named=True)
    assert (ledger["line_count"], ledger["undecodable_byte_count"]) == (234, 0)
    assert ledger["encoding"] == "utf-16-le"
    errors = read.events.filter(pl.col("severity_number") >= ERROR_SEVERITY)
    assert errors.height == expected["levels"]["ERROR"]
    assert dict(Counter(errors["exception_type"])) == expected["exception_types"]
    firsts = errors["body"].str.split("\n").list.first()
    assert dict(Counter(firsts)) == expected["messages"]
    assert errors["exception_stacktrace"].null_count() == 0
    assert not errors["exception_stacktrace"].str.contains("\r").any()
    assert set(read.events["service_name"]) == set(expected["services"])
    times = read.events["timestamp"].dt.strftime("%Y-%m-%d %H:%M:%S")
    assert (times.min(), times.max()) == (expected["from"], expected["until"])


def test_error_message_as_a_column_name_is_no_error() -> None:
    read = read_paths(LOGS / "compose/gifty-backend")
    assert read.ledger["line_count"].sum() == 200
    assert _at_least(read, ERROR_SEVERITY) == 0
    assert set(read.events["container_name"]) == {"api-1"}
    assert set(read.events["service_name"]) == {"api"}


def test_compose_with_coloured_prefixes_gives_every_service_its_lines() -> None:
    read = read_paths(LOGS / "compose/open5gs/docker-compose.log")
    truth = json.loads((LOGS / "compose/truth_compose.json").read_text())
    expected = truth["open5gs/docker-compose.log"]["lines_per_service"]
    found = read.events.group_by("service_name").agg(pl.col("line_count").sum())
    lines = dict(found.rows())
    # Blank lines of a container are in no event; lines without a prefix belong to the whole.
    blank = read.ledger["blank_line_count"].sum()
    assert set(expected) <= set(lines)
    missing = {name: count - lines[name] for name, count in expected.items()}
    assert all(count >= 0 for count in missing.values())
    assert sum(missing.values()) <= blank
    java = read.events.filter(
        pl.col("exception_type") == "java.lang.StringIndexOutOfBoundsException"
    )
    assert java["service_name"].to_list() == ["fhoss"]
    assert java["severity_number"].min() == ERROR_SEVERITY


@pytest.mark.parametrize(
    ("name", "lines", "levels"),
    [
        ("app/beerus", 275, {"INFO": 274, "WARN": 1}),
        ("app/corpus-te", 77, None),
        ("app/pumicewiki", 285, None),
    ],
)
def test_application_log_has_the_levels_that_were_counted(
    name: str, lines: int, levels: dict[str, int] | None
) -> None:
    read = read_paths(LOGS / name)
    assert read.ledger["line_count"].sum() == lines
    assert _at_least(read, ERROR_SEVERITY) == 0
    if levels is not None:
        assert _by_level(read) == levels


def test_access_lines_with_colour_inside_columns_give_their_status() -> None:
    read = read_paths(LOGS / "app/pumicewiki")
    assert dict(Counter(read.events["http_response_status_code"].drop_nulls())) == {
        200: 142,
        304: 1,
    }


def test_supervisor_reports_the_exit_that_no_one_expected() -> None:
    read = read_paths(LOGS / "app/featureform")
    exits = read.events.filter(
        pl.col("body").str.contains("exited: metadata (exit status 2; not expected)", literal=True)
    )
    assert exits["timestamp"].dt.strftime("%H:%M:%S").to_list() == ["18:59:41"]
    info = read.events.filter(pl.col("body").str.contains("last error"))
    assert info.height
    assert (info["severity_number"] < WARN_SEVERITY).all()


def _kafka() -> dict[tuple[str, str], dict[str, dict[str, int]]]:
    hours: dict[tuple[str, str], dict[str, dict[str, int]]] = {}
    for row in _rows("kafka/truth_hourly_levels.csv"):
        if row["hour_local"] != "continuation":
            counts = {level: int(row[level]) for level in ("INFO", "WARN", "ERROR", "FATAL")}
            hours.setdefault((row["broker"], row["log"]), {})[row["hour_local"]] = counts
    return hours


@pytest.mark.parametrize(("broker", "log"), sorted(_kafka()))
def test_broker_has_the_levels_of_every_hour(broker: str, log: str) -> None:
    read = read_paths(*sorted((LOGS / "kafka" / broker).glob(f"{log}.log*")))
    texts = read.events.group_by(
        pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:00"), "severity_text"
    ).len()
    found: dict[str, Counter[str]] = {}
    for hour, level, count in texts.rows():
        found.setdefault(hour, Counter())[level] = count
    for hour, counts in _kafka()[broker, log].items():
        assert {level: found[hour][level] for level in counts} == counts, hour


def test_rotated_broker_files_are_one_stream_in_the_order_of_time() -> None:
    read = read_paths(LOGS / "kafka/kafka0")
    assert read.ledger["service_name"].unique().sort().to_list() == [
        "controller",
        "log-cleaner",
        "server",
    ]


def _mysql() -> dict[str, dict[str, tuple[int, int]]]:
    hours: dict[str, dict[str, tuple[int, int]]] = {}
    for row in _rows("mysql/truth_hourly_levels.csv"):
        if row["error"] and row["file"].startswith(("galera-upgrade", "galera-conflict")):
            counts = int(row["error"]), int(row["warning"])
            hours.setdefault(row["file"], {})[row["hour"]] = counts
    return hours


@pytest.mark.parametrize("name", sorted(_mysql()))
def test_database_node_has_the_errors_and_warnings_of_every_hour(name: str) -> None:
    read = read_paths(LOGS / "mysql" / name)
    # Lines before the first header and stack dumps have levels of their own or none.
    headed = read.events.filter(pl.col("format_name") == "mysql")
    level = pl.col("severity_number")
    counted = headed.group_by(pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:00Z")).agg(
        (level >= ERROR_SEVERITY).sum(),
        level.is_between(WARN_SEVERITY, ERROR_SEVERITY - 1).sum().alias("warnings"),
    )
    found = {hour: (errors, warnings) for hour, errors, warnings in counted.rows()}
    assert found == _mysql()[name]


@pytest.mark.slow
def test_collector_copies_of_lines_are_unwrapped() -> None:
    read = read_paths(LOGS / "mysql/galera-operator_split")
    assert read.ledger["line_count"].sum() == 3860
    assert read.events.filter(pl.col("format_name") == "mysql").height >= 2000
    assert _at_least(read, ERROR_SEVERITY) == 0


def _faults() -> list[dict[str, object]]:
    path = LOGS / "nezha-trainticket/truth.json"
    return json.loads(path.read_text())["faults"] if path.is_file() else []


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, id=str(fault["id"]), marks=pytest.mark.slow) for fault in _faults()],
)
def test_fault_has_its_errors_before_and_after_at_the_time_of_the_envelope(
    fault: dict[str, object],
) -> None:
    folder = LOGS / "nezha-trainticket" / str(fault["docker_dir"])
    read = read_paths(folder)
    injected = datetime.fromisoformat(str(fault["inject_time_utc"]))
    for part, side in (
        ("before", pl.col("timestamp") < injected),
        ("after", pl.col("timestamp") >= injected),
    ):
        levels = fault[f"levels_{part}"]
        assert isinstance(levels, dict)
        errors = read.events.filter(side & (pl.col("severity_text") == "ERROR")).height
        assert errors == levels.get("ERROR", 0), part
    # A damaged record has no time of its own; nothing else is without.
    assert read.events.filter(pl.col("time_source") != "envelope").height <= 1


@pytest.mark.slow
def test_every_time_of_a_json_file_is_the_envelopes() -> None:
    folder = LOGS / "nezha-trainticket/docker/ts-01"
    read = read_paths(folder)
    wrong = 0
    for path in sorted(folder.iterdir()):
        lines = gzip.decompress(path.read_bytes()).decode().split("\n")
        events = read.events.filter(pl.col("log_file_path") == str(path))
        for number, time in events.select("line_number", "timestamp").rows():
            stamp = datetime.fromisoformat(json.loads(lines[number - 1])["time"])
            wrong += abs(stamp - time) > timedelta(microseconds=1)
    assert wrong == 0
    assert read.events["observed_timestamp"].null_count() == 0


_POSTGRES = ("LOG", "WARNING", "NOTICE", "ERROR", "FATAL", "PANIC")


@pytest.mark.parametrize("row", _rows("postgres/truth_severity.csv"), ids=lambda row: row["file"])
def test_postgres_severities_are_as_counted(row: dict[str, str]) -> None:
    read = read_paths(LOGS / "postgres/pgbadger" / row["file"])
    found = Counter(read.events["severity_text"].drop_nulls().to_list())
    assert {word: found[word] for word in _POSTGRES} == {word: int(row[word]) for word in _POSTGRES}


def test_pgbouncer_severities_are_as_counted() -> None:
    path = LOGS / "postgres/pgbadger/pgbouncer.log.gz"
    text = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
    words = Counter(re.findall(r"(?m)^[0-9 :.-]{23} [0-9]+ ([A-Z]+) ", text))
    assert words["LOG"] > 100_000
    assert Counter(read_paths(path).events["severity_text"].drop_nulls()) == words


@pytest.mark.parametrize(
    "system", ["Apache", "BGL", "HDFS", "Hadoop", "OpenStack", "Spark", "HealthApp", "Linux"]
)
def test_every_line_is_a_record_with_the_level_of_its_system(system: str) -> None:
    read = read_paths(LOGS / f"loghub/{system}/{system}_2k.log")
    assert read.events.height == 2000
    rows = _rows(f"loghub/{system}/{system}_2k.log_structured.csv")
    # The column holds the host's name in one system, and is missing in another.
    if system in ("HealthApp", "Linux"):
        assert _at_least(read, FATAL_SEVERITY) == 0
        return
    words = pl.Series([row["Level"] for row in rows])
    expected = severity.numbers(words)
    assert 0 not in expected
    found = read.events["severity_number"]
    right = (found == expected).sum()
    assert right >= 0.99 * 2000, (words.filter(found != expected).value_counts(), right)


@pytest.mark.parametrize(
    "row", _rows("kubernetes/truth_journald_priority.csv"), ids=lambda row: row["file"][-30:]
)
def test_journald_priorities_are_its_levels(row: dict[str, str]) -> None:
    read = read_paths(LOGS / row["file"])
    assert read.events.height == int(row["entries"])
    names = {"p0": 21, "p1": 19, "p2": 18, "p3": 17, "p4": 13, "p5": 10, "p6": 9, "p7": 5}
    found = Counter(read.events["severity_number"])
    for column, count in row.items():
        if number := names.get(column[:2]):
            assert found[number] == int(count), column


def test_access_log_has_the_statuses_of_every_hour() -> None:
    _assert_statuses(LOGS / "access/elastic", "access/elastic/truth_hourly_status.csv", "%H:00")


def test_access_log_in_another_zone_has_the_statuses_of_every_minute() -> None:
    _assert_statuses(LOGS / "access/lnav", "access/lnav/truth_minute_status.csv", "%H:%M")


def _assert_statuses(folder: Path, truth: str, clock: str) -> None:
    files = [path for path in folder.iterdir() if not path.name.startswith("truth")]
    events = read_paths(*files).events
    hour = pl.col("timestamp").dt.strftime(f"%Y-%m-%dT{clock}Z").alias("time")
    found = Counter(
        events.select(hour, pl.col("http_response_status_code") // 100).drop_nulls().rows()
    )
    for row in _rows(truth):
        time = row["hour_utc"] if "hour_utc" in row else row["minute_utc"]
        for band in "2345":
            assert found[time, int(band)] == int(row[f"{band}xx"]), (time, band)


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("gbk", "gbk"), ("sjis", "shift_jis"), ("win1251", "cp1251"), ("win1252", None)],
)
def test_text_in_other_encodings_is_what_a_collector_made_of_it(
    name: str, encoding: str | None
) -> None:
    path = LOGS / f"formats/fluent-bit/generic_enc_{name}.log"
    read = read_paths(path, input_encoding=encoding)
    expected = path.with_suffix(".out").read_text().splitlines()
    bodies = read.events["body"].to_list()
    # The collector had not yet put out its last line.
    assert bodies[:-1] == [json.loads(line)["log"] for line in expected]
    assert read.ledger["undecodable_byte_count"].item() == 0


@pytest.mark.slow
def test_exports_of_loki_run_from_new_to_old_and_others_do_not() -> None:
    assert read_paths(LOGS / "kubernetes/loki-drain").ledger["is_reversed"].all()
    read = read_paths(LOGS / "loghub/Spark", LOGS / "app", LOGS / "compose")
    assert not read.ledger["is_reversed"].any()


@pytest.mark.slow
def test_every_file_is_read_without_loss() -> None:
    read = read_paths(LOGS)  # conservation is checked there
    lines = {row["path"]: int(row["lines"]) for row in _rows("MANIFEST.csv")}
    assert len(lines) > 900
    refused = read.ledger.filter(pl.col("error").is_not_null())["log_file_path"].to_list()
    found = dict(read.ledger.select("log_file_path", "line_count").rows())
    wrong = {
        path: (count, found.get(str(LOGS / path)))
        for path, count in lines.items()
        if str(LOGS / path) not in refused and found.get(str(LOGS / path)) != count
    }
    assert not wrong
