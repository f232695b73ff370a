"""The commands that entries of the knowledge base begin with: each is run where that can be.

Servers are started on the loopback address and ended again; what is not installed is skipped. An
entry says in `ran_with` on what a command was tried, and only what runs here may say so.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.live.stack import Absent
from pipeline.rules import load_knowledge
from tests.knowledge import servers

pytestmark = pytest.mark.slow
SECONDS = 60
# What a word in capitals may be filled with where any such thing does.
NAMES = {
    "TABLE": "pg_class",
    "FUNCTION": "now",
    "TYPE": "pg_class",
    "PATH": "/",
    "FILE": "/bin/sh",
    "ADDRESS": "127.0.0.1",
    "HOST": "127.0.0.1",
    "NAME": "localhost",
    "CLASS": "java.lang.Object",
}
# Programs that need a server, a network or a container that no package brings.
ELSEWHERE = ("kubectl", "mongosh", "curl", "kafka", "rabbitmq", "celery -A", "alembic", "chronyc",
             "nc ", "dig", "openssl s_client", "haproxy", "docker")  # fmt: skip


def commands(where: str) -> list[tuple[str, str | None]]:
    """Return the different commands for one program, each with what it was tried on."""
    found = {
        one.run: one.ran_with
        for entry in load_knowledge().values()
        for one in entry.knowledge.commands
        if one.where == where
    }
    return sorted(found.items())


def filled(text: str, **more: str) -> str:
    """Return *text* with its words in capitals filled in."""
    names = {**NAMES, **more}
    return re.sub(r"\b[A-Z]{3,}\b", lambda word: names.get(word[0], word[0]), text)


def fails(command: list[str], cwd: Path, environment: dict[str, str] | None = None) -> str | None:
    """Return what a command says when it fails."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=SECONDS, check=False,
        stdin=subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    return None if done.returncode == 0 else (done.stderr or done.stdout).strip()[-300:]


@pytest.mark.parametrize("where", ["psql", "redis-cli", "mariadb"])
def test_every_statement_is_understood_by_a_new_server(where: str, tmp_path: Path) -> None:
    begin = {"psql": servers.psql, "redis-cli": servers.redis_cli, "mariadb": servers.mariadb}
    try:
        with begin[where](tmp_path) as ask:
            told = {
                run: fails([*ask, *(shlex.split(run) if where == "redis-cli" else [filled(run)])],
                           tmp_path)
                for run, _ in commands(where)
            }  # fmt: skip
    except Absent as error:
        pytest.skip(str(error))

    assert {run: text for run, text in told.items() if text is not None} == {}


@pytest.fixture(scope="module")
def java_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.java(tmp_path_factory.mktemp("java")) as pid:
        yield pid


@pytest.mark.parametrize("run", [run for run, _ in commands("shell") if run.startswith("jcmd")])
def test_every_question_to_java_is_understood(run: str, java_process: str, tmp_path: Path) -> None:
    assert fails(shlex.split(filled(run, PID=java_process)), tmp_path) is None


SHELL = [run for run, _ in commands("shell") if not run.startswith(("jcmd", *ELSEWHERE))]


@pytest.mark.parametrize("run", SHELL)
def test_every_command_of_a_shell_runs(run: str, tmp_path: Path) -> None:
    words = shlex.split(filled(run, PID="self", CERT=str(certificate(tmp_path))))
    program = words[0]
    if shutil.which(program) is None and program != "pwd":
        pytest.skip(f"no {program} here")
    if program in ("cat", "ls") and not Path(words[-1]).exists():
        pytest.skip(f"no {words[-1]} here")
    told = fails(words, tmp_path)
    if program in ("dmesg", "nginx") and told:
        pytest.skip(f"{program} is not for everybody here: {told}")
    if program == "python3" and told and "pip" in run:
        pytest.skip("no pip here")

    # lsof ends with 1 where there is nothing to list.
    assert told is None or (program == "lsof" and not told)


TOOLS = {
    "nc -vz": "web",
    "curl": "web",
    "openssl s_client": "tls",
    "rabbitmq": "rabbitmq",
    "chronyc": "chrony",
}


@pytest.mark.parametrize(("begin", "server"), TOOLS.items(), ids=TOOLS)
def test_every_command_that_asks_a_server_runs(begin: str, server: str, tmp_path: Path) -> None:
    runs = [run for run, _ in (*commands("shell"), *commands("curl")) if run.startswith(begin)]
    runs = [run for run in runs if ":9200" not in run and ":9901" not in run]
    own = certificate(tmp_path)
    made = getattr(servers, server)
    try:
        with made(tmp_path, own) if server == "tls" else made(tmp_path) as given:
            environment = given if isinstance(given, dict) else None
            port = given if isinstance(given, str) else ""
            told = {
                run: fails(shlex.split(filled(run, PORT=port)), tmp_path, environment)
                for run in runs
            }
    except Absent as error:
        pytest.skip(str(error))

    assert runs
    assert {run: text for run, text in told.items() if text is not None} == {}


def certificate(folder: Path) -> Path:
    """Return a certificate of one's own."""
    path = folder / "cert.pem"
    if shutil.which("openssl"):
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=shop",
                "-keyout", str(folder / "key.pem"), "-out", str(path)]  # fmt: skip
        subprocess.run(made, check=True, capture_output=True)
    return path


def test_only_what_can_be_tried_here_says_that_it_was() -> None:
    """Commands of products that no package brings are not said to have been run."""
    said = [
        (one.where, one.run)
        for entry in load_knowledge().values()
        for one in entry.knowledge.commands
        if one.ran_with and (one.where in ("kubectl", "mongosh") or one.run.startswith("kafka"))
    ]

    assert said == []
