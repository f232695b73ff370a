"""The template book: which id stands for which template, kept from one run to the next.

A changed set of masks gives the same statement another template, and so another id. A run that
reads the book of an earlier one (`renew`) gives such a template its old id, and the ledger of
aliases tells which other ids mean the same: what was counted under them can be joined.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from pipeline.mining.masks import MASKS_VERSION
from pipeline.schema import ALIASES

# renamed: what the masks of now would call a template that keeps an older id. merged: an id whose
# template is another's by now.
Reason = Literal["renamed", "merged"]


@dataclass(frozen=True, slots=True)
class Alias:
    """The id that another id stands for by now, why, and by which version of the masks."""

    template_id: str
    reason: Reason
    masks_version: int = MASKS_VERSION


class TemplateBook:
    """Templates by id, as seen so far. Not for several threads; books of parts merge with `update`.

    An id that the book holds for a template wins over the hash of its text, so ids survive a
    renamed one.
    """

    def __init__(
        self,
        templates: Mapping[str, str] | None = None,
        ledger: Mapping[str, Alias] | None = None,
        masks_version: int = MASKS_VERSION,
    ) -> None:
        self.masks_version = masks_version
        self._templates: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._ledger = dict(ledger or {})
        self.update((templates or {}).items())

    def __len__(self) -> int:
        """Count the templates."""
        return len(self._templates)

    def __contains__(self, template_id: str) -> bool:
        """Tell whether the id is known."""
        return template_id in self._templates

    @property
    def templates(self) -> Mapping[str, str]:
        """Template by id, in the order in which they came."""
        return dict(self._templates)

    @property
    def ledger(self) -> Mapping[str, Alias]:
        """What each id stands for that is no template's own any more."""
        return dict(self._ledger)

    @property
    def aliases(self) -> Mapping[str, str]:
        """The id of today by each other id that means the same."""
        return {key: alias.template_id for key, alias in self._ledger.items()}

    def current(self, template_id: str) -> str:
        """Return the id under which events of *template_id* are counted now; itself if unknown."""
        alias = self._ledger.get(template_id)
        return template_id if alias is None else alias.template_id

    def id_of(self, template: str) -> str | None:
        """Return the id under which *template* is known, null when it is not."""
        return self._ids.get(template)

    def update(self, entries: Iterable[tuple[str, str]]) -> None:
        """Take (id, template) pairs; what is known already stays as it is."""
        for template_id, template in entries:
            if template_id not in self._templates and template not in self._ids:
                self._templates[template_id] = template
                self._ids[template] = template_id

    def alias_table(self) -> pl.DataFrame:
        """Return the ledger as a table, columns `schema.ALIASES`, in order of alias_id."""
        rows = [
            (key, one.template_id, one.reason, one.masks_version)
            for key, one in sorted(self._ledger.items())
        ]
        return pl.DataFrame(rows, schema=ALIASES, orient="row")

    @classmethod
    def of_tables(cls, templates: pl.DataFrame, aliases: pl.DataFrame) -> "TemplateBook":
        """Return the book that a run wrote, its most frequent template first.

        *templates*: columns `schema.TEMPLATES`; *aliases*: columns `schema.ALIASES`.
        """
        rows = templates.sort(pl.col("event_count").neg(), "template_id", descending=False).select(
            "template_id", "template"
        )
        versions = templates["masks_version"]
        return cls(
            dict(rows.iter_rows()),
            {key: Alias(*rest) for key, *rest in aliases.iter_rows()},
            int(versions.min()) if len(versions) else MASKS_VERSION,  # type: ignore[arg-type]
        )
