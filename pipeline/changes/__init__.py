"""Changes of the system that logs tell of in passing: starts, migrations, reloads, new leaders.

The lines that tell of them are mostly ordinary ones, which are only counted. So each sign has
literal texts, for which reading hands a line over (`ingest.Options.notable`), and a pattern that
decides. `load` reads and checks the signs, which are data; `find` matches them.
"""

from pipeline.changes.find import find_changes
from pipeline.changes.given import given_changes
from pipeline.changes.load import KINDS, Sign, check_sign, literals_of, load_signs, parse_signs

__all__ = [
    "KINDS",
    "Sign",
    "check_sign",
    "find_changes",
    "given_changes",
    "literals_of",
    "load_signs",
    "parse_signs",
]
