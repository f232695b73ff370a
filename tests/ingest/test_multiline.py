"""Events of many lines, language by language: the cases of ``fixtures/multiline``.

A case is a log and, in the TOML beside it, how many events it holds and what must be read of each
exception: its first line, its number of lines, severity, innermost type and message, the chain from
outer to inner, and the innermost frame of the application. What is not told must be null.
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.support import Read, options, read_files

FOLDER = Path(__file__).parents[2] / "fixtures" / "multiline"
CASES = sorted(FOLDER.glob("*/*.toml"))
COLUMNS = {
    "line_count": "line_count",
    "severity_number": "severity_number",
    "type": "exception_type",
    "message": "exception_message",
    "chain": "exception_chain",
    "file": "code_file_path",
    "line": "code_line_number",
    "function": "code_function_name",
}


def _read(case: Path, truth: dict[str, Any], **changes: object) -> Read:
    limit = {"max_event_lines": truth["max_event_lines"]} if "max_event_lines" in truth else {}
    content = case.with_suffix(".log").read_bytes()
    return read_files({"app.log": content}, options(**limit, **changes))


def _id(case: Path) -> str:
    return f"{case.parent.name}-{case.stem}"


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_case_is_read_as_told(case: Path) -> None:
    truth = tomllib.loads(case.read_text(encoding="utf-8"))
    events = _read(case, truth).events
    found = {row["line_number"]: row for row in events.iter_rows(named=True)}
    assert len(found) == truth["events"], events["body"].to_list()
    for told in truth["exception"]:
        row = found[told["first_line"]]
        seen = {name: row[column] for name, column in COLUMNS.items()}
        assert seen == {name: told.get(name) for name in COLUMNS}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=_id)
def test_borders_of_blocks_change_nothing(case: Path) -> None:
    truth = tomllib.loads(case.read_text(encoding="utf-8"))
    whole = _read(case, truth).events.drop("log_file_path")
    for size in (1, 150, 700):
        blocks = _read(case, truth, block_bytes=size).events.drop("log_file_path")
        assert blocks.equals(whole)


def test_every_language_has_its_cases() -> None:
    folders = [folder for folder in FOLDER.iterdir() if folder.is_dir()]
    assert len(folders) >= 10
    assert all(len(list(folder.glob("*.toml"))) >= 8 for folder in folders)
