"""Which class stands first: by first lines and onsets, and by the chain where that knows better."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.model import Chain, ChainEdge, ChainNode, Finding, State
from pipeline.render.words import in_order, is_order_known
from tests.render import sample

NOTHING = Chain([], [], [], [])
BASE = next(one for one in sample.FINDINGS if one.is_regression)


def rise(
    name: str, minute: float, *, width: float = 0.5, state: State = State.INCREASED
) -> Finding:
    at = sample.ONSET + timedelta(minutes=minute)
    half = timedelta(minutes=width)
    return replace(
        BASE, finding_id=name, state=state, first_seen=at, onset=at, onset_lower=at - half,
        onset_upper=at + half,
    )  # fmt: skip


def chain(*pairs: str, grade: str = "observed") -> Chain:
    names = sorted({name for pair in pairs for name in pair})
    nodes = [
        ChainNode(f"n{name}", "finding", name, None if name == "x" else name) for name in names
    ]
    edges = [
        ChainEdge(f"n{one}", f"n{other}", "trace", grade, 9, 1.0, None, None, None)  # type: ignore[arg-type]
        for one, other in map(tuple, pairs)
    ]
    return Chain(nodes, edges, [], [])


def names(found: list[Finding], by: Chain) -> str:
    return "".join(one.finding_id for one in in_order(found, by))


A, B, C = rise("a", 0), rise("b", 1), rise("c", 2)


@pytest.mark.parametrize(
    ("by", "order"),
    [
        (NOTHING, "abc"),
        (chain("ca"), "bca"),  # what precedes another stands before it, else by time
        (chain("cb", "ba"), "cba"),
        (chain("cx", "xa"), "bca"),  # through a status or an endpoint, too
        (chain("ca", grade="hypothesis"), "abc"),
        (chain("ab", "ba"), "abc"),  # a circle tells nothing about its own
    ],
)
def test_evidence_of_requests_counts_more_than_an_estimated_onset(by: Chain, order: str) -> None:
    assert names([C, A, B], by) == order


def test_what_has_no_time_stands_last() -> None:
    timeless = replace(A, finding_id="t", onset=None, first_seen=None)
    assert names([timeless, C, A], NOTHING) == "act"


@pytest.mark.parametrize(
    ("found", "by", "is_known"),
    [
        ([A], NOTHING, True),
        ([A, C], NOTHING, True),  # their intervals are apart
        ([A, rise("c", 2, width=3)], NOTHING, False),
        ([A, rise("c", 2, width=3)], chain("ac"), True),
        ([rise("a", 0, width=9, state=State.NEW), rise("b", 1, width=9, state=State.NEW)],
         NOTHING, True),  # first lines are no estimates
        ([rise("a", 0, state=State.NEW), rise("b", 0, state=State.NEW)], NOTHING, False),
    ],
)  # fmt: skip
def test_an_order_is_claimed_only_where_it_is_known(
    found: list[Finding], by: Chain, is_known: bool
) -> None:
    assert is_order_known(found, by) is is_known
