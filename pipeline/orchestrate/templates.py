"""The template book of a run: read from an earlier one, counted while reading, written for the next
(`docs/columns.md`, `docs/decisions/004-templates.md`).
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from pipeline import store
from pipeline.errors import UsageError
from pipeline.mining import MASKS_VERSION, TemplateBook, mine, renew
from pipeline.model import Settings
from pipeline.schema import ALIASES, TEMPLATES, Schema

# The head of a body tells its template as the whole does, dumps apart: those have none in the book.
BODY_CHARACTERS = 2000
# Of text that is no log every line may have a template of its own: the most frequent are kept.
MAX_TEMPLATES = 100_000
_MERGE_ROWS = 200_000
_HINT = "name the output folder of an earlier run"


@dataclass(slots=True)
class Book:
    """What is known of templates: those of *former* runs, as today's masks have them, and of this.

    *book* gives ids; it is empty when nothing was read, and each id is then the template's hash.
    """

    former: pl.DataFrame
    book: TemplateBook | None = None
    _parts: list[pl.DataFrame] = field(default_factory=list)
    _rows: int = 0

    def add(self, events: pl.DataFrame) -> None:
        """Count the templates of *events*, columns `schema.EVENTS`."""
        first_line = pl.col("body").str.strip_chars_start().str.splitn("\n", 2).struct[0]
        part = (
            events.lazy()
            .filter(pl.col("template_id").is_not_null())
            .group_by("template_id")
            .agg(
                pl.col("template").first(),
                event_count=pl.len().cast(pl.Int64),
                first_seen=pl.col("timestamp").min(),
                last_seen=pl.col("timestamp").max(),
                body=first_line.str.head(BODY_CHARACTERS).min(),
            )
            .collect()
        )
        self._parts.append(part)
        self._rows += part.height
        if self._rows > _MERGE_ROWS:
            self._parts = [self._seen()]
            self._rows = self._parts[0].height // 2

    def _seen(self) -> pl.DataFrame:
        schema = {name: kind for name, kind in TEMPLATES.items() if name != "masks_version"}
        empty = pl.DataFrame(schema=schema)
        return _merged([part.select(empty.columns) for part in [empty, *self._parts]])

    def table(self) -> pl.DataFrame:
        """Return all templates, columns `schema.TEMPLATES`, in order of their ids.

        *event_count* is of this run, 0 for what only former ones saw; the times are of all. A body
        is that of the least text, so that it does not depend on the order of reading.
        """
        seen = self._seen()
        seen = seen.with_columns(
            # A head whose template is another would mislead the masks to come.
            body=pl.when(mine(seen["body"])["template"] == seen["template"]).then("body")
        )
        former = self.former.select(seen.columns).with_columns(event_count=pl.lit(0, pl.Int64))
        both = _merged([seen, former]).with_columns(masks_version=pl.lit(MASKS_VERSION, pl.Int64))
        return both.select(list(TEMPLATES)).sort("template_id")

    def write(self, staging: store.Staging) -> pl.DataFrame:
        """Write both tables to *staging*; return that of the aliases."""
        aliases = (self.book or TemplateBook()).alias_table()
        staging.write_table(store.TEMPLATES, self.table())
        staging.write_table(store.ALIASES, aliases)
        return aliases


def _merged(parts: list[pl.DataFrame]) -> pl.DataFrame:
    merged = (
        pl.concat(parts)
        .group_by("template_id")
        .agg(
            pl.col("template").first(),
            pl.col("event_count").sum(),
            pl.col("first_seen").min(),
            pl.col("last_seen").max(),
            pl.col("body").min(),
        )
        .select(parts[0].columns)
    )
    if merged.height <= MAX_TEMPLATES:
        return merged
    return merged.sort(pl.col("event_count").neg(), "template_id").head(MAX_TEMPLATES)


def open_book(settings: Settings) -> Book:
    """Return the book that *settings* name, renewed, or an empty one.

    Raises `UsageError` when there is none at that place.
    """
    if settings.templates is None:
        return Book(pl.DataFrame(schema=TEMPLATES))
    folder = Path(settings.templates)
    if folder.name == f"{store.TEMPLATES}.parquet":
        folder = folder.parent
    former = _read(folder / f"{store.TEMPLATES}.parquet", TEMPLATES)
    return book_of_tables(former, _read(folder / f"{store.ALIASES}.parquet", ALIASES))


def book_of_tables(former: pl.DataFrame, aliases: pl.DataFrame) -> Book:
    """Return the book that an earlier run wrote as two tables, renewed."""
    # One row an id and one an alias, whoever wrote the file.
    aliases = aliases.unique("alias_id", keep="first")
    book = TemplateBook.of_tables(former, aliases)
    bodies = dict(former.drop_nulls("body").select("template_id", "body").iter_rows())
    renewed = renew(book, bodies)
    names = pl.DataFrame(
        list(renewed.templates.items()),
        schema={"template_id": pl.String, "template": pl.String},
        orient="row",
    )
    known = former.with_columns(
        template_id=pl.col("template_id").replace(dict(renewed.aliases))
    ).drop("template").join(names, on="template_id")  # fmt: skip
    return Book(known.select(list(TEMPLATES)), renewed)


def book_of(run: Path, settings: Settings | None = None) -> Book:
    """Return the book that the *run* in a folder left, unless *settings* name another; an empty one
    where it left none.
    """
    settings = settings or Settings()
    if settings.templates is None and (run / f"{store.TEMPLATES}.parquet").is_file():
        settings = replace(settings, templates=str(run))
    return open_book(settings)


def _read(path: Path, schema: Schema) -> pl.DataFrame:
    try:
        table = pl.read_parquet(path, columns=list(schema), glob=False)
        return table.select(pl.col(key).cast(kind) for key, kind in schema.items()).head(
            MAX_TEMPLATES
        )
    except FileNotFoundError as error:
        raise UsageError(f"there is no template book in {path.parent}", hint=_HINT) from error
    except (PolarsError, OSError) as error:
        raise UsageError(f"{path} is no template book", hint=_HINT) from error
