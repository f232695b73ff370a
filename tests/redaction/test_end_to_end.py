"""Planted secrets of many kinds go through whole runs: no byte that comes out holds one."""

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.orchestrate import examination
from pipeline.redaction import find_secrets
from tests.command import Run, runner

run = pytest.fixture(runner)

CASES = tomllib.loads((Path(__file__).parent / "secrets.toml").read_text("utf-8"))["secret"]
SECRETS = {case["kind"]: case["secret"].replace("~~", "") for case in CASES}
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
MINUTES = 14 * 60


def line_of(case: dict[str, str], moment: datetime) -> str:
    """The line of *case*; the time, too, is one that the file's format has."""
    times = {"{time}": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "{clf}": f"{moment:%d/%b/%Y:%H:%M:%S +0000}"}
    line = case["line"].replace("{secret}", SECRETS[case["kind"]])
    for name, text in times.items():
        line = line.replace(name, text)
    return line


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen hours of logs; secrets slip in twice before the candidate window and often in it."""
    folder = tmp_path_factory.mktemp("secrets") / "logs"
    folder.mkdir()
    files: dict[str, list[str]] = {case["file"]: [] for case in CASES}
    for minute in range(MINUTES):
        moment = BEGIN + timedelta(minutes=minute)
        for name, lines in files.items():
            if name not in ("odd", "edge"):
                lines.append(f"{moment:%Y-%m-%dT%H:%M:%SZ} INFO all is well")
        if minute in (60, 200) or (minute > 700 and minute % 3 == 0):
            for case in CASES:
                files[case["file"]].append(line_of(case, moment))
    for name, lines in files.items():
        (folder / f"{name}.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def contents(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file of *folder* by name: its bytes, and of a table its values."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        name = str(path.relative_to(folder))
        yield name, path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".parquet":
            table = pl.read_parquet(path)
            for column in table.columns:
                yield f"{name}:{column}", "\n".join(map(str, table[column].to_list()))


def leaks(texts: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    """Where which kind of secret is, also as it is written in JSON or HTML."""
    found = []
    for place, text in texts:
        for kind, secret in SECRETS.items():
            ways = {secret, secret.replace('\\"', '"'), secret.replace("+", "&#43;")}
            if any(way in text for way in ways):
                found.append((place, kind))
    return found


def test_there_are_forty_kinds() -> None:
    assert len(SECRETS) == len(CASES) >= 40
    assert len(set(SECRETS.values())) == len(SECRETS)


@pytest.mark.parametrize("scanner", ["on", pytest.param("off", marks=pytest.mark.slow)])
def test_no_output_holds_a_secret(
    run: Run, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scanner: str
) -> None:
    monkeypatch.setenv("AFTERSHOCK_SCANNER", scanner)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "out" / "summary"))
    out = tmp_path / "out"

    ran = run(
        logs, "-o", out, "--format", "html,md,json,junit,csv", "--github", "--now", "@1772400000"
    )

    assert ran.code == 1, ran.err
    assert leaks(contents(out)) == []
    assert leaks(iter([("stdout", ran.out), ("stderr", ran.err)])) == []
    stored = pl.read_parquet(out / "events" / "*.parquet")
    assert stored["body"].str.contains("[redacted:", literal=True).sum() > 300
    counted = pl.read_parquet(out / "ledger.parquet").explode("redactions")
    assert counted["redactions"].struct.field("event_count").sum() > 300


def test_no_command_that_looks_at_logs_shows_one(run: Run, logs: Path) -> None:
    shown = [run("doctor", logs), run("doctor", "--json", logs)]
    shown += [run("formats", "explain", f"{logs / 'web.log'}:{line}") for line in (62, 63, 70, 80)]
    shown += [run("formats", "suggest", logs / "odd.log")]

    assert leaks((str(at), one.out + one.err) for at, one in enumerate(shown)) == []


@pytest.mark.slow
def test_off_means_off_and_report_means_the_report(run: Run, logs: Path, tmp_path: Path) -> None:
    one = logs / "py.log"

    run(one, "-o", tmp_path / "off", "--redact", "off")
    run(one, "-o", tmp_path / "report", "--redact", "report")

    assert leaks(contents(tmp_path / "off")) != []
    finding = json.loads((tmp_path / "report" / "result.json").read_text("utf-8"))["findings"][0][
        "finding_id"
    ]
    shown = run("show", finding, "--run", tmp_path / "report")
    assert shown.code == 0, shown.err
    assert leaks(iter([("stdout", shown.out), ("stderr", shown.err)])) == []
    places = {place.partition("/")[0] for place, _ in leaks(contents(tmp_path / "report"))}
    assert places and all("report" not in place and "result" not in place for place in places)


def test_templates_do_not_depend_on_the_secret(run: Run, tmp_path: Path) -> None:
    found = []
    for name in ("aaaaaaaa", "Xy-9!zQ81$", "0123456789abcdef0123456789abcdef"):
        path = tmp_path / f"{name[:2]}.log"
        lines = [
            f"2026-03-01T{hour:02}:00:00Z ERROR refused: token={name} key='x' password=\"{name}\""
            for hour in range(24)
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        run("ingest", path, "-o", tmp_path / name[:2], "-q")
        table = pl.read_parquet(tmp_path / name[:2] / "events" / "*.parquet")
        found.append((set(table["template_id"]), set(table["fingerprint"])))

    assert found[0] == found[1] == found[2]
    assert len(found[0][0]) == 1


@pytest.mark.slow
def test_a_secret_in_a_finished_document_ends_the_run(
    run: Run, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert run(logs / "lf.log", "-o", out, "--now", "@1772400000", "-q").code == 1
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    # As if texts had been forgotten: what the documents say is then what the logs say.
    monkeypatch.setattr(examination, "redact_fields", lambda value, *_, **__: value)

    ran = run(logs / "web.log", "-o", out, "--redact", "report")

    assert ran.code == 3
    assert re.search(r"report\.html, line \d+: what looks like a secret \([a-z_]+\)", ran.err)
    assert leaks(iter([("stderr", ran.err), ("stdout", ran.out)])) == []
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_what_was_redacted_is_no_secret() -> None:
    text = "a [redacted:jwt] b\npostgres://u:[redacted:url_password]@db/x\n"

    assert find_secrets(text) == []
    assert find_secrets(text + SECRETS["GitHub token"]) == [(3, "github_token")]
