"""Lines of layouts that nobody has a format for, and the pattern that each must come to."""

import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import UndecidableError
from pipeline.ingest import find_streams, load_formats
from pipeline.ingest.formats import Format
from pipeline.ingest.own_formats import check_own_format, parse_own_format
from pipeline.ingest.shapes import find_patterns
from pipeline.ingest.suggest import MAX_SAMPLE_CHARACTERS, name_from, suggest_format, toml_text
from tests.ingest.support import options, read_text

Line = Callable[[int], str]
LEVELS = ("INFO", "WARN", "ERROR")

# name, line number i, what line 5 must come to
CASES: list[tuple[str, Line, dict[str, object]]] = [
    (
        "bars",
        lambda i: f"2026/03/02-10:{i % 60:02}:00:125 |{LEVELS[i % 3]}| [db-{i}] pool: {i} lost",
        {"timestamp": "2026-03-02T10:05:00.125", "severity_number": 17, "body": "5 lost"},
    ),
    (
        "keys in an order of their own",
        lambda i: f'when=2026-03-02T10:{i % 60:02}:00Z sev={"IWE"[i % 3]} what="{i} lost"',
        {"timestamp": "2026-03-02T10:05:00", "severity_number": 17, "body": '"5 lost"'},
    ),
    (
        "month first, told by a day above 12",
        lambda i: f"03/{10 + i % 15}/2026 10:00:00; oven; {LEVELS[i % 3].lower()}; {i} lost",
        {"timestamp": "2026-03-15T10:00:00", "severity_number": 17, "body": "5 lost"},
    ),
    (
        "level that is a bare word behind a host",
        lambda i: f"<{i}> 02.03.2026 10:{i % 60:02}:00 oven {LEVELS[i % 3].lower()} lost {i}",
        {"timestamp": "2026-03-02T10:05:00", "severity_number": 17, "body": "lost 5"},
    ),
    (
        "epoch",
        lambda i: f"@{1772445600 + i} oven-{i % 4} {LEVELS[i % 3]} lost {i}",
        {"timestamp": "2026-03-02T10:00:05", "severity_number": 17, "body": "lost 5"},
    ),
    (
        "commas",
        lambda i: f'oven-{i % 4},2026-03-02 10:00:{i % 60:02},{LEVELS[i % 3]},"lost {i}",17',
        {"timestamp": "2026-03-02T10:00:05", "severity_number": 17, "body": '"lost 5",17'},
    ),
    (
        "requests",
        lambda i: f"#{i} 02-Mar-2026 10:00:{i % 60:02} 10.0.0.9 GET /a/{i}?x=1 {500 + i % 3} 3 ms",
        {"url_path": "/a/5", "http_response_status_code": 502, "severity_number": 17},
    ),
    (
        "level without a time",
        lambda i: f"oven-{i % 4} <<{LEVELS[i % 3]}>> lost {i}",
        {"severity_number": 17, "body": "lost 5"},
    ),
    (
        "object with keys of its own",
        lambda i: (
            f'{{"when":"2026-03-02T10:00:{i % 60:02}Z","how":"{LEVELS[i % 3]}",'
            f'"what":"the oven lost {i}","n":{i}}}'
        ),
        {"timestamp": "2026-03-02T10:00:05", "severity_number": 17, "body": "the oven lost 5"},
    ),
]


def written(folder: Path, text: str, name: str = "oven.log") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def suggested(folder: Path, text: str, formats: tuple[Format, ...] | None = None) -> str | None:
    stream = find_streams([written(folder, text)])[0]
    return suggest_format(stream, "oven", load_formats() if formats is None else formats)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_the_proposal_reads_the_lines_that_it_is_made_from(
    tmp_path: Path, case: tuple[str, Line, dict[str, object]]
) -> None:
    _, line, expected = case
    text = "".join(f"{line(i)}\n" for i in range(60))
    # Only the generic formats: what is proposed does not hang on which others there are.
    formats = tuple(one for one in load_formats() if one.priority >= 900)

    toml = suggested(tmp_path, text, formats)

    assert toml is not None
    own = parse_own_format(Path("oven.toml"), toml.encode())
    events = read_text(text, options(formats=(own, *formats))).events
    assert events["format_name"].to_list() == ["oven"] * 60
    found = events.with_columns(pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:%M:%S%.f")).row(
        5, named=True
    )
    assert {name: found[name] for name in expected} == expected


def test_it_passes_its_check_and_is_the_same_each_time(tmp_path: Path) -> None:
    text = "".join(f"~oven~ 02.03.2026 10:00:{i % 60:02} {{{'IWE'[i % 3]}}} lost {i}\n"
                   for i in range(90))  # fmt: skip

    toml = suggested(tmp_path, text)

    assert toml is not None
    assert toml == suggested(tmp_path, text)
    checked = check_own_format(Path(written(tmp_path, toml, "oven.toml")))
    assert checked.problems == ()


def test_two_shapes_become_two_patterns(tmp_path: Path) -> None:
    lines = [f"~oven~ 02.03.2026 10:00:{i % 60:02} {{{'IWE'[i % 3]}}} lost {i}" for i in range(60)]
    lines += [f"!! 02.03.2026 10:30:{i % 60:02} [ERROR] door {i}" for i in range(20)]
    random.Random(1).shuffle(lines)

    toml = suggested(tmp_path, "\n".join(lines))

    assert toml is not None
    assert toml.count("[[pattern]]") == 2
    assert "takes all of them" in toml


def test_day_and_month_are_not_guessed(tmp_path: Path) -> None:
    rows = [f"[oven {i}] 03/04/2026 10:00:{i:02} <<{LEVELS[i % 3]}>> lost" for i in range(40)]

    toml = suggested(tmp_path, "\n".join(rows))

    assert toml is not None
    assert "Day or month first? No line tells." in toml
    assert "(?P<timestamp>" not in toml


def test_prose_has_no_format(tmp_path: Path) -> None:
    rows = [f"failed to open door {i}, error in hinge {i % 7}" for i in range(60)]

    with pytest.raises(UndecidableError, match="60 lines"):
        suggested(tmp_path, "\n".join(rows))


def test_a_word_that_is_always_the_same_is_no_level() -> None:
    lines = [f"02.03.2026 10:00:{i:02} failed to close door {i}" for i in range(60)]

    assert [pattern.has_level for pattern in find_patterns(lines)] == [False]


def test_nothing_is_proposed_for_lines_that_formats_take(tmp_path: Path) -> None:
    sample = next(one for one in load_formats() if one.name == "redis").samples[0]

    assert suggested(tmp_path, f"{sample.line}\n" * 5) is None


def test_levels_that_are_not_known_are_named(tmp_path: Path) -> None:
    words = ["INFO", "ERROR", "INFO", "WOBBLE"]
    rows = [f"~oven~ 02.03.2026 10:00:{i:02} <{words[i % 4]}> lost {i}" for i in range(60)]

    toml = suggested(tmp_path, "\n".join(rows))

    assert toml is not None
    assert "# WOBBLE = 9" in toml


def test_hostile_lines_are_written_as_text(tmp_path: Path) -> None:
    hostile = "'''\"\"\" \\ \u202e \x1b]0;x\x07 \x9b \U000e0041 [[pattern]]\r"
    rows = [f"~oven~ 02.03.2026 10:00:{i:02} {{{'IE'[i % 2]}}} {hostile}" for i in range(40)]

    toml = suggested(tmp_path, "\n".join(rows))

    assert toml is not None
    assert [c for c in toml if not c.isprintable() and c != "\n"] == []
    assert parse_own_format(Path("oven.toml"), toml.encode()).name == "oven"


def test_work_on_hostile_shapes_is_bounded(tmp_path: Path) -> None:
    rows = [("[(" * 5000) + f"02.03.2026 10:00:00 {i}" for i in range(200)]
    rows += [" ".join("[" * (i % 90)) + "=" * 5000 for i in range(200)]

    with pytest.raises(UndecidableError):
        suggested(tmp_path, "\n".join(rows))


def test_long_lines_are_no_samples(tmp_path: Path) -> None:
    rows = [f"~o~ 02.03.2026 10:00:{i:02} {{{'IE'[i % 2]}}} {'x' * (400 if i % 4 else 1)}"
            for i in range(40)]  # fmt: skip

    toml = suggested(tmp_path, "\n".join(rows))

    assert toml is not None
    own = parse_own_format(Path("oven.toml"), toml.encode())
    assert all(len(sample.line) <= MAX_SAMPLE_CHARACTERS for sample in own.samples)


@pytest.mark.parametrize(
    ("path", "taken", "name"),
    [
        ("logs/Oven 2.log.gz", [], "oven_2"),
        ("oven.log", ["oven"], "my_oven"),
        ("17.log", [], "log_17"),
        ("/logs/\x1b[31m../.log", [], "log"),
        ("-", [], "log"),
    ],
)
def test_a_name_is_made_from_that_of_the_file(path: str, taken: list[str], name: str) -> None:
    assert name_from(path, taken) == name


@pytest.mark.parametrize(
    "text", ["plain", "it's", 'a "b" \\ c', "\x00\x7f\u202e\t", "\ud800", "é 日"]
)
def test_strings_of_toml_come_back(text: str) -> None:
    import tomllib

    assert tomllib.loads(f"x = {toml_text(text)}")["x"] == text.replace("\ud800", "\ufffd")
