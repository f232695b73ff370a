"""What followed from what: what traces state, ids tie or lags show, and how sure each is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipeline.diagnosis.chain import NO_LAGS, Tables, build_chain
from pipeline.diagnosis.findings import Tables as Marts
from pipeline.diagnosis.findings import build_findings
from pipeline.model import Chain, Change, ChangeBefore, Finding, Premise, ServiceCount, Window
from pipeline.schema import Schema

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ENDPOINTS: Schema = {
    "finding_id": pl.String,
    "http_request_method": pl.String,
    "http_route": pl.String,
    "together_count": pl.Int64,
    "id_count": pl.Int64,
    "share": pl.Float64,
}
TRIPLES: Schema = {
    "first_id": pl.String,
    "second_id": pl.String,
    "third_id": pl.String,
    "id_count": pl.Int64,
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


def ids(source: str, target: str, together: int, **other: object) -> dict[str, object]:
    """A row of `correlated_pairs`: of ten ids of each class, *together* have the source first."""
    row: dict[str, object] = {
        "source_id": source, "target_id": target, "together_count": together, "opposite_count": 0,
        "tied_count": 0, "median_lag_seconds": 1.5, "source_id_count": 10, "target_id_count": 10,
        "baseline_id_count": 0, "baseline_share": None,
    }  # fmt: skip
    row |= other
    return row | {"share": together / int(str(row["target_id_count"]))}


def lag(source: str, target: str, direct: float | None, **other: object) -> dict[str, object]:
    """A row of the lag test: of 100 events 90 within 5 s, of which *direct* follow themselves."""
    return {
        "source_id": source, "target_id": target, "lag_seconds": 5.0, "together_count": 90,
        "asked_count": 100, "target_count": 100, "is_thinned": False, "is_cut": False,
        "share": 0.9, "chance_share": 0.05, "clock_share": 0.1, "baseline_count": 20,
        "baseline_share": 0.0, "p_value": 1e-9, "is_significant": True, "direct_share": direct,
        "direct_error": 0.01, "renewed_share": direct, "tied_share": 0.0,
        "median_lag_seconds": 2.0,
    } | other  # fmt: skip


def chain(
    findings: list[Finding],
    pairs: tuple[dict[str, object], ...] = (),
    endpoints: tuple[tuple[object, ...], ...] = (),
    causes: tuple[tuple[object, ...], ...] = (),
    triples: tuple[tuple[str, str, str, int], ...] = (),
    lags: tuple[dict[str, object], ...] = (),
    request_count: int = 0,
    changes: tuple[Change, ...] = (),
    premises: tuple[Premise, ...] = (),
) -> Chain:
    return build_chain(
        findings,
        Tables(
            pl.DataFrame(pairs, schema=None if pairs else {"source_id": pl.String}),
            pl.DataFrame(list(endpoints), schema=ENDPOINTS, orient="row"),
            pl.DataFrame(list(causes), schema=CAUSES, orient="row"),
            pl.DataFrame(list(triples), schema=TRIPLES, orient="row"),
            pl.DataFrame(lags, schema=None if lags else NO_LAGS.schema),
            request_count,
        ),
        changes,
        premises,
        Window(NOON, NOON + timedelta(hours=10)),
    )


def drawn(found: Chain) -> list[tuple[str, str, str]]:
    return [(edge.source, edge.target, edge.evidence) for edge in found.edges]


def risen(names: str) -> list[Finding]:
    return [regression(name) for name in names]


def test_classes_under_one_id_are_tied_in_their_order() -> None:
    found = chain(risen("ab"), pairs=(ids("a", "b", 9),))

    assert drawn(found) == [("a", "b", "trace")]
    assert (found.edges[0].median_lag_seconds, found.edges[0].grade) == (1.5, "observed")
    assert found.first_failures == ["a"]


@pytest.mark.parametrize("odd", [{"opposite_count": 4}, {"tied_count": 7}])
def test_an_order_that_differs_from_id_to_id_is_unknown(odd: dict[str, object]) -> None:
    found = chain(risen("ab"), pairs=(ids("a", "b", 5, **odd),))

    assert (drawn(found), found.order_unknown) == ([], [["a", "b"]])


def test_one_id_in_ten_may_be_out_of_order() -> None:
    assert drawn(chain(risen("ab"), pairs=(ids("a", "b", 9, opposite_count=1),)))


@pytest.mark.parametrize(("together", "of"), [(2, 2), (100, 600)])
def test_ids_shared_by_chance_tie_nothing(together: int, of: int) -> None:
    assert drawn(chain(risen("ab"), pairs=(ids("a", "b", together, target_id_count=of),))) == []


def test_the_control_of_ids_is_how_many_requests_have_the_earlier_at_all() -> None:
    (edge,) = chain(risen("ab"), pairs=(ids("a", "b", 9),), request_count=100).edges

    assert (edge.shuffled_share, edge.negative_control) == (0.1, 0.1)
    assert edge.lift == pytest.approx(9.0)


def test_a_tie_as_strong_in_the_baseline_is_downgraded() -> None:
    before = {"baseline_id_count": 40, "baseline_share": 0.8}
    (edge,) = chain(risen("ab"), pairs=(ids("a", "b", 9, **before),)).edges

    assert (edge.grade, edge.negative_control) == ("supported", 0.8)


def three(b_of_c: int, a_of_c: int) -> tuple[dict[str, object], ...]:
    """Ids of A, B, C: eight of ten A have B; so many C have B, and so many A."""
    return (
        ids("a", "b", 8, target_id_count=8),
        ids("b", "c", b_of_c, source_id_count=8, target_id_count=8),
        ids("a", "c", a_of_c, target_id_count=8),
    )


@pytest.mark.parametrize(
    ("pairs", "together", "edges"),
    [
        pytest.param(three(8, 8), 8, ["ab", "bc"], id="c-only-where-b-is"),
        pytest.param(three(6, 8), 6, ["ab", "ac"], id="c-also-where-b-is-not"),
    ],
)
def test_the_third_of_three_follows_what_it_does_not_come_without(
    pairs: tuple[dict[str, object], ...], together: int, edges: list[str]
) -> None:
    found = chain(risen("abc"), pairs=pairs, triples=(("a", "b", "c", together),))

    assert [edge.source + edge.target for edge in found.edges] == edges


def test_a_lag_that_no_id_confirms_is_a_hypothesis() -> None:
    (edge,) = chain(risen("ab"), lags=(lag("a", "b", 0.99),)).edges

    assert (edge.evidence, edge.grade, edge.median_lag_seconds) == ("lag", "hypothesis", 2.0)
    assert (edge.shuffled_share, edge.baseline_share) == (0.05, 0.0)
    assert edge.negative_control == 0.1


def test_what_is_passed_on_along_a_chain_is_supported() -> None:
    rows = (lag("a", "b", 0.99), lag("b", "c", 0.99), lag("a", "c", 0.02))
    edges = chain(risen("abc"), lags=rows).edges

    found = {edge.source + edge.target: edge.grade for edge in edges}
    assert found == {"ab": "hypothesis", "bc": "supported"}


@pytest.mark.parametrize(
    "control", [{"clock_share": 0.7}, {"baseline_share": 0.8}, {"together_count": 5}]
)
def test_a_lag_whose_control_is_as_strong_is_not_supported(control: dict[str, object]) -> None:
    rows = (lag("a", "b", 0.99), lag("b", "c", 0.9, **control), lag("a", "c", 0.02))

    assert {edge.grade for edge in chain(risen("abc"), lags=rows).edges} == {"hypothesis"}


def test_two_effects_of_one_cause_are_no_chain() -> None:
    rows = (lag("a", "b", 0.99), lag("b", "c", 0.05), lag("a", "c", 0.85))

    found = chain(risen("abc"), lags=rows)

    assert [edge.source + edge.target for edge in found.edges] == ["ab", "ac"]


def test_what_comes_now_before_and_now_after_has_one_cause_perhaps() -> None:
    found = chain(risen("ab"), lags=(lag("a", "b", 0.5), lag("b", "a", 0.4)))

    assert (found.edges, found.order_unknown) == ([], [["a", "b"]])
    assert [note.kind for note in found.notes] == ["common_cause_possible"]


def test_onsets_apart_break_a_tie_of_lags() -> None:
    pair = [regression("a", None, 40), regression("b", None, 0)]

    found = chain(pair, lags=(lag("a", "b", 0.5), lag("b", "a", 0.4)))

    assert [(edge.source, edge.grade) for edge in found.edges] == [("b", "hypothesis")]
    assert found.order_unknown == []


def test_ids_decide_where_lags_say_otherwise() -> None:
    found = chain(risen("ab"), pairs=(ids("a", "b", 9),), lags=(lag("b", "a", 0.9),))

    assert drawn(found) == [("a", "b", "trace")]


def test_much_that_comes_without_the_earlier_has_another_cause() -> None:
    rows = (lag("a", "b", 0.99), lag("b", "c", 0.6), lag("a", "c", 0.02))

    found = chain(risen("abc"), lags=rows)

    assert {edge.grade for edge in found.edges} == {"hypothesis"}
    assert [note.node_ids for note in found.notes] == [["b", "c"]]


def in_service(name: str, service: str) -> Finding:
    return replace(regression(name), services=[ServiceCount(service, 0, 10)])


def test_times_of_odd_clocks_tell_no_order() -> None:
    skew = Premise("p1", "clock_skew", "text", "web", None, {}, "id_offsets", [])
    pair = [in_service("a", "web"), in_service("b", "db")]

    found = chain(pair, pairs=(ids("a", "b", 9),), lags=(lag("a", "b", 0.99),), premises=(skew,))

    assert (found.edges, found.order_unknown) == ([], [["a", "b"]])
    assert [note.kind for note in found.notes] == ["clocks_differ"]


def test_a_service_that_the_later_names_only_strengthens() -> None:
    later = replace(in_service("b", "web"), title="cannot reach payments:8080")
    pair = [in_service("a", "payments"), later]

    assert chain(pair, lags=(lag("a", "b", 0.99),)).edges[0].grade == "supported"
    assert chain(pair).edges == []


def deploy(minute: float, service: str = "web") -> Change:
    time = NOON + timedelta(minutes=minute)
    return Change(time, service, "deploy", "version 2", "logs", change_id=f"c{minute:g}")


def begun(changes: list[Change], **before: object) -> list[tuple[str, str]]:
    """Return from where an edge leads to a class that rose at the sixtieth minute, and how sure."""
    near = [
        ChangeBefore(
            change.change_id,
            (NOON + timedelta(minutes=60) - change.timestamp).total_seconds(),
            is_same_service=change.service_name == "web",
            is_order_known=True,
            baseline_count=0,
            baseline_followed_count=0,
        )
        for change in changes
    ]
    one = replace(
        in_service("a", "web"),
        changes_before=[replace(at, **before) for at in near],  # type: ignore[arg-type]
    )
    found = chain([one], changes=tuple(changes))
    labels = {node.node_id: node.label for node in found.nodes}
    return [(labels[edge.source], edge.grade) for edge in found.edges]


def test_a_change_just_before_the_first_failure_is_its_beginning() -> None:
    assert begun([deploy(53), deploy(57), deploy(58, "db")]) == [("deploy of web", "supported")]


def test_a_change_elsewhere_or_of_a_kind_that_did_no_harm_is_a_hypothesis() -> None:
    assert begun([deploy(57, "db")]) == [("deploy of db", "hypothesis")]
    for doubt in ({"baseline_count": 2}, {"is_order_known": False}):
        assert begun([deploy(57)], **doubt) == [("deploy of web", "hypothesis")]


def test_changes_long_before_after_or_all_the_time_are_no_beginning() -> None:
    assert begun([deploy(30)]) == []
    assert begun([deploy(61)]) == []
    assert begun([deploy(12 * at - 3) for at in range(50)]) == []


def test_only_regressions_are_drawn() -> None:
    calm = replace(regression("b"), is_regression=False)

    found = chain([regression("a"), calm], pairs=(ids("a", "b", 9),))

    assert ([node.node_id for node in found.nodes], found.edges) == (["a"], [])


def test_a_trace_that_names_its_cause_states_it() -> None:
    findings = [regression("a", "db.Refused"), regression("b", "api.Failed")]

    found = chain(findings, causes=(("b", ["api.Failed: no order", "db.Refused: x"], 7),))

    assert drawn(found) == [("a", "b", "stated")]
    assert (found.edges[0].together_count, found.edges[0].share) == (7, 0.7)


def test_an_endpoint_is_the_beginning_of_what_its_requests_met_first() -> None:
    found = chain(
        [regression("a"), regression("b")],
        pairs=(ids("a", "b", 9),),
        endpoints=(("a", "POST", "/orders", 9, 10, 0.9), ("b", "POST", "/orders", 9, 10, 0.9)),
    )

    assert drawn(found) == [("endpoint POST /orders", "a", "trace"), ("a", "b", "trace")]


def test_an_endpoint_stands_before_what_has_ids_though_a_class_without_precedes_it() -> None:
    """As a database's own line precedes the API's, and names no request."""
    found = chain(
        risen("abc"),
        pairs=(ids("b", "c", 9),),
        lags=(lag("a", "b", 0.99),),
        endpoints=(("b", "POST", "/orders", 9, 10, 0.9), ("c", "POST", "/orders", 9, 10, 0.9)),
    )

    assert ("endpoint POST /orders", "b", "trace") in drawn(found)
    assert ("endpoint POST /orders", "c", "trace") not in drawn(found)


def test_order_is_unknown_where_nothing_ties_and_onsets_overlap() -> None:
    one, near, late = (
        regression(*row) for row in (("a", None, 0), ("b", None, 8), ("c", None, 40))
    )

    assert chain([one, near, late]).order_unknown == [["a", "b"]]


def test_order_along_a_path_is_known() -> None:
    findings = [regression(name, None, 0) for name in "abc"]

    found = chain(findings, pairs=(ids("a", "b", 9), ids("b", "c", 9)))

    assert found.order_unknown == []
    assert found.first_failures == ["a"]
