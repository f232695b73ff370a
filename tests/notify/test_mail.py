"""Mail to a real SMTP server on loopback."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from pipeline.notices import Change, Delivery, Payload
from pipeline.notify import Limits, deliver, parse_target
from pipeline.render.notices import render_notice
from tests.notify.plant import NOW, notice, problem
from tests.notify.servers import speaker

controller = pytest.importorskip("aiosmtpd.controller")
QUICK = Limits(connect_seconds=0.5, total_seconds=2, pause_seconds=0.001)


class Inbox:
    """What arrived, and how often a receiver is put off first."""

    def __init__(self, put_off: int = 0) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.put_off = put_off

    async def handle_RCPT(self, *arguments: Any) -> str:  # noqa: ANN401
        _, _, envelope, address, _ = arguments
        if address.startswith("nobody"):
            return "550 no such user"
        if self.put_off:
            self.put_off -= 1
            return "450 later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, *arguments: Any) -> str:  # noqa: ANN401
        envelope = arguments[2]
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((envelope.rcpt_tos, mail))
        return "250 OK"


@contextlib.contextmanager
def post_office(inbox: Inbox) -> Iterator[str]:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    server = controller.Controller(inbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop()


def send(target: str, payload: Payload, limits: Limits = QUICK, **environment: str) -> Delivery:
    (found,) = deliver([(parse_target(target, environment), payload)], NOW, "0", limits)
    return found


def test_a_mail_arrives_with_headers_of_ours_alone() -> None:
    nasty = problem(title="x\r\nBcc: all@example.org\r\n\r\n.\r\nQUIT", error_class="a\r\nb")
    payload = render_notice(notice(Change("opened", nasty)), "mail")
    assert payload is not None
    inbox = Inbox(put_off=2)
    with post_office(inbox) as host:
        found = send(f"smtp://{host}/?to=a@x.example,b@y.example&from=me@z.example", payload)

    assert (found.is_delivered, found.try_count) == (True, 2)
    ((receivers, mail),) = inbox.mails
    assert receivers == ["a@x.example", "b@y.example"]
    assert mail["Subject"] == "Aftershock: new: an error without a class"
    assert (mail["To"], mail["From"]) == ("a@x.example, b@y.example", "me@z.example")
    assert mail["Bcc"] is None and mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].startswith("<n1.")
    assert "Bcc: all@example.org" in mail.get_content()
    assert mail.get_content().endswith("Run r1.\r\n")


def test_what_a_mail_server_refuses_is_told() -> None:
    payload = Payload("n1", "text", "title", "text/plain")
    with post_office(Inbox()) as host:
        nobody = send(f"smtp://{host}/?to=nobody@x.example", payload)
        some = send(f"smtp://{host}/?to=nobody@x.example,a@x.example", payload)
        bare = send(f"smtp://me@{host}/?to=a@x.example#password=env:P", payload, P="hush-hush")

    assert (nobody.is_delivered, nobody.text) == (False, "it refused all receivers")
    assert some.is_delivered  # who got it must not get it each hour
    assert some.text == "delivered, but refused for 1 of 2 receivers"
    assert bare.text == "it offers no TLS, and a password is to be sent"
    assert "hush-hush" not in repr(bare)


def test_a_server_that_talks_for_ever_costs_no_more_than_the_limit() -> None:
    def talk(connection: socket.socket, over: threading.Event) -> None:
        while not over.is_set():
            connection.sendall(b"220-welcome\r\n" * 200)

    payload = Payload("n1", "text", "title", "text/plain")
    with speaker(talk) as url:
        found = send(
            f"smtp{url.removeprefix('http')}/?to=a@x.example", payload, replace(QUICK, tries=1)
        )

    assert not found.is_delivered
    assert "what came back is no SMTP" in found.text
