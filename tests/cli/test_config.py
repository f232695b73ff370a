"""Options from files and variables: which counts, and what is refused, with its place."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.command import Run

Write = Any


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder two below the root of a repository, where the command is called."""
    folder = tmp_path / "repository" / "service"
    folder.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    monkeypatch.chdir(folder)
    return folder


def shown(run: Run, *arguments: str) -> tuple[dict[str, Any], dict[str, str], str | None]:
    """Return the options of `config show`, where they come from, and the file."""
    ran = run("config", "show", *arguments, "--json", "--origin")
    assert ran.code == 0, ran.err
    document = json.loads(ran.out)
    return document["options"], document["origin"], document["file"]


def test_without_a_file_all_are_defaults(run: Run, here: Path) -> None:
    options, origin, file = shown(run)

    assert file is None
    assert set(origin.values()) == {"default"}
    assert options["fail-on"] == "regression"


def test_option_before_variable_before_file_before_default(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "analyze.toml").write_text('tz = "Europe/Berlin"\nfail-on = "new"\n', encoding="utf-8")
    monkeypatch.setenv("ANALYZE_FAIL_ON", "never")

    options, origin, _ = shown(run)

    assert (options["tz"], origin["tz"]) == ("Europe/Berlin", "file analyze.toml:1")
    assert (options["fail-on"], origin["fail-on"]) == ("never", "environment ANALYZE_FAIL_ON")
    assert origin["format"] == "default"


def test_what_the_file_says_is_what_a_run_does(run: Run, made: Path, here: Path) -> None:
    (here / "analyze.toml").write_text('baseline = "24h"\nquiet = true\n', encoding="utf-8")

    ran = run(made / "logs", "-o", here / "out")
    given = run(made / "logs", "-o", here / "out", "--fail-on", "never")

    assert (ran.code, ran.out) == (1, "")
    assert (given.code, given.out) == (0, "")
    document = json.loads((here / "out" / "result.json").read_text(encoding="utf-8"))
    assert document["run"]["settings"]["baseline"] == ["24h"]


@pytest.mark.parametrize(
    ("files", "arguments", "expected"),
    [
        ({"analyze.toml": "near", "../analyze.toml": "far"}, (), "analyze.toml"),
        ({"../analyze.toml": "far"}, (), "../analyze.toml"),
        ({"../../analyze.toml": "beyond the repository"}, (), None),
        ({"../pyproject.toml": "project"}, (), "../pyproject.toml"),
        ({"analyze.toml": "near", "pyproject.toml": "project"}, (), "analyze.toml"),
        ({"analyze.toml": "near", "other.toml": "named"}, ("--config", "other.toml"), "other.toml"),
    ],
)
def test_which_file_is_found(
    run: Run, here: Path, files: dict[str, str], arguments: tuple[str, ...], expected: str | None
) -> None:
    for name, title in files.items():
        table = "[tool.analyze]\n" if "pyproject" in name else ""
        (here / name).write_text(f'{table}title = "{title}"\n', encoding="utf-8")

    options, _, file = shown(run, *arguments)

    assert file == expected
    assert options["title"] == (files[expected] if expected else None)


def test_a_project_that_does_not_speak_of_us_is_passed_over(run: Run, here: Path) -> None:
    (here / "pyproject.toml").write_text('[tool.other]\ntitle = "x"\n', encoding="utf-8")
    (here.parent / "analyze.toml").write_text('title = "far"\n', encoding="utf-8")

    assert shown(run)[2] == "../analyze.toml"


def test_the_file_of_a_variable_and_of_the_user(
    run: Run, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "home" / "aftershock"
    own.mkdir(parents=True)
    (own / "analyze.toml").write_text('title = "user"\n', encoding="utf-8")
    (tmp_path / "named.toml").write_text('title = "variable"\n', encoding="utf-8")
    monkeypatch.setattr("pipeline.cli.config.user_folder", lambda _: own)

    assert shown(run)[0]["title"] == "user"
    monkeypatch.setenv("ANALYZE_CONFIG", str(tmp_path / "named.toml"))
    assert shown(run)[0]["title"] == "variable"


def test_a_table_holds_options_of_one_command(run: Run, here: Path) -> None:
    (here / "analyze.toml").write_text(
        'tz = "UTC"\n[doctor]\ntz = "Europe/Berlin"\n[demo]\nseed = 7\n', encoding="utf-8"
    )

    assert shown(run)[0]["tz"] == "UTC"
    options, origin, _ = shown(run, "doctor")
    assert (options["tz"], origin["tz"]) == ("Europe/Berlin", "file analyze.toml:3")
    assert shown(run, "demo")[0]["seed"] == 7


def test_paths_are_those_of_the_file(run: Run, here: Path) -> None:
    (here.parent / "normal").mkdir()
    (here.parent / "analyze.toml").write_text(
        'rules = "own"\nbaseline = ["normal", "24h"]\n', encoding="utf-8"
    )

    options = shown(run)[0]

    assert options["rules"] == str(Path("..") / "own")
    assert options["baseline"] == [str(Path("..") / "normal"), "24h"]


# The file, and what is said of it.
REFUSED = [
    ('base-line = "24h"', "analyze.toml:1: unknown key 'base-line'", "did you mean 'baseline'?"),
    ('tz = "UTC"\nfail_on = "new"', "analyze.toml:2: unknown key", "did you mean 'fail-on'?"),
    ("\n\nnonsense = 1", "analyze.toml:3: unknown key 'nonsense'", "known keys: author,"),
    ('fail-on = "alway"', "analyze.toml:1: fail-on: 'alway' is not one of", "--fail-on"),
    ('strict = "yes"', "analyze.toml:1: strict: true or false is needed", "--strict"),
    ("tz = 1.5", "analyze.toml:1: tz: a text or a whole number is needed", "--tz"),
    ("baseline = [1]", "analyze.toml:1: baseline: a text or a list of texts", "--baseline"),
    ("[rnu]\nx = 1", "analyze.toml:1: unknown table [rnu]", "did you mean [run]?"),
    ("[run]\nsede = 1", "analyze.toml:2: unknown key 'sede' of [run]", "known keys"),
    ("[demo]\nsede = 1", "analyze.toml:2: unknown key 'sede' of [demo]", "did you mean 'seed'?"),
    ('[demo]\nseed = "x"', "analyze.toml:2: seed: 'x' is not a valid integer", "--seed"),
    ("json = true", "analyze.toml:1: unknown key 'json'", "known keys"),
    ("tz = ", "analyze.toml: not TOML", "analyze config show"),
]


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED)
def test_a_slip_is_told_with_file_key_and_line(
    run: Run, here: Path, text: str, message: str, hint: str
) -> None:
    (here / "analyze.toml").write_text(text + "\n", encoding="utf-8")

    # Whatever command runs: the file is one.
    for arguments in (["nowhere"], ["formats", "list"], ["config", "show"]):
        ran = run(*arguments)

        assert (ran.code, ran.out) == (2, "")
        first, second = ran.err.splitlines()[:2]
        assert message in first
        assert hint in second


def test_help_is_shown_whatever_the_file_says(run: Run, here: Path) -> None:
    (here / "analyze.toml").write_text("nonsense = 1\n", encoding="utf-8")

    assert run("run", "--help").code == 0
    assert run("--help").code == 0


def test_a_secret_is_not_shown(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYZE_REDACTION_KEY", "open sesame")

    ran = run("config", "show", "--origin")

    assert "sesame" not in ran.out
    assert "environment ANALYZE_REDACTION_KEY" in ran.out


def test_who_is_told_is_that_of_the_file_and_is_not_shown(run: Run, here: Path) -> None:
    (here.parent / "analyze.toml").write_text(
        'notify = ["told.jsonl", "env:HOOK"]\nping = "https://hc.example/T0KEN"\n', encoding="utf-8"
    )

    options, _, _ = shown(run)
    assert (options["notify"], options["ping"]) == ("(set)", "(set)")
    ran = run("notify", "test")

    assert ran.code == 2 and "env:HOOK: there is no such variable" in ran.err
    (here.parent / "analyze.toml").write_text('notify = "told.jsonl"\n', encoding="utf-8")
    assert run("notify", "test").code == 0
    assert (here.parent / "told.jsonl").is_file()


def test_a_file_that_is_no_text_or_too_large_is_refused(run: Run, here: Path) -> None:
    (here / "analyze.toml").write_bytes(b"title = '\xff'\n")
    assert "not UTF-8" in run("config", "show").err
    (here / "analyze.toml").write_bytes(b"#" * (2 << 20))
    assert "more than 1 MiB" in run("config", "show").err


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read_is_told(run: Run, here: Path) -> None:
    (here / "analyze.toml").write_text("", encoding="utf-8")
    (here / "analyze.toml").chmod(0)

    assert "cannot be read" in run("config", "show").err
