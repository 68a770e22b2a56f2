"""The system's numbers about another process. Linux only."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Numbers(NamedTuple):
    """Descriptors, threads, and bytes of private memory."""

    descriptors: int
    threads: int
    memory_bytes: int


def numbers_of(pid: int) -> Numbers:
    """The numbers of a running process."""
    folder = Path("/proc", str(pid))
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    descriptors = sum(1 for _ in (folder / "fd").iterdir())
    return Numbers(descriptors, int(status["Threads"]), int(status["RssAnon"].split()[0]) * 1024)
