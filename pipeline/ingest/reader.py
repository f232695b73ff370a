"""One stream to batches of events and counts: lines, envelopes, heads, assembly, columns.

Blocks are only a matter of memory. What may still grow at a block's end (the last event of each
stream key, a record that was split) is held back and read again with the next block, so no result
depends on the border.
"""

import copy
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipeline.errors import ConservationError
from pipeline.ingest import parse
from pipeline.ingest.assembly import MAX_EVENT_LINES, mark_starts
from pipeline.ingest.clocks import (
    EARLIEST,
    LATEST,
    Clocks,
    count_by_source,
    first_moment,
    flag_names,
    is_dateless,
    name_date,
    time_notes,
)
from pipeline.ingest.counts import merge_rollup, minutes_of, rollup_of
from pipeline.ingest.detect import MAX_SAMPLE_LINES, SAMPLE_BYTES, Profile, detect
from pipeline.ingest.docker_local import ENCODING as DOCKER_LOCAL
from pipeline.ingest.encodings import unit_bytes
from pipeline.ingest.envelopes import (
    JSON_FILE,
    PEELED,
    join_headers,
    join_partials,
    peel,
    split_payloads,
)
from pipeline.ingest.events import (
    durations_of,
    events_of,
    ids_of,
    in_order,
    is_candidate,
    with_bodies,
    with_envelope_words,
    with_exceptions,
    with_exceptions_flagged,
)
from pipeline.ingest.formats import Format
from pipeline.ingest.heads import Heads, match
from pipeline.ingest.identity import SERVICE_KEYS, Rules, identify, name_events, ruled_service
from pipeline.ingest.latencies import WHOLE_LINES, is_drawn, latencies_of
from pipeline.ingest.lines import (
    BLOCK_BYTES,
    Block,
    Look,
    Reading,
    backwards,
    last_states,
    read_blocks,
    read_stretch,
)
from pipeline.ingest.resume import MAX_HELD_BYTES, ClockState, LostError, Position, Tally
from pipeline.ingest.scan import HEAD, UNKNOWN, Scanner, can_scan, load_library, look_with
from pipeline.ingest.sources import STDIN, Source, Stream, settled
from pipeline.ingest.unfold import part_records, unfold
from pipeline.routes import http_route
from pipeline.schema import (
    EVENTS,
    LATENCIES,
    MINUTES,
    ROLLUP,
)

MAX_BODY_CHARACTERS = 65_536
# Below this, telling the scanner what to look for costs more than it saves.
LEAST_SCANNED_BYTES = 2**17
# A file is newest first when four in five of the steps between its first times go down; fewer than
# twenty steps show nothing.
ORDER_SAMPLE_LINES = 2000
MIN_ORDER_STEPS = 20
DESCENDING_SHARE = 0.8
_TRACE_START = r"^Traceback \(most recent call last\):"
_TRACE_FRAME = r"^\s+at \S"
_TRACE_HEAD = r"^\S.*(?:Exception|Error|Throwable)\b"
WIDE_LINES_NOTE = "UTF-16 lines within"


@dataclass(frozen=True, slots=True)
class Options:
    """How to read: *zone* is that of times without one (None: UTC, flagged as assumed).

    *now* is the moment of the run: what lies after it is no time of an event.
    *borders* are times at which the hours of the rollup are cut, so that windows which begin
    within an hour can be counted. *services* are the user's names for who writes what.
    The compiled scanner, where there is one, reads streams of *least_scanned_bytes* or more, unless
    every event is kept. *texts*: only events are kept, whatever they are, whose first line holds
    one of them. *notable*: texts for which an event is handed over, kept or not.
    """

    formats: tuple[Format, ...]
    zone: str | None = None
    keep_all: bool = False
    texts: tuple[str, ...] = ()
    notable: tuple[str, ...] = ()
    now: datetime | None = None
    block_bytes: int = BLOCK_BYTES
    borders: tuple[datetime, ...] = ()
    services: Rules = ()
    max_event_lines: int = MAX_EVENT_LINES
    uses_scanner: bool = True
    least_scanned_bytes: int = LEAST_SCANNED_BYTES
    whole_lines: int = WHOLE_LINES


class Batch(NamedTuple):
    """Events that are kept, and the counts of all: columns of `EVENTS`, `ROLLUP`, `MINUTES`.

    *notable*: events, kept or not, whose first line holds a text of `Options.notable`; `EVENTS`.
    *latencies*: durations of requests that were drawn; `LATENCIES`.
    """

    events: pl.DataFrame
    rollup: pl.DataFrame
    minutes: pl.DataFrame
    notable: pl.DataFrame
    latencies: pl.DataFrame = pl.DataFrame(schema=LATENCIES)


def read_stream(
    stream: Stream, options: Options, ledger: list[dict[str, object]]
) -> Iterator[Batch]:
    """Read one stream to its end; appends a row for each of its sources to *ledger*.

    The rows have the columns of `LEDGER`. A source that cannot be read gets its row with the
    reason.
    """
    reader = Reader(stream, options)
    yield from reader.batches()
    ledger.extend(reader.ledger_rows())


_Block = tuple[Block, int]  # with the source that it is of


class Reader:
    """One pass over a stream; `profile` says, from the first batch on, what it was found to be.

    *positions*: where reading of each source goes on, from an earlier pass. *is_live*: the last
    source may grow, so what may still grow with it is not in `batches`, but in `open_batches`;
    `positions` then tells where the next pass goes on. *whole* are the indexes of sources that
    cannot be gone on with: where they change, they are read anew.
    """

    def __init__(
        self,
        stream: Stream,
        options: Options,
        positions: Sequence[Position] = (),
        *,
        is_live: bool = False,
    ) -> None:
        self.stream = settled(stream)
        self.positions = list(positions) or [Position() for _ in stream.sources]
        self.is_live = is_live
        self.whole: set[int] = set()
        self.options = options
        self.identity = identify(stream.place)
        self.profile: Profile | None = None
        self.tallies = [copy.deepcopy(one.tally) for one in self.positions]
        self.scanner: Scanner | None = None
        self.held: pl.DataFrame | None = None
        now = options.now
        self.clocks = Clocks(
            modified=tuple(source.modified or now for source in stream.sources),
            named=tuple(name_date(source.path) for source in stream.sources),
            zone=options.zone,
            latest=now + timedelta(days=1) if now else LATEST,
            look_ahead=self._first_moment,
        )
        for position in self.positions:
            if position.clocks is not None:
                position.clocks.set(self.clocks)

    def batches(self) -> Iterator[Batch]:
        """Yield a batch a block; the counts of `ledger_rows` are those of what was yielded."""
        # One step behind: the last records are finished at once, so that a small file is one pass.
        waiting: list[pl.DataFrame] = []
        size = 0
        for block, index in self._in_time_order():
            # What a scanner leaves of a block is little: it is collected, since a pass has its own
            # cost, whatever its size.
            if waiting and size >= self.options.block_bytes:
                yield from self._process(pl.concat(waiting), is_last=False)
                waiting, size = [], 0
            waiting.append(self._scan(block, index))
            size += int(waiting[-1]["byte_length"].sum())
            yield from self._scanned()
        if waiting:
            yield from self._process(pl.concat(waiting), is_last=not self.is_live)
        elif not self.is_live and self.held is not None:
            yield from self._process(self.held.clear(), is_last=True)
        if self.is_live:
            yield from self._without_quiet()
        yield from self._scanned(at_least=1)
        if self.scanner:
            self.scanner.close()
        self.positions = self._frozen()

    def open_batches(self) -> Iterator[Batch]:
        """Yield, after `batches`, what may still grow, as if it did not: the next pass tells it
        again. `ledger_rows` counts it as well.
        """
        if self.held is not None and self.held.height:
            yield from self._process(self.held.clear(), is_last=True)

    def _without_quiet(self) -> Iterator[Batch]:
        """Finish the events of stream keys that the stream has left behind."""
        if self.held is None or self.held.is_empty():
            return
        held = _keyed(self.held)
        last = int(held["source"].max())  # type: ignore[arg-type]
        last = max([last, *(n for n, one in enumerate(self.tallies) if one.reading.byte_count)])
        near = self.tallies[last].reading.byte_count - MAX_HELD_BYTES
        ends = held.group_by("key").agg(pl.col("source").last(), pl.col("byte_offset").last())
        quiet = ends.filter((pl.col("source") < last) | (pl.col("byte_offset") < near))["key"]
        is_quiet = held["key"].is_in(quiet.implode())
        if not is_quiet.any():
            return
        self.held = held.filter(is_quiet).drop("key")
        yield from self._process(self.held.clear(), is_last=True)
        self.held = held.filter(~is_quiet).drop("key")

    def _frozen(self) -> list[Position]:
        """Return where the next pass goes on."""
        positions = []
        held = None if self.held is None or not self.is_live else _keyed(self.held)
        read = [n for n, one in enumerate(self.tallies) if one.reading.byte_count]
        for index, tally in enumerate(self.tallies):
            own = copy.deepcopy(tally)
            is_last = index == len(self.tallies) - 1
            if self.is_live and is_last and own.reading.before_open is not None:
                own.reading = own.reading.before_open
            position = Position(own)
            if held is not None:
                rows = held.filter(
                    (pl.col("source") == index) & (pl.col("byte_offset") < own.reading.byte_count)
                )
                starts = rows.group_by("key", maintain_order=True).agg(pl.col("byte_offset").min())
                position.held = dict(starts.rows())
                if rows.height:
                    position.held_line = int(rows["line_number"].min())  # type: ignore[arg-type]
            if read and index == read[-1]:
                position.clocks = ClockState.of(self.clocks)
            positions.append(position)
        return positions

    def _blocks(self) -> Iterator[_Block]:
        for index, source in enumerate(self.stream.sources):
            if source.error is None:
                reading = self.tallies[index].reading
                if unit_bytes(source.encoding) > 1 or source.encoding == DOCKER_LOCAL:
                    self.whole.add(index)
                is_new = reading.byte_count == 0
                blocks = read_blocks(source, reading, self.options.block_bytes, self._look())
                for block in unfold(blocks, partial(self.whole.add, index)) if is_new else blocks:
                    yield block, index

    def _sampled(self) -> tuple[list[pl.DataFrame], int]:
        """Read the beginning of a stream that is gone on with again: it tells what the stream is.

        Returns heads of blocks, and how many bytes there are to read.
        """
        heads, size = [], 0
        for source in self.stream.sources:
            if source.error is not None:
                continue
            blocks = read_blocks(replace(source, budget=None), Reading(), SAMPLE_BYTES)
            for block in blocks:
                heads.append(block.head(MAX_SAMPLE_LINES))
                size += block.byte_count
                if size >= 2 * SAMPLE_BYTES:
                    break
            if size >= 2 * SAMPLE_BYTES:
                break
        sizes = zip(self.stream.sources, self.positions, strict=True)
        return heads, sum(max(0, (one.size or 0) - position.offset) for one, position in sizes)

    def _resume(self) -> None:
        """Read what an earlier pass held back again. Raises `LostError` where it is gone."""
        parts = []
        for index, (source, position) in enumerate(
            zip(self.stream.sources, self.positions, strict=True)
        ):
            if not position.held:
                continue
            block = read_stretch(source, position.held_offset, position.offset, position.held_line)
            if block is None:
                raise LostError(source.path)
            records = _keyed(self._records(block.lines, block.raw, index))
            starts = pl.col("key").replace_strict(
                position.held, default=None, return_dtype=pl.Int64
            )
            parts.append(records.filter(pl.col("byte_offset") >= starts).drop("key"))
        if parts:
            self.held = pl.concat(parts)

    def _look(self) -> Look | None:
        # Only the scanner reads lines as bytes.
        if not self.options.uses_scanner or self.options.keep_all:
            return None
        return look_with(load_library())

    def _profiled(self) -> Iterator[_Block]:
        """Yield every block, after as many were read ahead as the sample of the profile needs."""
        if any(position.offset for position in self.positions):
            heads, size = self._sampled()
            self._find_profile([head["line"] for head in heads], size)
            self._resume()
            if self.scanner is not None:
                self.scanner.forget()
            yield from self._blocks()
            return
        blocks = self._blocks()
        ahead: list[_Block] = []
        size = 0
        for block in blocks:
            ahead.append(block)
            size += block[0].byte_count
            if size >= 2 * SAMPLE_BYTES:
                break
        if not ahead:
            return
        self._find_profile([block.head(MAX_SAMPLE_LINES)["line"] for block, _ in ahead], size)
        yield from ahead
        yield from blocks

    def _find_profile(self, heads: list[pl.Series], size: int) -> None:
        """Find what the stream is by *heads* of its first blocks; *size*: bytes that are read."""
        sample = pl.concat(heads) if heads else pl.Series("line", [], pl.String)
        self.profile = detect(_sample(sample), self.options.formats)
        self.clocks.offset_micros = self.profile.offset_micros
        if self.profile.newest and self.profile.newest > self.clocks.latest:
            self.clocks.latest = LATEST  # this machine's clock is wrong, not that of every line
        if self.profile.newest and self.profile.newest >= EARLIEST:
            self.clocks.shown = self.profile.newest
        if size >= self.options.least_scanned_bytes:
            self.scanner = self._open_scanner(self.profile)

    def _in_time_order(self) -> Iterator[_Block]:
        """Yield every block, those of a source that runs from new to old last to first."""
        for index, blocks in itertools.groupby(self._profiled(), key=lambda block: block[1]):
            if self.positions[index].offset:
                yield from blocks
                continue
            ahead: list[_Block] = []
            for block in blocks:
                ahead.append(block)
                if sum(one.height for one, _ in ahead) >= ORDER_SAMPLE_LINES:
                    break
            heads = [one.head(ORDER_SAMPLE_LINES)["line"] for one, _ in ahead]
            lines = pl.concat(heads).head(ORDER_SAMPLE_LINES)
            rest = itertools.chain(ahead, blocks)  # noqa: B031  # of this source, and used once
            if self._is_newest_first(lines):
                self.tallies[index].is_reversed = True
                self.whole.add(index)
                frames: Iterator[pl.DataFrame] = (one.lines for one, _ in rest)
                if _has_traces_forward(lines):
                    frames = self._in_records(frames)
                backward = backwards(frames)
                rest = ((Block(frame), index) for frame in backward)  # type: ignore[assignment]
            yield from rest

    def _in_records(self, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Add the number of the record that each line belongs to, as `record`; no record is split
        over two frames.
        """
        assert self.profile is not None
        held: pl.DataFrame | None = None
        for lines in frames:
            lines = lines if held is None else pl.concat([held, lines])
            payload = peel(lines["line"], self.profile.layers, b"")["payload"]
            heads = match(payload, self.profile.formats, len(self.profile.shares))
            numbered = lines.with_columns(record=heads.format_index.is_not_null().cum_sum())
            last = numbered["record"] == numbered["record"].max()
            held = lines.filter(last)
            if (whole := numbered.filter(~last)).height:
                yield whole
        if held is not None:
            yield held.with_columns(record=pl.lit(0, pl.UInt32))

    def _is_newest_first(self, lines: pl.Series) -> bool:
        """Tell whether the times of *lines* go down, within each container and stream.

        Most files show by a tenth of the sample that they do not.
        """
        few = lines.head(ORDER_SAMPLE_LINES // 10)
        ups, downs, falls = self._steps(few)
        if len(few) < len(lines) and (downs > ups or ups + downs < MIN_ORDER_STEPS):
            ups, downs, falls = self._steps(lines)
        is_steady = downs > DESCENDING_SHARE * (ups + downs)
        return ups + downs >= MIN_ORDER_STEPS and is_steady and falls

    def _steps(self, lines: pl.Series) -> tuple[int, int, bool]:
        """Count the steps up and down between the times of neighbouring *lines* of one stream, and
        tell whether they fall on the whole: short runs that fall may follow each other upwards.
        """
        profile = self.profile
        assert profile is not None
        if len(lines) < MIN_ORDER_STEPS:
            return 0, 0, False
        records = _keyed(peel(lines, profile.layers, b"")).with_row_index("row")
        if records["observed_timestamp"].null_count() == 0:
            steps = records.select("key", time="observed_timestamp")
        else:
            steps = self._own_times(records, profile)
        steps = steps.drop_nulls("time")
        signs = steps.select(pl.col("time").diff().over("key").dt.total_microseconds().sign())[
            "time"
        ]
        times = steps["time"].to_physical()
        half = len(times) // 2
        falls = half > 0 and times.head(half).median() > times.tail(half).median()  # type: ignore[operator]
        return int((signs > 0).sum()), int((signs < 0).sum()), bool(falls)

    @staticmethod
    def _own_times(records: pl.DataFrame, profile: Profile) -> pl.DataFrame:
        """Read `time` of each of *records*, with its `key`; only the formats of the sample are
        asked, since lines that these do not take tell nothing of the order.
        """
        likely = profile.formats[: len(profile.shares)]
        heads = match(records["payload"], likely, len(likely))
        records = records.with_columns(
            format_index=heads.format_index, pattern_index=heads.pattern_index
        )
        read = parse.read_heads(records, heads.objects, likely)
        return read.sort("row").select(
            "key", time=pl.coalesce("payload_timestamp", "observed_timestamp")
        )

    def _open_scanner(self, profile: Profile) -> Scanner | None:
        options = self.options
        if not options.uses_scanner or options.keep_all or not can_scan(profile):
            return None
        if (library := load_library()) is None:
            return None
        # Where nothing else says who writes, each record may.
        keys = () if self.identity.is_certain else SERVICE_KEYS
        return Scanner(
            library, profile, options.formats, options.zone, options.borders, keys,
            self.clocks.latest, options.notable, options.whole_lines,
        )  # fmt: skip

    def _records(self, lines: pl.DataFrame, raw: bytes, index: int) -> pl.DataFrame:
        """Turn lines into records, a row a line."""
        return self._completed(_unknown(self._peeled(lines, raw)), index)

    def _peeled(self, lines: pl.DataFrame, raw: bytes) -> pl.DataFrame:
        assert self.profile is not None
        layers = self.profile.layers
        peeled = peel(lines["line"], layers, raw)
        if layers[:1] == (JSON_FILE,) and (parted := part_records(lines, peeled)) is not None:
            lines = parted
            peeled = peel(lines["line"], layers)
        return pl.concat([peeled, lines.drop("line")], how="horizontal")

    def _scan(self, block: Block, index: int) -> pl.DataFrame:
        """Turn lines into records, but for those that the scanner counts."""
        if self.scanner is None:
            return self._records(block.lines, block.raw, index)
        if not block.raw:
            self.scanner.forget()
            return self._records(block.lines, b"", index)
        tally = self.tallies[index]
        self.scanner.scan(block.raw, block.first_number, block.first_offset)
        counted = self.scanner.tally()
        if counted.event_count:
            tally.event_count += counted.event_count
            tally.event_line_count += counted.event_count
            tally.format_names |= counted.format_names
            tally.times.update(counted.times)
            tally.widen(counted.first, counted.last)
        kept, left = self.scanner.kept()
        decoded = _decoded(kept)
        if left.height:
            rest = _unknown(self._peeled(left, b""))
            decoded = pl.concat([decoded, rest]).sort("line_number", maintain_order=True)
        return self._completed(decoded, index)

    def _completed(self, records: pl.DataFrame, index: int) -> pl.DataFrame:
        assert self.profile is not None
        is_docker = JSON_FILE in self.profile.layers
        records = records.with_columns(
            source=pl.lit(index, pl.Int32),
            byte_end=pl.col("byte_offset") + pl.col("byte_length"),
            has_tag=pl.lit(not is_docker),
            chunk_bytes=pl.col("payload").str.len_bytes().cast(pl.Int64),
            partial_joined_count=pl.lit(0, pl.Int32),
        )
        records = self.clocks.settle_envelope(records, index)
        return (
            split_payloads(records)
            if self.profile.layers
            else records.with_columns(is_rest=pl.lit(False))
        )

    def _scanned(self, *, at_least: int | None = None) -> Iterator[Batch]:
        """Yield what the scanner has counted, when that has become much."""
        if self.scanner is None:
            return
        counts = self.scanner.counts(**({} if at_least is None else {"at_least": at_least}))
        if counts is None:
            return
        # Nothing but the stream itself says who wrote what is counted.
        nobody = pl.DataFrame(schema={**PEELED, "row": pl.UInt32}).clear(1)
        nothing = pl.DataFrame(schema={"row": pl.UInt32})
        who = name_events(
            nobody, nothing, self.identity, self.options.services, self.stream.name
        ).row(0, named=True)
        names = {name: pl.lit(who[name], pl.String) for name in ("service_name", "container_name")}
        by_hour, by_minute = (part.with_columns(**names) for part in counts)
        yield Batch(
            pl.DataFrame(schema=EVENTS),
            merge_rollup([by_hour.select(pl.col(n).cast(t) for n, t in ROLLUP.items())]),
            by_minute.select(pl.col(n).cast(t) for n, t in MINUTES.items()),
            pl.DataFrame(schema=EVENTS),
            pl.DataFrame(schema=LATENCIES),
        )

    def _process(self, records: pl.DataFrame, *, is_last: bool) -> Iterator[Batch]:
        profile = self.profile
        assert profile is not None
        if self.held is not None and self.held.height:
            records = pl.concat([self.held, records])
        if records.is_empty():
            return
        records = _keyed(records)
        if records["is_partial"].any():
            early = match(records["payload"], profile.formats, len(profile.shares))
            records = join_partials(records, early.format_index.is_not_null())
        if records["payload"].str.contains("\r", literal=True).any():
            whole = ~records["is_partial"]
            states = last_states(records["payload"]).zip_with(whole, records["payload"])
            records = records.with_columns(payload=states)
        if profile.headers:
            records = join_headers(records, profile.headers)
        headed, heads = self._with_heads(records, profile)
        marked = mark_starts(headed, self.options.max_event_lines)
        done, held = _split(marked, is_last=is_last)
        # What is held is read again as it came.
        self.held = None if held is None else records[held].drop("key")
        if done.height:
            yield self._finish(done, heads, profile)

    def _with_heads(self, records: pl.DataFrame, profile: Profile) -> tuple[pl.DataFrame, Heads]:
        # The scanner has told of most lines what they are. Objects are decoded all the same.
        asked = (records["known"] == UNKNOWN) | (
            (records["known"] == HEAD) & records["payload"].str.starts_with("{")
        )
        rows = asked.arg_true()
        part = records["payload"].gather(rows)
        payload = part
        continues = records["is_rest"].gather(rows)
        for pattern, after in profile.continuations:
            fits = payload.str.contains(pattern)
            if after is not None and fits.any():
                same = records["key"] == records["key"].shift(1)
                fit = same & records["payload"].shift(1).str.contains(after)
                fits &= fit.gather(rows).fill_null(False)
            if fits.any():
                payload = payload.str.extract(pattern).zip_with(fits, payload)
                continues = continues | fits
        heads = match(payload, profile.formats, len(profile.shares))
        format_index = heads.format_index
        if continues.any():
            nothing = pl.Series([None], dtype=pl.Int32).new_from_index(0, len(payload))
            format_index = nothing.zip_with(continues, format_index)
        if payload is not part:
            payload = records["payload"].scatter(rows, payload)
        else:
            payload = records["payload"]
        nowhere = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(payload))
        heads = Heads(
            records["scan_format"].scatter(rows, format_index),
            records["scan_pattern"].scatter(rows, heads.pattern_index),
            heads.objects.with_columns(row=rows.gather(heads.objects["row"])),
        )
        headed = [(name, flag) for name, flag in profile.headed.items() if name is not None]
        whole = profile.headed[None]
        is_headed = (
            records["container_name"].replace_strict(
                [name for name, _ in headed],
                [flag for _, flag in headed],
                default=whole,
                return_dtype=pl.Boolean,
            )
            if headed
            else pl.Series([whole]).new_from_index(0, len(payload))
        )
        return (
            records.with_columns(
                payload=payload,
                format_index=heads.format_index,
                pattern_index=heads.pattern_index,
                is_continuation=nowhere.scatter(rows, continues),
                # What is a record to its envelope never goes on from the one before.
                is_headed=is_headed.fill_null(whole) & records["envelope_format"].is_null(),
                row=pl.int_range(pl.len(), dtype=pl.UInt32),
            ),
            heads,
        )

    def _finish(self, done: pl.DataFrame, heads: Heads, profile: Profile) -> Batch:
        firsts = events_of(done)
        events = parse.read_heads(firsts, heads.objects, profile.formats)
        events = self.clocks.settle(events)
        events = with_exceptions_flagged(events, heads, profile)
        events = with_envelope_words(events)
        events = name_events(
            events, heads.objects, self.identity, self.options.services, self.stream.name
        )
        self._count(done, events)
        marked = events.with_columns(
            is_kept=self._is_kept(), is_notable=_holds(self.options.notable)
        ).filter(pl.col("is_kept") | pl.col("is_notable"))
        kept, notable = self._detailed(marked, done, heads, profile)
        borders = self.options.borders
        timed = self._timed(events, heads, profile)
        latencies = latencies_of(timed, borders, self.options.whole_lines)
        return Batch(kept, rollup_of(events, borders), minutes_of(events), notable, latencies)

    def _timed(self, events: pl.DataFrame, heads: Heads, profile: Profile) -> pl.DataFrame:
        """Return the requests that are drawn, with `duration_ms`."""
        whole = self.options.whole_lines
        is_request = pl.col("http_response_status_code").is_not_null() & is_drawn(whole)
        drawn = events.filter(is_request & pl.col("timestamp").is_not_null())
        if drawn.is_empty():
            return drawn.with_columns(duration_ms=pl.lit(None, pl.Float64))
        named = drawn.rename({"service_name": "stream_service_name"})
        details = parse.read_details(named, heads.objects, profile.formats)
        return details.with_columns(
            service_name=pl.col("stream_service_name"), duration_ms=durations_of(details)
        )

    def _is_kept(self) -> pl.Expr:
        if self.options.texts:
            return _holds(self.options.texts)
        return pl.lit(True) if self.options.keep_all else is_candidate()

    def _count(self, done: pl.DataFrame, events: pl.DataFrame) -> None:
        lines = done.group_by("source").agg(
            inside=pl.col("line_count").filter(pl.col("event").is_not_null()).sum(),
            blank=pl.col("line_count").filter(pl.col("event").is_null()).sum(),
            joined=pl.col("partial_joined_count").sum(),
        )
        for source, inside, blank, joined in lines.rows():
            tally = self.tallies[source]
            tally.event_line_count += inside
            tally.blank_line_count += blank
            tally.partial_joined_count += joined
        # Lines of an event without a first line would be counted here and stand nowhere.
        if lost := int(lines["inside"].sum()) - int(events["line_count"].sum()):
            raise ConservationError(
                f"{self.stream.name}: {lost:,} lines belong to an event that does not exist",
                hint="this is a fault of the program: please report it, with the file if possible",
            )
        facts = events.group_by("source").agg(
            pl.len(),
            (pl.col("format_name") == parse.UNPARSED).sum().alias("unparsed"),
            pl.col("timestamp").min().alias("first"),
            pl.col("timestamp").max().alias("last"),
            pl.col("format_name").unique(),
        )
        for source, count, unparsed, first, last, names in facts.rows():
            tally = self.tallies[source]
            tally.event_count += count
            tally.unparsed_event_count += unparsed
            tally.format_names.update(names)
            tally.widen(first, last)
        for source, counts in count_by_source(events).items():
            self.tallies[source].times.update(counts)

    def _first_moment(self, source: int) -> datetime | None:
        """Read a source without dates once more, to its end: that is the one moment known of it."""
        found = self.stream.sources[source]
        if found.path == STDIN or found.modified is None:
            return None

        def times_of_day() -> Iterator[pl.Series]:
            assert self.profile is not None
            profile = self.profile
            for block in read_blocks(found, Reading(), self.options.block_bytes):
                payload = self._records(block.lines, block.raw, source)["payload"]
                heads = match(payload, profile.formats, len(profile.shares))
                times = parse.read_times(heads.records(payload), heads.objects, profile.formats)
                yield times["timestamp"].filter(is_dateless(times["timestamp"]))

        return first_moment(times_of_day(), found.modified)

    def _detailed(
        self, kept: pl.DataFrame, done: pl.DataFrame, heads: Heads, profile: Profile
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return those of the events *kept* that `is_kept`, and those that are `is_notable`."""
        if kept.is_empty():
            return pl.DataFrame(schema=EVENTS), pl.DataFrame(schema=EVENTS)
        kept = kept.rename({"service_name": "stream_service_name"})
        details = parse.read_details(kept, heads.objects, profile.formats)
        events = with_bodies(details, done)
        events = with_exceptions(events)
        paths = [source.path for source in self.stream.sources]
        backward = [number for number, one in enumerate(self.tallies) if one.is_reversed]
        body = pl.col("body").str.head(MAX_BODY_CHARACTERS)
        computed: dict[str, pl.Expr | pl.Series] = {
            "time_flags": flag_names(pl.col("source").is_in(backward)),
            "body": body,
            "service_name": pl.col("stream_service_name"),
            "container_id": pl.lit(self.identity.container_id, pl.String),
            "scope_name": pl.coalesce("scope_name", "envelope_scope"),
            **ids_of(events),
            "duration_ms": durations_of(events),
            "http_route": http_route(events["url_path"]),
            "template_id": pl.lit(None, pl.String),
            "template": pl.lit(None, pl.String),
            "fingerprint": pl.lit(None, pl.String),
            "error_class": pl.lit(None, pl.String),
            "log_file_path": pl.col("source").replace_strict(
                list(range(len(paths))), paths, return_dtype=pl.String
            ),
            "byte_length": pl.col("byte_end") - pl.col("byte_offset"),
        }
        events = events.with_columns(**computed)
        if events["is_kept"].all() and not events["is_notable"].any():
            return in_order(events), pl.DataFrame(schema=EVENTS)
        return in_order(events.filter("is_kept")), in_order(events.filter("is_notable"))

    def ledger_rows(self) -> list[dict[str, object]]:
        """Return a row of `LEDGER` for each source, in stream order."""
        return [
            self._ledger_row(source, tally)
            for source, tally in zip(self.stream.sources, self.tallies, strict=True)
        ]

    def _service(self) -> str:
        who, path = self.identity, self.stream.name
        names = (path, Path(path).name, who.pod_name, who.service_name, who.container_name)
        return ruled_service(self.options.services, names) or who.service_name

    def _ledger_row(self, source: Source, tally: Tally) -> dict[str, object]:
        reading = tally.reading
        zone, offset = self.options.zone, self.clocks.offset_micros
        assumption = None
        if tally.times["tz_inferred"] and offset:
            assumption = f"{offset / 3_600_000_000:+.2f} h from UTC (inferred from the envelope)"
        elif tally.times["tz_given"]:
            assumption = zone
        elif tally.times["tz_assumed"]:
            assumption = "UTC (assumed)"
        return {
            "log_file_path": source.path,
            "service_name": self._service(),
            "byte_count": reading.byte_count,
            "line_count": reading.line_count,
            "event_count": tally.event_count,
            "event_line_count": tally.event_line_count,
            "blank_line_count": tally.blank_line_count,
            "unparsed_event_count": tally.unparsed_event_count,
            "undecodable_byte_count": reading.undecodable_byte_count,
            "format_names": sorted(tally.format_names),
            "encoding": source.encoding if source.error is None else None,
            "first_timestamp": tally.first,
            "last_timestamp": tally.last,
            "time_zone_assumption": assumption,
            "time_notes": time_notes(tally.times),
            "partial_joined_count": tally.partial_joined_count,
            "sha256_head": source.sha256_head,
            "error": source.error or reading.error,
            "truncated_line_count": reading.truncated_line_count,
            "nul_byte_count": reading.nul_byte_count,
            "is_reversed": tally.is_reversed,
            "notes": [*source.notes, *([WIDE_LINES_NOTE] if reading.has_wide_lines else ())],
        }


def _holds(texts: tuple[str, ...]) -> pl.Expr:
    """Tell of each event whether its first line holds one of *texts*."""
    if not texts:
        return pl.lit(False)
    return pl.col("payload").str.contains_any(list(texts)).fill_null(False)


def _has_traces_forward(lines: pl.Series) -> bool:
    """Tell whether tracebacks among *lines* run forward, though the file runs from new to old.

    Exports that put out a record of several lines as one keep the order within it; where each line
    was a record of its own, its lines run backwards too.
    """
    before, after = lines.shift(1).fill_null(""), lines.shift(-1).fill_null("")
    is_start = lines.str.contains(_TRACE_START)
    is_frame = lines.str.contains(_TRACE_FRAME)
    forward = [
        is_start & after.str.contains(r"^\s"),
        is_frame & before.str.contains(_TRACE_HEAD),
    ]
    backward = [
        is_start & before.str.contains(r"^\s"),
        is_frame & after.str.contains(_TRACE_HEAD),
    ]
    return _count(forward) > _count(backward)


def _count(tests: list[pl.Series]) -> int:
    return sum(int(test.sum()) for test in tests)


_SCANNED = (
    *PEELED, "line_number", "byte_offset", "byte_length", "line_count", "known", "scan_format",
    "scan_pattern",
)  # fmt: skip


def _decoded(lines: pl.DataFrame) -> pl.DataFrame:
    """Give lines that the scanner decoded the columns that its envelopes have not: `_SCANNED`."""
    missing = {name: dtype for name, dtype in PEELED.items() if name not in lines.columns}
    return lines.with_columns(
        *(pl.lit(None, dtype).alias(name) for name, dtype in missing.items()),
        line_count=pl.lit(1, pl.Int32),
    ).select(*_SCANNED)


def _unknown(records: pl.DataFrame) -> pl.DataFrame:
    """Mark records of which the scanner says nothing: columns `_SCANNED`."""
    count = pl.col("line_count") if "line_count" in records.columns else pl.lit(1)
    return records.with_columns(
        line_count=count.cast(pl.Int32),
        known=pl.lit(UNKNOWN, pl.UInt8),
        scan_format=pl.lit(None, pl.Int32),
        scan_pattern=pl.lit(None, pl.Int32),
    ).select(*_SCANNED)


def _sample(lines: pl.Series) -> pl.Series:
    taken = lines.head(MAX_SAMPLE_LINES)
    return (
        taken.filter(taken.str.len_bytes().cum_sum() <= SAMPLE_BYTES) if len(taken) > 1 else taken
    )


def _keyed(records: pl.DataFrame) -> pl.DataFrame:
    """Give each record the key of its stream (container, pod, stdout or stderr) and sort by it."""
    parts = ["pod_name", "container_name", "log_iostream", "envelope_service", "writer"]
    if all(records[part].n_unique() == 1 for part in parts):
        key = "\x1f".join(str(records[part][0]) for part in parts)
        return records.with_columns(key=pl.lit(key))
    key_text = pl.concat_str([pl.col(part).fill_null("None") for part in parts], separator="\x1f")
    return records.with_columns(key=key_text).sort("key", maintain_order=True)


# So many lines above the end of a block may belong to a trace that goes on in the next.
_OPEN_LINES = 64


def _split(marked: pl.DataFrame, *, is_last: bool) -> tuple[pl.DataFrame, pl.Series | None]:
    """Part finished records from those whose event may still grow, which are given by their rows.

    Those are each key's last event, and from the first one on that a trace near the end may still
    add to.
    """
    if is_last:
        return marked, None
    numbered = marked.with_row_index("place").with_columns(
        begin=pl.when("is_start").then("place").forward_fill().over("key").fill_null(0)
    )
    left = pl.len() - pl.int_range(pl.len())
    open_ = numbered.group_by("key", maintain_order=True).agg(
        last=pl.col("begin").last(),
        traced=pl.col("begin").filter(pl.col("may_grow") & (left <= _OPEN_LINES)).min(),
    )
    open_ = open_.select("key", at=pl.min_horizontal("last", "traced"))
    if open_.height == 1:
        at = int(open_["at"][0])
        return marked.head(at), marked["row"].slice(at).sort()
    joined = numbered.join(open_, on="key", how="left", maintain_order="left")
    is_open = joined["place"] >= joined["at"]
    return marked.filter(~is_open), marked["row"].filter(is_open).sort()
