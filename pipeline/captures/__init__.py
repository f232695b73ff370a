"""What a user captured beside the logs: files to measures, measures to statements, and `collect`.

`files` opens what lies in a folder of facts, `documents` makes records of a text, `shapes` knows
records by their content (`shapes.toml`), `reading` joins these to two tables. `telling` makes
statements of the tables. `collecting` runs the read-only commands of `commands.toml`.
"""

from pipeline.captures.collecting import (
    Collected,
    CommandRun,
    Planned,
    collect,
    load_commands,
    plan,
)
from pipeline.captures.reading import NameOf, read_captures
from pipeline.captures.telling import Told, tell_captures

__all__ = [
    "Collected",
    "CommandRun",
    "NameOf",
    "Planned",
    "Told",
    "collect",
    "load_commands",
    "plan",
    "read_captures",
    "tell_captures",
]
