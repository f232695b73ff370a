"""Names and types of every column that stages hand to each other: the only place that spells them.

Timestamps are UTC microseconds. Missing is null, never "" or 0. `docs/columns.md` tells
what each column means; SQL, Python and the report use the same names.
"""

import polars as pl

Schema = dict[str, pl.DataType | type[pl.DataType]]
TIMESTAMP = pl.Datetime("us", "UTC")

# Lies in every folder that a run wrote: such folders are no logs.
OUTPUT_MARKER = ".aftershock"

INFO_SEVERITY = 9
WARN_SEVERITY = 13
ERROR_SEVERITY = 17
FATAL_SEVERITY = 21

EVENTS: Schema = {
    "timestamp": TIMESTAMP,
    "observed_timestamp": TIMESTAMP,
    "time_source": pl.String,
    "time_flags": pl.List(pl.String),
    "severity_number": pl.Int8,
    "severity_text": pl.String,
    "is_severity_inferred": pl.Boolean,
    "body": pl.String,
    "service_name": pl.String,
    "container_name": pl.String,
    "container_id": pl.String,
    "log_iostream": pl.String,
    "scope_name": pl.String,
    "trace_id": pl.String,
    "span_id": pl.String,
    "request_id": pl.String,
    "exception_type": pl.String,
    "exception_message": pl.String,
    "exception_stacktrace": pl.String,
    "exception_chain": pl.List(pl.String),
    "code_file_path": pl.String,
    "code_line_number": pl.Int32,
    "code_function_name": pl.String,
    "http_request_method": pl.String,
    "url_path": pl.String,
    "http_route": pl.String,
    "http_response_status_code": pl.Int16,
    "duration_ms": pl.Float64,
    "attributes": pl.Map(pl.String, pl.String),
    "template_id": pl.String,
    "template": pl.String,
    "fingerprint": pl.String,
    "error_class": pl.String,
    "format_name": pl.String,
    "log_file_path": pl.String,
    "line_number": pl.Int64,
    "line_count": pl.Int32,
    "byte_offset": pl.Int64,
    "byte_length": pl.Int64,
}

ROLLUP: Schema = {
    "bucket_start": TIMESTAMP,
    "service_name": pl.String,
    "container_name": pl.String,
    "log_iostream": pl.String,
    "severity_number": pl.Int8,
    "http_request_method": pl.String,
    "http_route": pl.String,
    "http_response_status_code": pl.Int16,
    "event_count": pl.Int64,
    "first_timestamp": TIMESTAMP,
    "last_timestamp": TIMESTAMP,
}

# One row per (minute, service): what coverage and exposure are worked out from. The hourly rollup
# is too coarse for windows of minutes, and a minute rollup with routes too fine to keep.
MINUTES: Schema = {
    "bucket_start": TIMESTAMP,
    "service_name": pl.String,
    "event_count": pl.Int64,
    "error_count": pl.Int64,
    "warning_count": pl.Int64,
    "request_count": pl.Int64,
    "failed_request_count": pl.Int64,
    "first_timestamp": TIMESTAMP,
    "last_timestamp": TIMESTAMP,
}

# Durations of requests that were drawn from all, by hour, endpoint and class of length: class n is
# from 2 ** (n / 8) ms on.
LATENCIES: Schema = {
    "bucket_start": TIMESTAMP,
    "service_name": pl.String,
    "http_request_method": pl.String,
    "http_route": pl.String,
    "duration_class": pl.Int16,
    "sample_count": pl.Int64,
    "request_weight": pl.Int64,
    "first_timestamp": TIMESTAMP,
    "last_timestamp": TIMESTAMP,
}

# The template book: what a later run needs to give the same statement the same id.
TEMPLATES: Schema = {
    "template_id": pl.String,
    "template": pl.String,
    "masks_version": pl.Int64,
    "event_count": pl.Int64,
    "first_seen": TIMESTAMP,
    "last_seen": TIMESTAMP,
    "body": pl.String,
}

ALIASES: Schema = {
    "alias_id": pl.String,
    "template_id": pl.String,
    "reason": pl.String,
    "masks_version": pl.Int64,
}

# Ordinary lines that were looked for afterwards, by minute.
CALM: Schema = {
    "origin": pl.String,
    "service_name": pl.String,
    "template_id": pl.String,
    "bucket_start": TIMESTAMP,
    "severity_number": pl.Int8,
    "event_count": pl.Int64,
    "first_timestamp": TIMESTAMP,
}

# Lines that tell of a change of the system (`pipeline/changes`), and changes that the user named.
CHANGES: Schema = {
    "origin": pl.String,
    "timestamp": TIMESTAMP,
    "time_source": pl.String,
    "service_name": pl.String,
    "container_name": pl.String,
    "log_iostream": pl.String,
    "kind": pl.String,
    "sign": pl.String,
    "product": pl.String,
    "subject": pl.String,
    "version": pl.String,
    "previous": pl.String,
    "text": pl.String,
    "event_count": pl.Int64,
    "is_given": pl.Boolean,
    "log_file_path": pl.String,
    "line_number": pl.Int64,
    "byte_offset": pl.Int64,
    "byte_length": pl.Int64,
}

# What a user captured beside the logs: a row a file, and a row a measure of a record in it.
FACTS: Schema = {
    "file_name": pl.String,
    "sha256": pl.String,
    "byte_count": pl.Int64,
    "kind": pl.String,
    "answers": pl.List(pl.String),
    "record_count": pl.Int64,
    "captured_at": TIMESTAMP,
    "captured_after": TIMESTAMP,
    "time_origin": pl.String,
    "problem": pl.String,
    "notes": pl.List(pl.String),
    "excerpt": pl.String,
}

MEASURES: Schema = {
    "file_name": pl.String,
    "record_number": pl.Int64,
    "shape": pl.String,
    "subject": pl.String,
    "component": pl.String,
    "measure": pl.String,
    "number": pl.Float64,
    "text": pl.String,
}

# Events of a sample of traces, ordinary ones too: what the order and the gaps of steps are worked
# out from. `statement` is the place in the code or the template, with names of services masked.
TRACED: Schema = {
    "origin": pl.String,
    "timestamp": TIMESTAMP,
    "service_name": pl.String,
    "trace_id": pl.String,
    "span_id": pl.String,
    "severity_number": pl.Int8,
    "statement": pl.String,
    "log_file_path": pl.String,
    "line_number": pl.Int64,
}

LEDGER: Schema = {
    "log_file_path": pl.String,
    "service_name": pl.String,
    "byte_count": pl.Int64,
    "line_count": pl.Int64,
    "event_count": pl.Int64,
    "event_line_count": pl.Int64,
    "blank_line_count": pl.Int64,
    "unparsed_event_count": pl.Int64,
    "undecodable_byte_count": pl.Int64,
    "format_names": pl.List(pl.String),
    "encoding": pl.String,
    "first_timestamp": TIMESTAMP,
    "last_timestamp": TIMESTAMP,
    "time_zone_assumption": pl.String,
    "time_notes": pl.List(
        pl.Struct({"kind": pl.String, "event_count": pl.Int64, "text": pl.String})
    ),
    "partial_joined_count": pl.Int64,
    "sha256_head": pl.String,
    "error": pl.String,
    "truncated_line_count": pl.Int64,
    "nul_byte_count": pl.Int64,
    "is_reversed": pl.Boolean,
    "notes": pl.List(pl.String),
    "redactions": pl.List(pl.Struct({"kind": pl.String, "event_count": pl.Int64})),
}
