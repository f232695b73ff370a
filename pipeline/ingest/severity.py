"""Severity words to OpenTelemetry numbers, and the strict rule for lines without a level field.

Order: a field or the format's header (`parse`), the HTTP status, an exception, and only then a
word, and that only in a position where programs write levels. stderr is no severity: klog, Python
logging and the JVM write INFO there. Numbers: OpenTelemetry log data model, appendix B; Python's
CRITICAL and HTTP statuses are our reading of its rules.
"""

import polars as pl

from pipeline.schema import ERROR_SEVERITY, FATAL_SEVERITY, INFO_SEVERITY, WARN_SEVERITY

WORDS: dict[str, int] = {
    "trace": 1, "trc": 1, "trce": 1, "finest": 1, "silly": 1,
    "debug": 5, "dbg": 5, "dbug": 5, "d": 5,
    "debug1": 5, "debug2": 5, "debug3": 5, "debug4": 5, "debug5": 5,
    "verbose": 5, "vrb": 5, "finer": 5, "fine": 6, "config": 7,
    "info": 9, "inf": 9, "information": 9, "informational": 9, "log": 9, "success": 9, "http": 9,
    "notice": 10, "note": 10, "i": 9, "system": 9,
    "warn": 13, "wrn": 13, "warning": 13, "deprecated": 13, "deprecation": 13, "w": 13,
    "error": 17, "err": 17, "eror": 17, "fail": 17, "failure": 17, "failed": 17, "severe": 17,
    "e": 17,
    "crit": 18, "alert": 19, "dpanic": 18,
    "fatal": 21, "ftl": 21, "critical": 21, "emerg": 21, "emergency": 21, "panic": 21, "f": 21,
    "pnc": 21,
}  # fmt: skip

_LEVEL = (
    "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|CRIT|CRITICAL|FATAL|SEVERE|ALERT|EMERG|PANIC"
)
# What may stand before a level and says nothing: times, pids, bracketed numbers.
_PREFIX = (
    r"^(?:\[?[0-9]{2,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}[T ]?[0-9:.,]*(?:Z|[+-][0-9:]{4,6})?\]?[ :|-]*"
    r"|\[?[0-9:.,]+\]?[ :|-]+)*"
)
_KEY = (
    r'(?i)(?:^|[\s,{"])(?:level|lvl|severity|log\.level|levelname|loglevel)"?\s?[=:]\s?"?'
    r"(?P<word>trace|debug|info|notice|warn|warning|error|err|crit|critical|fatal|alert|emerg|panic)\b"
)
_BRACKET = rf"(?i)^(?:[^\s\[<(|]+\s+)?[\[<(|]\s?(?P<word>{_LEVEL})\s?[\]>)|](?:\s|:|$)"
_CAPITALS = rf"^(?:\S+\s+){{0,2}}(?P<word>{_LEVEL})(?:[\s:!|]|$)"
_COLON = (
    r"(?i)^(?:npm )?(?P<word>error|err|fatal|warning|warn|panic|critical|debug|info|notice|severe)"
    r"[:!](?:\s|$)"
)


def numbers(words: pl.Series, own: dict[str, int] | None = None) -> pl.Series:
    """Return the severity number of each word (any case, padding ignored); 0 for unknown, null for
    null.

    *own* are a format's words, which go before the common ones.
    """
    table = {**WORDS, **(own or {})}
    folded = words.str.strip_chars().str.to_lowercase()
    known = folded.replace_strict(table, default=0, return_dtype=pl.Int8)
    return known if not words.null_count() else known.set(words.is_null(), None)


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
    start = head.str.replace(_PREFIX, "").str.head(120)
    word = head.str.extract(_KEY)
    for pattern in (_BRACKET, _CAPITALS, _COLON):
        word = word.zip_with(word.is_not_null(), start.str.extract(pattern))
    return pl.DataFrame(
        {"severity_text": word, "severity_number": numbers(word).fill_null(0)},
        schema={"severity_text": pl.String, "severity_number": pl.Int8},
    )


def is_strong_start(text: pl.Series) -> pl.Series:
    """Tell which lines without a header begin an event of their own all the same."""
    starts = text.str.contains(_COLON) | text.str.contains(_BRACKET)
    return starts | text.str.contains(
        r"^(?:Exception in thread \"|panic: |fatal error: |goroutine [0-9]+ \["
        r"|Unhandled exception\.|Fatal Python error: |thread '[^']*' .*panicked at "
        r"|terminate called )"
    )


__all__ = [
    "FATAL_SEVERITY",
    "WORDS",
    "from_position",
    "from_status",
    "is_strong_start",
    "numbers",
]
