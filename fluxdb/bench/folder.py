"""The folder of a benchmark's data, and whether a sync costs anything there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
IN_MEMORY = {"tmpfs", "ramfs", "devtmpfs"}


@contextlib.contextmanager
def folder_for(chosen: Path | None) -> Iterator[Path]:
    """The folder that was chosen, which stays; or a new one in the working directory, removed at the end."""
    if chosen is not None:
        yield chosen
        return
    with tempfile.TemporaryDirectory(prefix="fluxdb-bench-", dir=".") as name:
        yield Path(name)


def memory_filesystem(folder: Path) -> str | None:
    """The name of the file system that ``folder`` is on, or will be, where that keeps its files in memory only."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    device = existing.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with contextlib.suppress(OSError):  # not Linux
        for line in MOUNTS.read_text().splitlines():
            mount, _, system = line.partition(" - ")
            if mount.split()[2] == wanted and system.split()[0] in IN_MEMORY:
                return system.split()[0]
    return None
