"""What of the problems of now is news to a target, given what it was told before.

What is compared is what was *told*, not what the run before found: so a message that did not arrive
is made up for by the next run, with what holds then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from pipeline.notices import Change, Event, Problem
from pipeline.notify.memory import Told
from pipeline.notify.standing import RESOLVED

On = Literal["change", "regression", "always"]
# A change to one of these is told. From new to increased a problem goes by itself, as the window of
# the baseline moves over its begin: that is no news.
_WORSE = frozenset({"escalating", "returned"})
# A job that starts some minutes early must not put off a daily reminder to the next hour.
_EARLY = timedelta(minutes=10)
_FIRST: tuple[Event, ...] = ("opened", "changed", "ongoing", "reminder", "resolved")


@dataclass(frozen=True, slots=True)
class Policy:
    """When to speak: on what, and how often to remind; *remind* null: never.

    ``change``: when something opened, became worse, is over, or a reminder is due. ``regression``:
    also in each run that finds a regression. ``always``: in each run.
    """

    on: On = "change"
    remind: timedelta | None = timedelta(days=1)


def news(
    now: Iterable[Problem], told: Mapping[str, Told], moment: datetime, policy: Policy
) -> list[Change]:
    """Return what to tell, most urgent first; empty: nothing, and then there is no message unless
    *policy* says always.

    Silenced problems are never told, acknowledged ones only when they became worse or are over.
    """
    changes = []
    for problem in now:
        event = _event(problem, told.get(problem.finding_id), moment, policy)
        if event is not None:
            before = told.get(problem.finding_id)
            changes.append(
                Change(
                    event,
                    problem,
                    before.problem.state if before else None,
                    before.told_at if before else None,
                )
            )
    return sorted(changes, key=lambda one: _FIRST.index(one.event))


def _event(problem: Problem, told: Told | None, moment: datetime, policy: Policy) -> Event | None:
    if problem.handling == "silenced":
        return None
    if problem.state == RESOLVED:
        return "resolved" if told else None
    is_known = problem.handling == "acknowledged"
    if told is None:
        return None if is_known else "opened"
    if problem.state in _WORSE and problem.state != told.problem.state:
        return "changed"
    if is_known:
        return None
    if policy.remind is not None and moment - told.told_at >= policy.remind - _slack(policy.remind):
        return "reminder"
    return None if policy.on == "change" else "ongoing"


def _slack(remind: timedelta) -> timedelta:
    return min(_EARLY, remind / 10)


def told_after(
    told: Mapping[str, Told], changes: Sequence[Change], moment: datetime
) -> dict[str, Told]:
    """Return what a target knows once *changes* have arrived; what is over is forgotten."""
    after = dict(told)
    for one in changes:
        finding_id = one.problem.finding_id
        if one.event == "resolved":
            after.pop(finding_id, None)
        elif one.event == "ongoing" and finding_id in after:
            continue  # a reminder is due by when it was news
        else:
            usual = after[finding_id].problem.usual_rate if finding_id in after else None
            after[finding_id] = Told(_remembered(one.problem, usual), moment)
    return after


def _remembered(problem: Problem, usual: float | None) -> Problem:
    """Return *problem* with the usual rate of when it opened: a baseline moves on."""
    return problem if usual is None else replace(problem, usual_rate=usual)
