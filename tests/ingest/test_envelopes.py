"""The same events come out of every envelope, however streams interleave and blocks end."""

import json
import os
import random
from datetime import datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.ingest import load_formats
from pipeline.ingest.detect import find_layers
from pipeline.ingest.envelopes import Envelope, Sample, load_envelopes, peel, peel_layer
from tests.ingest.support import options, read_files, read_text
from tests.ingest.wrappings import (
    CHUNK,
    WRAPPINGS,
    Event,
    Raised,
    cri,
    docker_local,
    journald,
    json_file,
    plain,
)

# Text of one line: no control characters, no line ends, not padded.
TEXT = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cf", "Cn"]), max_size=40
).map(str.strip)
MESSAGES = (
    TEXT
    | st.sampled_from(
        [
            "order 7 failed",
            '{"log":"x","stream":"stdout","time":"2026-01-01T00:00:00Z"}',
            "web-1 | ERROR nested | bars",
            'say "quoted" and back\\slash',
            "2026-03-02T10:00:00Z stdout F no",
            "Caused by: nothing",
            "GET /items 500",
        ]
    )
    | st.integers(15_000, 50_000).map(lambda size: "long " + "x" * size)
)
FRAMES = st.lists(
    st.sampled_from(
        [
            ("/app/shop/orders.py", 41, "place"),
            ("/app/shop/db.py", 7, "<module>"),
            ("/usr/lib/python3/site-packages/sqlalchemy/engine.py", 1960, "_execute"),
        ]
    ),
    min_size=1,
    max_size=3,
).map(tuple)
RAISED = st.builds(
    Raised,
    type=st.sampled_from(["KeyError", "asyncpg.exceptions.TooManyConnectionsError", "app.Gone"]),
    message=st.sampled_from(["", "'total'", "sorry, too many clients already", "HTTP 500: no"]),
    frames=FRAMES,
    carets=st.booleans(),
)
CAUSE = "The above exception was the direct cause of the following exception:"
CONTEXT = "During handling of the above exception, another exception occurred:"


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    found = []
    for number in range(draw(st.integers(1, 7))):
        chain = tuple(draw(st.lists(RAISED, max_size=3)))
        found.append(
            Event(
                seconds=number * draw(st.sampled_from([0.001, 0.3, 4.0])),
                level=draw(st.sampled_from(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])),
                message=draw(MESSAGES),
                chain=chain,
                links=tuple(draw(st.sampled_from([CAUSE, CONTEXT])) for _ in chain[1:]),
                iostream=draw(st.sampled_from(["stdout", "stderr"])),
            )
        )
    return sorted(found, key=lambda event: event.seconds)


def _columns(table: pl.DataFrame, sample: Event) -> list[dict[str, object]]:
    return table.select(*sample.columns()).to_dicts()


SOME = settings(
    max_examples=int(os.environ.get("ENVELOPE_EXAMPLES", "2")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)


@pytest.mark.parametrize("name", WRAPPINGS)
@SOME
@given(events(), st.sampled_from([700, 2**20]))
@example([Event(0, "ERROR", "m", (Raised("KeyError", "", (("/app/a.py", 1, "f"),)),))], 64)
def test_events_are_the_same_in_every_envelope(
    name: str, written: list[Event], block_bytes: int
) -> None:
    read = read_files({name: WRAPPINGS[name](written)}, options(block_bytes=block_bytes))
    assert _columns(read.events, written[0]) == [event.columns() for event in written]


EIGHT = (
    "app.log", "docker.log", "compose.log", "cri.log", "kubectl.log", "journal.json", "app.log.gz",
    "app.log.zst",
)  # fmt: skip
# Who wrote a record, and where it stands, is the envelope's to say; a zone is inferred only where
# the envelope has a clock of its own.
ABOUT = {
    "time_flags",
    "observed_timestamp", "service_name", "container_name", "container_id", "log_iostream",
    "log_file_path", "line_number", "line_count", "byte_offset", "byte_length",
}  # fmt: skip


def _chunks(event: Event) -> int:
    return sum(max(1, -(-len(line) // CHUNK)) for line in event.lines())


@SOME
@given(events())
def test_eight_envelopes_give_the_same_tables(written: list[Event]) -> None:
    tables = {name: read_files({name: WRAPPINGS[name](written)}) for name in EIGHT}
    plain_ = tables["app.log"]
    assert _columns(plain_.events, written[0]) == [event.columns() for event in written]
    for name, read in tables.items():
        assert read.events.drop(*ABOUT).equals(plain_.events.drop(*ABOUT), null_equal=True), name
        # A record that was split counts each of its chunks.
        splits = name in ("docker.log", "cri.log", "journal.json")
        assert read.events["line_count"].to_list() == [
            _chunks(event) if splits else len(event.lines()) for event in written
        ]
        assert _counted(read.rollup).equals(_counted(plain_.rollup), null_equal=True), name
        assert (
            read.minutes.drop("service_name")
            .sort(pl.all())
            .equals(plain_.minutes.drop("service_name").sort(pl.all()), null_equal=True)
        ), name


def _counted(rollup: pl.DataFrame) -> pl.DataFrame:
    keys = [
        name
        for name in rollup.columns
        if name not in ABOUT and not name.endswith(("_count", "_timestamp"))
    ]
    return (
        rollup.group_by(keys)
        .agg(
            pl.col("event_count").sum(),
            pl.col("first_timestamp").min(),
            pl.col("last_timestamp").max(),
        )
        .sort(pl.all())
    )


@pytest.mark.parametrize("wrap", [json_file, cri, journald, docker_local])
@SOME
@given(events(), st.randoms(use_true_random=False))
def test_interleaved_streams_are_told_apart(wrap, written: list[Event], rng: random.Random) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    rows = {
        stream: _records(wrap([event for event in written if event.iostream == stream]))
        for stream in ("stdout", "stderr")
    }
    mixed = []
    while any(rows.values()):
        mixed.append(rows[rng.choice([stream for stream, rest in rows.items() if rest])].pop(0))
    read = read_files({"mixed.log": b"".join(mixed)})
    for stream in rows:
        found = read.events.filter(pl.col("log_iostream") == stream)
        expected = [event for event in written if event.iostream == stream]
        assert _columns(found, written[0]) == [event.columns() for event in expected]


def _records(content: bytes) -> list[bytes]:
    """Part a file into its records: lines, or frames with their length before and after."""
    if not content.startswith(b"\0"):
        return content.splitlines(keepends=True)
    records = []
    while content:
        size = int.from_bytes(content[:4], "big") + 8
        records.append(content[:size])
        content = content[size:]
    return records


@SOME
@given(events(), st.integers(200, 5000))
def test_block_borders_change_nothing(written: list[Event], block_bytes: int) -> None:
    content = {"app.log": plain(written), "docker.log": json_file(written)}
    whole, parts = read_files(content), read_files(content, options(block_bytes=block_bytes))
    paths = ("log_file_path",)
    assert parts.events.drop(paths).equals(whole.events.drop(paths), null_equal=True)
    assert parts.ledger.drop(paths).equals(whole.ledger.drop(paths), null_equal=True)
    for counts in ("rollup", "minutes"):
        left, right = getattr(parts, counts), getattr(whole, counts)
        assert left.sort(pl.all()).equals(right.sort(pl.all()), null_equal=True)


def _docker(*records: tuple[str, str]) -> str:
    return "".join(
        f'{{"log":{text},"stream":"stdout","time":"2026-03-02T10:00:0{second}Z"}}\n'
        for second, text in records
    )


def test_a_dangling_chunk_is_not_glued_to_the_next_message() -> None:
    chunk = '"ERROR:    ' + "x" * (16_384 - 10) + '"'
    read = read_text(
        _docker(("0", chunk), ("0.5", '"INFO:     next\\n"'), ("4", '"INFO:     l\\n"'))
    )
    assert read.events.height == 3
    assert read.ledger["partial_joined_count"].sum() == 0


def test_a_split_record_counts_its_lines_and_keeps_its_first_place() -> None:
    read = read_text(
        _docker(("0", '"INFO:     a\\n"'), ("1", '"ERROR:    first "'), ("1", '"second\\n"'))
    )
    event = read.events.row(1, named=True)
    assert (event["body"], event["line_number"], event["line_count"]) == ("first second", 2, 2)
    assert read.ledger["partial_joined_count"].sum() == 1


def test_control_sequences_are_removed_around_prefix_and_message() -> None:
    lines = "".join(
        f"\x1b[36mweb-1  |\x1b[0m \x1b[31mERROR\x1b[0m:    no stock {number}\n"
        for number in range(5)
    )
    events_ = read_text(lines).events
    assert events_["body"].to_list() == [f"no stock {number}" for number in range(5)]
    assert set(events_["container_name"]) == {"web-1"}


def test_zone_of_the_program_is_inferred_from_the_envelopes_clock() -> None:
    lines = "".join(
        f'{{"log":"2026-03-02 18:{minute:02}:00,000 - a - INFO - m\\n","stream":"stdout",'
        f'"time":"2026-03-02T10:{minute:02}:00.1Z"}}\n'
        for minute in range(30)
    )
    read = read_text(lines)
    assert read.events["timestamp"].dt.hour().unique().to_list() == [10]
    assert read.events["time_flags"].to_list()[0] == ["tz_inferred"]
    assert "+8.00 h" in read.ledger["time_zone_assumption"][0]


SAMPLES = [
    pytest.param(envelope, sample, id=f"{envelope.name}-{number}")
    for envelope in load_envelopes()
    for number, sample in enumerate(envelope.samples)
]


@pytest.mark.parametrize(("envelope", "sample"), SAMPLES)
def test_envelope_reads_its_own_sample(envelope: Envelope, sample: Sample) -> None:
    peeled = peel(pl.Series([sample.line]), (envelope.name,)).row(0, named=True)
    time = peeled["observed_timestamp"]
    written = {**peeled, "observed_timestamp": time and time.isoformat().replace("+00:00", "Z")}
    expected = dict(sample.expect)
    if "observed_timestamp" in expected:
        expected["observed_timestamp"] = (
            datetime.fromisoformat(expected["observed_timestamp"])
            .isoformat()
            .replace("+00:00", "Z")
        )
    assert {name: written[name] for name in expected} == expected
    assert "payload" in expected


@pytest.mark.parametrize(("envelope", "sample"), SAMPLES)
def test_first_envelope_that_fits_a_sample_is_its_own(envelope: Envelope, sample: Sample) -> None:
    line = pl.Series([sample.line])
    kin = {envelope.name, *envelope.also}
    fits = [
        other.name
        for other in load_envelopes()
        if (other.regex is None) == (envelope.regex is None)
        and peel_layer(line, other.name)["is_fit"].item()
    ]
    assert fits[0] in kin


def test_every_envelope_has_samples() -> None:
    assert all(envelope.samples for envelope in load_envelopes())


def test_times_that_a_runtime_writes_into_a_long_line_are_cut_out() -> None:
    stamp = "2026-03-02T10:00:00.123456789Z "
    text = "ERROR:    " + "x" * 40_000
    chunks = [text[at : at + CHUNK] for at in range(0, len(text), CHUNK)]
    lines = [stamp + "INFO:     first", stamp + stamp.join(chunks), stamp + "INFO:     last"]
    bodies = read_text("\n".join(lines) + "\n").events["body"].to_list()
    assert bodies == ["first", "x" * 40_000, "last"]


def test_record_after_the_half_of_another_on_one_line_is_read() -> None:
    whole = '{"log":"ERROR:    gone\\n","stream":"stderr","time":"2026-03-02T10:00:01Z"}'
    read = read_text(f"{whole}\n{whole[:30]}{whole}\n{whole}\n")
    assert read.events["body"].to_list().count("gone") == 3
    assert read.events["line_count"].to_list() == [1, 1, 0, 1]


def test_exit_of_a_container_is_a_line_of_that_container() -> None:
    text = "".join(f"web-1  | INFO:     {number}\n" for number in range(20))
    events_ = read_text(text + "web-1 exited with code 137\n").events
    assert set(events_["container_name"]) == {"web-1"}
    last = events_.row(-1, named=True)
    assert (last["body"], last["severity_number"]) == ("web-1 exited with code 137", 0)


def test_level_of_the_envelope_stands_where_the_text_has_none() -> None:
    lines = [
        "<11>1 2026-03-02T10:00:00Z node-1 api 7 - - no such order",
        "<14>1 2026-03-02T10:00:01Z node-1 api 7 - - ERROR: a word in the text before a guess",
        '<11>1 2026-03-02T10:00:02Z node-1 api 7 - - {"level":"info","msg":"a field before all"}',
    ]
    events_ = read_text("\n".join(lines) + "\n").events
    assert events_["severity_number"].to_list() == [17, 17, 9]
    assert events_["is_severity_inferred"].to_list() == [False, True, False]
    assert set(events_["service_name"]) == {"api"}


def test_priority_of_a_container_in_the_journal_is_only_its_stream() -> None:
    entry = {"__REALTIME_TIMESTAMP": "1772445600125000", "PRIORITY": "3", "MESSAGE": "ready"}
    text = json.dumps(entry | {"CONTAINER_NAME": "web"}) + "\n"
    event = read_text(text).events.row(0, named=True)
    assert (event["severity_number"], event["log_iostream"]) == (0, "stderr")
    system = json.dumps(entry | {"_SYSTEMD_UNIT": "disk.service"}) + "\n"
    event = read_text(system).events.row(0, named=True)
    assert (event["severity_number"], event["service_name"]) == (17, "disk")


def test_escaped_trace_of_rsyslog_is_one_event_with_its_exception() -> None:
    line = (
        "<11>Mar  2 10:00:00 node-1 api[7]: java.lang.IllegalStateException: gone"
        "#012#011at shop.Order.place(Order.java:7)#012#011at shop.Main.main(Main.java:3)"
    )
    event = read_text(line + "\n").events.row(0, named=True)
    assert event["exception_type"] == "java.lang.IllegalStateException"
    assert event["severity_number"] == 17


def test_counted_frames_need_no_line_ends() -> None:
    messages = [f"<11>1 2026-03-02T10:00:0{n}Z node-1 api - - - é {n}\nmore {n}" for n in range(3)]
    text = "".join(f"{len(message.encode())} {message}" for message in messages)
    events_ = read_text(text).events
    assert events_["body"].to_list() == [f"é {n}\nmore {n}" for n in range(3)]


def test_program_that_writes_its_own_iso_time_has_no_envelope() -> None:
    lines = [f"2026-03-02T10:00:0{n}.123456Z {n} [Note] Access denied" for n in range(9)]
    assert find_layers(pl.Series(lines), load_formats()) == ()


@pytest.mark.parametrize(
    "content",
    [
        '{"resourceLogs": 5}',
        '{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": 7}]}]}]}',
        '{"data": {"result": [{"stream": {}, "values": [["x"]]}]}}',
        '{"logEvents": [{"message": null}]}',
        '{"messageType": "CONTROL_MESSAGE", "logEvents": []}',
        '[{"a": 1},\n{"b": [1, 2]}, 7]',
        "[\n]\n",
        '{"hits": {"hits": [1, 2]}}',
        '{\n "a": 1,\n',
        "99999 <13>1 2026-03-02T10:00:00Z a b c - - x",
        "__REALTIME_TIMESTAMP=x\nMESSAGE\n\n",
    ],
)
@pytest.mark.parametrize("block_bytes", [8, 2**20])
def test_broken_documents_lose_no_line(content: str, block_bytes: int) -> None:
    text = content + "\nERROR:    after it\n"
    read = read_text(text, options(block_bytes=block_bytes))
    assert read.ledger["line_count"].item() == text.count("\n")


def test_broken_local_file_says_where_and_how_to_export_it() -> None:
    content = docker_local([Event(0, "ERROR", "first"), Event(1, "ERROR", "second")])
    read = read_files({"container.log": content[:-6] + b"broken"})
    assert read.events["body"].to_list() == ["first"]
    assert "docker logs --timestamps" in read.ledger["error"].item()


LINES = st.sampled_from([s.line for e in load_envelopes() for s in e.samples])
CUT = st.integers(0, 200)


@SOME
@given(
    st.lists(st.tuples(LINES | st.sampled_from(["", "{", "]", "plain text"]), CUT), max_size=12),
    st.sampled_from([64, 2**20]),
)
def test_mixed_and_broken_envelopes_lose_no_line(
    parts: list[tuple[str, int]], block_bytes: int
) -> None:
    text = "".join(f"{line[: len(line) - cut % (len(line) + 1)]}\n" for line, cut in parts)
    # Conservation is checked by the reading itself.
    read = read_text(text + "ERROR:    the last line\n", options(block_bytes=block_bytes))
    assert read.ledger["line_count"].item() == len(parts) + 1
    assert "the last line" in str(read.events["body"].to_list())


def test_line_without_the_envelope_of_its_stream_is_kept_as_it_is() -> None:
    cri_line = "2026-03-02T10:00:0{n}.5Z stdout F INFO:     {n}"
    lines = [cri_line.format(n=n) for n in range(9)]
    stray = ["ERROR:    written by nobody", '{"log":"ERROR:    of Docker\\n","stream":"stderr",'
             '"time":"2026-03-02T10:00:08Z"}']  # fmt: skip
    events_ = read_text("\n".join([*lines[:5], *stray, *lines[5:]]) + "\n").events
    assert sorted(events_.filter(pl.col("severity_number") == 17)["body"]) == [
        "of Docker",
        "written by nobody",
    ]
    assert events_.height == len(lines) + 2
