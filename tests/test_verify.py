"""Success criteria on later logs: pass, fail, and too little to tell."""

import json
import random
import re
import tomllib
from pathlib import Path

import pytest

from pipeline import orchestrate
from pipeline.demo import LATER, write_later
from pipeline.errors import UndecidableError, UsageError
from pipeline.facts import Verification
from pipeline.model import Settings
from pipeline.render import facts_json, render_verification
from tests.written_logs import Line, beats, errors, requests, write

CAUSE = "calendar enum broke: type googleservice"
OTHER = "lease was lost"


def stack(
    rng: random.Random, first: float, last: float, *, broken: float = 0, busy: float = 1
) -> dict[str, list[Line]]:
    """A service with its usual errors; *broken* events an hour of the incident's class."""
    api = requests(rng, first, last, 60 * busy, 0.02)
    api += errors(rng, first, last, 4 * busy, OTHER)
    return {"api": api + (errors(rng, first, last, broken, CAUSE) if broken else [])}


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on two days, the second of which had an incident."""
    rng, folder = random.Random(3), tmp_path_factory.mktemp("incident")
    first, second = stack(rng, 0, 24), stack(rng, 24, 48, broken=10)
    write(folder / "logs", {"api": first["api"] + second["api"]})
    settings = Settings(baseline=("24h",))
    orchestrate.analyze([str(folder / "logs")], settings, out=folder / "out", now="2026-05-01")
    return folder / "out"


def check(
    run: Path, folder: Path, lines: dict[str, list[Line]], settings: Settings | None = None
) -> Verification:
    logs = write(folder / "later", lines)
    return orchestrate.verify(run, [str(logs)], settings or Settings())


def states(found: Verification) -> dict[str, str]:
    return {one.metric: one.status for one in found.criteria}


def test_recovered_passes(incident: Path, tmp_path: Path) -> None:
    found = check(incident, tmp_path, stack(random.Random(4), 48, 60))

    assert set(states(found).values()) == {"pass"}
    assert orchestrate.verification_code(found) == 0
    (one,) = (one for one in found.criteria if one.metric == "event_rate")
    assert (one.value, one.threshold, one.event_count) == (0.0, 0.0, 0)
    assert 11.9 < one.exposure < 12.1


def test_unrecovered_fails(incident: Path, tmp_path: Path) -> None:
    found = check(incident, tmp_path, stack(random.Random(5), 48, 60, broken=10))

    assert states(found)["event_rate"] == "fail"
    assert orchestrate.verification_code(found) == 1


def test_too_quiet_tells_nothing(incident: Path, tmp_path: Path) -> None:
    found = check(incident, tmp_path, stack(random.Random(6), 48, 54, busy=0.04))

    assert "pass" not in states(found).values()
    assert orchestrate.verification_code(found) == 4
    assert all(one.reason for one in found.criteria)


def test_too_short_tells_nothing_but_that_it_goes_on(incident: Path, tmp_path: Path) -> None:
    short = check(incident, tmp_path / "a", stack(random.Random(7), 48, 50))
    broken = check(incident, tmp_path / "b", stack(random.Random(8), 48, 50, broken=10))

    assert set(states(short).values()) == {"insufficient"}
    assert "3 h are needed" in (short.criteria[0].reason or "")
    assert states(broken)["event_rate"] == "fail"


def test_a_service_that_is_silent_has_not_recovered(incident: Path, tmp_path: Path) -> None:
    found = check(incident, tmp_path, {"mailer": beats(random.Random(9), 48, 60)})

    assert states(found)["event_rate"] == "insufficient"
    assert found.criteria[0].exposure == 0
    assert orchestrate.verification_code(found) == 4


def test_more_traffic_allows_more_usual_errors(incident: Path, tmp_path: Path) -> None:
    found = check(incident, tmp_path, stack(random.Random(10), 48, 60, busy=2))

    assert set(states(found).values()) == {"pass"}
    assert "2.0 times the usual requests" in (found.criteria[-1].reason or "")


def test_what_the_run_saw_is_not_looked_at_again(incident: Path, tmp_path: Path) -> None:
    rng = random.Random(11)
    lines = {"api": stack(rng, 30, 48, broken=10)["api"] + stack(rng, 48, 56)["api"]}

    later = check(incident, tmp_path, lines)
    named = check(incident, tmp_path, lines, Settings(since="12h"))

    assert set(states(later).values()) == {"pass"}
    assert states(named)["event_rate"] == "fail"
    with pytest.raises(UndecidableError, match="hold nothing"):
        check(incident, tmp_path, stack(rng, 30, 47))


def test_other_rules_and_masks_do_not_make_it_pass(incident: Path, tmp_path: Path) -> None:
    """Neither the class nor the ids of then need be those of now."""
    text = (incident / "criteria.toml").read_text(encoding="utf-8")
    text = re.sub(r'"finding_id" = "\w+"', '"finding_id" = "000000000000"', text)
    text = re.sub(r'"fingerprint" = "\w+"', '"fingerprint" = "000000000000"', text)
    (tmp_path / "criteria.toml").write_text(text, encoding="utf-8")

    found = check(tmp_path / "criteria.toml", tmp_path, stack(random.Random(12), 48, 60, broken=10))

    assert states(found)["event_rate"] == "fail"


def test_the_file_may_be_edited(incident: Path, tmp_path: Path) -> None:
    text = (incident / "criteria.toml").read_text(encoding="utf-8")
    text = re.sub(r"minimum_exposure = [\d.]+", "minimum_exposure = 24", text)
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")

    found = check(tmp_path / "mine.toml", tmp_path, stack(random.Random(13), 48, 60))

    assert set(states(found).values()) == {"insufficient"}


def test_a_threshold_of_ones_own_counts_as_it_is(incident: Path, tmp_path: Path) -> None:
    text = (incident / "criteria.toml").read_text(encoding="utf-8")
    rates = re.sub(r"\nthreshold = [\d.]+", "\nthreshold = 0.001", text)
    (tmp_path / "mine.toml").write_text(rates, encoding="utf-8")

    found = check(tmp_path / "mine.toml", tmp_path, stack(random.Random(13), 48, 60))

    assert states(found)["error_rate"] == "fail"
    assert states(found)["event_rate"] == "pass"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = [", "not TOML"),
        ('[[criterion]]\ncriterion_id = "c1"', "metric"),
        ('[[criterion]]\nmetric = "luck"', "'luck' is none of"),
        ('[[criterion]]\nmetric = "event_rate"', "finding_id is missing"),
        ('[[criterion]]\nmetric = "error_rate"\ncriterion_id = "c"\ntext = "t"', "threshold"),
        (
            '[[criterion]]\nmetric = "error_rate"\ncriterion_id = "c"\ntext = "t"\nthreshold = nan',
            "a number from 0 on",
        ),
        ("criterion = [1]", "a table is needed"),
        (
            '[[criterion]]\nmetric = "error_rate"\ncriterion_id = "c"\ntext = "t"\nthreshold = 1\n'
            "minimum_exposure = 3\nexpected = { rate = 1 }",
            "expected: a table of rate, noise",
        ),
    ],
)
def test_what_is_no_criterion_is_told_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "criteria.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(UsageError, match=message):
        orchestrate.verify(path, ["nowhere"], Settings())


def test_a_run_without_a_regression_has_nothing_to_verify(tmp_path: Path) -> None:
    (tmp_path / "criteria.toml").write_text("schema_version = 1\n", encoding="utf-8")

    with pytest.raises(UndecidableError, match="no criterion"):
        orchestrate.verify(tmp_path, ["nowhere"], Settings())


def test_text_and_json_tell_the_same(incident: Path, tmp_path: Path) -> None:
    found = check(incident, tmp_path, stack(random.Random(14), 48, 60))

    text = render_verification(found, width=100, color=False)
    document = json.loads(facts_json(found))

    assert text.startswith("OVER  ")
    asked = tomllib.loads((incident / "criteria.toml").read_text(encoding="utf-8"))["criterion"]
    assert [one["criterion_id"] for one in document["criteria"]] == [
        one["criterion_id"] for one in asked
    ]
    assert {"criterion_id", "status", "value", "threshold", "exposure"} <= set(
        document["criteria"][0]
    )


@pytest.mark.slow
@pytest.mark.parametrize(("share", "expected"), [(0.01, "pass"), (0.4, "fail"), (0.2, "fail")])
def test_failed_requests_have_a_criterion_by_status_and_by_endpoint(
    tmp_path: Path, share: float, expected: str
) -> None:
    rng = random.Random(21)
    lines = requests(rng, 0, 24, 60, 0.01) + requests(rng, 24, 48, 60, 0.4)
    write(tmp_path / "logs", {"api": lines})
    settings = Settings(baseline=("24h",))
    result = orchestrate.analyze([str(tmp_path / "logs")], settings, out=tmp_path / "out")
    asked = {one.scope.get("kind", one.metric): one.criterion_id for one in result.criteria
             if one.metric != "error_rate"}  # fmt: skip
    assert {"failed_request", "failure_share"} <= set(asked)

    found = check(tmp_path / "out", tmp_path, {"api": requests(rng, 48, 60, 60, share)})

    status = {one.criterion_id: one.status for one in found.criteria}
    assert {status[asked["failed_request"]], status[asked["failure_share"]]} == {expected}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    orchestrate.demo(folder, seed=7, documents=())
    return folder / "report"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "expected", "code"),
    [("recovered", "pass", 0), ("unrecovered", "fail", 1), ("quiet", "insufficient", 4)],
)
def test_the_demo_afterwards(
    demo: Path, tmp_path: Path, state: str, expected: str, code: int
) -> None:
    write_later(tmp_path, state, seed=7)

    found = orchestrate.verify(demo, [str(tmp_path / "logs")], Settings())

    assert {one.status for one in found.criteria} == {expected}
    assert orchestrate.verification_code(found) == code


def test_there_is_a_sample_of_each_outcome() -> None:
    assert set(LATER) == {"recovered", "unrecovered", "quiet"}
