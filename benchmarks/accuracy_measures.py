"""The measures of `accuracy.py`: each compares what was read with a truth file or the raw lines."""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.accuracy_truth import Event, Figure, Logs, Miss, figure, instant, json_object

WARN, ERROR = 13, 17  # OpenTelemetry's severity numbers
_RESOLUTION = timedelta(microseconds=1)
_DIFFERENCES = Path(__file__).with_name("accuracy_differences.toml")


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of the table: which of the five lines it belongs to, what it reads, how it is taken."""

    line: int
    name: str
    title: str
    target: float
    reads: tuple[str, ...]
    take: Callable[[Logs], Figure]

    def holds(self, found: Figure) -> bool:
        """Tell whether the share that is right reaches the target."""
        return found.share >= self.target


# --- 1: nothing is lost ---------------------------------------------------------------------------


def lines_kept(logs: Logs) -> Figure:
    """Every line of a file is in an event or blank, and as many as the manifest says."""
    in_events: Counter[str] = Counter()
    for path, count in logs.events.select("log_file_path", "line_count").rows():
        in_events[path] += count
    blank = dict(logs.ledger.select("log_file_path", "blank_line_count").rows())
    wrong = []
    lost = 0
    for path, lines in logs.manifest.items():
        kept = in_events[path] + blank.get(path, 0)
        if kept != lines:
            wrong.append(Miss(path, 0, lines, kept))
            lost += abs(lines - kept)
    total = sum(logs.manifest.values())
    return Figure(total - lost, total, wrong)


def files_read(logs: Logs) -> Figure:
    """No file makes reading stop, and none is refused."""
    refused = [
        Miss(path, 0, "read", error)
        for path, error in logs.ledger.select("log_file_path", "error").rows()
        if error is not None
    ]
    return figure(len(logs.manifest), logs.crashes + refused)


# --- 2: times -------------------------------------------------------------------------------------


def _is_at(found: datetime | None, expected: datetime | None) -> bool:
    return found is not None and expected is not None and abs(found - expected) <= _RESOLUTION


def crowdsec_times(logs: Logs) -> Figure:
    """Times of lines that state their year, as CrowdSec's own parsers read them."""
    misses, total = [], 0
    for row in logs.rows("formats/crowdsec/truth_timestamps.csv"):
        if row["year_in_line"] != "yes":
            continue
        total += 1
        path, line = f"formats/crowdsec/{row['file']}", int(row["line_no"])
        event = logs.file(path).event(line)
        found = event.timestamp if event else None
        if not _is_at(found, instant(row["timestamp_rfc3339"])):
            misses.append(Miss(path, line, row["timestamp_rfc3339"], found))
    return figure(total, misses)


def fail2ban_times(logs: Logs) -> Figure:
    """Local times of lines with a year and without an offset, zone left aside, to the second."""
    misses, total = [], 0
    for row in logs.rows("formats/fail2ban/truth_timestamps.csv"):
        if (row["year_in_line"], row["utc_offset_in_line"]) != ("yes", "no"):
            continue
        total += 1
        path, line = f"formats/fail2ban/{row['file']}", int(row["line_no"])
        event = logs.file(path).event(line)
        found = event.timestamp if event else None
        expected = instant(row["time_local"])
        if (
            found is None
            or expected is None
            or not timedelta() <= found - expected < timedelta(seconds=1)
        ):
            misses.append(Miss(path, line, row["time_local"], found))
    return figure(total, misses)


_CRI = re.compile(r"(\S+T\S+) (?:stdout|stderr) [FP](?::\S+)? ")


def _json_file_time(line: str) -> datetime | None:
    record = json_object(line)
    is_docker = isinstance(record.get("log"), str) and "stream" in record
    return instant(str(record.get("time"))) if is_docker else None


def _cri_time(line: str) -> datetime | None:
    prefix = _CRI.match(line)
    return instant(prefix[1]) if prefix else None


def _journald_time(line: str) -> datetime | None:
    stamp = json_object(line).get("__REALTIME_TIMESTAMP")
    return (
        datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(str(stamp))) if stamp else None
    )


def _envelope(
    truth: Callable[[str], datetime | None], prefixes: tuple[str, ...], *, is_own: bool
) -> Callable[[Logs], Figure]:
    """Compare the envelope's time of each event's first line with the observed time of the event.

    *is_own*: with the time of the event, since the lines have no date of their own.
    """

    def take(logs: Logs) -> Figure:
        misses, total = [], 0
        for path in logs.paths(*prefixes):
            file = logs.file(path)
            for line, text in logs.lines(path):
                expected = truth(text)
                event = file.starting(line) if expected else None
                if event is None:
                    continue
                total += 1
                observed = event.observed_timestamp or event.timestamp
                found = event.timestamp if is_own else observed
                if not _is_at(found, expected):
                    misses.append(Miss(path, line, expected, found))
        return figure(total, misses)

    return take


# --- 3: severities --------------------------------------------------------------------------------

_POSTGRES = {
    "LOG": range(9, 13), "NOTICE": range(9, 13), "WARNING": range(13, 17), "ERROR": range(17, 21),
    "FATAL": range(21, 25), "PANIC": range(21, 25),
}  # fmt: skip


def postgres_levels(logs: Logs) -> Figure:
    """Records of each severity word in a file, against the counts; number and word must agree."""
    misses, right, total = [], 0, 0
    for row in logs.rows("postgres/truth_severity.csv"):
        path = f"postgres/pgbadger/{row['file']}"
        found = Counter(
            event.severity_text
            for event in logs.file(path).events
            if event.severity_number in _POSTGRES.get(event.severity_text or "", ())
        )
        for word in _POSTGRES:
            expected = int(row[word])
            right += min(found[word], expected)
            total += max(found[word], expected)
            if found[word] != expected:
                misses.append(Miss(path, 0, f"{word}={expected}", found[word]))
    return Figure(right, total, misses)


_POOLER = re.compile(r"[0-9]{4}-[0-9-]+ [0-9:.]+(?: [A-Z]{3,4})? \[?[0-9]+\]? ([A-Z]+) ")
_POOLER_LEVELS = _POSTGRES | {"DEBUG": range(5, 9), "NOISE": range(1, 9)}


def pgbouncer_levels(logs: Logs) -> Figure:
    """Severity of each record of PgBouncer's log, by the word in the line."""
    path = "postgres/pgbadger/pgbouncer.log.gz"
    file = logs.file(path)
    misses, total = [], 0
    for line, text in logs.lines(path):
        if head := _POOLER.match(text):
            total += 1
            event = file.starting(line)
            if event is None or event.severity_number not in _POOLER_LEVELS[head[1]]:
                misses.append(Miss(path, line, head[1], _level(event)))
    return figure(total, misses)


_PRIORITIES = (21, 19, 18, 17, 13, 10, 9, 5)


def journald_priorities(logs: Logs) -> Figure:
    """Severity of each journal entry, by its PRIORITY; the counts of the truth file too."""
    misses, total = [], 0
    for row in logs.rows("kubernetes/truth_journald_priority.csv"):
        path, file = row["file"], logs.file(row["file"])
        for line, text in logs.lines(path):
            priority = json_object(text).get("PRIORITY")
            if priority is None:
                continue
            total += 1
            event = file.starting(line)
            if event is None or event.severity_number != _PRIORITIES[int(str(priority))]:
                misses.append(Miss(path, line, f"PRIORITY {priority}", _level(event)))
        for name, count in row.items():
            if name[:1] == "p":
                number = _PRIORITIES[int(name[1])]
                found = sum(event.severity_number == number for event in file.events)
                total += 1
                if found != int(count):
                    misses.append(Miss(path, 0, f"{name}={count}", found))
    return figure(total, misses)


_KLOG = re.compile(r"([IWEF])[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6} +[0-9]+ \S+:[0-9]+\] ")
_KLOG_LEVELS = {"I": 9, "W": 13, "E": 17, "F": 21}


def klog_letters(logs: Logs) -> Figure:
    """Severity of each klog line, plain or in a json-file or CRI envelope, by its letter."""
    misses, total = [], 0
    for path in logs.paths("kubernetes/", "formats/"):
        file = logs.file(path)
        for line, text in logs.lines(path):
            prefix = _CRI.match(text)
            payload = text[prefix.end() :] if prefix else str(json_object(text).get("log", text))
            if head := _KLOG.match(payload):
                total += 1
                event = file.headed_by(line)
                if event is None or event.severity_number != _KLOG_LEVELS[head[1]]:
                    misses.append(Miss(path, line, head[1], _level(event)))
    return figure(total, misses)


# Words of the `Level` column. Two systems are left out: in one the column holds the host's name,
# in the other there is none.
_LOGHUB = ("Apache", "BGL", "Hadoop", "HDFS", "OpenStack", "Spark")
_WORDS = {
    "notice": 10, "info": 9, "warn": 13, "warning": 13, "error": 17, "severe": 17, "fatal": 21,
}  # fmt: skip


def _loghub(system: str) -> Callable[[Logs], Figure]:
    def take(logs: Logs) -> Figure:
        path = f"loghub/{system}/{system}_2k.log"
        file = logs.file(path)
        rows = logs.rows(f"loghub/{system}/{system}_2k.log_structured.csv")
        misses = [
            Miss(path, line, row["Level"], _level(event))
            for line, row in enumerate(rows, start=1)
            for event in [file.starting(line)]
            if event is None or event.severity_number != _WORDS[row["Level"].lower()]
        ]
        return figure(len(rows), misses)

    return take


def _level(event: Event | None) -> str:
    return f"{event.severity_number} {event.severity_text}" if event else "no event begins here"


def kafka_hours(logs: Logs) -> Figure:
    """Records of each level by broker, log and hour."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    for path in logs.paths("kafka/"):
        broker, log = path.split("/")[1], Path(path).name.split(".log")[0]
        for event in logs.file(path).events:
            if event.timestamp and event.severity_text:
                hour = f"{event.timestamp:%Y-%m-%dT%H:00}"
                found[broker, log, hour, event.severity_text] += 1
    misses, total = [], 0
    for row in logs.rows("kafka/truth_hourly_levels.csv"):
        if row["hour_local"] == "continuation":
            continue
        for level in ("INFO", "WARN", "ERROR", "FATAL"):
            total += 1
            count = found[row["broker"], row["log"], row["hour_local"], level]
            if count != int(row[level]):
                where = f"kafka/{row['broker']}/{row['log']}"
                misses.append(Miss(where, 0, f"{row['hour_local']} {level}={row[level]}", count))
    return figure(total, misses)


# 5.7 and 8.0: time, thread, [Level]; also within a collector's JSON.
_MYSQL = re.compile(r"[0-9]{4}-[0-9-]{5}T[0-9:.]+(?:Z|[+-][0-9:]{5}) [0-9]+ \[(\w+)\]")


def mysql_hours(logs: Logs) -> Figure:
    """Errors and warnings by file and hour, among records with a MySQL header."""
    expected: Counter[tuple[str, str, str]] = Counter()
    hours = set()
    for row in logs.rows("mysql/truth_hourly_levels.csv"):
        if row["error"]:
            hour = row["hour"][:13]
            hours.add((row["file"], hour))
            expected[row["file"], hour, "error"] += int(row["error"])
            expected[row["file"], hour, "warning"] += int(row["warning"])
    found: Counter[tuple[str, str, str]] = Counter()
    for name in {name for name, _ in hours}:
        file = logs.file(f"mysql/{name}")
        for line, text in logs.lines(f"mysql/{name}"):
            event = file.starting(line)
            payload = str(json_object(text).get("log", text))
            if event is None or event.timestamp is None or not _MYSQL.match(payload):
                continue
            if event.severity_number >= WARN:
                level = "error" if event.severity_number >= ERROR else "warning"
                found[name, f"{event.timestamp:%Y-%m-%dT%H}", level] += 1
    keys = sorted({*expected, *found})
    misses = [
        Miss(f"mysql/{name}", 0, f"{hour} {level}={expected[name, hour, level]}", found[key])
        for key in keys
        for name, hour, level in [key]
        if found[key] != expected[key]
    ]
    return figure(len(keys), misses)


# --- 4: compose and the traps ---------------------------------------------------------------------

_COMPOSE = re.compile(
    r"(?:\x1b\[[0-9;]*[A-Za-z])*([\w.-]+) *\| ?(?:\x1b\[[0-9;]*m)?(.*)", re.DOTALL
)
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def _compose_truth(logs: Logs) -> dict[str, dict[str, object]]:
    return {
        f"compose/{name}": facts
        for name, facts in logs.document("compose/truth_compose.json").items()
    }


def _services(facts: dict[str, object]) -> dict[str, int]:
    services = facts.get("services", facts.get("lines_per_service"))
    assert isinstance(services, dict)
    return services


def _names(event: Event) -> str:
    """Return the prefix that the line had: the container's name, else the service's."""
    return event.container_name or event.service_name


def compose_services(logs: Logs) -> Figure:
    """The services of a compose log, and no others; lines without a prefix belong to the whole."""
    misses, total = [], 0
    for path, facts in _compose_truth(logs).items():
        prefixed = {number for number, text in logs.lines(path) if _COMPOSE.match(text)}
        events = logs.file(path).events
        found = {_names(event) for event in events if event.line_number in prefixed}
        expected = set(_services(facts))
        total += len(expected)
        misses += [
            Miss(path, 0, name if name in expected else "no such service", name in found and name)
            for name in sorted(found ^ expected)
        ]
    return figure(total, misses)


def compose_lines(logs: Logs) -> Figure:
    """Lines of each service; blank ones may be in an event or not."""
    misses, total = [], 0
    for path, facts in _compose_truth(logs).items():
        blank: Counter[str] = Counter()
        for _, text in logs.lines(path):
            prefix = _COMPOSE.match(text)
            if prefix and not _ESCAPES.sub("", prefix[2]).strip():
                blank[prefix[1]] += 1
        found: Counter[str] = Counter()
        for event in logs.file(path).events:
            found[_names(event)] += event.line_count
        for name, count in _services(facts).items():
            total += 1
            if not count - blank[name] <= found[name] <= count:
                misses.append(Miss(path, 0, f"{name}: {count}, blank {blank[name]}", found[name]))
    return figure(total, misses)


def _expected_errors(facts: dict[str, object]) -> dict[str, int]:
    """Return errors by service, of the three notations of the truth file."""
    if "error_records" in facts:
        return {name: int(str(facts["error_records"])) for name in _services(facts)}
    if isinstance(levels := facts.get("levels"), dict):
        (service,) = _services(facts)
        return {service: int(levels["ERROR"])}
    counted: Counter[str] = Counter()
    stated = facts["error_or_fatal_lines"]
    assert isinstance(stated, dict)
    for name, count in stated.items():
        counted[name.split(" ")[0]] += count
    return {name: counted[name] for name in _services(facts)}


def compose_errors(logs: Logs) -> Figure:
    """Error records of each service, or a difference with a reason that is written down."""

    def pairs() -> Iterable[tuple[str, object, object]]:
        for path, facts in _compose_truth(logs).items():
            errors = [event for event in logs.file(path).events if event.severity_number >= ERROR]
            found = Counter(map(_names, errors))
            for name, count in _expected_errors(facts).items():
                yield f"{path} {name}", found[name], count

    return _explained(pairs())


def compose_traces(logs: Logs) -> Figure:
    """Tracebacks: how many, of which types; where only a type is told, that one of its service."""
    misses, total = [], 0
    for path, facts in _compose_truth(logs).items():
        traces = [event for event in logs.file(path).events if event.exception_type]
        found = Counter(str(event.exception_type) for event in traces)
        expected = facts.get("exception_types", {})
        assert isinstance(expected, dict)
        if "tracebacks" not in facts:
            expected = {"java.lang.StringIndexOutOfBoundsException": 1}
        for name in sorted({*found, *expected}) or ["none"]:
            total += 1
            if found[name] != expected.get(name, 0):
                misses.append(Miss(path, 0, f"{name}={expected.get(name, 0)}", found[name]))
    return figure(total, misses)


# Where the index of the logs says that there are no errors, though there are words that look so.
_CALM = (
    "compose/gifty-backend/", "app/beerus/", "app/corpus-te/", "app/pumicewiki/",
    "mysql/galera-operator_split/", "mysql/slowlogs/", "kubernetes/sonobuoy-testResultsOutput/",
    "nezha-onlineboutique/docker/",
)  # fmt: skip


def traps(logs: Logs) -> Figure:
    """Events that look like errors and are none."""
    misses, total = [], 0
    for path in logs.paths(*_CALM):
        for event in logs.file(path).events:
            total += 1
            if event.severity_number >= ERROR:
                misses.append(Miss(path, event.line_number, "no error", _told(event)))
    for path in logs.paths("app/featureform/", "compose/telegram-archive/"):
        for event in logs.file(path).events:
            if "last error" in event.body or re.search(r"alembic.*Add.*error", event.body):
                total += 1
                if event.severity_number >= WARN:
                    misses.append(Miss(path, event.line_number, "no error", _told(event)))
    for event in logs.file("loghub/Linux/Linux_2k.log").events:
        total += 1
        if event.severity_text == "combo":  # the host, where others have the level
            misses.append(Miss("loghub/Linux/Linux_2k.log", event.line_number, "host", "level"))
    return figure(total, misses)


def _told(event: Event) -> str:
    return f"{_level(event)}: {event.body[:100]!r}"


def train_ticket_errors(logs: Logs) -> Figure:
    """ERROR records of each fault's minutes, before and after it was injected, and of calm ones."""
    document = logs.document("nezha-trainticket/truth.json")
    misses, total = [], 0
    for fault in [*document["normal"], *document["faults"]]:
        assert isinstance(fault, dict)
        folder = f"nezha-trainticket/{fault.get('docker_dir') or fault['dir']}/"
        injected = instant(str(fault.get("inject_time_utc", "2000-01-01T00:00:00Z")))
        assert injected is not None
        found: Counter[bool] = Counter()
        for path in logs.paths(folder):
            for event in logs.file(path).events:
                if event.timestamp and event.severity_number >= ERROR:
                    found[event.timestamp >= injected] += 1
        for is_after, levels in (
            (False, fault.get("levels_before", {})),
            (True, fault.get("levels_after") or fault.get("levels")),
        ):
            assert isinstance(levels, dict)
            total += 1
            if found[is_after] != levels.get("ERROR", 0):
                part = "after" if is_after else "before"
                misses.append(
                    Miss(folder, 0, f"{part}: ERROR={levels.get('ERROR', 0)}", found[is_after])
                )
    return figure(total, misses)


# --- 5: what other programs count -----------------------------------------------------------------


def _differences() -> dict[tuple[str, str, str], str]:
    """Return the reason of each known difference by file, our value and theirs."""
    with _DIFFERENCES.open("rb") as file:
        rows = tomllib.load(file)["difference"]
    return {(row["file"], str(row["ours"]), str(row["theirs"])): row["reason"] for row in rows}


def _explained(pairs: Iterable[tuple[str, object, object]]) -> Figure:
    """Judge (file, ours, theirs): equal, or a difference with a reason that is written down."""
    known = _differences()
    misses, total = [], 0
    for path, ours, theirs in pairs:
        total += 1
        if ours != theirs and (path, str(ours), str(theirs)) not in known:
            misses.append(Miss(path, 0, theirs, ours))
    return figure(total, misses)


def plaso_counts(logs: Logs) -> Figure:
    """Events of each file as plaso's own tests count them."""
    return _explained(
        (path, len(logs.file(path).events), int(row["plaso_event_data"]))
        for row in logs.rows("formats/plaso/truth_event_counts.csv")
        for path in [f"formats/plaso/{row['file']}"]
    )


def fluent_bit_records(logs: Logs) -> Figure:
    """The texts of fluent-bit's expected records; a pair a file."""

    def pairs() -> Iterable[tuple[str, object, object]]:
        for out in logs.paths("formats/fluent-bit/"):
            if out.endswith(".out"):
                path = out.removesuffix(".out") + ".log"
                records = [json_object(text) for _, text in logs.lines(out)]
                theirs = [
                    str(record.get("log", record.get("message"))).rstrip("\n")
                    for record in records
                    if record
                ]
                ours = [event.body.rstrip("\n") for event in logs.file(path).events]
                yield path, ours, theirs

    return _explained(
        (path, len(ours), len(theirs)) if len(ours) != len(theirs) else (path, ours, theirs)
        for path, ours, theirs in pairs()
        if isinstance(ours, list) and isinstance(theirs, list)
    )


MEASURES = (
    Measure(1, "conservation", "lines in an event or blank", 1, ("",), lines_kept),
    Measure(1, "files", "files read without a crash or refusal", 1, ("",), files_read),
    Measure(2, "crowdsec", "times of lines with a year", 0.98, ("formats/crowdsec/",),
            crowdsec_times),
    Measure(2, "fail2ban", "local times of lines with a year, without offset", 0.97,
            ("formats/fail2ban/",), fail2ban_times),
    Measure(2, "json-file", "times of events without a date of their own = envelope's", 1,
            ("nezha-trainticket/docker/",),
            _envelope(_json_file_time, ("nezha-trainticket/docker/",), is_own=True)),
    Measure(2, "json-file-observed", "observed times of all json-file lines", 1,
            ("nezha-", "formats/"),
            _envelope(_json_file_time, ("nezha-", "formats/"), is_own=False)),
    Measure(2, "cri", "observed times of all CRI lines", 1, ("formats/", "kubernetes/"),
            _envelope(_cri_time, ("formats/", "kubernetes/"), is_own=False)),
    Measure(2, "journald", "times of all journal entries", 1,
            ("kubernetes/", "formats/"),
            _envelope(_journald_time, ("kubernetes/", "formats/"), is_own=False)),
    Measure(3, "postgres", "records with the counted severity, 10 files", 0.99, ("postgres/",),
            postgres_levels),
    Measure(3, "pgbouncer", "records with the severity of their line", 0.99, ("postgres/",),
            pgbouncer_levels),
    Measure(3, "journald-priority", "entries with the severity of their PRIORITY", 1,
            ("kubernetes/",), journald_priorities),
    Measure(3, "klog", "lines with the severity of their letter", 1, ("kubernetes/", "formats/"),
            klog_letters),
    *(
        Measure(3, f"loghub-{system}", "lines with the severity of their Level", 0.99,
                (f"loghub/{system}/",), _loghub(system))
        for system in _LOGHUB
    ),
    Measure(3, "mysql", "errors and warnings by file and hour", 1, ("mysql/",), mysql_hours),
    Measure(3, "kafka", "levels by broker, log and hour", 1, ("kafka/",), kafka_hours),
    Measure(4, "compose-services", "services", 1, ("compose/",), compose_services),
    Measure(4, "compose-lines", "lines of each service", 1, ("compose/",), compose_lines),
    Measure(4, "compose-errors", "error records of each service, or explained", 1, ("compose/",),
            compose_errors),
    Measure(4, "compose-traces", "tracebacks by type", 1, ("compose/",), compose_traces),
    Measure(4, "traps", "events that look like errors and are none", 1,
            (*_CALM, "app/featureform/", "compose/telegram-archive/", "loghub/Linux/"), traps),
    Measure(4, "train-ticket", "ERROR records before and after each fault", 1,
            ("nezha-trainticket/docker/",), train_ticket_errors),
    Measure(5, "plaso", "files with plaso's event count, or explained", 1, ("formats/plaso/",),
            plaso_counts),
    Measure(5, "fluent-bit", "files with fluent-bit's records, or explained", 1,
            ("formats/fluent-bit/",), fluent_bit_records),
)  # fmt: skip
