"""The lists of a result as CSV, a file each: for spreadsheets and scripts.

Columns have the names of ``result.json``. Texts are one line each and can be no formula; numbers
and times stay what they are; what is not known is empty. RFC 4180: CRLF, quotes where needed.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline.model import Result
from pipeline.render.figures import machine_time
from pipeline.render.untrusted import Untrusted, csv_text

SHEETS: Mapping[str, tuple[str, ...]] = {
    "findings": (
        "finding_id", "kind", "error_class", "title", "state", "confidence", "is_regression",
        "severity_number", "baseline_count", "candidate_count", "expected_count", "baseline_rate",
        "candidate_rate", "rate_ratio", "rate_ratio_lower", "rate_ratio_upper", "p_value",
        "q_value", "minimum_detectable_ratio", "first_seen", "last_seen", "is_ongoing", "onset",
        "onset_lower", "onset_upper", "services", "exception_type", "exception_message",
        "code_file_path", "code_line_number", "code_function_name", "scope_name", "template_id",
        "template",
    ),
    "endpoints": (
        "service_name", "http_request_method", "http_route", "baseline_request_count",
        "candidate_request_count", "baseline_failure_count", "candidate_failure_count",
        "rate_ratio", "rate_ratio_lower", "rate_ratio_upper", "dominant_finding_id", "is_affected",
        "source",
    ),
    "hourly": (
        "finding_id", "bucket_start", "window", "event_count", "expected_count", "lower", "upper",
        "exposure", "coverage",
    ),
    "criteria": (
        "criterion_id", "text", "metric", "threshold", "minimum_exposure", "value_now", "status",
    ),
    "sources": (
        "log_file_path", "service_name", "byte_count", "line_count", "event_count",
        "blank_line_count", "unparsed_event_count", "undecodable_byte_count", "format_names",
        "encoding", "first_timestamp", "last_timestamp", "time_zone_assumption", "error",
    ),
}  # fmt: skip
# Of a template or message more is seldom read in a cell, and it has to fit one.
_CHARACTERS = 1000


def render_csv(result: Result) -> dict[str, str]:
    """Return each sheet by the name of its file."""
    return {f"{name}.csv": _sheet(SHEETS[name], rows) for name, rows in _rows(result).items()}


def _rows(result: Result) -> dict[str, Iterable[Mapping[str, Any]]]:
    return {
        "findings": (
            {
                **_fields(one, SHEETS["findings"]),
                "services": " ".join(service.service_name for service in one.services),
                **_fields(one.code_location, SHEETS["findings"][-6:-3]),
            }
            for one in result.findings
        ),
        "endpoints": (_fields(one, SHEETS["endpoints"]) for one in result.endpoints),
        "hourly": (
            {"finding_id": one.finding_id, **_fields(point, SHEETS["hourly"][1:])}
            for one in result.findings
            for point in one.hourly
        ),
        "criteria": (_fields(one, SHEETS["criteria"]) for one in result.criteria),
        "sources": (
            {**_fields(one, SHEETS["sources"]), "format_names": " ".join(one.format_names)}
            for one in result.coverage.sources
        ),
    }


def _fields(value: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(value, name, None) for name in names}


def _sheet(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[name]) for name in columns] for row in rows)
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime):
        return machine_time(value)
    return csv_text(Untrusted(str(value)), _CHARACTERS)
