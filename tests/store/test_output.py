"""The output folder: all of a run or nothing of it, and never another's files."""

import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import PipelineError, UsageError
from pipeline.schema import EVENTS
from pipeline.store import MARKER, staged, write_documents, write_table


def event(body: str, minute: int, line: int = 1) -> dict[str, object]:
    timestamp = datetime(2026, 3, 2, 12, minute, tzinfo=UTC)
    return {"timestamp": timestamp, "body": body, "log_file_path": "a.log", "line_number": line}


def commit(out: Path, text: str, *bodies: str) -> None:
    with staged(out) as staging:
        rows = [event(body, at) for at, body in enumerate(bodies)]
        staging.write_events("candidate", pl.DataFrame(rows, schema=EVENTS))
        staging.write_table("rollup", pl.DataFrame({"event_count": [len(bodies)]}))
        staging.write_text("result.json", text)
        staging.commit()


def contents(out: Path) -> dict[str, bytes]:
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def test_commit_moves_all_files_into_place(tmp_path: Path) -> None:
    commit(tmp_path / "out", "{}", "boom")

    assert sorted(contents(tmp_path / "out")) == [
        MARKER,
        "events/candidate-00000.parquet",
        "result.json",
        "rollup.parquet",
    ]


def test_commit_replaces_all_that_an_earlier_run_left(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with staged(out) as staging:
        for body in ("a", "b", "c"):
            staging.write_events("baseline", pl.DataFrame([event(body, 0)], schema=EVENTS))
        staging.commit()

    commit(out, "second", "boom")

    assert [path.name for path in (out / "events").iterdir()] == ["candidate-00000.parquet"]
    assert (out / "result.json").read_text(encoding="utf-8") == "second"


def test_a_run_that_fails_changes_nothing(tmp_path: Path) -> None:
    commit(tmp_path / "out", "first", "boom")
    before = contents(tmp_path / "out")

    with pytest.raises(RuntimeError), staged(tmp_path / "out") as staging:
        staging.write_text("result.json", "second")
        staging.write_events("candidate", pl.DataFrame([event("x", 0)], schema=EVENTS))
        raise RuntimeError("in the middle")

    assert contents(tmp_path / "out") == before


def test_an_interrupted_run_leaves_no_staging_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), staged(tmp_path / "out"):
        raise KeyboardInterrupt

    assert sorted(contents(tmp_path / "out")) == [MARKER]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [MARKER]


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    out = tmp_path / "out"
    commit(out, "first", "boom")
    (out / ".staging-0123456789ab" / "events").mkdir(parents=True)

    commit(out, "second", "boom")

    assert [path for path in out.iterdir() if path.name.startswith(".staging")] == []


def test_a_folder_with_other_files_is_refused_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(UsageError, match="other files"), staged(tmp_path):
        pass

    assert sorted(contents(tmp_path)) == ["thesis.txt"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf-8")

    with pytest.raises(UsageError, match="not a folder"), staged(tmp_path / "out"):
        pass

    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


def test_a_folder_that_cannot_be_made_is_told_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(PipelineError) as caught, staged(tmp_path / "file" / "out"):
        pass

    assert caught.value.hint


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o500)

    with pytest.raises(PipelineError, match="cannot write") as caught, staged(tmp_path / "out"):
        pass

    assert caught.value.hint


def test_events_of_a_part_are_sorted_by_time_and_those_without_come_last(tmp_path: Path) -> None:
    rows = [event("late", 5), event("none", 0), event("early", 1), event("same", 1, line=0)]
    rows[1]["timestamp"] = None

    with staged(tmp_path / "out") as staging:
        staging.write_events("candidate", pl.DataFrame(rows, schema=EVENTS))
        (part,) = staging.event_parts["candidate"]
        assert pl.read_parquet(part)["body"].to_list() == ["same", "early", "late", "none"]


def test_events_come_back_with_their_types(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    row = event("boom", 0) | {
        "attributes": [{"key": "a", "value": "b"}],
        "exception_chain": ["A: x"],
        "http_response_status_code": 500,
    }
    table = pl.DataFrame([row], schema=EVENTS)

    write_table(path, table)

    assert pl.read_parquet(path).schema.keys() == EVENTS.keys()
    assert pl.read_parquet(path)["timestamp"].dtype == EVENTS["timestamp"]
    assert pl.read_parquet(path)["attributes"].to_list() == table["attributes"].to_list()


def test_a_damaged_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write_table(path, pl.DataFrame({"x": range(20_000)}))
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    data = bytearray(path.read_bytes())
    data[column.data_page_offset + column.total_compressed_size // 2] ^= 0x10
    path.write_bytes(bytes(data))

    with pytest.raises((OSError, pa.ArrowException)):
        pq.read_table(path, page_checksum_verification=True)


def test_documents_replace_older_ones_and_leave_no_temporary_file(tmp_path: Path) -> None:
    write_documents(tmp_path / "out", {"report.md": "old"})
    write_documents(tmp_path / "out", {"report.md": "new\n"})

    assert contents(tmp_path / "out") == {"report.md": b"new\n"}
