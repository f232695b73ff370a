"""Times as people type them: strict, and never a guess.

Accepted: ISO 8601 dates and times (`2026-03-02`, `2026-03-02T10:00`, with or without offset),
`@1772445600`, durations (`90m`, `24h`, `7d`, `1h30m`), `now`, `start` and `end` (of the data), and
these with a duration (`end-24h`, `start+1h`). A bare duration means that long before the end of the
data: logs of last year must work like those of today.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.errors import UsageError

_UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
# More is a slip, and calendars end: year 1 and year 9999 are the borders of a datetime.
_LONGEST_SECONDS = 1000 * 365 * 86_400
_DURATION = re.compile(r"(?:[0-9]+[wdhms])+")
_PART = re.compile(r"([0-9]+)([wdhms])")
_ANCHORED = re.compile(
    r"(?P<anchor>now|start|end)(?:(?P<sign>[+-])(?P<duration>(?:[0-9]+[wdhms])+))?"
)
_HINT = (
    "use ISO 8601 such as 2026-03-02T10:00Z, @epoch, now, start, end, end-24h, or a duration such "
    "as 24h"
)


def parse_duration(text: str) -> timedelta | None:
    """Return the duration that *text* names, None when it names none.

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    """
    if not _DURATION.fullmatch(text):
        return None
    seconds = sum(int(n) * _UNITS[unit] for n, unit in _PART.findall(text))
    if seconds > _LONGEST_SECONDS:
        raise UsageError(f"{text!r} is longer than a thousand years", hint=_HINT)
    return timedelta(seconds=seconds)


def parse_absolute(text: str, zone: str | None) -> datetime | None:
    """Return the moment that *text* names by itself; None when it depends on the data.

    *zone* is that of times without an offset (None: UTC). Raises `UsageError` when it is no time at
    all.
    """
    if _ANCHORED.fullmatch(text) or _DURATION.fullmatch(text):
        return None
    try:
        if text.startswith("@"):
            return datetime.fromtimestamp(float(text[1:]), UTC)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=load_zone(zone))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{text!r} is not a time", hint=_HINT) from None


def parse_time(text: str, anchors: Mapping[str, datetime], zone: str | None) -> datetime:
    """Return the moment that *text* names; *anchors* holds `now`, `start` and `end` of the data."""
    if (moment := parse_absolute(text, zone)) is not None:
        return moment
    if (duration := parse_duration(text)) is not None:
        return anchors["end"] - duration
    match = _ANCHORED.fullmatch(text)
    assert match is not None
    shift = parse_duration(match["duration"]) if match["duration"] else timedelta()
    assert shift is not None
    return anchors[match["anchor"]] + (shift if match["sign"] == "+" else -shift)


def load_zone(zone: str | None) -> ZoneInfo:
    """Return the zone of that name (None: UTC); `UsageError` when there is none."""
    try:
        return ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"{zone!r} is not a time zone", hint="use a name such as Europe/Berlin or UTC"
        ) from None


def shown(moment: datetime) -> str:
    """Return *moment* as reports print it: to the second, UTC.

    >>> shown(datetime(2026, 3, 2, 10, 0, tzinfo=UTC))
    '2026-03-02 10:00:00Z'
    """
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")
