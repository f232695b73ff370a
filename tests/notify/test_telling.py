"""A series of results, told to real targets on loopback; what is remembered, and secrets."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipeline.errors import ExitCode, SourceError, UsageError
from pipeline.model import Result, Settings
from pipeline.notices import Delivery
from pipeline.notify import Limits
from pipeline.orchestrate.notifying import Alerts, alerts_of, send_test, tell_people, watched
from tests.notify.servers import hook
from tests.notify.test_standing import calm
from tests.render.sample import incident

QUICK = Limits(connect_seconds=1, total_seconds=3, pause_seconds=0.001)
BEGIN = incident().run.generated_at


def at(result: Result, hours: float) -> Result:
    moment: datetime = BEGIN + timedelta(hours=hours)
    return replace(result, run=replace(result.run, generated_at=moment))


def alerts(*targets: str, **given: str) -> Alerts:
    return replace(alerts_of(targets, given), limits=QUICK)


def tell(to: Alerts, result: Result, out: Path) -> list[Delivery]:
    return tell_people(to, result, Settings(), out)


def test_an_incident_is_told_once_reminded_of_and_ended(tmp_path: Path) -> None:
    with hook() as server:
        to = alerts(server.url)
        for hours in (0, 1, 23, 24, 25):
            tell(to, at(incident(), hours), tmp_path)
        tell(to, at(calm(), 26), tmp_path)
        assert tell(to, at(calm(), 27), tmp_path) == []

    said = [[one["event"] for one in document["changes"]] for document in server.documents()]
    count = len(said[0])
    assert said == [["opened"] * count, ["reminder"] * count, ["resolved"] * count]
    assert count >= 2


def test_each_target_hears_what_it_missed(tmp_path: Path) -> None:
    with hook() as steady, hook(statuses=[500, 500, 500, 200]) as failing:
        to = alerts(steady.url, failing.url)
        first = tell(to, at(incident(), 0), tmp_path)
        second = tell(to, at(incident(), 1), tmp_path)
        third = tell(to, at(incident(), 2), tmp_path)

    assert [one.is_delivered for one in first] == [True, False]
    assert [one.is_delivered for one in second] == [True]
    assert third == []
    assert len(steady.requests) == 1
    assert {one["event"] for one in failing.documents()[-1]["changes"]} == {"opened"}


def test_what_cannot_be_remembered_is_told_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with hook() as server:
        found = tell(alerts(server.url), incident(), tmp_path / "file" / "below")

    assert [one.is_delivered for one in found] == [False, False, True]
    assert all("notified.json" in one.target for one in found[:2])


def test_a_secret_is_nowhere(tmp_path: Path) -> None:
    secret, token = "T0PS3CRET-path", "b34rer-token"
    with hook(statuses=[403], body=f"{secret} {token}".encode()) as server:
        given = {"HOOK": f"slack+{server.url}/services/{secret}", "TOKEN": token}
        to = alerts("env:HOOK", f"{server.url}/in#bearer=env:TOKEN", **given)
        found = [*tell(to, incident(), tmp_path), *send_test(to)]

    assert len(server.requests) == 4
    files = "".join(path.read_text(encoding="utf-8") for path in tmp_path.iterdir())
    shown = f"{to!r}{found!r}{[one.answer for one in found]}{files}"
    assert "***" in shown and "notified" not in shown
    assert secret not in shown and token not in shown


def test_a_message_holds_no_secret_that_a_result_may_hold(tmp_path: Path) -> None:
    key = "AKIA" + "QYLPMN5HFIQR7XYA"
    found = incident()
    findings = [replace(one, title=f"denied for {key}") for one in found.findings]
    with hook() as server:
        tell(alerts(server.url), replace(found, findings=findings, headline=key), tmp_path)

    ((*_, body),) = server.requests
    assert b"redacted" in body and key.encode() not in body


@pytest.mark.parametrize(
    ("error", "status", "called"),
    [
        (None, ExitCode.NORMAL, ["/x"]),
        (None, ExitCode.REGRESSION, ["/x"]),
        (None, ExitCode.CANNOT_DECIDE, []),
        (None, ExitCode.FAILED, ["/x/fail"]),
        (SourceError("none"), None, ["/x/fail"]),
        (UsageError("none"), None, ["/x/fail"]),
        (KeyboardInterrupt(), None, []),
        (ValueError(), None, ["/x/fail"]),
    ],
)
def test_the_switch_is_called_by_how_a_run_ended(
    error: BaseException | None, status: int | None, called: list[str]
) -> None:
    with hook() as server:
        to = replace(alerts_of([], {}, ping=f"{server.url}/x#fail=/fail"), limits=QUICK)
        told: list[Delivery] = []
        with pytest.raises(type(error)) if error else nullcontext():  # noqa: SIM117
            with watched(None, to, told.extend) as meter:
                if error is not None:
                    raise error
                assert status is not None
                meter.exit_status = status

    assert [path for _, path, _, _ in server.requests] == called
    assert all(one.is_delivered for one in told)
