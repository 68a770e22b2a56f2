"""A copy of an open database's folder: what kill -9 at this moment would leave behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import fluxdb
from fluxdb import DEFAULT_LIMITS, Limits


def copy_folder(source: Path, target: Path) -> None:
    """File by file while the owner writes: the snapshots first, then the log, the oldest segment first."""
    while not _copy(source, target):
        shutil.rmtree(target)


def _copy(source: Path, target: Path) -> bool:
    """False: a file went while it was at work."""
    target.mkdir()
    names = sorted(path.name for path in source.iterdir() if path.name.startswith(("snapshot-", "log-")))
    try:
        for name in sorted(names, key=lambda name: not name.startswith("snapshot-")):
            shutil.copyfile(source / name, target / name)
    except FileNotFoundError:
        return False
    return True


def open_copy(source: Path, target: Path, limits: Limits = DEFAULT_LIMITS) -> fluxdb.FluxDB:
    copy_folder(source, target)
    return fluxdb.open(target, limits=limits)
