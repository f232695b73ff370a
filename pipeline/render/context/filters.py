"""What the page can be narrowed to."""

from pipeline.render.context.basis import Basis
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import Filters
from pipeline.render.words import distinct_names

_MOST = 60  # classes of a list that is still read


def filters(basis: Basis) -> Filters:
    """Return classes, risen ones first, and the services that log any of them, with their keys."""
    names = distinct_names(basis.result.findings)
    risen = [one.finding_id for one in basis.risen]
    others = [name for name in names if name not in risen]
    logging = {at.service_name for one in basis.result.findings for at in one.services}
    logging |= {one.service_name for one in basis.result.endpoints}
    return Filters(
        classes=[(basis.class_keys[one], Untrusted(names[one])) for one in [*risen, *others]][
            :_MOST
        ],
        services=[
            (key, Untrusted(name)) for name, key in basis.service_keys.items() if name in logging
        ],
    )
