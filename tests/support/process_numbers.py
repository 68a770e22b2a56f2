"""What the system says that another process holds. Linux only."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Numbers(NamedTuple):
    """Descriptors, threads, and bytes of memory of its own."""

    descriptors: int
    threads: int
    memory_bytes: int


def numbers_of(pid: int) -> Numbers:
    """Of a process that runs."""
    folder = Path("/proc", str(pid))
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    descriptors = sum(1 for _ in (folder / "fd").iterdir())
    return Numbers(descriptors, int(status["Threads"]), int(status["RssAnon"].split()[0]) * 1024)
