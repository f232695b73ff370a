"""Deliveries to real servers on loopback, some of which mean no good."""

import contextlib
import hashlib
import hmac
import socket
import threading
import time
from pathlib import Path

import pytest

from pipeline.notices import Delivery, Payload
from pipeline.notify import Limits, deliver, parse_ping, parse_target, ping
from tests.notify.plant import NOW
from tests.notify.servers import hook, speaker

QUICK = Limits(connect_seconds=0.4, total_seconds=0.8, pause_seconds=0.001)
PAYLOAD = Payload("n1", '{"a":1}\n')


def send(*targets: str, limits: Limits = QUICK, **environment: str) -> list[Delivery]:
    parsed = [parse_target(one, environment) for one in targets]
    return deliver([(one, PAYLOAD) for one in parsed], NOW, "0", limits)


def test_json_arrives() -> None:
    with hook() as server:
        (found,) = send(f"{server.url}/in?team=a")

    assert (found.is_delivered, found.text, found.answer) == (True, "delivered", "ok")
    ((method, path, headers, body),) = server.requests
    assert (method, path, body) == ("POST", "/in?team=a", b'{"a":1}\n')
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == "n1"


def test_what_fails_is_tried_again_as_the_same_notice() -> None:
    with hook(statuses=[500, 503, 200]) as server:
        (found,) = send(server.url)

    assert (found.is_delivered, found.try_count) == (True, 3)
    assert {headers["Idempotency-Key"] for _, _, headers, _ in server.requests} == {"n1"}


@pytest.mark.parametrize(
    ("status", "tries", "text"),
    [
        (500, 3, "it answered 500"),
        (429, 3, "it answered 429"),
        (404, 1, "it answered 404"),
        (302, 1, "it answered 302, a redirect: none is followed"),
        (307, 1, "it answered 307, a redirect: none is followed"),
    ],
)
def test_what_is_refused_is_told(status: int, tries: int, text: str) -> None:
    with hook() as other, hook(statuses=[status], headers={"Location": other.url}) as server:
        (found,) = send(server.url)

    assert (found.is_delivered, found.text, found.try_count) == (False, text, tries)
    assert len(server.requests) == tries
    assert other.requests == []


def test_an_answer_is_shown_in_one_line_and_only_its_beginning() -> None:
    with hook(statuses=[400], body=b"no\x1b[31m\n\r such thing " + b"x" * 9_000_000) as server:
        (found,) = send(server.url)

    assert found.answer.startswith("no[31m such thing xxx")
    assert len(found.answer) <= 200


def _silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(2)


def _garbage(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65_536)
    connection.sendall(b"\x00\xff what is this\r\n\r\n")


def _closing(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65_536)


def _dripping(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65_536)
    while not over.wait(0.02):
        connection.sendall(b"H")


def _forever_continue(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(65_536)
    while not over.is_set():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 50)


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (_silent, "it did not answer in time"),
        (_garbage, "what came back is no HTTP"),
        (_closing, ""),
        (_dripping, "nothing within 0.8 s"),
        (_forever_continue, "nothing within 0.8 s"),
    ],
)
def test_a_hostile_server_costs_no_more_than_the_limit(talk: object, reason: str) -> None:
    begun = time.monotonic()
    with speaker(talk) as url:  # type: ignore[arg-type]
        (found,) = send(url)

    assert not found.is_delivered
    assert reason in found.text
    assert time.monotonic() - begun < 3


def test_an_endless_answer_after_success_is_a_success() -> None:
    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not over.is_set():
            connection.sendall(b"1000\r\n" + b"y" * 4096 + b"\r\n")

    with speaker(talk) as url:
        (found,) = send(url)

    assert found.is_delivered


def test_nobody_there_is_told_and_others_are_reached_meanwhile(tmp_path: Path) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with hook() as server:
        gone, reached, file = send(
            f"http://127.0.0.1:{port}", server.url, str(tmp_path / "new" / "alerts.jsonl")
        )

    assert "no connection" in gone.text and gone.try_count == 3
    assert reached.is_delivered and file.is_delivered


@pytest.mark.parametrize(
    ("address", "is_called"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("::1", True),
        ("fd12::1", True),
        ("169.254.169.254", False),
        ("::ffff:169.254.169.254", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("100.100.100.200", False),
        ("224.0.0.1", False),
    ],
)
def test_addresses_of_metadata_are_never_called(
    monkeypatch: pytest.MonkeyPatch, address: str, is_called: bool
) -> None:
    # What counts is the address that was reached, whatever name it had.
    monkeypatch.setattr(socket.socket, "getpeername", lambda _: (address, 80))
    with hook() as server:
        (found,) = send(server.url)

    assert found.is_delivered is is_called
    assert bool(server.requests) is is_called


def test_variables_of_a_proxy_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with hook() as server, hook() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        (direct,) = send(server.url)
        (through,) = send(f"http://hook.example/in#proxy={proxy.url}")

    assert direct.is_delivered and len(server.requests) == 1
    assert through.is_delivered
    assert [path for _, path, _, _ in proxy.requests] == ["http://hook.example/in"]


def test_secrets_are_sent_and_never_said() -> None:
    secret = "tok-4711-abcdef"
    with hook(statuses=[403], body=f"bad token {secret}".encode()) as server:
        target = f"{server.url}/in#bearer=env:TOKEN&hmac=env:KEY"
        (found,) = send(target, TOKEN=secret, KEY="k3y")
        parsed = parse_target(target, {"TOKEN": secret, "KEY": "k3y"})

    ((_, path, headers, body),) = server.requests
    assert path == "/in"
    assert headers["Authorization"] == f"Bearer {secret}"
    stamp = headers["X-Aftershock-Timestamp"]
    signed = hmac.new(b"k3y", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Aftershock-Signature"] == f"sha256={signed}"
    assert found.answer == "bad token ***"
    assert secret not in f"{found!r} {found.answer} {parsed!r}"


def test_a_file_grows_by_a_line_and_keeps_what_is_no_line(tmp_path: Path) -> None:
    alerts, secret = tmp_path / "alerts.jsonl", tmp_path / "token"
    alerts.write_text('{"cut": ', encoding="utf-8")
    secret.write_text("hush", encoding="utf-8")

    found = send(alerts.as_uri(), str(alerts), str(secret), str(tmp_path))

    assert [one.is_delivered for one in found] == [True, True, False, False]
    lines = alerts.read_text(encoding="utf-8").splitlines()
    assert lines == ['{"cut": ', '{"a":1}', '{"a":1}']
    assert secret.read_text(encoding="utf-8") == "hush"


def test_a_ping_calls_another_address_after_a_failure() -> None:
    with hook() as server:
        done, failed = parse_ping(f"{server.url}/uuid#fail=/fail", {})
        assert failed is not None
        assert ping(done, "0", QUICK).is_delivered and ping(failed, "0", QUICK).is_delivered
        _, by_query = parse_ping(f"{server.url}/in?a=1#fail=?state=fail", {})
        assert by_query is not None and ping(by_query, "0", QUICK).is_delivered
        assert parse_ping(server.url, {})[1] is None

    said = [(method, path) for method, path, _, _ in server.requests]
    assert said == [("GET", "/uuid"), ("GET", "/uuid/fail"), ("GET", "/in?a=1&state=fail")]
