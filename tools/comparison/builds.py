"""Makes the large databases that memory, opening and replay are measured on, each in a fresh process.

``python -m tools.comparison.builds MODULE:FUNCTION JSON`` runs one function of this package and prints its answer as
one line of JSON. A fresh process has no heap of an earlier figure in its resident size.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import sys
import time
from pathlib import Path

import fluxdb
import fluxdb.aio
from fluxdb.limits import Limits
from tools.comparison import documents
from tools.comparison.figure import seconds

# Only the measured work itself: no automatic checkpoint.
NO_CHECKPOINTS = Limits(checkpoint_log_bytes=0, checkpoint_interval_seconds=0)
IN_FLIGHT = 2_000


def resident_bytes() -> int:
    """Return this process's memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def build(folder: str, count: int) -> dict[str, float]:
    """Writes a new database through asyncio; the resident growth it cost, its rate, and the log's size."""
    before = resident_bytes()
    answer = asyncio.run(_write_all(folder, count))
    answer["bytes_per_document"] = (answer.pop("resident_bytes") - before) / count
    answer["log_bytes"] = sum(file.stat().st_size for file in Path(folder).glob("log-*"))
    return answer


async def _write_all(folder: str, count: int) -> dict[str, float]:
    async with fluxdb.aio.open(folder, limits=NO_CHECKPOINTS) as db:
        begin = time.perf_counter()
        for first in range(0, count, IN_FLIGHT):
            numbers = range(first, min(count, first + IN_FLIGHT))
            await asyncio.gather(*(db.set(documents.key(number), documents.value(number)) for number in numbers))
        rate = count / (time.perf_counter() - begin)
        gc.collect()
        return {"rate_per_second": rate, "resident_bytes": resident_bytes()}


def checkpoint(folder: str) -> dict[str, float]:
    """One checkpoint of the database in ``folder``, alone."""
    with fluxdb.open(folder, limits=NO_CHECKPOINTS) as db:
        return {"seconds": seconds(db.checkpoint)}


def open_existing(folder: str) -> dict[str, float]:
    """Time of ``fluxdb.open`` alone, and the resident growth that it brings."""
    gc.collect()
    before = resident_bytes()
    begin = time.perf_counter_ns()
    db = fluxdb.open(folder, limits=NO_CHECKPOINTS)
    elapsed = (time.perf_counter_ns() - begin) / 1e9
    gc.collect()
    opened = resident_bytes()
    list(db.scan(limit=1))  # makes the index of keys
    gc.collect()
    after = resident_bytes()
    db.close()
    return {"seconds": elapsed, "resident_bytes": after - before, "index_bytes": after - opened}


def main() -> None:
    module, _, function = sys.argv[1].partition(":")
    answer = getattr(importlib.import_module(f"{__package__}.{module}"), function)(**json.loads(sys.argv[2]))
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
