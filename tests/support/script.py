"""The runs that are recorded: small, with everything in them that the log and the checkpoint do. They run in a worker.

Each operation is numbered and marked in the trace when it begins and when it is acknowledged. Groups of several writes
are made by holding the sync of the group before until all have been handed in.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import fluxdb
from fluxdb.limits import KIB, Limits
from tests.support.engine import AsyncFluxDB, FluxDB, write, write_async
from tests.support.shim import Call, Rule, Shim

LIMITS = Limits(segment_bytes=64 * KIB, checkpoint_log_bytes=0, checkpoint_interval_seconds=0, tombstones_max=4)
SECTOR_BYTES = 512

# number, revision, kind, key, argument, version; revision 0 where nothing was written
Row = tuple[int, int, str, str, Any, int]


def sectors(count: int) -> str:
    """A value whose group takes exactly so many sectors: room is left for the headers of group and frame."""
    return "v" * (count * SECTOR_BYTES - 256)


# For all runs here.
ALL_KEYS = [*"abcdefghpz", *("large", "large1", "large2", "last", "first", "leader", "after", "next")]
ALL_KEYS += [f"{letter}{i}" for letter in ("t", "k", "large") for i in range(8)]
ALL_KEYS = sorted({*ALL_KEYS})


class Recorder:
    """Does operations on a database and keeps what was answered. Safe from any thread."""

    def __init__(self, shim: Shim) -> None:
        self.shim = shim
        self.rows: list[Row] = []
        self.count = 0
        self._lock = threading.Lock()

    def begin(self) -> int:
        with self._lock:
            self.count += 1
            number = self.count
        self.shim.mark(f"begin {number}")
        return number

    def end(self, number: int, kind: str, key: str, argument: Any, written: tuple[int, int] | None) -> None:
        version, revision = written or (0, 0)
        self.rows.append((number, revision, kind, key, argument, version))
        self.shim.mark(f"ack {number}")

    def do(self, db: FluxDB, kind: str, key: str, argument: Any = None, began: threading.Event | None = None) -> None:
        number = self.begin()
        if began is not None:
            began.set()
        self.end(number, kind, key, argument, write(db, kind, key, argument))

    async def do_async(self, db: AsyncFluxDB, kind: str, key: str, argument: Any = None) -> None:
        number = self.begin()
        self.end(number, kind, key, argument, await write_async(db, kind, key, argument))

    def together(self, db: FluxDB, *operations: tuple[Any, ...]) -> None:
        """Put the first in a group alone; the others, each from its own thread, in one group after it."""
        held = self.shim.hold(Call.SYNC, part="log-")
        threads = [self._start(db, operations[0])]
        held.wait()
        threads += [self._start(db, operation) for operation in operations[1:]]
        time.sleep(0.05)  # until they wait; where one comes later, there is one more group
        self._finish(held, threads)

    def checkpoint(self, db: FluxDB, *operations: tuple[Any, ...]) -> None:
        """A checkpoint, and operations while its file is being synced."""
        held = self.shim.hold(Call.SYNC, part="snapshot")
        thread = threading.Thread(target=db.checkpoint)
        thread.start()
        held.wait()
        for operation in operations:
            self.do(db, *operation)
        self._finish(held, [thread])

    def _start(self, db: FluxDB, operation: tuple[Any, ...]) -> threading.Thread:
        began = threading.Event()
        kind, key, *rest = operation
        thread = threading.Thread(target=self.do, args=(db, kind, key, *(rest or [None]), began))
        thread.start()
        began.wait()
        return thread

    def _finish(self, held: Rule, threads: list[threading.Thread]) -> None:
        held.release()
        for thread in threads:
            thread.join()
        held.drop()


def record(directory: str, trace: str, run: str) -> list[Row]:
    """Record the run of that name; what was done and answered."""
    shim = Shim()
    recorder = Recorder(shim)
    shim.begin(directory, trace)
    try:
        (drawn(int(run[6:])) if run.startswith("drawn-") else RUNS[run])(recorder, Path(directory) / "db")
    finally:
        shim.end()
    return recorder.rows


def threads(recorder: Recorder, path: Path) -> None:
    """Single writes, groups from threads, deletes and re-creation, rotation, two checkpoints, a reopening."""
    with fluxdb.open(path, limits=LIMITS) as db:
        recorder.do(db, "set", "a", {"n": 1})
        recorder.do(db, "set", "b", [1, 2, 3])
        recorder.do(db, "set", "c", None)
        recorder.together(
            db,
            ("set", "d", 1),
            ("patch", "p", {"x": 1}),
            ("patch", "p", {"y": 2}),
            ("set", "e", "\u00e9\u20ac"),
            ("patch", "a", {"m": {"k": 1}}),
            ("delete", "b"),
        )
        recorder.do(db, "set", "b", "again")
        recorder.do(db, "delete", "c")
        recorder.do(db, "delete", "missing")
        recorder.do(db, "patch", "c", {"z": None})
        recorder.do(db, "patch_remove_nulls", "a", {"n": None})
        recorder.together(
            db,
            ("delete", "d"),
            ("set", "f", "f" * 1400),
            ("set", "g", "g" * 500),
            ("patch", "p", {"x": {"deep": 1}}),
        )
        recorder.do(db, "set", "large1", sectors(50))
        recorder.do(db, "set", "large2", sectors(75))  # does not fit: opens segment 2
        recorder.do(db, "set", "large1", sectors(120 - 75 - 1))
        recorder.do(db, "set", "last", "in its segment, which is full now")
        recorder.do(db, "set", "first", sectors(4))  # opens segment 3
        recorder.do(db, "delete", "large1")
        recorder.checkpoint(db, ("set", "h", "during the checkpoint"), ("patch", "p", {"y": 3}))
        recorder.do(db, "patch", "a", {"after": "checkpoint"})
        recorder.do(db, "delete", "e")
        recorder.together(db, ("set", "leader", 1), *(("set", f"t{i}", i) for i in range(6)))
        recorder.together(db, ("set", "leader", 2), *(("delete", f"t{i}") for i in range(6)))
        recorder.do(db, "set", "t0", "again")
        recorder.do(db, "set", "large2", sectors(110))  # opens segment 4
        recorder.checkpoint(db, ("delete", "h"))
        recorder.do(db, "set", "z", 1)
    with fluxdb.open(path, limits=LIMITS) as db:
        recorder.do(db, "patch", "z", {"y": 2})


def coroutines(recorder: Recorder, path: Path) -> None:
    """Groups from an event loop, a rotation within a burst, a checkpoint while writes come."""

    async def run() -> None:
        async with fluxdb.aio.open(path, limits=LIMITS) as db:

            async def burst(*operations: tuple[Any, ...]) -> None:
                held = recorder.shim.hold(Call.SYNC, part="log-")
                tasks = [asyncio.create_task(recorder.do_async(db, *operation)) for operation in operations]
                for _ in range(3):
                    await asyncio.sleep(0.01)  # all are handed in: none of them waits before that
                held.release()
                await asyncio.gather(*tasks)
                held.drop()

            await burst(("set", "a", 1), ("patch", "p", {"x": 1}), ("patch", "p", {"y": 1}), ("set", "a", 2))
            await burst(*(("set", f"k{i}", i) for i in range(8)))
            await burst(("delete", "a"), ("set", "a", 3), ("delete", "a"), ("patch", "a", {"n": 1}), ("delete", "k1"))
            await burst(*(("set", f"large{i}", sectors(30)) for i in range(5)))
            checkpoint = asyncio.create_task(_checkpoint(db))
            await burst(*(("patch", "p", {f"m{i}": i}) for i in range(4)), ("delete", "k2"))
            await checkpoint
            await burst(("set", "after", 1), ("patch", "p", {"after": 1}), ("delete", "k3"))

    asyncio.run(run())


async def _checkpoint(db: AsyncFluxDB) -> None:
    await db.checkpoint()


def flips(recorder: Recorder, path: Path) -> None:
    """Little data in every kind of file: what bits are flipped in."""
    with fluxdb.open(path, limits=LIMITS) as db:
        recorder.do(db, "set", "a", {"n": 1})
        recorder.together(db, ("set", "b", 2), ("patch", "a", {"m": 2}), ("set", "c", "x" * 600), ("delete", "b"))
        recorder.checkpoint(db, ("set", "d", "during the checkpoint"))
        recorder.do(db, "set", "large", sectors(100))
        recorder.do(db, "set", "large", sectors(30))  # opens segment 2
        recorder.do(db, "delete", "large")
        recorder.together(db, ("set", "e", 1), ("patch", "a", {"k": 3}), ("patch", "a", {"l": [None, True]}))
        recorder.do(db, "set", "f", 1)
        recorder.together(db, ("set", "g", 1), ("patch", "a", {"i": 1}), ("patch", "a", {"j": "y" * 400}))


def retired(recorder: Recorder, path: Path) -> None:
    """As flips, but what lies before the snapshot is gone."""
    with fluxdb.open(path, limits=LIMITS) as db:
        recorder.do(db, "set", "a", {"n": 1})
        recorder.together(db, ("set", "b", 2), ("patch", "a", {"m": 2}), ("set", "c", "x" * 600), ("delete", "b"))
        recorder.do(db, "set", "large", sectors(100))
        recorder.do(db, "set", "large", sectors(20))  # opens segment 2
        recorder.do(db, "set", "d", 1)
        recorder.checkpoint(db, ("set", "e", "during the checkpoint"))
        recorder.do(db, "delete", "d")
        recorder.do(db, "set", "large", sectors(100))  # opens segment 3
        recorder.together(db, ("set", "g", 1), ("patch", "a", {"i": 1}), ("patch", "a", {"j": "y" * 400}))


def closings(recorder: Recorder, path: Path) -> None:
    """The database is closed and opened again, with nothing, something, a segment, a checkpoint in between."""
    with fluxdb.open(path, limits=LIMITS):
        pass
    with fluxdb.open(path, limits=LIMITS) as db:
        recorder.do(db, "set", "a", 1)
    with fluxdb.open(path, limits=LIMITS) as db:
        recorder.together(
            db, ("set", "b", 2), ("patch", "p", {"x": 1}), ("patch", "p", {"y": 1}), ("set", "c", sectors(5))
        )
    with fluxdb.open(path, limits=LIMITS):
        pass
    with fluxdb.open(path, limits=LIMITS) as db:
        recorder.do(db, "set", "large", sectors(100))
        recorder.do(db, "set", "large", sectors(20))  # opens segment 2
    with fluxdb.open(path, limits=LIMITS) as db:
        recorder.do(db, "delete", "a")
        recorder.checkpoint(db, ("set", "d", 4))
    with fluxdb.open(path, limits=LIMITS) as db:
        recorder.do(db, "set", "e", 5)


def drawn(seed: int) -> Callable[[Recorder, Path], None]:
    """Operations drawn by the seed, from several threads at once, with checkpoints that come by themselves."""

    def run(recorder: Recorder, path: Path) -> None:
        recorder.shim.sync_delay(300)
        limits = replace(LIMITS, checkpoint_log_bytes=96 * KIB)
        for _ in range(2):
            with fluxdb.open(path, limits=limits) as db:
                writers = [threading.Thread(target=draw, args=(recorder, db, seed * 100 + i, 25)) for i in range(5)]
                for writer in writers:
                    writer.start()
                for writer in writers:
                    writer.join()

    return run


def draw(recorder: Recorder, db: FluxDB, seed: int, count: int) -> None:
    """One thread's part of drawn()."""
    random = Random(seed)
    for number in range(count):
        key = f"k{random.randrange(8)}"
        kind = random.choice(["set", "set", "patch", "patch", "patch_remove_nulls", "delete"])
        text = "t" * random.choice([0, 10, 400, 400, 3000])
        member = random.choice("xyz")
        argument = text if random.random() < 0.1 else {member: text or None, "at": {member: number}}
        recorder.do(db, kind, key, None if kind == "delete" else argument)


RUNS: dict[str, Callable[[Recorder, Path], None]] = {
    "threads": threads,
    "coroutines": coroutines,
    "closings": closings,
    "flips": flips,
    "retired": retired,
}
