"""Which events are the same error: the exception and its place if there is one, else the template.

The line number is left out, since it moves with every deploy, and so is the message, which carries
values. The file counts by its name only: releases and images move folders. Of a function's name
what compilers and runtimes number or generate is left out too (`GENERATED`): it changes when an
unrelated function is added, or with every start.
"""

import polars as pl

from pipeline.mining.miner import hash_texts

FINGERPRINT_VERSION = 3

# What is generated in names, and what stands for it; applied in this order.
GENERATED = (
    # Java: lambdas, proxies, accessors, classes written at run time.
    (r"\$\$Lambda(?:\$[0-9]+)?(?:[/@]?0x[0-9a-f]+|/[0-9]+)?", "$$Lambda"),
    (r"lambda\$(\w+?)\$[0-9]+", "lambda$$${1}"),
    (r"\$\$(?:EnhancerBy\w+|FastClassBy\w+|SpringCGLIB)\$\$\w+", ""),
    (r"(\$Proxy|GeneratedMethodAccessor|GeneratedConstructorAccessor)[0-9]+", "${1}"),
    # Scala's and Kotlin's anonymous functions.
    (r"\$anonfun\$(\w+?)(?:\$[0-9]+)+", "$$anonfun$$${1}"),
    (r"(\$\w+)\$[0-9]+\.(?:invokeSuspend|invoke)\b", "${1}"),
    # .NET: state machines, closures, local functions.
    (r"<(\w*)>[a-z]__(?:(\w+)\|)?[0-9]+(?:_[0-9]+)*", "<${1}>${2}"),
    (r"<>c__DisplayClass[0-9_]+", "<>c"),
    # Go: closures are numbered, arguments are addresses.
    (r"\.func[0-9]+(?:\.[0-9]+)*", ".func"),
    (r"\(0x[0-9a-f].*\)$|\(\.\.\.\)$", ""),
    # Rust: the hash of a symbol, closures.
    (r"::h[0-9a-f]{16}$", ""),
    (r"\{\{?closure(?:#[0-9]+)?\}?\}", "{closure}"),
    # PHP and Ruby: closures name their line, anonymous classes their address.
    (r"\{closure:[^}]*\}", "{closure}"),
    (r"#<(\w+):0x[0-9a-f]+>", "#<${1}>"),
    (r"block (?:\([0-9]+ levels\) )?in ", "block in "),
    # Elixir: anonymous functions are numbered.
    (r"-fun-[0-9]+-|/[0-9]+-fun-[0-9]+", "-fun-"),
    # Python names every lambda and comprehension alike already; of nested functions, the path.
    (r"<locals>\.", ""),
    # Addresses anywhere.
    (r"0x[0-9a-f]{4,16}", "0x"),
)
# A hash that bundlers put into file names, and versions in those of packages.
_BUNDLED = (
    (r"[.-][0-9a-f]{8,32}(\.\w+)$", "${1}"),
    (r"-[0-9]+(?:\.[0-9]+)+(\.\w+)?$", "${1}"),
)


def fingerprint(events: pl.DataFrame) -> pl.Series:
    """Return a fingerprint a row: exception_type, code_file_path, code_function_name, template.

    With an exception: hash of its type and the in-app function (of type and template where no frame
    of the application is known). Else the id of the template. Null where there is neither. Uses
    `template_id` when the column is there, so that ids given by a book are kept.
    """
    names = events.select(
        "exception_type",
        type=_replaced(events["exception_type"], GENERATED),
        file=_replaced(events["code_file_path"].str.extract(r"([^/\\]*)$", 1), _BUNDLED),
        function=_replaced(events["code_function_name"], GENERATED),
    )
    # .NET prints no file without symbols, C no function outside of one: one of both will do.
    place = pl.when(pl.col("function").is_not_null() | pl.col("file").is_not_null()).then(
        pl.concat_str(
            pl.col("file").fill_null(""), pl.col("function").fill_null(""), separator="\x1f"
        )
    )
    raised = pl.concat_str(
        pl.lit(f"exception-{FINGERPRINT_VERSION}"),
        "type",
        pl.coalesce(place, pl.col("template_id"), pl.lit("")),
        separator="\x1f",
    )
    ids = (
        events["template_id"] if "template_id" in events.columns else hash_texts(events["template"])
    )
    names = names.with_columns(template_id=ids)
    keys = names.select(
        "template_id", raised=pl.when(pl.col("exception_type").is_not_null()).then(raised)
    )
    return keys.select(
        pl.coalesce(hash_texts(keys["raised"]), pl.col("template_id")).alias("fingerprint")
    ).to_series()


def _replaced(texts: pl.Series, table: tuple[tuple[str, str], ...]) -> pl.Series:
    """Apply *table* to the distinct values of *texts*."""
    distinct = texts.drop_nulls().unique()
    if distinct.is_empty():
        return texts
    named = distinct
    for pattern, replacement in table:
        named = named.str.replace_all(pattern, replacement)
    return texts.replace_strict(distinct, named, default=None, return_dtype=pl.String)
