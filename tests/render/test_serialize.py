"""`result.json`: what is written can be read, by us and by its schema."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import jsonschema
import pytest

from pipeline.errors import UsageError
from pipeline.model import Result
from pipeline.render import describe, from_json, json_schema, render_criteria, to_json
from tests.render import sample

RESULTS = [sample.incident, sample.undecided, sample.quiet]


@pytest.mark.parametrize("make", RESULTS)
def test_what_is_written_reads_back_the_same(make: Callable[[], Result]) -> None:
    result = make()

    again = from_json(to_json(result))

    assert again == result
    assert repr(again) == repr(result)  # an enum equals its word, but is not it


@pytest.mark.parametrize("make", RESULTS)
def test_the_document_obeys_its_schema(make: Callable[[], Result]) -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.check_schema(json_schema())

    validator.validate(json.loads(to_json(make())))


def test_the_schema_refuses_what_the_model_has_not() -> None:
    document = json.loads(to_json(sample.incident()))
    document["findings"][0]["state"] = "exploded"
    del document["totals"]

    errors = list(jsonschema.Draft202012Validator(json_schema()).iter_errors(document))

    assert len(errors) == 2


def test_the_shipped_schema_is_that_of_the_model() -> None:
    shipped = describe.SCHEMA.read_text(encoding="utf-8")

    assert shipped == describe.schema_text(), "run python -m pipeline.render.describe"


def test_the_page_about_the_schema_is_that_of_the_model() -> None:
    page = Path("docs/result-schema.md")
    if not page.exists():
        pytest.skip("the docs are not shipped with the wheel")

    text = page.read_text(encoding="utf-8")
    assert text == describe.page_text(text), "run python -m pipeline.render.describe"


def test_keys_stand_in_the_order_of_the_model_and_the_text_ends_with_a_newline() -> None:
    text = to_json(sample.incident())

    assert list(json.loads(text))[:4] == ["schema_version", "verdict", "headline", "run"]
    assert text.endswith("}\n")
    assert text == to_json(sample.incident())


def test_edges_run_from_one_node_to_another() -> None:
    document = json.loads(to_json(sample.incident()))

    assert list(document["chain"]["edges"][0])[:2] == ["from", "to"]
    assert document["chain"]["edges"][0]["from"] == "p1"


def test_times_are_utc_with_z() -> None:
    elsewhere = timezone(timedelta(hours=5, minutes=30))
    base = sample.incident()
    run = replace(base.run, generated_at=datetime(2026, 1, 1, 5, 30, 0, 250_000, tzinfo=elsewhere))

    document = json.loads(to_json(replace(base, run=run)))

    assert document["run"]["generated_at"] == "2026-01-01T00:00:00.250000Z"
    assert from_json(to_json(replace(base, run=run))).run.generated_at.tzinfo is UTC


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_become_null(value: float) -> None:
    base = sample.incident()

    text = to_json(replace(base, totals=replace(base.totals, rate_ratio=value)))

    assert json.loads(text, parse_constant=pytest.fail)["totals"]["rate_ratio"] is None


def test_a_terminal_obeys_nothing_in_the_document() -> None:
    nasty = "\x1b[2J\x9b2J\u202e\u2028\u200b\x7f\x00\udc80"
    base = replace(sample.incident(), headline=nasty)

    text = to_json(base)

    assert not [c for c in text if c != "\n" and not c.isprintable() and not c.isspace()]
    text.encode()
    assert from_json(text).headline == nasty


def test_unknown_keys_are_ignored_and_missing_new_ones_have_defaults() -> None:
    document = json.loads(to_json(sample.incident()))
    document["weather"] = "fine"
    document["findings"][0]["mood"] = 3
    del document["hourly"]

    result = from_json(json.dumps(document))

    assert result.hourly == []
    assert result.findings == sample.incident().findings


RUN = {"run_id": "x", "version": "", "command": "", "settings": {}}


def broken(**changes: object) -> str:
    return json.dumps({**json.loads(to_json(sample.quiet())), **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[" * 100_000,
        "[1, 2]",
        '{"hello": "world"}',
        "null",
        broken(schema_version=99),
        broken(schema_version="1"),
        broken(findings=3),
        broken(findings=[{}]),
        broken(verdict="splendid"),
        broken(headline=7),
        broken(headline=None),
        broken(totals=None),
        broken(unchanged=[{"a": 1}]),
        broken(run={**RUN, "generated_at": "2026-01-01T00:00:00"}),
        broken(run={**RUN, "generated_at": "yesterday"}),
        broken(run={**RUN, "generated_at": 3}),
    ],
)  # fmt: skip
def test_foreign_json_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_json(text)

    assert caught.value.hint


ODD = [
    '"quoted" \\ back',
    "two\nlines\r\ttab",
    "'''",
    "\x00\x1b[0m\x7f",
    "ünï ⟨code⟩ 🎈",
    "\u202e\ufeff",
]


@pytest.mark.parametrize("text", ODD)
def test_criteria_are_toml_whatever_they_hold(text: str) -> None:
    base = sample.incident()
    criterion = replace(base.criteria[2], text=text, scope={text: text, "": "b"})

    document = tomllib.loads(render_criteria(replace(base, criteria=[criterion])))

    (entry,) = document["criterion"]
    assert entry["text"] == text
    assert entry["scope"] == {text: text, "": "b"}
    assert "value_now" not in entry


def test_criteria_keep_every_number() -> None:
    base = sample.incident()

    document = tomllib.loads(render_criteria(base))

    assert document["end"] == base.windows.candidate.end
    assert [one["threshold"] for one in document["criterion"]] == [0.0, 315.04, 0.0]
    assert [one["value_now"] for one in document["criterion"][:2]] == [110.6, 488.9]
    assert {one["metric"] for one in document["criterion"]} == {
        "event_rate",
        "error_rate",
        "failure_share",
    }


def test_no_criteria_are_an_empty_list() -> None:
    assert "criterion" not in tomllib.loads(render_criteria(sample.quiet()))
