"""Entries of the knowledge base with the signs that speak for or against each hypothesis.

An entry is data (`pipeline/knowledge/`), read by `rules.knowledge` and looked for in a run by
`diagnosis.hypotheses`; this is what the two agree on.
"""

import re
from dataclasses import dataclass
from typing import Literal

from pipeline.model import Knowledge

SignKind = Literal[
    "class", "own", "logged", "change", "warning", "follows", "traffic", "spread", "silence"
]
# What a sign may be, and how a card says what was looked for.
KINDS: dict[SignKind, str] = {
    "class": "events of {}",
    "own": 'its own lines that say "{}"',
    "logged": 'other errors, warnings or failed requests that say "{}"',
    "change": "a change in the half hour before it: {}",
    "warning": "a doubt about the input: {}",
    "follows": "another class that precedes it under the same request",
    "traffic": "more requests per hour",
    "spread": "where its events come from: {}",
    "silence": "another service that fell silent about when it began",
}
# These name nothing: they take `true`.
BARE = frozenset({"follows", "traffic", "silence"})
SPREADS = ("services", "host", "container", "endpoint", "version")


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing to look for; *values* are class names, kinds or the literal text, by *kind*.

    *regex* (RE2) narrows the literal of *own* and *logged*; null: the literal decides.
    """

    kind: SignKind
    values: tuple[str, ...]
    regex: str | None = None

    @property
    def looked_for(self) -> str:
        """The sign in words."""
        return KINDS[self.kind].format(" or ".join(self.values))

    @property
    def is_text(self) -> bool:
        """Whether it is looked for in the text of events."""
        return self.kind in ("own", "logged")


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One possible cause: signs for it, signs against it, and what would refute it, in words.

    *logs_of* are beginnings of names of formats: where none is among the sources, absence of a
    sign tells nothing. *untold*: why no log can tell, where there is no sign to look for.
    """

    text: str
    refuted_if: str
    supported_by: tuple[Sign, ...]
    refuted_by: tuple[Sign, ...]
    logs_of: tuple[str, ...]
    untold: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: what is shown (*knowledge*), what it is for, and what is looked for.

    It is of the errors of *error_class*; with *when*, only of those whose first event holds that
    pattern in its exception or the head of its text.
    """

    knowledge: Knowledge
    error_class: str
    when: str | None
    hypotheses: tuple[Hypothesis, ...]

    def takes(self, text: str) -> bool:
        """Tell whether an error of this class with *text* is meant."""
        return self.when is None or re.search(self.when, text) is not None
