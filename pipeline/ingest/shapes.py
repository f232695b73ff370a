"""Lines of an unknown layout to patterns: what a format would say of them.

A line's head is cut into tokens (times, levels, requests, bracketed parts, words, punctuation,
blanks). Lines whose tokens agree up to the last that carries meaning have one shape; the commonest
shape becomes a pattern, the lines that it takes are put aside, and so on. What stands in a pattern
word for word is punctuation and keys; values are never taken for constants. All in fixed order, so
the same lines give the same patterns.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import polars as pl

from pipeline.ingest import layouts as _layouts
from pipeline.ingest.layouts import EVIDENT, LAYOUTS
from pipeline.ingest.severity import WORDS
from pipeline.ingest.timestamps import numeric_order, parse_times

HEAD_CHARACTERS = 240
MAX_TOKENS = 32
MAX_PATTERNS = 6
# A shape of fewer lines, or of a smaller share, is chance and gets no pattern.
MIN_LINES, MIN_SHARE = 3, 0.02
# Who shows so few lines wants them all understood.
_FEW_LINES = 20
# Below this many lines, what they have in common behind the level may be chance.
_MIN_EXTENSION_LINES = 10
_MAX_BRACKET = 60
_MAX_LEVEL_DISTANCE = 12  # tokens
_LEVEL_SHARE = 0.9

_WORD = re.compile(r"[^\W](?:[\w.@#/$+*&%~-]*\w)?")
_BLANK = re.compile(r"[ \t]+")
_METHODS = "GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS|CONNECT|TRACE"
_REQUEST = re.compile(rf"(?:{_METHODS}) (?:/[^\s\"]*|[a-z]+://[^\s\"]+|\*)(?: HTTP/[0-9.]+)?")
_STATUS = re.compile(r"[1-5][0-9]{2}")
_CLOSING = {"[": "]", "(": ")", "{": "}", "<": ">"}
_STRICT_ZONE = r"(?P<zone> ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?"
_FRACTION = r"(?P<fraction>[.,:][0-9]{1,9})?"
_HALF = r"(?P<half> ?(?:[AP]M|[ap]m))?"
# Words that are a level wherever they are set off; the others of `WORDS` only where the same place
# holds several of them.
_PLAIN_LEVELS = frozenset(
    ("trace", "debug", "dbg", "verbose", "info", "inf", "information", "notice", "warn", "wrn",
     "warning", "error", "err", "crit", "critical", "fatal", "ftl", "severe", "alert", "emerg",
     "emergency", "panic")
)  # fmt: skip
_LETTERS = frozenset("DIWEFCVTN")

TIME, LEVEL, REQUEST, BRACKET, WORD, BLANK, MARK = "TLRBWSP"


class Token(NamedTuple):
    """A piece of a line; *layout* names the notation of a time."""

    kind: str
    text: str
    layout: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A proposed pattern, with the names of the time notations that it captures."""

    regex: str
    layouts: tuple[str, ...]
    has_level: bool
    is_order_unknown: bool


def find_patterns(lines: Sequence[str], sample_size: int = 2000) -> list[Pattern]:
    """Return patterns for the commonest shapes of *lines*, commonest first; none when nothing in
    them has a place of its own.
    """
    step = max(len(lines) // sample_size, 1)
    sample = lines[::step][:sample_size]
    tokens = {line: tokenize(line) for line in dict.fromkeys(sample)}
    has_requests = _share(sample, lambda line: any(t.kind == REQUEST for t in tokens[line])) >= 0.9
    patterns: list[Pattern] = []
    rest = sample
    least = max(MIN_LINES if len(sample) >= _FEW_LINES else 1, MIN_SHARE * len(sample))
    refused: set[tuple[str, ...]] = set()
    while rest and len(patterns) < MAX_PATTERNS:
        keys = {line: _key(tokens[line], has_requests) for line in rest}
        counts = Counter(key for key in keys.values() if key and key not in refused)
        if not counts:
            break
        key, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
        if count < least:
            break
        members = [line for line in rest if keys[line] == key]
        pattern = _pattern([tokens[line] for line in members], len(key), has_requests)
        taken = pl.Series(rest).str.contains(pattern.regex)
        is_empty = not (pattern.layouts or pattern.has_level or pattern.is_order_unknown)
        if is_empty or not taken.any():
            refused.add(key)
            continue
        patterns.append(pattern)
        rest = [line for line, is_taken in zip(rest, taken, strict=True) if not is_taken]
    return patterns


def _share(lines: Sequence[str], test: Callable[[str], bool]) -> float:
    return sum(map(test, lines)) / len(lines) if lines else 0.0


def tokenize(line: str) -> list[Token]:
    """Cut the head of *line* into at most `MAX_TOKENS` tokens.

    >>> "".join(token.kind for token in tokenize("[2026-03-02 10:00:00] {W} pump: slow"))
    'PTPSPLPSWPSW'
    """
    head = line[:HEAD_CHARACTERS]
    tokens: list[Token] = []
    at = 0
    while at < len(head) and len(tokens) < MAX_TOKENS:
        token = _token_at(head, at, tokens)
        tokens.append(token)
        at += len(token.text)
    return tokens


def _token_at(head: str, at: int, before: Sequence[Token]) -> Token:
    if blank := _BLANK.match(head, at):
        return Token(BLANK, blank[0])
    is_seen = any(token.kind == TIME for token in before)
    if not is_seen and (time := _time_at(head, at)):
        return time
    if request := _REQUEST.match(head, at):
        return Token(REQUEST, request[0])
    if (closing := _CLOSING.get(head[at])) and (end := head.find(closing, at + 1)) > 0:
        content = head[at + 1 : end]
        is_plain = 0 < len(content) <= _MAX_BRACKET and not set(content) & set("[](){}<>")
        if is_plain and not _is_level(content.strip(), True) and not _holds_time(content, is_seen):
            return Token(BRACKET, head[at : end + 1])
    if word := _WORD.match(head, at):
        previous = before[-1] if before else None
        following = head[word.end() : word.end() + 1]
        enclosed = previous is not None and (
            (previous.kind == MARK and following != "" and following in "])}>|:")
            or (following in ":|" and following != "")
        )
        kind = LEVEL if _is_level(word[0], enclosed) else WORD
        return Token(kind, word[0])
    return Token(MARK, head[at])


def _is_level(word: str, is_enclosed: bool) -> bool:
    """Tell whether *word* is one for a level where it stands; one letter only between marks."""
    if len(word) == 1:
        return is_enclosed and word in _LETTERS
    return word.lower() in _PLAIN_LEVELS and (is_enclosed or word.isupper())


def _holds_time(text: str, is_seen: bool) -> bool:
    return not is_seen and any(
        _time_at(text, at) is not None
        for at in range(len(text))
        if at == 0 or not text[at - 1].isalnum()
    )


def _time_at(head: str, at: int) -> Token | None:
    """Return the longest time that begins at *at*; of equally long ones, the plainest notation."""
    if at and head[at - 1].isalnum():
        return None
    best: Token | None = None
    for name, pattern in _time_patterns():
        found = pattern.match(head, at)
        if not found or (best and len(found[0]) <= len(best.text)):
            continue
        if LAYOUTS[name].number and not _is_count(found[0], head[:at]):
            continue
        best = Token(TIME, found[0], name)
    return best


def _is_count(text: str, before: str) -> bool:
    """Tell whether a number is a time: of a length that times have, at the beginning or set off."""
    if text[0] == "@":
        return True
    digits = len(re.split(r"[.,]", text)[0])
    return digits in (10, 13, 16, 19) and text[0] in "12" and before[-1:] in ("", *"[(<@=")


@cache
def _time_patterns() -> list[tuple[str, re.Pattern[str]]]:
    names = [name for name in EVIDENT if name not in _LEFT_OUT] + ["day_first"]
    return [(name, re.compile(_time_regex(name) + r"(?![A-Za-z0-9])")) for name in names]


# Found only in fields, or so short that a plain word and number would be one.
_LEFT_OUT = frozenset(("epoch_scientific", "bsd_foreign", "time_of_day_halves", "compact_digits"))


def _time_regex(name: str) -> str:
    """Return the pattern of a notation for use inside of a line: unanchored, zones only that say
    their distance from UTC.
    """
    regex = LAYOUTS[name].pattern.removeprefix("^")
    for tail in (_layouts._COLON_TAIL, _layouts._TAIL):
        regex = regex.replace(tail, _FRACTION + _HALF + _STRICT_ZONE)
    regex = regex.replace(_layouts._ZONE, _STRICT_ZONE)
    for end in ("(?:[^0-9:]|$)", "(?:[^0-9]|$)", "$"):
        regex = regex.removesuffix(end)
    return regex


def _key(tokens: Sequence[Token], has_requests: bool) -> tuple[str, ...]:
    """Return the shape of a line up to the last token that carries meaning; () when none does."""
    kinds = [token.kind for token in tokens]
    level, time, request = (_find(kinds, kind) for kind in (LEVEL, TIME, REQUEST))
    end = max(time, request if has_requests else -1) + 1
    # A word behind the first few is prose, whatever it says.
    if level >= 0 and level <= max(time, -1) + _MAX_LEVEL_DISTANCE:
        end = max(end, level + 1)
    return tuple(
        token.text if token.kind == MARK else WORD if _is_other_level(at, level, kind) else kind
        for at, (kind, token) in enumerate(zip(kinds[:end], tokens, strict=False))
    )


def _find(kinds: Sequence[str], kind: str) -> int:
    return kinds.index(kind) if kind in kinds else -1


def _is_other_level(at: int, level: int, kind: str) -> bool:
    return kind == LEVEL and at != level


def _pattern(members: Sequence[Sequence[Token]], size: int, has_requests: bool) -> Pattern:
    """Make the pattern of lines of one shape, *size* tokens long, and of what follows in all."""
    level_at = _level_place(members, size)
    end = _extended(members, max(size, level_at + 1))
    columns = [[tokens[at] for tokens in members] for at in range(end)]
    names = _Names()
    parts = ["^"]
    layouts: tuple[str, ...] = ()
    order_unknown = False
    for at, column in enumerate(columns):
        following = columns[at + 1] if at + 1 < end else None
        kind = _kind_of(column)
        if kind == TIME and not layouts and not order_unknown:
            regex, layouts = _time_group(column)
            order_unknown = not layouts and any(token.layout == "day_first" for token in column)
            parts.append(regex)
        elif at == level_at:
            parts.append(names.group("severity_text", _level_regex(column)))
        elif kind == REQUEST and has_requests and "request" not in names.used:
            parts.append(names.group("request", rf"(?:{_METHODS}) [^\s\"]+(?: HTTP/[0-9.]+)?"))
        else:
            is_behind = 0 <= level_at < at
            parts.append(_plain(column, kind, following, names, is_behind))
    has_level = "severity_text" in names.used
    return Pattern("".join(parts) + r" *(?P<body>.*)$", layouts, has_level, order_unknown)


def _level_place(members: Sequence[Sequence[Token]], size: int) -> int:
    """Return which token of the lines is the level, -1 when none is.

    One that is set off or in capitals was seen at once. Else a word near the head whose values are
    levels in nearly all lines: behind a mark, or of more than one level, since a single word that
    is always the same is prose.
    """
    first = [token.kind for token in members[0]]
    if (known := _find(first[:size], LEVEL)) >= 0:
        return known
    words = 0
    for at in range(min(map(len, members))):
        column = [tokens[at] for tokens in members]
        kind = _kind_of(column)
        if at >= size and (kind in (TIME, REQUEST) or words > 2):
            break
        if kind == MARK and len({token.text for token in column}) > 1:
            break
        if kind != WORD:
            words = 0 if kind == MARK else words
            continue
        words += at >= size
        values = [token.text for token in column]
        known_share = sum(value.lower() in WORDS for value in values) / len(values)
        levels = {WORDS.get(value.lower()) for value in values} - {None}
        behind_mark = at > 0 and members[0][at - 1].text in ("=", ":", "|", "[", "<", "(", "{")
        if known_share >= _LEVEL_SHARE and (
            len(levels) > 1 or (behind_mark and len(values[0]) > 1)
        ):
            return at
    return -1


def _kind_of(column: Sequence[Token]) -> str:
    """Return the kind of all of *column*; a word where some are levels by their looks."""
    kinds = {token.kind for token in column}
    if len(kinds) == 1:
        return column[0].kind
    return WORD if kinds <= {WORD, LEVEL} else ""


class _Names:
    """Groups of a pattern, each name once."""

    def __init__(self) -> None:
        self.used: set[str] = set()

    def group(self, name: str, regex: str) -> str:
        self.used.add(name)
        return f"(?P<{name}>{regex})"

    def field(self, regex: str) -> str:
        number = 1 + sum(name.startswith("field_") for name in self.used)
        return self.group(f"field_{number}", regex)


def _extended(members: Sequence[Sequence[Token]], size: int) -> int:
    """Return how many tokens of the lines belong to their head.

    Behind the shape's own tokens, words count only up to a mark that stands in the same place in
    every line: what is not set off is prose.
    """
    most_words = 2 if len(members) >= _MIN_EXTENSION_LINES else 0
    end, words, has_status = size, 0, False
    for at in range(size, MAX_TOKENS):
        if any(len(tokens) <= at for tokens in members):
            break
        column = [tokens[at] for tokens in members]
        kinds = {WORD if token.kind == LEVEL else token.kind for token in column}
        if len(kinds) > 1:
            break
        kind = kinds.pop()
        if kind == WORD and not has_status and _is_status(members[0][:at], column):
            end, words, has_status = at + 1, 0, True
            continue
        words += kind == WORD
        if words > most_words or kind in (TIME, REQUEST):
            break
        if kind == MARK:
            is_quote = column[0].text in "\"'`" and members[0][at - 1].kind != REQUEST
            if len({token.text for token in column}) > 1 or is_quote:
                break
            end, words = at + 1, 0
        elif kind == BRACKET:
            if not most_words or len({token.text[0] for token in column}) > 1:
                break
            end, words = at + 1, 0
    return end


def _is_status(before: Sequence[Token], column: Sequence[Token]) -> bool:
    """Tell whether *column* holds HTTP statuses: three digits soon behind a request."""
    return any(token.kind == REQUEST for token in before[-4:]) and all(
        _STATUS.fullmatch(token.text) for token in column
    )


def _time_group(column: Sequence[Token]) -> tuple[str, tuple[str, ...]]:
    """Return a group that takes the times of *column*, and their notations.

    Without notations the group is no time: it cannot be told which number is the month.
    """
    names = sorted({token.layout for token in column}, key=list(LAYOUTS).index)
    values = {name: [token.text for token in column if token.layout == name] for name in names}
    regexes = [_lean(name, values[name]) for name in names]
    regex = regexes[0] if len(regexes) == 1 else f"(?:{'|'.join(regexes)})"
    layouts = []
    for name in names:
        known = numeric_order(pl.Series(values[name])) if name == "day_first" else name
        if (
            known is None
            or parse_times(pl.Series(values[name]), (known,))["timestamp"].is_null().any()
        ):
            return f"(?P<field_time>{regex})", ()
        layouts.append(known)
    return f"(?P<timestamp>{regex})", tuple(layouts)


def _reads_most(texts: pl.Series, layout: str) -> bool:
    return bool(parse_times(texts, (layout,))["timestamp"].is_null().mean() < 0.05)  # type: ignore[operator]


def _lean(name: str, values: Sequence[str]) -> str:
    """Return the pattern of a notation without the optional parts that none of *values* has, and
    without groups.
    """
    regex = _time_regex(name)
    found = [match for value in values if (match := re.match(regex, value))]
    for part in re.findall(r"\(\?P<(fraction|half|zone)>", regex):
        whole = {"fraction": _FRACTION, "half": _HALF, "zone": _STRICT_ZONE}[part]
        if whole in regex and not any(match[part] for match in found):
            regex = regex.replace(whole, "")
    return re.sub(r"\(\?P<\w+>", "(?:", regex)


def _level_regex(column: Sequence[Token]) -> str:
    words = {token.text for token in column}
    letters = "A-Z" if all(word.isupper() for word in words) else "A-Za-z"
    return f"[{letters}]" if all(len(word) == 1 for word in words) else f"[{letters}]+"


def _plain(
    column: Sequence[Token],
    kind: str,
    following: Sequence[Token] | None,
    names: _Names,
    is_behind_level: bool,
) -> str:
    """Return the pattern of a token that is neither time nor level nor request."""
    texts = {token.text for token in column}
    if kind == BLANK:
        if len(texts) > 1:
            return r"[ \t]+" if any("\t" in text for text in texts) else " +"
        return next(iter(texts)).replace("\t", r"\t")
    if kind == MARK:
        return _literal(next(iter(texts)))
    mark = following[0].text if following and _kind_of(following) == MARK else ""
    if kind == BRACKET:
        opening = column[0].text[0]
        closing = _CLOSING[opening]
        inside = f"[^{_literal(closing)}]*"
        name = _name_of([token.text[1:-1] for token in column], names, is_behind_level)
        group = names.group(name, inside) if name else names.field(inside)
        return f"{_literal(opening)}{group}{_literal(closing)}"
    is_key = mark == "=" or (mark == ":" and not is_behind_level)
    if len(texts) == 1 and is_key and (word := next(iter(texts))).isalpha():
        return _literal(word)
    if all(re.fullmatch(r"[0-9]+", text) for text in texts):
        return _numbers(texts, names)
    inside = f"[^\\s{_literal(mark)}]+" if mark else r"[^\s]+"
    name = _name_of(sorted(texts), names, is_behind_level) if mark == ":" else ""
    return names.group(name, inside) if name else names.field(inside)


def _numbers(texts: set[str], names: _Names) -> str:
    is_status = "request" in names.used and "http_response_status_code" not in names.used
    if is_status and all(map(_STATUS.fullmatch, texts)):
        return names.group("http_response_status_code", "[1-5][0-9]{2}")
    return names.field("[0-9]+")


def _name_of(values: Sequence[str], names: _Names, is_behind_level: bool) -> str:
    """Name what stands behind the level, set off and made of names: the logger."""
    is_name = all(re.fullmatch(r"[A-Za-z_][\w.$/-]*", value) for value in values)
    return "scope_name" if is_behind_level and is_name and "scope_name" not in names.used else ""


def _literal(text: str) -> str:
    """Return *text* as a pattern that takes it word for word, in a class too."""
    return re.sub(r"([\\.^$|?*+()\[\]{}])", r"\\\1", text)
