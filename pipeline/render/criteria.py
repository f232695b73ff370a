"""Success criteria as a TOML file that a person may edit and a later run can check again."""

from dataclasses import asdict

from pipeline.model import Criterion, Result
from pipeline.render.serialize import iso
from pipeline.render.untrusted import toml_string

_HEADER = """\
# Success criteria of one run: what has to hold on later logs for the incident to be over.
# `threshold` is the most that passes over `hours`, `bound` the same as a count: what `expected`,
# the model of the baseline, explains but for `chance`. Other hours are judged by the same model.
# Below `minimum_exposure` covered hours nothing is said: a fault of rate `unmended` might not show.
# `usual_activity` is per covered hour: in much quieter logs, absence proves nothing.
# Rates are per covered hour, shares are of requests. Edit, delete or add entries as you see fit: a
# `threshold` that was changed counts as it is, and needs no `expected`.
"""


def render_criteria(result: Result) -> str:
    """Return ``criteria.toml``: one ``[[criterion]]`` for each of *result*, readable by `tomllib`.

    An unknown *value_now* is left out, since TOML has no null.
    """
    window = result.windows.candidate
    head = [
        "schema_version = 1",
        f"run_id = {toml_string(result.run.run_id)}",
        *([f"start = {iso(window.start)}"] if window.start else []),
        *([f"end = {iso(window.end)}"] if window.end else []),
    ]
    entries = [_entry(criterion) for criterion in result.criteria]
    return "\n".join([_HEADER + "\n".join(head) + "\n", *entries])


def _entry(criterion: Criterion) -> str:
    scope = ", ".join(
        f"{toml_string(name)} = {toml_string(value)}" for name, value in criterion.scope.items()
    )
    lines = [
        "[[criterion]]",
        f"criterion_id = {toml_string(criterion.criterion_id)}",
        f"text = {toml_string(criterion.text)}",
        f"metric = {toml_string(criterion.metric)}",
        f"scope = {{ {scope} }}" if scope else "scope = {}",
        f"threshold = {float(criterion.threshold)!r}",
        f"minimum_exposure = {float(criterion.minimum_exposure)!r}",
    ]
    for name in ("hours", "bound", "chance", "unmended", "power"):
        value = getattr(criterion, name)
        if value is not None:
            lines.append(f"{name} = {value!r}")
    if criterion.value_now is not None:
        lines.append(f"value_now = {float(criterion.value_now)!r}")
    lines.append(f"status = {toml_string(criterion.status)}")
    if criterion.usual_activity is not None and criterion.activity_unit is not None:
        lines.append(f"usual_activity = {float(criterion.usual_activity)!r}")
        lines.append(f"activity_unit = {toml_string(criterion.activity_unit)}")
    if criterion.expected is not None:
        # By this a change of the threshold itself is noticed.
        lines.append(f"threshold_expected = {float(criterion.threshold)!r}")
        parts = [f"{key} = {float(at)!r}" for key, at in asdict(criterion.expected).items()]
        lines.append(f"expected = {{ {', '.join(parts)} }}")
    return "\n".join(lines) + "\n"
