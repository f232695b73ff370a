"""Envelopes: what a platform put around what a program wrote, peeled off line by line.

Docker's json-file is decoded as JSON; the others are patterns in
``pipeline/formats/_envelopes.toml``. Which ones a stream has is found from its sample (`detect`); a
line that the stream's own envelope does not fit is offered to the self-evident ones, and else taken
as it is: no line is lost.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import polars as pl

from pipeline.ingest.decode import decode_objects
from pipeline.ingest.timestamps import parse_rfc3339
from pipeline.schema import TIMESTAMP, Schema

JSON_FILE = "json_file"
MAX_LAYERS = 3
# Engines that stamp each chunk of a split record write chunks of 16 KiB within moments.
CHUNK_BYTES = 16_000
CHUNK_SECONDS = 1

PEELED: Schema = {
    "payload": pl.String,
    "observed_timestamp": TIMESTAMP,
    "log_iostream": pl.String,
    "container_name": pl.String,
    "pod_name": pl.String,
    "is_partial": pl.Boolean,
}

ANSI = (
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b\][^\x07\x1b]{0,2048}(?:\x07|\x1b\\)"  # titles, links
    r"|\x1b[PX^_][^\x1b]{0,2048}\x1b\\"
    r"|\x1b[ -/]*[0-Z\\^_`a-z{|}~]"
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A wrapping told by a pattern."""

    name: str
    title: str
    minimum_share: float
    regex: str
    samples: tuple[str, ...]


@cache
def load_envelopes() -> tuple[Envelope, ...]:
    """Load the shipped envelopes in priority order."""
    text = (files("pipeline") / "formats" / "_envelopes.toml").read_text(encoding="utf-8")
    return tuple(
        Envelope(**{**entry, "samples": tuple(entry["samples"])})
        for entry in tomllib.loads(text)["envelope"]
    )


def strip_ansi(text: pl.Series) -> pl.Series:
    """Remove terminal control sequences; costs one search where there are none."""
    if not text.str.contains("\x1b", literal=True).any():
        return text
    return text.str.replace_all(ANSI, "")


def peel(lines: pl.Series, layers: tuple[str, ...], raw: bytes = b"") -> pl.DataFrame:
    """Peel *layers* off *lines*, outermost first; returns columns `PEELED`, one row a line.

    A value of an outer layer stands unless an inner one says it too. `is_partial`: the record goes
    on in the next line of the same stream. A line that no envelope fits is its own payload.
    """
    stripped = strip_ansi(lines)
    if layers and layers[0] == JSON_FILE and stripped is lines and raw:
        peeled = peel_json_file(lines, raw)
        if peeled["is_fit"].all():
            result, layers = peeled.select(*PEELED), layers[1:]
        else:
            result = _bare(stripped)
    else:
        result = _bare(stripped)
    for layer in layers:
        inner = _peel_one(result["payload"], layer)
        result = pl.DataFrame(
            {
                "payload": inner["payload"],
                "is_partial": inner["is_partial"] | result["is_partial"],
                **{
                    name: _first(inner[name], result[name])
                    for name in PEELED
                    if name not in ("payload", "is_partial")
                },
            }
        ).select(*PEELED)
    return result


def _first(inner: pl.Series, outer: pl.Series) -> pl.Series:
    return inner if not inner.null_count() else inner.zip_with(inner.is_not_null(), outer)


def _bare(payload: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"payload": payload}).select(
        pl.col("payload"),
        *(
            pl.lit(False if name == "is_partial" else None, dtype).alias(name)
            for name, dtype in PEELED.items()
            if name != "payload"
        ),
    )


def _peel_one(text: pl.Series, layer: str) -> pl.DataFrame:
    """Peel the stream's own *layer*, and the self-evident ones from lines that it does not fit."""
    order = [layer, *(name for name in (JSON_FILE, "cri") if name != layer)]
    if layer in ("compose", "kubectl_prefix", "timestamped"):
        order = [layer]
    pieces: list[pl.DataFrame] = []
    rest = pl.DataFrame({"text": text}).with_row_index("row")
    for name in order:
        if rest.is_empty():
            break
        peeled = (
            peel_json_file(rest["text"]) if name == JSON_FILE else _peel_regex(rest["text"], name)
        )
        if (fits := peeled["is_fit"]).all() and not pieces:
            return peeled.select(*PEELED)
        pieces.append(peeled.with_columns(rest["row"]).filter(fits))
        rest = rest.filter(~fits)
    pieces.append(_bare(rest["text"]).with_columns(rest["row"]))
    columns = [*PEELED, "row"]
    return pl.concat([piece.select(columns) for piece in pieces]).sort("row").select(*PEELED)


def peel_json_file(text: pl.Series, raw: bytes = b"") -> pl.DataFrame:
    """Peel Docker's json-file; `is_fit` is false for rows that are no such record.

    `log` may be missing (Docker leaves it out when empty), a collector's copy may have `file`
    instead of time and stream. A record without a final newline is partial: Docker splits at 16
    KiB.
    """
    fields = decode_objects(text, ("log", "stream", "time", "file"), raw)
    is_docker = fields["time"].is_not_null() & fields["stream"].is_in(["stdout", "stderr"])
    is_copy = fields["log"].is_not_null() & fields["file"].is_not_null()
    fits = is_docker | (is_copy & fields["time"].is_null())
    log = fields["log"].fill_null("\n")
    ended = log.str.ends_with("\n")
    payload = strip_ansi(log.str.strip_suffix("\n"))
    if payload.str.contains("\r", literal=True).any():
        payload = payload.str.strip_suffix("\r")
    if payload.str.contains("\x00", literal=True).any():
        payload = payload.str.replace_all("\x00", "\u2400", literal=True)
    return pl.DataFrame(
        {
            "payload": payload,
            "observed_timestamp": parse_rfc3339(fields["time"]),
            "log_iostream": fields["stream"],
            "is_partial": ~ended & is_docker.fill_null(False),
            "is_fit": fits.fill_null(False),
        }
    ).with_columns(
        container_name=pl.lit(None, dtype=pl.String), pod_name=pl.lit(None, dtype=pl.String)
    )


def _peel_regex(text: pl.Series, name: str) -> pl.DataFrame:
    envelope = next(found for found in load_envelopes() if found.name == name)
    groups = text.str.extract_groups(envelope.regex).struct.unnest()
    fits = text.str.contains(envelope.regex)
    null = pl.Series([None], dtype=pl.String).new_from_index(0, len(text))

    def group(column: str) -> pl.Series:
        return groups[column] if column in groups.columns else null

    times = group("time")
    return pl.DataFrame(
        {
            "payload": group("body").fill_null(""),
            "observed_timestamp": parse_rfc3339(times)
            if "time" in groups.columns
            else times.cast(TIMESTAMP, strict=False),
            "log_iostream": group("log_iostream"),
            "container_name": group("container_name"),
            "pod_name": group("pod"),
            "is_partial": group("tag").str.starts_with("P").fill_null(False),
            "is_fit": fits.fill_null(False),
        }
    )


def join_partials(records: pl.DataFrame, is_head: pl.Series) -> pl.DataFrame:
    """Re-join records that the runtime split, within each stream key, without a separator.

    *records* are sorted by `key`, then order; *is_head* tells which rows begin like a record of
    their own. A json-file chunk is followed by its rest when the times are equal, or when it has 16
    KiB and the next comes within a second and does not begin a record; else it is a dangling end
    and stays alone. The joined record keeps the first's place and time and counts all lines.
    """
    if not records["is_partial"].any():
        return records
    goes_on = (
        pl.when(pl.col("has_tag"))
        .then(pl.col("is_partial"))
        .otherwise(
            pl.col("is_partial")
            & (
                (pl.col("observed_timestamp") == pl.col("observed_timestamp").shift(-1))
                | (
                    (pl.col("chunk_bytes") >= CHUNK_BYTES)
                    & (
                        pl.col("observed_timestamp").shift(-1) - pl.col("observed_timestamp")
                        <= pl.duration(seconds=CHUNK_SECONDS)
                    )
                    & ~is_head.shift(-1)
                )
            )
        )
    )
    same_key = pl.col("key") == pl.col("key").shift(1)
    starts = ~(goes_on.shift(1) & same_key).fill_null(False)
    grouped = records.with_columns(group=starts.cum_sum())
    sizes = grouped.group_by("group", maintain_order=True).len()["len"]
    if (sizes == 1).all():
        return records
    aggregated = grouped.group_by("group", maintain_order=True).agg(
        pl.col("payload").str.join(""),
        pl.col("line_count").sum(),
        pl.col("byte_end").last(),
        pl.col("is_partial").last(),
        pl.col("chunk_bytes").last(),
        (pl.col("partial_joined_count").sum() + pl.len() - 1)
        .cast(records["partial_joined_count"].dtype)
        .alias("partial_joined_count"),
        *(
            pl.col(name).first()
            for name in records.columns
            if name
            not in (
                "payload", "line_count", "byte_end", "is_partial", "chunk_bytes",
                "partial_joined_count",
            )
        ),
    )  # fmt: skip
    return aggregated.select(records.columns)
