"""One request over HTTP: bounded in time, tries and bytes, to the host that was named and no other.

The standard library's client follows no redirect and knows no proxy, which is what is wanted: see
``docs/decisions/008-notifications.md``.
"""

import base64
import contextlib
import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.notify.limits import FailedTry, Limits
from pipeline.notify.targets import Target

Connection = http.client.HTTPConnection
_READ_ANSWER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status in the range of success, and the first bytes of its body."""

    status: int
    body: bytes


def request(
    target: Target,
    body: bytes | None,
    headers: Mapping[str, str],
    limits: Limits,
    watch: Callable[[Callable[[], None]], None] = lambda _: None,
) -> Answer:
    """Send *body* by POST, or GET without one; *watch* is given what stops it from another thread.

    Raises `FailedTry` for everything that is no success.
    """
    parts = urlsplit(target.url)
    try:
        connection = _connection(target, limits)
        watch(lambda: _abort(connection))
        with contextlib.closing(connection):
            connection.connect()
            if "proxy" not in target.options:
                _refuse_special(connection)
            path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            if "proxy" in target.options and parts.scheme == "http":
                path = target.url
            method = "GET" if body is None else "POST"
            connection.request(method, path, body, {**headers, **_authorization(target)})
            return _answer(connection, limits)
    except FailedTry:
        raise
    except ssl.SSLCertVerificationError as error:
        reason = f"its certificate is not trusted: {error.verify_message}"
        raise FailedTry(reason, is_worth_another=False) from None
    except ssl.SSLError:
        raise FailedTry("it does not speak TLS as it must", is_worth_another=False) from None
    except TimeoutError:
        raise FailedTry("it did not answer in time", is_worth_another=True) from None
    except socket.gaierror:
        raise FailedTry("its name is not known", is_worth_another=True) from None
    except OSError as error:
        reason = f"no connection: {error.strerror or 'it was closed'}"
        raise FailedTry(reason, is_worth_another=True) from None
    except (http.client.HTTPException, ValueError):
        raise FailedTry("what came back is no HTTP", is_worth_another=True) from None


def _connection(target: Target, limits: Limits) -> Connection:
    parts = urlsplit(target.url)
    host, port = parts.hostname or "", parts.port
    is_secure = parts.scheme == "https"
    proxy = urlsplit(target.options["proxy"]) if "proxy" in target.options else None
    to_host, to_port = (host, port) if proxy is None else (proxy.hostname or "", proxy.port or 3128)
    if not is_secure:
        return Connection(to_host, to_port, timeout=limits.connect_seconds)
    made = http.client.HTTPSConnection(
        to_host, to_port, timeout=limits.connect_seconds, context=trust(target)
    )
    if proxy is not None:
        made.set_tunnel(host, port or 443)
    return made


def trust(target: Target) -> ssl.SSLContext:
    """Return what certificates are checked against: the system's, and a file's where one is named.

    Raises `FailedTry` when that file cannot be used.
    """
    try:
        context = ssl.create_default_context()
        if ca := target.options.get("ca"):
            context.load_verify_locations(ca)
    except (OSError, ValueError):
        raise FailedTry("the file of its ca cannot be used", is_worth_another=False) from None
    return context


def _refuse_special(connection: Connection) -> None:
    """Refuse addresses that no service of a user has: those of the metadata of clouds, above all.

    What is looked at is the address that was reached, so that no name can change in between. It is
    done before anything is sent.
    """
    address = ipaddress.ip_address(str(connection.sock.getpeername()[0]).partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_link_local or address.is_multicast or address in _METADATA:
        raise FailedTry("its address is none that is called", is_worth_another=False)


_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200")))


def _authorization(target: Target) -> dict[str, str]:
    options = target.options
    if "bearer" in options:
        return {"Authorization": f"Bearer {options['bearer']}"}
    if "user" in options:
        pair = f"{options['user']}:{options.get('password', '')}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}


def _answer(connection: Connection, limits: Limits) -> Answer:
    response = connection.getresponse()
    status = response.status
    body = b""
    # The status has told; what follows is for people, and may never end.
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        if connection.sock is not None:
            connection.sock.settimeout(min(_READ_ANSWER_SECONDS, limits.connect_seconds))
        body = response.read1(limits.most_answer_bytes)
    if 200 <= status < 300:
        return Answer(status, body)
    if 300 <= status < 400:
        reason = f"it answered {status}, a redirect: none is followed"
        raise FailedTry(reason, is_worth_another=False)
    is_worth_another = status >= 500 or status in (408, 429)
    raise FailedTry(f"it answered {status}", is_worth_another=is_worth_another, answer=shown(body))


def shown(body: bytes) -> str:
    """Return what of an answer may stand in one line."""
    text = body.decode("utf-8", "replace").split()
    return "".join(c for c in " ".join(text) if c.isprintable())[:200]


def _abort(connection: Connection) -> None:
    sock = connection.sock  # None before it is connected; the thread may put it away meanwhile
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
