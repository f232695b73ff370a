"""Which events are the same error: the exception and its place if there is one, else the template.

The line number is left out, since it moves with every deploy, and so is the message, which carries
values. The file counts by its name only: releases and images move folders.
"""

import polars as pl

from pipeline.mining.miner import hash_texts

FINGERPRINT_VERSION = 1


def fingerprint(events: pl.DataFrame) -> pl.Series:
    """Return a fingerprint a row: exception_type, code_file_path, code_function_name, template.

    With an exception: hash of its type and the in-app function (of type and template where no frame
    of the application is known). Else the id of the template. Null where there is neither. Uses
    `template_id` when the column is there, so that ids given by a book are kept.
    """
    place = pl.when(pl.col("code_function_name").is_not_null()).then(
        pl.concat_str(
            pl.col("code_file_path").str.extract(r"([^/\\]*)$", 1).fill_null(""),
            "code_function_name",
            separator="\x1f",
        )
    )
    raised = pl.concat_str(
        pl.lit(f"exception-{FINGERPRINT_VERSION}"),
        "exception_type",
        pl.coalesce(place, pl.col("template"), pl.lit("")),
        separator="\x1f",
    )
    keys = events.select(
        raised=pl.when(pl.col("exception_type").is_not_null()).then(raised),
        template_id=pl.col("template_id")
        if "template_id" in events.columns
        else hash_texts(events["template"]),
    )
    return keys.select(
        pl.coalesce(hash_texts(keys["raised"]), pl.col("template_id")).alias("fingerprint")
    ).to_series()
