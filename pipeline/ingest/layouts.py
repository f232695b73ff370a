"""The notations in which logs write times, as data.

A notation is a pattern that cuts the text into parts, and the format that reads the part with the
whole seconds. Formats name them in `[timestamp] layouts`; `timestamps` reads by them. To add one,
add an entry and a line to ``tests/ingest/times.toml``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

# Stands for a year that is not written: before any log of ours, and a leap year.
YEARLESS = 1972
# Stands for a date that is not written: the time of day is what has passed since. No date that
# clocks which were never set show.
DATELESS = datetime(1971, 2, 3, tzinfo=UTC)
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_LOOSE_CLOCK = r"[ 0-2]?[0-9]:[0-9]{2}:[0-9]{2}"
_MONTH = r"[A-Za-z]{3}"
# No word boundaries in here: they cost more than all the rest.
_ZONE = (
    r"(?: ?(?P<zone>Z|z|(?:UTC|GMT)?[+-][0-9]{2}(?::?[0-9]{2})?|[A-Z][A-Za-z_]+(?:/[A-Za-z_/]+)?))?"
)
_TAIL = r"(?:[.,](?P<fraction>[0-9]{1,9}))?(?P<half>[ \u202f]?(?:[AP]\.?M|[ap]\.?m)\.?)?" + _ZONE
_COLON_TAIL = _TAIL.replace("[.,]", "[.,:]", 1)


@dataclass(frozen=True, slots=True)
class Layout:
    """A notation: *pattern* has the group `base`, which *base_format* reads.

    Further groups, all optional: `clock` and `year`, put behind the base before it is read,
    `half` (AM or PM), `fraction`, `zone`. Of the base, *blank* characters count as blanks and
    *drop* is left out. *number*: the base counts seconds and has no format.
    """

    pattern: str
    base_format: str = ""
    blank: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    has_date: bool = True
    is_yearless: bool = False
    has_foreign_months: bool = False
    number: Literal["", "epoch", "scientific", "tai64"] = ""


LAYOUTS: dict[str, Layout] = {
    "iso": Layout(
        rf"^(?P<base>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}){_TAIL}",
        "%Y-%m-%d %H:%M:%S",
        blank=("T",),
    ),
    "iso_loose": Layout(
        r"^(?P<base>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2})(?:[Tt_:,\t]| - |, | +)"
        rf"(?P<clock>{_LOOSE_CLOCK}){_COLON_TAIL}",
        "%Y-%m-%d %k:%M:%S",
    ),
    "iso_minute": Layout(
        r"^(?P<base>[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2})"
        r"(?P<half> (?:[AP]M|[ap]m))?" + _ZONE + r"(?:[^0-9:]|$)",
        "%Y-%m-%d %H:%M",
        blank=("T",),
    ),
    # DB2 and other programs of its maker.
    "db2": Layout(
        r"^(?P<base>[0-9]{4}-[0-9]{2}-[0-9]{2})[- ](?P<clock>[0-9]{2}\.[0-9]{2}\.[0-9]{2})" + _TAIL,
        "%Y-%m-%d %H.%M.%S",
    ),
    "iso_compact": Layout(
        rf"^(?P<base>[0-9]{{8}}T[0-9]{{6}}){_TAIL}", "%Y%m%d %H%M%S", blank=("T",)
    ),
    # None of its numbers is padded, milliseconds neither.
    "compact_colon": Layout(
        r"^(?P<base>[0-9]{8})-(?P<clock>[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2})"
        r"(?::(?P<millis>[0-9]{1,3}))?$",
        "%Y%m%d %k:%M:%S",
    ),
    # glog since 0.6, telephones, and what scripts write.
    "compact": Layout(
        r"^(?P<base>[0-9]{8})(?: ?- ?|[ _T])(?P<clock>[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2})" + _TAIL,
        "%Y%m%d %k:%M:%S",
    ),
    "compact_dot": Layout(rf"^(?P<base>[0-9]{{8}})\.(?P<clock>[0-9]{{6}}){_TAIL}", "%Y%m%d %H%M%S"),
    "compact_digits": Layout(
        rf"^(?P<base>(?:19|20)[0-9]{{6}})[ _-]?(?P<clock>[0-9]{{6}}){_TAIL}(?:[^0-9]|$)",
        "%Y%m%d %H%M%S",
    ),
    "slash": Layout(
        rf"^(?P<base>[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}} {_CLOCK}){_TAIL}", "%Y/%m/%d %H:%M:%S"
    ),
    "slash_loose": Layout(
        r"^(?P<base>[0-9]{4}/[0-9]{1,2}/[0-9]{1,2})(?:[T:,-]|, | +)"
        rf"(?P<clock>{_LOOSE_CLOCK}){_COLON_TAIL}",
        "%Y/%m/%d %k:%M:%S",
    ),
    "slash_dash": Layout(
        rf"^(?P<base>[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}} - {_CLOCK}){_TAIL}",
        "%Y/%m/%d - %H:%M:%S",
    ),
    "dotted": Layout(
        rf"^(?P<base>[0-9]{{4}}\.[0-9]{{2}}\.[0-9]{{2}} {_CLOCK}){_TAIL}",
        "%Y.%m.%d %H:%M:%S",
    ),
    # With dots the day stands first wherever dates are written so.
    "day_month_dotted": Layout(
        r"^(?P<base>[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4})(?:,? +| - )"
        rf"(?P<clock>{_LOOSE_CLOCK}){_TAIL}",
        "%d.%m.%Y %k:%M:%S",
    ),
    "day_month_dash": Layout(
        rf"^(?P<base>[0-9]{{1,2}}-{_MONTH}-[0-9]{{4}}) (?P<clock>{_LOOSE_CLOCK}){_TAIL}",
        "%d-%b-%Y %k:%M:%S",
    ),
    "day_month_colons": Layout(
        rf"^(?P<base>[0-9]{{1,2}}-{_MONTH}-[0-9]{{4}}::{_CLOCK}){_TAIL}", "%d-%b-%Y::%H:%M:%S"
    ),
    "day_month_dash_short": Layout(
        r"^(?:[A-Z][a-z]{5,8}, )?"
        rf"(?P<base>[0-9]{{1,2}}-{_MONTH}-[0-9]{{2}}) (?P<clock>{_LOOSE_CLOCK}){_TAIL}",
        "%d-%b-%y %k:%M:%S",
    ),
    "clf": Layout(
        rf"^(?P<base>[0-9]{{2}}/{_MONTH}/[0-9]{{4}}:{_CLOCK}){_TAIL}", "%d/%b/%Y:%H:%M:%S"
    ),
    "clf_blank": Layout(
        rf"^(?P<base>[0-9]{{1,2}}/{_MONTH}/[0-9]{{4}})(?: - |,? +)(?P<clock>{_LOOSE_CLOCK}){_TAIL}",
        "%d/%b/%Y %k:%M:%S",
    ),
    # RFC 2822 and 1123 name the day of the week before it.
    "day_month_name": Layout(
        rf"^(?:[A-Z][a-z]{{2,8}},? )?(?P<base>[0-9]{{1,2}} {_MONTH} [0-9]{{4}}),? "
        rf"(?P<clock>{_LOOSE_CLOCK}){_TAIL}",
        "%d %b %Y %k:%M:%S",
    ),
    # ctime and date; some put the zone or the fraction before the year.
    "c_weekday": Layout(
        rf"^(?:[A-Z][a-z]{{2}} )?(?P<base>{_MONTH} [ 0-9]?[0-9] {_CLOCK})"
        r"(?:[.,](?P<fraction>[0-9]{1,9}))?(?P<half> (?:[AP]M|[ap]m))?"
        r"(?: (?P<zone>[A-Z]{3,5}|[+-][0-9]{4}))?(?P<year> [0-9]{4})",
        "%b %e %H:%M:%S %Y",
    ),
    # With the year before the clock: java.util.logging, Cisco, Kibana, JavaScript.
    "bsd_year": Layout(
        rf"^(?:[A-Z][a-z]{{2}},? )?(?P<base>{_MONTH} [ 0-9]?[0-9],? [0-9]{{4}}),?(?: @)? "
        rf"(?P<clock>{_LOOSE_CLOCK}){_TAIL}",
        "%b %e %Y %k:%M:%S",
        drop=(",",),
    ),
    "month_name_12": Layout(
        rf"^(?P<base>{_MONTH} [0-9]{{1,2}}, [0-9]{{4}}),? (?P<clock>{_LOOSE_CLOCK})"
        r"(?P<half>[ \u202f]?(?:[AP]M|[ap]m))" + _ZONE,
        "%b %e %Y %k:%M:%S",
        drop=(",",),
    ),
    "year_month_name": Layout(
        rf"^(?P<base>[0-9]{{4}}[ /-]{_MONTH}[ /-][ 0-9]?[0-9]) (?P<clock>{_LOOSE_CLOCK}){_TAIL}",
        "%Y %b %e %k:%M:%S",
        blank=("/", "-"),
    ),
    "yymmdd": Layout(
        rf"^(?P<base>[0-9]{{6}} [ 0-9][0-9]:[0-9]{{2}}:[0-9]{{2}}){_TAIL}", "%y%m%d %k:%M:%S"
    ),
    "yymmdd_slash": Layout(
        rf"^(?P<base>[0-9]{{2}}/[0-9]{{2}}/[0-9]{{2}} {_CLOCK}){_TAIL}", "%y/%m/%d %H:%M:%S"
    ),
    "yymmdd_dash": Layout(
        rf"^(?P<base>[0-9]{{2}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK}){_TAIL}", "%y-%m-%d %H:%M:%S"
    ),
    "yymmdd_compact": Layout(r"^(?P<base>[0-9]{6} [0-9]{6})", "%y%m%d %H%M%S"),
    # Which of two numbers is the month cannot be seen: only for formats that are known to write so
    # and for streams that show it (`numeric_order`).
    "month_first": Layout(
        r"^(?P<base>[0-9]{1,2}[/-][0-9]{1,2}[/-][0-9]{4})(?:, ?| +|[-:])"
        rf"(?P<clock>{_LOOSE_CLOCK}){_TAIL}",
        "%m %d %Y %k:%M:%S",
        blank=("/", "-"),
    ),
    "day_first": Layout(
        r"^(?P<base>[0-9]{1,2}[/-][0-9]{1,2}[/-][0-9]{4})(?:, ?| +|[-:])"
        rf"(?P<clock>{_LOOSE_CLOCK}){_TAIL}",
        "%d %m %Y %k:%M:%S",
        blank=("/", "-"),
    ),
    "day_first_dash": Layout(
        rf"^(?P<base>[0-9]{{2}}-[0-9]{{2}}-[0-9]{{4}}) (?P<clock>{_CLOCK}){_TAIL}",
        "%d-%m-%Y %k:%M:%S",
    ),
    "month_first_dash": Layout(
        rf"^(?P<base>[0-9]{{2}}/[0-9]{{2}}/[0-9]{{4}})-(?P<clock>{_CLOCK}){_TAIL}",
        "%m/%d/%Y %k:%M:%S",
    ),
    # A clock with AM and PM, without seconds or with them, goes with the month first.
    "month_first_12": Layout(
        r"^(?P<base>[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}),? (?P<clock>[01]?[0-9]:[0-9]{2}:[0-9]{2})"
        rf"(?:\.(?P<fraction>[0-9]{{1,9}}))?(?P<half>[ \u202f]?(?:[AP]\.?M|[ap]\.?m)\.?){_ZONE}",
        "%m/%d/%Y %k:%M:%S",
    ),
    # The clock before the date (MinIO).
    "time_date": Layout(
        rf"^(?P<clock>{_CLOCK}) (?P<zone>[A-Z]{{3,5}}) (?P<base>[0-9]{{2}}/[0-9]{{2}}/[0-9]{{4}})",
        "%m/%d/%Y %H:%M:%S",
    ),
    # Without a year: read in YEARLESS.
    "bsd": Layout(
        rf"^(?:[A-Z][a-z]{{2}} )?(?P<base>[A-Z][a-z]{{2}} [ 0-9]?[0-9] {_CLOCK}){_TAIL}",
        "%b %e %H:%M:%S %Y",
        is_yearless=True,
    ),
    "bsd_foreign": Layout(
        rf"^(?P<base>(?:[^\s0-9]{{3,9}}|[0-9]{{1,2}}月) +[0-9]{{1,2}}) (?P<clock>{_CLOCK}){_TAIL}",
        "%b %e %H:%M:%S %Y",
        is_yearless=True,
        has_foreign_months=True,
    ),
    "day_month_yearless": Layout(
        rf"^(?P<base>[0-9]{{1,2}}[ -][A-Z][a-z]{{2}} {_CLOCK}){_TAIL}",
        "%d %b %H:%M:%S %Y",
        blank=("-",),
        is_yearless=True,
    ),
    "klog": Layout(
        rf"^(?P<base>[0-9]{{4}} {_CLOCK})(?:[.](?P<fraction>[0-9]{{1,9}}))?",
        "%m%d %H:%M:%S %Y",
        is_yearless=True,
    ),
    "month_day": Layout(
        rf"^(?P<base>[0-9]{{2}}-[0-9]{{2}} {_CLOCK}){_TAIL}",
        "%m-%d %H:%M:%S %Y",
        is_yearless=True,
    ),
    "month_day_slash": Layout(
        rf"^(?P<base>[0-9]{{2}}/[0-9]{{2}} {_CLOCK}){_TAIL}",
        "%m/%d %H:%M:%S %Y",
        is_yearless=True,
    ),
    "month_day_dot": Layout(
        rf"^(?P<base>[0-9]{{2}}\.[0-9]{{2}} {_CLOCK}){_TAIL}",
        "%m.%d %H:%M:%S %Y",
        is_yearless=True,
    ),
    "tai64n": Layout(r"^@?(?P<base>4[0-9a-f]{15})(?P<fraction>[0-9a-f]{8})?", number="tai64"),
    # Some writers put a counter behind the fraction, after another point.
    "epoch": Layout(
        r"^(?P<base>[0-9]{9,19})(?:[.,](?P<fraction>[0-9]{1,9}))?(?:[.][0-9]+)?$", number="epoch"
    ),
    "epoch_scientific": Layout(
        r"^(?P<base>[0-9](?:\.[0-9]{1,18})?[eE]\+?(?:0?9|1[0-8]))$", number="scientific"
    ),
    # Without a date: on DATELESS.
    "time_of_day": Layout(rf"^(?P<base>{_CLOCK}){_COLON_TAIL}$", "%H:%M:%S", has_date=False),
    "time_of_day_halves": Layout(
        r"^(?P<base>[01]?[0-9]:[0-9]{2})(?P<half>[ \u202f]?(?:[AP]\.?M|[ap]\.?m)\.?)$",
        "%k:%M",
        has_date=False,
    ),
}
# What a stream's own notation is looked for in when a format's do not fit it: all but those that
# would be a guess, the plainest first.
_GUESSES = {
    "month_first", "month_first_dash", "day_first", "day_first_dash", "yymmdd_slash", "yymmdd_dash",
    "month_day_slash", "month_day_dot",
}  # fmt: skip
EVIDENT = tuple(name for name in LAYOUTS if name not in _GUESSES)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# German, French, Spanish, Chinese and Japanese, as the C library abbreviates and names them.
FOREIGN_MONTHS: dict[str, int] = {
    "jan": 1, "januar": 1, "janv": 1, "janvier": 1, "ene": 1, "enero": 1,
    "feb": 2, "februar": 2, "févr": 2, "fév": 2, "février": 2, "febrero": 2,
    "mär": 3, "märz": 3, "mrz": 3, "mars": 3, "mar": 3, "marzo": 3,
    "apr": 4, "april": 4, "avr": 4, "avril": 4, "abr": 4, "abril": 4,
    "mai": 5, "may": 5, "mayo": 5,
    "jun": 6, "juni": 6, "juin": 6, "junio": 6,
    "jul": 7, "juli": 7, "juil": 7, "juillet": 7, "julio": 7,
    "aug": 8, "august": 8, "août": 8, "ago": 8, "agosto": 8,
    "sep": 9, "sept": 9, "september": 9, "septembre": 9, "septiembre": 9,
    "okt": 10, "oktober": 10, "oct": 10, "octobre": 10, "octubre": 10,
    "nov": 11, "november": 11, "novembre": 11, "noviembre": 11,
    "dez": 12, "dezember": 12, "déc": 12, "décembre": 12, "dic": 12, "diciembre": 12,
    **{f"{number}月": number for number in range(1, 13)},
}  # fmt: skip
# Names that a zone may have in a log. Alone they are not read: several are those of more than one
# zone (CST, IST, BST), and of the others none says so. With `--zone`, a name tells which of two
# readings of an hour that occurs twice is meant.
_NAMES = """
    ACDT ACST ADT AEDT AEST AKDT AKST AMT ART AST AWST BRST BRT BST CAT CDT CEST CET CLST CLT COT
    CST EAT ECT EDT EEST EET EST GST HDT HKT HST ICT IDT IRST IST JST KST MDT MSD MSK MST MYT NDT
    NPT NST NZDT NZST PDT PET PHT PKT PST SAST SGT SST TRT UYT WAT WEST WET WIB WIT WITA
"""
ABBREVIATIONS = frozenset(_NAMES.split())
