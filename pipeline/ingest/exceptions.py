"""Stack traces to types, messages, chain and the innermost frame of the application's own code.

Works on distinct traces, line by line as a column, by the forms of ``pipeline/exceptions/*.toml``
(`languages` tells what they may say). Python prints the first cause first and the last exception
last, the JVM the outer one first and `Caused by:` below. All come out the same: the chain from
outer to inner, type and message of the innermost.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from pipeline.ingest.languages import Form, Language, Rule, load_forms
from pipeline.ingest.needles import Haystack, contains

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
MAX_CHAIN_MESSAGE_CHARACTERS = 300

_TYPE = r"[A-Za-z_$][\w$]*(?:[./:]{1,2}[A-Za-z_$][\w$]*)*"
# A value that is JSON.
_OBJECTS = (r"^\s*\{", r"^\s*\[\s*\{", r'^\s*\[\s*"')
_WRAPPED = (
    rf"^(?:\((?P<driver>{_TYPE})\) )?(?:<class '(?P<adapted>{_TYPE})'>: ?)?(?P<inner_message>.*)$"
)
# Names under which loggers write the parts of an exception that they give as an object.
_TYPE_KEYS = ("exc_type", "type", "class", "name", "exception_class", "kind", "ClassName", "Type")
_MESSAGE_KEYS = ("exc_value", "message", "msg", "value", "Message", "error", "localizedMessage")
_STACK_KEYS = (
    "stacktrace", "stack_trace", "stack", "trace", "backtrace", "StackTraceString", "StackTrace",
    "traceback", "extendedStackTrace",
)  # fmt: skip
_LINES: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.UInt32, "number": pl.Int64, "line": pl.String, "inside": pl.Boolean,
    "boxed": pl.Boolean,
}  # fmt: skip
_NAMED: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.UInt32, "number": pl.Int64, "depth": pl.Int64, "block": pl.Int64,
    "type": pl.String, "message": pl.String,
    "file": pl.String, "line": pl.String, "function": pl.String,
}  # fmt: skip
_PARTS = ("type", "message", "file", "line", "function")


def extract(traces: pl.Series) -> pl.DataFrame:
    """Read exceptions from *traces* (text of whole events, or of a trace field); returns `COLUMNS`.

    A text without an exception gives nulls. Messages are the first line of what the runtime prints.
    """
    distinct = pl.DataFrame({"text": traces.str.head(MAX_TRACE_CHARACTERS)})
    keys = distinct.unique(maintain_order=True).filter(pl.col("text").is_not_null())
    keys = keys.with_row_index("id")
    told = _told(keys.filter(contains(keys["text"], *_OBJECTS)))
    plain = keys
    if told.height:
        plain = keys.join(told.select("id"), on="id", how="anti", maintain_order="left")
        texts = told.filter(pl.col("text").is_not_null()).select("id", "text")
        plain = pl.concat([plain.select("id", "text"), texts])
    found = _overlay(_read_all(plain), told)
    return (
        distinct.join(keys, on="text", how="left", maintain_order="left")
        .join(found, on="id", how="left", maintain_order="left")
        .select(*COLUMNS)
    )


def on_one_line(texts: pl.Series) -> pl.Series:
    """Tell which texts are exceptions though they have one line only: a kernel's or PHP's."""
    signatures = (form.signature for _, form in load_forms() if form.on_one_line)
    return contains(texts.str.head(500), *signatures).fill_null(False)


def _read_all(keys: pl.DataFrame) -> pl.DataFrame:
    """Read each text by the first form whose signature it has."""
    found = [pl.DataFrame(schema={"id": pl.UInt32, **COLUMNS})]
    rest = keys
    known = Haystack(rest["text"])
    for language, form in load_forms():
        if rest.is_empty():
            break
        if not known.may_fit(form.signature):
            continue
        fits = rest["text"].str.contains(form.signature)
        if fits.any():
            read = _read(rest.filter(fits), language, form)
            found.append(read)
            rest = rest.join(read.select("id"), on="id", how="anti", maintain_order="left")
    return pl.concat(found)


def _read(keys: pl.DataFrame, language: Language, form: Form) -> pl.DataFrame:
    lines = _lines(keys, form)
    if form.style == "named_after":
        lines, named = _named_after(lines, form)
    else:
        lines, named = _named_before(lines, form)
    frames = _frames(lines, named, language, form)
    if language.escapes_backslash:
        named = named.with_columns(pl.col("type").str.replace_all("\\\\", "\\", literal=True))
        frames = frames.with_columns(pl.col("function").str.replace_all("\\\\", "\\", literal=True))
    unnamed = (
        frames.select("id")
        .unique()
        .join(named.select("id").unique(), on="id", how="anti")
        .select(
            "id",
            *(
                pl.lit(0 if name == "depth" else 1 if name == "block" else None, dtype).alias(name)
                for name, dtype in _NAMED.items()
                if name != "id"
            ),
        )
    )
    named = pl.concat([named, unnamed])
    start = (
        pl.concat([named.select("id", "number"), frames.select("id", "number")])
        .group_by("id")
        .agg(start=pl.col("number").min())
    )
    if language.name == "python":
        named = pl.concat([named, _wrapped(named)])
    innermost = named.sort("id", "depth").group_by("id", maintain_order=True).first()
    message = pl.col("message").str.strip_chars_end()
    told = pl.when(message != "").then(message)
    chain = (
        named.filter(pl.col("type").is_not_null())
        .sort("id", "depth", descending=[False, True])
        .with_columns(
            text=pl.when(told.is_not_null())
            .then(pl.concat_str("type", pl.lit(": "), told.str.head(MAX_CHAIN_MESSAGE_CHARACTERS)))
            .otherwise("type")
        )
        .group_by("id", maintain_order=True)
        .agg(exception_chain=pl.col("text"))
    )
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
            exception_message=told.str.head(MAX_MESSAGE_CHARACTERS),
        )
        .join(chain, on="id", how="left")
        .join(text, on="id", how="left")
        .join(_place(frames, named, language), on="id", how="left")
        .select("id", *COLUMNS)
    )


def _lines(keys: pl.DataFrame, form: Form) -> pl.DataFrame:
    """Part texts into lines, without the margin that exception groups and boxes draw."""
    text = pl.col("text")
    if form.split:
        text = text.str.replace_all(form.split, f"\n{form.split}", literal=True)
    line = pl.col("line").str.strip_suffix("\r")
    lines = (
        keys.select("id", line=text.str.split("\n"))
        .explode("line", empty_as_null=True, keep_nulls=True)
        .with_columns(
            line,
            number=pl.int_range(pl.len(), dtype=pl.Int64).over("id"),
            inside=pl.lit(True),
            boxed=pl.col("line").str.contains("^[│┃]"),
        )
    )
    if form.margin and lines["line"].str.contains(form.margin).any():
        if form.aside:
            mark = (
                pl.when(pl.col("line").str.contains(form.aside))
                .then(pl.lit(False))
                .when(~pl.col("line").str.contains(form.margin) & (pl.col("line") != ""))
                .then(pl.lit(True))
            )
            lines = lines.with_columns(inside=mark.forward_fill().over("id").fill_null(True))
        stripped = pl.col("line").str.replace(form.margin, "")
        if form.margin_end:
            stripped = stripped.str.replace(form.margin_end, "")
        lines = lines.with_columns(line=stripped)
    return lines.select(pl.col(name).cast(dtype) for name, dtype in _LINES.items())


def _named_after(lines: pl.DataFrame, form: Form) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Python: the first line at column 0 after the frames of each traceback names its exception."""
    assert form.begin is not None and form.end is not None
    marked = lines.with_columns(
        is_begin=pl.col("line").str.contains(form.begin) & pl.col("inside"),
        is_solid=pl.col("line").str.contains(r"^[^\s>❱│┃╭╰├└+]")
        & ~pl.col("boxed")
        & ~pl.col("line").str.starts_with('File "'),
    ).with_columns(block=pl.col("is_begin").cast(pl.Int64).cum_sum().over("id"))
    ends = (
        marked.filter((pl.col("block") > 0) & pl.col("is_solid") & ~pl.col("is_begin"))
        .filter("inside")
        .group_by("id", "block", maintain_order=True)
        .agg(pl.col("number").first(), text=pl.col("line").first())
    )
    parts = ends["text"].str.extract_groups(form.end).struct.unnest()
    # A group is printed before its members and lies outside them.
    groups = marked.filter("is_begin").select(
        "id", "block", is_group=pl.col("line").str.contains("Exception Group", literal=True)
    )
    named = (
        pl.concat([ends, parts], how="horizontal")
        .filter(pl.col("type").is_not_null())
        .join(groups, on=["id", "block"], maintain_order="left")
        .sort("id", "is_group", "block")
        .with_columns(
            depth=pl.int_range(pl.len(), dtype=pl.Int64).over("id"),
            **{name: pl.lit(None, pl.String) for name in ("file", "line", "function")},
        )
    )
    # What comes below the line that names it, such as logging's call stack, is not of the trace.
    last = ends.select("id", "block", end="number")
    bounded = marked.join(last, on=["id", "block"], how="left", maintain_order="left")
    lines = bounded.with_columns(
        inside=pl.col("inside")
        & (pl.col("block") > 0)
        & (pl.col("number") < pl.col("end").fill_null(2**62))
    )
    return lines.select(*_LINES, "block"), named.select(*_NAMED).cast(_NAMED)  # type: ignore[arg-type]


def _named_before(lines: pl.DataFrame, form: Form) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Find the lines that name exceptions above their frames, and what is of this one at all."""
    is_frame = contains(lines["line"], *form.frame)
    lines = lines.with_columns(is_frame=is_frame, above=pl.col("line").shift(1).over("id"))
    hits = _hits(lines, form)
    first_frame = lines.filter("is_frame").group_by("id").agg(first_frame=pl.col("number").min())
    chosen = _chosen(hits.join(first_frame, on="id", how="left"))
    turns = chosen.select(
        "id",
        "number",
        turn=pl.when(pl.col("role").is_in(["aside"]))
        .then(pl.lit(False))
        .when(pl.col("role").is_in(["head", "cause", "wrapper", "next", "resume", "thread"]))
        .then(pl.lit(True)),
        closes=(pl.col("role") == "close").cast(pl.Int64),
        opens=pl.col("role").is_in(["head", "cause", "wrapper", "next"]).cast(pl.Int64),
    )
    lines = lines.join(turns, on=["id", "number"], how="left", maintain_order="left").with_columns(
        inside=pl.col("turn").forward_fill().over("id").fill_null(True),
        block=(pl.col("opens").fill_null(0) - pl.col("closes").fill_null(0)).cum_sum().over("id"),
    )
    named = chosen.filter(pl.col("role").is_in(["head", "cause", "wrapper", "next"])).sort(
        "id", "number"
    )
    index = pl.int_range(pl.len(), dtype=pl.Int64).over("id")
    is_inner_first = (pl.col("role") == "wrapper").any().over("id") | pl.lit(
        form.order == "inner_first"
    )
    named = named.with_columns(
        block=index + 1,
        depth=pl.when(is_inner_first).then(index).otherwise(pl.len().over("id") - 1 - index),
    )
    counts = named.group_by("id").agg(named_count=pl.len().cast(pl.Int64))
    lines = lines.join(counts, on="id", how="left", maintain_order="left").with_columns(
        block=pl.col("block").clip(1, pl.col("named_count").fill_null(1))
    )
    return (
        lines.select(*_LINES, "block", "above"),
        named.select(*_NAMED).cast(_NAMED),  # type: ignore[arg-type]
    )


_HITS = {**_NAMED, "role": pl.String, "is_weak": pl.Boolean, "indent": pl.Int64}


def _hits(lines: pl.DataFrame, form: Form) -> pl.DataFrame:
    """Ask every rule of every line that is no frame; the first rule that fits has it."""
    rest = lines.with_columns(below=pl.col("line").shift(-1).over("id"))
    if not form.frames_name:
        rest = rest.filter(~pl.col("is_frame"))
    found = [pl.DataFrame(schema=_HITS)]
    known = Haystack(rest["line"])
    for rule in form.rule:
        if not known.may_fit(rule.regex):
            continue
        fits = rest["line"].str.contains(rule.regex)
        if rule.after is not None:
            fits = fits & _between(rest, rule)
        if rule.before is not None:
            fits = fits & rest["below"].str.contains(rule.before).fill_null(False)
        if not fits.any():
            continue
        found.append(_hit(rest.filter(fits), rule))
        rest = rest.filter(~fits)
    return pl.concat(found).sort("id", "number")


def _between(rest: pl.DataFrame, rule: Rule) -> pl.Series:
    assert rule.after is not None and rule.until is not None
    state = (
        pl.when(pl.col("line").str.contains(rule.after))
        .then(pl.lit(True))
        .when(pl.col("line").str.contains(rule.until))
        .then(pl.lit(False))
    )
    return rest.select(state.forward_fill().over("id").fill_null(False)).to_series()


def _hit(rows: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    groups = rows["line"].str.extract_groups(rule.regex).struct.unnest()
    part = {
        name: groups[name]
        if name in groups.columns
        else pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
        for name in _PARTS
    }
    if rule.type is not None:
        part["type"] = pl.Series([rule.type]).new_from_index(0, rows.height)
    if rule.message_below is not None:
        part["message"] = rows["below"].str.extract(rule.message_below)
    again = pl.lit(rule.again or rule.role)
    indent = pl.col("line").str.len_chars() - pl.col("line").str.strip_chars_start().str.len_chars()
    return (
        rows.select(
            "id",
            "number",
            role=pl.when(pl.int_range(pl.len()).over("id") > 0)
            .then(again)
            .otherwise(pl.lit(rule.role)),
            is_weak=pl.lit(rule.weak),
            indent=indent.cast(pl.Int64),
            depth=pl.lit(0, pl.Int64),
            block=pl.lit(0, pl.Int64),
        )
        .with_columns(**part)
        .select(pl.col(name).cast(dtype) for name, dtype in _HITS.items())
    )


def _chosen(hits: pl.DataFrame) -> pl.DataFrame:
    """Settle the roles: one head for each text, one member of several, no causes of an aside."""
    role, number = pl.col("role"), pl.col("number")
    limit = pl.min_horizontal(
        pl.col("first_frame").fill_null(2**62),
        number.filter(role.is_in(["cause", "wrapper", "child"])).min().over("id").fill_null(2**62),
    )
    is_head = role == "head"
    strong = is_head & ~pl.col("is_weak")
    hits = hits.with_columns(
        first=number.filter(strong & (number <= limit)).min().over("id"),
        nearest=number.filter(is_head & pl.col("is_weak") & (number <= limit)).max().over("id"),
        any=number.filter(strong).min().over("id"),
        seen=(role.is_in(["child", "thread"])).cast(pl.Int64).cum_sum().over("id", "role"),
        aside_indent=pl.when(role == "aside").then("indent").forward_fill().over("id"),
    ).with_columns(head=pl.coalesce("first", "nearest", "any"))
    role = (
        pl.when(is_head & (number != pl.col("head")))
        .then(pl.lit("none"))
        .when(role.is_in(["cause", "wrapper", "child"]) & (number < pl.col("head").fill_null(-1)))
        .then(pl.lit("none"))
        .when((role == "cause") & (pl.col("indent") >= pl.col("aside_indent")).fill_null(False))
        .then(pl.lit("none"))
        .when(role == "child")
        .then(pl.when(pl.col("seen") == 1).then(pl.lit("cause")).otherwise(pl.lit("aside")))
        .when(role == "thread")
        .then(pl.when(pl.col("seen") == 1).then(pl.lit("thread")).otherwise(pl.lit("aside")))
        .otherwise(role)
    )
    return hits.with_columns(role=role)


def _frames(
    lines: pl.DataFrame, named: pl.DataFrame, language: Language, form: Form
) -> pl.DataFrame:
    """Return every frame: `id`, `number`, `block`, `rank` (0 is innermost), file, line, function.

    A line that names an exception and its place is its innermost frame.
    """
    if "above" not in lines.columns:
        lines = lines.with_columns(above=pl.lit(None, pl.String))
    rest = lines.filter("inside")
    parts = [
        named.filter(pl.col("file").is_not_null()).select(
            "id", "number", "block", "file", "line", "function", is_named=pl.lit(True)
        )
    ]
    known = Haystack(rest["line"])
    for regex in form.frame:
        if not known.may_fit(regex):
            continue
        groups = rest["line"].str.extract_groups(regex).struct.unnest()
        wanted = [name for name in ("file", "line", "function") if name in groups.columns]
        fits = rest["line"].str.contains(regex)
        cut = groups.select(wanted).filter(fits)
        place = rest.filter(fits).select("id", "number", "block", "above")
        found = pl.concat([place, cut], how="horizontal")
        for name in {"file", "line", "function"} - set(wanted):
            found = found.with_columns(pl.lit(None, pl.String).alias(name))
        if form.function_above:
            above = found["above"].str.extract_groups(form.function_above).struct.field("function")
            found = found.with_columns(function=above)
        parts.append(
            found.select(
                "id", "number", "block", "file", "line", "function", is_named=pl.lit(False)
            )
        )
        rest = rest.filter(~fits)
    frames = pl.concat(parts).sort("id", "block", "number")
    if language.function_from == "next":
        # A throw inside a built-in function is told at the place of its call.
        twice = pl.col("is_named") & pl.all_horizontal(
            pl.col(name).eq_missing(pl.col(name).shift(-1)).over("id", "block")
            for name in ("file", "line")
        )
        following = pl.col("function").shift(-1).over("id", "block")
        frames = frames.with_columns(function=following).filter(~twice)
    if language.function_noise:
        frames = frames.with_columns(
            function=pl.col("function").str.replace(language.function_noise, "")
        )
    rank = pl.col("number") if form.frames == "inner_first" else -pl.col("number")
    return frames.with_columns(rank=pl.when("is_named").then(-(2**62)).otherwise(rank))


def _place(frames: pl.DataFrame, named: pl.DataFrame, language: Language) -> pl.DataFrame:
    """Return the deepest frame of the user's own code nearest to the innermost exception."""
    is_library = pl.lit(False)
    if language.library_files:
        is_library |= pl.col("file").str.contains(language.library_files).fill_null(False)
    if language.library_functions:
        is_library |= pl.col("function").str.contains(language.library_functions).fill_null(False)
    function = pl.col("function").str.strip_chars()
    return (
        frames.filter(~is_library)
        .join(named.select("id", "block", "depth"), on=["id", "block"], how="inner")
        .sort("id", "depth", "rank")
        .group_by("id", maintain_order=True)
        .first()
        .select(
            "id",
            code_file_path=pl.col("file").str.strip_chars(),
            code_line_number=pl.col("line").cast(pl.Int32, strict=False),
            code_function_name=pl.when(function != "").then(function),
        )
    )


def _wrapped(named: pl.DataFrame) -> pl.DataFrame:
    """Add the driver's exception where SQLAlchemy tells it only inside its own message.

    Its wrappers read `(module.Type) message`, those of its asyncpg adapter `<class 'module.Type'>:
    message`, and an adapted error under the wrapper has both. Where the driver's own traceback
    is printed, it is the innermost already and its message names no other.
    """
    message = pl.col("message")
    inner = named.filter(
        (pl.col("depth") == pl.col("depth").min().over("id"))
        & (message.str.starts_with("(") | message.str.starts_with("<class '"))
    )
    if inner.is_empty():
        return named.clear().select(*_NAMED)
    parts = inner["message"].str.extract_groups(_WRAPPED).struct.unnest()
    return (
        inner.with_columns(
            depth=pl.col("depth") - 1,
            type=pl.coalesce(parts["adapted"], parts["driver"]),
            message=parts["inner_message"],
        )
        .filter(pl.col("type").is_not_null())
        .select(*_NAMED)
    )


_TOLD: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.UInt32, "text": pl.String, "told_type": pl.String, "told_message": pl.String,
    "told_chain": pl.List(pl.String), "told_file": pl.String, "told_line": pl.Int32,
    "told_function": pl.String,
}  # fmt: skip


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    """Read exceptions that a logger wrote as JSON: an object, a list of them, a list of lines.

    Columns `_TOLD`: the trace in it as text, and what its keys say themselves.
    """
    found = []
    for identifier, text in rows.select("id", "text").rows():
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            continue
        found.append({"id": identifier, **_from_json(value)})
    return pl.DataFrame(found, schema=_TOLD)


def _from_json(value: object) -> dict[str, Any]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return {"text": "\n".join(value)}
    chain = _objects(value)
    if not chain:
        return {}
    inner = chain[-1]
    stack = next((_stack(item) for item in reversed(chain) if _stack(item)), None)
    kind, message = _first(inner, _TYPE_KEYS), _first(inner, _MESSAGE_KEYS)
    if stack and kind and kind not in stack[: len(kind) + 400]:
        stack = f"{kind}: {message}\n{stack}" if message else f"{kind}\n{stack}"
    frame = _inner_frame(inner.get("frames"))
    file, line = _own_place(inner)
    names = [(_first(item, _TYPE_KEYS), _first(item, _MESSAGE_KEYS)) for item in chain]
    return {
        "text": stack,
        "told_type": kind,
        "told_message": message,
        "told_chain": [
            f"{name}: {text[:MAX_CHAIN_MESSAGE_CHARACTERS]}" if text else name
            for name, text in names
            if name
        ],
        "told_file": _text(frame.get("filename")) or file,
        "told_line": frame["lineno"] if isinstance(frame.get("lineno"), int) else line,
        "told_function": _text(frame.get("name")),
    }


def _objects(value: object) -> list[Mapping[str, Any]]:
    """List the exceptions of an object and its causes from outer to inner."""
    items = value if isinstance(value, list) else [value]
    chain: list[Mapping[str, Any]] = [item for item in items if isinstance(item, dict)]
    while chain and len(chain) < 32:
        causes = (chain[-1].get(key) for key in ("cause", "previous", "inner", "InnerException"))
        inner = next((cause for cause in causes if isinstance(cause, dict)), None)
        if inner is None:
            break
        chain.append(inner)
    return chain


def _first(item: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((text for key in keys if (text := _text(item.get(key)))), None)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _stack(item: Mapping[str, Any]) -> str | None:
    for key in _STACK_KEYS:
        value = item.get(key)
        if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
            value = "\n".join(value)
        if isinstance(value, str) and value:
            return value
    return None


def _own_place(item: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """Return the place that PHP's loggers give beside the class: `file`, `line`, or `file:line`."""
    file, line = _text(item.get("file")), item.get("line")
    if file and (told := re.fullmatch(r"(.+):([0-9]{1,9})", file)):
        file, line = told[1], int(told[2])
    return file, line if isinstance(line, int) else None


def _inner_frame(frames: object) -> Mapping[str, Any]:
    """Return the last frame that is not a library's, of structlog's list for Python."""
    python = next(language for language, _ in load_forms() if language.name == "python")
    listed = frames if isinstance(frames, list) else []
    own = [frame for frame in listed if isinstance(frame, dict)]
    names = pl.Series([str(frame.get("filename")) for frame in own], dtype=pl.String)
    kept = (~names.str.contains(python.library_files or "^$")).arg_true()
    return own[int(kept[-1])] if len(kept) else {}


def _overlay(found: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Fill what the trace inside a JSON value did not tell with what its keys did."""
    if told.is_empty():
        return found
    joined = told.join(found, on="id", how="left", maintain_order="left")
    is_deep = pl.col("exception_chain").list.len().fill_null(0) > 1
    filled = joined.select(
        "id",
        exception_type=pl.when(is_deep)
        .then("exception_type")
        .otherwise(pl.coalesce("told_type", "exception_type")),
        exception_message=pl.when(is_deep)
        .then("exception_message")
        .otherwise(pl.coalesce("told_message", "exception_message")),
        exception_stacktrace=pl.coalesce("exception_stacktrace", "text"),
        exception_chain=pl.when(is_deep | (pl.col("told_chain").list.len().fill_null(0) == 0))
        .then("exception_chain")
        .otherwise("told_chain"),
        code_file_path=pl.coalesce("code_file_path", "told_file"),
        code_line_number=pl.coalesce("code_line_number", "told_line"),
        code_function_name=pl.coalesce("code_function_name", "told_function"),
    )
    rest = found.join(told.select("id"), on="id", how="anti", maintain_order="left")
    return pl.concat([rest, filled.filter(~pl.all_horizontal(pl.exclude("id").is_null()))])
