"""Resident bytes per document, in a process that has opened them from a snapshot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import fluxdb
from benchmarks.common import NO_CHECKPOINTS, fill, new_folder, size

DOCUMENTS = size(200_000)

GROWTH = """
import os, sys
import fluxdb
def resident():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = resident()
db = fluxdb.open(sys.argv[1])
print(resident() - before)
db.close()
"""


class Memory:
    timeout = 300

    def setup_cache(self) -> str:
        if not Path("/proc/self/statm").exists():
            raise NotImplementedError("resident size is read from /proc")
        folder = new_folder()
        fill(folder, DOCUMENTS)
        with fluxdb.open(folder, limits=NO_CHECKPOINTS) as db:
            db.checkpoint()
        return folder

    def track_bytes_per_document(self, folder: str) -> float:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, "-c", GROWTH, folder], capture_output=True, text=True, check=True, env=environment
        )
        return int(done.stdout) / DOCUMENTS

    track_bytes_per_document.unit = "B"  # type: ignore[attr-defined]
