"""What a store tells of days and runs: values between `orchestrate` and `render`. Times are UTC."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Period:
    """A day or an hour: *rate* is events per covered hour, null where nothing was logged."""

    start: datetime
    event_count: int
    covered_hours: float
    rate: float | None


@dataclass(frozen=True, slots=True)
class OpenTime:
    """A time in which a problem was open; *end* is null while it goes on."""

    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What runs remember of a finding; *since* is when it came into its state."""

    finding_id: str
    title: str
    kind: str
    error_class: str | None
    state: str
    since: datetime
    handling: str
    spells: list[OpenTime]

    @property
    def is_open(self) -> bool:
        """Whether the last of its spells goes on."""
        return bool(self.spells) and self.spells[-1].end is None

    @property
    def begun(self) -> datetime:
        """When it began where it goes on, else when it came into its state."""
        return self.spells[-1].start if self.is_open else self.since


@dataclass(frozen=True, slots=True)
class Series:
    """One class over time; *standing* is null where no run ever found it risen."""

    finding_id: str
    name: str
    kind: str
    error_class: str | None
    event_count: int
    covered_hours: float
    rate: float | None
    periods: list[Period]
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class Trend:
    """Classes by day or hour from *start* to *end*; *asked* is the class that was named.

    *left_out*: warnings that no run ever found risen. *pruned*: before it no events are kept.
    """

    folder: str
    by: str
    start: datetime
    end: datetime
    asked: str | None
    series: list[Series]
    left_out: int
    pruned: datetime | None


@dataclass(frozen=True, slots=True)
class HourCount:
    """What was logged in an hour; *covered_hours* is less than one at the ends of the store."""

    start: datetime
    event_count: int
    error_count: int
    covered_hours: float


@dataclass(frozen=True, slots=True)
class RunLine:
    """A finished run; *report* is the folder that it wrote to, null where that is not known, gone
    or written to by a later run.
    """

    run_id: str
    generated_at: datetime
    verdict: str
    headline: str
    regressions: list[str]
    report: str | None


@dataclass(frozen=True, slots=True)
class StoreHistory:
    """All that the index page shows of a store."""

    folder: str
    start: datetime
    end: datetime
    hours: list[HourCount] = field(default_factory=list)
    runs: list[RunLine] = field(default_factory=list)
    standings: list[Standing] = field(default_factory=list)
