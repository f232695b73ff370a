"""What `rules` asks: which there are, whether they hold, what they make of logs, what lacks."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from pipeline import store
from pipeline.errors import RuleError, UndecidableError, UsageError
from pipeline.facts import (
    Naming,
    RuleCheck,
    RuleDefinition,
    RuleHits,
    RulePattern,
    RuleSummary,
)
from pipeline.model import Settings
from pipeline.orchestrate.reading import Tell, read, rule_texts, streams_of
from pipeline.orchestrate.templates import open_book
from pipeline.rules import Rule, check_rule, load_rules, parse_rules, rule_table
from pipeline.rules.knowledge import KnowledgeBase, load_knowledge
from pipeline.signs import Entry
from pipeline.sql import classify

SHIPPED = "shipped"
# Classes of what is left over: an error that only these name has no name of its own.
GENERIC_PRIORITY = 900
_FEWEST_EVENTS = 2
_SAMPLES = 3
_SAMPLE_CHARACTERS = 300
_PATTERN_CHARACTERS = 160
_MIN_LITERAL = 3
_WILDCARD = "<*>"


def list_rules(folder: Path | None) -> list[RuleSummary]:
    """Return every rule in the order in which they are tried."""
    return [_summary(rule) for rule in load_rules(_folders(folder))]


def _folders(folder: Path | None) -> list[Path]:
    return [folder] if folder else []


def _summary(rule: Rule) -> RuleSummary:
    origin = rule.path if Path(rule.path).name != rule.path else SHIPPED
    return RuleSummary(rule.name, rule.title, rule.priority, len(rule.patterns), origin)


def show_rule(name: str, folder: Path | None) -> RuleDefinition:
    """Return the rule *name* in full. Raises `UsageError` when there is none."""
    rules = {rule.name: rule for rule in load_rules(_folders(folder))}
    if name not in rules:
        near = get_close_matches(name, rules, n=3)
        raise UsageError(
            f"there is no rule {name!r}",
            hint=f"did you mean {' or '.join(near)}?" if near else "analyze rules list",
        )
    rule = rules[name]
    known = [one.knowledge.knowledge_id for one in KnowledgeBase().of_class(name)]
    return RuleDefinition(
        summary=_summary(rule),
        description=rule.description,
        severity=rule.severity,
        patterns=[
            RulePattern(one.literal, one.regex, one.kind, list(one.must)) for one in rule.patterns
        ],
        must_not=list(rule.must_not),
        knowledge_id=name if name in known else None,
        definition=_toml(rule),
        knowledge_ids=known,
    )


def list_knowledge() -> list[Entry]:
    """Return every entry of the knowledge base, by id."""
    return list(load_knowledge().values())


def show_knowledge(name: str) -> Entry:
    """Return the entry *name* of the knowledge base. Raises `UsageError` when there is none."""
    base = KnowledgeBase()
    if name not in base.names:
        near = get_close_matches(name, base.names, n=3)
        raise UsageError(
            f"there is no entry {name!r}",
            hint=f"did you mean {' or '.join(near)}?" if near else "analyze knowledge list",
        )
    return base.entry(name)


def check_rules(path: Path, folder: Path | None = None) -> RuleCheck:
    """Check the rules of *path*, a file or a folder: keys, own lines, and who takes them first.

    What makes them unusable is among the problems; nothing is raised for it.
    """
    problems, rules = [], []
    for file in _files(path):
        try:
            rules += parse_rules(str(file), file.read_text(encoding="utf-8"))
        except RuleError as error:
            problems.append(str(error) + (f" ({error.hint})" if error.hint else ""))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{file}: cannot be read: {error}")
    for rule in rules:
        try:
            check_rule(rule)
        except RuleError as error:
            problems.append(str(error) + (f" ({error.hint})" if error.hint else ""))
    names = [rule.name for rule in rules]
    problems += [
        f"rule {name!r} is there {names.count(name)} times"
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
    warnings = [] if problems else _lint(rules, load_rules(_folders(folder or _folder_of(path))))
    patterns = sum(len(rule.patterns) for rule in rules)
    return RuleCheck(str(path), len(rules), patterns, problems, warnings)


def lint_shipped() -> RuleCheck:
    """Check the shipped rules as `check_rules` does a file."""
    rules = load_rules()
    count = sum(len(rule.patterns) for rule in rules)
    return RuleCheck(SHIPPED, len(rules), count, [], _lint(rules, rules))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(path.glob("*.toml"))
        if not files:
            raise UsageError(f"{path} holds no rules: no file ends in .toml")
        return files
    if not path.is_file():
        raise UsageError(
            f"no such file or folder: {str(path)!r}", hint="name a .toml file of rules"
        )
    return [path]


def _folder_of(path: Path) -> Path | None:
    """Return the folder that a run would be given for *path*."""
    return path if path.is_dir() else path.parent


def _lint(rules: Sequence[Rule], among: Sequence[Rule]) -> list[str]:
    """Return what is sound and yet not as it was meant: too broad, or never reached."""
    found = []
    patterns = [(rule, number, one) for rule in rules for number, one in enumerate(rule.patterns)]
    for rule, number, one in patterns:
        where = f"rule {rule.name!r}: pattern[{number}]"
        if bool(pl.Series([""]).str.contains(one.regex)[0]):
            found.append(f"{where}: the regex also matches an empty text, so the literal decides")
        if len(one.literal) < _MIN_LITERAL:
            found.append(f"{where}: the literal {one.literal!r} is short: it rules out little")
    seen: dict[str, str] = {}
    for rule, number, one in patterns:
        where = f"rule {rule.name!r}: pattern[{number}]"
        if first := seen.get(one.regex):
            found.append(f"{where}: the regex is that of {first}")
        seen.setdefault(one.regex, where)
    lines = [(rule.name, line) for rule, _, one in patterns for line in one.must]
    taken = classify(pl.Series([line for _, line in lines], dtype=pl.String), rule_table(among))
    winner = dict(taken.select("text", "error_class").iter_rows())
    for name, line in lines:
        if (other := winner.get(line)) not in (None, name):
            found.append(f"rule {name!r}: {other!r} is tried before and takes the line {line!r}")
    return found


def _errors(logs: Sequence[str], settings: Settings, tell: Tell) -> pl.DataFrame:
    with TemporaryDirectory(prefix="aftershock-") as name, store.staged(Path(name)) as staging:
        streams = [streams_of(logs, settings, Path(name))]
        read(streams, "candidate", settings, staging, open_book(settings), tell)
        parts = [
            _with_texts(pl.read_parquet(path))
            for paths in staging.event_parts.values()
            for path in paths
        ]
    return pl.concat(parts)


_COLUMNS = ("error_class", "exception_type", "template", "body", "log_file_path", "line_number")


def _with_texts(events: pl.DataFrame) -> pl.DataFrame:
    texts = rule_texts(events)
    return events.select(*_COLUMNS, "severity_number", text=texts).filter(
        pl.col("text").is_not_null()
    )


def name_logs(logs: Sequence[str], settings: Settings, *, tell: Tell = lambda _: None) -> Naming:
    """Return which rules name how many of the errors and warnings of *logs*."""
    errors = _errors(logs, settings, tell)
    counted = (
        errors.group_by("error_class")
        .agg(pl.len().alias("event_count"), pl.all().first())
        .sort("event_count", "error_class", descending=[True, False], nulls_last=True)
    )
    hits = [
        RuleHits(
            name=row["error_class"],
            event_count=row["event_count"],
            share=row["event_count"] / errors.height,
            example=row["text"].partition("\n")[0],
            place=f"{row['log_file_path']}:{row['line_number']}",
        )
        for row in counted.iter_rows(named=True)
    ]
    return Naming(errors.height, hits)


def suggest_rules(
    logs: Sequence[str], count: int, settings: Settings, *, tell: Tell = lambda _: None
) -> str | None:
    """Return rules for the *count* most frequent errors of *logs* without a name, as TOML.

    None when every error has one. Raises `UndecidableError` when none of them occurs twice.
    """
    errors = _errors(logs, settings, tell)
    rules = load_rules([Path(settings.rules_dir)] if settings.rules_dir else ())
    generic = [rule.name for rule in rules if rule.priority >= GENERIC_PRIORITY]
    is_nameless = pl.col("error_class").is_null() | pl.col("error_class").is_in(generic)
    nameless = errors.filter(is_nameless & (pl.col("severity_number") >= 17))
    if nameless.is_empty():
        return None
    groups = (
        nameless.with_columns(key=pl.coalesce("exception_type", "template"))
        .filter(pl.col("key").is_not_null())
        .group_by("key")
        .agg(
            pl.len().alias("event_count"),
            pl.col("exception_type").first(),
            pl.col("template").mode().sort().first(),
            pl.col("text").unique(maintain_order=True).head(20),
        )
        .filter(pl.col("event_count") >= _FEWEST_EVENTS)
        .sort("event_count", "key", descending=[True, False])
    )
    taken = {rule.name for rule in rules}
    proposals: list[str] = []
    for row in groups.iter_rows(named=True):
        others = errors.filter(pl.col("template") != row["template"])["text"]
        rule = _proposal(row, taken, others)
        if rule is not None:
            taken.add(rule.name)
            proposals.append(f"# {row['event_count']:,} events\n{_toml(rule)}")
        if len(proposals) == count:
            break
    if not proposals:
        raise UndecidableError(
            "no error without a name occurs twice in words of its own",
            hint="name more logs, or write a rule by hand: analyze rules show timeout --toml",
        )
    head = (
        "# Proposed from logs. Mend name, title and description, add lines that must not match;\n"
        "# then: analyze rules test THIS.toml\n\n"
    )
    return head + "\n".join(proposals)


def _proposal(row: dict[str, object], taken: set[str], others: Iterable[str]) -> Rule | None:
    texts = [str(text) for text in row["text"]]  # type: ignore[attr-defined]
    kind = row["exception_type"]
    lines = [text.partition("\n")[0][:_SAMPLE_CHARACTERS].strip() for text in texts]
    pieces = [str(kind).rsplit(".", 1)[-1]] if kind else _pieces(str(row["template"]))
    if not pieces:
        return None
    regex = ".{0,200}?".join(_escaped(piece) for piece in pieces)
    literal = max(pieces, key=len).lower()
    fits = pl.Series(lines, dtype=pl.String)
    is_hit = fits.str.contains(f"(?i){regex}") & fits.str.to_lowercase().str.contains(
        literal, literal=True
    )
    must = fits.filter(is_hit).unique(maintain_order=True).head(_SAMPLES).to_list()
    firsts = (text.partition("\n")[0][:_SAMPLE_CHARACTERS].strip() for text in others)
    strange = next((one for one in firsts if one and literal not in one.lower()), None)
    if not must:
        return None
    name = _name(pieces, taken)
    text = _toml_of(
        name=name,
        title=must[0][:80],
        description="FIXME: what happens when this is logged.",
        priority=500,
        literal=literal,
        regex=f"(?i){regex}",
        must=must,
        must_not=[strange or "started"],
    )
    try:
        (rule,) = parse_rules("proposal", text)
        check_rule(rule)
    except RuleError:
        return None
    return rule


def _pieces(template: str) -> list[str]:
    """Return the constant words of a template, as far as they tell it from others."""
    pieces = [piece.strip(" \t'\"()[]{}:,;=") for piece in template.split(_WILDCARD)]
    pieces = [piece for piece in pieces if len(re.findall(r"[A-Za-z]", piece)) >= _MIN_LITERAL]
    kept: list[str] = []
    for piece in pieces:
        if sum(map(len, kept)) + len(piece) > _PATTERN_CHARACTERS:
            break
        kept.append(piece)
    return kept or [piece[:_PATTERN_CHARACTERS] for piece in pieces[:1]]


def _escaped(text: str) -> str:
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def _name(pieces: Sequence[str], taken: set[str]) -> str:
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", " ".join(pieces))
    base = "_".join(word.lower() for word in words[:5])[:50].strip("_")
    base = base if len(base) > 2 else "own_error"
    number, name = 2, base
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def _toml(rule: Rule) -> str:
    first, *rest = rule.patterns
    text = _toml_of(
        rule.name, rule.title, rule.description, rule.priority, first.literal, first.regex,
        first.must, rule.must_not, kind=first.kind, severity=rule.severity,
    )  # fmt: skip
    return text + "".join(_pattern_toml(one.literal, one.regex, one.must, one.kind) for one in rest)


def _toml_of(
    name: str,
    title: str,
    description: str,
    priority: int,
    literal: str,
    regex: str,
    must: Sequence[str],
    must_not: Sequence[str],
    kind: str | None = None,
    severity: str | None = None,
) -> str:
    lines = [
        "[[rule]]",
        f"name = {_text(name)}",
        f"title = {_text(title)}",
        f"description = {_text(description)}",
        f"priority = {priority}",
        *([f"severity = {_text(severity)}"] if severity else []),
        f"must_not = {_list(must_not)}",
        "",
    ]
    return "\n".join(lines) + _pattern_toml(literal, regex, must, kind)


def _pattern_toml(literal: str, regex: str, must: Sequence[str], kind: str | None) -> str:
    lines = [
        "",
        "[[rule.pattern]]",
        *([f"kind = {_text(kind)}"] if kind else []),
        f"literal = {_text(literal)}",
        f"regex = {_text(regex)}",
        f"must = {_list(must)}",
    ]
    return "\n".join(lines) + "\n"


def _list(texts: Sequence[str]) -> str:
    if len(texts) == 1:
        return f"[{_text(texts[0])}]"
    return "[\n" + "".join(f"    {_text(text)},\n" for text in texts) + "]"


def _text(text: str) -> str:
    from pipeline.render.untrusted import toml_string

    # What needs no escape is easier to read as it is written.
    is_plain = text.isprintable() and text.isascii() and "'" not in text
    return f"'{text}'" if is_plain else toml_string(text)
