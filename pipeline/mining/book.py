"""The template book: which id stands for which template, kept between runs as JSON lines."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.mining.masks import MASKS_VERSION


class TemplateBook:
    """Templates by id, as seen so far. Not for several threads; books of parts merge with `update`.

    An id that the book holds for a template wins over the hash of its text, so ids survive a
    renamed one.
    """

    def __init__(self, templates: Mapping[str, str] | None = None) -> None:
        self._templates: dict[str, str] = {}
        self._ids: dict[str, str] = {}
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
        """Write a JSON object a line: template_id, template, masks_version; sorted by id."""
        lines = [
            json.dumps({"template_id": key, "template": text, "masks_version": MASKS_VERSION})
            for key, text in sorted(self._templates.items())
        ]
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "TemplateBook":
        """Read what `save` wrote."""
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        return cls({row["template_id"]: row["template"] for row in rows})
