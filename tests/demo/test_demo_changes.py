"""The changes that were planted in the demo are found, at their moments, and none beside them."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from pipeline import orchestrate


@pytest.mark.slow
def test_planted_changes_are_found_and_stand_before_what_rose(tmp_path: Path) -> None:
    result = orchestrate.demo(tmp_path, seed=20250810, documents=())
    assert result is not None
    planted = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))["changes"]

    found = [one for one in result.changes if one.window == "candidate"]
    restarts = [one for one in found if one.kind in ("restart", "deploy")]
    assert [(one.service_name, one.timestamp) for one in restarts] == [
        (one["service_name"], datetime.fromisoformat(one["timestamp"])) for one in planted
    ]
    assert {one.kind for one in found} == {"restart", "stop", "migration"}
    assert all(one.kind == "start" for one in result.changes if one.window == "baseline")
    (enum,) = (one for one in result.findings if one.error_class == "enum_binding")
    by_id = {one.change_id: one for one in result.changes}
    before = [by_id[one.change_id] for one in enum.changes_before]
    assert {one.kind for one in before} == {"restart", "stop", "migration"}
    assert all(one.is_order_known for one in enum.changes_before)
