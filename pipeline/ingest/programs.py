"""Regexes to programs for the compiled scanner: the same matches, as a list of integers.

The patterns of formats and layouts are written in the dialect that polars and Python share. Here
such a pattern becomes instructions of a small backtracking machine (`scan.c`), which tries
alternatives in the order of the pattern, as both of those do, so that it finds the same groups.
Most of our patterns never have two ways to go: what may follow a repeated set is known, and where
the two are disjoint no way back is kept.

What the machine does not do is refused here (`Unsupported`), and what depends on more than one byte
is left to polars: a pattern that knows letters, blanks or case beyond ASCII is marked
`needs_ascii`, and is not asked about other text.
"""

import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeAlias

# The standard library's own parser of regexes. It has no public name; what it returns has not
# changed since Python 3.8 but for additions, and those are refused.
_parser: Any = importlib.import_module("re._parser")
_Parsed: TypeAlias = Any  # what it returns: pairs of an opcode and its arguments, or lists of them

MAX_CODE = 6000
_MAX_COPIES = 300
_END = 1 << 256  # stands for the end of the text in a set of next bytes
_ASCII = (1 << 128) - 1
_BEYOND = ((1 << 256) - 1) ^ _ASCII
_ANY = _ASCII | _BEYOND
SET_BYTES = 264  # one for each byte, then one that is 1 when the end of the text belongs to the set
_UNBOUNDED = 2**31 - 1


class Op(IntEnum):
    """Instructions; *scan.c* has the same numbers. Jumps are relative to the instruction."""

    MATCH = 0
    BYTE = 1  # byte
    SET = 2  # set
    SPAN = 3  # set, minimum, maximum, how (`Span`), set of next bytes
    SPLIT = 4  # set of first bytes here, the same there, jump there, 1 when there goes first
    JUMP = 5  # jump
    SAVE = 6  # slot
    END = 7
    BEGIN = 8
    WORD_BORDER = 9


_SIZES: dict[int, int] = {
    Op.MATCH: 1, Op.BYTE: 2, Op.SET: 2, Op.SPAN: 6, Op.SPLIT: 5, Op.JUMP: 2, Op.SAVE: 2,
    Op.END: 1, Op.BEGIN: 1, Op.WORD_BORDER: 1,
}  # fmt: skip
_SET_OPERANDS: dict[int, tuple[int, ...]] = {Op.SET: (1,), Op.SPAN: (1, 5), Op.SPLIT: (1, 2)}


class Span(IntEnum):
    """How a repeated set gives way: not at all, from the longest down, from the shortest up."""

    ALL = 0
    LONGEST = 1
    SHORTEST = 2


class Unsupported(Exception):
    """A pattern that the scanner does not run; polars does."""


@dataclass(frozen=True, slots=True)
class Program:
    """Instructions, with sets numbered from 0 in *sets*; *first* are bytes it may begin with."""

    code: tuple[int, ...]
    sets: tuple[int, ...]
    first: int
    needs_ascii: bool
    names: frozenset[str]

    def linked(self, sets: Sequence[int]) -> list[int]:
        """Return the instructions with the numbers that *sets* have in a common table."""
        code = list(self.code)
        at = 0
        while at < len(code):
            for operand in _SET_OPERANDS.get(code[at], ()):
                code[at + operand] = sets[code[at + operand]]
            at += _SIZES[code[at]]
        return code


@dataclass(slots=True)
class _Compiler:
    """State of one compilation; *slots* are the numbers of the groups that are captured."""

    slots: Mapping[int, int]
    ignores_case: bool = False
    needs_ascii: bool = False
    sets: list[int] = field(default_factory=list)

    def number(self, mask: int) -> int:
        if mask not in self.sets:
            self.sets.append(mask)
        return self.sets.index(mask)

    # Everything is compiled from the right: `follow` are the bytes that may come after.

    def sequence(self, items: _Parsed, follow: int) -> tuple[list[int], int]:
        code: list[int] = []
        for kind, value in reversed(list(items)):
            piece, follow = self.item(str(kind), value, follow)
            code = piece + code
            if len(code) > MAX_CODE:
                raise Unsupported("too long")
        return code, follow

    def item(self, kind: str, value: _Parsed, follow: int) -> tuple[list[int], int]:
        match kind:
            case "LITERAL" | "NOT_LITERAL" | "IN" | "ANY":
                mask = self.mask(kind, value)
                if mask & (mask - 1) == 0 and mask & _ASCII:
                    return [Op.BYTE, mask.bit_length() - 1], mask
                return [Op.SET, self.number(mask)], mask
            case "MAX_REPEAT" | "MIN_REPEAT":
                low, high, items = value
                return self.repeat(low, high, items, kind == "MIN_REPEAT", follow)
            case "SUBPATTERN":
                number, on, off, items = value
                return self.group(number, on, off, items, follow)
            case "BRANCH":
                return self.branch(value[1], follow)
            case "AT":
                return self.position(str(value), follow)
        raise Unsupported(kind)

    def mask(self, kind: str, value: _Parsed) -> int:
        match kind:
            case "ANY":
                return _ANY & ~(1 << 10)
            case "LITERAL":
                return self.letters(value, value)
            case "NOT_LITERAL":
                return _ANY & ~self.letters(value, value)
        items = list(value)
        is_negated = bool(items) and str(items[0][0]) == "NEGATE"
        mask = 0
        for entry, argument in items[is_negated:]:
            match str(entry):
                case "LITERAL":
                    mask |= self.letters(argument, argument)
                case "RANGE":
                    mask |= self.letters(*argument)
                case "CATEGORY":
                    mask |= self.category(str(argument))
                case other:
                    raise Unsupported(other)
        return _ANY & ~mask if is_negated else mask

    def letters(self, low: int, high: int) -> int:
        if high > 127:
            # Not asked about text that has such letters, it may as well not know them.
            self.needs_ascii = True
        mask = ((1 << (high + 1)) - 1) & ~((1 << low) - 1) & _ASCII
        if self.ignores_case:
            lower, upper = ((1 << 26) - 1) << 97, ((1 << 26) - 1) << 65
            mask |= (mask & lower) >> 32 | (mask & upper) << 32
        return mask

    def category(self, name: str) -> int:
        self.needs_ascii = True
        words = {
            "CATEGORY_DIGIT": "0123456789",
            "CATEGORY_SPACE": "\t\n\v\f\r ",
            "CATEGORY_WORD": "0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        }
        is_negated = "_NOT_" in name
        text = words.get(name.replace("_NOT_", "_"))
        if text is None:
            raise Unsupported(name)
        mask = sum(1 << ord(letter) for letter in text)
        return _ANY & ~mask if is_negated else mask

    def group(
        self, number: int | None, on: int, off: int, items: _Parsed, follow: int
    ) -> tuple[list[int], int]:
        if off or on & ~0x2:
            raise Unsupported("flags")
        outer = self.ignores_case
        if on:
            self.ignores_case = self.needs_ascii = True
        code, first = self.sequence(items, follow)
        self.ignores_case = outer
        if number is not None and number in self.slots:
            slot = 2 * self.slots[number]
            code = [Op.SAVE, slot, *code, Op.SAVE, slot + 1]
        return code, first

    def branch(self, ways: _Parsed, follow: int) -> tuple[list[int], int]:
        code, first = self.sequence(ways[-1], follow)
        for way in reversed(ways[:-1]):
            piece, begins = self.sequence(way, follow)
            code, first = self.choose(piece, begins, code, first)
        return code, first

    def choose(
        self, here: list[int], first_here: int, there: list[int], first_there: int
    ) -> tuple[list[int], int]:
        """Compile `here|there`."""
        here = [*here, Op.JUMP, len(there) + 2]
        split = [
            Op.SPLIT, self.number(first_here), self.number(first_there), len(here) + 5, 0,
        ]  # fmt: skip
        return [*split, *here, *there], first_here | first_there

    def repeat(
        self, low: int, high: _Parsed, items: _Parsed, is_lazy: bool, follow: int
    ) -> tuple[list[int], int]:
        most = _UNBOUNDED if str(high) == "MAXREPEAT" else int(high)
        if (mask := self.single(items)) is not None:
            return self.span(mask, low, most, is_lazy, follow)
        copies = low + (0 if most == _UNBOUNDED else most - low)
        if copies > 1:
            body, _ = self.sequence(items, follow)
            if copies * len(body) > _MAX_COPIES * 10 or copies > _MAX_COPIES:
                raise Unsupported("a large repeat")
        code, first = self.tail(items, low, most, is_lazy, follow)
        for _ in range(low):
            piece, first = self.sequence(items, first)
            code = piece + code
        return code, first

    def tail(
        self, items: _Parsed, low: int, most: int, is_lazy: bool, follow: int
    ) -> tuple[list[int], int]:
        """Compile what a repeat does after its least number of turns."""
        if most == _UNBOUNDED:
            # What follows a turn is another turn, or what follows the loop.
            _, begins = _Compiler({}, self.ignores_case).sequence(items, _END)
            if begins & _END:
                raise Unsupported("a repeat of what may be empty")
            body, begins = self.sequence(items, begins | follow)
            exit_ = 5 + len(body) + 2
            split = [Op.SPLIT, self.number(begins), self.number(follow), exit_, int(is_lazy)]
            return [*split, *body, Op.JUMP, -(exit_ - 2)], begins | follow
        code: list[int] = []
        first = follow
        for _ in range(most - low):
            piece, begins = self.sequence(items, first)
            inner = [*piece, *code]
            split = [
                Op.SPLIT, self.number(begins), self.number(follow), 5 + len(inner), int(is_lazy),
            ]  # fmt: skip
            code, first = [*split, *inner], begins | follow
        return code, first

    def single(self, items: _Parsed) -> int | None:
        """Return the set when *items* are one character."""
        parts = list(items)
        if len(parts) != 1:
            return None
        kind, value = parts[0]
        if str(kind) in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
            return self.mask(str(kind), value)
        return None

    def span(
        self, mask: int, low: int, most: int, is_lazy: bool, follow: int
    ) -> tuple[list[int], int]:
        how = Span.SHORTEST if is_lazy else Span.LONGEST
        if not mask & follow or low == most:
            how = Span.ALL
        code = [Op.SPAN, self.number(mask), low, most, how, self.number(follow)]
        return code, mask | (follow if low == 0 else 0)

    def position(self, name: str, follow: int) -> tuple[list[int], int]:
        match name:
            case "AT_BEGINNING" | "AT_BEGINNING_STRING":
                return [Op.BEGIN], follow
            case "AT_END" | "AT_END_STRING":
                # Text of the scanner holds no line end, where the two dialects differ.
                return [Op.END], _END
            case "AT_BOUNDARY":
                self.needs_ascii = True
                return [Op.WORD_BORDER], follow
        raise Unsupported(name)


def compile_program(pattern: str, slots: Mapping[str, int]) -> Program:
    """Compile *pattern*, which must begin with ``^``; groups named in *slots* are captured.

    Raises `Unsupported` for what the scanner does not run.
    """
    try:
        parsed = _parser.parse(pattern)
    except re.error as error:  # what only polars reads
        raise Unsupported(str(error)) from error
    flags = parsed.state.flags
    if flags & ~(0x20 | 0x2):  # unicode, which is the default, and ignoring case
        raise Unsupported("flags")
    groups: Mapping[str, int] = parsed.state.groupdict
    numbers = {groups[name]: slot for name, slot in slots.items() if name in groups}
    compiler = _Compiler(numbers, bool(flags & 0x2), bool(flags & 0x2))
    items = list(parsed)
    if not items or str(items[0][0]) != "AT":
        raise Unsupported("not anchored")
    code, first = compiler.sequence(items, _ANY | _END)
    return Program(
        (*code, Op.MATCH),
        tuple(compiler.sets),
        first,
        compiler.needs_ascii,
        frozenset(groups) & slots.keys(),
    )


def set_bytes(mask: int) -> bytes:
    """Return a set as the scanner reads it: `SET_BYTES` bytes, each 0 or 1."""
    return format(mask, f"0{SET_BYTES}b")[::-1].encode().translate(_BITS)


_BITS = bytes.maketrans(b"01", b"\0\1")
