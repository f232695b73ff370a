"""Whether one class took the place of another, and how alike two are."""

import re
from collections.abc import Mapping

from pipeline.diagnosis.premises.facts import Facts, Row
from pipeline.model import WindowName

# One level or logger must have lost half of what it had, or of what the other gained.
_MOVED = 0.5
# Of the old logger's events this share may come after the new one began: instances are replaced one
# by one.
STILL_OLD = 0.05
ALIKE = 0.5
_WORD = re.compile(r"[A-Za-z]{3,}")


def has_moved(facts: Facts, name: str, others: Mapping[WindowName, int]) -> bool:
    """Tell whether the others lost half of what they had, or of what this class gained."""
    before, after = facts.seconds["baseline"], facts.seconds["candidate"]
    scale = after / before if before else 0.0
    gained = facts.totals[name]["candidate_count"] - (
        facts.verdicts[name].get("expected_count") or 0.0
    )
    lost = others["baseline"] * scale - others["candidate"]
    return bool(lost >= _MOVED * min(gained, others["baseline"] * scale))


def likeness(one: Row, other: Row) -> float:
    """Return how much alike two classes are: 1 for the same exception, else the share of words that
    the shorter template has in common with the longer. A class of errors may be of many failures.
    """
    if one["exception_type"] is not None and one["exception_type"] == other["exception_type"]:
        return 1.0
    first, second = _words(one), _words(other)
    fewer = min(len(first), len(second))
    common = len(first & second)
    return common / fewer if fewer and common >= min(2, fewer) else 0.0


def _words(row: Row) -> set[str]:
    text = " ".join(str(row[key] or "") for key in ("template", "exception_type"))
    return {word.lower() for word in _WORD.findall(text)}
