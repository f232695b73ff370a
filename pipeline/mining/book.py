"""The template book: which id stands for which template, kept between runs as JSON lines.

Its ledger of aliases tells what became of ids of an earlier set of masks (`miner.renew` fills it),
so that what was counted under an old id can be joined with what is counted now.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.mining.masks import MASKS_VERSION


class TemplateBook:
    """Templates by id, as seen so far. Not for several threads; books of parts merge with `update`.

    An id that the book holds for a template wins over the hash of its text, so ids survive a
    renamed one.
    """

    def __init__(
        self,
        templates: Mapping[str, str] | None = None,
        aliases: Mapping[str, str] | None = None,
        masks_version: int = MASKS_VERSION,
    ) -> None:
        self.masks_version = masks_version
        self._templates: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._aliases = dict(aliases or {})
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
    def aliases(self) -> Mapping[str, str]:
        """The id of today by each id of earlier masks."""
        return dict(self._aliases)

    def current(self, template_id: str) -> str:
        """Return the id under which events of *template_id* are counted now; itself if unknown."""
        return self._aliases.get(template_id, template_id)

    def id_of(self, template: str) -> str | None:
        """Return the id under which *template* is known, null when it is not."""
        return self._ids.get(template)

    def update(self, entries: Iterable[tuple[str, str]]) -> None:
        """Take (id, template) pairs; what is known already stays as it is."""
        for template_id, template in entries:
            if template_id not in self._templates and template not in self._ids:
                self._templates[template_id] = template
                self._ids[template] = template_id

    def save(self, path: Path) -> None:
        """Write a JSON object a line, sorted by id: templates, then aliases (`alias_of` is set)."""
        rows: list[dict[str, str | int]] = [
            {"template_id": key, "template": text, "masks_version": self.masks_version}
            for key, text in sorted(self._templates.items())
        ]
        rows += [
            {"template_id": old, "alias_of": new} for old, new in sorted(self._aliases.items())
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "TemplateBook":
        """Read what `save` wrote; a book of other masks says so in `masks_version`."""
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        versions = [row["masks_version"] for row in rows if "masks_version" in row]
        return cls(
            {row["template_id"]: row["template"] for row in rows if "template" in row},
            {row["template_id"]: row["alias_of"] for row in rows if "alias_of" in row},
            max(versions, default=MASKS_VERSION),
        )
