"""Payloads to their targets, all at the same time, each in limits that hold whatever happens.

A target has a thread of its own; when its time is over its socket is closed and nobody waits for
it. So a server that sends a byte a second, or a name server that is silent, costs no more than
the limit.
"""

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from pipeline.notices import Delivery, Payload
from pipeline.notify.limits import FailedTry, Limits
from pipeline.notify.targets import Target

DELIVERED = "delivered"
_MASK = "***"
_LONGEST_PAUSE = 8.0


def deliver(
    jobs: Sequence[tuple[Target, Payload]],
    moment: datetime,
    version: str,
    limits: Limits | None = None,
) -> list[Delivery]:
    """Send each payload to its target; return what became of each, in the same order.

    *moment* is the time of now: mails and signatures carry it.

    Nothing raises; the whole takes *limits*.total_seconds at most.
    """
    limits = limits or Limits()

    def sender(target: Target, payload: Payload) -> "_Send":
        return lambda task: _send(target, payload, moment, version, limits, task)

    secrets = {secret for target, _ in jobs for secret in target.secrets}
    tasks = [_Task(target, sender(target, payload), limits, secrets) for target, payload in jobs]
    return _all(tasks, limits)


def ping(target: Target, version: str, limits: Limits | None = None) -> Delivery:
    """Call *target* without a body; return what became of it."""
    limits = limits or Limits()
    headers = {"User-Agent": f"aftershock/{version}"}

    def call(task: "_Task") -> tuple[str, str]:
        from pipeline.notify.web import request, shown

        return "", shown(request(target, None, headers, limits, task.watch).body)

    return _all([_Task(target, call, limits, set(target.secrets))], limits)[0]


def _all(tasks: "Sequence[_Task]", limits: Limits) -> list[Delivery]:
    deadline = time.monotonic() + limits.total_seconds
    for task in tasks:
        task.thread.start()
    for task in tasks:
        task.thread.join(max(deadline - time.monotonic(), 0))
    return [task.outcome() for task in tasks]


class _Task:
    """One target's tries in a thread of their own."""

    def __init__(self, target: Target, send: "_Send", limits: Limits, secrets: set[str]) -> None:
        self._target = target
        self._send = send
        self._limits = limits
        self._secrets = secrets
        self._delivery: Delivery | None = None
        self._try_count = 0
        self._abort: Callable[[], None] = lambda: None
        self._is_over = threading.Event()
        self._last = ""
        self.thread = threading.Thread(target=self._run, daemon=True, name=target.kind)

    def watch(self, abort: Callable[[], None]) -> None:
        """Keep what stops the try that begins now."""
        self._abort = abort

    def outcome(self) -> Delivery:
        """Return what became of it; what still goes on is stopped."""
        delivery = self._delivery
        if delivery is not None:
            return delivery
        self._is_over.set()
        self._abort()
        within = f"nothing within {self._limits.total_seconds:g} s"
        text = f"{within}; before: {self._last}" if self._last else within
        return Delivery(self._target.label, False, text, max(self._try_count, 1))

    def _run(self) -> None:
        pause = self._limits.pause_seconds
        while not self._is_over.is_set():
            self._try_count += 1
            try:
                remark, answer = self._send(self)
                self._end(True, f"{DELIVERED}, {remark}" if remark else DELIVERED, answer)
                return
            except FailedTry as failure:
                self._last = str(failure)
                if not failure.is_worth_another or self._try_count >= self._limits.tries:
                    self._end(False, self._last, failure.answer)
                    return
            except Exception as error:  # noqa: BLE001  # a thread has nobody to raise to
                # Its text may hold an address; its kind is enough to find it.
                self._end(False, f"could not be sent ({type(error).__name__})")
                return
            self._is_over.wait(min(pause, _LONGEST_PAUSE))
            pause *= 2

    def _end(self, is_delivered: bool, text: str, answer: str = "") -> None:
        said, text = _masked(answer, self._secrets), _masked(text, self._secrets)
        self._delivery = Delivery(self._target.label, is_delivered, text, self._try_count, said)


_Send = Callable[[_Task], tuple[str, str]]  # a remark, and what the other side said


def _masked(text: str, secrets: set[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def _send(
    target: Target,
    payload: Payload,
    moment: datetime,
    version: str,
    limits: Limits,
    task: _Task,
) -> tuple[str, str]:
    if target.kind in ("file", "apprise"):
        from pipeline.notify.others import append, by_apprise

        (append if target.kind == "file" else by_apprise)(target, payload)
        return "", ""
    if target.kind == "mail":
        from pipeline.notify.mail import send_mail

        return send_mail(target, payload, moment, limits, task.watch), ""
    from pipeline.notify.web import request, shown

    body = payload.body.encode()
    headers = {
        "Content-Type": payload.content_type,
        "User-Agent": f"aftershock/{version}",
        # A second try of what had arrived is the same notice.
        "Idempotency-Key": payload.notice_id,
        **_signature(target.options, body, moment),
    }
    return "", shown(request(target, body, headers, limits, task.watch).body)


def _signature(options: Mapping[str, str], body: bytes, moment: datetime) -> dict[str, str]:
    """Sign time and body, so that a receiver can tell who wrote it and when."""
    if "hmac" not in options:
        return {}
    stamp = str(int(moment.timestamp()))
    signed = hmac.new(options["hmac"].encode(), f"{stamp}.".encode() + body, hashlib.sha256)
    return {
        "X-Aftershock-Timestamp": stamp,
        "X-Aftershock-Signature": f"sha256={signed.hexdigest()}",
    }
