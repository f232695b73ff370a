"""The extra: a message through apprise to a webhook on loopback."""

from dataclasses import replace

import pytest

from pipeline.notify import Limits, deliver, parse_target
from pipeline.render.notices import render_notice
from tests.notify.plant import NOW, notice
from tests.notify.servers import hook

pytest.importorskip("apprise")
pytestmark = [
    pytest.mark.slow,  # importing it takes a second
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of what it loads
]


def test_apprise_hands_it_on() -> None:
    payload = render_notice(replace(notice(), headline="<b>1</b> class rose"), "apprise")
    assert payload is not None
    limits = Limits(tries=1)
    with hook() as server, hook(statuses=[500]) as failing:
        address = server.url.removeprefix("http://")
        arrives = parse_target(f"apprise:json://{address}/in/T0KEN-4711", {})
        fails = parse_target(f"apprise:json://{failing.url.removeprefix('http://')}/x", {})
        unknown = parse_target("apprise:no-such-thing://T0KEN-4711", {})
        jobs = [(one, payload) for one in (arrives, fails, unknown)]
        found = deliver(jobs, NOW, "0", limits)

    assert [one.is_delivered for one in found] == [True, False, False], found
    assert found[0].target == "apprise json"
    assert "T0KEN" not in repr((arrives, unknown, found))
    (document,) = server.documents()
    assert document["title"] == "Aftershock: new: pool_exhausted"
    assert document["message"].startswith("<b>1</b> class rose")
