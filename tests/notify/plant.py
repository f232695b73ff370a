"""Notices and problems for tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.notices import Change, Notice, Problem

NOW = datetime(2026, 3, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


def problem(
    finding_id: str = "f1",
    state: str = "new",
    **values: Any,  # noqa: ANN401  # fields
) -> Problem:
    made = Problem(
        finding_id=finding_id,
        kind="error",
        error_class="pool_exhausted",
        title="no connection left for 30 s",
        state=state,
        first_seen=NOW - 6 * HOUR,
        onset=NOW - 6 * HOUR,
        rate=124.0,
        usual_rate=3.1,
        services=("api",),
    )
    return replace(made, **values)


def notice(*changes: Change, **values: Any) -> Notice:  # noqa: ANN401  # fields
    made = Notice(
        notice_id="n1",
        generated_at=NOW,
        run_id="r1",
        version="0",
        verdict="regression",
        headline="1 class rose",
        start=NOW - 24 * HOUR,
        end=NOW,
        changes=changes or (Change("opened", problem()),),
        standing=tuple(one.problem for one in changes),
    )
    return replace(made, **values)
