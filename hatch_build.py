"""Builds the optional scanner (`pipeline/ingest/scan.c`) when the package is built or installed.

A machine without a C compiler gets a package without the scanner, which reads logs more slowly and
with the same results. So nothing here is ever an error.
"""

import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("pipeline/ingest/scan.c")
LIBRARY = Path("pipeline/ingest/_scan.so")


class ScannerHook(BuildHookInterface[Any]):
    """Compile the scanner beside its source; a wheel with it is one for this platform."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and tell the wheel of it; *version* is ``editable`` for an install in place."""
        root = Path(self.root)
        if not build_scanner(root / SOURCE, root / LIBRARY):
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["artifacts"].append(LIBRARY.as_posix())
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"


def build_scanner(source: Path, library: Path) -> bool:
    """Compile *source* to *library*; returns whether that is there now, and never raises."""
    fresh = library.with_name(f"{library.name}.{os.getpid()}")
    try:
        # What an earlier build left may not fit the source.
        library.unlink(missing_ok=True)
        command = [*_compiler(), "-O2", "-std=c99", "-shared", "-fPIC", "-o", str(fresh)]
        subprocess.run([*command, str(source)], check=True, capture_output=True, timeout=300)
        fresh.replace(library)
    except (OSError, subprocess.SubprocessError, ValueError):
        fresh.unlink(missing_ok=True)
        return False
    return True


def _compiler() -> list[str]:
    named = os.environ.get("CC")
    if named:
        return shlex.split(named)
    for name in ("cc", "gcc", "clang"):
        if found := shutil.which(name):
            return [found]
    raise OSError("no C compiler")
