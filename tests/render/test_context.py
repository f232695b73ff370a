"""Templates decide how, never what; and they read exactly what is declared."""

import dataclasses
import doctest
import subprocess
import sys
from collections import defaultdict

import jinja2
import jinja2.meta
import jinja2.nodes as nodes
import pytest

from pipeline.render import figures, render_html, render_markdown, views
from pipeline.render.documents import environment
from pipeline.render.views import ReportContext
from tests.render import sample
from tests.render.template_types import Reader, fields_of, reachable

# The page over all runs (`test_history`) and messages (`tests/notify`) have values of their own.
_OTHERS = ("index.html.j2", "macros/history.html.j2", "notices/")
TEMPLATES = environment().list_templates(
    filter_func=lambda name: name.endswith(".j2") and not name.startswith(_OTHERS)
)
FILTERS = {"text", "block", "plain", "md", "md_code", "md_block", "mermaid", "join"}


def tree(name: str) -> nodes.Template:
    env = environment()
    assert env.loader is not None
    return env.parse(env.loader.get_source(env, name)[0])


def test_templates_read_every_declared_name_and_no_other() -> None:
    used: set[str] = set()
    for name in TEMPLATES:
        used |= jinja2.meta.find_undeclared_variables(tree(name))

    declared = {item.name for item in dataclasses.fields(ReportContext)}
    assert used - {"assets"} == declared


def test_templates_read_every_field_of_every_view_and_no_other() -> None:
    reader = Reader(environment(), ReportContext)
    reader.template("report.html.j2")
    reader.template("report.md.j2")

    assert reader.missing == set()
    assert reader.names - {"assets"} == {item.name for item in dataclasses.fields(ReportContext)}
    shown = {kind for kind in reachable(ReportContext) if kind.__module__ == views.__name__}
    fields = fields_of(shown - {ReportContext})
    assert [name for key, name in fields.items() if key not in reader.read] == []


@dataclasses.dataclass
class _Leaf:
    name: str
    unread: str


@dataclasses.dataclass
class _Root:
    leaves: list[_Leaf]
    maybe: _Leaf | None
    pairs: list[tuple[_Leaf, str]]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("{% for one in leaves %}{{ one.name }}{% endfor %}", set()),
        ("{% for one in leaves %}{{ one.naem }}{% endfor %}", {"a: _Leaf.naem"}),
        ("{% if maybe %}{{ maybe.nmae }}{% endif %}", {"a: _Leaf.nmae"}),
        ("{% for one, word in pairs %}{{ one.x ~ word }}{% endfor %}", {"a: _Leaf.x"}),
        ("{% macro m(one) %}{{ one.y }}{% endmacro %}{{ m(leaves[0]) }}", {"a: _Leaf.y"}),
        ("{% set one = maybe %}{{ one.z }}", {"a: _Leaf.z"}),
        ("{{ other }}", {"a: other"}),
    ],
)
def test_the_reader_of_templates_finds_what_is_wrong(text: str, missing: set[str]) -> None:
    reader = Reader(jinja2.Environment(loader=jinja2.DictLoader({"a": text})), _Root)
    reader.template("a")

    assert reader.missing == missing
    assert (_Leaf, "unread") in fields_of(reachable(_Root))
    assert (_Leaf, "unread") not in reader.read


def test_every_declared_name_is_documented() -> None:
    for item in dataclasses.fields(ReportContext):
        assert len(item.metadata["help"].split()) > 1, item.name


def test_every_field_of_a_view_is_shown_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    env = environment()
    read: defaultdict[str, set[str]] = defaultdict(set)

    def record(obj: object, attribute: str) -> object:
        read[type(obj).__name__].add(attribute)
        return jinja2.Environment.getattr(env, obj, attribute)

    monkeypatch.setattr(env, "getattr", record)
    for make in (sample.incident, sample.undecided, sample.quiet):
        render_html(make())
        render_markdown(make())

    for name, kind in vars(views).items():
        if (
            isinstance(kind, type)
            and kind.__module__ == views.__name__
            and kind is not ReportContext
        ):
            fields = {item.name for item in dataclasses.fields(kind)}
            assert fields - read[name] == set(), name


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_do_not_calculate_sort_or_judge(name: str) -> None:
    parsed = tree(name)

    sums = (nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow)
    assert not list(parsed.find_all(sums))
    assert {one.op for one in parsed.find_all(nodes.Operand)} <= {"eq", "in"}
    assert {one.name for one in parsed.find_all(nodes.Filter)} <= FILTERS


def test_a_missing_name_fails_here_and_not_at_the_reader() -> None:
    with pytest.raises(jinja2.UndefinedError):
        environment().from_string("{{ nothing_of_this_name }}").render()


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(figures).failed == 0


def test_importing_and_the_light_documents_are_cheap() -> None:
    code = (
        "import sys; import pipeline.render as r; from pipeline.model import *\n"
        "heavy = {'jinja2', 'cattrs', 'polars', 'duckdb', 'pyarrow', 'markupsafe'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "from tests.render import sample\n"
        "x = sample.incident(); r.to_json(x); r.render_criteria(x)\n"
        "r.render_terminal(x, width=80, color=True, files=[])\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
