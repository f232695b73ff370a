"""The result for a job of GitHub Actions: annotations, job summary, outputs."""

from collections.abc import Sequence

from pipeline.model import Finding, Result, Verdict
from pipeline.render.documents import render_markdown
from pipeline.render.figures import many, moment
from pipeline.render.untrusted import Untrusted, github_message, github_property
from pipeline.render.words import (
    VERDICT_WORDS,
    change_of,
    distinct_names,
    is_risen,
    place_of,
    state_of,
)

# GitHub shows ten annotations of a kind and step, and says of the others nothing.
MAX_ANNOTATIONS = 10


def render_annotations(result: Result) -> str:
    """Return workflow commands, a line each: one a risen class, the worst first.

    The last of ten says how many more there are. Without a verdict, that is told instead.
    """
    risen = [one for one in result.findings if is_risen(one)]
    risen.sort(key=lambda one: not one.is_regression)  # findings come worst first
    if not risen:
        return _verdict(result)
    shown = risen if len(risen) <= MAX_ANNOTATIONS else risen[: MAX_ANNOTATIONS - 1]
    names = distinct_names(result.findings)
    lines = [_annotation(one, names[one.finding_id]) for one in shown]
    if rest := len(risen) - len(shown):
        more = f"and {many(rest, 'more class', 'more classes')} of errors: see the job summary"
        lines.append(_command("warning", "Aftershock", more))
    return "".join(f"{line}\n" for line in lines)


def _verdict(result: Result) -> str:
    level = "warning" if result.verdict is Verdict.CANNOT_DECIDE else "notice"
    return _command(level, VERDICT_WORDS[result.verdict], result.headline) + "\n"


def _annotation(finding: Finding, name: str) -> str:
    parts = [f"{name}: {state_of(finding)}, {change_of(finding)}"]
    since = finding.onset or finding.first_seen
    parts += [f"since {moment(since)} UTC"] if since else []
    services = ", ".join(one.service_name for one in finding.services[:3])
    parts += [f"in {services}"] if services else []
    parts += [f"at {place}"] if (place := place_of(finding)) else []
    level, title = ("error", "Regression") if finding.is_regression else ("warning", "Suspected")
    return _command(level, title, " ".join(parts))


def _command(level: str, title: str, message: str) -> str:
    shown = github_property(Untrusted(title))
    return f"::{level} title={shown}::{github_message(Untrusted(message))}"


def render_summary(result: Result, room: int) -> str:
    """Return the Markdown report for the job summary, at most *room* bytes of UTF-8 long.

    Empty where not even its first section fits.
    """
    text = render_markdown(result, room)
    return text if len(text.encode()) <= room else ""


def render_outputs(result: Result, files: Sequence[tuple[str, str]]) -> str:
    """Return lines ``name=value`` for later steps; *files* are names and paths of documents.

    A path that could end its line is left out.
    """
    regressions = sum(one.is_regression for one in result.findings)
    values = [("verdict", str(result.verdict)), ("regressions", str(regressions))]
    values += [(name, path) for name, path in files if path.isprintable()]
    return "".join(f"{name}={value}\n" for name, value in values)
