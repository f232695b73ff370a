"""Every number carries its query: in result.json by its path, in the page by a mark or a badge."""

# ruff: noqa: ANN401  # views and parsed pages have no common type

import dataclasses
import importlib
import json
import re
from collections.abc import Iterator
from typing import Any

import html5lib
import pytest

from pipeline.model import QueryFacts, Result
from pipeline.numbers import given, number_sources, origins
from pipeline.render import json_schema, render_html, to_json
from pipeline.render import views as view_module
from pipeline.render.context import build_context
from pipeline.render.numbers import Num, Stated, with_queries
from pipeline.render.untrusted import Untrusted
from pipeline.sql import load_queries, title
from tests.render import sample

DIGIT = re.compile(r"\d")


def with_provenance(result: Result) -> Result:
    """The result as a run makes it: all queries, and where numbers come from."""
    queries = [QueryFacts(name, title(text), text, {}) for name, text in load_queries().items()]
    return dataclasses.replace(result, queries=queries, numbers=number_sources())


RESULTS = {
    "incident": lambda: with_provenance(sample.incident()),
    "quiet": lambda: with_provenance(sample.quiet()),
}


# ---- result.json ------------------------------------------------------------------------------


def number_paths() -> Iterator[str]:
    """Yield the path of every number and time in the schema of `result.json`."""
    schema = json_schema()
    yield from dict.fromkeys(_paths(schema, schema["$defs"], ""))


def _paths(kind: dict[str, Any], definitions: dict[str, Any], path: str) -> Iterator[str]:
    if "$ref" in kind:
        yield from _paths(definitions[kind["$ref"].rsplit("/", 1)[1]], definitions, path)
    elif "anyOf" in kind:
        for one in kind["anyOf"]:
            yield from _paths(one, definitions, path)
    elif kind.get("type") == "array":
        yield from _paths(kind["items"], definitions, f"{path}[]")
    elif "properties" in kind:
        for key, one in kind["properties"].items():
            yield from _paths(one, definitions, f"{path}.{key}" if path else key)
    elif kind.get("type") == "object":
        values = kind.get("additionalProperties")
        yield from _paths(values if isinstance(values, dict) else {}, definitions, f"{path}.*")
    elif not kind or kind.get("type") in ("integer", "number") or "format" in kind:
        yield path


def _fits(path: str, known: str) -> bool:
    return re.fullmatch(re.escape(known).replace(r"\*", r"[^.]+"), path) is not None


def test_every_number_of_the_result_has_an_origin() -> None:
    known = [path for one in origins() for path in one.paths] + list(given())

    assert [path for path in number_paths() if not any(_fits(path, at) for at in known)] == []


# The sections whose texts are made of numbers: none may come without the query that it is of.
SECTIONS_OF_TEXTS = ("chain", "endpoints", "health", "evidence", "remediation", "criteria",
                     "escalation", "recovery_reason")  # fmt: skip
# Names that logs or the user gave, and words of the knowledge base.
NAMES = {
    "chain.nodes[].node_id", "chain.nodes[].label", "chain.nodes[].finding_id",
    "chain.edges[].from", "chain.edges[].to", "chain.first_failures[]", "chain.order_unknown[][]",
    "chain.notes[].node_ids[]",
    "endpoints[].service_name", "endpoints[].http_route", "endpoints[].dominant_finding_id",
    "health.working[].component", "health.broken[].component", "health.unknown[].component",
    "remediation[].answers", "remediation[].follows", "remediation[].verified_by",
    "remediation[].then", "remediation[].source", "criteria[].criterion_id", "escalation.rule",
}  # fmt: skip


def _texts(value: Any, path: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, text and the object around it, of every text with a digit."""
    if isinstance(value, dict):
        for key, one in value.items():
            for at, text, holder in _texts(one, f"{path}.{key}"):
                yield at, text, holder or value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, f"{path}[]")
    elif isinstance(value, str) and DIGIT.search(value):
        yield path, value, {}


@pytest.mark.parametrize("name", RESULTS)
def test_every_text_with_a_number_has_an_origin(name: str) -> None:
    document = json.loads(to_json(RESULTS[name]()))
    known = [path for one in origins() for path in one.texts]

    bare = {
        (path, text)
        for section in SECTIONS_OF_TEXTS
        for path, text, holder in _texts(document[section], section)
        if path not in NAMES
        and ".scope." not in path
        and not holder.get("query_id")
        and not any(_fits(path, at) for at in known)
    }
    assert bare == set()


def test_every_origin_is_of_a_number_that_there_is() -> None:
    paths = list(number_paths())
    known = [path for one in origins() for path in one.paths] + list(given())

    assert [at for at in known if not any(_fits(path, at) for path in paths)] == []


def test_no_number_has_two_origins() -> None:
    known = [path for one in origins() for path in one.paths]
    shown = [field for one in origins() for field in one.shown]

    assert len(known) == len(set(known))
    assert len(shown) == len(set(shown))


def test_queries_and_functions_of_origins_exist() -> None:
    assert {name for one in origins() for name in one.query_ids} <= load_queries().keys()
    for function in {one.function for one in origins() if one.function}:
        module, _, name = function.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


# ---- views ------------------------------------------------------------------------------------

# Texts with digits that are no numbers about the logs, or stand in words beside marked ones.
NO_NUMBERS = {
    "ReportContext": {"page_title", "report_title", "author", "run_id", "version", "command",
                      "versions", "settings", "sections", "unchanged", "rules", "query_numbers",
                      "rate_unit", "escalation_others", "escalation_level", "escalation_rule"},
    "CandidateView": {"anchor", "number", "name", "title", "template", "location", "position",
                      "keys", "changes"},
    "FindingRow": {"title", "keys", "course"},
    "Link": {"name", "anchor"},
    "Moment": {"shown", "iso"},
    "KnowledgeView": {"knowledge_id", "title", "mechanism", "check_first", "remedy",
                      "verify", "references", "reviewed", "applies_to", "opened"},
    "CommandView": {"run", "where", "ran_with"},
    "HypothesisView": {"text", "reason", "refuted_if"},
    "SignView": {"looked_for"},
    "SampleView": {"service", "body"},
    "QueryView": {"number", "anchor", "query_id", "title", "sql", "parameters"},
    "NumberView": {"what", "query_ids", "method"},
    "NodeView": {"key", "label"},
    "EdgeView": {"source_key", "target_key"},
    "ChainView": {"first_failures", "order_unknown"},
    "EndpointView": {"name", "service", "source", "keys"},
    "ServiceView": {"name", "keys"},
    "Filters": {"classes", "services"},
    "LeadView": {"label"},
    "CriterionView": {"criterion_id"},
    "ActionView": {"priority", "known", "then", "source", "verified_by"},
    "ChangeView": {"service", "kind", "text", "source"},
    "GapView": {"service"},
    "HeatView": {"names"},
    "HeatRow": {"name", "time", "level"},
    "SlopeView": {"names"},
    "LaneView": {"names"},
    "ClassRow": {"time"},
    "SlotRow": {"time"},
    "PremiseView": {"explains"},
    "SourceView": {"path", "service", "formats", "sha256"},
    "FactView": {"name", "kind", "digest", "notes", "excerpt"},
}  # fmt: skip
# Fields that stand below a badge of their own in the page, which the test of the page sees.
UNDER_A_BADGE = {
    "FindingRow": {"first_seen", "interval", "baseline_count", "candidate_count"},
    "Tile": {"value", "label", "query_id"},
    "StatementView": {"component", "text", "query_id", "source"},
    "EvidenceView": {"statement", "query_id", "source"},
    "PremiseView": {"text", "query_id"},
    "SignView": {"text", "place", "query_id"},
    "SlotRow": {"count", "rate", "expected", "band", "remark"},
    "ClassRow": {"cells"},
    "EndpointView": {
        "requests",
        "failures",
        "baseline_share",
        "candidate_share",
        "change",
        "interval",
    },
    "ServiceView": {"baseline_count", "candidate_count"},
    "ClassCharts": {"bucket", "more"},
    "ChartView": {"chart_id", "name", "description", "bucket", "anchor", "keys", "state"},
    "HeatView": {"description", "bucket"},
    "SlopeView": {"description", "rows"},
    "SourceView": {"size", "lines", "events", "unparsed", "span", "remark"},
}


def texts_of(view: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield view, field and text for every text with a digit in a context."""
    for item in dataclasses.fields(view):
        for value in _flat(getattr(view, item.name)):
            if dataclasses.is_dataclass(value) and type(value).__module__ == view_module.__name__:
                yield from texts_of(value)
            text = value.reveal() if isinstance(value, Untrusted) else value
            if isinstance(text, str) and DIGIT.search(text):
                yield type(view).__name__, item.name, value


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for one in value:
            yield from _flat(one)
    else:
        yield value


def test_fields_that_are_shown_exist() -> None:
    known = {
        f"{name}.{item.name}"
        for name, kind in vars(view_module).items()
        if dataclasses.is_dataclass(kind)
        for item in dataclasses.fields(kind)
    }

    assert {field for one in origins() for field in one.shown} <= known


@pytest.mark.parametrize("name", RESULTS)
def test_every_figure_of_a_view_carries_its_queries(name: str) -> None:
    context = build_context(RESULTS[name]())
    marked = with_queries(context, context.query_numbers)

    bare = {
        (view, field, str(value.reveal() if isinstance(value, Untrusted) else value)[:60])
        for view, field, value in texts_of(marked)
        if not isinstance(value, Stated)
        and not (isinstance(value, Num) and value.badges)
        and field not in NO_NUMBERS.get(view, ())
        and field not in UNDER_A_BADGE.get(view, ())
    }
    assert bare == set()


# ---- the page ---------------------------------------------------------------------------------

# What may have a digit without a query: words of ours that are the same in every report.
LITERALS = (
    r"\d+\.",  # the number of a card
    r"Q\d+",
    r"Ratio \(95 %\)",
    r".*Ratios carry 95 % intervals\..*",
    r"A failure is an answer of 500 or above; .*",
)
_OWN_TEXT = {"time", "code", "pre", "style", "script", "title", "bdi", "option", "desc"}
_BLOCKS = {"figure", "table", "li", "p", "dd", "dl", "h4"}


def uncovered(page: str) -> list[tuple[str, str]]:
    """Return section and text of digits that neither a mark nor a badge beside them covers.

    Text of logs stands in `bdi` and is not looked at here; sentences of ours that may hold names of
    logs are, by their view.
    """
    root = html5lib.parse(page, namespaceHTMLElements=False)
    above = {child: parent for parent in root.iter() for child in parent}
    found = []
    for element in root.iter():
        texts = [(element, element.text)] + [(element, child.tail) for child in element]
        for owner, text in texts:
            if text and DIGIT.search(text) and not _is_covered(owner, above):
                words = " ".join(text.split())
                if not any(re.fullmatch(one, words) for one in LITERALS):
                    found.append((_section(owner, above), words))
    return found


def _lineage(element: Any, above: dict[Any, Any]) -> Iterator[Any]:
    while element is not None:
        yield element
        element = above.get(element)


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _section(element: Any, above: dict[Any, Any]) -> str:
    return next((one.get("id") for one in _lineage(element, above) if _tag(one) == "section"), "")


def _is_covered(element: Any, above: dict[Any, Any]) -> bool:
    for one in _lineage(element, above):
        tag = _tag(one)
        if one.get("data-q") or tag in _OWN_TEXT or "query" in (one.get("class") or ""):
            return True
        is_block = tag in _BLOCKS or "tile" in (one.get("class") or "").split()
        if is_block and any(at.get("class") == "query" for at in one.iter()):
            return True
        if "sql" in (one.get("class") or ""):
            return True  # queries themselves
    return False


@pytest.mark.parametrize("name", RESULTS)
def test_every_digit_of_the_page_has_a_query(name: str) -> None:
    assert uncovered(render_html(RESULTS[name]())) == []


def test_a_number_without_its_query_is_found() -> None:
    page = render_html(RESULTS["incident"]())
    planted = page.replace("<main>", '<main><section id="x"><p>12 more</p></section>', 1)

    assert uncovered(planted) == [("x", "12 more")]


@pytest.mark.parametrize("name", RESULTS)
def test_every_mark_leads_to_a_query(name: str) -> None:
    page = render_html(RESULTS[name]())
    marks = re.findall(r"data-q=([\d,]+)", page)
    anchors = set(re.findall(r'id="?q(\d+)', page))

    assert marks
    assert {number for mark in marks for number in mark.split(",")} <= anchors


def test_marks_hold_the_value_that_is_shown() -> None:
    page = render_html(RESULTS["incident"]())
    marks = re.findall(r"<data value=(\S+) data-q=[^>]*>([^<]+)</data>", page)

    assert len(marks) > 20
    for value, text in marks:
        if re.fullmatch(r"[\d,.]+", text):
            assert float(text.replace(",", "")) == pytest.approx(float(value), rel=1e-2)


def test_a_number_is_text_wherever_it_is_not_a_page() -> None:
    number = Num("1,308", 1308, (3,))

    assert f"{number} events" == "1,308 events"
    assert number == "1,308"
    assert number.__html__() == "<data value=1308 data-q=3>1,308</data>"
    assert Num("< 1", 0.5, (3, 4)).__html__() == "<data value=0.5 data-q=3,4>&#60; 1</data>"
    assert Num("0 → 3", None, (3,)).__html__() == "<span data-q=3>0 → 3</span>"
