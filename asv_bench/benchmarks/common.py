"""Keys, values, and databases in the folder that asv provides."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from time import perf_counter_ns as clock
from typing import Any, TypeVar

import orjson

import fluxdb
import fluxdb.aio
from fluxdb.limits import Limits

T = TypeVar("T")

# Everything small, and in memory if need be: whether the benchmarks run at all.
QUICK = os.environ.get("FLUXDB_BENCH_QUICK", "") not in ("", "0")

KEYS = 100
COROUTINES = 100
THREADS = 16
IN_FLIGHT = 2_000
IN_MEMORY = frozenset({"tmpfs", "ramfs"})

# Events that must not disturb another benchmark.
NO_CHECKPOINTS = Limits(checkpoint_log_bytes=0, checkpoint_interval_seconds=0)


def size(full: int) -> int:
    """So many; in a quick run a hundredth, and not below 10."""
    return max(10, full // 100) if QUICK else full


def percentile_us(operation: Callable[[int], object], count: int, percent: int) -> float:
    """Return the time in microseconds that so many percent of ``count`` calls did not exceed; each gets its number,
    from 0.
    """
    samples = []
    for number in range(count):
        begin = clock()
        operation(number)
        samples.append(clock() - begin)
    samples.sort()
    return samples[(count - 1) * percent // 100] / 1e3


def key(number: int) -> str:
    return f"key{number:07d}"


def value(number: int) -> dict[str, Any]:
    """The payload of fluxdb-bench."""
    return {"id": number, "data": "benchmark data"}


def text_of(size: int) -> bytes:
    """A compact JSON object of about ``size`` bytes: strings, numbers and objects in it."""
    members: dict[str, Any] = {}
    text = b"{}"
    number = 0
    while len(text) < size:
        for _ in range(1 + (size - len(text)) // 90):
            name = f"member{number:06d}"
            members[name] = {"name": f"some words for {number}", "at": [number, number / 7], "active": number % 2 == 0}
            number += 1
        text = orjson.dumps(members)
    return text


def new_folder() -> str:
    """A new empty folder on a disk.

    Raises NotImplementedError, which asv takes for "skip", where it would be in memory.
    """
    here = Path.cwd()
    if not QUICK and _file_system(here) in IN_MEMORY:
        raise NotImplementedError(f"{here} is in memory: set TMPDIR to a folder on a real disk")
    return tempfile.mkdtemp(prefix="data-", dir=here)


def _file_system(folder: Path) -> str:
    best, kind = -1, "unknown"
    mounts = Path("/proc/self/mounts")
    for line in mounts.read_text().splitlines() if mounts.exists() else []:
        _, mount, its_kind, *_ = line.split()
        if folder.is_relative_to(mount) and len(mount) >= best:
            best, kind = len(mount), its_kind
    return kind


def fill(folder: str, count: int) -> None:
    """Writes ``count`` documents to the database in ``folder``, and leaves them in its log."""
    asyncio.run(_fill(folder, count))


async def _fill(folder: str, count: int) -> None:
    async with fluxdb.aio.open(folder, limits=NO_CHECKPOINTS) as db:
        for first in range(0, count, IN_FLIGHT):
            numbers = range(first, min(count, first + IN_FLIGHT))
            await asyncio.gather(*(db.set(key(number), value(number)) for number in numbers))


class SyncDatabase:
    """Setup and teardown of benchmarks on one open database, with KEYS documents in it."""

    def setup(self, *_: object) -> None:
        self.db = fluxdb.open(new_folder())
        for number in range(KEYS):
            self.db.set(key(number), value(number))
        self.number = 0

    def teardown(self, *_: object) -> None:
        self.db.close()


class AsyncDatabase:
    """The same from one event loop, which runs only while ``run`` does."""

    def setup(self, *_: object) -> None:
        self.loop = asyncio.new_event_loop()
        self.run(self._open())

    def teardown(self, *_: object) -> None:
        self.run(self.db.close())
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def _open(self) -> None:
        self.db = await fluxdb.aio.open(new_folder())
        await asyncio.gather(*(self.db.set(key(number), value(number)) for number in range(KEYS)))
