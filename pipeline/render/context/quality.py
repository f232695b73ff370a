"""What bends the numbers: premises and gaps."""

from pipeline.model import Gap, Premise
from pipeline.render.context.basis import Basis, moment_view
from pipeline.render.figures import duration
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import GapView, PremiseView

_GAP_WORDS = {"silent": "silent", "absent": "absent", "thin": "far fewer lines than usual"}


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
