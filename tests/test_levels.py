"""Which text of a template is looked for in lines, and which copies of a line count once."""

from datetime import UTC, datetime

import polars as pl
import pytest

from pipeline.orchestrate.levels import literal_of, without_copies


@pytest.mark.parametrize(
    ("template", "body", "text"),
    [
        ("payment of order <*> declined", "payment of order 7 declined", "payment of order"),
        ("no", "no", None),
        ("<*>: <*>", "a: b", None),
        ("IOException: disk is full", "java.io.IOException: disk is full",
         "IOException: disk is full"),
        # The mask writes the spaces otherwise than the body.
        ("disk is full now", "disk  is full now", None),
        ('type "mood" does not exist', 'type "mood" does not exist', "does not exist"),
        ("zurückgewiesen", "zurückgewiesen", "ckgewiesen"),
    ],
)  # fmt: skip
def test_the_longest_text_that_the_line_has(template: str, body: str, text: str | None) -> None:
    assert literal_of(template, body) == text


def test_a_line_of_two_files_counts_once_and_twice_in_one_file_twice() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [("a.log", 1), ("a.log", 1), ("b.log", 1), ("b.log", 2)]
    lines = pl.DataFrame(
        {
            "origin": "baseline", "service_name": "api", "container_name": None,
            "log_iostream": None, "timestamp": at, "text": [text for _, text in rows],
            "log_file_path": [path for path, _ in rows],
        }
    )  # fmt: skip

    assert sorted(without_copies(lines)["text"]) == [1, 1, 2]
