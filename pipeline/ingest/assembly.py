"""Lines to events: which lines belong to the event that is open in their stream.

A stream key is (container, stdout or stderr): interleaved output is told apart before anything is
joined. Each line is one of

    head      a format begins a record here trace     `Traceback (most recent call last):` and its
    kin link      a sentence or header that joins two exceptions ("The above exception was …",
    `Caused by:`) indented  begins with a blank, a closing bracket, a frame mark: it never stands
    alone other     text at column 0 that no format takes blank

and `mark_starts` says which lines begin an event, for whole columns at once, from the line, its
predecessor and the last line that was neither blank nor indented. The rules are those of
`docs/multi-line.md`.
"""

import polars as pl

from pipeline.ingest.severity import is_strong_start

MAX_EVENT_LINES = 1000
# An envelope's clock that stands still this long ends an event: the writer was done.
GAP_SECONDS, TRACE_GAP_SECONDS = 2.0, 5.0

HEAD, TRACE, LINK, INDENTED, OTHER, BLANK = range(6)

_TRACE = (
    r"^(?:Traceback \(most recent call last\):|Stack \(most recent call last\):"
    r"|  ?\+ Exception Group Traceback \(most recent call last\):"
    r"|╭─.*Traceback \(most recent call last\)|--- Logging error ---)"
)
_LINK = (
    r"^[ \t|+-]*(?:The above exception was the direct cause of the following exception:"
    r"|During handling of the above exception, another exception occurred:)\s*$"
    r"|^\s*(?:Caused by: |Suppressed: |Wrapped by: |\.\.\. [0-9]+ (?:more|common frames omitted))"
    r"|^\s*(?:--- End of .*stack trace|  --- End of inner exception)"
)
_INDENTED = (
    r"^(?:[ \t]|[}\])]|\"\}|#[0-9]+ |at [A-Za-z_$<]|from /|-> |\| |\+-|[│┃╭╰├└❱]"
    r"|[\^~]+\s*$"
    r"|note: |> File \""
    # What SQLAlchemy and database drivers print below the line that names their exception.
    r"|\[SQL: |\[parameters: |\[cached since |\(Background on this error at: "
    r"|(?:DETAIL|HINT|CONTEXT):  |LINE [0-9]+: )"
)
# A line without a header that announces the traceback after it.
_ANNOUNCEMENT = (
    r"^(?:Exception in thread |Exception ignored in|Task exception was never retrieved|future: <"
    r"|--- Logging error ---|Internal Server Error: |Error in atexit|Unhandled exception)"
)
_EXCEPTION = (
    r"^(?:[A-Za-z_$][\w$]*[.:/])*[A-Z_a-z][\w$]*"
    r"(?:Error|Exception|Warning|Exit|Interrupt|Iteration|Group|Fault|Failure|Timeout|Abort)(?::\s|:?$)"
)


def mark_starts(records: pl.DataFrame) -> pl.DataFrame:
    """Add `category`, `event` (number of the event, null for a blank line outside one) and
    `is_start`.

    *records* must be sorted by `key`, then order, and have `payload`, `format_index`,
    `observed_timestamp`, `is_headed` (whether most records of this stream have a header),
    `is_continuation` (a format says that the line continues the record before, such as PostgreSQL's
    DETAIL).
    """
    is_head = records["format_index"].is_not_null()
    is_first = (records["key"] != records["key"].shift(1)).fill_null(True)
    # A header begins an event whatever came before it, so only the other lines are looked at, with
    # the line before each of them: in most logs a small share.
    looked_at = ~is_head | (~is_head).shift(-1, fill_value=False) | is_first
    some = records.filter(looked_at).with_columns(is_first=is_first.filter(looked_at))
    some = _decide(some.with_columns(category=categorize(some)))
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
    return marked.with_columns(event=pl.when(~pl.col("is_outside")).then(event)).drop("is_outside")


def categorize(records: pl.DataFrame) -> pl.Series:
    """Return the category of each record from its `payload` and `format_index`."""
    text = pl.col("payload")
    return records.select(
        pl.when(pl.col("format_index").is_not_null())
        .then(HEAD)
        .when(text.str.strip_chars() == "")
        .then(BLANK)
        .when(text.str.contains(_TRACE))
        .then(TRACE)
        .when(text.str.contains(_LINK))
        .then(LINK)
        .when(text.str.contains(_INDENTED))
        .then(INDENTED)
        .otherwise(OTHER)
        .cast(pl.Int8)
        .alias("category")
    ).to_series()


def _decide(some: pl.DataFrame) -> pl.DataFrame:
    """Add `is_start` and `is_outside` (a blank line of no event) to the lines looked at."""
    other = some["category"] == OTHER
    text = some["payload"]
    flags = some.select(
        "category", "is_first", "is_headed", "is_continuation", observed="observed_timestamp"
    ).with_columns(
        strong=_where(other, is_strong_start(text.filter(other))),
        announcement=_where(other, text.filter(other).str.contains(_ANNOUNCEMENT)),
        exception=_where(other, text.filter(other).str.contains(_EXCEPTION)),
    )
    is_start = _starts(flags)
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
    decided = flags.with_columns(is_start=is_start)
    return some.with_columns(
        is_start=is_start,
        is_outside=decided.select((blank & ~member).alias("is_outside")).to_series(),
    )


def _where(mask: pl.Series, hits: pl.Series) -> pl.Series:
    """Spread *hits*, the answers for the rows of *mask*, over all rows; false elsewhere."""
    nothing = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(mask))
    return nothing.scatter(mask.arg_true(), hits) if mask.any() else nothing


def _before(value: pl.Expr, first: pl.Expr | bool | int | None) -> pl.Expr:
    """The nearest value above in the same stream that is not null; *first* at a stream's first
    line.
    """
    return pl.when("is_first").then(first).otherwise(value.shift(1)).forward_fill()


_NOTHING = -1


def _starts(flags: pl.DataFrame) -> pl.Series:
    """Decide for every line whether it begins an event."""
    category = pl.col("category")
    solid = category != BLANK
    clock = pl.when(solid).then(pl.col("observed"))
    seen = flags.with_columns(
        previous=_before(pl.when(solid).then(category), pl.lit(_NOTHING, pl.Int8)),
        # the last line that was neither blank nor indented: what indented lines belong to
        previous_lead=_before(
            pl.when(~category.is_in([BLANK, INDENTED])).then(category), pl.lit(_NOTHING, pl.Int8)
        ),
        after_announcement=_before(pl.when(solid).then(pl.col("announcement")), pl.lit(False)),
        gap=(pl.col("observed") - _before(clock, pl.col("observed")))
        .dt.total_microseconds()
        .fill_null(0)
        / 1e6,
    )
    in_trace = pl.col("previous_lead").is_in([TRACE, LINK])
    # Only a Python traceback ends with a line at column 0; Java's frames are the end.
    ends_trace = (pl.col("previous_lead") == TRACE) & pl.col("previous").is_in([INDENTED, TRACE])
    late = pl.col("gap") > pl.when(in_trace).then(TRACE_GAP_SECONDS).otherwise(GAP_SECONDS)
    # Text at column 0: the exception line after frames; in a stream of headers also what follows
    # a header or a trace; else an event of its own.
    other_starts = (
        pl.when(ends_trace)
        .then(False)
        .when(pl.col("strong"))
        .then(True)
        .when(pl.col("exception") & (pl.col("previous") == HEAD))
        .then(False)
        .otherwise(~pl.col("is_headed"))
        | late
    )
    starts = pl.when(pl.col("is_continuation")).then(False).when(category == HEAD).then(True).when(
        category == OTHER
    ).then(other_starts).when(category == INDENTED).then(
        pl.col("gap") > TRACE_GAP_SECONDS
    ).otherwise(False) | (pl.col("is_first") & solid)
    # A traceback belongs to the line that announces it, unless that event has one already.
    is_trace = category == TRACE
    traces = pl.col("is_trace").cast(pl.Int32).cum_sum()
    traced = (
        seen.with_columns(starts=starts, is_trace=is_trace)
        .with_columns(traces=traces)
        .with_columns(
            begins_with_head=pl.when("starts").then(category == HEAD).forward_fill(),
            traces_before=pl.when("starts")
            .then(pl.col("traces") - pl.col("is_trace").cast(pl.Int32))
            .forward_fill(),
        )
    )
    attaches = (pl.col("previous") == LINK) | (
        (pl.col("traces") - pl.col("traces_before") == 1)
        & (pl.col("begins_with_head") | pl.col("after_announcement"))
        & (pl.col("gap") <= GAP_SECONDS)
    )
    opened = traced.select(
        starts=pl.col("starts")
        | (pl.col("is_trace") & ~attaches.fill_null(False) & ~pl.col("is_continuation"))
    ).with_row_index("number")
    # Bounded: an event that never ends is cut at a fixed number of lines, wherever blocks end.
    begin = pl.when("starts").then("number").forward_fill()
    within = pl.col("number") - begin
    return opened.select(
        is_start=pl.col("starts")
        | ((within > 0) & (within % MAX_EVENT_LINES == 0)).fill_null(False)
    ).to_series()
