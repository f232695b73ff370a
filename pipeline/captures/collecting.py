"""`analyze collect`: the read-only commands that this host has, to files of facts."""

import hashlib
import json
import os
import re
import shutil
import sys
import tomllib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.captures.documents import plain, read_json, without_environment
from pipeline.captures.files import shown_name
from pipeline.captures.running import Ran, run_command
from pipeline.captures.shapes import at_path
from pipeline.errors import PipelineError, UsageError
from pipeline.redaction import Redactor, redact_fields

MANIFEST = "collect.json"
_COLLECTOR = "analyze collect"
_STDERR_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class _Words:
    """Words that are added to a command from another one's answer."""

    command: str
    key: str
    pattern: str
    most: int


@dataclass(frozen=True, slots=True)
class Command:
    """One entry of `commands.toml`."""

    name: str
    argv: tuple[str, ...]
    file: str
    kind: str
    why: str
    seconds: float
    most_bytes: int
    systems: tuple[str, ...]
    words: _Words | None


@dataclass(frozen=True, slots=True)
class Planned:
    """A command, and the program that would run it; null where it is not on the PATH."""

    command: Command
    program: str | None


@dataclass(frozen=True, slots=True)
class CommandRun:
    """What one command did. *outcome* is `written`, `not found`, or why there is no file."""

    name: str
    argv: list[str]
    outcome: str
    at: datetime | None
    seconds: float | None
    exit_status: int | None
    stderr: str
    file: str | None
    sha256: str | None
    byte_count: int | None
    collected_by: str = _COLLECTOR


@dataclass(frozen=True, slots=True)
class Collected:
    """All that one call ran, in order."""

    folder: str
    commands: list[CommandRun]

    @property
    def files(self) -> list[str]:
        """The files that were written."""
        return [one.file for one in self.commands if one.file is not None]


@cache
def load_commands() -> tuple[Command, ...]:
    """Return the commands in the order in which they run."""
    text = (files("pipeline") / "captures" / "commands.toml").read_text(encoding="utf-8")
    raw = tomllib.loads(text)
    return tuple(_command(entry, raw["limits"]) for entry in raw["command"])


def _command(entry: Mapping[str, Any], limits: Mapping[str, Any]) -> Command:
    words = entry.get("words_from")
    return Command(
        name=entry["name"],
        argv=tuple(entry["argv"]),
        file=entry["file"],
        kind=entry["kind"],
        why=entry["why"],
        seconds=entry.get("seconds", limits["seconds"]),
        most_bytes=entry.get("bytes", limits["bytes"]),
        systems=tuple(entry.get("systems", ())),
        words=_Words(**words) if words else None,
    )


def plan(commands: Sequence[Command] | None = None) -> list[Planned]:
    """Return the commands of this system, each with its program where there is one."""
    return [
        Planned(one, _program(one.argv[0]))
        for one in (load_commands() if commands is None else commands)
        if not one.systems or sys.platform in one.systems
    ]


def _program(name: str) -> str | None:
    # An empty or relative part of the PATH means the current folder, which holds anybody's files.
    parts = os.environ.get("PATH", "").split(os.pathsep)
    places = [part for part in parts if Path(part).is_absolute()]
    return shutil.which(name, path=os.pathsep.join(places))


def collect(
    folder: Path,
    commands: Sequence[Command] | None = None,
    *,
    tell: Callable[[str], None] = lambda _: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Collected:
    """Run what *commands* (by default all) this host has, and write their answers to *folder*.

    *tell* hears of each command before and after. Values of environments and other secrets are
    taken out before anything is written. Raises `UsageError` when *folder* holds other files of the
    same names, `PipelineError` when it cannot be written.
    """
    planned = plan(commands)
    _claim(folder, [one.command.file for one in planned])
    runs: list[CommandRun] = []
    answers: dict[str, list[Any]] = {}
    for one in planned:
        runs.append(_run(one, folder, answers, tell, clock))
    text = json.dumps(
        {"kind": "collected", "commands": [asdict(one) for one in runs]},
        indent=1,
        default=lambda moment: moment.isoformat(),
    )
    _write(folder, MANIFEST, text.encode("utf-8", "backslashreplace"))
    return Collected(shown_name(folder), runs)


def _claim(folder: Path, names: Sequence[str]) -> None:
    """Make *folder*; of what lies there only files that an earlier call wrote may be replaced."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = _own_files(folder)
        foreign = [name for name in names if name not in own and os.path.lexists(folder / name)]
        if own == set() and os.path.lexists(folder / MANIFEST):
            foreign.append(MANIFEST)
    except OSError as error:
        raise PipelineError(
            f"cannot write to {shown_name(folder)}: {error.strerror}",
            hint="name a folder that can be written with --out",
        ) from error
    if foreign:
        raise UsageError(
            f"{shown_name(folder)} holds a file {foreign[0]} that analyze collect did not write",
            hint="name another folder with --out",
        )


def _own_files(folder: Path) -> set[str]:
    """Return the files there that are still as an earlier call wrote them."""
    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        return set()
    records = read_json(path.read_text(encoding="utf-8", errors="replace")).records
    own = set()
    for one in records:
        if isinstance(one, dict) and one.get("collected_by") == _COLLECTOR:
            own.add(MANIFEST)
            at = folder / str(one.get("file"))
            if at.parent == folder and at.is_file() and not at.is_symlink():
                digest = hashlib.sha256(at.read_bytes()).hexdigest()
                own |= {at.name} if digest == one.get("sha256") else set()
    return own


def _run(
    planned: Planned,
    folder: Path,
    answers: dict[str, list[Any]],
    tell: Callable[[str], None],
    clock: Callable[[], datetime],
) -> CommandRun:
    command = planned.command
    if planned.program is None:
        tell(f"{command.name}: {command.argv[0]} was not found")
        return _without_file(command, list(command.argv), "not found")
    added = _added(command, answers)
    if added == []:
        tell(
            f"{command.name}: not run, {command.words.command if command.words else ''} named none"
        )
        return _without_file(command, list(command.argv), "not run: there is nothing to ask about")
    argv = [*command.argv, *(added or ())]
    tell(f"{command.name}: running {' '.join(command.argv)}{_many_words(added)}")
    at = clock()
    ran = run_command(
        [planned.program, *argv[1:]], seconds=command.seconds, most_bytes=command.most_bytes
    )
    data, problem = _answer(command, ran, answers)
    if data is not None:
        _write(folder, command.file, data)
    # The last line says what it came to; those before repeat how it was tried.
    complaint = ran.stderr.decode("utf-8", "backslashreplace").strip().rpartition("\n")[2]
    stderr = _cleaned(complaint)
    # What was asked about are names of the host's containers: the count says enough.
    said = CommandRun(
        name=command.name,
        argv=list(command.argv) if added else argv,
        outcome=problem or "written",
        at=at,
        seconds=round(ran.seconds, 3),
        exit_status=ran.exit_status,
        stderr=stderr[:_STDERR_CHARACTERS],
        file=command.file if data is not None else None,
        sha256=hashlib.sha256(data).hexdigest() if data is not None else None,
        byte_count=len(data) if data is not None else None,
    )
    tell(f"{command.name}: {_told(said)}")
    return said


def _without_file(command: Command, argv: list[str], outcome: str) -> CommandRun:
    return CommandRun(command.name, argv, outcome, None, None, None, "", None, None, None)


def _added(command: Command, answers: Mapping[str, list[Any]]) -> list[str] | None:
    """Return the words that an earlier answer adds; None where none are to be."""
    if command.words is None:
        return None
    asked = command.words
    found = [
        value
        for record in answers.get(asked.command, ())
        for value in at_path(record, (asked.key,))
        if isinstance(value, str) and re.fullmatch(asked.pattern, value)
    ]
    return list(dict.fromkeys(found))[: asked.most]


def _many_words(added: Sequence[str] | None) -> str:
    return f" ({len(added):,} ids)" if added else ""


def _answer(
    command: Command, ran: Ran, answers: dict[str, list[Any]]
) -> tuple[bytes | None, str | None]:
    """Return what is to be written of an answer, or why nothing is."""
    if ran.problem is not None:
        return None, ran.problem
    if ran.exit_status != 0:
        return None, f"ended with {ran.exit_status}"
    text = ran.stdout.decode("utf-8", "backslashreplace")
    if not text.strip():
        return None, "it wrote nothing"
    if command.kind != "json":
        return _cleaned(text, keeps_lines=True).encode(), None
    document = read_json(plain(text))
    if not document.is_json or document.problem is not None:
        # It may hold environments, which cannot be told apart in broken JSON.
        return None, f"its answer is not written: {document.problem or 'no JSON'}"
    answers[command.name] = document.records
    lines = [_safe_line(one) for one in without_environment(document.records)]
    if command.file.endswith(".jsonl"):
        whole = "\n".join(lines) + "\n"
    else:
        whole = "[\n" + ",\n".join(lines) + "\n]\n"
    return whole.encode("utf-8", "backslashreplace"), None


def _safe_line(record: Any) -> str:  # noqa: ANN401  # whatever JSON holds
    """Return *record* as a line without secrets, neither in its texts nor behind a telling key."""
    alone = json.dumps(redact_fields(record, Redactor()), ensure_ascii=False)
    line: str = Redactor()(pl.Series([alone], dtype=pl.String))[0]
    try:
        json.loads(line)
    except ValueError:
        return alone
    return line


def _cleaned(text: str, *, keeps_lines: bool = False) -> str:
    bare = plain(text)
    clean: str = Redactor()(pl.Series([bare], dtype=pl.String))[0]
    return clean if keeps_lines else " ".join(clean.split())


def _told(said: CommandRun) -> str:
    seconds = f"{said.seconds:.1f} s" if said.seconds is not None else ""
    end = f"ended with {said.exit_status} after {seconds}"
    if said.file is not None:
        words = f"{end}, {said.byte_count:,} bytes to {said.file}"
    elif said.outcome.startswith("ended with"):
        words = f"{end}; nothing was written"
    else:
        words = f"{said.outcome} (after {seconds})"
    return f"{words}; it said: {said.stderr}" if said.stderr else words


def _write(folder: Path, name: str, data: bytes) -> None:
    """Write one file for its owner alone, whole or not at all, and through no link."""
    temporary = folder / f".{name}.{uuid.uuid4().hex[:8]}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(data)
        temporary.replace(folder / name)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise PipelineError(
            f"cannot write {shown_name(folder / name)}: {error.strerror}",
            hint="name a folder that can be written with --out",
        ) from error
