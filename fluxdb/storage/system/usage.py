"""Use of the machine by an open database: time, memory, disk."""

from __future__ import annotations

import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_BLOCK_BYTES = 512  # of st_blocks, whatever the file system's block size
_STATM = Path("/proc/self/statm")


class Usage:
    """Usage from the opening on. The folder is measured when ``measure`` is called, not when somebody asks: a disk that
    hangs must not hold up INFO."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._opened_at = time.monotonic()
        self._disk_bytes = 0
        self.measure()

    def measure(self) -> None:
        """Measure after a file was made or removed. An unreadable folder leaves the figure unchanged."""
        with suppress(OSError):
            self._disk_bytes = folder_bytes(self._directory)

    def members(self) -> dict[str, int]:
        """Return, for INFO, the bytes of the folder's files, this process's memory, and the seconds since opening."""
        return {
            "disk_bytes": self._disk_bytes,
            "memory_bytes": memory_bytes(),
            "uptime_seconds": int(time.monotonic() - self._opened_at),
        }


def ordinary_first(known: dict[str, Any], taken: dict[str, int]) -> dict[str, Any]:
    """Order INFO for people: what is stored, what it takes, then everything else."""
    stored = {name: known[name] for name in ("path", "keys", "revision", "data_bytes")}
    return {**stored, **taken, **known}


def folder_bytes(directory: Path) -> int:
    """Return what the files in ``directory`` take on disk; preallocated ones count in full. Raises OSError."""
    total = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # removed meanwhile
                total += entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
    return total


def memory_bytes() -> int:
    """Return this process's resident memory; if the system does not report it (macOS), its peak."""
    try:
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError, ValueError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
