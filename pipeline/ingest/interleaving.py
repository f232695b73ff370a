"""Lines of one trace that stand apart: under a header each, or with another worker's lines between.

Both are put right by moving lines up behind the part of the trace before them; everything else of
`assembly` then sees one trace after the other. Only neighbourhoods of frames that stand where they
cannot belong are looked at, which most logs have none of.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import polars as pl

from pipeline.ingest.languages import load_languages, union

# How far apart two lines of one trace may be, with lines of others between.
MAX_APART_LINES = 50
# Lines before a frame that may begin its trace, and lines after it that may be of it.
BEFORE, AFTER = 60, 60
# A stream in which more lines stand apart is left as it is: it is something else.
MAX_ORPHAN_RUNS = 5_000
_MAX_PREFIXES, _MAX_PREFIX_LENGTHS = 2_000, 16

# A line with a header that has one of these may be a frame; the pattern below decides.
TELLING = (
    '  File "', "\tat ", "   at ", "\tfrom ", "\t/", "goroutine ", "panicked at ",
    "#0 ", "#1 ", "  what():", "    (",
)  # fmt: skip
_FRAME = (
    r'(?:  File "| {2,}at [\w.$<]| {2,}what\(\):| {4}\(\w+ [0-9][\w.-]*\) |#[0-9]+ (?:/|\{main\})'
    r"|goroutine [0-9]+ .*\[|thread '[^']*' (?:\([0-9]+\) )?panicked at | {2,}[0-9]+: )"
)
_PREFIX = rf"^(.{{8,240}}? ){_FRAME}"
_TAB_PREFIX = r"^(.{8,240}?)(?:\tat [\w.$<]|\t\.\.\. [0-9]+ |\tfrom |\t/\S+:[0-9]+)"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?"
_FRACTION = r"(:[0-9]{2})[.,][0-9]+"
_ERROR = r"(?i)\b(?:err|error|crit|critical|fatal|severe|exception)\b"
_ORPHAN = (
    r'^(?:  File "| {4}\S|\s+at \S|\s*\.\.\. [0-9]+ more|Caused by: |\t?from |\t/|#[0-9]+ '
    r"|\s+[0-9]+: |\s+what\(\):|\s+\(|[\w.$]+(?:Error|Exception|Interrupt|Exit)(?::|$)"
    r"|[\w./*()·-]+\(.*\)$)"
)
_ALWAYS = r"^\s+[0-9]+: |^\s+what\(\):"

HEAD, TRACE, LINK, INDENTED, OTHER, BLANK = range(6)


def unwrap_headers(
    records: pl.DataFrame, decide: Callable[[pl.DataFrame], pl.DataFrame]
) -> pl.DataFrame:
    """Cut the header off lines that each repeat it, and move them behind the first line of theirs.

    Adds `is_moved`. A frame below a header shows where headers end; lines near it whose beginning
    is the same but for the time are of the same writer (process, thread, logger), and *decide*
    tells of their texts which begin an event.
    """
    records = records.with_columns(is_moved=pl.lit(False))
    prefixes = _prefixes(records)
    if prefixes is None:
        return records
    bodies = _bodies(records, prefixes)
    if bodies.is_empty():
        return records
    decided = decide(bodies)
    starts = decided["is_start"] & ~_attached(decided)
    owned = decided.select(
        "row_number",
        "payload",
        owner=pl.when(starts).then("row_number").forward_fill(),
        moved=~starts,
    ).filter("moved")
    if owned.is_empty():
        return records
    rows = owned["row_number"]
    nothing = pl.Series([None], dtype=pl.Int32).new_from_index(0, owned.height)
    truth = pl.Series([True]).new_from_index(0, owned.height)
    changed = records.with_columns(
        records["payload"].scatter(rows, owned["payload"]),
        records["format_index"].scatter(rows, nothing),
        records["is_moved"].scatter(rows, truth),
        records["is_continuation"].scatter(rows, truth),
    )
    return _moved(changed, rows, owned["owner"])


def _prefixes(records: pl.DataFrame) -> pl.DataFrame | None:
    """Return the headers above frames: `key`, `shape` (without times), `length` in characters."""
    text = records["payload"]
    gate = text.str.contains_any(list(TELLING)) & ~text.str.starts_with("{")
    gate = gate & ~text.str.contains(r"^\s")
    if not gate.any():
        return None
    rows = gate.arg_true()
    found = text.gather(rows)
    prefix = found.str.extract(_PREFIX)
    prefix = prefix.zip_with(prefix.is_not_null(), found.str.extract(_TAB_PREFIX))
    frames = (
        pl.DataFrame({"row_number": rows, "key": records["key"].gather(rows), "prefix": prefix})
        .filter(
            (records["format_index"].gather(rows).is_not_null() | prefix.str.contains(_CLOCK))
            & pl.col("prefix").is_not_null()
        )
        .with_columns(
            shape=pl.col("prefix").str.replace(_CLOCK, "T"), length=pl.col("prefix").str.len_chars()
        )
    )
    return frames if frames.height else None


def _bodies(records: pl.DataFrame, frames: pl.DataFrame) -> pl.DataFrame:
    """Return the lines near frames that have one of their headers: the text after it, by writer."""
    hit = pl.Series([False]).new_from_index(0, records.height)
    hit = hit.scatter(frames["row_number"], pl.Series([True]).new_from_index(0, frames.height))
    number = pl.col("row_number")
    near = (
        pl.DataFrame({"hit": hit})
        .with_row_index("row_number")
        .with_columns(
            above=pl.when("hit").then(number).forward_fill(),
            below=pl.when("hit").then(number).backward_fill(),
        )
        .select(
            (number - pl.col("above") <= AFTER).fill_null(False)
            | (pl.col("below") - number <= BEFORE).fill_null(False)
        )
        .to_series()
    )
    rows = near.arg_true()
    lines = records.select("key", "payload", "observed_timestamp")[rows]
    lines = lines.with_columns(row_number=rows)
    known = frames.select("key", "shape", "length").unique(maintain_order=True)
    known = known.head(_MAX_PREFIXES).with_row_index("writer")
    lengths = known["length"].unique(maintain_order=True).head(_MAX_PREFIX_LENGTHS).to_list()
    found = []
    for length in lengths:
        shaped = lines.with_columns(
            shape=pl.col("payload").str.head(length).str.replace(_CLOCK, "T"),
            length=pl.lit(length, pl.UInt32),
        )
        taken = shaped.join(known, on=["key", "shape", "length"], maintain_order="left")
        found.append(taken)
        lines = lines.join(
            taken.select("row_number"), on="row_number", how="anti", maintain_order="left"
        )
    bodies = pl.concat(found).sort("writer", "row_number")
    apart = (pl.col("row_number") - pl.col("row_number").shift(1)) > MAX_APART_LINES
    region = (apart | (pl.col("writer") != pl.col("writer").shift(1))).fill_null(True).cum_sum()
    return bodies.select(
        "row_number",
        "observed_timestamp",
        key=pl.concat_str("key", "writer", region, separator="\x1f"),
        header=pl.col("payload").str.head(pl.col("length")).str.replace(_FRACTION, "$1"),
        payload=pl.col("payload").str.slice(pl.col("length")),
    )


def _attached(decided: pl.DataFrame) -> pl.Series:
    """Tell the first lines of traces that go with the line above: the same header, to the second,
    which says that there is an error.
    """
    above = pl.col("header").shift(1)
    return decided.select(
        (
            (pl.col("category") == TRACE)
            & (pl.col("key") == pl.col("key").shift(1))
            & (pl.col("category").shift(1) == OTHER)
            & pl.col("is_start").shift(1)
            & (pl.col("header") == above)
            & above.str.contains(_ERROR)
        ).fill_null(False)
    ).to_series()


def _moved(records: pl.DataFrame, rows: pl.Series, owners: pl.Series) -> pl.DataFrame:
    """Move *rows* behind their *owners*; all else keeps its order."""
    numbers = pl.int_range(records.height, dtype=pl.UInt32, eager=True)
    place = numbers.clone().scatter(rows, owners.cast(pl.UInt32))
    if (place == numbers).all():
        return records
    order = pl.DataFrame({"place": place, "number": numbers}).sort("place", "number")["number"]
    return records[order]


def gather_orphans(
    records: pl.DataFrame,
    looked_at: Callable[[pl.DataFrame], pl.Series],
    described: Callable[[pl.DataFrame, pl.Series], pl.DataFrame],
) -> pl.DataFrame:
    """Move frames that another worker's lines cut off from their trace behind its last line.

    An orphan is a frame, or the line that ends a trace, right below a header that mentions no
    exception (or below the end of a trace that lies within the first one), when a trace of the same
    language is open at most `MAX_APART_LINES` above.
    """
    candidates = _orphan_candidates(records)
    if not len(candidates) or len(candidates) > MAX_ORPHAN_RUNS:
        return records
    near = pl.Series([False]).new_from_index(0, records.height)
    spans = {
        number
        for candidate in candidates
        for number in range(max(0, candidate - 2 * BEFORE), min(records.height, candidate + AFTER))
    }
    rows = pl.Series(sorted(spans), dtype=pl.UInt32)
    near = near.scatter(rows, pl.Series([True]).new_from_index(0, len(rows)))
    numbered = records.with_columns(row_number=pl.int_range(pl.len(), dtype=pl.UInt32))
    lines = {
        row["row_number"]: row
        for row in described(numbered, near).select(*_READ).iter_rows(named=True)
    }
    placed = _Orphans(lines).place(candidates)
    if not placed:
        return records
    moved = pl.Series(list(placed), dtype=pl.UInt32)
    owners = pl.Series(list(placed.values()), dtype=pl.UInt32)
    return _moved(records, moved, owners)


_READ = (
    "row_number", "key", "payload", "category", "first", "named", "mention", "opens",
)  # fmt: skip


def _orphan_candidates(records: pl.DataFrame) -> list[int]:
    is_head = records["format_index"].is_not_null()
    rows = (~is_head).arg_true()
    if not len(rows) or len(rows) == records.height:
        return []
    above = records.select(
        head=pl.col("format_index").shift(1).is_not_null(),
        same=pl.col("key") == pl.col("key").shift(1),
        text=pl.col("payload").shift(1),
    )[rows]
    text = records["payload"].gather(rows)
    after_head = above["head"] & above["same"] & text.str.contains(_ORPHAN)
    nested = (
        ~above["head"]
        & above["same"]
        & text.str.starts_with('  File "')
        & above["text"].str.contains(r"^[A-Za-z_][\w.]*(?:: |$)")
    )
    chosen = (after_head | nested) & ~records["is_moved"].gather(rows)
    return rows.filter(chosen.fill_null(False)).to_list()


@cache
def _frame_patterns() -> tuple[str, ...]:
    return tuple(
        union(
            [
                *(pattern for form in language.forms for pattern in form.frame),
                *language.assembly.get("continues", ()),
                *language.assembly.get("links", ()),
                _ALWAYS,
            ]
        )
        or ""
        for language in load_languages()
    )


class _Orphans:
    """Places for runs of lines that were cut off, found from the first to the last."""

    def __init__(self, lines: dict[int, dict[str, Any]]) -> None:
        self.lines = lines
        self.placed: dict[int, int] = {}
        self.names = [language.name for language in load_languages()]

    def place(self, candidates: list[int]) -> dict[int, int]:
        """Return the place of each line that moves: the last line of the part before it."""
        for candidate in candidates:
            if candidate not in self.placed:
                self._place_run(candidate)
        return self.placed

    def _place_run(self, candidate: int) -> None:
        parked = self._parked(candidate)
        if parked is None:
            return
        language = self._open_language(parked)
        if language is None or not self._fits(candidate, parked, language):
            return
        place = self.placed.get(parked, parked)
        for number in self._run(candidate, language):
            self.placed[number] = place

    def _parked(self, candidate: int) -> int | None:
        """Return the last line above that has no header and is not of the event right above."""
        number, key = candidate - 1, self.lines[candidate]["key"]
        lowest = candidate - MAX_APART_LINES
        while (row := self.lines.get(number)) and row["category"] != HEAD and number > lowest:
            number -= 1
        if row is None or row["key"] != key or row["category"] != HEAD:
            return None
        if row["mention"] is not None and number == candidate - 1:
            return None
        while (row := self.lines.get(number)) and row["category"] in (HEAD, BLANK):
            number -= 1
            if number < lowest:
                return None
        return number if row is not None and row["key"] == key else None

    def _open_language(self, number: int) -> int | None:
        """Return the language of the trace that is open at a line, -2 where several have it."""
        is_end = self.lines[number]["category"] == OTHER
        key = self.lines[number]["key"]
        for above in range(number, number - 2 * MAX_APART_LINES, -1):
            row = self.lines.get(above)
            if row is None or row["key"] != key:
                return None
            found = row["first"]
            if row["category"] == HEAD:
                if above != number and above not in self.placed and row["mention"] is not None:
                    found = row["mention"]
            elif found is None and row["named"]:
                if is_end and above == number and self._is_after_frames(above):
                    return None
                found = _ANY
            if found is not None:
                return int(found)
        return None

    def _is_after_frames(self, number: int) -> bool:
        above = self.lines.get(number - 1)
        return above is not None and above["category"] == INDENTED

    def _fits(self, candidate: int, parked: int, language: int) -> bool:
        row, last = self.lines[candidate], self.lines[parked]
        text = str(row["payload"])
        is_python = language >= 0 and self.names[language] == "python"
        if is_python:
            if last["category"] not in (TRACE, INDENTED):
                return False
            return text.startswith('  File "') or (
                self.lines[candidate - 1]["category"] == HEAD
                and (text.startswith("    ") or bool(row["named"]))
            )
        if self.lines[candidate - 1]["category"] != HEAD:
            return False
        patterns = _frame_patterns()
        own = [self.names.index(name) for name in ("java", "node", "dotnet", "python")]
        chosen = own[:3] if language == _ANY else [language]
        return any(pl.Series([text]).str.contains(patterns[index]).item() for index in chosen)

    def _run(self, candidate: int, language: int) -> list[int]:
        """List the lines from *candidate* on up to the next header or first line of a trace."""
        run = [candidate]
        is_python = language >= 0 and self.names[language] == "python"
        key = self.lines[candidate]["key"]
        number = candidate + 1
        ended = is_python and self.lines[candidate]["category"] == OTHER
        while (row := self.lines.get(number)) and row["key"] == key:
            is_first = row["first"] is not None and row["first"] != language
            if row["category"] in (HEAD, TRACE) or is_first or (ended and row["category"] != LINK):
                break
            if row["category"] == LINK and is_python:
                break
            if is_python and row["category"] == OTHER:
                ended = True
            run.append(number)
            number += 1
        while self.lines[run[-1]]["category"] == BLANK:
            run.pop()
        return run


_ANY = -2
