"""How numbers and times look in every document. An unknown value is a dash, never zero."""

import math
from datetime import UTC, datetime

from pipeline.render.numbers import Num

UNKNOWN = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"


def count(value: int | None) -> str:
    """Return a whole number with thousands marks.

    >>> count(9526), count(None) == UNKNOWN
    ('9,526', True)
    """
    return UNKNOWN if value is None else Num(f"{value:,}", value)


def rate(value: float | None) -> str:
    """Return three significant digits: what is shown must not look surer than it is.

    >>> rate(206.04), rate(59.91), rate(0.0), rate(0.00004), rate(12345.6)
    ('206', '59.9', '0', '< 0.001', '12,346')
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return Num("0", value)
    if abs(value) < 0.001:
        return Num("< 0.001", value)
    return Num(f"{value:,.0f}" if abs(value) >= 100 else f"{float(f'{value:.3g}'):g}", value)


def ratio(value: float | None) -> str:
    """Return two significant digits.

    >>> ratio(2.4712), ratio(221.7), ratio(0.894), ratio(1.0), ratio(0.0), ratio(0.0421)
    ('2.5', '220', '0.89', '1.0', '0', '0.042')
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    rounded = float(f"{value:.2g}")
    size_of = abs(rounded)
    if size_of >= 10 or not rounded:
        return f"{rounded:,.0f}"
    return (
        f"{rounded:.1f}" if size_of >= 1 else f"{rounded:.2f}" if size_of >= 0.1 else f"{rounded:g}"
    )


def interval(lower: float | None, upper: float | None) -> str:
    """Return the bounds of a ratio; one that is not known is left open.

    >>> interval(2.2, 2.84), interval(14.2, None), interval(None, None)
    ('2.2 to 2.8', 'at least 14', '')
    """
    if lower is None:
        return "" if upper is None else f"at most {ratio(upper)}"
    return f"at least {ratio(lower)}" if upper is None else f"{ratio(lower)} to {ratio(upper)}"


def percent(share: float | None) -> str:
    """Return a share of 0-1 in per cent; 100 % and 0 % are said only where they are exact.

    >>> percent(0.9994), percent(1.0), percent(0.99999), percent(0.00001), percent(0.324)
    ('99.94 %', '100 %', '> 99.99 %', '< 0.01 %', '32 %')
    """
    if share is None or not math.isfinite(share):
        return UNKNOWN
    if share in (0.0, 1.0):
        return Num(f"{share:.0%}".replace("%", " %"), share)
    if 0.9999 < share < 1:
        return Num("> 99.99 %", share)
    if 0 < share < 0.0001:
        return Num("< 0.01 %", share)
    digits = 2 if share > 0.99 or share < 0.01 else 1 if share < 0.1 else 0
    return Num(f"{share * 100:.{digits}f} %", share)


def moment(value: datetime | None) -> str:
    """Return date and time to the second, UTC."""
    return UNKNOWN if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def minute(value: datetime | None) -> str:
    """Return date and time to the minute, UTC."""
    return UNKNOWN if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"


def machine_time(value: datetime | None) -> str:
    """Return the form that ``<time datetime>`` wants, or nothing."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def duration(seconds: float | None) -> str:
    """Return a length of time in its two largest units.

    >>> duration(20220), duration(0.0421), duration(3.25), duration(90061)
    ('5 h 37 min', '42.1 ms', '3.2 s', '1 d 1 h')
    """
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if not seconds:
        return "0 s"
    if abs(seconds) < 1:
        return f"{seconds * 1000:.3g} ms" if abs(seconds) >= 0.001 else "< 1 ms"
    if abs(seconds) < 60:
        return f"{float(f'{seconds:.2g}'):g} s"
    whole = round(seconds)
    for size, name, small, small_name in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if abs(whole) >= size:
            large, rest = divmod(whole, size)
            return f"{large} {name}" + (f" {rest // small} {small_name}" if rest // small else "")
    return f"{whole} s"


def size(byte_count: int | None) -> str:
    """Return a size in decimal units.

    >>> size(111_000), size(12), size(3_400_000)
    ('111 kB', '12 B', '3.4 MB')
    """
    if byte_count is None:
        return UNKNOWN
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (1000, "kB")):
        if byte_count >= unit:
            return f"{float(f'{byte_count / unit:.3g}'):g} {name}"
    return f"{byte_count} B"


def many(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun.

    >>> many(1, "error class", "error classes"), many(3, "event")
    ('1 error class', '3 events')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def bars(values: list[float | None], top: float) -> str:
    """Return a line of block characters; *top* is the value of a full block, a gap is a space.

    >>> bars([0, 1, 4, None, 8], 8)
    '▁▁▄ █'
    """
    blocks = "▁▂▃▄▅▆▇█"
    scale = 8 / top if top > 0 else 0.0
    return "".join(
        " " if value is None else blocks[max(0, min(7, math.ceil(value * scale) - 1))]
        for value in values
    )
