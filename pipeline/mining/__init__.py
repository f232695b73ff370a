"""Bodies to templates: which events say the same thing apart from their values.

`masks` reads the named patterns of `masks.toml`, `miner` applies them to distinct strings, `book`
remembers ids between runs, `fingerprint` decides which events are the same error. A template
depends on its body alone, never on what else was read (docs/decisions/004-templates.md).
"""

from pipeline.mining.book import Alias, TemplateBook
from pipeline.mining.fingerprint import fingerprint
from pipeline.mining.masks import MASKS_VERSION
from pipeline.mining.miner import mine, renew

__all__ = ["MASKS_VERSION", "Alias", "TemplateBook", "fingerprint", "mine", "renew"]
