"""What stands in each kind of message: hostile text stays text, and limits of services hold."""

import json
import re
from dataclasses import replace
from typing import Any, get_args

import pytest

from pipeline.notices import Change, TargetKind
from pipeline.render.notices import render_notice
from tests.notify.plant import HOUR, NOW, notice, problem

KINDS: tuple[TargetKind, ...] = get_args(TargetKind)
NASTY = (
    "<!channel> <@U123> <https://evil.example|click> @all @here [x](javascript:1) "
    "![](https://evil.example/p.png) {{7*7}} {% raw %} ${x} \x1b[31m\r\nBcc: a@b\r\n\u202e`*_~"
)


def body(kind: TargetKind, *changes: Change, **values: Any) -> str:  # noqa: ANN401
    payload = render_notice(notice(*changes, **values), kind)
    assert payload is not None
    return payload.body


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_text_means_nothing(kind: TargetKind) -> None:
    one = problem(title=NASTY, error_class=NASTY, services=(NASTY,))
    payload = render_notice(notice(Change("opened", one), headline=NASTY), kind)
    assert payload is not None

    text = payload.body if payload.content_type == "text/plain" else _texts(payload.body)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", text + payload.title)
    assert "\n" not in payload.title and "evil" not in payload.title
    assert "49" not in text
    if kind in ("slack", "mattermost"):
        assert not re.search(r"[<>]", text)
    if kind == "mattermost":
        assert not re.search(r"@[a-z]|(?<!\\)[\[\]`]|://", text)


def _texts(document: str) -> str:
    """All strings of a JSON document."""

    def strings(value: object) -> list[str]:
        if isinstance(value, dict):
            return [text for one in value.values() for text in strings(one)]
        if isinstance(value, list):
            return [text for one in value for text in strings(one)]
        return [value] if isinstance(value, str) else []

    return "\n".join(strings(json.loads(document)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_message_is_one_that_its_service_takes(kind: TargetKind) -> None:
    worst = problem(title="&<" * 5000, error_class="&" * 900, services=("&" * 900,) * 50)
    changes = [Change("opened", replace(worst, finding_id=str(one))) for one in range(300)]
    text = body(kind, *changes, headline="&" * 9000)

    if kind == "slack":
        blocks = json.loads(text)["blocks"]
        assert len(blocks) <= 50
        assert all(len(one["text"]["text"]) <= 3000 for one in blocks if "text" in one)
        assert len(text) < 16_000
    limits = {"mattermost": 16_383, "teams": 28_000, "apprise": 2500, "mail": 70_000}
    assert len(text) <= limits.get(kind, 1_000_000)
    if kind in limits:
        assert re.search(r"and \d+ more problems: see the report", text)


def test_a_message_says_what_since_when_how_much_and_where() -> None:
    opened = Change("opened", problem(onset_lower=NOW - 7 * HOUR, onset_upper=NOW - 5 * HOUR))
    over = problem("f2", "resolved", error_class=None, rate=0.0, services=())
    told = Change("resolved", over, "new", NOW - 9 * HOUR)

    payload = render_notice(notice(opened, told, report="/srv/report.html"), "mail")

    assert payload is not None
    assert payload.title == "Aftershock: 1 new, 1 over"
    assert payload.body.split("\n\n") == [
        "1 class rose",
        "New: pool_exhausted \N{EN DASH} no connection left for 30 s\n"
        "124 an hour, usually 3.1; since 2026-03-02 18:00 UTC "
        "(2026-03-02 17:00 to 2026-03-02 19:00); in api",
        "Over: no connection left for 30 s\n0 an hour, usually 3.1; "
        "told before on 2026-03-02 15:00 UTC",
        "Logs of 2026-03-02 00:00 to 2026-03-03 00:00 UTC. Report: /srv/report.html. Run r1.\n",
    ]


def test_what_is_not_known_is_said() -> None:
    one = problem(rate=None, usual_rate=None, onset=None, first_seen=None, error_class=None)
    text = body("mail", Change("reminder", one, "new", NOW))

    assert "rate not known, usually not known; since when is not known" in text
    assert "Not over: no connection" in text


def test_alertmanager_hears_of_all_that_is_open_and_of_ends() -> None:
    told, over = problem("f1"), problem("f2", "resolved", onset=None, first_seen=None)
    quiet = problem("f3", handling="silenced")
    payload = render_notice(replace(notice(), standing=(told, over, quiet)), "alertmanager")

    assert payload is not None
    first, second = json.loads(payload.body)
    assert (first["startsAt"], first["endsAt"]) == ("2026-03-02T18:00:00Z", "2026-03-04T01:00:00Z")
    assert (second["startsAt"], second["endsAt"]) == ("2026-03-02T23:55:00Z",) * 2
    assert set(first["labels"]) == {"alertname", "job", "finding_id", "error_class", "kind"}
    assert render_notice(notice(standing=()), "alertmanager") is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_test_says_that_it_is_one(kind: TargetKind) -> None:
    payload = render_notice(replace(notice(), is_test=True, changes=()), kind)

    assert payload is not None
    assert "test" in payload.body.lower()
    assert "1 class rose" not in payload.body or kind in ("json", "file")
