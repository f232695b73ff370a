"""The chain that is drawn of the demo is the one that was planted, and nothing else is sure."""

import json
from pathlib import Path

import pytest

from pipeline import orchestrate

# The steps of the truth that are classes; "request" is an ordinary line, and is none.
_LABELS = {"http_500": "HTTP 500 answers"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [20250810, 7])
def test_the_planted_chain_is_drawn_with_its_lags(tmp_path: Path, seed: int) -> None:
    result = orchestrate.demo(tmp_path, seed=seed, documents=())
    assert result is not None
    truth = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))["chain"]
    labels = {node.node_id: node.label for node in result.chain.nodes}
    kinds = {node.node_id: node.kind for node in result.chain.nodes}
    drawn = {
        (labels[edge.source], labels[edge.target]): edge
        for edge in result.chain.edges
        if kinds[edge.source] not in ("endpoint", "event")
    }

    planted = {
        (_LABELS.get(one["from"], one["from"]), _LABELS.get(one["to"], one["to"])): one
        for one in truth["edges"]
        if one["from"] != "request"
    }
    assert {pair for pair, edge in drawn.items() if edge.grade != "hypothesis"} == planted.keys()
    for pair, one in planted.items():
        lag = drawn[pair].median_lag_seconds
        assert lag == pytest.approx(one["median_lag_seconds"], rel=0.2)
        assert drawn[pair].together_count == one["together_count"]
    assert [labels[name] for name in result.chain.first_failures] == ["enum_binding"]
    (deploy,) = (edge for edge in result.chain.edges if kinds[edge.source] == "event")
    assert labels[deploy.target] == "enum_binding"
