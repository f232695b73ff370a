"""Which encoding a source is in: from its byte-order mark, else from what its bytes look like.

Guessed is only what shows itself: UTF-16 and UTF-32 by their NUL bytes, windows-1252 by single
accented letters between plain ones. GBK, Shift-JIS and the other windows pages look alike in few
lines: such text is read as UTF-8 with what cannot be decoded replaced and counted, until
``--encoding`` names it.
"""

import codecs
import re

from pipeline.errors import UsageError

UTF8 = "utf-8"

_BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"\xef\xbb\xbf", UTF8),
)
_UNITS = {"utf_16_le": 2, "utf_16_be": 2, "utf_32_le": 4, "utf_32_be": 4}
# Without a mark, the byte order is the usual one.
_ORDERED = {"utf_16": "utf-16-le", "utf_32": "utf-32-le", "utf_8_sig": UTF8, "utf_8": UTF8}
# The share of NUL that plain text has in one half of its bytes in UTF-16, and not in the other.
_MANY_NUL, _FEW_NUL = 0.6, 0.05
# A run of bytes that are no ASCII; in windows-1252 text of a Western language it is one letter or
# one typographic mark, in other encodings whole words. Marks that stand for letters in the pages of
# Central Europe and Turkey are left out: text with many of them is not Western.
_RUN = re.compile(rb"[\x80-\xff]+")
_WESTERN = re.compile(
    rb"[\xc0-\xcf\xd1-\xd6\xd8-\xdc\xdf-\xef\xf1-\xf6\xf8-\xfc\xff]{1,2}"
    rb"|[\x80\x85\x91-\x97\xa0\xa7\xab\xb0\xb4\xb7\xbb]"
)
_WESTERN_SHARE = 0.9
# Fewer are as likely characters that were cut off.
_MIN_WESTERN = 4


def encoding_of(sample: bytes, given: str | None = None) -> tuple[str, str | None]:
    """Return the encoding of a source that begins with *sample*, and what was assumed (or null).

    A byte-order mark always decides; then *given*; then the bytes.
    """
    for mark, name in _BOMS:
        if sample.startswith(mark):
            return name, None
    if given is not None:
        return given, None
    if wide := _by_nul(sample):
        return wide, f"read as {wide}, by its NUL bytes: it has no byte-order mark"
    if _looks_western(sample):
        return "windows-1252", (
            "read as windows-1252: most bytes beyond ASCII are no UTF-8 and single letters there"
        )
    return UTF8, None


def check_encoding(name: str) -> str:
    """Return the codec for an encoding as typed; raise `UsageError` for what cannot be read."""
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        info = None
    if info is None or not info._is_text_encoding:
        raise UsageError(
            f"--encoding: no encoding is called {name!r}",
            hint="for example utf-16, windows-1252, gbk, shift_jis, koi8-r",
        )
    codec = _ORDERED.get(info.name.replace("-", "_"), info.name)
    if unit_bytes(codec) == 1 and "\n0".encode(codec) != b"\n0":
        raise UsageError(
            f"--encoding: lines in {name!r} do not end as in ASCII",
            hint="convert the file first, for example with iconv",
        )
    return codec


def unit_bytes(encoding: str) -> int:
    """Return how many bytes a line end has in *encoding*."""
    return _UNITS.get(encoding.replace("-", "_"), 1)


def _by_nul(sample: bytes) -> str | None:
    names = {_order_by_nul(sample[:4096]), _order_by_nul(sample[:16])}
    return names.pop() if len(names) == 1 else None


def _order_by_nul(sample: bytes) -> str | None:
    if len(sample) < 8:
        return None
    whole = sample[: len(sample) // 4 * 4]
    shares = [whole[place::4].count(0) / (len(whole) / 4) for place in range(4)]
    if min(shares[1:]) > _MANY_NUL and shares[0] < _FEW_NUL:
        return "utf-32-le"
    if min(shares[:3]) > _MANY_NUL and shares[3] < _FEW_NUL:
        return "utf-32-be"
    even, odd = (shares[0] + shares[2]) / 2, (shares[1] + shares[3]) / 2
    if odd > _MANY_NUL and even < _FEW_NUL:
        return "utf-16-le"
    if even > _MANY_NUL and odd < _FEW_NUL:
        return "utf-16-be"
    return None


def _looks_western(sample: bytes) -> bool:
    runs = _RUN.findall(sample)
    western = sum(_WESTERN.fullmatch(run) is not None and not _is_utf8(run) for run in runs)
    return western >= max(_MIN_WESTERN, _WESTERN_SHARE * len(runs))


def _is_utf8(run: bytes) -> bool:
    try:
        run.decode(UTF8)
    except UnicodeDecodeError:
        return False
    return True
