"""Servers on the loopback address to try commands on: made in a folder, ended with the block."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixtures.live.stack import HOST, free_port, plain_user, postgres_program, program

SOON = 60.0


def until(is_ready: Callable[[], bool]) -> None:
    """Wait until *is_ready*, at most a minute."""
    end = time.monotonic() + SOON
    while not is_ready():
        assert time.monotonic() < end, "the server did not answer in time"
        time.sleep(0.1)


@contextlib.contextmanager
def running(
    command: list[str], folder: Path, user: int | None = None, group: int | None = None
) -> Iterator[None]:
    """Run *command* while the block does."""
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            user=user, group=group,
        )  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=SOON)


def answers(command: list[str]) -> bool:
    """Tell whether *command* ends well."""
    done = subprocess.run(command, capture_output=True, timeout=SOON, check=False)
    return done.returncode == 0


@contextlib.contextmanager
def psql(folder: Path) -> Iterator[list[str]]:
    """A new PostgreSQL; gives the command that takes a statement."""
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(_psql(folder, stack))


@contextlib.contextmanager
def _psql(folder: Path, stack: contextlib.ExitStack) -> Iterator[list[str]]:
    user, port = plain_user(), str(free_port())
    # Not below *folder*: only its owner may enter that, and PostgreSQL refuses to be root.
    home = stack.enter_context(tempfile.TemporaryDirectory(prefix="knowledge-"))
    Path(home).chmod(0o755)
    data = Path(home) / "data"
    data.mkdir()
    if user:
        os.chown(data, user["user"], user["group"])
    made = [postgres_program("initdb"), "-D", str(data), "-U", "postgres", "-A", "trust"]
    subprocess.run(
        [*made, "--no-sync"], check=True, capture_output=True, cwd="/",
        user=user.get("user"), group=user.get("group"),
    )  # fmt: skip
    options = ["-c", f"listen_addresses={HOST}", "-c", "unix_socket_directories=", "-p", port]
    command = [postgres_program("postgres"), "-D", str(data), *options]
    ask = [postgres_program("psql"), "-X", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", port]
    ask += ["-U", "postgres", "-c"]
    with running(command, folder, user.get("user"), user.get("group")):
        until(lambda: answers([*ask, "select 1"]))
        yield ask


@contextlib.contextmanager
def redis_cli(folder: Path) -> Iterator[list[str]]:
    """A new Redis in cluster mode, so that questions about slots have an answer."""
    port = str(free_port())
    server = [program("redis-server", "redis-server"), "--bind", HOST, "--port", port]
    ask = [program("redis-cli", "redis-tools"), "-e", "-h", HOST, "-p", port]
    with running([*server, "--save", "", "--cluster-enabled", "yes"], folder):
        until(lambda: answers([*ask, "ping"]))
        yield ask


@contextlib.contextmanager
def mariadb(folder: Path) -> Iterator[list[str]]:
    """A new MariaDB; gives the command that takes a statement."""
    data, path, port = folder / "data", folder / "s", str(free_port())
    owner = ["--user=root"] if os.getuid() == 0 else []
    common = ["--no-defaults", f"--datadir={data}", *owner]
    install = program("mariadb-install-db", "mariadb-server")
    subprocess.run([install, *common, "--auth-root-authentication-method=normal"],
                   check=True, capture_output=True)  # fmt: skip
    server = [program("mariadbd", "mariadb-server"), *common, f"--socket={path}"]
    server += [f"--bind-address={HOST}", f"--port={port}"]
    ask = [program("mariadb", "mariadb-client"), "--no-defaults", f"--socket={path}"]
    ask += ["-u", "root", "-e"]
    with running(server, folder):
        until(lambda: answers([*ask, "select 1"]))
        yield ask


@contextlib.contextmanager
def java(folder: Path) -> Iterator[str]:
    """A running Java program; gives its process id."""
    if shutil.which("jcmd") is None or shutil.which("java") is None:
        pytest.skip("no JDK here")
    (folder / "Wait.java").write_text(
        "class Wait { public static void main(String[] a) throws Exception "
        "{ System.out.println(1); Thread.sleep(600000); } }",
        encoding="utf-8",
    )
    command = ["java", "-XX:NativeMemoryTracking=summary", "Wait.java"]
    with running(command, folder):
        until(lambda: (folder / "server.log").read_bytes().startswith(b"1"))
        found = subprocess.run(["jcmd"], capture_output=True, text=True, check=True).stdout
        yield next(line.split()[0] for line in found.splitlines() if "Wait.java" in line)


@contextlib.contextmanager
def rabbitmq(folder: Path) -> Iterator[dict[str, str]]:
    """A new RabbitMQ; gives the environment in which its tools find it."""
    server = _rabbitmq_program("rabbitmq-server")
    environment = {
        **os.environ,
        "HOME": str(folder),
        "RABBITMQ_NODENAME": "tried@localhost",
        "RABBITMQ_NODE_PORT": str(free_port()),
        "RABBITMQ_NODE_IP_ADDRESS": HOST,
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "ERL_EPMD_ADDRESS": HOST,
        "PATH": os.pathsep.join(
            [str(Path(_rabbitmq_program("rabbitmqctl")).parent), os.environ["PATH"]]
        ),
        "ERL_EPMD_PORT": str(free_port()),
    }
    ask = [_rabbitmq_program("rabbitmqctl"), "await_startup"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [server], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            until(lambda: _ends_well(ask, environment))
            yield environment
        finally:
            subprocess.run([ask[0], "stop"], env=environment, capture_output=True, check=False)
            process.wait(timeout=SOON)
            epmd = shutil.which("epmd")
            if epmd:  # began with the server, and stays otherwise
                subprocess.run([epmd, "-kill"], env=environment, capture_output=True, check=False)


def _rabbitmq_program(name: str) -> str:
    """Return the program itself: Debian's wrapper on the path changes the user."""
    places = sorted(Path("/usr/lib/rabbitmq/lib").glob(f"*/sbin/{name}"))
    return str(places[-1]) if places else program(name, "rabbitmq-server")


def _ends_well(command: list[str], environment: dict[str, str]) -> bool:
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    return done.returncode == 0


@contextlib.contextmanager
def chrony(folder: Path) -> Iterator[None]:
    """A time service that leaves the clock alone and asks nobody."""
    (folder / "chrony.conf").write_text("local stratum 10\nport 0\n", encoding="utf-8")
    server = [program("chronyd", "chrony"), "-x", "-d", "-f", str(folder / "chrony.conf")]
    with running(server, folder):
        until(lambda: answers([program("chronyc", "chrony"), "-n", "tracking"]))
        yield


@contextlib.contextmanager
def web(folder: Path) -> Iterator[str]:
    """A web server; gives its port."""
    port = str(free_port())
    with running([sys.executable, "-m", "http.server", port, "--bind", HOST], folder):
        until(lambda: is_open(port))
        yield port


@contextlib.contextmanager
def tls(folder: Path, certificate: Path) -> Iterator[str]:
    """A server that speaks TLS with *certificate* (`key.pem` beside it); gives its port."""
    port = str(free_port())
    key = certificate.with_name("key.pem")
    command = [program("openssl", "openssl"), "s_server", "-accept", f"{HOST}:{port}", "-www"]
    with running([*command, "-cert", str(certificate), "-key", str(key)], folder):
        until(lambda: is_open(port))
        yield port


def is_open(port: str) -> bool:
    """Tell whether somebody listens on *port* of the loopback address."""
    with socket.socket() as one:
        return one.connect_ex((HOST, int(port))) == 0
