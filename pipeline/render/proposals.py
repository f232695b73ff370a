"""A rule for errors that no rule names, made from their template, ready to paste and to edit."""

import re
from collections.abc import Sequence

from pipeline.model import Finding
from pipeline.render.untrusted import toml_string, visible

_PLACEHOLDER = "<*>"
# A rule sees the first 1,000 characters of a text; a shorter pattern also survives a changed end.
_PATTERN_CHARACTERS = 160
_NAME_CHARACTERS = 40
_MUST_CHARACTERS = 300
# What has no letters names nothing, and a shorter text is in too many lines.
_LEAST_LETTERS = 5


def proposed_rule(finding: Finding) -> str | None:
    """Return one ``[[rule]]`` table that matches *finding*'s samples, or None.

    None where the template has too few letters to tell its lines from others, where it cannot be
    written without escapes that a reader does not see, or where the pattern does not match a sample
    of its own.
    """
    if not finding.template or not finding.samples:
        return None
    template = finding.template.splitlines()[0].strip()
    first = finding.samples[0].body.splitlines()[:1]
    line = first[0].strip()[:_MUST_CHARACTERS] if first else ""
    pieces = [piece for piece in _cut(template).split(_PLACEHOLDER) if piece.strip()]
    literal = max((word for piece in pieces for word in piece.split()), key=len, default="")
    pattern = _pattern(pieces)
    letters = sum(character.isalpha() for character in "".join(pieces))
    if letters < _LEAST_LETTERS or not re.search(pattern, line):
        return None
    if any(visible(text, len(text)) != text for text in (template, line)):
        return None
    near = " ".join(line.replace(literal, "").split())  # a rule needs a line that it leaves alone
    if not near or re.search(pattern, near):
        near = "an empty line"
    return _table(_name(pieces), template, literal.lower(), pattern, line, near)


def proposed_rules(findings: Sequence[Finding], limit: int) -> tuple[str, int]:
    """Return at most *limit* rules as one text, and how many there are in it."""
    proposals: dict[str, str] = {}
    for one in findings:
        rule = proposed_rule(one)
        if rule is not None:
            proposals.setdefault(rule.splitlines()[1], rule)  # one of a name
        if len(proposals) == limit:
            break
    return "\n".join(proposals.values()), len(proposals)


def _cut(template: str) -> str:
    """Shorten to whole words; a placeholder is not cut in two."""
    if len(template) <= _PATTERN_CHARACTERS:
        return template
    return template[:_PATTERN_CHARACTERS].rsplit(" ", 1)[0].rsplit("<", 1)[0]


def _pattern(pieces: Sequence[str]) -> str:
    """Return an expression of RE2 and Python alike: words as they are, any space, any value."""
    return r"[^\n]*".join(r"\s+".join(_escaped(word) for word in piece.split()) for piece in pieces)


def _escaped(word: str) -> str:
    return re.sub(r"[\\.+*?()|\[\]{}^$]", lambda found: f"\\{found.group()}", word)


def _name(pieces: Sequence[str]) -> str:
    words = re.findall(r"[a-z][a-z0-9]*", " ".join(pieces).lower())
    name = "_".join(words)[:_NAME_CHARACTERS].rstrip("_")
    return name if len(name) > 1 else "unnamed_error"


def _table(name: str, title: str, literal: str, pattern: str, line: str, near: str) -> str:
    return "\n".join(
        [
            "[[rule]]",
            f"name = {toml_string(name)}",
            f"title = {_quoted(title[:80])}",
            'description = "Proposed from a template; say here what it means."',
            f"must_not = [{_quoted(near)}]",
            "",
            "[[rule.pattern]]",
            f"literal = {_quoted(literal)}",
            f"regex = {_quoted(pattern)}",
            f"must = [{_quoted(line)}]",
            "",
        ]
    )


def _quoted(text: str) -> str:
    """Return a literal string where that is possible: a pattern is read better so."""
    return toml_string(text) if "'" in text or not text.isprintable() else f"'{text}'"
