"""Whole runs on published incidents: what was injected is found, what is fault-free stays quiet."""

from pathlib import Path

import pytest

from pipeline.model import Finding, Result, Settings, Verdict
from pipeline.orchestrate import analyze

LOGS = Path(__file__).parents[2] / "shared" / "logs"
TRAIN = LOGS / "nezha-trainticket" / "docker"
BOUTIQUE = LOGS / "nezha-onlineboutique" / "docker"
pytestmark = pytest.mark.skipif(not LOGS.is_dir(), reason="the real logs are not here")

# The five faults whose injected service logs an error that no other service's fault brings about.
STRONG = {
    "ts-01": ("ts-contacts-service", "ContactsServiceImpl#37"),
    "ts-02": ("ts-contacts-service", "ContactsServiceImpl#37"),
    "ts-03": ("ts-contacts-service", "ContactsServiceImpl#37"),
    "ts-08": ("ts-food-service", "FoodServiceImpl#245"),
    "ts-09": ("ts-food-service", "FoodServiceImpl#245"),
}
FAULTS = [
    pytest.param(fault, marks=[] if fault == "ts-01" else pytest.mark.slow) for fault in STRONG
]


def compared(logs: Path, baseline: str, out: Path) -> Result:
    return analyze([str(logs)], Settings(baseline=(baseline,)), out=out, documents=())


def is_of(finding: Finding, service: str, place: str) -> bool:
    return finding.services[0].service_name == service and place in (finding.scope_name or "")


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_the_signature_of_a_strong_fault_is_a_regression(fault: str, tmp_path: Path) -> None:
    result = compared(TRAIN / fault, str(TRAIN / "normal-2023-01-29"), tmp_path)

    found = [finding for finding in result.findings if finding.is_regression]
    own = [finding for finding in found if is_of(finding, *STRONG[fault])]
    assert len(own) == 1
    assert len(found) - len(own) <= 3


@pytest.mark.parametrize("baseline", ["auto", "1m"])
def test_a_fault_that_the_logs_do_not_show_is_no_regression(baseline: str, tmp_path: Path) -> None:
    result = compared(BOUTIQUE, baseline, tmp_path)

    assert result.windows.candidate.error_count == 0
    assert result.verdict in (Verdict.NORMAL, Verdict.CANNOT_DECIDE)
    assert not any(finding.is_regression for finding in result.findings)
