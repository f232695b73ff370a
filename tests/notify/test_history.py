"""A scripted history of runs at all kinds of real endpoints: exactly these messages, no others."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.model import Settings
from pipeline.notify import Limits, Standing
from pipeline.orchestrate.notifying import alerts_of, tell_people
from tests.notify.servers import hook
from tests.notify.test_alertmanager import PROGRAM, address, alerts_at
from tests.notify.test_mail import Inbox, post_office
from tests.render.sample import incident

__all__ = ["address"]  # a fixture
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no Alertmanager is installed"),
]
# Hour, state over runs, what people said of it; what is told; whether Alertmanager shows it.
_OPEN = ("new", "escalating", "returned")
_HISTORY: list[tuple[int, Standing, str | None, bool]] = [
    (0, Standing("new"), "opened", True),
    (1, Standing("new"), None, True),
    (2, Standing("escalating"), "changed", True),
    (3, Standing("escalating"), None, True),
    (26, Standing("escalating"), "reminder", True),
    (27, Standing("resolved"), "resolved", False),
    (28, Standing("resolved"), None, False),
    (29, Standing("returned"), "opened", True),
    (30, Standing("returned", "acknowledged"), None, True),
    (60, Standing("returned", "acknowledged"), None, True),
    (61, Standing("resolved"), "resolved", False),
]


@pytest.fixture
def mail() -> Iterator[tuple[Inbox, str]]:
    inbox = Inbox()
    with post_office(inbox) as host:
        yield inbox, host


def test_a_scripted_history(address: str, mail: tuple[Inbox, str], tmp_path: Path) -> None:
    inbox, host = mail
    found = incident()
    first = next(one for one in found.findings if one.is_regression)
    # Alertmanager has the real clock: what is open must last until now, what is over lie before.
    begin = datetime.now(UTC) - timedelta(hours=62)
    file = tmp_path / "alerts.jsonl"
    with hook() as web, hook() as chat, hook(statuses=[302]) as broken:
        to = alerts_of(
            [web.url, f"slack+{chat.url}", f"teams+{chat.url}", f"mattermost+{chat.url}",
             f"alertmanager+http://{address}#hold=100h", f"smtp://{host}/?to=a@x.example",
             str(file), broken.url],
            {},
        )  # fmt: skip
        to = replace(to, limits=Limits(2, 10, tries=1))
        for hour, now, told, is_shown in _HISTORY:
            is_open = now.state != "resolved"
            run = replace(found.run, generated_at=begin + timedelta(hours=hour))
            one = replace(first, is_regression=is_open, onset=begin)
            result = replace(found, run=run, findings=[one])
            before = [len(web.requests), len(chat.requests), len(inbox.mails)]
            said = tell_people(to, result, Settings(), tmp_path, {first.finding_id: now})
            after = [len(web.requests), len(chat.requests), len(inbox.mails)]

            count = 1 if told else 0
            assert [a - b for a, b in zip(after, before, strict=True)] == [count, 3 * count, count]
            assert all(one.is_delivered for one in said if one.text.find("302") < 0), said
            if told:
                assert [one["event"] for one in web.documents()[-1]["changes"]] == [told]
            assert (first.finding_id in alerts_at(address)) is is_shown, hour

    events = [told for _, _, told, _ in _HISTORY if told]
    assert len(file.read_text(encoding="utf-8").splitlines()) == len(events) == len(inbox.mails)
    # Nothing arrived there, so that each run tries again while the problem is open and unknown.
    tries = [hour for hour, now, _, _ in _HISTORY if now in map(Standing, _OPEN)]
    assert len(broken.requests) == len(tries)
