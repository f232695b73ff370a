"""One incident with six truths, at a day's size: all six right, and nothing else reported.

Against the day before: traffic doubles; a timeout keeps its share of the requests; a protocol error
gets more frequent from ten o'clock on; an enum error is new from then on; a rare disk error occurs
three times; and the worker falls silent at six in the evening, with its errors.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline import orchestrate
from pipeline.model import Confidence, Finding, Result, Settings, State

BASELINE, CANDIDATE = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC)
ROUTES = ("/api/orders", "/api/users/{}", "/api/cart", "/api/pay", "/api/search")
STATES = ("PENDING_REVIEW", "on_hold", "Draft")
PROTOCOL = (
    "RuntimeError: Unexpected ASGI message 'http.response.start' sent, after response already "
    "completed."
)
TRACE = """Traceback (most recent call last):
  File "/app/api/routes/orders.py", line 118, in create_order
    status = OrderStatus(payload["status"])
  File "/usr/local/lib/python3.11/enum.py", line 714, in __call__
    return cls.__new__(cls, value)
ValueError: '{}' is not a valid OrderStatus"""
BETTER = {State.GONE, State.DECREASED}
Line = tuple[datetime, str, str]


def api(rng: random.Random, day: datetime, per_hour: int, *, is_bad: bool) -> Iterator[Line]:
    """Return the lines of the service that answers requests."""
    for number in range(24 * per_hour):
        hour = number // per_hour
        at = day + timedelta(hours=hour, seconds=rng.random() * 3600)
        request = f"{rng.getrandbits(128):032x}"
        route = rng.choice(ROUTES).format(rng.randint(1, 9999))
        taken = rng.randint(3, 400)
        yield at, "api", f"INFO  api.access {request} GET {route} 200 {taken}ms"
        if rng.random() < 0.01:
            host = f"10.0.{rng.randint(0, 9)}.{rng.randint(1, 254)}:8080"
            wait = f"upstream timeout after {rng.randint(1000, 9000)}ms"
            yield at, "api", f"ERROR api.client {request} {wait} calling http://{host}/inventory"
        if rng.random() < 0.003:
            yield at, "api", f"ERROR uvicorn.error {request} {PROTOCOL}"
        if is_bad and hour >= 10 and rng.random() < 0.004:
            head = f"ERROR api.orders {request} Unhandled exception in POST /api/orders"
            yield at, "api", f"{head}\n{TRACE.format(rng.choice(STATES))}"
        if is_bad and hour >= 10 and rng.random() < 0.012:
            yield at + timedelta(seconds=2), "api", f"ERROR uvicorn.error {request} {PROTOCOL}"
    for hour in (13, 15, 20) if is_bad else ():
        text = f"disk quota exceeded while writing ledger segment {rng.randint(1, 99)}"
        yield day + timedelta(hours=hour, minutes=7), "api", f"ERROR api.pay {text}"


def worker(rng: random.Random, day: datetime, last: int) -> Iterator[Line]:
    """Return the lines of the worker, up to an hour."""
    for number in range(last * 200):
        at = day + timedelta(hours=number // 200, seconds=rng.random() * 3600)
        job = rng.randint(1, 10**7)
        yield at, "worker", f"INFO  worker.loop processed job {job} in {rng.randint(5, 90)}ms"
        if rng.random() < 0.2:
            text = f"connection reset by peer (broker-{rng.randint(1, 3)})"
            yield at, "worker", f"ERROR worker.loop job {job} failed: {text}"


def write(folder: Path, lines: Iterator[Line], *, is_json: bool) -> None:
    folder.mkdir(parents=True)
    texts: dict[str, list[str]] = {"api": [], "worker": []}
    for at, service, text in sorted(lines):
        whole = f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d} {text}"
        texts[service].append(_envelope(whole, at) if is_json else f"{whole}\n")
    for service, own in texts.items():
        name = f"{service}-json.log" if is_json else f"{service}.log"
        (folder / name).write_text("".join(own), encoding="utf-8")


def _envelope(text: str, at: datetime) -> str:
    stream = "stderr" if "ERROR" in text else "stdout"
    time = f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z"
    return "".join(
        json.dumps({"log": f"{line}\n", "stream": stream, "time": time}) + "\n"
        for line in text.split("\n")
    )


def incident(folder: Path, per_hour: int, *, is_json: bool, seed: int = 7) -> Result:
    """Write both days below *folder* and compare them."""
    rng = random.Random(seed)
    before = [*api(rng, BASELINE, per_hour, is_bad=False), *worker(rng, BASELINE, 24)]
    after = [*api(rng, CANDIDATE, 2 * per_hour, is_bad=True), *worker(rng, CANDIDATE, 18)]
    write(folder / "base", iter(before), is_json=is_json)
    write(folder / "target", iter(after), is_json=is_json)
    return orchestrate.analyze(
        [str(folder / "target")], Settings(baseline=(str(folder / "base"),)),
        out=folder / "out", documents=(), now="2026-10-03",
    )  # fmt: skip


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((1000, False), id="plain"),
        pytest.param((4000, False), id="plain-full", marks=pytest.mark.slow),
        pytest.param((4000, True), id="json-full", marks=pytest.mark.slow),
    ],
)
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Result:
    per_hour, is_json = request.param
    return incident(tmp_path_factory.mktemp("six"), per_hour, is_json=is_json)


def finding(result: Result, text: str) -> Finding:
    (found,) = (
        one
        for one in result.findings
        if text in f"{one.title} {one.template} {one.exception_message}"
    )
    return found


def test_a_share_of_doubled_traffic_is_no_regression(result: Result) -> None:
    timeout = finding(result, "upstream timeout")

    assert not timeout.is_regression
    assert timeout.confidence is Confidence.NONE


def test_an_error_that_got_more_frequent_is_found_with_its_hour(result: Result) -> None:
    protocol = finding(result, "Unexpected ASGI message")

    assert protocol.is_regression and protocol.baseline_count
    assert protocol.state in (State.INCREASED, State.ESCALATING)
    assert protocol.onset is not None
    assert abs(protocol.onset - CANDIDATE - timedelta(hours=10)) < timedelta(minutes=15)


def test_a_new_error_is_found_with_its_hour(result: Result) -> None:
    enum = finding(result, "is not a valid OrderStatus")

    assert enum.is_regression and enum.state is State.NEW
    assert enum.onset is not None
    assert abs(enum.onset - CANDIDATE - timedelta(hours=10)) < timedelta(minutes=15)


def test_three_rare_errors_of_a_new_kind_are_shown_as_new(result: Result) -> None:
    disk = finding(result, "disk quota exceeded")

    assert disk.state is State.NEW
    assert (disk.baseline_count, disk.candidate_count) == (0, 3)


def test_a_silent_worker_is_a_gap_and_its_errors_are_not_better(result: Result) -> None:
    (gap,) = result.coverage.gaps
    reset = finding(result, "connection reset")

    assert (gap.service_name, gap.window, gap.kind) == ("worker", "candidate", "silent")
    assert abs(gap.start - CANDIDATE - timedelta(hours=18)) < timedelta(minutes=5)
    assert reset.state not in BETTER and not reset.is_regression


def test_nothing_else_is_reported(result: Result) -> None:
    risen = {one.title for one in result.findings if one.is_regression}
    risen -= {finding(result, "disk quota exceeded").title}

    assert len(risen) == 2
    assert not any(one.state in BETTER for one in result.findings)
    assert result.premises == []
