"""Brings a copy of the sources up to date, to build another flavour in: python -m tools.copy_sources FOLDER

Only what changed is copied, with its time of change, so that the next build there does only what is needed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tools.sources import ROOT, source_files

KEPT = {".so", ".pyc"}  # build output beside the sources


def is_current(source: Path, copy: Path) -> bool:
    if not copy.exists():
        return False
    old, new = copy.stat(), source.stat()
    return (old.st_mtime_ns, old.st_size) == (new.st_mtime_ns, new.st_size)


def main(folder: Path) -> None:
    files = source_files()
    for path in files:
        if not is_current(ROOT / path, folder / path):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)
    known = {folder / path for path in files}
    for top in ("fluxdb", "tests", "tools"):
        for path in (folder / top).rglob("*"):
            if path.is_file() and path not in known and path.suffix not in KEPT:
                path.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
