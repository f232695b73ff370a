"""Planted artefacts: each is reported, the rise that it fakes is not, a real one beside it is."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline import orchestrate
from pipeline.model import Finding, Premise, Result, Settings, State
from tests.premises.writers import (
    DAY,
    SWITCH,
    Record,
    Records,
    changed,
    declined,
    moved,
    plain,
    real,
    steady,
    traffic,
    write,
    write_plain,
)

NOW = "2026-03-03"


def analyze(folder: Path, out: Path, *, keeps_all: bool = False) -> Result:
    settings = Settings(baseline=("24h",), keeps_all_events=keeps_all)
    return orchestrate.analyze([str(folder)], settings, out=out, documents=(), now=NOW)


def regressions(result: Result) -> list[str]:
    return [one.title for one in result.findings if one.is_regression]


def finding(result: Result, text: str, kind: str = "error") -> Finding:
    (found,) = (one for one in result.findings if text in one.title and one.kind == kind)
    return found


def premises(result: Result, kind: str) -> list[Premise]:
    return [one for one in result.premises if one.kind == kind]


def judged(folder: Path, *parts: Iterable[Record], seed: int = 1) -> Result:
    """Analyse *parts* beside a service's usual lines and a regression that is real."""
    rng = random.Random(seed)
    own = [record for part in parts for record in part]
    write(folder / "logs", [*own, *traffic(rng), *real(rng)])
    return analyze(folder / "logs", folder / "out")


def assert_explained(result: Result, kind: str, text: str) -> Premise:
    """Only the real one is a regression, and *text*'s rise is explained by a premise of *kind*."""
    assert ["ledger segment" in title for title in regressions(result)] == [True]
    found = finding(result, text)
    (premise,) = (one for one in premises(result, kind) if one.premise_id == found.premise_id)
    assert found.finding_id in premise.finding_ids
    assert not found.is_regression and found.state is State.STEADY
    assert "looks like a rise, is an artefact" in premise.text
    assert any(one.kind == kind for one in result.coverage.warnings)
    return premise


def usual(seed: int = 2, per_hour: float = 20) -> Records:
    return steady(random.Random(seed), per_hour, declined)


def three_times(records: Records, seed: int = 3) -> Records:
    """Return *records* and twice as many more of their kind on the second day."""
    return [*records, *steady(random.Random(seed), 40, declined, first=24)]


def test_clean_logs_have_no_premise(tmp_path: Path) -> None:
    result = judged(tmp_path, usual())

    assert result.premises == []
    assert len(regressions(result)) == 1


def doubled(record: Record) -> list[Record]:
    return [record, replace(record, collected=record.collected + timedelta(microseconds=300))]


def test_lines_written_twice_in_one_stream(tmp_path: Path) -> None:
    result = judged(tmp_path, changed(usual(), doubled))

    assert_explained(result, "duplicate_lines", "declined")


def assert_beside(result: Result, kind: str, text: str) -> None:
    """The rise of *text* is real, the artefact of *kind* beside it told, and explains nothing."""
    found = finding(result, text)
    assert found.is_regression and found.premise_id is None
    assert len(regressions(result)) == 2
    assert [one.finding_ids for one in premises(result, kind)] == [[]]
    assert "rose without this, too" in premises(result, kind)[0].text


def test_a_rise_of_lines_written_twice_is_a_rise(tmp_path: Path) -> None:
    result = judged(tmp_path, changed(three_times(usual()), doubled))

    assert_beside(result, "duplicate_lines", "declined")


@pytest.mark.parametrize("name", ["api.log", "copy-of-api.log"])
def test_lines_shipped_by_stdout_and_by_file(tmp_path: Path, name: str) -> None:
    rng = random.Random(1)
    records = [*usual(), *traffic(rng), *real(rng)]
    second = [record for record in records if record.at >= SWITCH]
    write(tmp_path / "logs", _milliseconds(records))
    write_plain(tmp_path / "logs" / name, _milliseconds(second))

    result = analyze(tmp_path / "logs", tmp_path / "out")

    assert ["ledger" in title for title in regressions(result)] == [True]
    assert premises(result, "duplicate_lines")


def _milliseconds(records: Iterable[Record]) -> Records:
    return [
        replace(one, at=one.at.replace(microsecond=one.at.microsecond // 1000 * 1000))
        for one in records
    ]


def test_a_level_that_was_renamed(tmp_path: Path) -> None:
    warned = [replace(record, level="WARN") for record in usual()]
    result = judged(tmp_path, changed(warned, lambda one: [replace(one, level="ERROR")]))

    premise = assert_explained(result, "level_renamed", "declined")
    assert len(premise.finding_ids) == 2
    assert (
        premise.numbers["other_baseline_count"]
        == finding(result, "declined", "warning").baseline_count
    )


def test_a_rise_of_a_renamed_level_is_a_rise(tmp_path: Path) -> None:
    warned = [replace(record, level="WARN") for record in three_times(usual())]
    result = judged(tmp_path, changed(warned, lambda one: [replace(one, level="ERROR")]))

    assert_beside(result, "level_renamed", "declined")


@pytest.mark.parametrize("keeps_all", [True, False])
def test_a_level_below_warning_that_was_raised(tmp_path: Path, keeps_all: bool) -> None:
    rng = random.Random(1)
    calm = [replace(record, level="INFO") for record in usual()]
    loud = changed(calm, lambda one: [replace(one, level="ERROR")])
    write(tmp_path / "logs", [*loud, *traffic(rng), *real(rng)])

    result = analyze(tmp_path / "logs", tmp_path / "out", keeps_all=keeps_all)

    premise = assert_explained(result, "level_renamed", "declined")
    assert premise.numbers["other_baseline_count"] == sum(one.at < SWITCH for one in calm)
    assert premise.numbers["other_candidate_count"] == 0
    assert premise.numbers["other_severity_number"] == 9
    assert pl.read_parquet(tmp_path / "out" / "calm.parquet").is_empty() is keeps_all


def test_a_rise_of_a_raised_level_is_a_rise(tmp_path: Path) -> None:
    calm = [replace(record, level="INFO") for record in three_times(usual())]
    result = judged(tmp_path, changed(calm, lambda one: [replace(one, level="ERROR")]))

    assert_beside(result, "level_renamed", "declined")


def test_new_errors_beside_ordinary_lines_that_go_on_are_a_rise(tmp_path: Path) -> None:
    calm = [replace(record, level="INFO") for record in usual()]
    result = judged(tmp_path, calm, steady(random.Random(5), 20, declined, first=24))

    assert finding(result, "declined").is_regression
    assert premises(result, "level_renamed") == []


def test_the_same_words_of_another_service_raise_no_level(tmp_path: Path) -> None:
    calm = [replace(record, level="INFO", service="pay") for record in usual()]
    loud = changed(calm, lambda one: [replace(one, level="ERROR", service="api")])
    result = judged(tmp_path, loud)

    assert finding(result, "declined").is_regression


def test_errors_beside_warnings_that_go_on_are_a_rise(tmp_path: Path) -> None:
    warned = [replace(record, level="WARN") for record in usual()]
    result = judged(tmp_path, warned, steady(random.Random(5), 20, declined, first=24))

    assert finding(result, "declined").is_regression


def renamed(record: Record) -> list[Record]:
    number = record.text.split()[3]
    return [replace(record, logger="shop.v2.payment", text=f"[payment] declined: order {number}")]


def test_a_new_logger_for_the_same_failure(tmp_path: Path) -> None:
    result = judged(tmp_path, changed(usual(), renamed))

    premise = assert_explained(result, "new_logger", "[payment]")
    assert len(premise.finding_ids) == 2


def test_a_rise_under_a_new_logger_is_a_rise(tmp_path: Path) -> None:
    result = judged(tmp_path, changed(three_times(usual()), renamed))

    assert finding(result, "[payment]").is_regression
    assert len(regressions(result)) == 2
    assert all(not one.finding_ids for one in result.premises)


def test_another_failure_in_place_of_an_old_one_is_new(tmp_path: Path) -> None:
    other = changed(usual(), lambda one: [replace(one, text="no route to the mail server")])
    result = judged(tmp_path, other)

    assert finding(result, "mail server").is_regression


def again(record: Record, times: int = 3) -> list[Record]:
    """One failure, tried again: the same request each time, seconds apart."""
    step = timedelta(seconds=7)
    return [
        replace(record, at=record.at + n * step, collected=record.collected + n * step)
        for n in range(times)
    ]


def test_one_failure_that_is_logged_several_times(tmp_path: Path) -> None:
    result = judged(tmp_path, changed(usual(), again))

    premise = assert_explained(result, "log_amplification", "declined")
    assert premise.numbers["candidate_events_per_request"] == pytest.approx(3, abs=0.01)


def test_more_failures_that_are_logged_several_times_are_a_rise(tmp_path: Path) -> None:
    result = judged(tmp_path, changed(three_times(usual()), again))

    assert_beside(result, "log_amplification", "declined")


def test_one_failure_that_two_loggers_log(tmp_path: Path) -> None:
    def echoed(record: Record) -> list[Record]:
        late = record.at + timedelta(milliseconds=20)
        text = f"handler failed: {record.text}"
        return [record, replace(record, at=late, collected=late, logger="shop.web", text=text)]

    result = judged(tmp_path, changed(usual(), echoed))

    assert_explained(result, "log_amplification", "handler failed")


def test_old_lines_that_come_late_belong_to_the_past(tmp_path: Path) -> None:
    rng = random.Random(4)
    old = [moved(record, -6 * DAY) for record in steady(rng, 80, declined, first=36, last=42)]
    result = judged(tmp_path, usual(), old)

    assert_explained(result, "back_filled", "declined")


def test_a_rise_beside_old_lines_is_a_rise(tmp_path: Path) -> None:
    rng = random.Random(4)
    old = [moved(record, -6 * DAY) for record in steady(rng, 80, declined, first=36, last=42)]
    result = judged(tmp_path, three_times(usual()), old)

    assert finding(result, "declined").is_regression


def test_old_lines_without_an_envelope_stand_between_newer_ones(tmp_path: Path) -> None:
    rng = random.Random(1)
    old = [
        moved(one, -10 * timedelta(hours=1)) for one in steady(rng, 60, declined, first=36, last=38)
    ]
    write_plain(tmp_path / "logs" / "api.log", [*usual(), *old, *traffic(rng), *real(rng)])

    result = analyze(tmp_path / "logs", tmp_path / "out")

    (premise,) = premises(result, "back_filled")
    assert premise.numbers["late_count"] == len(old)
    assert "ledger" in regressions(result)[0]


def test_a_clock_that_changes_its_zone(tmp_path: Path) -> None:
    """Four hours are written twice: by the clock of the lines their errors doubled."""
    records = steady(random.Random(2), 20, declined, service="pay")
    shifted = [
        moved(one, timedelta(hours=8)) if one.at >= SWITCH - timedelta(hours=8) else one
        for one in records
    ]
    result = judged(tmp_path, shifted, traffic(random.Random(9), service="pay"))

    found = premises(result, "zone_mix")
    assert {one.service_name for one in found} == {"pay"}
    assert all(one.numbers.get("hours_ahead", 8) == 8 for one in found)
    assert ["ledger" in title for title in regressions(result)] == [True]


def pair(seed: int, later: timedelta) -> Records:
    """The same failing requests in two services, the second's clock off by *later*."""
    rng = random.Random(seed)
    own = usual(seed)
    beyond = [
        moved(
            replace(one, service="bank", logger="bank.api", text=f"refused {one.text.split()[-1]}"),
            later + timedelta(milliseconds=rng.randrange(40)),
        )
        for one in own
    ]
    return own + beyond


def test_clocks_of_two_services_that_differ(tmp_path: Path) -> None:
    rng = random.Random(1)
    records = [*pair(6, timedelta(seconds=95)), *traffic(rng), *traffic(rng, service="bank")]
    for service in ("api", "bank"):
        own = [one for one in records if one.service == service]
        write_plain(tmp_path / "logs" / f"{service}.log", own)

    result = analyze(tmp_path / "logs", tmp_path / "out")

    (premise,) = premises(result, "clock_skew")
    assert premise.service_name == "api"
    assert premise.numbers["other_service_name"] == "bank"
    assert premise.numbers["seconds_later"] == pytest.approx(95, abs=1)
    assert regressions(result) == []


def test_a_clock_that_differs_from_its_envelope(tmp_path: Path) -> None:
    ahead = [moved(one, timedelta(seconds=90)) for one in usual()]
    result = judged(tmp_path, ahead)

    found = premises(result, "clock_skew")
    assert found and all(one.numbers["seconds_ahead"] == pytest.approx(90, abs=1) for one in found)


def test_a_baseline_that_was_rate_limited(tmp_path: Path) -> None:
    """The first day's errors are cut to a quarter, as the notices say."""
    rng = random.Random(3)
    cut: Records = []
    for number, one in enumerate(usual(per_hour=60)):
        if one.at >= SWITCH or number % 4 == 0:
            cut.append(one)
    calm = [one for n, one in enumerate(traffic(rng, 200)) if one.at >= SWITCH or n % 4 == 0]
    notices = [
        replace(one, level="WARN", logger="shop.log", text="dropped 195 messages due to rate limit")
        for one in steady(rng, 1, "x", last=24)
    ]
    write(tmp_path / "logs", [*cut, *calm, *notices, *real(rng)])

    result = analyze(tmp_path / "logs", tmp_path / "out")

    assert premises(result, "sampled")
    assert ["ledger" in title for title in regressions(result)] == [True]


def test_a_fall_beside_notices_of_loss_is_not_believed(tmp_path: Path) -> None:
    rng = random.Random(3)
    fewer = [one for one in usual(per_hour=60) if one.at < SWITCH]
    notice = "message repeated 40 times: [payment declined]"
    notices = steady(rng, 2, notice, level="WARN", logger="shop.log", first=24)

    result = judged(tmp_path, fewer, notices)

    assert finding(result, "payment of").state is State.UNKNOWN
    assert premises(result, "sampled")


def test_plain_lines_are_what_the_envelope_holds() -> None:
    one = usual()[0]

    assert plain(one).endswith(f"{one.text}\n")
