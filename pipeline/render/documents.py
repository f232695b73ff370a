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
from pipeline.render.context.history import IndexContext, build_index
from pipeline.render.numbers import with_queries
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import ReportContext
from pipeline.resources import resource_dir
from pipeline.trends import StoreHistory

# GitHub takes 65,536 characters of a comment; something has to stand beside a report.
MARKDOWN_BYTES = 60_000
_ALWAYS = 2  # head and summary


def render_html(result: Result) -> str:
    """Return the report as one page: styles inside, no request, works without JavaScript."""
    context = build_context(result)
    return _render("report.html.j2", with_queries(context, context.query_numbers))


def render_index(found: StoreHistory, folder: str) -> str:
    """Return the page over all runs, without a script; links are relative to *folder*."""
    context = build_index(found, folder)
    return environment().get_template("index.html.j2").render(_values(context))


def render_markdown(result: Result, limit: int = MARKDOWN_BYTES) -> str:
    """Return the report in GitHub's Markdown, at most *limit* bytes of UTF-8 long.

    Sections are dropped from the back until it fits, and the end says which; the head and the
    summary always stand, also where they alone are longer.
    """
    values = _values(build_context(result, MARKDOWN))
    template = environment().get_template("report.md.j2")
    context = template.new_context(values)
    parts = {name: _tidy("".join(block(context))) for name, block in template.blocks.items()}
    kept, note = list(parts), ""
    while len(kept) > _ALWAYS and _length([parts[one] for one in kept], note) > limit:
        kept.pop()
        note = _left_out(parts, kept, limit)
    return "\n\n".join([parts[one] for one in kept] + ([note] if note else [])) + "\n"


def _length(texts: list[str], note: str) -> int:
    return sum(len(text.encode()) + 2 for text in [*texts, note])


def _left_out(parts: dict[str, str], kept: list[str], limit: int) -> str:
    titles = [
        text.partition("\n")[0].lstrip("# ") for name, text in parts.items() if name not in kept
    ]
    return (
        f"Left out to keep to {limit:,} bytes: {', '.join(titles)}. "
        "All sections stand in `report.html`; a higher `--md-limit` shows them here."
    )


def _tidy(text: str) -> str:
    """Return *text* with one blank line where a template left several; code stays as it is."""
    lines: list[str] = []
    fence = ""
    for line in text.strip("\n").split("\n"):
        if fence:
            fence = "" if line == fence else fence
        elif line.startswith("```"):
            fence = "`" * (len(line) - len(line.lstrip("`")))
        elif not line.strip():
            line = ""
            if lines and not lines[-1]:
                continue
        lines.append(line.rstrip() if not fence else line)
    return "\n".join(lines)


def _render(template: str, context: ReportContext) -> str:
    return environment().get_template(template).render(_values(context))


def _values(context: ReportContext | IndexContext) -> dict[str, Any]:
    return {item.name: getattr(context, item.name) for item in dataclasses.fields(context)}


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
