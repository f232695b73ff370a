"""Samples of a result with the hash of the bytes that they are in their source."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from pipeline.ingest import STDIN, Stream
from pipeline.ingest.segments import Segment, read_segments, segment_hash
from pipeline.model import Finding, Result, Sample
from pipeline.schema import Schema

EVIDENCE: Schema = {
    "log_file_path": pl.String,
    "byte_offset": pl.Int64,
    "byte_length": pl.Int64,
    "segment_hash": pl.String,
}


def seal(
    result: Result, streams: Iterable[Stream], known: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Read the bytes of every sample of *result* again; return their hashes (`EVIDENCE`).

    Those in *known*, hashed by an earlier run, are not read.

    A run reads its sources once, in columns, where hashing each event would cost more than all
    else; samples are few. What cannot be read again (a pipe, a file that was truncated meanwhile)
    has no row.
    """
    sources = {source.path: source for stream in streams for source in stream.sources}
    wanted: dict[str, set[Segment]] = defaultdict(set)
    for sample in (one for finding in result.findings for one in finding.samples):
        if sample.byte_length is not None:
            wanted[sample.log_file_path].add(Segment(sample.byte_offset, sample.byte_length))
    before = pl.DataFrame(schema=EVIDENCE) if known is None else known
    hashed = {
        (path, Segment(offset, length)): digest for path, offset, length, digest in before.rows()
    }
    rows = [
        (path, one.byte_offset, one.byte_length, hashed[path, one])
        for path, segments in sorted(wanted.items())
        for one in sorted(segments)
        if (path, one) in hashed
    ]
    wanted = {
        path: {one for one in segments if (path, one) not in hashed}
        for path, segments in wanted.items()
    }
    rows += [
        (path, segment.byte_offset, segment.byte_length, segment_hash(data))
        for path, segments in sorted(wanted.items())
        if segments and path in sources and path != STDIN
        for segment, data in read_segments(sources[path], segments)
        if len(data) == segment.byte_length
    ]
    return pl.DataFrame(rows, schema=EVIDENCE, orient="row")


def sealed(result: Result, evidence: pl.DataFrame) -> Result:
    """Return *result* with the hashes of *evidence* in its samples."""
    hashes = {(path, offset, length): own for path, offset, length, own in evidence.iter_rows()}

    def with_hash(one: Sample) -> Sample:
        place = (one.log_file_path, one.byte_offset, one.byte_length)
        return replace(one, segment_hash=hashes.get(place))

    def with_hashes(one: Finding) -> Finding:
        return replace(one, samples=[with_hash(sample) for sample in one.samples])

    return replace(result, findings=[with_hashes(one) for one in result.findings])
