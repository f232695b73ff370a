"""Severity words to OpenTelemetry numbers, and the strict rule for lines without a level field.

Order: a field or the format's header (`parse`), the HTTP status, an exception, and only then a
word, and that only in a position where programs write levels. stderr is no severity: klog, Python
logging and the JVM write INFO there. Numbers: OpenTelemetry log data model, appendix B; Python's
CRITICAL and HTTP statuses are our reading of its rules. What is a level and what only looks like
one is in ``tests/ingest/levels.toml``, line by line.
"""

from collections.abc import Mapping

import polars as pl

from pipeline.ingest.needles import Haystack
from pipeline.schema import ERROR_SEVERITY, FATAL_SEVERITY, INFO_SEVERITY, WARN_SEVERITY

# Words as programs spell them, in four letters, three or one too. What a word means in one format
# only stands in that format's file (Monolog's critical is 18, PostgreSQL's log 9).
WORDS: dict[str, int] = {
    "trace": 1, "trc": 1, "trce": 1, "trac": 1, "finest": 1, "silly": 1,
    **{f"trace{number}": 1 for number in range(1, 9)},
    "debug": 5, "dbg": 5, "dbug": 5, "debu": 5, "deb": 5, "d": 5,
    **{f"debug{number}": 5 for number in range(1, 6)},
    **{f"d{number}": 5 for number in range(1, 6)},
    "verbose": 5, "verb": 5, "vrb": 5, "v": 5, "finer": 5, "fine": 6, "config": 7,
    "info": 9, "inf": 9, "information": 9, "informational": 9, "log": 9, "success": 9, "http": 9,
    "audit": 9, "i": 9, "system": 9, "sys": 9,
    "notice": 10, "note": 10, "noti": 10,
    "warn": 13, "wrn": 13, "warning": 13, "warnin": 13, "deprecated": 13, "deprecation": 13,
    "w": 13,
    "error": 17, "err": 17, "eror": 17, "erro": 17, "fail": 17, "failure": 17, "failed": 17,
    "severe": 17, "sever": 17, "e": 17, "fault": 17,
    "crit": 18, "dpanic": 18, "alert": 19, "alrt": 19, "aler": 19,
    "fatal": 21, "ftl": 21, "fata": 21, "critical": 21, "emerg": 21, "emergency": 21, "panic": 21,
    "pnc": 21, "pani": 21, "f": 21, "disaster": 21,
}  # fmt: skip

_LEVEL = (
    "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|CRIT|CRITICAL|FATAL|SEVERE|ALERT|EMERG|PANIC"
)
# What may stand before a level and says nothing: times, pids, bracketed numbers.
_PREFIX = (
    r"^(?:\[?[0-9]{2,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}[T ]?[0-9:.,]*(?:Z|[+-][0-9:]{4,6})?\]?[ :|-]*"
    r"|\[?[0-9]{1,2}/[A-Z][a-z]{2}/[0-9]{4}[: ][0-9:.]{8,}(?: [+-][0-9]{4})?\]?[ :|-]*"
    r"|\[?(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ 0-9]?[0-9] [0-9:.]{8,}(?: [0-9]{4})?\]?[ :|-]*"
    r"|\[? *[0-9:.,]+\]?[ :|-]+)*"
)
_KEY = (
    r"""(?i)(?:^|[\s,{"'(\[])(?:level|lvl|severity|log\.level|levelname|loglevel)["']?\s?[=:]\s?["']?"""
    r"(?P<word>trace|debug|info|notice|warn|warning|error|err|crit|critical|fatal|alert|emerg|panic)\b"
)
_BRACKET = rf"(?i)^(?:[^\s\[<(|]+\s+)?[\[<(|]\s?(?P<word>{_LEVEL})\s?[\]>)|](?:\s|:|$)"
_CAPITALS = rf"^(?:\S+\s+){{0,2}}(?P<word>{_LEVEL})(?:[\s:!|]|$)"
_COLON = (
    r"(?i)^(?:npm )?(?P<word>error|err|fatal|warning|warn|panic|critical|debug|info|notice|severe)"
    r"[:!](?:\s|$)"
)
# What a shell, a linker or npm says of a program that failed; it has no level to write.
_TOOL = (
    r"^(?:npm (?P<npm>error|warn|notice) "
    r"|(?:\S*/)?(?P<shell>(?:ba|da|z|k)?sh): (?:line )?[0-9]+: .{1,400}: "
    r"(?:not found|command not found|[Pp]ermission denied|[Nn]o such file or directory)$"
    r"|(?P<killed>Killed|(?:Segmentation fault|Aborted|Bus error|Illegal instruction"
    r"|Floating point exception)(?: \(core dumped\))?)$"
    r"|.{0,200}(?P<exec>exec format error)$)"
)
# A word that is counted, or said to be absent, is no level: `0 ERROR`, `ERROR: none`, `no ERROR`.
_COUNTED = (
    r"(?i)^[^A-Za-z]*(?:\b(?:0|no|zero|without|any)\s+(?:error|fatal|warning|warn|critical)s?\b"
    r"|(?:error|fatal|warning|warn|critical)s?\s?[:=]\s?(?:0|none|null|nil|no|false|\[\]|\{\})\s*[,;.]?\s*(?:$|[a-z]+s?\s?[:=]))"
)
# Go's slog counts from a named level: `ERROR+2`. Its numbers are OpenTelemetry's less nine.
_STEPPED = r"^(debug|info|warn|error)([+-][0-9]{1,3})$"
_STEP_BASES = {"debug": 5, "info": 9, "warn": 13, "error": 17}
_PYTHON_NUMBER = r"^level ([0-9]{1,3})$"


def numbers(words: pl.Series, own: dict[str, int] | None = None) -> pl.Series:
    """Return the severity number of each word (any case, padding ignored); 0 for unknown, null for
    null.

    *own* are a format's words, which go before the common ones. Colour codes, brackets and quotes
    around a word are ignored; `ERROR+2` and `Level 25` count from the levels that their writers
    count from.
    """
    distinct = words.drop_nulls().unique()
    if distinct.is_empty():
        return pl.Series([None], dtype=pl.Int8).new_from_index(0, len(words))
    table = _table(distinct, {**WORDS, **(own or {})})
    return words.replace_strict(table, default=0, return_dtype=pl.Int8).set(words.is_null(), None)


def _table(distinct: pl.Series, known: Mapping[str, int]) -> dict[str, int]:
    """Return the number of each of *distinct* words; of hostile many, only those that are known."""
    if len(distinct) <= _FEW_WORDS:
        plain = {word: known.get(word.strip(" \t").lower()) for word in distinct.to_list()}
        found = {word: min(max(n, 0), 24) for word, n in plain.items() if n is not None}
        if len(found) == len(distinct) and "".join(found).isascii():
            return found
    folded = (
        distinct.str.replace_all(_COLOUR, "").str.strip_chars(" \t[]()<>|\"'*:").str.to_lowercase()
    )
    # A format's word may be nothing but such a mark: Redis writes `*` and `#`.
    written = distinct.str.strip_chars(" \t").str.to_lowercase()
    number = pl.select(
        pl.coalesce(
            one.replace_strict(known, default=None, return_dtype=pl.Int64)
            for one in (written, folded)
        )
    ).to_series()
    stepped = folded.str.extract_groups(_STEPPED).struct.unnest()
    base = stepped["1"].replace_strict(_STEP_BASES, default=None, return_dtype=pl.Int64)
    number = number.zip_with(number.is_not_null(), base + stepped["2"].cast(pl.Int64))
    python = folded.str.extract(_PYTHON_NUMBER).cast(pl.Int64)
    number = number.zip_with(number.is_not_null(), _from_python(python)).clip(0, 24).fill_null(0)
    return dict(zip(distinct.to_list(), number.to_list(), strict=True))


# Most streams write no more words than these, all of them known as they stand.
_FEW_WORDS = 32
_COLOUR = r"\x1b\[[0-9;]*m"


def _from_python(level: pl.Series) -> pl.Series:
    """Return the number of a level of Python's logging, which has names for the tens only."""
    return pl.DataFrame({"level": level}).select(
        pl.when(pl.col("level") >= 50).then(FATAL_SEVERITY)
        .when(pl.col("level") >= 40).then(ERROR_SEVERITY)
        .when(pl.col("level") >= 30).then(WARN_SEVERITY)
        .when(pl.col("level") >= 20).then(INFO_SEVERITY)
        .when(pl.col("level") >= 10).then(5)
        .when(pl.col("level").is_not_null()).then(1)
        .cast(pl.Int64)
    ).to_series()  # fmt: skip


def from_status(status: pl.Series) -> pl.Series:
    """Return the severity of an access line by its HTTP status."""
    return (
        pl.DataFrame({"status": status})
        .select(
            pl.when(pl.col("status") >= 500)
            .then(ERROR_SEVERITY)
            .when(pl.col("status") >= 400)
            .then(WARN_SEVERITY)
            .when(pl.col("status").is_not_null())
            .then(INFO_SEVERITY)
            .cast(pl.Int8)
        )
        .to_series()
    )


def from_position(text: pl.Series) -> pl.DataFrame:
    """Look for a level word where programs write one: columns `severity_text`, `severity_number`.

    Tried in order on the first 120 characters after times and numbers: `level=word` (anywhere in
    2,000 characters), a bracketed word among the first two tokens, a word in capitals among the
    first three, a word that starts the text and is followed by a colon. Nothing else: a word
    elsewhere is prose.
    """
    head = text.str.head(2000)
    word = head.str.extract(_KEY)
    bare = head.str.replace(_PREFIX, "")
    start = bare.str.head(120)
    for pattern in (_BRACKET, _CAPITALS, _COLON):
        word = word.zip_with(word.is_not_null(), start.str.extract(pattern))
    number = numbers(word).fill_null(0)
    if (counted := (word.is_not_null() & head.str.contains(_COUNTED))).any():
        word, number = word.set(counted, None), number.set(counted, 0)
    if (tool := (word.is_null() & head.str.contains(_TOOL))).any():
        word, number = _from_tool(head, tool, word, number)
    return pl.DataFrame(
        {"severity_text": word, "severity_number": number},
        schema={"severity_text": pl.String, "severity_number": pl.Int8},
    )


def _from_tool(
    text: pl.Series, rows: pl.Series, word: pl.Series, number: pl.Series
) -> tuple[pl.Series, pl.Series]:
    groups = text.filter(rows).str.extract_groups(_TOOL).struct.unnest()
    said = numbers(groups["npm"])
    ended = pl.Series([FATAL_SEVERITY], dtype=pl.Int8).new_from_index(0, len(said))
    failed = pl.Series([ERROR_SEVERITY], dtype=pl.Int8).new_from_index(0, len(said))
    found = said.zip_with(
        said.is_not_null(), ended.zip_with(groups["killed"].is_not_null(), failed)
    )
    texts = groups.select(pl.coalesce("npm", "killed")).to_series()
    at = rows.arg_true()
    return word.scatter(at, texts), number.scatter(at, found)


def is_strong_start(lines: Haystack) -> pl.Series:
    """Tell which lines without a header begin an event of their own all the same."""
    return lines.contains(
        _COLON,
        _BRACKET,
        r"^(?:Exception in thread \"|panic: |fatal error: |goroutine [0-9]+ \["
        r"|Unhandled exception\.|Fatal Python error: |thread '[^']*' .*panicked at "
        r"|terminate called )"
        # A tool that a start-up script runs: `modprobe: FATAL: no such module`.
        rf"|^[A-Za-z][A-Za-z0-9_./-]{{0,60}}: (?:{_LEVEL}): ",
    )


__all__ = [
    "FATAL_SEVERITY",
    "WORDS",
    "from_position",
    "from_status",
    "is_strong_start",
    "numbers",
]
