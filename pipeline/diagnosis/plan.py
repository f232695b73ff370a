"""What is asked for after a rise: actions by phase, and how long it took before.

Actions come from the knowledge base or from the place that the traces name, never from a guess at
the cause; whose action it is, and by when, is left to people.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from pipeline.diagnosis.findings import regressions
from pipeline.diagnosis.statements import called
from pipeline.model import (
    Chain,
    ChainEdge,
    Change,
    Correlate,
    Criterion,
    Finding,
    PastIncident,
    RecoveryEstimate,
    Remediation,
)

# A change this long before an onset, in a service that logs the class, may be taken back.
_JUST_BEFORE = timedelta(minutes=30)
_TAKEN_BACK = ("deploy", "migration", "config")
# A value that nearly all events of a class carry, and few others, is a place to leave.
_PLACES = ("container", "host", "version")
_MOSTLY, _SELDOM = 0.95, 0.5
_MAX_CONTAINED = 4
# Fewer than three past incidents are anecdotes.
_LEAST_INCIDENTS = 3


def remediation_of(
    findings: Sequence[Finding],
    criteria: Sequence[Criterion],
    chain: Chain,
    changes: Sequence[Change] = (),
) -> list[Remediation]:
    """Return the actions: what contains, what repairs, what shows that it worked.

    Each regression is answered by a repair, by the share of the excess that goes with it: its own,
    and of what follows from it in *chain* as much as followed it. What to do comes from the
    knowledge base where it has an entry; else it is to look at the place that the traces name. A
    status that follows errors is answered by theirs. A finding without a criterion has no action:
    nothing would show that it worked.
    """
    verified = {one.scope["finding_id"]: one for one in criteria if "finding_id" in one.scope}
    risen = [one for one in regressions(findings) if one.finding_id in verified]
    shares = _shares(risen, chain)
    reached = {
        name for one in risen if one.kind == "error" for name in _ways(one.finding_id, chain)
    }
    found = [one for one in risen if one.kind == "error" or one.finding_id not in reached]
    found.sort(key=lambda one: (one.kind != "error", -(shares[one.finding_id] or 0.0),
                                one.finding_id))  # fmt: skip
    plan = _Plan(found, verified, shares, chain)
    actions = [
        *plan.contain(changes)[:_MAX_CONTAINED],
        *(plan.repair(one) for one in found),
        *plan.validate(),
    ]
    return [replace(one, priority=at) for at, one in enumerate(actions, start=1)]


def _shares(risen: Sequence[Finding], chain: Chain) -> dict[str, float | None]:
    """Return the share of the excess that each answers, of all regressions of its kind."""
    shares: dict[str, float | None] = {}
    for kind in ("error", "failed_request", "warning"):
        own = [one for one in risen if one.kind == kind]
        excess = {one.finding_id: _excess(one) for one in own}
        total = sum(excess.values())
        for name in excess:
            shares[name] = _answered(name, excess, chain) / total if total else None
    return shares


def _answered(start: str, excess: Mapping[str, float], chain: Chain) -> float:
    """Return the excess that goes when *start* goes: its own, and of each finding that follows it
    as much as followed it.
    """
    followers = _ways(start, chain)
    return excess[start] + sum(
        excess.get(name, 0.0) * share for name, (share, _) in sorted(followers.items())
    )


def _ways(start: str, chain: Chain) -> dict[str, tuple[float, str]]:
    """Return for each finding that follows *start* the largest product of shares on a way there,
    and the weaker grade of that way. What is only a hypothesis is no way.
    """
    ids = {node.node_id: node.finding_id for node in chain.nodes}
    links: defaultdict[str, list[ChainEdge]] = defaultdict(list)
    for edge in _carrying(chain):
        links[edge.source].append(edge)
    best = {node: (1.0, "observed") for node, finding in ids.items() if finding == start}
    waiting = list(best)
    while waiting:
        at = waiting.pop()
        for edge in links[at]:
            share = best[at][0] * min(edge.share, 1.0)
            if share > best.get(edge.target, (0.0, ""))[0] + 1e-9:
                grade = best[at][1] if edge.grade == "observed" else edge.grade
                best[edge.target] = (share, grade)
                waiting.append(edge.target)
    found: dict[str, tuple[float, str]] = {}
    for node, way in best.items():
        name = ids.get(node)
        if name is not None and name != start:
            found[name] = max(way, found.get(name, (0.0, "")))
    return found


def _carrying(chain: Chain) -> list[ChainEdge]:
    return [edge for edge in chain.edges if edge.grade != "hypothesis"]


class _Plan:
    """What every action of a run needs: what it answers, and what shows that it worked."""

    def __init__(
        self,
        found: Sequence[Finding],
        verified: Mapping[str, Criterion],
        shares: Mapping[str, float | None],
        chain: Chain,
    ) -> None:
        self._found = found
        self._verified = verified
        self._shares = shares
        self._before = self._predecessors(chain)

    def _predecessors(self, chain: Chain) -> dict[str, tuple[Finding, float, str]]:
        """Return for each finding the one that most of its events follow, which share, and the
        grade. Of two that lie on one way the later is named: it alone need not be mended.
        """
        before: dict[str, tuple[Finding, float, str]] = {}
        for one in reversed(self._found):
            for name, (share, grade) in _ways(one.finding_id, chain).items():
                if name not in before or share > before[name][1] + 1e-9:
                    before[name] = (one, share, grade)
        return before

    def contain(self, changes: Sequence[Change]) -> list[Remediation]:
        """Return what can be taken back or left, where the logs name it."""
        actions: dict[str, Remediation] = {}
        for one in self._found:
            made = [
                self._action(one, "contain", _take_back(change, one), "this input")
                for change in changes
                if _is_just_before(change, one)
            ]
            made += [
                self._action(one, "contain", _leave(value, one), "this input", value.share)
                for value in one.correlates
                if _is_place(value)
            ]
            # One change or place may be of many findings: it is asked once, for what it answers
            # most of.
            for action in made:
                actions.setdefault(action.action.partition(":")[0], action)
        return list(actions.values())

    def repair(self, one: Finding) -> Remediation:
        """Return the action that answers one finding."""
        known = one.knowledge
        source = f"knowledge base: {known.knowledge_id}" if known else "this input"
        action = self._action(one, "repair", _repair(one), source)
        if known and known.check_first and known.remedy:
            checked = f"{action.undone_if}; or if the check bears out no hypothesis of {source}"
            action = replace(action, then=known.remedy[0], undone_if=checked)
        if one.finding_id in self._before:
            first, share, _ = self._before[one.finding_id]
            action = replace(action, follows=first.finding_id, follows_share=share)
        return action

    def validate(self) -> list[Remediation]:
        """Return how the repairs are shown to have worked; the last is by the criteria."""
        actions = [
            self._action(
                one, "validate", one.knowledge.verify[0],
                f"knowledge base: {one.knowledge.knowledge_id}", None,
            )
            for one in self._found
            if one.knowledge and one.knowledge.verify
        ]  # fmt: skip
        if self._found:
            hours = max(one.minimum_exposure for one in self._verified.values())
            text = f"Run analyze verify on the logs of {hours:g} covered hours after the repair"
            actions.append(self._action(self._found[0], "validate", text, "this input", None))
        return actions

    def _action(
        self,
        one: Finding,
        phase: Literal["contain", "repair", "validate"],
        text: str,
        source: str,
        part: float | None = 1.0,
    ) -> Remediation:
        """Return an action; *part* is how much of the finding's own share it answers."""
        share = self._shares[one.finding_id]
        return Remediation(
            priority=0,
            action=text,
            answers=one.finding_id,
            expected_excess_share=share * part if share is not None and part is not None else None,
            source=source,
            undone_if=self._undone_if(one, phase),
            verified_by=self._verified[one.finding_id].criterion_id,
            phase=phase,
        )

    def _undone_if(self, one: Finding, phase: str) -> str:
        """Say what makes an action unnecessary, by what the chain and the criteria give."""
        criterion = self._verified[one.finding_id]
        passes = f"{criterion.criterion_id} passes on {criterion.minimum_exposure:g} covered hours"
        if phase == "validate":
            return f"nothing is done about {called(one)}, and {passes} all the same"
        if phase == "repair" and one.finding_id in self._before:
            first, share, grade = self._before[one.finding_id]
            part = f"{share * 100:.0f} % of {called(one)} follow"
            return f"{called(first)} is mended first, which {part} ({grade}), and {passes}"
        if not one.is_ongoing and one.last_seen is not None:
            return (
                f"{passes} before it is begun: {called(one)} was last seen "
                f"{one.last_seen:%Y-%m-%d %H:%M} UTC"
            )
        return f"{passes} before it is begun"


def _repair(finding: Finding) -> str:
    if finding.knowledge and finding.knowledge.check_first:
        return finding.knowledge.check_first[0]
    place = finding.code_location
    if place:
        line = f":{place.code_line_number}" if place.code_line_number else ""
        return f"Look at {place.code_file_path}{line}, the place that its traces name"
    if finding.services:
        return f"Look at {finding.services[0].service_name} around the onset"
    return "Look at the samples around the onset"


def _is_just_before(change: Change, finding: Finding) -> bool:
    if finding.onset is None or finding.onset_upper is None or change.kind not in _TAKEN_BACK:
        return False
    is_near = finding.onset - _JUST_BEFORE <= change.timestamp <= finding.onset_upper
    return is_near and change.service_name in {one.service_name for one in finding.services}


def _take_back(change: Change, finding: Finding) -> str:
    return (
        f"Decide whether the {change.kind} of {change.service_name} at "
        f"{change.timestamp:%Y-%m-%d %H:%M} UTC can be taken back: the onset of {called(finding)} "
        "came just after it"
    )


def _is_place(value: Correlate) -> bool:
    return (
        value.kind in _PLACES
        and value.share >= _MOSTLY
        and value.other_share is not None
        and value.other_share <= _SELDOM
    )


def _leave(value: Correlate, finding: Finding) -> str:
    return (
        f"Decide whether {value.kind} {value.value} can be taken out of service: "
        f"{value.share * 100:.0f} % of {called(finding)} come from there, "
        f"{(value.other_share or 0.0) * 100:.0f} % of other events"
    )


def _excess(finding: Finding) -> float:
    return max(finding.candidate_count - (finding.expected_count or 0.0), 0.0)


# ---- how long it took before ------------------------------------------------------------------


def recovery_of(past: Sequence[PastIncident] | None) -> tuple[RecoveryEstimate | None, str]:
    """Return from the shortest to the longest of *past* incidents of the class, or why not.

    *past* is None where no history was kept. Of n incidents whose lengths are drawn alike, the next
    lies in that range with probability (n - 1) / (n + 1), whatever the distribution (a tolerance
    interval of order statistics: Wilks, Annals of Mathematical Statistics 12, 1941).
    """
    if past is None:
        return None, "no history of earlier incidents was kept"
    hours = sorted(one.hours for one in past if one.hours > 0)
    count = len(hours)
    if count < _LEAST_INCIDENTS:
        known = f"{count} earlier incident{'' if count == 1 else 's'}"
        return None, f"{known} of the class, {_LEAST_INCIDENTS} are needed"
    chance = (count - 1) / (count + 1)
    return RecoveryEstimate(hours[0], hours[-1], count, chance), ""
