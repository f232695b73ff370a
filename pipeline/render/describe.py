"""The shipped schema and the generated half of ``docs/result-schema.md``.

After a change of the model ``python -m pipeline.render.describe`` writes both; a test compares.
"""

import json
from pathlib import Path
from typing import Any

from pipeline.render.serialize import json_schema

BEGIN = "<!-- generated from pipeline/model.py: python -m pipeline.render.describe -->"
END = "<!-- end of the generated part -->"
SCHEMA = Path(__file__).with_name("result.schema.json")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "result-schema.md"


def schema_text() -> str:
    """Return the text of ``result.schema.json``."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def tables() -> str:
    """Return a table of keys and types for each object of the document, the whole first."""
    definitions = json_schema()["$defs"]
    names = ["Result", *(name for name in definitions if name != "Result")]
    return "\n\n".join(_table(name, definitions[name]) for name in names)


def _table(name: str, definition: dict[str, Any]) -> str:
    text = definition["description"].replace("*", "`").replace("``", "`")
    lines = [f"### {name}", "", text, "", "| key | type |", "| --- | --- |"]
    required = set(definition["required"])
    for key, kind in definition["properties"].items():
        optional = "" if key in required else " (added later: may be missing)"
        lines.append(f"| `{key}` | {_words(kind)}{optional} |")
    return "\n".join(lines)


def _words(kind: dict[str, Any]) -> str:
    if "$ref" in kind:
        name = kind["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in kind:
        return " or ".join(_words(one) for one in kind["anyOf"])
    if "enum" in kind:
        return ", ".join(f"`{word}`" for word in kind["enum"])
    if kind.get("type") == "array":
        return f"list of {_words(kind['items'])}"
    if kind.get("format") == "date-time":
        return "time (ISO 8601, UTC, Z)"
    return str(kind.get("type", "anything"))


def page_text(page: str) -> str:
    """Return *page* with its generated part renewed."""
    head, _, rest = page.partition(BEGIN)
    tail = rest.partition(END)[2]
    return f"{head}{BEGIN}\n\n{tables()}\n\n{END}{tail}"


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    PAGE.write_text(page_text(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
