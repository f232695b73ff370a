"""What people are told of a run: the values between `notify` (whom, when, how it is sent) and
`render` (how it looks).

Texts in them come from logs: hostile, and as far redacted as the result that they are of.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Event = Literal["opened", "changed", "ongoing", "reminder", "resolved"]
Handling = Literal["none", "acknowledged", "silenced"]
TargetKind = Literal[
    "json", "slack", "mattermost", "teams", "alertmanager", "mail", "file", "apprise"
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding as it stands: *state* is that of the result or over runs, or ``resolved``.

    Rates are events per covered hour; null: not known. *handling*: what people said of it.
    """

    finding_id: str
    kind: str
    error_class: str | None
    title: str
    state: str
    severity_number: int = 17
    first_seen: datetime | None = None
    onset: datetime | None = None
    onset_lower: datetime | None = None
    onset_upper: datetime | None = None
    rate: float | None = None
    usual_rate: float | None = None
    services: tuple[str, ...] = ()
    is_ongoing: bool = False
    handling: Handling = "none"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to tell: what *problem* did since it was told last, in state *before*."""

    event: Event
    problem: Problem
    before: str | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One message of one run; *standing* are all problems of now, whether told before or not.

    *is_test*: made by ``analyze notify test``, about nothing. *report*: where the report lies.
    """

    notice_id: str
    generated_at: datetime
    run_id: str
    version: str
    verdict: str
    headline: str
    start: datetime | None
    end: datetime | None
    changes: tuple[Change, ...] = ()
    standing: tuple[Problem, ...] = ()
    report: str | None = None
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class Payload:
    """A notice in the syntax of one kind of target: *body* is what is sent, *title* a mail's.

    *notice_id* is the same in each try, and in what is sent again.
    """

    notice_id: str
    body: str
    title: str = ""
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one payload at one target.

    *target* names kind and host, never a secret; *text* is in our own words. *answer* is what the
    other side said beyond its status, bounded, visible and without our secrets: for a test only.
    """

    target: str
    is_delivered: bool
    text: str
    try_count: int = 1
    answer: str = field(default="", repr=False)
