"""Changes of the system: lines that tell of one to what changed, and what came before an error.

A process that starts writes several lines, and one that starts again and again many: each is told
once, with how often and in which steps. A version is held against the one before it in the same
service. That an error came after a change is all that is said of the two.
"""

import hashlib
import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl

from pipeline.model import Change, ChangeBefore, ChangeSearch, Finding

# Lines of different kinds, of one start or of one end, lie this near: recovery takes its time.
_ONE_START = timedelta(minutes=15)
# A container that logged this long before a start had run before it: starting takes less.
_RAN_BEFORE = timedelta(minutes=2)
# Kubernetes waits at most five minutes before it starts a container again, and it takes some time.
_LOOP_GAP = timedelta(minutes=10)
_LOOP_STARTS = 3
# A change counts as before an error when it lies so long before the latest moment of its onset.
BEFORE = timedelta(minutes=30)
# Of more changes, those before an error and the latest ones are told.
MOST_CHANGES = 1000
# Of all services: what a user may say instead of the name of one.
EVERYWHERE = "*"
_TEXT_CHARACTERS = 300
_STARTS = ("start", "restart")
_ENDS = ("stop", "crash", "oom_kill")
# Of these a process writes a second line in other words at once.
_SAID_TWICE = ("leader", "config", "certificate")
_SAID_AGAIN = timedelta(seconds=10)
# What is read while a process starts is no change of its own.
_READ_AT_START = timedelta(minutes=2)

_Row = dict[str, Any]


def find_changes(lines: pl.DataFrame) -> list[Change]:
    """Return the changes that *lines* (`change_lines`) tell of, in order of time.

    A start is a restart where its container logged before; three starts and more with at most ten
    minutes between are one crash loop, and repetitions of any other change one entry, too.
    """
    groups: dict[tuple[object, ...], list[_Row]] = defaultdict(list)
    changes = []
    for row in lines.iter_rows(named=True):
        if row["is_given"]:
            changes.append(_change(row))
        else:
            # Without a name of the container, each file is one.
            place = row["container_name"] or row["log_file_path"]
            groups[row["service_name"], place, row["product"], row["subject"]].append(row)
    told = [one for rows in groups.values() for one in _of_one(rows)]
    for own in _grouped(_with_versions(sorted(told, key=_order))):
        changes += _joined(own)
    return sorted(changes, key=_order)


def _grouped(changes: Iterable[Change]) -> Iterable[list[Change]]:
    """Return the changes of each process, as `find_changes` tells processes apart."""
    groups: dict[tuple[object, ...], list[Change]] = defaultdict(list)
    for one in changes:
        place = one.container_name or one.log_file_path
        groups[one.service_name, place, one.product, one.subject].append(one)
    return groups.values()


def _order(one: Change) -> tuple[Any, ...]:
    place = (one.log_file_path or "", one.line_number or 0, one.byte_offset or 0)
    return (one.timestamp, one.service_name, one.kind, one.text, *place)


def _of_one(rows: Sequence[_Row]) -> list[Change]:
    """Return the changes of one process, its starts each told once."""
    found: list[Change] = []
    signs: set[str] = set()
    start: int | None = None  # where the start stands that a line may still be of
    for row in rows:
        one = _change(row)
        if one.kind != "start":
            if one.kind == "stop" and _has_ended(found, one):
                continue
            if one.kind in _SAID_TWICE and _was_said(found, one):
                continue
            if one.kind in _ENDS:
                start = None
            found.append(one)
            continue
        begun = found[start] if start is not None else None
        if (
            begun is not None
            and row["sign"] not in signs
            and one.timestamp - begun.timestamp <= _ONE_START
        ):
            found[start or 0] = replace(begun, version=begun.version or one.version)
            signs.add(row["sign"])
            continue
        has_run = any(at.kind in (*_STARTS, *_ENDS) for at in found)
        since = row["logged_since"]
        if has_run or (since is not None and one.timestamp - since > _RAN_BEFORE):
            one = replace(one, kind="restart")
        start, signs = len(found), {row["sign"]}
        found.append(one)
    return found


def _was_said(found: Sequence[Change], one: Change) -> bool:
    """Tell whether another line told of the same just before, or the start did."""
    known = [at for at in found if at.kind in (one.kind, *_STARTS)]
    if not known:
        return False
    before, since = known[-1], one.timestamp - known[-1].timestamp
    if before.kind in _STARTS:
        return one.kind == "config" and since <= _READ_AT_START
    return since <= _SAID_AGAIN and _masked(before) != _masked(one)


def _masked(one: Change) -> str:
    return _NUMBERS.sub("0", one.text)


def _has_ended(found: Sequence[Change], one: Change) -> bool:
    """Tell whether the end that *one* tells of was told before: asked for, then done."""
    known = [at for at in found if at.kind in (*_STARTS, *_ENDS)]
    return (
        bool(known)
        and known[-1].kind == "stop"
        and one.timestamp - known[-1].timestamp <= _ONE_START
    )


def _joined(changes: Sequence[Change]) -> list[Change]:
    """Make runs of the same change one entry: three at least, each soon after the one before."""
    runs: dict[tuple[object, ...], list[list[Change]]] = defaultdict(list)
    stops = [one.timestamp for one in changes if one.kind == "stop"]
    for one in changes:
        is_start = one.kind in _STARTS
        key = ("start",) if is_start else (one.kind, _masked(one))
        own = runs[key]
        if own and one.timestamp - _end(own[-1][-1]) <= _LOOP_GAP and _is_same(own[-1][-1], one):
            own[-1].append(one)
        else:
            own.append([one])
    return [at for own in runs.values() for run in own for at in _entry(run, stops)]


_NUMBERS = re.compile(r"[0-9]+")


def _is_same(one: Change, other: Change) -> bool:
    return one.version == other.version or None in (one.version, other.version)


def _end(one: Change) -> datetime:
    return one.last_timestamp or one.timestamp


def _entry(run: Sequence[Change], stops: Sequence[datetime]) -> list[Change]:
    count = sum(one.event_count for one in run)
    first, last = run[0], run[-1]
    if count < _LOOP_STARTS:
        return list(run)
    steps = [(b.timestamp - a.timestamp).total_seconds() for a, b in pairwise(run)]
    kind = first.kind
    if kind in _STARTS:
        # What was told to end before each start does not crash.
        is_told = any(first.timestamp < at < last.timestamp for at in stops)
        kind = "restart" if is_told else "crash_loop"
    return [
        replace(
            first,
            kind=kind,
            event_count=count,
            last_timestamp=_end(last),
            period_seconds=statistics.median(steps) if steps else None,
        )
    ]


def _with_versions(changes: Sequence[Change]) -> list[Change]:
    """Call a start another version where the service ran one before that was told."""
    known: dict[tuple[str, str | None], str] = {}
    found = []
    for one in changes:
        key = (one.service_name, one.product)
        before = known.get(key)
        if one.version is not None and not one.is_given:
            known[key] = one.version
            if before not in (None, one.version) and one.kind in _STARTS:
                one = replace(one, kind="deploy", previous_version=before)
        found.append(one)
    return found


def _change(row: Mapping[str, Any]) -> Change:
    place = f"{row['log_file_path']}:{row['line_number']}"
    if row["is_given"]:
        source = "given by the user" + (f" in {place}" if row["log_file_path"] else "")
    else:
        source = place
    told = (row["service_name"], row["sign"], row["timestamp"], row["text"], place)
    return Change(
        timestamp=row["timestamp"],
        service_name=row["service_name"],
        kind=row["kind"],
        text=row["text"][:_TEXT_CHARACTERS],
        source=source,
        change_id=hashlib.sha256(repr(told).encode()).hexdigest()[:12],
        sign=row["sign"],
        product=row["product"],
        subject=row["subject"],
        container_name=row["container_name"],
        version=row["version"],
        previous_version=row["previous"],
        event_count=row["event_count"],
        is_given=row["is_given"],
        window=row["window_name"],
        log_file_path=row["log_file_path"],
        line_number=row["line_number"],
        byte_offset=row["byte_offset"],
        byte_length=row["byte_length"],
    )


# ---- beside what rose -------------------------------------------------------------------------


def with_changes_before(
    findings: Iterable[Finding], changes: Sequence[Change], minutes: pl.DataFrame
) -> list[Finding]:
    """Give each finding with an onset the changes that came before it, those of its services first.

    *minutes* (`finding_minutes`) tell whether the class followed the same change in the baseline.
    """
    return [
        replace(one, changes_before=_before(one, changes, minutes)) if one.onset else one
        for one in findings
    ]


def _before(one: Finding, changes: Sequence[Change], minutes: pl.DataFrame) -> list[ChangeBefore]:
    assert one.onset is not None
    lower, upper = one.onset_lower or one.onset, one.onset_upper or one.onset
    if not one.baseline_count and one.first_seen is not None:
        # What is new cannot have begun before its first event, nor after it.
        lower = upper = one.first_seen
    services = {at.service_name for at in one.services}
    near = [at for at in changes if at.timestamp <= upper and _end(at) >= upper - BEFORE]
    if not near:
        return []
    rows = minutes.filter(
        (pl.col("finding_id") == one.finding_id) & (pl.col("window_name") == "baseline")
    )
    seen = rows["bucket_start"].sort().to_list()
    told = []
    for at in near:
        same = [
            other
            for other in changes
            if other.window == "baseline"
            and other is not at
            and (other.kind, other.service_name) == (at.kind, at.service_name)
            and other.timestamp < lower
        ]
        told.append(
            ChangeBefore(
                change_id=at.change_id,
                seconds_before=(max(one.onset, lower) - at.timestamp).total_seconds(),
                is_same_service=at.service_name in services or at.service_name == EVERYWHERE,
                is_order_known=at.timestamp < lower,
                baseline_count=len(same),
                baseline_followed_count=sum(_is_followed(other, seen) for other in same),
            )
        )
    return sorted(told, key=lambda at: (not at.is_same_service, at.seconds_before, at.change_id))


def _is_followed(one: Change, minutes: Sequence[datetime]) -> bool:
    first = one.timestamp.replace(second=0, microsecond=0)
    return any(first <= at <= _end(one) + BEFORE for at in minutes)


def shown(changes: Sequence[Change], findings: Iterable[Finding]) -> list[Change]:
    """Return at most `MOST_CHANGES`: those before an error, then those of the candidate window,
    latest first; in order of time.
    """
    if len(changes) <= MOST_CHANGES:
        return list(changes)
    named = {at.change_id for one in findings for at in one.changes_before}
    ranked = sorted(
        changes,
        key=lambda at: (
            at.change_id not in named,
            at.window != "candidate",
            -at.timestamp.timestamp(),
        ),
    )
    return sorted(ranked[:MOST_CHANGES], key=_order)


def search_of(
    lines: pl.DataFrame, changes: Sequence[Change], told: Sequence[Change], sign_count: int
) -> ChangeSearch:
    """Say how much was looked for and found."""
    return ChangeSearch(
        sign_count=sign_count,
        line_count=int(lines.filter(~pl.col("is_given"))["event_count"].sum()),
        given_count=int(lines["is_given"].sum()),
        change_count=len(changes),
        left_out_count=len(changes) - len(told),
    )
