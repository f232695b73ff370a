"""Secrets out of texts, before anything is stored or shown.

`redact_text` and `redact` are for every place that shows text of a log.
"""

from pipeline.redaction.texts import Redactor, redact, redact_text

__all__ = ["Redactor", "redact", "redact_text"]
