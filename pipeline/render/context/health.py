"""What works, what is broken, what is not known; and what was put to the test."""

from collections.abc import Iterable, Mapping, Sequence

from pipeline.model import Evidence, FactFile, HealthStatement
from pipeline.render.context.basis import Caps, count_more
from pipeline.render.figures import many, minute
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import EvidenceView, FactView, HealthColumn, StatementView

_EVIDENCE_SIGNS = {"confirmed": "✔", "refuted": "✘", "unknown": "?"}


_HASH_CHARACTERS = 12
_WHEN = {
    "before": "before the candidate window",
    "within": "in the candidate window",
    "after": "after the candidate window",
    "unknown": "",
}


def column(
    statements: Sequence[HealthStatement], caps: Caps, facts: Sequence[FactFile] = ()
) -> HealthColumn:
    """Return a column: some statements shown, more folded, the rest counted. *facts* are the files
    that statements may name as their source.
    """
    files = {one.file_name: source_words(one) for one in facts}
    shown, folded = caps.statements, caps.statements + caps.folded_statements
    return HealthColumn(
        shown=_statements(statements[:shown], files),
        folded=_statements(statements[shown:folded], files),
        folded_words=f"{len(statements[shown:folded])} more",
        more=count_more(len(statements) - folded),
    )


def _statements(
    statements: Iterable[HealthStatement], files: Mapping[str, str]
) -> list[StatementView]:
    return [
        StatementView(
            Untrusted(one.component),
            Untrusted(one.text),
            one.query_id or "",
            Untrusted(files.get(one.source or "", "")),
        )
        for one in statements
    ]


def source_words(one: FactFile) -> str:
    """Name a captured file with its hash and when it was captured."""
    digest = f", sha256 {one.sha256[:_HASH_CHARACTERS]}" if one.sha256 else ""
    return f"{one.file_name}{digest}, {captured_words(one)}"


def captured_words(one: FactFile) -> str:
    """Say when a file was captured, as far as that is known, and where that lies."""
    words = _WHEN.get(one.when, "")
    where = f", {words}" if words else ""
    if one.captured_at is not None:
        return f"captured {minute(one.captured_at)} UTC ({one.time_origin}){where}"
    if one.captured_after is not None:
        return f"capture time not known, after {minute(one.captured_after)} UTC{where}"
    return "capture time not known"


def fact_view(one: FactFile) -> FactView:
    """Return a captured file with what became of it."""
    records = many(one.record_count, "record") if one.record_count else ""
    return FactView(
        name=Untrusted(one.file_name),
        kind=Untrusted(one.kind),
        records=records,
        size="" if one.byte_count is None else many(one.byte_count, "byte"),
        digest=Untrusted(one.sha256 or ""),
        captured=Untrusted(captured_words(one)),
        notes=[Untrusted(text) for text in ([one.problem] if one.problem else []) + one.notes],
        excerpt=Untrusted(one.excerpt) if one.excerpt else None,
    )


def evidence_view(one: Evidence) -> EvidenceView:
    """Return a statement with its sign."""
    return EvidenceView(
        Untrusted(one.statement),
        one.status,
        _EVIDENCE_SIGNS[one.status],
        one.query_id or "",
        Untrusted(one.source or ""),
    )
