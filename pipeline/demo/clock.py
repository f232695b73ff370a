"""Times of the demo: microseconds since the start, spelt as each program spells them.

Formatting a date for each of some 400,000 lines would take most of the time, so every second of
the two days is spelt once, in a table.
"""

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

MICROS = 1_000_000
HOUR = 3600 * MICROS
START = datetime(2025, 8, 8, 12, tzinfo=UTC)
SPLIT = 24 * HOUR
END = 48 * HOUR
WINDOWS = {"baseline": (0, SPLIT), "candidate": (SPLIT, END)}
# Lines that belong to an event at the very end may be stamped a little later.
_SLACK_SECONDS = 60

Span = tuple[int, int]


class _Calendar:
    """Which moment an offset of zero is; times are spelt in it."""

    start = START


@contextmanager
def spelt_later(days: int) -> Iterator[None]:
    """Spell all times *days* later: what happened then happens at the same hours of other days."""
    _Calendar.start = START + timedelta(days=days)
    try:
        _seconds.cache_clear()
        _blank_seconds.cache_clear()
        yield
    finally:
        _Calendar.start = START
        _seconds.cache_clear()
        _blank_seconds.cache_clear()


def at(text: str) -> int:
    """Return the offset in microseconds of an ISO time such as `2025-08-10T06:06:28Z`."""
    return round((datetime.fromisoformat(text) - START).total_seconds() * MICROS)


def moment(micros: int) -> str:
    """Spell an offset as ISO 8601 with microseconds, in UTC: how the truth gives times."""
    return f"{_seconds()[micros // MICROS]}.{micros % MICROS:06d}Z"


@cache
def _seconds() -> list[str]:
    count = END // MICROS + _SLACK_SECONDS
    start = _Calendar.start
    return [(start + timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%S") for n in range(count)]


@cache
def _blank_seconds() -> list[str]:
    return [text.replace("T", " ") for text in _seconds()]


def rfc3339(micros: int, nanos: int) -> str:
    """Spell as container engines do; *nanos* are the three digits below a microsecond."""
    return f"{_seconds()[micros // MICROS]}.{micros % MICROS:06d}{nanos:03d}Z"


def iso_millis(micros: int) -> str:
    """Spell as `2025-08-08T12:00:00.125Z`."""
    return f"{_seconds()[micros // MICROS]}.{micros % MICROS // 1000:03d}Z"


def iso_seconds(micros: int) -> str:
    """Spell as `2025-08-08T12:00:00Z`."""
    return _seconds()[micros // MICROS] + "Z"


def comma_millis(micros: int) -> str:
    """Spell as Python's logging does: `2025-08-08 12:00:00,125`."""
    return f"{_blank_seconds()[micros // MICROS]},{micros % MICROS // 1000:03d}"


def dot_millis(micros: int) -> str:
    """Spell as `2025-08-08 12:00:00.125`."""
    return f"{_blank_seconds()[micros // MICROS]}.{micros % MICROS // 1000:03d}"


def slashes(micros: int) -> str:
    """Spell as nginx's error log does: `2025/08/08 12:00:00`."""
    return _blank_seconds()[micros // MICROS].replace("-", "/")


def common_log(micros: int) -> str:
    """Spell as access logs do: `08/Aug/2025:12:00:00 +0000`; the demo lies in one month."""
    text = _seconds()[micros // MICROS]
    return f"{text[8:10]}/Aug/2025:{text[11:]} +0000"


def day_month(micros: int) -> str:
    """Spell as Redis does: `08 Aug 2025 12:00:00.125`."""
    text = _seconds()[micros // MICROS]
    return f"{text[8:10]} Aug 2025 {text[11:]}.{micros % MICROS // 1000:03d}"


@cache
def _weight(hour_of_day: int) -> float:
    """Traffic of an hour of the day: highest at 14:00, lowest at 02:00, as 3.4 to 1."""
    return 1 + 0.55 * math.cos((hour_of_day - 14) * math.pi / 12)


def sample(
    rng: random.Random, count: int, spans: Sequence[Span], *, is_traffic: bool = True
) -> list[int]:
    """Draw *count* sorted times in *spans*, to the millisecond, by the daily profile or evenly.

    Given the total, hourly counts are multinomial: the noise of a Poisson process, and no more.
    """
    pieces = [piece for span in spans for piece in _hourly(span)]
    weights = [
        (end - start) * (_weight((12 + start // HOUR) % 24) if is_traffic else 1.0)
        for start, end in pieces
    ]
    chosen = rng.choices(pieces, weights, k=count)
    draw = rng.random
    return sorted(start + int(draw() * ((end - start) // 1000)) * 1000 for start, end in chosen)


def _hourly(span: Span) -> list[Span]:
    start, end = span
    borders = [start, *range((start // HOUR + 1) * HOUR, end, HOUR), end]
    return list(pairwise(borders))
