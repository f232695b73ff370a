"""Secrets out of texts, before anything is stored or shown.

`redact_text` and `redact` are for every place that shows text of a log; `redact_events` and its
like take whole tables and values. What is a secret is data: `rules.toml`.
"""

from pipeline.redaction.tables import COUNTED, redact_columns, redact_events, redact_fields
from pipeline.redaction.texts import Redactor, find_secrets, redact, redact_lines, redact_text

__all__ = [
    "COUNTED",
    "Redactor",
    "find_secrets",
    "redact",
    "redact_columns",
    "redact_events",
    "redact_fields",
    "redact_lines",
    "redact_text",
]
