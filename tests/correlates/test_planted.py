"""What is planted as the explanation of a rise is told, with its lift and share; chance is not."""

import json
import random
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline import orchestrate
from pipeline.diagnosis.correlates import MINIMUM_LIFT
from pipeline.model import Finding, Result, Settings
from pipeline.sql import Session

CASES: dict[str, list[dict[str, Any]]] = tomllib.loads(
    Path(__file__).with_name("planted.toml").read_text("utf-8")
)
START = datetime(2026, 3, 1, tzinfo=UTC)
VALUES = {
    "host": ("node-1", "node-2", "node-3", "node-4"),
    "version": ("2.3.9", "2.4.0", "2.4.1"),
    "user_agent": ("shop-web/3.0", "shop-ios/7.1", "shop-android/5.2"),
    "detail": ("price", "name", "colour", "size"),
    "service": ("api", "mail", "stock"),
}
PER_HOUR = 5
ROUTES = ("/orders", "/cart", "/pay", "/search")
Line = tuple[datetime, str, str]


def drawn(rng: random.Random) -> dict[str, str]:
    return {kind: rng.choice(values) for kind, values in VALUES.items()}


def events(rng: random.Random, case: dict[str, Any]) -> Iterator[Line]:
    """Return the lines of one class: as many an hour on both days, and twice as many more."""
    usual, more = 48 * PER_HOUR, 48 * PER_HOUR
    for number in range(usual + more):
        hours = rng.uniform(24, 48) if number >= usual else rng.uniform(0, 48)
        fields = drawn(rng)
        if "kind" in case and (
            case.get("always") or (number >= usual and rng.random() < case.get("plant_share", 1.0))
        ):
            fields[case["kind"]] = case["value"]
        text = case["text"].format(n=rng.randrange(9999), detail=fields.pop("detail"))
        yield record(START + timedelta(hours=hours), "error", text, fields)


def record(at: datetime, level: str, text: str, fields: dict[str, str]) -> Line:
    service = fields.pop("service")
    line = {"time": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}", "level": level, **fields, "msg": text}
    return at, service, json.dumps(line)


def calm(rng: random.Random) -> Iterator[Line]:
    for second in range(0, 48 * 3600, 60):
        fields = drawn(rng)
        fields.pop("detail")
        yield record(START + timedelta(seconds=second), "info", f"worked on {second}", fields)


def requests(rng: random.Random) -> Iterator[Line]:
    """Return access lines, of which more fail on the second day: all of one route and client."""
    for number in range(48 * 200):
        hour = number // 200
        at = START + timedelta(hours=hour, seconds=rng.random() * 3600)
        route, agent, status = rng.choice(ROUTES), rng.choice(VALUES["user_agent"]), 200
        if rng.random() < 0.02:
            status = 502
        if hour >= 24 and rng.random() < 0.06:
            route, agent, status = "/pay", "shop-web/3.0", 502
        where = f"10.0.0.{rng.randrange(1, 250)} - - [{at:%d/%b/%Y:%H:%M:%S +0000}]"
        yield at, "edge", f'{where} "GET {route} HTTP/1.1" {status} 512 "-" "{agent}"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = random.Random(11)
    folder = tmp_path_factory.mktemp("planted")
    logs: dict[str, list[str]] = {}
    lines = [line for case in (*CASES["class"], *CASES["null"]) for line in events(rng, case)]
    for _, service, text in sorted([*lines, *calm(rng), *requests(rng)]):
        logs.setdefault(service, []).append(f"{text}\n")
    (folder / "logs").mkdir()
    for service, own in logs.items():
        (folder / "logs" / f"{service}.log").write_text("".join(own), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def result(folder: Path) -> Result:
    return orchestrate.analyze(
        [str(folder / "logs")], Settings(baseline=("24h",)), out=folder / "out", documents=()
    )


def finding(result: Result, text: str) -> Finding:
    words = text.split("{")[0].rstrip(" '")
    (found,) = (one for one in result.findings if (one.template or "").startswith(words))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES["class"], ids=lambda case: case["why"])
def test_what_is_planted_is_told(result: Result, case: dict[str, Any]) -> None:
    one = finding(result, case["text"])
    told = {(at.kind, at.value): at for at in one.correlates}

    assert one.is_regression, "it rose, whatever explains it"
    assert ((case["kind"], case["value"]) in told) is case["found"]
    if case["found"]:
        planted = told[case["kind"], case["value"]]
        usual = 1 / len(VALUES[case["kind"]])
        share = (usual + 2 * case.get("plant_share", 1.0)) / 3
        share += (1 - case.get("plant_share", 1.0)) * 2 / 3 * usual
        assert planted.share == pytest.approx(share, abs=0.07)
        assert planted.baseline_share == pytest.approx(usual, abs=0.12)
        assert planted.lift is not None and planted.lift > MINIMUM_LIFT
        assert planted.event_count == round(planted.share * one.candidate_count)
    assert len(told) == int(case["found"]), "and nothing else"


@pytest.mark.slow
def test_the_route_and_the_client_of_failed_requests_are_told(result: Result) -> None:
    (failed,) = (one for one in result.findings if one.kind == "failed_request")

    told = {(one.kind, one.value) for one in failed.correlates}
    assert ("endpoint", "GET /pay") in told
    assert any(value == "shop-web/3.0" for _, value in told)
    assert not any("shop-ios" in value or "/cart" in value for _, value in told)


@pytest.mark.slow
def test_at_most_one_of_a_hundred_values_of_chance_is_told(result: Result, folder: Path) -> None:
    names = {finding(result, case["text"]).finding_id: case for case in CASES["null"]}
    told = [at for one in result.findings if one.finding_id in names for at in one.correlates]

    assert all(one.is_regression for one in result.findings if one.finding_id in names)
    assert len(told) <= 0.01 * compared(result, folder, set(names))


def compared(result: Result, folder: Path, names: set[str]) -> int:
    """Return how many values of classes were compared."""
    out = folder / "out"
    onsets = [(one.finding_id, one.onset) for one in result.findings if one.onset]
    with Session() as session:
        session.read_events({"candidate": sorted((out / "events").glob("*.parquet"))})
        for name in ("rollup", "minutes", "windows"):
            session.register(name, pl.read_parquet(out / f"{name}.parquet"))
        session.register("onsets", pl.DataFrame(onsets, ["finding_id", "onset"], orient="row"))
        values = session.frame("finding_values")
    count = values.filter(pl.col("finding_id").is_in(names)).height
    assert count >= 100
    return count
