"""Class by time, and the changes of the system."""

from collections.abc import Sequence

from pipeline.model import Change
from pipeline.render import charts
from pipeline.render.charts import Slot
from pipeline.render.context.basis import Basis, moment_view
from pipeline.render.context.rates import bucket_words
from pipeline.render.figures import many, minute
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import ChangeView, HeatView
from pipeline.render.words import distinct_names, is_risen


def heat_view(basis: Basis) -> HeatView | None:
    """Return classes by time against what was expected, null where no class has a series."""
    ranked = [*basis.risen, *(one for one in basis.result.findings if not is_risen(one))]
    chosen = [one for one in ranked if one.hourly][: basis.caps.heat_rows]
    if not chosen:
        return None
    names = distinct_names(basis.result.findings)
    rows = [
        (names[one.finding_id], basis.slots(one.hourly, basis.caps.heat_slots)) for one in chosen
    ]
    drawn = charts.heat_map([("", drawn) for _, drawn in rows])
    said = [f"{name}: {_heat_words(drawn)}" for name, drawn in rows]
    left = len(ranked) - len(chosen)
    more = f" {many(left, 'further class', 'further classes')} not drawn." if left else ""
    return HeatView(
        chart=drawn,
        names=[Untrusted(name) for name, _ in rows],
        description=Untrusted("; ".join(said) + "." + more),
        bucket=bucket_words(max((drawn for _, drawn in rows), key=len)),
    )


# ---- candidates


def _heat_words(drawn: Sequence[Slot]) -> str:
    above = [slot for slot in drawn if charts.heat_level(slot) in "1234"]
    if not above:
        return "never above its band"
    where = f"{minute(above[0].start)} to {minute(above[-1].end)} UTC"
    return f"above its band in {len(above)} of {len(drawn)} buckets, {where}"


def change_view(one: Change) -> ChangeView:
    """Return one change of the system."""
    return ChangeView(
        moment_view(one.timestamp),
        Untrusted(one.service_name),
        Untrusted(one.kind),
        Untrusted(one.text),
        Untrusted(one.source),
    )
