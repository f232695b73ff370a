"""Where reading of a file stopped, so that the next run goes on there and gets what one run over
the whole would get.

A reader that stops in the middle of a stream knows more than an offset: which last events may still
grow (`Position.held`), what its clocks had seen, and what the ledger has counted. All of it is
offsets, times, counts and the names of streams: no text of a log is in it.
"""

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Self

from pipeline.ingest.clocks import Clocks
from pipeline.ingest.lines import Reading


class LostError(Exception):
    """What an earlier pass held back is no longer where it was."""


# A stream key that logged nothing for this many bytes is not waited for: its last event is whole.
# It bounds what is read twice; a trace whose lines lie further apart is none.
MAX_HELD_BYTES = 2**18


@dataclass(slots=True)
class Tally:
    """What the ledger says of one source, counted as its events are finished."""

    reading: Reading = field(default_factory=Reading)
    event_count: int = 0
    event_line_count: int = 0
    blank_line_count: int = 0
    unparsed_event_count: int = 0
    partial_joined_count: int = 0
    format_names: set[str] = field(default_factory=set)
    first: datetime | None = None
    last: datetime | None = None
    is_reversed: bool = False
    times: Counter[str] = field(default_factory=Counter)

    def widen(self, first: datetime | None, last: datetime | None) -> None:
        """Let the source reach from *first* to *last* at least."""
        self.first = min((t for t in (self.first, first) if t is not None), default=None)
        self.last = max((t for t in (self.last, last) if t is not None), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return it as values of JSON."""
        reading = self.reading
        return {
            "reading": [getattr(reading, name) for name in _COUNTED],
            "counts": [getattr(self, name) for name in _COUNTS],
            "format_names": sorted(self.format_names),
            "first": _text(self.first),
            "last": _text(self.last),
            "times": dict(self.times),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Return what `to_json` wrote."""
        return cls(
            Reading(**dict(zip(_COUNTED, raw["reading"], strict=True))),
            **dict(zip(_COUNTS, raw["counts"], strict=True)),
            format_names=set(raw["format_names"]),
            first=_moment(raw["first"]),
            last=_moment(raw["last"]),
            times=Counter(raw["times"]),
        )


_COUNTED = (
    "byte_count", "line_count", "undecodable_byte_count", "truncated_line_count", "nul_byte_count",
    "has_wide_lines",
)  # fmt: skip
_COUNTS = (
    "event_count", "event_line_count", "blank_line_count", "unparsed_event_count",
    "partial_joined_count",
)  # fmt: skip


@dataclass(slots=True)
class ClockState:
    """What the clocks of a stream had seen, by stream key (`clocks.Clocks`)."""

    last_times: dict[str, datetime] = field(default_factory=dict)
    last_dated: dict[str, datetime] = field(default_factory=dict)
    folds: dict[str, tuple[datetime, bool]] = field(default_factory=dict)

    @classmethod
    def of(cls, clocks: Clocks) -> Self:
        """Return a copy of the state of *clocks*."""
        return cls(**{one.name: copy.copy(getattr(clocks, one.name)) for one in fields(cls)})

    def set(self, clocks: Clocks) -> None:
        """Give *clocks* this state."""
        for one in fields(self):
            setattr(clocks, one.name, copy.copy(getattr(self, one.name)))

    def to_json(self) -> dict[str, Any]:
        """Return it as values of JSON."""
        return {
            "last_times": {key: _text(time) for key, time in self.last_times.items()},
            "last_dated": {key: _text(time) for key, time in self.last_dated.items()},
            "folds": {key: [_text(top), second] for key, (top, second) in self.folds.items()},
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Return what `to_json` wrote."""
        folds = {key: (_time(top), bool(second)) for key, (top, second) in raw["folds"].items()}
        return cls(
            {key: _time(time) for key, time in raw["last_times"].items()},
            {key: _time(time) for key, time in raw["last_dated"].items()},
            folds,
        )


@dataclass(slots=True)
class Position:
    """How far one source was read: *tally* ends after its last whole line.

    *held* are the offsets, by stream key, from which on the records of that key belong to an event
    that may still grow; the first of them is in line *held_line*. *clocks* is what the stream had
    seen up to here, where the source was the last that was read of it.
    """

    tally: Tally = field(default_factory=Tally)
    held: dict[str, int] = field(default_factory=dict)
    held_line: int = 1
    clocks: ClockState | None = None

    @property
    def offset(self) -> int:
        """Bytes of the source, decompressed, that were read for good."""
        return self.tally.reading.byte_count

    @property
    def held_offset(self) -> int:
        """Where reading has to begin again."""
        return min(self.held.values(), default=self.offset)

    def to_json(self) -> dict[str, Any]:
        """Return it as values of JSON."""
        return {
            "tally": self.tally.to_json(),
            "held": self.held,
            "held_line": self.held_line,
            "clocks": None if self.clocks is None else self.clocks.to_json(),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Return what `to_json` wrote."""
        clocks = raw["clocks"]
        return cls(
            Tally.from_json(raw["tally"]),
            {str(key): int(at) for key, at in raw["held"].items()},
            int(raw["held_line"]),
            None if clocks is None else ClockState.from_json(clocks),
        )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else _time(text)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
