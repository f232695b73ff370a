"""What is generally known of a class of errors: one file an entry in `pipeline/knowledge/`.

Steps for a new entry: a file named after its error class, `disk_full.toml`; where one class has
several, `timeout.pool.toml` beside `timeout.toml`, with `when`: a pattern that the class's first
event must hold in its exception or the head of its text. Failed requests have the class
`http_STATUS`, else `http_5xx`. Keys:

- `title`, `mechanism`, `applies_to` (components and versions), `reviewed` (a date);
- `check_first`, `remedy`, `verify`: lists of sentences;
- `[[command]]`: `run`, `where` (the program that takes it), `ran_with` (what it was tried on; left
  out where it was not). Words in capitals such as HOST are for the reader to fill in;
- `references`: primary documentation, each `opened` on that date by who wrote the entry;
- `[[hypothesis]]`: `text`, `refuted_if` (in words), and signs to look for: `supported_by`,
  `refuted_by`, lists of tables with one kind each (`signs.KINDS`), `own` and `logged` with a
  `regex` if the literal is not enough. `logs_of`: formats without which absence tells nothing.
  `untold`: why no log can tell, instead of signs.

Files are read when a class that they are of occurs, not before.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from pipeline.errors import RuleError
from pipeline.model import Knowledge, KnownCommand
from pipeline.signs import BARE, KINDS, SPREADS, Entry, Hypothesis, Sign

_KEYS = {
    "title", "mechanism", "applies_to", "reviewed", "opened", "when", "hypothesis", "command",
    "check_first", "remedy", "verify", "references",
}  # fmt: skip
_HYPOTHESIS_KEYS = {"text", "refuted_if", "supported_by", "refuted_by", "logs_of", "untold"}
_OF_FAILED_REQUESTS = "http_5xx"


class KnowledgeBase:
    """The shipped entries; a file is read when it is first asked for."""

    def __init__(self) -> None:
        self._names = sorted(
            entry.name.removesuffix(".toml")
            for entry in files("pipeline").joinpath("knowledge").iterdir()
            if entry.name.endswith(".toml")
        )

    @property
    def names(self) -> Sequence[str]:
        """Ids of all entries, in order."""
        return self._names

    def entry(self, name: str) -> Entry:
        """Return the entry with that id; raises `RuleError` with file, key and reason."""
        return _read(name)

    def of_class(self, error_class: str) -> list[Entry]:
        """Return the entries of a class, those for particular errors of it first."""
        own = [name for name in self._names if name.partition(".")[0] == error_class]
        return [_read(name) for name in sorted(own, key=lambda name: (name == error_class, name))]

    def find(self, row: Mapping[str, Any]) -> Entry | None:
        """Return the entry of an error: *row* has the columns of `finding_totals`."""
        if row["kind"] == "failed_request":
            status = f"http_{row['http_response_status_code']}"
            found = self.of_class(status) or self.of_class(_OF_FAILED_REQUESTS)
        else:
            found = self.of_class(row["error_class"] or "")
        text = row["first_text"] or ""
        return next((one for one in found if one.takes(text)), None)


def load_knowledge() -> dict[str, Entry]:
    """Return all shipped entries by id; raises `RuleError` with file, key and reason."""
    base = KnowledgeBase()
    return {name: base.entry(name) for name in base.names}


@cache
def _read(name: str) -> Entry:
    path = files("pipeline").joinpath("knowledge", f"{name}.toml")
    return parse_knowledge(path.name, path.read_text("utf-8"))


def parse_knowledge(name: str, text: str) -> Entry:
    """Return the entry of one file's *text*; its *name* without `.toml` is the entry's id."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{name}: not TOML: {error}") from error
    _refuse_unknown(name, document, _KEYS)
    knowledge_id = name.removesuffix(".toml")
    error_class, _, variant = knowledge_id.partition(".")
    hypotheses = tuple(
        _hypothesis(f"{name}: hypothesis[{at}]", table)
        for at, table in enumerate(_tables(name, document, "hypothesis"))
    )
    commands = _tables(name, document, "command") if "command" in document else []
    knowledge = Knowledge(
        knowledge_id=knowledge_id,
        title=_text(name, document, "title"),
        hypotheses=[one.text for one in hypotheses],
        check_first=_texts(name, document, "check_first"),
        remedy=_texts(name, document, "remedy"),
        verify=_texts(name, document, "verify"),
        references=_addresses(name, document),
        reviewed=_date(name, document, "reviewed"),
        mechanism=_text(name, document, "mechanism"),
        applies_to=_text(name, document, "applies_to"),
        opened=_date(name, document, "opened"),
        commands=[_command(f"{name}: command[{at}]", table) for at, table in enumerate(commands)],
    )
    if bool(variant) != ("when" in document):
        raise RuleError(
            f"{name}: when: an entry named CLASS.VARIANT has one, and no other",
            hint="the entry named after the class is for what no variant takes",
        )
    when = _pattern(name, document, "when") if variant else None
    return Entry(knowledge, error_class, when, hypotheses)


def _hypothesis(where: str, table: Mapping[str, Any]) -> Hypothesis:
    _refuse_unknown(where, table, _HYPOTHESIS_KEYS)
    supported_by = _signs(where, table, "supported_by")
    refuted_by = _signs(where, table, "refuted_by")
    if bool(supported_by or refuted_by) == ("untold" in table):
        raise RuleError(f"{where}: either signs to look for or `untold` is needed")
    return Hypothesis(
        text=_text(where, table, "text"),
        refuted_if=_text(where, table, "refuted_if"),
        supported_by=supported_by,
        refuted_by=refuted_by,
        logs_of=tuple(_texts(where, table, "logs_of")) if "logs_of" in table else (),
        untold=_text(where, table, "untold") if "untold" in table else "",
    )


def _signs(where: str, table: Mapping[str, Any], key: str) -> tuple[Sign, ...]:
    if key not in table:
        return ()
    return tuple(
        _sign(f"{where}: {key}[{at}]", one) for at, one in enumerate(_tables(where, table, key))
    )


def _sign(where: str, table: Mapping[str, Any]) -> Sign:
    _refuse_unknown(where, table, {*KINDS, "regex"})
    kinds = [kind for kind in KINDS if kind in table]
    if len(kinds) != 1:
        raise RuleError(f"{where}: one kind is needed", hint=f"kinds: {', '.join(KINDS)}")
    kind = kinds[0]
    if kind in BARE:
        if table[kind] is not True:
            raise RuleError(f"{where}: {kind}: nothing but true is needed")
        return Sign(kind, ())
    value = table[kind]
    values = [value] if isinstance(value, str) else _texts(where, table, kind)
    sign = Sign(kind, tuple(values), _pattern(where, table, "regex") if "regex" in table else None)
    if sign.regex is not None and not sign.is_text:
        raise RuleError(f"{where}: regex: only of a text that is looked for")
    if sign.is_text and len(values) != 1:
        raise RuleError(f"{where}: {kind}: one literal is needed")
    if kind == "spread" and not set(values) <= set(SPREADS):
        raise RuleError(f"{where}: spread: one of {', '.join(SPREADS)} is needed")
    return sign


def _command(where: str, table: Mapping[str, Any]) -> KnownCommand:
    _refuse_unknown(where, table, {"run", "where", "ran_with"})
    return KnownCommand(
        run=_text(where, table, "run"),
        where=_text(where, table, "where"),
        ran_with=_text(where, table, "ran_with") if "ran_with" in table else None,
    )


def _refuse_unknown(where: str, table: Mapping[str, Any], known: set[str]) -> None:
    for key in table:
        if key not in known:
            raise RuleError(
                f"{where}: unknown key {key!r}", hint=f"known keys: {', '.join(sorted(known))}"
            )


def _text(where: str, table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise RuleError(f"{where}: {key}: a text is needed")
    return value


def _texts(where: str, table: Mapping[str, Any], key: str) -> list[str]:
    value = table.get(key)
    is_list = isinstance(value, list) and bool(value)
    if not is_list or not all(isinstance(text, str) and text.strip() for text in value or ()):
        raise RuleError(f"{where}: {key}: a list of texts is needed")
    return list(value or ())


def _tables(where: str, table: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = table.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(at, dict) for at in value):
        raise RuleError(f"{where}: {key}: a list of tables is needed")
    return value


def _addresses(where: str, table: Mapping[str, Any]) -> list[str]:
    addresses = _texts(where, table, "references")
    for url in addresses:
        if not re.fullmatch(r"https://[^\s]+", url):
            raise RuleError(f"{where}: references: {url!r} is not an https address")
    return addresses


def _date(where: str, table: Mapping[str, Any], key: str) -> str:
    text = _text(where, table, key)
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise RuleError(f"{where}: {key}: a date such as 2026-11-25 is needed")
    return text


def _pattern(where: str, table: Mapping[str, Any], key: str) -> str:
    """Return a pattern that both engines take: Python's for names, RE2 for texts."""
    text = _text(where, table, key)
    try:
        re.compile(text)
    except re.error as error:
        raise RuleError(f"{where}: {key}: {error}") from error
    return text
