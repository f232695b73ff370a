"""The first screen in words: what, since when, how bad, where, what next, and which doubts."""

from dataclasses import replace

import pytest

from pipeline.model import Chain, DataWarning, Result, Verdict
from pipeline.render.prose import leads_of
from pipeline.render.words import regressions_of
from tests.render import sample


def told(result: Result) -> dict[str, str]:
    return {line.label: line.text for line in leads_of(result)}


def test_a_stranger_is_told_what_since_when_how_bad_where_and_what_next() -> None:
    said = told(sample.incident())

    assert list(said)[:5] == ["What", "Since", "How bad", "Where", "Next"]
    assert "enum_binding" in said["What"]
    assert "2026-03-06 02:14:08 UTC" in said["Since"]
    assert "still going on at the end of the data, 2026-03-06 09:00:00 UTC" in said["Since"]
    assert "286 → 489" in said["How bad"]
    assert said["Next"].startswith("Check first for enum_binding (knowledge base): ")
    assert said["Just before"].startswith("Restart of api")
    assert "no proof. The baseline has it 2 times, without the class" in said["Just before"]


def test_what_stopped_is_told_with_its_last_event_and_not_called_over() -> None:
    base = sample.incident()
    stopped = [replace(one, is_ongoing=False) for one in base.findings]
    said = told(replace(base, findings=stopped))["Since"]

    last = max(one.last_seen for one in regressions_of(base) if one.last_seen)
    assert f"Last seen {last:%Y-%m-%d %H:%M:%S} UTC" in said
    assert "whether it is over, later logs tell" in said


def test_without_an_order_nothing_is_said_to_come_first() -> None:
    base = sample.incident()
    unordered = Chain([], [], base.chain.first_failures, [])

    assert "First failure" in told(base)["Where"]
    assert "First failure" not in told(replace(base, chain=unordered))["Where"]


def test_without_knowledge_the_next_step_is_a_place_that_the_logs_name() -> None:
    base = sample.incident()
    bare = [replace(one, knowledge=None) for one in base.findings]
    said = told(replace(base, findings=bare))["Next"]
    place = next(one.code_location for one in regressions_of(base) if one.code_location)
    assert place.code_file_path in said

    bare = [replace(one, knowledge=None, code_location=None) for one in base.findings]
    said = told(replace(base, findings=bare))["Next"]
    first = next(one.samples[0] for one in regressions_of(base) if one.samples)
    assert f"{first.log_file_path}:{first.line_number}" in said


def test_where_nothing_was_compared_the_reason_and_the_way_out_are_told() -> None:
    result = sample.undecided()
    said = told(result)

    assert result.verdict is Verdict.CANNOT_DECIDE
    assert "nothing here says that the logs are normal" in said["What"]
    assert "most of all “something failed” (" in said["How bad"]
    assert "--baseline" in said["Next"]
    assert "Since" not in said


@pytest.mark.parametrize(("kinds", "first"), [("ab", "a"), (("time_assumed", "b"), "b")])
def test_the_doubt_that_bends_the_comparison_comes_first(
    kinds: tuple[str, ...], first: str
) -> None:
    base = sample.quiet()
    warnings = [DataWarning(kind, f"text of {kind}") for kind in kinds]
    result = replace(base, premises=[], coverage=replace(base.coverage, warnings=warnings))

    assert told(result)["Doubt"] == f"Text of {first}. 1 more under Data."


def test_a_name_of_several_words_stands_in_quotes() -> None:
    base = sample.incident()
    renamed = [replace(one, error_class=None, title="mail not sent") for one in base.findings]

    assert "“mail not sent”" in told(replace(base, findings=renamed))["What"]
