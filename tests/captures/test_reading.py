"""Captured files: what each kind says, and what becomes of what is broken, huge or hostile."""

import json
import os
import shutil
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.captures import Told, files, read_captures, tell_captures
from pipeline.captures.shapes import load_shapes
from pipeline.errors import UsageError
from pipeline.model import FactFile, Window
from pipeline.orchestrate.captured import service_named
from pipeline.redaction import Redactor

FIXTURES = Path(__file__).parents[2] / "fixtures" / "facts"
DAY = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))
STATEMENTS = tomllib.loads((Path(__file__).parent / "statements.toml").read_text("utf-8"))
SECRETS = ("tulip-bulb-77", "a-word-that-nobody-may-see")


def tell(*paths: Path, candidate: Window = DAY) -> Told:
    facts, measures = read_captures([str(path) for path in paths], service_named, Redactor())
    return tell_captures(facts.sort("file_name"), measures, candidate)


def written(folder: Path, data: bytes, name: str = "capture") -> FactFile:
    (folder / name).write_bytes(data)
    (found,) = tell(folder).files
    return found


@pytest.fixture(scope="module")
def told() -> Told:
    return tell(FIXTURES)


def said(told: Told) -> list[tuple[str, str, str, str]]:
    return [
        (Path(one.source or "").name, one.component, status, one.text)
        for status in ("working", "broken", "unknown")
        for one in getattr(told, status)
    ]


@pytest.mark.parametrize(
    "case", STATEMENTS["statement"], ids=lambda one: f"{one['file']}-{one['component']}"
)
def test_a_record_says(told: Told, case: dict[str, str]) -> None:
    found = [one for one in said(told) if one[:3] == (case["file"], case["component"], case["at"])]

    assert any(case["text"] in text for *_, text in found), found


def test_no_record_says_more_than_is_expected(told: Told) -> None:
    assert len(said(told)) == len(STATEMENTS["statement"])


def test_every_shape_but_that_of_collect_has_a_file(told: Told) -> None:
    kinds = {one.kind for one in told.files}

    assert {one.title for one in load_shapes() if one.name != "collected"} <= kinds


def test_nothing_is_known_by_the_name_of_its_file(told: Told, tmp_path: Path) -> None:
    for number, path in enumerate(sorted(FIXTURES.iterdir())):
        shutil.copy(path, tmp_path / f"{number:02d}.bin")

    renamed = tell(tmp_path)

    assert [one.kind for one in renamed.files] == [one.kind for one in told.files]
    assert [one[1:] for one in said(renamed)] == [one[1:] for one in said(told)]


def test_what_is_of_no_known_kind_is_kept_as_it_is(told: Told) -> None:
    shown = {Path(one.file_name).name: one for one in told.files}
    csv = shown["pg_enum.csv"]

    assert csv.kind == "CSV"
    assert csv.excerpt == (FIXTURES / "pg_enum.csv").read_text("utf-8").rstrip("\n")
    assert "load average" in (shown["uptime.txt"].excerpt or "")
    assert shown["docker-inspect.json"].excerpt is None


def test_neither_environments_nor_commands_are_taken_in(tmp_path: Path) -> None:
    inspected = json.loads((FIXTURES / "docker-inspect.json").read_text("utf-8"))
    own = [{"what": "own", "Config": one["Config"], "Args": one.get("Args")} for one in inspected]
    (tmp_path / "own.json").write_text(json.dumps(own), "utf-8")

    facts, measures = read_captures([str(tmp_path), str(FIXTURES)], service_named, None)
    everything = facts.write_json() + measures.write_json()

    assert [secret for secret in SECRETS if secret in everything] == []
    assert "POSTGRES_PASSWORD=[redacted:environment]" in everything


@pytest.mark.parametrize(
    ("hours", "when"), [(-48, "after"), (0, "within"), (48, "before")], ids=str
)
def test_a_capture_is_said_to_lie_beside_the_window(hours: int, when: str) -> None:
    moved = timedelta(hours=hours)
    told = tell(FIXTURES / "probes.json", candidate=Window(DAY.start + moved, DAY.end + moved))

    assert [one.when for one in told.files] == [when]


def test_a_time_is_not_invented(told: Told) -> None:
    stats, inspect, probes = (
        next(one for one in told.files if one.file_name.endswith(name))
        for name in ("docker-stats.jsonl", "docker-inspect.json", "probes.json")
    )

    assert (stats.captured_at, stats.captured_after, stats.when) == (None, None, "unknown")
    assert inspect.captured_at is None
    assert inspect.captured_after == datetime(2026, 3, 2, 6, 10, 12, 551204, UTC)
    assert (probes.captured_at, probes.time_origin) == (
        datetime(2026, 3, 2, 6, 11, 6, tzinfo=UTC),
        "in the file",
    )


DEEP = b"[" * 5000 + b"]" * 5000
ODD = {
    "empty": (b"  \n", "empty"),
    "binary": (b"\x7fELF\x02\x01\0\0\xff\xfe\xfd" * 40, "binary: not shown"),
    "gzip": (b"\x1f\x8b\x08\0\0\0", "compressed: unpack it first"),
    "cut off": (b'[{"url": "http://a/", "status": 2', "broken JSON (line 1"),
    "deep": (DEEP, "nested more than 100 deep: not read"),
    "deeper": (b'{"a":' * 200_000, "nested more than 100 deep: not read"),
}


@pytest.mark.parametrize(("data", "problem"), ODD.values(), ids=ODD)
def test_what_cannot_be_read_is_said(tmp_path: Path, data: bytes, problem: str) -> None:
    found = written(tmp_path, data)

    assert (found.problem or "").startswith(problem)
    assert found.byte_count == len(data)
    assert found.sha256 is not None


NOTES = {
    "twice": (
        b'{"url":"http://a/","status":200,"status":500,"error":"x"}',
        "keys that stand twice with other values are not taken: status",
    ),
    "no numbers": (
        b'[{"url":"http://a/","status":NaN,"seconds":1e999,"n":Infinity,"error":"x"}]',
        "3 values are no finite numbers of a sensible size",
    ),
    "huge": (
        b'{"url":"http://a/","error":"x","status":' + b"9" * 5000 + b"}",
        "1 values are no finite numbers of a sensible size",
    ),
    "a line": (
        b'{"url":"http://a/","status":200}\n{"url":\n{"url":"http://b/","status":200}\n',
        "1 of 3 lines are broken JSON and were passed over",
    ),
    "strange": (
        b'[{"url":"http://a/","status":200},{"other":1},7]',
        "2 of 3 records are of no known kind",
    ),
    "colours": (
        b'\x1b[2J\x1b[H{"url":"http://a/","status":200}',
        "control sequences of a terminal were left out",
    ),
}


@pytest.mark.parametrize(("data", "note"), NOTES.values(), ids=NOTES)
def test_what_is_odd_is_noted_and_the_rest_read(tmp_path: Path, data: bytes, note: str) -> None:
    found = written(tmp_path, data)

    assert found.kind == "probe results"
    assert note in found.notes


def test_a_number_that_is_none_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b'[{"url":"http://a/","status":1e999,"seconds":NaN,"error":""}]')

    assert said(tell(tmp_path)) == []


def test_text_of_powershell_is_read(tmp_path: Path) -> None:
    text = '[{"url": "http://api:8000/", "status": 200}]\r\n'

    assert written(tmp_path, b"\xff\xfe" + text.encode("utf-16-le")).kind == "probe results"


def test_what_is_no_plain_file_is_not_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("never read", "utf-8")
    folder = tmp_path / "facts"
    folder.mkdir()
    (folder / "link").symlink_to(secret)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    (folder / ".hidden").write_text("passed over", "utf-8")

    found = {Path(one.file_name).name: one.problem for one in tell(folder).files}

    assert found == {
        "link": "a link: not followed",
        "loop": "a link: not followed",
        "pipe": "a pipe: not read",
    }


def test_limits_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 100)
    monkeypatch.setattr(files, "MAX_TOTAL_BYTES", 150)
    monkeypatch.setattr(files, "MAX_FILES", 4)
    monkeypatch.setattr(files, "MAX_DEPTH", 0)
    (tmp_path / "below").mkdir()
    for name, size in (("a", 90), ("b", 101), ("c", 90), ("d", 1), ("e", 1)):
        (tmp_path / name).write_bytes(b"x" * size)

    problems = [one.problem or "" for one in tell(tmp_path).files]

    assert [bool(one) for one in problems] == [False, True, True, True, True]
    for said_, part in zip(
        problems[1:], ("larger than", "folders deep", "all facts together", "4 files at most"),
        strict=True,
    ):  # fmt: skip
        assert part in said_


def test_a_long_text_is_shown_in_part_and_said(tmp_path: Path) -> None:
    found = written(tmp_path, b"".join(b"line %d of a long text\n" % at for at in range(9000)))

    assert len(found.excerpt or "") <= 6000
    assert any(note.startswith("shown up to ") for note in found.notes)


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        tell(tmp_path / "nowhere")


HOSTILE = "<script>alert(1)</script>\x1b]0;x\x07'; drop table facts; -- {state} {{7*7}} ../../etc"


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    record = {
        "Name": f"/{HOSTILE}",
        "Config": {"Labels": {"com.docker.compose.service": HOSTILE}},
        "State": {"Status": "dead", "Error": HOSTILE, "ExitCode": 0},
    }
    (tmp_path / f"{HOSTILE[:20].replace('/', '_')}.json").write_text(json.dumps([record]), "utf-8")

    (statement,) = tell(tmp_path).broken

    assert "not running: dead" in statement.text
    assert "{state} {{7*7}}" in statement.text


def test_tables_are_the_same_whatever_the_order_of_paths() -> None:
    paths = sorted(str(path) for path in FIXTURES.iterdir())

    one, other = (read_captures(order, service_named, None) for order in (paths, paths[::-1]))

    assert one[1].sort(pl.all()).equals(other[1].sort(pl.all()))
