"""Times as people type them: strict, and never a guess.

Accepted: ISO 8601 dates and times (`2026-03-02`, `2026-03-02T10:00`, with or without offset),
`@1772445600`, durations (`90m`, `24h`, `7d`, `1h30m`, `PT24H`, `P1D`), `now`, `today`, `yesterday`
(their first moment), `start` and `end` (of the data), and these with a duration (`end-24h`,
`today+6h`). A bare duration means that long before the end of the data, a bare time of day
(`06:00`) its last one up to there: logs of last year must work like those of today.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.errors import UsageError

_UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
# More is a slip, and calendars end: year 1 and year 9999 are the borders of a datetime.
_LONGEST_SECONDS = 1000 * 365 * 86_400
_DURATION = re.compile(r"(?:[0-9]+[wdhms])+")
_PART = re.compile(r"([0-9]+)([wdhms])")
_ANCHORED = re.compile(
    r"(?P<anchor>now|today|yesterday|start|end)(?:(?P<sign>[+-])(?P<duration>(?:[0-9]+[wdhms])+))?"
)
_ISO_DURATION = re.compile(
    r"P(?:([0-9]+)W)?(?:([0-9]+)D)?(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)S)?)?"
)
_TIME_OF_DAY = re.compile(r"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9])")
_HINT = (
    "use ISO 8601 (2026-03-02T10:00Z, 2026-03-02), @epoch, a duration before the end of the data "
    "(24h, 90m, 7d), a time of its last day (06:00), now, today, yesterday, start, end, or one of "
    "these words with a duration (end-24h, today+6h)"
)


def parse_duration(text: str) -> timedelta | None:
    """Return the duration that *text* names, None when it names none.

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    """
    iso = _ISO_DURATION.fullmatch(text)
    if iso and any(iso.groups()):
        text = "".join(f"{n}{unit}" for n, unit in zip(iso.groups(), "wdhms", strict=True) if n)
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
    if _depends_on_data(text):
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


def _depends_on_data(text: str) -> bool:
    forms = (_ANCHORED, _DURATION, _TIME_OF_DAY)
    return any(form.fullmatch(text) for form in forms) or parse_duration(text) is not None


def parse_time(text: str, anchors: Mapping[str, datetime], zone: str | None) -> datetime:
    """Return the moment that *text* names; *anchors* holds `now`, `start` and `end` of the data."""
    if (moment := parse_absolute(text, zone)) is not None:
        return moment
    if (duration := parse_duration(text)) is not None:
        return anchors["end"] - duration
    if (clock := _TIME_OF_DAY.fullmatch(text)) is not None:
        return _last_at(int(clock["hour"]), int(clock["minute"]), anchors["end"], zone)
    match = _ANCHORED.fullmatch(text)
    assert match is not None
    shift = parse_duration(match["duration"]) if match["duration"] else timedelta()
    assert shift is not None
    days = {"today": 0, "yesterday": 1}.get(match["anchor"])
    anchor = anchors[match["anchor"]] if days is None else _midnight(anchors["now"], days, zone)
    return anchor + (shift if match["sign"] == "+" else -shift)


def _midnight(now: datetime, days: int, zone: str | None) -> datetime:
    """Return the first moment of the day *days* before that of *now*, as *zone* has it."""
    day = now.astimezone(load_zone(zone)).date() - timedelta(days=days)
    return datetime.combine(day, time(), load_zone(zone)).astimezone(UTC)


def _last_at(hour: int, minute: int, end: datetime, zone: str | None) -> datetime:
    """Return when the clocks of *zone* last showed that time, up to *end*."""
    day = end.astimezone(load_zone(zone)).date()
    moments = [
        datetime.combine(day - timedelta(days=back), time(hour, minute), load_zone(zone))
        for back in (0, 1)
    ]
    return next(one for one in moments if one.astimezone(UTC) <= end).astimezone(UTC)


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
