"""A `Result` as JSON, HTML, Markdown, terminal text, TOML, JUnit XML, CSV, and for GitHub Actions.

Importing this package is cheap: what a document needs is imported when that document is made.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.facts import (
        Backtest,
        Calibration,
        Diagnosis,
        Difference,
        DocumentCheck,
        EvidenceReport,
        FormatCheck,
        FormatDefinition,
        FormatSummary,
        LineReading,
        Naming,
        ReportCheck,
        Row,
        RuleCheck,
        RuleDefinition,
        RuleSummary,
        ShownFinding,
        StoreChange,
        StoreCheck,
        StoreFacts,
        Verification,
    )
    from pipeline.model import Result
    from pipeline.notices import Delivery
    from pipeline.signs import Entry
    from pipeline.trends import StoreHistory, Trend

__all__ = [
    "SUMMARY_BYTES",
    "compare_documents",
    "facts_json",
    "from_json",
    "json_schema",
    "render_annotations",
    "render_calibration",
    "render_check",
    "render_criteria",
    "render_csv",
    "render_definition",
    "render_deliveries",
    "render_diagnosis",
    "render_difference",
    "render_evidence",
    "render_findings",
    "render_format_check",
    "render_format_list",
    "render_html",
    "render_index",
    "render_junit",
    "render_knowledge",
    "render_knowledge_list",
    "render_line",
    "render_markdown",
    "render_naming",
    "render_outputs",
    "render_rule",
    "render_rule_check",
    "render_rule_list",
    "render_store",
    "render_store_change",
    "render_store_check",
    "render_summary",
    "render_taken",
    "render_terminal",
    "render_trend",
    "render_verification",
    "to_json",
]


def to_json(result: "Result") -> str:
    """Return ``result.json``: keys in the order of the model, times in UTC with Z."""
    from pipeline.render import serialize

    return serialize.to_json(result)


def from_json(text: str) -> "Result":
    """Return the result that *text* holds. Raises `UsageError` for JSON that is no result."""
    from pipeline.render import serialize

    return serialize.from_json(text)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``result.json``, made from the model."""
    from pipeline.render import serialize

    return serialize.json_schema()


def render_criteria(result: "Result") -> str:
    """Return ``criteria.toml``: the success criteria, to be checked again on later logs."""
    from pipeline.render import criteria

    return criteria.render_criteria(result)


def render_terminal(result: "Result", *, width: int, color: bool, files: list[str]) -> str:
    """Return the summary for a terminal of *width* columns; *files* are the paths it names."""
    from pipeline.render import terminal

    return terminal.render_terminal(result, width=width, color=color, files=files)


def render_html(result: "Result") -> str:
    """Return the report as one HTML page that asks for nothing else."""
    from pipeline.render import documents

    return documents.render_html(result)


def render_markdown(result: "Result", limit: int | None = None) -> str:
    """Return the report as Markdown for a ticket or a pull request, at most *limit* bytes long.

    Sections are dropped from the back until it fits, never the summary (default: 60,000 bytes).
    """
    from pipeline.render import documents

    return documents.render_markdown(result, documents.MARKDOWN_BYTES if limit is None else limit)


# So much Markdown a step of GitHub Actions may add to the job summary.
SUMMARY_BYTES = 2**20


def render_junit(result: "Result") -> str:
    """Return JUnit's XML: a test case a class of errors, a failure a regression."""
    from pipeline.render import junit

    return junit.render_junit(result)


def render_csv(result: "Result") -> dict[str, str]:
    """Return the lists of the result as CSV, by the name of the file."""
    from pipeline.render import sheets

    return sheets.render_csv(result)


def render_annotations(result: "Result") -> str:
    """Return at most ten annotations for GitHub Actions, the worst first."""
    from pipeline.render import github

    return github.render_annotations(result)


def render_summary(result: "Result", room: int = SUMMARY_BYTES) -> str:
    """Return the job summary for GitHub Actions, at most *room* bytes long."""
    from pipeline.render import github

    return github.render_summary(result, room)


def render_outputs(result: "Result", files: "Sequence[tuple[str, str]]") -> str:
    """Return what later steps of GitHub Actions can ask for: verdict, regressions, *files*."""
    from pipeline.render import github

    return github.render_outputs(result, files)


def facts_json(facts: object) -> str:
    """Return values of `pipeline.facts` as JSON, times in UTC with Z."""
    from pipeline.render import inspections

    return inspections.facts_json(facts)


def render_calibration(found: "Calibration", *, width: int, color: bool) -> str:
    """Return what `calibrate` measured for a terminal of *width* columns."""
    from pipeline.render import inspections

    return inspections.render_calibration(found, width=width, color=color)


def render_deliveries(found: "Sequence[Delivery]", *, width: int, color: bool) -> str:
    """Return what became of messages, a line a target."""
    from pipeline.render import notices

    return notices.render_deliveries(found, width=width, color=color)


def render_diagnosis(diagnosis: "Diagnosis", *, width: int, color: bool) -> str:
    """Return what `doctor` found for a terminal of *width* columns."""
    from pipeline.render import inspections

    return inspections.render_diagnosis(diagnosis, width=width, color=color)


def render_line(line: "LineReading", *, width: int, color: bool) -> str:
    """Return how one line is read for a terminal of *width* columns."""
    from pipeline.render import inspections

    return inspections.render_line(line, width=width, color=color)


def render_format_list(formats: "list[FormatSummary]", *, width: int, color: bool) -> str:
    """Return one line a format."""
    from pipeline.render import inspections

    return inspections.render_format_list(formats, width=width, color=color)


def render_definition(definition: "FormatDefinition", *, width: int, color: bool) -> str:
    """Return one format in full."""
    from pipeline.render import inspections

    return inspections.render_definition(definition, width=width, color=color)


def render_format_check(check: "FormatCheck", *, width: int, color: bool) -> str:
    """Return what checking a definition found."""
    from pipeline.render import inspections

    return inspections.render_format_check(check, width=width, color=color)


def render_taken(diagnosis: "Diagnosis", *, width: int, color: bool) -> str:
    """Return which formats took how many lines of each source."""
    from pipeline.render import inspections

    return inspections.render_taken(diagnosis, width=width, color=color)


def render_knowledge_list(entries: "list[Entry]", *, width: int, color: bool) -> str:
    """Return one line an entry of the knowledge base."""
    from pipeline.render import knowledge

    return knowledge.render_knowledge_list(entries, width=width, color=color)


def render_knowledge(entry: "Entry", *, width: int, color: bool) -> str:
    """Return one entry of the knowledge base in full."""
    from pipeline.render import knowledge

    return knowledge.render_knowledge(entry, width=width, color=color)


def render_rule_list(rules: "list[RuleSummary]", *, width: int, color: bool) -> str:
    """Return one line a rule."""
    from pipeline.render import rulebook

    return rulebook.render_rule_list(rules, width=width, color=color)


def render_rule(rule: "RuleDefinition", *, width: int, color: bool) -> str:
    """Return one rule in full."""
    from pipeline.render import rulebook

    return rulebook.render_rule(rule, width=width, color=color)


def render_rule_check(check: "RuleCheck", *, width: int, color: bool) -> str:
    """Return what checking rules found."""
    from pipeline.render import rulebook

    return rulebook.render_rule_check(check, width=width, color=color)


def render_naming(naming: "Naming", *, width: int, color: bool) -> str:
    """Return which rules name how many errors of logs."""
    from pipeline.render import rulebook

    return rulebook.render_naming(naming, width=width, color=color)


def render_evidence(found: "EvidenceReport", *, width: int, color: bool) -> str:
    """Return what became of the samples of a report."""
    from pipeline.render import examined

    return examined.render_evidence(found, width=width, color=color)


def render_findings(shown: "list[ShownFinding]", *, width: int, color: bool) -> str:
    """Return findings in full, with the lines around their samples."""
    from pipeline.render import examined

    return "\n".join(examined.render_finding(one, width=width, color=color) for one in shown)


def render_difference(found: "Difference", *, width: int, color: bool) -> str:
    """Return what changed between two runs."""
    from pipeline.render import comparisons

    return comparisons.render_difference(found, width=width, color=color)


def compare_documents(name: str, printed: str, recomputed: str) -> "DocumentCheck":
    """Return where the document *name* differs from its recomputation."""
    from pipeline.render import compare

    return compare.compare(name, printed, recomputed)


def render_check(found: "ReportCheck", *, width: int, color: bool) -> str:
    """Return what the check of a report found."""
    from pipeline.render import examined

    return examined.render_check(found, width=width, color=color)


def render_verification(found: "Verification", *, width: int, color: bool) -> str:
    """Return what became of the success criteria of a run."""
    from pipeline.render import comparisons

    return comparisons.render_verification(found, width=width, color=color)


def render_store(found: "StoreFacts", *, width: int, color: bool) -> str:
    """Return what a store holds."""
    from pipeline.render import stored

    return stored.render_store(found, width=width, color=color)


def render_backtest(found: "Backtest", *, width: int, color: bool) -> str:
    """Return what runs on a store would have found, a line each that changed something."""
    from pipeline.render import stored

    return stored.render_backtest(found, width=width, color=color)


def render_memory(found: "list[Row]", *, width: int, color: bool) -> str:
    """Return what a store remembers of findings, worst first."""
    from pipeline.render import stored

    return stored.render_memory(found, width=width, color=color)


def render_remembered(found: "Row", *, width: int, color: bool) -> str:
    """Return all that a store remembers of one finding."""
    from pipeline.render import stored

    return stored.render_remembered(found, width=width, color=color)


def render_store_check(found: "StoreCheck", *, width: int, color: bool) -> str:
    """Return which files of a store differ from what was written."""
    from pipeline.render import stored

    return stored.render_store_check(found, width=width, color=color)


def render_store_change(found: "StoreChange", *, width: int, color: bool) -> str:
    """Return what pruning or compacting a store did, or would do."""
    from pipeline.render import stored

    return stored.render_store_change(found, width=width, color=color)


def render_trend(found: "Trend", *, width: int, color: bool) -> str:
    """Return classes over days or hours for a terminal of *width* columns."""
    from pipeline.render import trending

    return trending.render_trend(found, width=width, color=color)


def render_index(found: "StoreHistory", folder: str) -> str:
    """Return the page over all runs of a store; its links are relative to *folder*."""
    from pipeline.render import documents

    return documents.render_index(found, folder)
