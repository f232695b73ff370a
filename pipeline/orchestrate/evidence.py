"""Whether the samples of a report still stand in the logs, and where."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from pipeline import store
from pipeline.facts import EvidenceCheck, EvidenceReport
from pipeline.ingest import STDIN, find_streams
from pipeline.ingest.archives import SEPARATOR
from pipeline.ingest.segments import (
    MAX_SEGMENT_BYTES,
    Segment,
    find_segments,
    needle_of,
    read_segments,
    segment_hash,
)
from pipeline.ingest.sources import Source, rotation_key
from pipeline.model import Finding, Result, Sample
from pipeline.orchestrate.reading import Tell
from pipeline.orchestrate.runs import load_result

# Text at the place of a sample is the sample, changed, when this much of it is alike.
_ALIKE = 0.6
_COMPARED_CHARACTERS = 400


def verify_evidence(
    run: Path, logs: Sequence[str], *, tell: Tell = lambda _: None
) -> EvidenceReport:
    """Look for every sample of the run in *run* in *logs* (none: where they were read from).

    Raises `UsageError` when there is no such run, or a path of *logs* does not exist.
    """
    folder, result = load_result(run)
    heads = heads_of(folder.parent)
    sources = sources_of(result, logs, skip=[folder.parent])
    pairs = [(one, sample) for one in result.findings for sample in one.samples]
    checks = Search(sources, heads, tell).checks(pairs)
    return EvidenceReport(result.run.run_id, len(sources), checks)


def heads_of(folder: Path) -> dict[str, str]:
    """Return the hashes of the first bytes of the sources as they were read, by path."""
    ledger = store.run_files(folder).table("ledger")
    return dict(ledger.drop_nulls("sha256_head").select("log_file_path", "sha256_head").iter_rows())


def sources_of(result: Result, logs: Sequence[str], *, skip: Sequence[Path]) -> list[Source]:
    """Return the readable sources below *logs*, else the files that samples were read from."""
    paths = list(logs) or sorted(
        {
            path
            for one in result.findings
            for sample in one.samples
            if os.path.lexists(path := sample.log_file_path.split(SEPARATOR)[0])
        }
    )
    streams = find_streams(paths, skip=skip, follows_outside=True)
    found = [source for stream in streams for source in stream.sources]
    return [one for one in found if one.origin is not None and one.path != STDIN]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One sample that is looked for; *home* is the source that bears its name now."""

    finding: Finding
    sample: Sample
    home: Source | None

    @property
    def segment(self) -> Segment:
        length = min(self.sample.byte_length or 0, MAX_SEGMENT_BYTES)
        return Segment(self.sample.byte_offset, length)


class Search:
    """Looks for samples in *sources*: at their own place, at the same place of another file (which
    is what rotation makes), then by their text. *heads* are hashes of first bytes by path.
    """

    def __init__(self, sources: Sequence[Source], heads: Mapping[str, str], tell: Tell) -> None:
        self._sources = sources
        self._heads = heads
        self._tell = tell

    def checks(self, pairs: Sequence[tuple[Finding, Sample]]) -> list[EvidenceCheck]:
        """Return what became of each sample, in the order given."""
        wanted = [_Wanted(one, sample, self.home_of(sample)) for one, sample in pairs]
        done: dict[int, EvidenceCheck] = {
            at: _check(one, "unverifiable", reason)
            for at, one in enumerate(wanted)
            if (reason := _unverifiable(one.sample))
        }
        self._at_home(wanted, done)
        self._at_same_place(wanted, done)
        self._by_text(wanted, done)
        self._named(wanted, done)
        return [done[at] for at in range(len(wanted))]

    def source_at(self, path: str | None) -> Source | None:
        """Return the source with exactly this path."""
        return next((one for one in self._sources if one.path == path), None)

    def home_of(self, sample: Sample) -> Source | None:
        """Return the source with the path of *sample*, else with the longest common end of it."""
        return _named_like(sample.log_file_path, self._sources)

    def _at_home(self, wanted: Sequence[_Wanted], done: dict[int, EvidenceCheck]) -> None:
        for source, places in self._by_source(wanted, done).items():
            found = dict(read_segments(source, [wanted[at].segment for at in places]))
            for at in places:
                data = found.get(wanted[at].segment, b"")
                if segment_hash(data) == wanted[at].sample.segment_hash:
                    done[at] = _check(wanted[at], "intact", "", source, wanted[at].segment)

    def _by_source(
        self, wanted: Sequence[_Wanted], done: Mapping[int, EvidenceCheck]
    ) -> dict[Source, list[int]]:
        places: dict[Source, list[int]] = {}
        for at, one in enumerate(wanted):
            if at not in done and one.home is not None:
                places.setdefault(one.home, []).append(at)
        return places

    def _at_same_place(self, wanted: Sequence[_Wanted], done: dict[int, EvidenceCheck]) -> None:
        """A file that was renamed, compressed or copied away has the same bytes at the same
        offset.
        """
        for source in self._nearest_first(wanted, done):
            left = [at for at in range(len(wanted)) if at not in done]
            if not left:
                return
            self._tell(f"looking into {source.path}")
            found = dict(read_segments(source, [wanted[at].segment for at in left]))
            for at in left:
                data = found.get(wanted[at].segment, b"")
                if segment_hash(data) == wanted[at].sample.segment_hash:
                    done[at] = _moved(wanted[at], source, wanted[at].segment.byte_offset)

    def _nearest_first(
        self, wanted: Sequence[_Wanted], done: Mapping[int, EvidenceCheck]
    ) -> list[Source]:
        bases = {
            Path(rotation_key(one.sample.log_file_path)[0]).name
            for at, one in enumerate(wanted)
            if at not in done
        }
        return sorted(
            self._sources,
            key=lambda one: (Path(rotation_key(one.path)[0]).name not in bases, one.path),
        )

    def _by_text(self, wanted: Sequence[_Wanted], done: dict[int, EvidenceCheck]) -> None:
        for source in self._nearest_first(wanted, done):
            left = [at for at in range(len(wanted)) if at not in done]
            if not left:
                return
            self._tell(f"searching {source.path}")
            places = find_segments(
                source,
                [
                    (
                        str(one.sample.segment_hash),
                        one.segment.byte_length,
                        needle_of(one.sample.body),
                    )
                    for one in (wanted[at] for at in left)
                ],
            )
            for at in left:
                offset = places.get(str(wanted[at].sample.segment_hash))
                if offset is not None:
                    done[at] = _moved(wanted[at], source, offset)

    def _named(self, wanted: Sequence[_Wanted], done: dict[int, EvidenceCheck]) -> None:
        """Say of what was found nowhere whether it was changed, or went away with its file."""
        for source, places in self._by_source(wanted, done).items():
            for at in places:
                done[at] = self._changed(wanted[at], source)
        for at, one in enumerate(wanted):
            if at not in done:
                done[at] = _check(one, "gone", "no file of that name is among the logs named")

    def _changed(self, one: _Wanted, source: Source) -> EvidenceCheck:
        is_same_file = self._heads.get(one.sample.log_file_path) == source.sha256_head
        before = max(0, one.segment.byte_offset - 1)
        wide = Segment(before, one.segment.byte_length + one.segment.byte_offset - before)
        data = next((data for _, data in read_segments(source, [wide])), b"")
        if len(data) < wide.byte_length and is_same_file:
            return _check(one, "altered", "the file now ends before it")
        is_line = before == one.segment.byte_offset or data.startswith(b"\n")
        if is_same_file or (is_line and _is_alike(data, one.sample.body)):
            return _check(one, "altered", "other bytes stand in its place")
        return _check(one, "gone", "its file was rotated away: another one has the name now")


def _is_alike(data: bytes, body: str) -> bool:
    # An envelope before the body is no difference, so it is the body that has to be there.
    text = data.decode("utf-8", "replace")[: 2 * _COMPARED_CHARACTERS]
    known = body[:_COMPARED_CHARACTERS]
    matched = SequenceMatcher(None, text, known, autojunk=False).get_matching_blocks()
    # Stray letters match anywhere: only runs of some length tell.
    return sum(run.size for run in matched if run.size > 3) >= _ALIKE * max(1, len(known))


def _named_like(path: str, sources: Sequence[Source]) -> Source | None:
    parts = path.replace(SEPARATOR, "/").split("/")

    def common(source: Source) -> int:
        own = source.path.replace(SEPARATOR, "/").split("/")
        pairs = zip(reversed(parts), reversed(own), strict=False)
        return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(parts), len(own)))

    exact = next((one for one in sources if one.path == path), None)
    best = exact or max(sources, key=common, default=None)
    return best if best is not None and common(best) else None


def _unverifiable(sample: Sample) -> str | None:
    if sample.log_file_path == STDIN:
        return "it was read from standard input, which cannot be read again"
    if sample.segment_hash is None or sample.byte_length is None:
        return "its bytes could not be read again when the report was made"
    return None


def _moved(one: _Wanted, source: Source, offset: int) -> EvidenceCheck:
    is_home = one.home is not None and source.path == one.home.path
    detail = "further on in the same file" if is_home else "in another file"
    if is_home and offset < one.segment.byte_offset:
        detail = "further up in the same file"
    return _check(one, "moved", detail, source, Segment(offset, one.segment.byte_length))


def _check(
    one: _Wanted,
    status: str,
    detail: str,
    source: Source | None = None,
    segment: Segment | None = None,
) -> EvidenceCheck:
    sample = one.sample
    return EvidenceCheck(
        finding_id=one.finding.finding_id,
        finding=one.finding.error_class or one.finding.title,
        log_file_path=sample.log_file_path,
        line_number=sample.line_number,
        byte_offset=sample.byte_offset,
        byte_length=sample.byte_length,
        segment_hash=sample.segment_hash,
        status=status,
        detail=detail,
        found_path=source.path if source else None,
        found_offset=segment.byte_offset if segment else None,
    )
