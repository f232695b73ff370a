"""A notice in the syntax of each kind of target: templates of ``reports/notices`` for texts, and
the frame that a service wants around them.

Text of logs is escaped for where it stands: it makes no mention (``<!channel>``, ``@all``), no
link, no markup, no header. Each frame keeps to what its service takes, and says how many problems
that leaves out.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jinja2

from pipeline.notices import Change, Delivery, Notice, Payload, Problem, TargetKind
from pipeline.render.documents import environment
from pipeline.render.figures import UNKNOWN, many, minute, rate
from pipeline.render.serialize import iso
from pipeline.render.terminal import painter
from pipeline.render.untrusted import CELL_CHARACTERS, Untrusted, terminal_text, visible

# What services take, with room for the frame: Slack cuts a section at 3,000 characters, takes 50
# blocks and refuses messages beyond some 13,000 characters; Mattermost 16,383 characters; Teams
# 28 KB. A mail is read by people, JSON by programs.
_SLACK_SECTION = 2900
_SLACK_BLOCKS = 40
_SLACK_ALL = 10_000
_MATTERMOST_ALL = 12_000
_TEAMS_BYTES = 20_000
_MAIL_ALL = 60_000
_APPRISE_ALL = 1800  # of the services that it knows, many take 2,000
_MOST_ALERTS = 100
_MOST_CHANGES = 100
_SHOWN_SERVICES = 5
_MOST_SERVICES = 20
# Alertmanager ends an alert that nobody repeats: later than a daily run and its delay.
_HOLD = timedelta(hours=25)
# An end that lies in the future by Alertmanager's clock is none: it keeps the later one.
_SKEW = timedelta(minutes=5)
_WORDS = {
    "new": "New",
    "increased": "Increased",
    "escalating": "Escalating",
    "returned": "Returned",
}
_WORD_JOINER = "\N{WORD JOINER}"

Escape = Callable[[str], str]


def render_notice(
    notice: Notice, kind: TargetKind, *, hold: timedelta | None = None
) -> Payload | None:
    """Return *notice* as a target of *kind* takes it; None where there is nothing to send.

    *hold*: how long Alertmanager keeps an alert that no run repeats.
    """
    if kind == "alertmanager":
        alerts = _alerts(notice, hold or _HOLD)
        return Payload(notice.notice_id, _json(alerts)) if alerts else None
    return _FRAMES[kind](notice)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def title(notice: Notice) -> str:
    """Return one line of our own words and names of classes, for subjects and headings."""
    if notice.is_test:
        return "Aftershock: test message"
    changes = notice.changes
    if not changes:
        return f"Aftershock: {notice.verdict.replace('_', ' ')}, nothing new"
    if len(changes) == 1:
        return f"Aftershock: {_word(changes[0]).lower()}: {_name(changes[0].problem)}"
    words = [_word(one).lower() for one in changes]
    return "Aftershock: " + ", ".join(f"{words.count(one)} {one}" for one in dict.fromkeys(words))


def _word(change: Change) -> str:
    if change.event == "resolved":
        return "Over"
    if change.event in ("reminder", "ongoing"):
        return "Not over"
    return _WORDS.get(change.problem.state, "Open")


def _name(problem: Problem) -> str:
    """Return what a title calls *problem*: letters that mean nothing to any service."""
    named = problem.error_class or ""
    is_plain = named.replace("_", "").replace("-", "").replace(".", "").isalnum()
    return (
        named if named.isascii() and is_plain and len(named) <= 60 else "an error without a class"
    )


@dataclass(frozen=True, slots=True)
class _View:
    """One change as a template shows it."""

    word: str
    error_class: Untrusted | None
    title: Untrusted
    rate: str
    usual_rate: str
    is_over: bool
    since: str
    services: list[Untrusted]
    more_services: int
    told: str


def _view(change: Change) -> _View:
    one = change.problem
    since = ""
    if one.onset is not None:
        since = f"{minute(one.onset)} UTC"
        if one.onset_lower is not None and one.onset_upper is not None:
            since += f" ({minute(one.onset_lower)} to {minute(one.onset_upper)})"
    return _View(
        word=_word(change),
        error_class=Untrusted(one.error_class) if one.error_class else None,
        title=Untrusted(one.title),
        rate=str(rate(one.rate)),
        usual_rate=str(rate(one.usual_rate)),
        is_over=change.event == "resolved",
        since=since,
        services=[Untrusted(name) for name in one.services[:_SHOWN_SERVICES]],
        more_services=max(len(one.services) - _SHOWN_SERVICES, 0),
        told=f"{minute(change.told_at)} UTC" if change.told_at and change.before else "",
    )


@dataclass(frozen=True, slots=True)
class _Syntax:
    """How text stands in one syntax: what escapes it, and what makes it strong."""

    name: str
    escape: Escape
    strong: str = "{}"


def _plain(text: str) -> str:
    return text


def _slack(text: str) -> str:
    """Escape for Slack's mrkdwn: mentions and links need ``<``; styles are harmless, and names
    without it are no mentions in text that is verbatim.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _markdown(text: str) -> str:
    """Escape for Mattermost: Markdown by backslashes, and what it takes over from Slack.

    A mention and a bare link have no escape there: what nobody sees is put into them. A link would
    be fetched for a preview.
    """
    text = "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!|~" else c for c in text)
    text = _slack(text).replace("@", f"@{_WORD_JOINER}")
    return text.replace("://", f":{_WORD_JOINER}//")


_PLAIN = _Syntax("plain", _plain)
_SLACK = _Syntax("slack", _slack, "*{}*")
_MARKDOWN = _Syntax("markdown", _markdown, "**{}**")


@cache
def _templates(syntax: _Syntax) -> jinja2.Environment:
    made = environment().overlay(autoescape=False)
    made.filters = made.filters | {
        "text": lambda text, limit=CELL_CHARACTERS: syntax.escape(_short(text.reveal(), limit)),
        "strong": syntax.strong.format,
    }
    return made


def _short(text: str, limit: int) -> str:
    """Return *text* visible; what hides in it is spelt out, so that it may become too long."""
    shown, most = visible(text, limit), limit + 20
    return shown if len(shown) <= most else f"{shown[:most]}…"


def _texts(notice: Notice, syntax: _Syntax) -> tuple[str, list[str], str]:
    """Return what stands above, each problem, and what stands below."""
    templates = _templates(syntax)
    values = {
        "is_test": notice.is_test,
        "headline": Untrusted(notice.headline),
        "start": minute(notice.start) if notice.start else "",
        "end": minute(notice.end) if notice.end else "",
        "report": Untrusted(notice.report) if notice.report else None,
        "run_id": notice.run_id,
    }
    template = templates.get_template("notices/problem.j2")
    problems = [
        template.render(one=_view(one), unknown=UNKNOWN, dash="\N{EN DASH}").strip()
        for one in notice.changes[:_MOST_CHANGES]
    ]
    lead, foot = (
        templates.get_template(f"notices/{name}.j2").render(values).strip()
        for name in ("lead", "foot")
    )
    return lead, problems, foot


def _fitting(
    texts: Sequence[str], total: int, room: int, measure: Callable[[str], int] = len, most: int = 99
) -> list[str]:
    """Return as many of *texts*, of *total* that there are, as have *room* together; what is left
    out is counted in one more.
    """
    kept: list[str] = []
    for text in texts[:most]:
        room -= measure(text) + 2
        if room < 0:
            break
        kept.append(text)
    if len(kept) < total:
        kept.append(f"and {many(total - len(kept), 'more problem')}: see the report")
    return kept


def _as_slack(notice: Notice) -> Payload:
    lead, problems, foot = _texts(notice, _SLACK)
    shown = _fitting(problems, len(notice.changes), _SLACK_ALL, most=_SLACK_BLOCKS)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title(notice)[:150]}}
    ]
    blocks += [_slack_section(text) for text in (lead, *shown)]
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": foot}]})
    body = {"text": title(notice), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}
    return Payload(notice.notice_id, _json(body))


def _slack_section(text: str) -> dict[str, Any]:
    if len(text) > _SLACK_SECTION:  # each text was cut before; what is cut here is no half entity
        text = text[:_SLACK_SECTION].rpartition("&")[0] + "…"
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _as_mattermost(notice: Notice) -> Payload:
    lead, problems, foot = _texts(notice, _MARKDOWN)
    shown = _fitting(problems, len(notice.changes), _MATTERMOST_ALL)
    text = "\n\n".join([f"#### {_markdown(title(notice))}", lead, *shown, foot])
    return Payload(notice.notice_id, _json({"text": text}))


def _as_teams(notice: Notice) -> Payload:
    """Return an adaptive card; its texts are runs, in which nothing is markup."""
    lead, problems, foot = _texts(notice, _PLAIN)
    shown = _fitting(problems, len(notice.changes), _TEAMS_BYTES, _json_bytes)
    heading = {"type": "TextRun", "text": title(notice), "weight": "Bolder", "size": "Large"}
    body: list[dict[str, Any]] = [{"type": "RichTextBlock", "inlines": [heading]}]
    for text in (lead, *shown, foot):
        lines = [{"type": "TextRun", "text": line} for line in text.split("\n")]
        body += [{"type": "RichTextBlock", "inlines": [line]} for line in lines]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return Payload(notice.notice_id, _json({"type": "message", "attachments": [attachment]}))


def _json_bytes(text: str) -> int:
    return len(_json(text)) + 120  # the frame of two lines


def _as_text(room: int) -> Callable[[Notice], Payload]:
    def render(notice: Notice) -> Payload:
        lead, problems, foot = _texts(notice, _PLAIN)
        shown = _fitting(problems, len(notice.changes), room - len(lead) - len(foot))
        return Payload(
            notice.notice_id, "\n\n".join([lead, *shown, foot]) + "\n", title(notice), "text/plain"
        )

    return render


def _as_json(notice: Notice) -> Payload:
    """Return the notice itself, for programs (`docs/notify.md` names the keys)."""
    document = {
        "schema_version": 1,
        "kind": "test" if notice.is_test else "notice",
        "title": title(notice),
        "notice_id": notice.notice_id,
        "generated_at": iso(notice.generated_at),
        "run_id": notice.run_id,
        "version": notice.version,
        "verdict": notice.verdict,
        "headline": visible(notice.headline),
        "window": {"start": _iso(notice.start), "end": _iso(notice.end)},
        "report": notice.report,
        "open_count": sum(one.state != "resolved" for one in notice.standing),
        "changes": [_change(one) for one in notice.changes[:_MOST_CHANGES]],
        "left_out": max(len(notice.changes) - _MOST_CHANGES, 0),
    }
    return Payload(notice.notice_id, _json(document) + "\n")


def _change(change: Change) -> dict[str, Any]:
    problem = {
        name: iso(value) if isinstance(value, datetime) else value
        for name, value in asdict(change.problem).items()
    }
    problem["title"] = visible(change.problem.title)
    if change.problem.error_class is not None:
        problem["error_class"] = visible(change.problem.error_class, CELL_CHARACTERS)
    services = change.problem.services
    problem["services"] = [visible(one, 60) for one in services[:_MOST_SERVICES]]
    problem["service_count"] = len(services)
    return {
        "event": change.event,
        "state_before": change.before,
        "told_at": _iso(change.told_at),
        "finding": problem,
    }


def _iso(value: datetime | None) -> str | None:
    return None if value is None else iso(value)


def _alerts(notice: Notice, hold: timedelta) -> list[dict[str, Any]]:
    """Return an alert for each open problem, told or not, and an end for each that is over.

    Alertmanager remembers itself and groups, repeats and silences by its own rules; it must hear of
    what is open from each run.
    """
    if notice.is_test:
        # An alert that is over from the start pages nobody.
        labels = {"alertname": "AftershockTest", "job": "aftershock"}
        end = notice.generated_at
        texts = {"summary": "analyze notify test"}
        return [_alert(labels, texts, end - timedelta(minutes=1), end)]
    alerts = []
    for problem in notice.standing[:_MOST_ALERTS]:
        if problem.handling == "silenced":
            continue
        start = problem.onset or problem.first_seen or notice.generated_at
        is_over = problem.state == "resolved"
        end = notice.generated_at + (-_SKEW if is_over else hold)
        alerts.append(_alert(_labels(problem), _annotations(notice, problem), start, end))
    return alerts


def _alert(
    labels: dict[str, str], annotations: dict[str, str], start: datetime, end: datetime
) -> dict[str, Any]:
    start = min(start, end)
    return {
        "labels": labels,
        "annotations": annotations,
        "startsAt": iso(start.astimezone(UTC)),
        "endsAt": iso(end.astimezone(UTC)),
    }


def _labels(problem: Problem) -> dict[str, str]:
    """Return what names an alert: only what stays the same from run to run, and few values."""
    return {
        "alertname": "AftershockRegression",
        "job": "aftershock",
        "finding_id": problem.finding_id[:64],
        "error_class": visible(problem.error_class or "unclassified", 64),
        "kind": problem.kind,
    }


def _annotations(notice: Notice, problem: Problem) -> dict[str, str]:
    given = {
        "summary": visible(problem.title, CELL_CHARACTERS),
        "state": problem.state,
        "rate": f"{rate(problem.rate)} an hour, usually {rate(problem.usual_rate)}",
        "services": ", ".join(visible(one, 60) for one in problem.services[:_SHOWN_SERVICES]),
        "onset": minute(problem.onset) if problem.onset else "not known",
        "report": notice.report or "",
        "run_id": notice.run_id,
    }
    return {name: value for name, value in given.items() if value}


_FRAMES: dict[TargetKind, Callable[[Notice], Payload]] = {
    "json": _as_json,
    "file": _as_json,
    "slack": _as_slack,
    "mattermost": _as_mattermost,
    "teams": _as_teams,
    "mail": _as_text(_MAIL_ALL),
    "apprise": _as_text(_APPRISE_ALL),
}


def render_deliveries(found: Sequence[Delivery], *, width: int, color: bool) -> str:
    """Return what became of messages: a line a target, and what it said."""
    paint = painter(color)
    longest = max((len(one.target) for one in found), default=0)
    lines = []
    for one in found:
        tries = f" ({one.try_count} tries)" if one.try_count > 1 else ""
        status = paint(terminal_text(one.text), "32" if one.is_delivered else "31")
        lines.append(f"{terminal_text(one.target).ljust(longest)}  {status}{tries}")
        if one.answer:
            lines.append(f"{'':{longest}}  it said: {terminal_text(one.answer, width)}")
    return "\n".join(lines) + "\n"
