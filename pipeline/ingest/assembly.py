"""Lines to events: which lines belong to the event that is open in their stream.

A stream key is (container, stdout or stderr): interleaved output is told apart before anything is
joined, and lines that another worker wrote into a trace are moved behind it (`interleaving`). Each
line is one of

    head      a format begins a record here
    trace     the first line of a trace (`Traceback (most recent call last):`, `goroutine 1 [`)
    link      a sentence or header that joins two exceptions ("The above exception was …",
              `Caused by:`)
    indented  begins with a blank, a closing bracket, a frame mark: it never stands alone
    other     text at column 0 that no format takes
    blank

and `mark_starts` says which lines begin an event, for whole columns at once, from the line, its
neighbours and the trace that is open. What the lines of each language look like is data,
``pipeline/exceptions/*.toml``; the rules are those of ``docs/multi-line.md``.
"""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import polars as pl

from pipeline.ingest import interleaving
from pipeline.ingest.languages import Language, load_languages
from pipeline.ingest.needles import Haystack, contains
from pipeline.ingest.severity import is_strong_start

MAX_EVENT_LINES = 1000
# An envelope's clock that stands still this long ends an event: the writer was done.
GAP_SECONDS, TRACE_GAP_SECONDS = 2.0, 5.0

HEAD, TRACE, LINK, INDENTED, OTHER, BLANK = range(6)

_INDENTED = (
    r"^(?:[ \t]|[}\])]|\"\}|#[0-9]+ |at [A-Za-z_$<]|from /|-> |\| |\+-|[│┃╭╰├└❱]"
    r"|[\^~]+\s*$"
    r"|note: |> File \"|File \"[^\"]+\", line [0-9]"
    # What SQLAlchemy and database drivers print below the line that names their exception.
    r"|\[SQL: |\[parameters: |\[cached since |\(Background on this error at: "
    r"|(?:DETAIL|HINT|CONTEXT):  |LINE [0-9]+: )"
)
# A line without a header that announces the trace after it, in any language.
_NAMED = (
    r"^(?:[\w$]+[.:/\\])*[A-Z_a-z$]*[\w$]*"
    r"(?:Error|Exception|Warning|Exit|Interrupt|Iteration|Group|Fault|Failure|Timeout|Abort"
    r"|Throwable)(?: \([0-9A-Za-z]+\))?(?: \[[A-Z_0-9]+\])?(?::\s|:?$)"
    # A class of any name where the JVM prints its package.
    r"|^(?:[a-z_][\w$]*\.)+[A-Z][\w$]*(?:: .*)?$"
)
_AT = r"^\s+at \S|^\s*\.\.\. [0-9]+ (?:more|common)|^\s+---> "
_LOOSE_SYNTAX_ERROR = r'^  File "[^"]+", line [0-9]+$'
# A line of frames, a caret below code: what tells that text before it is a message or code.
_FRAMELIKE = (
    rf"{_AT}|^\s*#[0-9]+ |^\s*\^+\s*$|^\tfrom |^\t/\S+:[0-9]+|^    \(\w+ [0-9]"
    r"|^\s+exception (?:error|exit|throw): |^\s+in (?:function|call from) "
)
# Text of one message between the line that names an exception and its frames.
MAX_MESSAGE_LINES = 50
_NO_LANGUAGE, _ANY_LANGUAGE = -1, -2


_List = tuple[str, ...]


class _Patterns(NamedTuple):
    """The lists of all languages together, and by language where that matters."""

    begins: _List
    links: _List
    announces: _List
    awaits: _List
    awaits_line: _List
    paragraph: _List
    stands_alone: _List
    opens: tuple[_List, ...]
    first: tuple[_List, ...]
    continues: tuple[_List, ...]
    in_header: tuple[_List, ...]
    python: int
    at_languages: tuple[int, ...]


@cache
def _patterns() -> _Patterns:
    languages = load_languages()

    def each(*names: str) -> tuple[_List, ...]:
        return tuple(
            tuple(p for name in names for p in language.assembly.get(name, ()))
            for language in languages
        )

    def every(name: str) -> _List:
        return _all(each(name))

    return _Patterns(
        begins=every("begins"),
        links=every("links"),
        announces=every("announces"),
        awaits=every("awaits"),
        awaits_line=every("awaits_line"),
        paragraph=every("paragraph"),
        stands_alone=every("stands_alone"),
        opens=each("opens"),
        first=each("opens", "begins"),
        continues=each("continues"),
        in_header=each("in_header"),
        python=_index(languages, "python"),
        at_languages=tuple(
            _index(languages, name) for name in ("java", "node", "dotnet", "python")
        ),
    )


def _all(lists: Iterable[_List]) -> _List:
    return tuple(pattern for found in lists for pattern in found)


def _index(languages: tuple[Language, ...], name: str) -> int:
    return next(i for i, language in enumerate(languages) if language.name == name)


def mark_starts(records: pl.DataFrame, max_event_lines: int = MAX_EVENT_LINES) -> pl.DataFrame:
    """Add `category`, `event` (number of the event, null for a blank line outside one), `is_start`
    and `may_grow` (lines that another block may still add to, whatever follows them in this one).

    *records* must be sorted by `key`, then order, and have `payload`, `format_index`,
    `observed_timestamp`, `is_headed` (whether most records of this stream have a header),
    `is_continuation` (a format says that the line continues the record before, such as PostgreSQL's
    DETAIL). Lines of one event come out together, so the order may differ from that of *records*;
    an event has at most *max_event_lines* lines, what is over begins another.
    """
    records = interleaving.unwrap_headers(records, _decide_bodies)
    records = interleaving.gather_orphans(records, _looked_at, _described)
    looked_at = _looked_at(records)
    some = _described(records, looked_at)
    some = _decide(some, max_event_lines)
    rows = looked_at.arg_true()
    height = records.height
    starts = pl.Series("is_start", [True]).new_from_index(0, height)
    outside = pl.Series("is_outside", [False]).new_from_index(0, height)
    categories = pl.Series("category", [HEAD], dtype=pl.Int8).new_from_index(0, height)
    marked = records.with_columns(
        starts.scatter(rows, some["is_start"]),
        outside.scatter(rows, some["is_outside"]),
        categories.scatter(rows, some["category"]),
    )
    event = pl.col("is_start").cast(pl.Int64).cum_sum()
    return marked.with_columns(
        event=pl.when(~pl.col("is_outside")).then(event),
        may_grow=(pl.col("category") != HEAD) & (pl.col("category") != BLANK) | pl.col("is_moved"),
    ).drop("is_outside", "is_moved")


def _looked_at(records: pl.DataFrame) -> pl.Series:
    """Tell which lines must be looked at: a header begins an event whatever came before it, so only
    the other lines are, with the line before each of them: in most logs a small share.
    """
    is_head = records["format_index"].is_not_null()
    is_first = (records["key"] != records["key"].shift(1)).fill_null(True)
    return ~is_head | (~is_head).shift(-1, fill_value=False) | is_first


def _described(records: pl.DataFrame, looked_at: pl.Series) -> pl.DataFrame:
    is_first = (records["key"] != records["key"].shift(1)).fill_null(True)
    some = records.filter(looked_at).with_columns(
        is_first=is_first.filter(looked_at), is_head=pl.col("format_index").is_not_null()
    )
    # What a line is depends on its text alone, and frames repeat: each text is looked at once.
    by_text = ["payload", "is_head"]
    distinct = some.select(*by_text, "format_index").unique(by_text, maintain_order=True)
    told = describe(distinct.with_columns(category=categorize(distinct))).drop("format_index")
    return some.join(told, on=by_text, how="left", maintain_order="left", nulls_equal=True).drop(
        "is_head"
    )


def categorize(records: pl.DataFrame) -> pl.Series:
    """Return the category of each record from its `payload` and `format_index`."""
    text = pl.col("payload")
    patterns = _patterns()
    known = Haystack(records["payload"])
    return records.select(
        pl.when(pl.col("format_index").is_not_null())
        .then(HEAD)
        .when(text.str.strip_chars() == "")
        .then(BLANK)
        .when(known.fits(text, *patterns.begins))
        .then(TRACE)
        .when(known.fits(text, *patterns.links))
        .then(LINK)
        .when(text.str.contains(_INDENTED))
        .then(INDENTED)
        .otherwise(OTHER)
        .cast(pl.Int8)
        .alias("category")
    ).to_series()


_FLAGS = (
    "strong", "announcement", "named", "awaits", "awaits_line", "paragraph", "is_at", "framelike",
    "stands_alone",
)  # fmt: skip


def describe(some: pl.DataFrame) -> pl.DataFrame:
    """Add what the text of each line says: `_FLAGS`, `opens` and `first` (the language whose first
    line of a trace it is, null for none), `mention` (of a trace in a header).
    """
    patterns = _patterns()
    category = some["category"]
    loose = category.is_in([OTHER, TRACE]).arg_true()
    below = category.is_in([INDENTED, LINK]).arg_true()
    heads = (category == HEAD).arg_true()
    words = Haystack(some["payload"].gather(loose))
    lower = Haystack(some["payload"].gather(below))
    headers = Haystack(some["payload"].gather(heads))

    def spread(rows: pl.Series, hits: pl.Series) -> pl.Series:
        nothing = pl.Series([None], dtype=hits.dtype).new_from_index(0, some.height)
        if hits.dtype == pl.Boolean:
            nothing = pl.Series([False], dtype=pl.Boolean).new_from_index(0, some.height)
        return nothing.scatter(rows, hits) if len(rows) else nothing

    first, opens = _languages(words, patterns.first, patterns.opens)
    return some.with_columns(
        strong=spread(loose, is_strong_start(words)),
        named=spread(loose, words.contains(_NAMED)),
        **{name: spread(loose, hits) for name, hits in _rare(words).items()},
        is_at=spread(below, lower.contains(_AT)),
        framelike=spread(below, lower.contains(_FRAMELIKE)),
        opens=spread(loose, opens),
        first=spread(loose, first),
        mention=spread(heads, _mentions(headers)),
        heads_report=spread(heads, headers.contains(*patterns.paragraph)),
        loose_syntax_error=spread(below, lower.contains(_LOOSE_SYNTAX_ERROR)),
    )


def _rare(words: Haystack) -> dict[str, pl.Series]:
    """Ask what is seldom there: one search tells whether any of it is."""
    patterns = _patterns()
    rare = {
        "announcement": patterns.announces,
        "awaits": patterns.awaits,
        "awaits_line": patterns.awaits_line,
        "paragraph": patterns.paragraph,
        "stands_alone": patterns.stands_alone,
    }
    hit = words.contains(*_all(rare.values()))
    if not hit.any():
        return dict.fromkeys(rare, hit)
    rows = hit.arg_true()
    few = Haystack(words.text.gather(rows))
    return {name: hit.clone().scatter(rows, few.contains(*asked)) for name, asked in rare.items()}


def _mentions(headers: Haystack) -> pl.Series:
    """Return the language of the trace that each header begins, null for none."""
    patterns = _patterns()
    traceback = r"Traceback \(most recent call last\):$"
    named = r"(?:Error|Exception|Throwable)\b(?::|$| \[)"
    nothing = _nowhere(headers.text)
    hit = headers.contains(traceback, named, *_all(patterns.in_header))
    if not hit.any():
        return nothing
    rows = hit.arg_true()
    few = Haystack(headers.text.gather(rows))
    found = _first_that_fits(few, patterns.in_header)
    found = found.set(few.contains(traceback), patterns.python)
    found = found.set(few.contains(named) & found.is_null(), _ANY_LANGUAGE)
    return nothing.scatter(rows, found)


def _languages(words: Haystack, *lists: tuple[_List, ...]) -> list[pl.Series]:
    """Return for each of *lists* the first language of which a pattern fits, null for none. What
    none of the first list fits is not asked of the others.
    """
    hit = words.contains(*_all(lists[0]))
    if not hit.any():
        return [_nowhere(words.text)] * len(lists)
    rows = hit.arg_true()
    few = Haystack(words.text.gather(rows))
    return [
        _nowhere(words.text).scatter(rows, _first_that_fits(few, by_language))
        for by_language in lists
    ]


def _first_that_fits(few: Haystack, by_language: tuple[_List, ...]) -> pl.Series:
    found = _nowhere(few.text)
    for index, patterns in reversed(list(enumerate(by_language))):
        if any(few.may_fit(pattern) for pattern in patterns):
            found = found.set(few.contains(*patterns), index)
    return found


def _nowhere(text: pl.Series) -> pl.Series:
    return pl.Series([None], dtype=pl.Int32).new_from_index(0, len(text))


def _decide_bodies(bodies: pl.DataFrame) -> pl.DataFrame:
    """Decide for lines from which headers were cut, as if they had never had one."""
    is_first = (bodies["key"] != bodies["key"].shift(1)).fill_null(True)
    some = bodies.with_columns(
        format_index=pl.lit(None, pl.Int32),
        is_headed=pl.lit(False),
        is_continuation=pl.lit(False),
        is_moved=pl.lit(False),
        is_first=is_first,
    )
    return _decide(describe(some.with_columns(category=categorize(some))), 2**31)


def _decide(some: pl.DataFrame, max_event_lines: int) -> pl.DataFrame:
    """Add `is_start` and `is_outside` (a blank line of no event) to the lines looked at."""
    flags = _with_open_trace(some)
    decided = flags.with_columns(is_start=_bounded(_starts(flags), max_event_lines))
    # A blank line belongs to an event only if the next line of its stream that is not blank does.
    # The last line of a stream is followed by none.
    blank = pl.col("category") == BLANK
    joined = pl.when(~blank).then(~pl.col("is_start"))
    member = (
        pl.when(pl.col("is_first").shift(-1, fill_value=True) & blank)
        .then(False)
        .otherwise(joined)
        .backward_fill()
    )
    # What names an exception is of a trace for the columns that are made of it.
    is_trace = (
        pl.col("opens").is_not_null()
        | pl.col("accepted")
        # A frame by itself names nothing: no error is made of it.
        | (pl.col("is_at") & ~pl.col("is_start"))
        | (pl.col("framelike") & (pl.col("open") != _NO_LANGUAGE))
        | (pl.col("named") & (pl.col("framed") | ~pl.col("is_start")))
        | pl.col("payload").str.contains(r"^\t/\S+:[0-9]+")
    ) & pl.col("category").is_in([OTHER, INDENTED])
    return decided.with_columns(
        is_outside=blank & ~member,
        category=pl.when(is_trace | pl.col("is_moved") & (pl.col("category") != HEAD))
        .then(pl.lit(TRACE, pl.Int8))
        .otherwise("category"),
    )


def _before(value: pl.Expr, first: pl.Expr | bool | int | None) -> pl.Expr:
    """The nearest value above in the same stream that is not null; *first* at a stream's first
    line.
    """
    return pl.when("is_first").then(first).otherwise(value.shift(1)).forward_fill()


_NOTHING = -1


def _with_open_trace(some: pl.DataFrame) -> pl.DataFrame:
    """Add what of the neighbours a line is judged by.

    `framed`: frames follow, with nothing but text of a message between. `between`: text between the
    line that names an exception and its frames. `open`: the language of the open trace. `accepted`:
    at column 0, but a line of that trace.
    """
    category = pl.col("category")
    solid = category != BLANK
    last = pl.col("is_first").shift(-1, fill_value=True)
    is_other = category == OTHER
    mark = (
        pl.when(category == HEAD)
        .then(pl.col("mention").fill_null(_NO_LANGUAGE))
        .when(pl.col("first").is_not_null())
        .then("first")
        .when("named")
        .then(_ANY_LANGUAGE)
    )
    seen = some.with_columns(open=_before(mark, _NO_LANGUAGE))
    seen = seen.with_columns(accepted=_accepted(seen))
    plain = (
        is_other
        & ~pl.col("strong") & ~pl.col("named") & ~pl.col("accepted") & pl.col("first").is_null()
    )  # fmt: skip
    seen = seen.with_columns(is_plain=plain, number=pl.int_range(pl.len()))
    telling = solid & ~pl.col("is_plain")
    # The next line that tells something must be a frame, and of this stream.
    ahead = (
        pl.when(last)
        .then(pl.lit(False))
        .otherwise(
            pl.when(telling)
            .then(pl.col("framelike") | pl.col("accepted") & ~pl.col("named"))
            .shift(-1)
        )
    )
    ahead = pl.when(last).then(False).otherwise(ahead).backward_fill()
    at_ahead = (
        pl.when(last)
        .then(False)
        .otherwise(pl.when(telling).then("is_at").shift(-1))
        .backward_fill()
    )
    names = pl.col("named") | pl.col("opens").is_not_null() | pl.col("mention").is_not_null()
    far = pl.col("number") - _before(pl.when(telling).then("number"), pl.col("number"))
    seen = seen.with_columns(
        framed=pl.col("named") & at_ahead,
        between=pl.col("is_plain")
        & ahead
        & _before(pl.when(telling).then(names), False).fill_null(False)
        & (far <= MAX_MESSAGE_LINES),
    )
    # Text that begins an event of its own is the end of any trace.
    reset = pl.when(pl.col("is_plain") & ~pl.col("between")).then(_NO_LANGUAGE).otherwise(mark)
    seen = seen.with_columns(open=_before(reset, _NO_LANGUAGE))
    return seen.with_columns(accepted=_accepted(seen))


def _accepted(seen: pl.DataFrame) -> pl.Series:
    """Tell which lines at column 0 go on with the trace that is open above them."""
    patterns = _patterns()
    loose = seen["category"].is_in([OTHER, TRACE])
    result = pl.Series([False], dtype=pl.Boolean).new_from_index(0, seen.height)
    for language in seen["open"].filter(loose).unique().to_list():
        if language is None or language == _NO_LANGUAGE:
            continue
        own = patterns.at_languages if language == _ANY_LANGUAGE else (language,)
        continues = _all(patterns.continues[index] for index in own)
        rows = (loose & (seen["open"] == language)).arg_true()
        result = result.scatter(rows, contains(seen["payload"].gather(rows), *continues))
    return result


def _starts(flags: pl.DataFrame) -> pl.DataFrame:
    """Decide for every line whether it begins an event: adds `starts`."""
    for step in _start_steps():
        flags = flags.with_columns(**step)
    return flags


@cache
def _start_steps() -> tuple[dict[str, pl.Expr], ...]:
    """Return the columns by which that is decided, those of a step from those of the ones before.

    Built once: for a small file this takes longer than what it tells.
    """
    category = pl.col("category")
    solid = category != BLANK
    clock = pl.when(solid).then(pl.col("observed_timestamp"))
    is_trace_like = pl.col("named") | pl.col("first").is_not_null()
    settled = solid & (category != INDENTED) & ~pl.col("between")
    neighbours = dict(
        previous=_before(pl.when(solid).then(category), pl.lit(_NOTHING, pl.Int8)),
        # the last line that was neither blank nor indented: what indented lines belong to
        previous_lead=_before(
            pl.when(~category.is_in([BLANK, INDENTED])).then(category), pl.lit(_NOTHING, pl.Int8)
        ),
        after_announcement=_before(pl.when(solid).then(pl.col("announcement")), pl.lit(False)),
        after_named=_before(pl.when(solid).then(pl.col("named")), pl.lit(False)),
        after_frames=_before(pl.when(solid).then(pl.col("is_at")), pl.lit(False)),
        awaited=_before(pl.when(settled).then("awaits"), pl.lit(False)),
        line_awaited=_before(pl.when(solid).then("awaits_line"), pl.lit(False)),
        in_paragraph=_before(
            pl.when(pl.col("paragraph") | pl.col("heads_report")).then(True)
            .when((category == BLANK) | (category == HEAD)).then(False),
            pl.lit(False),
        ),
        reported=_before(
            pl.when(pl.col("paragraph") | pl.col("heads_report")).then(True)
            .when(category == HEAD).then(False), pl.lit(False),
        ),
        gap=(
            pl.col("observed_timestamp") - _before(clock, pl.col("observed_timestamp"))
        ).dt.total_microseconds().fill_null(0) / 1e6,
    )  # fmt: skip
    in_trace = pl.col("previous_lead").is_in([TRACE, LINK]) | (pl.col("open") != _NO_LANGUAGE)
    # Only a Python traceback ends with a line at column 0; Java's frames are the end.
    is_python = pl.col("open") == _patterns().python
    ends_trace = (
        is_python
        & pl.col("previous_lead").is_in([TRACE, HEAD])
        & pl.col("previous").is_in([INDENTED, TRACE])
    )
    after_syntax_error = pl.col("named") & _before(
        pl.when(solid & (category != INDENTED)).then(False).when("loose_syntax_error").then(True),
        pl.lit(False),
    ).fill_null(False)
    late = pl.col("gap") > pl.when(in_trace).then(TRACE_GAP_SECONDS).otherwise(GAP_SECONDS)
    # Text at column 0: the exception line after frames; in a stream of headers also what follows
    # a header or a trace; else an event of its own.
    other_starts = (
        pl.when(
            ends_trace
            | after_syntax_error
            | pl.col("line_awaited")
            | pl.col("accepted")
            | pl.col("between")
            | pl.col("in_paragraph") & ~pl.col("paragraph")
            | pl.col("awaited") & pl.col("named")
            | pl.col("after_announcement") & is_trace_like
        )
        .then(False)
        .when(pl.col("named") & (pl.col("previous") == HEAD))
        .then(False)
        .when(
            pl.col("strong")
            | pl.col("opens").is_not_null()
            | pl.col("stands_alone")
            # A report has ended at its blank line.
            | (pl.col("reported").fill_null(False) & ~pl.col("in_paragraph").fill_null(False))
        )
        .then(True)
        .when(pl.col("framed") & (pl.col("after_frames") | pl.col("after_named")))
        .then(True)
        .otherwise(~pl.col("is_headed"))
        | late
    )
    # A sanitizer's report begins with a line of signs.
    below_banner = pl.col("after_announcement") & (pl.col("mention") >= 0).fill_null(False)
    head_starts = ~below_banner | late
    starts = pl.when(pl.col("is_continuation")).then(False).when(category == HEAD).then(
        head_starts
    ).when(category == OTHER).then(other_starts).when(category == INDENTED).then(
        pl.col("gap") > TRACE_GAP_SECONDS
    ).otherwise(False) | ((pl.col("previous") == _NOTHING) & solid)
    # A traceback belongs to the line that announces it, unless that event has one already.
    is_trace = category == TRACE
    loose_error = (
        pl.col("loose_syntax_error")
        & ~pl.col("previous").is_in([INDENTED, TRACE, HEAD])
        & ~is_python
    )
    traces = pl.col("is_trace").cast(pl.Int32).cum_sum()
    of_event = {
        "begins_with_head": pl.when("starts").then(category == HEAD).forward_fill(),
        "traces_before": pl.when("starts")
        .then(pl.col("traces") - pl.col("is_trace").cast(pl.Int32))
        .forward_fill(),
    }
    attaches = (
        (pl.col("previous") == LINK)
        | pl.col("accepted")
        | pl.col("awaited")
        | (
            (pl.col("traces") - pl.col("traces_before") == 1)
            & (
                pl.col("begins_with_head")
                | pl.col("after_announcement")
                | _before(pl.when(solid).then("strong"), pl.lit(False))
            )
            & (pl.col("gap") <= GAP_SECONDS)
        )
    )
    settled_starts = pl.col("starts") & ~(is_trace & pl.col("accepted") & ~pl.col("is_first")) | (
        pl.col("is_trace") & ~attaches.fill_null(False) & ~pl.col("is_continuation")
    )
    return (
        neighbours,
        {"starts": starts | loose_error, "is_trace": is_trace},
        {"traces": traces},
        of_event,
        {"starts": settled_starts},
    )


def _bounded(traced: pl.DataFrame, max_event_lines: int) -> pl.Series:
    """Cut an event that never ends at a fixed number of lines, wherever blocks end."""
    opened = traced.select("starts").with_row_index("number")
    begin = pl.when("starts").then("number").forward_fill()
    within = pl.col("number") - begin
    return opened.select(
        is_start=pl.col("starts")
        | ((within > 0) & (within % max_event_lines == 0)).fill_null(False)
    ).to_series()
