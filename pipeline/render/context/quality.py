"""What bends the numbers: premises and gaps."""

from collections import Counter

from pipeline.model import Gap, Premise, Result
from pipeline.render.context.basis import Basis, moment_view
from pipeline.render.figures import count, duration, many
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import GapView, PremiseView

# What `detection.seasons` asks for.
_LEAST_HOURS = {"hours of the day": (72, "three days"), "hours of the week": (504, "three weeks")}
_GAP_WORDS = {"silent": "silent", "absent": "absent", "thin": "far fewer lines than usual"}


def hours_told(result: Result) -> str:
    """Say how many classes were compared with the same hours of other days, and what could not be.

    Empty without a baseline.
    """
    covered = result.windows.baseline.covered_seconds / 3600
    if not covered:
        return ""
    told = sum(one.compared_per in ("hour_of_day", "hour_of_week") for one in result.findings)
    said = [f"{many(told, 'class', 'classes')} compared with the same hours of other days."]
    short = [(name, need) for name, (least, need) in _LEAST_HOURS.items() if covered < 0.9 * least]
    if short:
        needs = " and ".join(f"{name} ({need})" for name, need in short)
        said.append(
            f"The baseline, {duration(covered * 3600)} covered, is too short to tell apart {needs}."
        )
    return " ".join(said)


def premise_view(basis: Basis, one: Premise) -> PremiseView:
    """Return what bends counts or times, with the rises that it explains away."""
    names = [basis.names[name] for name in one.finding_ids if name in basis.names]
    return PremiseView(
        Untrusted(one.kind), Untrusted(one.text), one.query_id, [Untrusted(n) for n in names]
    )


def gap_view(one: Gap) -> GapView:
    """Return a stretch in which a service did not log as usual."""
    return GapView(
        service=Untrusted(one.service_name),
        window=one.window,
        start=moment_view(one.start),
        end=moment_view(one.end),
        kind=_GAP_WORDS[one.kind],
        length=duration((one.end - one.start).total_seconds()),
    )


def redactions(result: Result) -> Untrusted:
    """Tell how many kept events held which kind of secret, and what became of these."""
    mode = result.run.settings.get("redact")
    if mode == "off":
        return Untrusted("Secrets were not looked for: redaction was off.")
    if mode == "report":
        return Untrusted("Secrets were taken out of this report, not of the stored events.")
    kinds: Counter[str] = Counter()
    for source in result.coverage.sources:
        kinds.update({one.kind: one.event_count for one in source.redactions})
    if not kinds:
        return Untrusted("No secret was recognised in the kept events.")
    told = ", ".join(
        f"{kind} in {count(number)}"
        for kind, number in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    )
    return Untrusted(f"Taken out of kept events before they were stored: {told}.")
