"""Stack traces to types, messages, chain and the innermost frame of the application's own code.

Works on distinct traces, line by line as a column. Python prints the first cause first and the last
exception last; the JVM prints the outer one first and `Caused by:` below. Both come out the same:
the chain from outer to inner, type and message of the innermost.
"""

import json

import polars as pl

COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "exception_type": pl.String,
    "exception_message": pl.String,
    "exception_stacktrace": pl.String,
    "exception_chain": pl.List(pl.String),
    "code_file_path": pl.String,
    "code_line_number": pl.Int32,
    "code_function_name": pl.String,
}
MAX_TRACE_CHARACTERS = 65_536
MAX_MESSAGE_CHARACTERS = 2_000

# Code that is not the user's: the frames of interest are the others.
LIBRARY_PATH = (
    r"site-packages|dist-packages|/lib/python[0-9]|<frozen|<string>|importlib|node_modules"
    r"|node:internal|/usr/lib/|/usr/local/lib/|\(internal/"
    # Compiled modules name the source they were built from, relative to their own project.
    r"|\.(?:pyx|pxd|pxi)$"
)
LIBRARY_CLASS = (
    r"^(?:java|javax|jdk|sun|com\.sun|kotlin|scala|jakarta|org\.(?:springframework|apache|hibernate"
    r"|eclipse|jboss|postgresql|junit)|io\.(?:netty|grpc|opentelemetry)|com\.zaxxer|reactor|feign)\."
)
_BEGIN = r"^(?:  ?\+ Exception Group )?Traceback \(most recent call last\):"
# Loguru marks the frame that caught the exception.
_FRAME = r'^(?:> |\s*)File "(?P<file>[^"]+)", line (?P<line>[0-9]+)(?:, in (?P<function>.*))?$'
_AT_JAVA = r"^\s*at (?P<function>[^\s(]+)\((?P<file>[^:()]+)(?::(?P<line>[0-9]+))?\)"
_AT_NODE = r"^\s*at (?:(?P<function>[^(]+) \()?(?P<file>[^()\s]+):(?P<line>[0-9]+):[0-9]+\)?$"
_TYPE = r"[A-Za-z_$][\w$]*(?:[./:]{1,2}[A-Za-z_$][\w$]*)*"
_RAISED = rf"^(?P<type>{_TYPE})(?:: ?(?P<message>.*))?$"
_THROWN = (
    r'^(?:Exception in thread "[^"]*" |Uncaught |Unhandled exception\. |[^\n]{0,200}?[:,] )?'
    rf"(?P<type>(?:{_TYPE}[./])?[A-Z_$][\w$]*(?:Exception|Error|Throwable|Fault|Failure)[\w$]*)"
    r"(?: \[[A-Z_]+\])?(?:: (?P<message>.*))?$"
)
_WRAPPED = (
    rf"^(?:\((?P<driver>{_TYPE})\) )?(?:<class '(?P<adapted>{_TYPE})'>: ?)?(?P<inner_message>.*)$"
)
_CAUSED = rf"^\s*(?:Caused by|Wrapped by): (?P<type>{_TYPE})(?:: (?P<message>.*))?$"


def extract(traces: pl.Series) -> pl.DataFrame:
    """Read exceptions from *traces* (text of whole events, or of a trace field); returns `COLUMNS`.

    A text without an exception gives nulls. Messages are the first line of what the runtime prints.
    """
    distinct = pl.DataFrame({"text": traces.str.head(MAX_TRACE_CHARACTERS)})
    keys = distinct.unique(maintain_order=True).filter(pl.col("text").is_not_null())
    keys = keys.with_row_index("id")
    found = _extract_lines(keys)
    listed = keys.filter(pl.col("text").str.contains(r'^\[\{"exc_type"'))
    if listed.height:
        found = pl.concat([found.join(listed, on="id", how="anti"), _extract_listed(listed)])
    return (
        distinct.join(keys, on="text", how="left", maintain_order="left")
        .join(found, on="id", how="left", maintain_order="left")
        .select(*COLUMNS)
    )


def _extract_lines(keys: pl.DataFrame) -> pl.DataFrame:
    lines = (
        keys.with_columns(line=pl.col("text").str.split("\n"))
        .select("id", "line")
        .explode("line", empty_as_null=True, keep_nulls=True)
        .with_columns(
            number=pl.int_range(pl.len()).over("id"),
            # Exception groups draw a margin; frames below it look as usual.
            line=pl.col("line").str.replace(r"^(?: *\| ?| *\+-[+-]* ?)+", ""),
        )
        .with_columns(
            is_begin=pl.col("line").str.contains(_BEGIN),
            is_frame=pl.col("line").str.contains(_FRAME),
            is_at=pl.col("line").str.contains(r"^\s+at \S"),
            is_solid=pl.col("line").str.contains(r"^[^\s>]"),
        )
        .with_columns(block=pl.col("is_begin").cast(pl.Int32).cum_sum().over("id"))
    )
    raised = _python(lines)
    thrown = _at_style(lines.join(raised.select("id").unique(), on="id", how="anti"))
    exceptions = pl.concat([raised, thrown])
    if exceptions.is_empty():
        return pl.DataFrame(schema={"id": pl.UInt32, **COLUMNS})
    exceptions = pl.concat([exceptions, _wrapped(exceptions)])
    # depth 0 is the innermost
    innermost = exceptions.sort("id", "depth").group_by("id", maintain_order=True).first()
    chain = (
        exceptions.sort("id", "depth", descending=[False, True])
        .with_columns(
            text=pl.concat_str(
                "type",
                pl.when(pl.col("message").is_not_null())
                .then(pl.concat_str(pl.lit(": "), pl.col("message").str.head(300)))
                .otherwise(pl.lit("")),
            )
        )
        .group_by("id", maintain_order=True)
        .agg(exception_chain=pl.col("text"))
    )
    place = _in_app_frames(lines, exceptions)
    start = exceptions.group_by("id").agg(start=pl.col("start").min())
    text = (
        lines.join(start, on="id")
        .filter(pl.col("number") >= pl.col("start"))
        .group_by("id", maintain_order=True)
        .agg(exception_stacktrace=pl.col("line").str.join("\n"))
    )
    return (
        innermost.select(
            "id",
            exception_type="type",
            exception_message=pl.col("message").str.head(MAX_MESSAGE_CHARACTERS),
        )
        .join(chain, on="id", how="left")
        .join(text, on="id", how="left")
        .join(place, on="id", how="left")
        .select("id", *COLUMNS)
    )


_EXCEPTION_ROWS = {
    "id": pl.UInt32, "block": pl.Int32, "depth": pl.Int32, "start": pl.Int64,
    "type": pl.String, "message": pl.String,
}  # fmt: skip


def _python(lines: pl.DataFrame) -> pl.DataFrame:
    """The first line at column 0 after the frames of each traceback names its exception."""
    inside = lines.filter(pl.col("block") > 0)
    ends = (
        inside.filter(pl.col("is_solid") & ~pl.col("is_begin"))
        .group_by("id", "block", maintain_order=True)
        .agg(pl.col("line").first())
        .with_columns(pl.col("line").str.extract_groups(_RAISED).struct.unnest())
        .filter(pl.col("type").is_not_null())
    )
    starts = inside.filter("is_begin").group_by("id").agg(start=pl.col("number").min())
    # A group is printed before its members and lies outside them.
    groups = inside.filter("is_begin").select(
        "id", "block", is_group=pl.col("line").str.contains("Exception Group", literal=True)
    )
    return (
        ends.join(starts, on="id", maintain_order="left")
        .join(groups, on=["id", "block"], maintain_order="left")
        .sort("id", "is_group", "block")
        .with_columns(depth=pl.int_range(pl.len(), dtype=pl.Int32).over("id"))
        .select(*_EXCEPTION_ROWS)
        .cast(_EXCEPTION_ROWS)  # type: ignore[arg-type]
    )


def _wrapped(exceptions: pl.DataFrame) -> pl.DataFrame:
    """Add the driver's exception where SQLAlchemy tells it only inside its own message.

    Its wrappers read `(module.Type) message`, those of its asyncpg adapter `<class 'module.Type'>:
    message`, and an adapted error under the wrapper has both. Where the driver's own traceback
    is printed, it is the innermost already and its message names no other.
    """
    inner = exceptions.filter(pl.col("depth") == pl.col("depth").min().over("id"))
    parts = inner["message"].str.extract_groups(_WRAPPED).struct.unnest()
    return (
        inner.with_columns(
            depth=pl.col("depth") - 1,
            type=pl.coalesce(parts["adapted"], parts["driver"]),
            message=parts["inner_message"],
        )
        .filter(pl.col("type").is_not_null())
        .select(*_EXCEPTION_ROWS)
    )


def _at_style(lines: pl.DataFrame) -> pl.DataFrame:
    """JVM, Node and .NET: a line that names the exception, then `at` frames, then its causes."""
    framed = lines.filter(
        pl.col("is_at").any().over("id") | pl.col("line").str.contains(_CAUSED).any().over("id")
    )
    first_at = framed.filter("is_at").group_by("id").agg(at=pl.col("number").min())
    heads = (
        framed.join(first_at, on="id", how="left")
        .filter(pl.col("number") <= pl.col("at").fill_null(2**31))
        .with_columns(pl.col("line").str.extract_groups(_THROWN).struct.unnest())
        .filter(pl.col("type").is_not_null())
        .group_by("id", maintain_order=True)
        .last()
    )
    causes = framed.with_columns(pl.col("line").str.extract_groups(_CAUSED).struct.unnest()).filter(
        pl.col("type").is_not_null()
    )
    rows = pl.concat(
        [part.select("id", "number", "type", "message") for part in (heads, causes)]
    ).sort("id", "number")
    return rows.with_columns(
        block=pl.int_range(pl.len(), dtype=pl.Int32).over("id") + 1,
        depth=pl.len().over("id") - 1 - pl.int_range(pl.len(), dtype=pl.Int32).over("id"),
        start=pl.col("number").min().over("id"),
    ).select(pl.col(name).cast(dtype) for name, dtype in _EXCEPTION_ROWS.items())


def _in_app_frames(lines: pl.DataFrame, exceptions: pl.DataFrame) -> pl.DataFrame:
    """Return the deepest frame of the user's own code nearest to the innermost exception."""
    python = (
        lines.filter("is_frame")
        .with_columns(pl.col("line").str.extract_groups(_FRAME).struct.unnest())
        .filter(~pl.col("file").str.contains(LIBRARY_PATH))
        .with_columns(rank=-pl.col("number"))
        .select("id", "block", "rank", "file", pl.col("line"), "function")
    )
    starts = exceptions.select("id", "block", "depth")
    at = lines.filter("is_at")
    java = at.with_columns(pl.col("line").str.extract_groups(_AT_JAVA).struct.unnest())
    node = at.with_columns(pl.col("line").str.extract_groups(_AT_NODE).struct.unnest())
    frames = pl.concat(
        [
            java.filter(~pl.col("function").str.contains(LIBRARY_CLASS)),
            node.filter(
                pl.col("function").is_null() | pl.col("file").str.contains("[/\\\\]")
            ).filter(pl.col("file").is_not_null() & ~pl.col("file").str.contains(LIBRARY_PATH)),
        ]
    ).select("id", rank="number", file="file", line="line", function="function")
    # A block number for `at` frames: how many causes were named above them.
    caused = lines.filter(pl.col("line").str.contains(_CAUSED)).select("id", "number")
    counted = (
        frames.join(caused, on="id", how="left")
        .group_by("id", "rank", "file", "line", "function", maintain_order=True)
        .agg(block=((pl.col("number") < pl.col("rank")).fill_null(False).sum() + 1).cast(pl.Int32))
        .select("id", "block", "rank", "file", "line", "function")
    )
    return (
        pl.concat(
            [python.with_columns(pl.col("rank").cast(pl.Int64)), counted.cast({"rank": pl.Int64})]
        )
        .join(starts, on=["id", "block"], how="inner")
        .sort("id", "depth", "rank")
        .group_by("id", maintain_order=True)
        .first()
        .select(
            "id",
            code_file_path="file",
            code_line_number=pl.col("line").cast(pl.Int32, strict=False),
            code_function_name="function",
        )
    )


def _extract_listed(rows: pl.DataFrame) -> pl.DataFrame:
    """Read structlog's list of exceptions, the raised one first, its causes after it."""
    found = []
    for identifier, text in rows.select("id", "text").rows():
        try:
            stacks = json.loads(text)
        except (ValueError, RecursionError):
            continue
        names = [f"{stack.get('exc_type')}: {stack.get('exc_value')}" for stack in stacks]
        inner = stacks[-1]
        frames = [
            frame
            for frame in inner.get("frames") or []
            if not pl.Series([str(frame.get("filename"))]).str.contains(LIBRARY_PATH).item()
        ]
        place = frames[-1] if frames else {}
        found.append(
            {
                "id": identifier,
                "exception_type": inner.get("exc_type"),
                "exception_message": inner.get("exc_value"),
                "exception_stacktrace": text,
                "exception_chain": names,
                "code_file_path": place.get("filename"),
                "code_line_number": place.get("lineno"),
                "code_function_name": place.get("name"),
            }
        )
    return pl.DataFrame(found, schema={"id": pl.UInt32, **COLUMNS})
