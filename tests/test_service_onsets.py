"""When a class rose in each of its services, and whether the order can be told."""

import random
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline import orchestrate
from pipeline.model import Finding, Result, ServiceCount, Settings
from pipeline.render import from_json, render_markdown, to_json
from tests.written_logs import HOUR, START, Logs, beats, errors, write

TEXT = "cache exploded"
LATER = 30 + 20 / 60


def run(folder: Path, logs: Logs) -> Result:
    settings = Settings(baseline=("24h",))
    source = write(folder / "logs", logs)
    return orchestrate.analyze([str(source)], settings, out=folder / "out", now="2026-05-01")


def risen(result: Result) -> Finding:
    (found,) = (one for one in result.findings if TEXT in one.title)
    assert found.is_regression
    return found


def planted(begin_api: float, begin_worker: float, usual: float = 0.0) -> Logs:
    rng = random.Random(7)
    logs: Logs = {"calm": beats(rng, 0, 48)}
    for name, begin in {"api": begin_api, "worker": begin_worker}.items():
        logs[name] = beats(rng, 0, 48) + errors(rng, begin, 48, 120, TEXT)
        if usual:
            logs[name] += errors(rng, 0, begin, usual, TEXT)
    return logs


def onsets(found: Finding) -> dict[str, ServiceCount]:
    return {one.service_name: one for one in found.services if one.onset is not None}


@pytest.mark.parametrize("usual", [0.0, 2.0], ids=["new", "increased"])
def test_a_rise_that_spreads_is_told_in_order(tmp_path: Path, usual: float) -> None:
    result = run(tmp_path, planted(30, LATER, usual))

    found = risen(result)
    by_name = onsets(found)
    assert found.is_service_order_known is True
    assert by_name.keys() == {"api", "worker"}
    for name, begin in {"api": START + 30 * HOUR, "worker": START + LATER * HOUR}.items():
        one = by_name[name]
        assert one.onset and one.onset_lower and one.onset_upper
        assert one.onset_lower <= one.onset <= one.onset_upper
        assert abs(one.onset - begin) < timedelta(minutes=6)
    for report in ("report.html", "report.md"):
        text = (tmp_path / "out" / report).read_text(encoding="utf-8")
        assert "first in api 06:0" in text.replace("\\", "")
        assert re.search(r", then in worker 06:[12][0-9]", text)


def test_a_rise_in_both_at_once_has_no_order(tmp_path: Path) -> None:
    result = run(tmp_path, planted(30, 30))

    found = risen(result)
    assert found.is_service_order_known is False
    assert onsets(found).keys() == {"api", "worker"}
    for report in ("report.html", "report.md"):
        text = (tmp_path / "out" / report).read_text(encoding="utf-8")
        assert "order cannot be told, the 95 % intervals overlap: " in text


def test_a_rise_in_one_service_is_dated_once(tmp_path: Path) -> None:
    logs = planted(30, 30)
    logs["worker"] = beats(random.Random(8), 0, 48)

    found = risen(run(tmp_path, logs))

    assert found.onset is not None
    assert found.is_service_order_known is None
    assert onsets(found) == {}


def test_a_service_where_it_is_as_ever_has_no_onset(tmp_path: Path) -> None:
    logs = planted(30, LATER, usual=2.0)
    rng = random.Random(9)
    logs["mail"] = beats(rng, 0, 48) + errors(rng, 0, 48, 5, TEXT)

    found = risen(run(tmp_path, logs))

    assert onsets(found).keys() == {"api", "worker"}
    assert found.is_service_order_known is True


def test_the_first_sample_is_the_first_event_from_the_onset_on(tmp_path: Path) -> None:
    logs = planted(30, LATER, usual=2.0)

    found = risen(run(tmp_path, logs))

    assert found.onset is not None
    times = sorted(at for name in ("api", "worker") for at, _, text in logs[name] if text == TEXT)
    first = next(at for at in times if at >= found.onset)
    assert times[0] < first
    assert found.samples[0].timestamp == first


def test_only_services_whose_intervals_overlap_are_left_without_an_order(tmp_path: Path) -> None:
    result = run(tmp_path, planted(30, 30))
    found = risen(result)
    minute = timedelta(minutes=1)
    begin = START + 30 * HOUR
    services = [
        ServiceCount(
            name, 0, 9, begin + at * minute, begin + (at - 2) * minute, begin + at * minute
        )
        for name, at in {"mail": 21, "api": 3, "worker": 20}.items()
    ]
    others = [one for one in result.findings if one is not found]

    changed = replace(result, findings=[replace(found, services=services), *others])

    text = render_markdown(from_json(to_json(changed)))
    assert (
        "first in api 06:03:00 (06:01:00 to 06:03:00), "
        "then in worker 06:20:00 (06:18:00 to 06:20:00) and mail 06:21:00 (06:19:00 to 06:21:00) "
        "(which of these is first cannot be told)"
    ) in text.replace("\\", "")
