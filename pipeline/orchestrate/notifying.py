"""Telling people of a run: what is news to each target, in its syntax, sent; and then remembered.

Nothing in here can lose a run: its report was written before, and what goes wrong is told.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from pipeline import notify, store
from pipeline.diagnosis.times import parse_duration
from pipeline.errors import ExitCode, PipelineError, UsageError
from pipeline.model import Result, Settings
from pipeline.notices import Change, Delivery, Notice
from pipeline.notify.choosing import On
from pipeline.orchestrate.metering import Meter, metered, status_of
from pipeline.redaction import redact_lines

_FINISHED = (ExitCode.NORMAL, ExitCode.REGRESSION)
_FAILED = (ExitCode.USAGE, ExitCode.FAILED)


@dataclass(frozen=True, slots=True)
class Alerts:
    """Whom to tell of a run and when, checked before it begins."""

    targets: tuple[notify.Target, ...] = ()
    policy: notify.Policy = notify.Policy()  # noqa: RUF009  # frozen
    is_required: bool = False
    ping: tuple[notify.Target, notify.Target | None] | None = None
    limits: notify.Limits = notify.Limits()  # noqa: RUF009  # frozen

    def fails(self, deliveries: Sequence[Delivery]) -> bool:
        """Tell whether what was not delivered makes the run fail."""
        return self.is_required and not all(one.is_delivered for one in deliveries)


def alerts_of(
    targets: Sequence[str],
    environment: Mapping[str, str],
    *,
    on: On = "change",
    remind: str = "24h",
    ping: str | None = None,
    is_required: bool = False,
) -> Alerts:
    """Return whom to tell. Raises `UsageError`, without a secret, for what cannot be used."""
    found = [notify.parse_target(one, environment) for one in targets]
    return Alerts(
        targets=tuple({one.key: one for one in found}.values()),
        policy=notify.Policy(on, _interval(remind)),
        is_required=is_required,
        ping=notify.parse_ping(ping, environment) if ping else None,
    )


def _interval(text: str) -> timedelta | None:
    if text == "never":
        return None
    length = parse_duration(text)
    if length is None or length <= timedelta(0):
        raise UsageError(
            f"--notify-remind: {text!r} is no duration", hint="such as 24h, 7d, or never"
        )
    return length


def tell_people(
    alerts: Alerts,
    result: Result,
    settings: Settings,
    out: Path,
    over_runs: Mapping[str, notify.Standing] | None = None,
) -> list[Delivery]:
    """Tell each target what is news to it, and remember what arrived; return what was sent.

    What targets were told lies in the store, where there is one, else in *out*. Nothing raises but
    a bug: a memory that cannot be read or written is one more delivery that failed. *over_runs*:
    where findings stand over runs, by default what the result says of it.
    """
    if not alerts.targets:
        return []
    over_runs = _standing_of(result) if over_runs is None else over_runs
    folder = Path(settings.store) if settings.store is not None else out
    memory, problem = notify.read_memory(folder)
    jobs, sent = [], []
    for target in alerts.targets:
        notice = _notice(target, memory.get(target.key, {}), alerts, result, out, over_runs)
        if notice is None:
            continue
        from pipeline.render.notices import render_notice

        payload = render_notice(notice, target.kind, hold=_hold(target))
        if payload is not None:
            jobs.append((target, payload))
            sent.append(notice.changes)
    own = [_of_memory(problem)] if problem else []
    if not jobs:
        return own
    deliveries = notify.deliver(jobs, datetime.now(UTC), version("aftershock"), alerts.limits)
    moment = result.run.generated_at
    for (target, _), changes, delivery in zip(jobs, sent, deliveries, strict=True):
        if delivery.is_delivered:
            told = notify.told_after(memory.pop(target.key, {}), changes, moment)
            memory[target.key] = told  # last: the targets of now are forgotten last
    try:
        store.write_documents(folder, {notify.MEMORY_FILE: notify.written_memory(memory)})
    except PipelineError as error:
        own.append(_of_memory(f"{error}: the next run tells the same again"))
    return [*own, *deliveries]


def _standing_of(result: Result) -> dict[str, notify.Standing]:
    """Return what a store knows of the findings over runs."""
    return {
        one.finding_id: notify.Standing(one.lifecycle.state, one.lifecycle.handling)
        for one in result.findings
        if one.lifecycle
    }


def _of_memory(problem: str) -> Delivery:
    return Delivery(notify.MEMORY_FILE, False, problem)


def _hold(target: notify.Target) -> timedelta | None:
    return parse_duration(target.options["hold"]) if "hold" in target.options else None


def _notice(
    target: notify.Target,
    told: Mapping[str, notify.Told],
    alerts: Alerts,
    result: Result,
    out: Path,
    over_runs: Mapping[str, notify.Standing] | None,
) -> Notice | None:
    """Return what to tell *target*, None where nothing is news to it."""
    moment, policy = result.run.generated_at, alerts.policy
    standing = notify.standing(result, [one.problem for one in told.values()], over_runs)
    changes = notify.news(standing, told, moment, policy)
    # Alertmanager forgets what is not repeated, and tells nobody twice.
    is_due = policy.on == "always" or (target.kind == "alertmanager" and standing)
    if not changes and not is_due:
        return None
    report = next((out / one for one in ("report.html", "report.md") if (out / one).exists()), None)
    window = result.windows.candidate
    notice = Notice(
        notice_id=_id(result.run.run_id, moment, target.key, changes),
        generated_at=moment,
        run_id=result.run.run_id,
        version=result.run.version,
        verdict=result.verdict.value,
        headline=result.headline,
        start=window.start,
        end=window.end,
        changes=tuple(changes),
        standing=tuple(standing),
        report=str(report.resolve()) if report else None,
    )
    return _without_secrets(notice)


def _id(run_id: str, moment: datetime, key: str, changes: Sequence[Change]) -> str:
    said = [f"{one.event} {one.problem.finding_id}" for one in changes]
    text = "\n".join([run_id, moment.isoformat(), key, *said])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _without_secrets(notice: Notice) -> Notice:
    """Take secrets out once more: with ``--redact off`` a result has them, a message has not."""
    problems = [*(one.problem for one in notice.changes), *notice.standing]
    headline, *titles = redact_lines([notice.headline, *(one.title for one in problems)])
    cleaned = [replace(one, title=title) for one, title in zip(problems, titles, strict=True)]
    count = len(notice.changes)
    changes = [
        replace(change, problem=problem)
        for change, problem in zip(notice.changes, cleaned[:count], strict=True)
    ]
    return replace(
        notice, headline=headline, changes=tuple(changes), standing=tuple(cleaned[count:])
    )


def send_test(alerts: Alerts, now: datetime | None = None) -> list[Delivery]:
    """Send a message that says that it is a test to each target; nothing is remembered."""
    from pipeline.render.notices import render_notice

    moment = now or datetime.now(UTC)
    jobs = []
    for target in alerts.targets:
        notice = Notice(
            notice_id=_id("test", moment, target.key, ()),
            generated_at=moment,
            run_id="test",
            version=version("aftershock"),
            verdict="normal",
            headline="",
            start=None,
            end=None,
            is_test=True,
        )
        payload = render_notice(notice, target.kind)
        assert payload is not None  # a test always has something to say
        jobs.append((target, payload))
    return notify.deliver(jobs, moment, version("aftershock"), alerts.limits)


@contextmanager
def watched(
    metrics: Path | None, alerts: Alerts, tell: Callable[[list[Delivery]], None]
) -> Iterator[Meter]:
    """Write gauges at the end of what is done within, and call the dead-man's switch.

    It is called after a run that came to a verdict, and as failed after one that failed. One that
    could not decide, was interrupted or kept from starting is none of both: silence is what the
    switch is there for. *tell* is given what became of the call.
    """
    meter = Meter()
    try:
        with metered(metrics) as meter:
            yield meter
    except BaseException as error:
        with suppress(Exception):  # the error that is on its way tells more
            tell(_pings(alerts, status_of(error, meter)))
        raise
    tell(_pings(alerts, meter.exit_status))


def _pings(alerts: Alerts, status: int) -> list[Delivery]:
    if alerts.ping is None:
        return []
    done, failed = alerts.ping
    target = done if status in _FINISHED else failed if status in _FAILED else None
    return [notify.ping(target, version("aftershock"), alerts.limits)] if target else []
