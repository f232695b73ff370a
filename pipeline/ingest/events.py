"""Lines of one event to one row, and what a row says of itself: level, text, exception, ids."""

import polars as pl

from pipeline.ingest import correlation, durations, exceptions, parse
from pipeline.ingest.assembly import INDENTED, LINK, TRACE
from pipeline.ingest.detect import Profile
from pipeline.ingest.envelopes import load_envelopes
from pipeline.ingest.heads import Heads
from pipeline.schema import ERROR_SEVERITY, EVENTS, FATAL_SEVERITY, INFO_SEVERITY, WARN_SEVERITY

_FATAL = (
    r"^(?:panic: |fatal error: |Fatal Python error: |Segmentation fault|terminate called "
    r"|thread '[^']*' (?:\([0-9]+\) )?panicked at |PHP Fatal error: |\*\*\* stack smashing"
    r"|double free or corruption|[^ :]+: [^ :]+:[0-9]+: .*: Assertion `.*' failed)"
)
# The kernel's word of a program that crashed, on a line without a level.
_CRASHED = r"segfault at [0-9a-f]+ ip [0-9a-f]+|general protection fault ip:"


def events_of(done: pl.DataFrame) -> pl.DataFrame:
    """Reduce lines to events: the first line of each, with what the others add."""
    firsts = done.filter("is_start")
    followers = done.filter(~pl.col("is_start") & pl.col("event").is_not_null())
    if followers.is_empty():
        return firsts.with_columns(
            has_trace=pl.col("category") == TRACE, is_multiline=pl.lit(False)
        )
    is_frame = pl.col("category").is_in([TRACE, LINK]) | (
        (pl.col("category") == INDENTED) & pl.col("payload").str.contains(r"^\s+at \S")
    )
    added = followers.group_by("event").agg(
        added_lines=pl.col("line_count").sum(),
        # An event that goes on in the next rotated file ends, for its evidence, with its own file.
        last_source=pl.col("source").first(),
        last_end=pl.col("byte_end").filter(pl.col("source") == pl.col("source").first()).max(),
        # Of a file that is read backwards, the other lines of an event stand before its first.
        first_offset=pl.col("byte_offset")
        .filter(pl.col("source") == pl.col("source").first())
        .min(),
        first_number=pl.col("line_number")
        .filter(pl.col("source") == pl.col("source").first())
        .min(),
        has_trace=is_frame.any(),
    )
    is_same = pl.col("last_source") == pl.col("source")
    return (
        firsts.join(added, on="event", how="left", maintain_order="left")
        .with_columns(
            line_count=pl.col("line_count") + pl.col("added_lines").fill_null(0).cast(pl.Int32),
            byte_end=pl.when(is_same)
            .then(pl.max_horizontal("last_end", "byte_end"))
            .otherwise("byte_end"),
            byte_offset=pl.when(is_same)
            .then(pl.min_horizontal("first_offset", "byte_offset"))
            .otherwise("byte_offset"),
            line_number=pl.when(is_same)
            .then(pl.min_horizontal("first_number", "line_number"))
            .otherwise("line_number"),
            has_trace=pl.col("has_trace").fill_null(False) | (pl.col("category") == TRACE),
            is_multiline=pl.col("added_lines").is_not_null(),
        )
        .drop("added_lines", "last_end", "last_source", "first_offset", "first_number")
    )


def with_exceptions_flagged(events: pl.DataFrame, heads: Heads, profile: Profile) -> pl.DataFrame:
    """Mark events that carry an exception in a field, and give a level to traces that have none."""
    keys = {
        key
        for format_ in profile.formats
        if format_.kind == "json"
        for column in ("exception_stacktrace", "exception_type")
        for key in format_.fields.get(column, ())
    }
    present = [key for key in sorted(keys) if key in heads.objects.columns]
    if heads.objects.height and present:
        rows = heads.objects.filter(
            pl.any_horizontal(
                pl.col(key).is_not_null() & ~pl.col(key).is_in(["", "null", "None", "false"])
                for key in present
            )
        )["row"]
        in_field = pl.col("row").is_in(rows.implode())
    else:
        in_field = pl.lit(False)
    crashed = (pl.col("severity_number") == 0) & pl.col("payload").str.contains(_CRASHED)
    level = (
        pl.when((pl.col("severity_number") == 0) & pl.col("payload").str.contains(_FATAL))
        .then(FATAL_SEVERITY)
        .when(
            (pl.col("severity_number") == 0)
            & pl.col("http_response_status_code").is_null()
            & (pl.col("has_trace") | crashed)
        )
        .then(ERROR_SEVERITY)
        .otherwise("severity_number")
        .cast(pl.Int8)
    )
    return events.with_columns(
        has_trace=pl.col("has_trace") | in_field,
    ).with_columns(severity_number=level)


def with_envelope_words(events: pl.DataFrame) -> pl.DataFrame:
    """Take the envelope's level where the record says none, and its name where no format has it."""
    said = events["envelope_severity"]
    if said.null_count() < len(said):
        # A word in the text counts before a syslog daemon's guess, which is info or notice; a field
        # of the text counts before any.
        is_word = pl.col("is_severity_inferred") & pl.col("http_response_status_code").is_null()
        is_guess = pl.col("envelope_severity").is_between(INFO_SEVERITY, WARN_SEVERITY - 1)
        wins = pl.col("envelope_format").is_in(
            [envelope.name for envelope in load_envelopes() if envelope.severity_wins]
        )
        lacks = pl.col("envelope_severity").is_not_null() & (
            (pl.col("severity_number") == 0)
            | (is_word & ~is_guess & ~pl.col("has_trace"))
            | wins.fill_null(False)
        )
        events = events.with_columns(
            severity_number=pl.when(lacks).then("envelope_severity").otherwise("severity_number"),
            is_severity_inferred=pl.col("is_severity_inferred") & ~lacks,
        )
    named = events["envelope_format"]
    if named.null_count() == len(named):
        return events
    own = pl.col("envelope_format").is_not_null() & (pl.col("format_name") == parse.UNPARSED)
    return events.with_columns(
        format_name=pl.when(own).then("envelope_format").otherwise("format_name")
    )


def is_candidate() -> pl.Expr:
    """The events that are kept by default: whatever a rule or a finding may be about."""
    return (
        (pl.col("severity_number") >= WARN_SEVERITY)
        | (pl.col("severity_number") == 0)
        | (pl.col("http_response_status_code") >= 500).fill_null(False)
        | pl.col("has_trace")
    )


def with_bodies(events: pl.DataFrame, done: pl.DataFrame) -> pl.DataFrame:
    """Append the other lines of an event to the message of its first."""
    many = events.filter("is_multiline")
    if many.is_empty():
        return events
    followers = (
        done.filter(~pl.col("is_start") & pl.col("event").is_not_null())
        .join(many.select("event"), on="event", how="semi", maintain_order="left")
        .group_by("event", maintain_order=True)
        .agg(following=pl.col("payload").str.join("\n"))
    )
    return (
        events.join(followers, on="event", how="left", maintain_order="left")
        .with_columns(
            body=pl.when(pl.col("following").is_not_null())
            .then(pl.concat_str("body", pl.lit("\n"), "following"))
            .otherwise("body")
        )
        .drop("following")
    )


def with_exceptions(events: pl.DataFrame) -> pl.DataFrame:
    """Add what traces tell: `exception_chain`, and type, message, stack trace and code place."""
    fields = pl.col("exception_stacktrace")
    text = events.select(
        pl.when(fields.is_not_null() & (fields != ""))
        .then(fields)
        .when(pl.col("has_trace") | exceptions.on_one_line(events["body"]))
        .then("body")
        .alias("text")
    )["text"]
    if text.null_count() == len(text):
        return events.with_columns(exception_chain=pl.lit(None, pl.List(pl.String)))
    found = exceptions.extract(text)
    read = {name: pl.lit(found[name]) for name in found.columns}
    # The trace tells more than a field does: the innermost exception, where a field has the outer.
    is_same = (pl.col("exception_type") == read["exception_type"]).fill_null(False)
    message = pl.when(is_same | read["exception_type"].is_null()).then("exception_message")
    has_place = found["code_file_path"].is_not_null() | found["code_function_name"].is_not_null()
    place = {
        name: pl.when(pl.lit(has_place)).then(read[name]).otherwise(name)
        for name in ("code_file_path", "code_line_number", "code_function_name")
    }
    return events.with_columns(
        exception_chain=read["exception_chain"],
        exception_type=pl.coalesce(read["exception_type"], "exception_type"),
        exception_message=pl.coalesce(message, read["exception_message"]),
        exception_stacktrace=pl.coalesce(read["exception_stacktrace"], "exception_stacktrace"),
        **place,
    )


def ids_of(events: pl.DataFrame) -> dict[str, pl.Expr | pl.Series]:
    """Take the ids of the format's fields, else those that stand anywhere in the event."""
    text = events.select(
        pl.when("is_multiline")
        .then(pl.concat_str("payload", pl.lit("\n"), "body"))
        .otherwise("payload")
    ).to_series()
    anywhere = correlation.correlate(text)
    return {
        name: own.zip_with(own.is_not_null(), anywhere[name])
        for name, own in correlation.normal_ids(events).items()
    }


def durations_of(events: pl.DataFrame) -> pl.Series:
    """Take the duration of the format's field, else the one that the first line tells."""
    own = events["duration_ms"]
    rows = own.is_null().arg_true()
    part = events[rows]
    return own.scatter(rows, durations.milliseconds(part["payload"], part["format_name"]))


def in_order(events: pl.DataFrame) -> pl.DataFrame:
    """Return the columns `EVENTS` in the order of the lines."""
    return events.sort("source", "line_number", "byte_offset").select(
        pl.col(name).cast(dtype) for name, dtype in EVENTS.items()
    )
