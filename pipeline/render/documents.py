"""The templates of ``reports/`` made into documents."""

import base64
import dataclasses
import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from pipeline.model import Result
from pipeline.render import untrusted
from pipeline.render.context import MARKDOWN, build_context
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import ReportContext
from pipeline.resources import resource_dir


def render_html(result: Result) -> str:
    """Return the report as one page: styles inside, no request, works without JavaScript."""
    return _render("report.html.j2", build_context(result))


def render_markdown(result: Result) -> str:
    """Return the report in GitHub's Markdown."""
    return _render("report.md.j2", build_context(result, MARKDOWN))


def _render(template: str, context: ReportContext) -> str:
    values = {item.name: getattr(context, item.name) for item in dataclasses.fields(context)}
    return environment().get_template(template).render(values)


@cache
def environment() -> jinja2.Environment:
    """Return the environment: undefined names fail, HTML is escaped, untrusted text needs a filter.

    `select_autoescape` looks at the last suffix and would leave ``report.html.j2`` raw by default.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource_dir("reports")),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(_FILTERS)
    made.globals["assets"] = _assets()
    return made


@dataclass(frozen=True, slots=True)
class Assets:
    """Style and script as they stand in the page, with the hashes that the policy names."""

    style: Markup
    style_hash: str
    script: Markup
    script_hash: str


def _assets() -> Assets:
    folder = resource_dir("reports") / "assets"
    style = _bare((folder / "report.css").read_text(encoding="utf-8"))
    script = _bare((folder / "report.js").read_text(encoding="utf-8"))
    return Assets(Markup(style), _hash(style), Markup(script), _hash(script))


def _bare(text: str) -> str:
    """Return *text* without indents and lines that are only a comment: neither means anything."""
    lines = (line.strip() for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("//"))


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _finalize(value: Any) -> Any:  # noqa: ANN401  # whatever an expression of a template gives
    if isinstance(value, Untrusted):
        raise TypeError("a template prints untrusted text without the filter of its place")
    return value


def _marked(function: Any) -> Any:  # noqa: ANN401  # a filter that returns finished HTML
    def filter_(value: Untrusted, *arguments: Any) -> Markup:  # noqa: ANN401
        return Markup(function(value, *arguments))  # these functions escape

    return filter_


_FILTERS = {
    "text": _marked(untrusted.html_text),
    "block": _marked(untrusted.html_block),
    "plain": _marked(untrusted.html_plain),
    "md": untrusted.markdown_text,
    "md_code": untrusted.markdown_code,
    "md_block": untrusted.markdown_block,
    "mermaid": untrusted.mermaid_label,
}
