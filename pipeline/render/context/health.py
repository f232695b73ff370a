"""What works, what is broken, what is not known; and what was put to the test."""

from collections.abc import Iterable, Sequence

from pipeline.model import Evidence, HealthStatement
from pipeline.render.context.basis import Caps, count_more
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import EvidenceView, HealthColumn, StatementView

_EVIDENCE_SIGNS = {"confirmed": "✔", "refuted": "✘", "unknown": "?"}


def column(statements: Sequence[HealthStatement], caps: Caps) -> HealthColumn:
    """Return a column: some statements shown, more folded, the rest counted."""
    shown, folded = caps.statements, caps.statements + caps.folded_statements
    return HealthColumn(
        shown=_statements(statements[:shown]),
        folded=_statements(statements[shown:folded]),
        folded_words=f"{len(statements[shown:folded])} more",
        more=count_more(len(statements) - folded),
    )


def _statements(statements: Iterable[HealthStatement]) -> list[StatementView]:
    return [
        StatementView(Untrusted(one.component), Untrusted(one.text), one.query_id or "")
        for one in statements
    ]


def evidence_view(one: Evidence) -> EvidenceView:
    """Return a statement with its sign."""
    return EvidenceView(
        Untrusted(one.statement),
        one.status,
        _EVIDENCE_SIGNS[one.status],
        one.query_id or "",
        Untrusted(one.source or ""),
    )
