"""`Result` to JSON and back, and the schema of that JSON, all from the same dataclasses."""

import dataclasses
import json
import math
import types
import typing
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal

from pipeline.errors import UsageError
from pipeline.model import SCHEMA_VERSION, ChainEdge, Confidence, Result, State, Verdict
from pipeline.render.untrusted import visible

# `from` is a word of Python's own; in the document an edge runs from one node to another.
_RENAMED: dict[type, dict[str, str]] = {ChainEdge: {"source": "from", "target": "to"}}
_HINT = "name the result.json of a finished run, or the folder that holds it"


def to_json(result: Result) -> str:
    """Return the document: keys in the order of the model, a newline at the end.

    Times are ISO 8601 with Z; numbers that are not finite become null, since JSON has no word for
    them. Characters that a terminal would obey or that nobody sees are escaped, so that the
    document can be printed.
    """
    return _escape_hidden(_pretty(_plain(result), "")) + "\n"


def _plain(value: Any) -> Any:  # noqa: ANN401  # any value of the model
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = _RENAMED.get(type(value), {})
        return {
            names.get(item.name, item.name): _plain(getattr(value, item.name))
            for item in dataclasses.fields(value)
        }
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def iso(moment: datetime) -> str:
    """Return an aware time as ISO 8601 in UTC with Z; microseconds only where there are some."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _pretty(value: Any, indent: str) -> str:  # noqa: ANN401  # any JSON value
    """Write one line for each list or object that holds no other, so that lines can be compared."""
    inner = indent + "  "
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not any(isinstance(item, dict | list) for item in items):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    if isinstance(value, dict):
        lines = [
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {_pretty(item, inner)}"
            for key, item in value.items()
        ]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(f"{inner}{_pretty(item, inner)}" for item in value) + f"\n{indent}]"


def _escape_hidden(text: str) -> str:
    # Outside of strings, JSON is plain ASCII: whatever is hidden here lies in a string.
    if text.isascii() and "\x7f" not in text:
        return text
    hidden = {c for c in set(text) if (c > "~") and visible(c) != c and not c.isspace()}
    hidden |= {c for c in set(text) if c in "\x85\u2028\u2029\x7f" or "\ud800" <= c <= "\udfff"}
    return text.translate(
        {ord(c): json.dumps(c)[1:-1] if c != "\x7f" else "\\u007f" for c in hidden}
    )


def from_json(text: str) -> Result:
    """Return the result that *text* holds; unknown keys are ignored, since keys may be added.

    Raises `UsageError` for text that is no JSON, is of another program or of a newer schema.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not a result: no valid JSON ({error})", hint=_HINT) from error
    if not isinstance(document, dict) or "schema_version" not in document:
        raise UsageError("not a result: this JSON has no schema_version", hint=_HINT)
    version = document["schema_version"]
    if version != SCHEMA_VERSION:
        raise UsageError(
            f"this result has schema_version {version!r}; this program reads {SCHEMA_VERSION}",
            hint="use the version of the program that wrote it, or analyse the logs again",
        )
    return _structured(document)


def _structured(document: dict[str, Any]) -> Result:
    import cattrs

    try:
        result: Result = _converter().structure(document, Result)
    except cattrs.BaseValidationError as error:
        problems = cattrs.transform_error(error)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise UsageError(f"not a result: {problems[0]}{more}", hint=_HINT) from error
    return result


def _converter() -> Any:  # noqa: ANN401  # cattrs is imported only where it is used
    import cattrs
    from cattrs.gen import make_dict_structure_fn, override

    converter = cattrs.Converter()
    converter.register_structure_hook(datetime, _read_time)
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _reader_of(kind))
    for word in (Confidence, State, Verdict):  # strings too: the reader of strings would take them
        converter.register_structure_hook(word, lambda value, kind: kind(value))
    for owner, names in _RENAMED.items():
        renames: dict[str, Any] = {name: override(rename=shown) for name, shown in names.items()}
        hook: Any = make_dict_structure_fn(owner, converter, **renames)
        converter.register_structure_hook(owner, hook)
    return converter


def _reader_of(kind: type) -> Any:  # noqa: ANN401  # a function from a JSON value to that kind
    def read(value: Any, _: object) -> Any:  # noqa: ANN401  # anything may stand in a document
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if kind is float and is_whole:
            return float(value)
        if isinstance(value, kind) and (kind is not int or is_whole):
            return value
        raise ValueError(f"expected {kind.__name__}, found {type(value).__name__}")

    return read


def _read_time(value: object, _: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError(f"expected a time, found {type(value).__name__}")
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with a zone, found {value!r}")
    return moment.astimezone(UTC)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document, made from the model."""
    definitions: dict[str, Any] = {}
    root = _schema_of(Result, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Aftershock result",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def _schema_of(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401  # a type
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:  # the only mark that there is: a text that must not be empty
        return {**_schema_of(arguments[0], definitions), "minLength": 1}
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_schema_of(one, definitions) for one in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _schema_of(arguments[0], definitions)}
    if origin is dict:
        values = _schema_of(arguments[1], definitions)
        return {"type": "object", "additionalProperties": values or True}
    if dataclasses.is_dataclass(kind):
        name = typing.cast(type, kind).__name__
        if name not in definitions:
            definitions[name] = {}  # taken, should a class hold itself
            definitions[name] = _object_schema(typing.cast(type, kind), definitions)
        return {"$ref": f"#/$defs/{name}"}
    return _scalar_schema(kind)


def _object_schema(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    names = _RENAMED.get(kind, {})
    fields = dataclasses.fields(kind)
    has_default = {
        item.name
        for item in fields
        if item.default is not dataclasses.MISSING
        or item.default_factory is not dataclasses.MISSING
    }
    return {
        "type": "object",
        "description": " ".join((kind.__doc__ or "").split()),
        "properties": {
            names.get(item.name, item.name): _schema_of(hints[item.name], definitions)
            for item in fields
        },
        # What came later has a default, so that older documents stay valid.
        "required": [names.get(i.name, i.name) for i in fields if i.name not in has_default],
    }


def _scalar_schema(kind: Any) -> dict[str, Any]:  # noqa: ANN401  # a type
    if kind is Any:
        return {}
    if kind is datetime:
        return {"type": "string", "format": "date-time", "pattern": "Z$"}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    names = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
    return {"type": names[kind]}
