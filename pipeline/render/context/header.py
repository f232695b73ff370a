"""The head of the document: windows, coverage, run."""

import json
from collections.abc import Mapping
from typing import Any

from pipeline.model import WindowFacts
from pipeline.render.context.basis import excluded, moment_view
from pipeline.render.figures import UNKNOWN, count, duration
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import WindowView


def setting(settings: Mapping[str, Any], name: str) -> str:
    """Return a setting that is a text, or nothing."""
    value = settings.get(name)
    return value if isinstance(value, str) else ""


def json_text(value: Any) -> str:  # noqa: ANN401  # a setting
    """Return a setting as it stands in `result.json`."""
    return json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)


def window_view(name: str, facts: WindowFacts, description: str) -> WindowView:
    """Return a window with its totals; what is not known of it is a dash."""
    is_known = facts.start is not None
    return WindowView(
        name=name,
        is_known=is_known,
        start=moment_view(facts.start),
        end=moment_view(facts.end),
        description=Untrusted(description),
        covered=duration(facts.covered_seconds) if is_known else UNKNOWN,
        events=count(facts.event_count) if is_known else UNKNOWN,
        errors=count(facts.error_count) if is_known else UNKNOWN,
        warnings=count(facts.warning_count) if is_known else UNKNOWN,
        requests=count(facts.request_count) if is_known else UNKNOWN,
        failed_requests=count(facts.failed_request_count) if is_known else UNKNOWN,
        excluded=[excluded(one) for one in facts.excluded],
    )


def settings_lines(settings: Mapping[str, Any]) -> list[Untrusted]:
    """Return the effective settings as name = value."""
    return [Untrusted(f"{name} = {json_text(value)}") for name, value in settings.items()]
