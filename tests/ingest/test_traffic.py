"""JSON lines of any format tell of a request, and other keys of the same names do not."""

import tomllib
from importlib.resources import files

import pytest

from tests.ingest.support import read_event

SAMPLES = tomllib.loads((files("pipeline") / "formats" / "_traffic.toml").read_text("utf-8"))[
    "sample"
]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["line"][:40])
def test_sample_comes_to_its_columns(sample: dict[str, dict[str, object]]) -> None:
    event = read_event(str(sample["line"]))

    expected = {name: value or None for name, value in sample["expect"].items()}  # "", 0: null
    assert {name: event[name] for name in expected} == expected


def test_other_keys_stay_attributes() -> None:
    event = read_event('{"level":"error","message":"gone","status":"failed","path":"a.csv"}')

    assert dict(event["attributes"])["status"] == "failed"
