"""Text that somebody else wrote: visible in every output, active in none.

Whoever can send a request can write into a log, and so into a report. Such text is wrapped as
`Untrusted` and comes out only through a function that knows where it will stand.
"""

import re
import unicodedata
from typing import NoReturn

INLINE_CHARACTERS = 400
BLOCK_CHARACTERS = 2000
CELL_CHARACTERS = 160
LABEL_CHARACTERS = 60

# Control sequences of terminals: CSI, OSC, DCS and their kin, and the two-byte ones.
_TERMINAL_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[@-Z\\^_=>])"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Invisible although Unicode calls them letters, marks or symbols.
_HIDDEN_CODES = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0}
    | set(range(0xFE00, 0xFE10))
    | set(range(0xE0100, 0xE01F0))
)


class Untrusted:
    """A string that refuses to become text by accident: `str`, format and ``__html__`` raise."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the raw text; only for functions that make it harmless for one context."""
        return self._text

    @property
    def attributes(self) -> str:
        """Attributes of the HTML element around the text; none but for numbers with queries."""
        return ""

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError("untrusted text needs the filter of the place where it will stand")

    __str__ = _refuse
    __format__ = _refuse
    __html__ = _refuse
    __iter__ = _refuse
    __add__ = __radd__ = __mod__ = _refuse

    def __repr__(self) -> str:
        return f"<untrusted text, {len(self._text)} characters>"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Untrusted) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class _Visible(dict[int, str | int]):
    """A table for `str.translate` that fills itself with the characters it meets."""

    def __missing__(self, code: int) -> str | int:
        shown: str | int = code
        if 0xDC80 <= code <= 0xDCFF:
            shown = f"⟨0x{code - 0xDC00:02X}⟩"  # a byte that was not UTF-8
        elif code in _HIDDEN_CODES or unicodedata.category(chr(code)) in _HIDDEN_CATEGORIES:
            shown = f"⟨U+{code:04X}⟩"
        self[code] = shown
        return shown


_BLOCK = _Visible({0x0A: 0x0A, 0x09: "    "})
_INLINE = _Visible({0x0A: "⏎", 0x09: " "})


def visible(text: str, limit: int = INLINE_CHARACTERS, *, is_block: bool = False) -> str:
    """Return *text* without terminal sequences, what is invisible shown, cut at *limit* characters.

    A block keeps its line ends, inline text shows them as ``⏎``. Each hidden character becomes
    ``⟨U+202E⟩``, each undecodable byte ``⟨0x9F⟩``, so the outcome may be up to eleven times as long
    as *limit*.
    """
    # Work is bounded before the pattern runs: a megabyte of text costs no more than some kilobytes.
    bounded = text[: 8 * limit]
    plain = _TERMINAL_SEQUENCE.sub("", bounded).replace("\r\n", "\n")
    rest = len(plain) - limit + len(text) - len(bounded)
    plain = unicodedata.normalize("NFC", plain[:limit])
    shown = plain.translate(_BLOCK if is_block else _INLINE)
    if rest <= 0:
        return shown
    # In a label there is no room to say how much is missing.
    return f"{shown}…" if limit < CELL_CHARACTERS // 2 else f"{shown}… (+{rest:,} characters)"


def terminal_text(text: str, limit: int = INLINE_CHARACTERS) -> str:
    """Return one line of text without any control character."""
    return visible(text, limit)


def html_text(text: Untrusted, limit: int = INLINE_CHARACTERS) -> str:
    """Return HTML for running text: escaped, in ``<bdi>`` so that its direction stays its own."""
    return f"<bdi{text.attributes}>{escape_html(visible(text.reveal(), limit))}</bdi>"


def html_block(text: Untrusted, limit: int = BLOCK_CHARACTERS) -> str:
    """Return HTML for the inside of ``<pre>``; line ends are kept.

    Between tags a quote ends nothing; log lines and SQL are full of them.
    """
    shown = visible(text.reveal(), limit, is_block=True)
    return f"<bdi>{shown.translate(_BLOCK_CODES)}</bdi>"


def html_plain(text: Untrusted, limit: int = CELL_CHARACTERS) -> str:
    """Return HTML for attributes and the text of SVG, where ``<bdi>`` has no place."""
    return escape_html(visible(text.reveal(), limit))


_HTML_CODES = str.maketrans({c: f"&#{ord(c)};" for c in "&<>\"'"})
_BLOCK_CODES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def escape_html(text: str) -> str:
    """Return *text* with the five characters that HTML reads as markup coded."""
    return text.translate(_HTML_CODES)


def markdown_code(text: Untrusted, limit: int = CELL_CHARACTERS) -> str:
    """Return inline code for a cell or a sentence.

    Backticks cannot hold a ``|`` in a table, so this is ``<code>`` with every character but
    letters, digits and spaces coded; inside code, mentions, issue numbers and addresses stay
    inert.
    """
    return f"<code>{_entities(visible(text.reveal(), limit))}</code>"


# An underscore inside a word is no emphasis, a point after anything but www begins no address.
_MARKS = re.compile(r"[\\`*\[\]<>#!|&~$@]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_UNSAFE_IN_CODE = re.compile(
    r"[^\w ./⟨⟩⏎…-]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=[wW]{3})\.", re.UNICODE
)
_BEGINS_BLOCK = re.compile(r"(?:[-+=:>]|\d+[.)])")
# What GitHub makes a link of by itself, also where the characters are coded: only code stops it.
_LINKS_ITSELF = re.compile(r"@|#\d|GH-\d|://|(?i:\bwww\.)|\b[0-9a-f]{7,40}\b", re.ASCII)


def markdown_text(text: Untrusted, limit: int = INLINE_CHARACTERS) -> str:
    """Return a sentence for Markdown; words that would become links or mentions become code."""
    words = visible(text.reveal(), limit).split(" ")
    out = [_word(word, is_first=at == 0) for at, word in enumerate(words)]
    return " ".join(out).strip()


def _word(word: str, *, is_first: bool) -> str:
    if _LINKS_ITSELF.search(word):
        return f"<code>{_entities(word)}</code>"
    begins = _BEGINS_BLOCK.match(word) if is_first else None
    rest = word[begins.end() if begins else 0 :]
    coded = _MARKS.sub(lambda found: f"&#{ord(found.group())};", rest)
    return _coded(begins.group() if begins else "") + coded


_MAIL_SIGN = re.compile(r"(?<=[\w.+;-])&#64;(?=\w)")


def _coded(text: str) -> str:
    return "".join(f"&#{ord(character)};" for character in text)


def _entities(text: str) -> str:
    """Code all but what Markdown gives no meaning inside a word: the source stays readable.

    GitHub makes a link of an address of mail wherever one stands whole in a text, coded or not, but
    not across tags.
    """
    coded = _UNSAFE_IN_CODE.sub(lambda found: f"&#{ord(found.group())};", text)
    return _MAIL_SIGN.sub("&#64;</code><code>", coded)


def markdown_block(text: Untrusted, limit: int = BLOCK_CHARACTERS) -> str:
    """Return a fenced block whose fence is longer than any run of backticks inside."""
    body = visible(text.reveal(), limit, is_block=True)
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{body}\n{fence}"


def mermaid_label(text: Untrusted, limit: int = LABEL_CHARACTERS) -> str:
    """Return text for a quoted label of Mermaid: all but plain characters as ``#NN;``."""
    shown = visible(text.reveal(), limit)
    return "".join(c if c.isalnum() or c in " ._/-" else f"#{ord(c)};" for c in shown)


def toml_string(text: str) -> str:
    """Return a basic string of TOML; what must or should not stand raw is escaped."""
    out = []
    for character in text:
        code = ord(character)
        if character in '\\"':
            out.append(f"\\{character}")
        elif 0xD800 <= code <= 0xDFFF:
            out.append("�")  # TOML has no way to write half a character
        elif isinstance(_INLINE[code], str):
            out.append(f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}")
        else:
            out.append(character)
    return f'"{"".join(out)}"'


# What a spreadsheet takes for the beginning of a formula, also written wide.
_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def csv_text(text: Untrusted, limit: int = INLINE_CHARACTERS) -> str:
    """Return the text of a cell: one line, and no formula for whoever opens it in a spreadsheet."""
    shown = visible(text.reveal(), limit)
    begins = shown.lstrip(" \u00a0\u3000")[:1]
    return f"'{shown}" if begins in _FORMULA and begins else shown


def xml_text(text: Untrusted, limit: int = INLINE_CHARACTERS, *, is_block: bool = False) -> str:
    """Return text for a writer of XML, which escapes markup: only characters that XML 1.0 has."""
    return visible(text.reveal(), limit, is_block=is_block)


def github_message(text: Untrusted, limit: int = INLINE_CHARACTERS) -> str:
    """Return the message of a workflow command of GitHub Actions."""
    return _escaped(visible(text.reveal(), limit), "%\r\n")


def github_property(text: Untrusted, limit: int = CELL_CHARACTERS) -> str:
    """Return the value of a property of a workflow command."""
    return _escaped(visible(text.reveal(), limit), "%\r\n:,")


def _escaped(text: str, characters: str) -> str:
    return "".join(f"%{ord(c):02X}" if c in characters else c for c in text)


_COMMAND = re.compile(r"(?:^|(?<=\r))(\s*):(?=:)", re.MULTILINE)


def github_inert(text: str) -> str:
    """Return lines of which the runner of GitHub Actions takes none for a command.

    It looks for ``::`` at the beginning of a line, after blanks, and for ``##[`` anywhere.
    """
    return _COMMAND.sub(r"\1: ", text).replace("##[", "## [")
