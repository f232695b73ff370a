"""What followed from what: only what traces state or ids tie, and never a guess."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipeline.diagnosis.chain import Tables, build_chain
from pipeline.diagnosis.findings import Tables as Marts
from pipeline.diagnosis.findings import build_findings
from pipeline.model import Chain, Finding, Window
from pipeline.schema import Schema

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PAIRS: Schema = {
    "source_id": pl.String,
    "target_id": pl.String,
    "together_count": pl.Int64,
    "share": pl.Float64,
    "median_lag_seconds": pl.Float64,
}
ENDPOINTS: Schema = {
    "finding_id": pl.String,
    "http_request_method": pl.String,
    "http_route": pl.String,
    "together_count": pl.Int64,
    "share": pl.Float64,
}
CAUSES: Schema = {
    "finding_id": pl.String,
    "exception_chain": pl.List(pl.String),
    "together_count": pl.Int64,
}


def regression(name: str, exception: str | None = None, onset_minute: int | None = None) -> Finding:
    """A finding as the tables of a run give it, risen."""
    totals = pl.DataFrame(
        {
            "finding_id": [name], "kind": ["error"], "error_class": [name], "severity_number": [17],
            "template_id": ["t"], "template": [name], "fingerprint": [None],
            "exception_type": [exception], "scope_name": [None], "baseline_count": [0],
            "candidate_count": [10], "first_seen": [NOON], "last_seen": [NOON],
            "http_response_status_code": [None],
        }
    )  # fmt: skip
    verdicts = pl.DataFrame({"series_id": [name], "state": ["new"], "is_regression": [True]})
    minutes = pl.DataFrame(
        {
            "series_id": [name],
            "window_name": ["candidate"],
            "bucket_start": [NOON],
            "event_count": [1],
        }
    )
    none = pl.DataFrame(schema={"finding_id": pl.String})
    hourly = pl.DataFrame(schema={"series_id": pl.String})
    marts = Marts(totals, none, none, none, none, verdicts, hourly, minutes)
    (found,) = build_findings(marts, {}, {}, {}, Window(NOON, NOON + timedelta(hours=1)), 3600)
    if onset_minute is None:
        return found
    onset = NOON + timedelta(minutes=onset_minute)
    five = timedelta(minutes=5)
    return replace(found, onset=onset, onset_lower=onset - five, onset_upper=onset + five)


def chain(
    findings: list[Finding],
    pairs: tuple[tuple[object, ...], ...] = (),
    endpoints: tuple[tuple[object, ...], ...] = (),
    causes: tuple[tuple[object, ...], ...] = (),
) -> Chain:
    return build_chain(
        findings,
        Tables(
            pl.DataFrame(list(pairs), schema=PAIRS, orient="row"),
            pl.DataFrame(list(endpoints), schema=ENDPOINTS, orient="row"),
            pl.DataFrame(list(causes), schema=CAUSES, orient="row"),
        ),
    )


def drawn(found: Chain) -> list[tuple[str, str, str]]:
    return [(edge.source, edge.target, edge.evidence) for edge in found.edges]


def test_classes_under_one_id_are_tied_in_their_order() -> None:
    found = chain([regression("a"), regression("b")], pairs=(("a", "b", 9, 0.9, 1.5),))

    assert drawn(found) == [("a", "b", "trace")]
    assert found.edges[0].median_lag_seconds == 1.5
    assert found.first_failures == ["a"]


def test_of_two_opposite_ties_the_more_frequent_is_drawn() -> None:
    both = (("a", "b", 4, 0.4, 1.0), ("b", "a", 9, 0.9, 1.0))

    assert drawn(chain([regression("a"), regression("b")], pairs=both)) == [("b", "a", "trace")]


def test_equally_frequent_opposite_ties_show_no_order() -> None:
    both = (("a", "b", 5, 0.5, 1.0), ("b", "a", 5, 0.5, 1.0))

    assert drawn(chain([regression("a"), regression("b")], pairs=both)) == []


@pytest.mark.parametrize(("together", "share"), [(2, 1.0), (100, 0.19)])
def test_ids_shared_by_chance_tie_nothing(together: int, share: float) -> None:
    pairs = (("a", "b", together, share, 1.0),)

    assert drawn(chain([regression("a"), regression("b")], pairs=pairs)) == []


def test_only_regressions_are_drawn() -> None:
    calm = replace(regression("b"), is_regression=False)

    found = chain([regression("a"), calm], pairs=(("a", "b", 9, 0.9, 1.0),))

    assert ([node.node_id for node in found.nodes], found.edges) == (["a"], [])


def test_a_trace_that_names_its_cause_states_it() -> None:
    findings = [regression("a", "db.Refused"), regression("b", "api.Failed")]

    found = chain(findings, causes=(("b", ["api.Failed: no order", "db.Refused: x"], 7),))

    assert drawn(found) == [("a", "b", "stated")]
    assert (found.edges[0].together_count, found.edges[0].share) == (7, 0.7)


def test_an_endpoint_is_the_beginning_of_what_its_requests_met_first() -> None:
    found = chain(
        [regression("a"), regression("b")],
        pairs=(("a", "b", 9, 0.9, 1.0),),
        endpoints=(("a", "POST", "/orders", 9, 0.9), ("b", "POST", "/orders", 9, 0.9)),
    )

    assert drawn(found) == [("endpoint POST /orders", "a", "trace"), ("a", "b", "trace")]


def test_order_is_unknown_where_nothing_ties_and_onsets_overlap() -> None:
    one, near, late = (
        regression(*row) for row in (("a", None, 0), ("b", None, 8), ("c", None, 40))
    )

    assert chain([one, near, late]).order_unknown == [["a", "b"]]


def test_order_along_a_path_is_known() -> None:
    findings = [regression(name, None, 0) for name in "abc"]

    found = chain(findings, pairs=(("a", "b", 9, 0.9, 1.0), ("b", "c", 9, 0.9, 1.0)))

    assert found.order_unknown == []
    assert found.first_failures == ["a"]
