"""Texts without their secrets: on columns, on distinct texts, and only where a literal occurs."""

import hmac
import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

import polars as pl

from pipeline.redaction.rules import SHIELD, Rule, load_redactions, marker

MARKER = r"\[redacted:([a-z_]+)[\]:]"
# Of a keyed hash so much is shown: enough to tell values apart, too little to guess them by.
_HASH_DIGITS = 8


def redact(texts: pl.Series, *, pii: bool = False, key: bytes | None = None) -> pl.Series:
    """Return *texts* (strings, nulls stay) with each secret as ``[redacted:kind]``.

    With *pii*, e-mail addresses, IP addresses and card numbers too, with *key* as
    ``[redacted:email:3f2a…]``, so that equal ones stay equal. What was redacted once stays.
    """
    return Redactor(pii=pii, key=key)(texts)


def redact_text(text: str, *, pii: bool = False, key: bytes | None = None) -> str:
    """Return one *text* with each secret as ``[redacted:kind]``; as `redact`."""
    redacted: str = redact(pl.Series([text], dtype=pl.String), pii=pii, key=key)[0]
    return redacted


_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY")
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,30}PRIVATE KEY")


def redact_lines(lines: Sequence[str]) -> list[str]:
    """Return neighbouring *lines* of a file without secrets, as many as they are; a private key may
    span several.
    """
    cleaned, in_key = [], False
    alone = redact(pl.Series(lines, dtype=pl.String)).to_list()
    for line, clean in zip(lines, alone, strict=True):
        begins, ends = _KEY_BEGINS.search(line), _KEY_ENDS.search(line)
        cleaned.append(marker("private_key") if in_key else clean)
        in_key = (in_key or begins is not None) and ends is None
    return cleaned


class Redactor:
    """The rules that apply; called with texts, it returns them without secrets."""

    def __init__(
        self, *, pii: bool = False, key: bytes | None = None, only_certain: bool = False
    ) -> None:
        self.key = key
        self.rules = tuple(
            rule
            for rule in load_redactions()
            if (pii or not rule.is_personal) and (rule.is_certain or not only_certain)
        )
        self._gate = _shortest(literal for rule in self.rules for literal in rule.gate)
        self._literals = sorted({literal for rule in self.rules for literal in rule.literals})
        self._ungated = tuple(rule for rule in self.rules if not rule.literals)

    def __call__(self, texts: pl.Series) -> pl.Series:
        """Return *texts* without secrets, in the same order; nulls stay. *texts* itself, where it
        holds none.
        """
        return self.clean({"": texts}).get("", texts)

    def clean(self, columns: Mapping[str, pl.Series]) -> dict[str, pl.Series]:
        """Return those of *columns* that hold secrets, without these.

        Each distinct text is looked at once, and each pattern is asked once for all columns.
        """
        suspects = {name: self._suspects(texts) for name, texts in columns.items()}
        suspects = {name: texts for name, texts in suspects.items() if len(texts)}
        if not suspects:
            return {}
        distinct = pl.concat([texts.alias("") for texts in suspects.values()]).unique()
        cleaned = self._cleaned(distinct)
        is_changed = cleaned != distinct
        old, new = distinct.filter(is_changed), cleaned.filter(is_changed)
        return {
            name: columns[name].replace(old, new)
            for name, texts in suspects.items()
            if texts.is_in(old.implode()).any()
        }

    def _suspects(self, texts: pl.Series) -> pl.Series:
        """Return the distinct *texts* that a rule may have to look at."""
        distinct = texts.unique().drop_nulls()
        may = distinct.str.contains_any(self._gate, ascii_case_insensitive=True)
        for rule in self._ungated:
            may |= _fits(rule, distinct)
        return distinct.filter(may)

    def _cleaned(self, texts: pl.Series) -> pl.Series:
        # Marks values that are left, see `rules`; it is no character of a text that is shown.
        cleaned = texts.str.replace_all(SHIELD, "", literal=True)
        here = self._present(cleaned)
        for rule in self.rules:
            if rule.literals and here.isdisjoint(rule.literals):
                continue
            rows = _fits(rule, cleaned).arg_true()
            if rows.len():
                part = cleaned.gather(rows)
                cleaned = cleaned.clone().scatter(rows, self._applied(rule, part))
        return cleaned

    def _present(self, texts: pl.Series) -> set[str]:
        """Return which literals are in any of *texts*: most rules concern none of them."""
        found = texts.str.extract_many(
            self._literals, ascii_case_insensitive=True, overlapping=True
        )
        return set(found.explode().drop_nulls().str.to_lowercase().unique().to_list())

    def _applied(self, rule: Rule, texts: pl.Series) -> pl.Series:
        if rule.is_personal:
            return self._personal(rule, texts)
        texts = texts.clone()
        for step in rule.steps:
            rows = _holds_all(texts, step.also).arg_true()
            if not rows.len():
                continue
            part = texts.gather(rows)
            if step.shield:
                part = part.str.replace_all(step.shield, f"${{head}}{SHIELD}${{word}}")
            part = part.str.replace_all(step.pattern, step.replacement)
            if step.shield:
                part = part.str.replace_all(SHIELD, "", literal=True)
            texts = texts.scatter(rows, part)
        return texts

    def _personal(self, rule: Rule, texts: pl.Series) -> pl.Series:
        """Replace what a rule finds and its check confirms, once a distinct value."""
        found = texts.str.extract_all(rule.steps[0].pattern).explode().drop_nulls().unique()
        check = _CHECKS.get(rule.check or "", lambda _: True)
        # Longest first: an address may be the beginning of another.
        values = sorted(filter(check, found.to_list()), key=lambda value: (-len(value), value))
        if not values:
            return texts
        return texts.str.replace_many(
            values, [self._hidden(rule, one) for one in values], leftmost=True
        )

    def _hidden(self, rule: Rule, value: str) -> str:
        if self.key is None:
            return marker(rule.name)
        digest = hmac.new(self.key, value.lower().encode(), "sha256").hexdigest()
        return f"[redacted:{rule.name}:{digest[:_HASH_DIGITS]}]"


def find_secrets(text: str) -> list[tuple[int, str]]:
    """Return line (1-based) and kind of each line of *text* that holds what nothing but a secret
    looks like: of a document whose texts were redacted, none.
    """
    lines = pl.Series(text.split("\n"), dtype=pl.String)
    cleaned = _certain().clean({"": lines}).get("")
    if cleaned is None:
        return []
    rows = cleaned.ne_missing(lines).arg_true().to_list()
    return [(row + 1, _fresh(lines[row], cleaned[row])) for row in rows]


def _fresh(text: str, cleaned: str) -> str:
    """Return a kind that *cleaned* has more marks of than *text*."""
    marks: Counter[str] = Counter(re.findall(MARKER, cleaned))
    return min(marks - Counter(re.findall(MARKER, text)))


@cache
def _certain() -> Redactor:
    return Redactor(only_certain=True)


def _shortest(literals: Iterable[str]) -> list[str]:
    """Return *literals* without those that hold another one."""
    kept: list[str] = []
    for literal in sorted(set(literals), key=lambda text: (len(text), text)):
        if not any(shorter in literal for shorter in kept):
            kept.append(literal)
    return kept


def _fits(rule: Rule, texts: pl.Series) -> pl.Series:
    """Tell which *texts* the rule has to look at: those with a literal, and what it requires."""
    if rule.literals:
        found = texts.str.contains_any(list(rule.literals), ascii_case_insensitive=True)
    elif rule.requires:
        found = texts.str.len_bytes().is_between(_LEAST_WHOLE, _MOST_WHOLE)
        found &= ~texts.str.contains(" ", literal=True)
    else:
        found = texts.str.contains(rule.steps[0].pattern)
    if rule.requires and found.any():
        for pattern in rule.requires:
            found &= texts.str.contains(pattern)
    return found


# A line of a PEM block, as those that are asked by their shape alone.
_LEAST_WHOLE, _MOST_WHOLE = 60, 80


def _holds_all(texts: pl.Series, literals: tuple[str, ...]) -> pl.Series:
    found = texts.is_not_null()
    for literal in literals:
        found &= texts.str.contains(literal, literal=True)
    return found


def _is_card(text: str) -> bool:
    digits = [int(character) for character in text if character.isdigit()]
    if not 13 <= len(digits) <= 19:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


_CHECKS: dict[str, Callable[[str], bool]] = {"luhn": _is_card, "address": _is_address}
