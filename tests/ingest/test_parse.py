import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ingest.formats import Format, load_formats
from pipeline.ingest.heads import beginning
from pipeline.routes import http_route, without_numbers
from tests.ingest.support import read_text

COUNTED = [
    pytest.param(regex, counted, id=format_.name)
    for format_ in load_formats()
    for regex, counted in zip(format_.patterns, format_.counted, strict=True)
    if counted
]
LINES = [sample.line for format_ in load_formats() for sample in format_.samples]
# What programs and attackers put between the parts of an access line.
PIECES = st.sampled_from(
    ["INFO:     ", "10.0.0.1", "10.0.0.1:80", "-", " ", " - ", "[", "]", '"', "\\", "ann", "200",
     "1",
     "[02/Mar/2026:10:00:00 +0000]", '"GET /a?b=1 HTTP/1.1"', '"x"', '"GET [x] HTTP/1.1" 404 9 ',
     ' "POST / HTTP/1.0" 500 ', " [02/Mar/2026:11:00:00 +0000] "]
)  # fmt: skip


def _groups(pattern: str, line: str) -> dict[str, str | None] | None:
    found = pl.Series([line]).str.extract_groups(pattern).struct.unnest().row(0, named=True)
    return found if any(value is not None for value in found.values()) else None


def _agree(regex: str, counted: str, line: str) -> bool:
    whole, quick = _groups(regex, line), _groups(counted, line)
    if whole is None or quick is None:
        return False
    assert {name: whole[name] for name in quick} == quick
    return True


@pytest.mark.parametrize(("regex", "counted"), COUNTED)
def test_the_cheap_pattern_reads_what_the_whole_one_reads(regex: str, counted: str) -> None:
    assert any([_agree(regex, counted, line) for line in LINES])


@given(pieces=st.lists(PIECES, min_size=3, max_size=12))
@settings(max_examples=300, deadline=None)
def test_no_arrangement_of_an_access_line_is_read_in_two_ways(pieces: list[str]) -> None:
    for parameters in COUNTED:
        regex, counted = parameters.values
        assert isinstance(regex, str)
        assert isinstance(counted, str)
        _agree(regex, counted, "".join(pieces))


def test_lines_that_the_cheap_pattern_does_not_fit_are_read_by_the_whole_one() -> None:
    plain = '10.0.0.1 - - [02/Mar/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5\n'
    escaped = '10.0.0.1 - - [02/Mar/2026:10:00:01 +0000] "GET /b\\"c HTTP/1.1" 503 5\n'
    events = read_text(plain + escaped + plain).events
    assert events["http_response_status_code"].to_list() == [200, 503, 200]
    assert events["url_path"].to_list() == ["/a", '/b\\"c', "/a"]


@pytest.mark.parametrize("format_", load_formats(), ids=lambda format_: format_.name)
def test_a_pattern_is_tried_on_every_beginning_that_its_samples_have(
    format_: Format,
) -> None:
    for pattern in format_.patterns:
        places = beginning(pattern)
        for line in LINES:
            if re.match(pattern, line):
                assert all(line[i] in place for i, place in enumerate(places))


@given(
    segments=st.lists(
        st.sampled_from(["api", "v1", "7", "123456", "a1b2", "ord_12345", "2026-03-02", "1.2", ""])
        | st.text("0a/é%-@{}", max_size=6),
        max_size=8,
    )
)
@settings(deadline=None)
def test_masking_numbers_first_changes_no_route(segments: list[str]) -> None:
    paths = pl.Series(["/" + "/".join(segments)])
    assert http_route(without_numbers(paths)).to_list() == http_route(paths).to_list()
