"""One mail over SMTP, in the same limits as a request over HTTP.

A password is sent over TLS only. What the server says is bounded; what we say in headers is made by
`email`, which refuses a line end in one.
"""

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import format_datetime
from typing import IO, Any
from urllib.parse import urlsplit

from pipeline.notices import Payload
from pipeline.notify.limits import FailedTry, Limits
from pipeline.notify.targets import Target
from pipeline.notify.web import trust

_MOST_SAID_BYTES = 65_536


def send_mail(
    target: Target,
    payload: Payload,
    moment: datetime,
    limits: Limits,
    watch: Callable[[Callable[[], None]], None] = lambda _: None,
) -> str:
    """Send *payload* to all receivers of *target*; return what is to be said of it.

    Raises `FailedTry` where nobody gets it. Where some do it has arrived: it must not be sent to
    them again for those who never will.
    """
    parts = urlsplit(target.url)
    message = _message(target, payload, moment)
    context = trust(target)
    try:
        client = _client(parts.scheme, context, limits)
        watch(lambda: _abort(client))
        with contextlib.closing(client):
            client.connect(parts.hostname or "", parts.port or _PORTS[parts.scheme])
            _secured(client, target, context)
            if password := target.options.get("password"):
                client.login(target.options.get("user", ""), password)
            refused = client.send_message(message)
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()
        count = target.options["to"].count(",") + 1
        return f"but refused for {len(refused)} of {count} receivers" if refused else ""
    except smtplib.SMTPAuthenticationError as error:
        reason = f"it refused user or password ({error.smtp_code})"
        raise FailedTry(reason, is_worth_another=False) from None
    except smtplib.SMTPRecipientsRefused as error:
        is_passing = all(400 <= code < 500 for code, _ in error.recipients.values())
        raise FailedTry("it refused all receivers", is_worth_another=is_passing) from None
    except smtplib.SMTPResponseException as error:
        is_passing = 400 <= error.smtp_code < 500 or error.smtp_code < 0
        reason = f"it answered {error.smtp_code}"
        raise FailedTry(reason, is_worth_another=is_passing) from None
    except smtplib.SMTPException:
        raise FailedTry("what came back is no SMTP", is_worth_another=True) from None
    except ssl.SSLCertVerificationError as error:
        reason = f"its certificate is not trusted: {error.verify_message}"
        raise FailedTry(reason, is_worth_another=False) from None
    except TimeoutError:
        raise FailedTry("it did not answer in time", is_worth_another=True) from None
    except (OSError, ValueError, AttributeError) as error:
        cause = error.strerror if isinstance(error, OSError) else None
        reason = f"no connection: {cause or 'it was closed'}"
        raise FailedTry(reason, is_worth_another=True) from None


_PORTS = {"smtp": 25, "smtps": 465}


def _client(scheme: str, context: ssl.SSLContext, limits: Limits) -> smtplib.SMTP:
    # Without a name of ours smtplib asks the name servers for one, without a limit of time.
    name, seconds = socket.gethostname(), limits.connect_seconds
    name = name if name.isascii() and name else "localhost"
    if scheme == "smtps":
        return _TLSClient(local_hostname=name, timeout=seconds, context=context)
    return _Client(local_hostname=name, timeout=seconds)


def _secured(client: smtplib.SMTP, target: Target, context: ssl.SSLContext) -> None:
    """Change to TLS where the server offers it; insist where a password is to be sent."""
    if isinstance(client, smtplib.SMTP_SSL):
        return
    client.ehlo()
    if client.has_extn("starttls"):
        client.starttls(context=context)
        client.ehlo()
    elif target.options.get("password"):
        raise FailedTry("it offers no TLS, and a password is to be sent", is_worth_another=False)


def _message(target: Target, payload: Payload, moment: datetime) -> EmailMessage:
    message = EmailMessage(policy=POLICY)
    sender = target.options["from"]
    message["From"] = sender
    message["To"] = target.options["to"].replace(",", ", ")
    message["Subject"] = " ".join(payload.title.split())
    message["Date"] = format_datetime(moment)
    # Of a second try of the same mail a reader sees one.
    message["Message-ID"] = f"<{payload.notice_id}.{target.key}@{sender.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(payload.body)
    return message


class _Bounded:
    """What a server says, of which only so much is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = _MOST_SAID_BYTES

    def readline(self, size: int = -1) -> bytes:
        line = self._file.readline(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(line)
        if self._left <= 0:
            raise smtplib.SMTPException("too much was said")
        return line

    def close(self) -> None:
        self._file.close()


class _Client(smtplib.SMTP):
    file: Any  # the name is the standard library's

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"))
        return super().getreply()


class _TLSClient(smtplib.SMTP_SSL):
    file: Any

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"))
        return super().getreply()


def _abort(client: smtplib.SMTP) -> None:
    sock = client.sock  # the thread may put it away meanwhile
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
