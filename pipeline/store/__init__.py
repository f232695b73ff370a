"""What a run leaves: its output folder, all or nothing, and the store that runs add to.

`output` is the folder of one run (`-o`). The store (`--store`) is kept from run to run: `layout`
says what is in it, `manifest` what of it counts, `folder` reads and adds to it, `upkeep` verifies,
prunes and compacts it, `lock` keeps two runs apart.
"""

from pipeline.store.folder import (
    Batch,
    Store,
    claim_folder,
    create_store,
    is_store,
    open_store,
    writing,
)
from pipeline.store.lock import locked
from pipeline.store.manifest import Manifest, Part
from pipeline.store.output import (
    ALIASES,
    CALM,
    CAPTURED,
    DOCUMENTS,
    EVENTS_FOLDER,
    EVIDENCE,
    MARKER,
    TABLES,
    TEMPLATES,
    TRACED,
    WINDOWS,
    RunFiles,
    Staging,
    is_run,
    read_table,
    run_files,
    staged,
    write_documents,
    write_table,
)

__all__ = [
    "ALIASES",
    "CALM",
    "CAPTURED",
    "DOCUMENTS",
    "EVENTS_FOLDER",
    "EVIDENCE",
    "MARKER",
    "TABLES",
    "TEMPLATES",
    "TRACED",
    "WINDOWS",
    "Batch",
    "Manifest",
    "Part",
    "RunFiles",
    "Staging",
    "Store",
    "claim_folder",
    "create_store",
    "is_run",
    "is_store",
    "locked",
    "open_store",
    "read_table",
    "run_files",
    "staged",
    "write_documents",
    "write_table",
    "writing",
]
