"""The effect of a checkpoint of a large database on concurrent writes."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from statistics import median
from typing import Any

import fluxdb
import fluxdb.aio
from tools.comparison import documents
from tools.comparison.builds import NO_CHECKPOINTS
from tools.comparison.figure import Measurement, Turn, summary_us
from tools.comparison.setting import Setting
from tools.comparison.writes import COROUTINES

Pairs = Iterator[tuple[str, Any]]
Work = Callable[[fluxdb.aio.FluxDB, int], Coroutine[Any, Any, int]]  # what a window is measured during


def p99_one_thread(setting: Setting) -> Measurement:
    """p99 of one thread's SETs during a checkpoint, in microseconds, against the windows between."""
    return _measure(setting, "checkpointing:windows_of_a_thread")


def p99_coroutines(setting: Setting) -> Measurement:
    """The same for 100 coroutines."""
    return _measure(setting, "checkpointing:windows_of_coroutines")


def p99_backup(setting: Setting) -> Measurement:
    """p99 of SETs of 100 coroutines during a backup, in microseconds, against the windows between."""
    return _measure(setting, "checkpointing:windows_of_backups")


def _measure(setting: Setting, function: str) -> Measurement:
    with setting.fresh("checkpoint") as parent:
        folder = parent / "db"
        shutil.copytree(setting.snapshotted(), folder)
        answer = setting.child(function, folder=str(folder), turns=setting.pick(8, 2), least=setting.pick(2_000, 100))
    windows = answer["windows"]
    turns = [Turn(window["during_p99_us"], window["without_p99_us"], window) for window in windows]
    seconds, p50, p50_without, largest, samples = (
        median(window[name] for window in windows)
        for name in ("checkpoint_seconds", "during_p50_us", "without_p50_us", "during_max_us", "during_count")
    )
    note = f"{setting.documents} documents, checkpoint {seconds:.2f} s, {samples:.0f} writes during each"
    return Measurement(turns, [f"{note}; p50 {p50:.0f} against {p50_without:.0f} us, largest {largest:.0f} us"])


# In the child.


def fewer_than(count: int) -> Callable[[int], bool]:
    return lambda written: written < count


def unfinished(task: asyncio.Task[object]) -> Callable[[int], bool]:
    return lambda _: not task.done()


def windows_of_a_thread(folder: str, turns: int, least: int) -> dict[str, Any]:
    """Alternates windows of single writes without and with a checkpoint."""
    pairs = documents.writes()
    with fluxdb.open(folder, limits=NO_CHECKPOINTS) as db:
        _write_while(db, pairs, fewer_than(least))
        windows = []
        count = least
        for _ in range(turns):
            without = _write_while(db, pairs, fewer_than(count))
            during, checkpoint_seconds = _write_during_checkpoint(db, pairs)
            count = max(least, len(during))
            windows.append(_window(without, during, checkpoint_seconds))
    return {"windows": windows}


def _write_during_checkpoint(db: fluxdb.FluxDB, pairs: Pairs) -> tuple[list[int], float]:
    done = threading.Event()
    times: list[float] = []

    def checkpoint() -> None:
        begin = time.perf_counter()
        try:
            db.checkpoint()
        finally:
            times.append(time.perf_counter() - begin)
            done.set()

    thread = threading.Thread(target=checkpoint, daemon=True)
    thread.start()
    samples = _write_while(db, pairs, lambda _: not done.is_set())
    thread.join()
    return samples, times[0]


def _write_while(db: fluxdb.FluxDB, pairs: Pairs, more: Callable[[int], bool]) -> list[int]:
    clock = time.perf_counter_ns
    samples: list[int] = []
    while more(len(samples)):
        key, value = next(pairs)
        begin = clock()
        db.set(key, value)
        samples.append(clock() - begin)
    return samples


def windows_of_coroutines(folder: str, turns: int, least: int) -> dict[str, Any]:
    """Alternates windows of 100 coroutines' writes without and with a checkpoint."""
    return asyncio.run(_windows_of_coroutines(folder, turns, least * 10, lambda db, _: db.checkpoint()))


def windows_of_backups(folder: str, turns: int, least: int) -> dict[str, Any]:
    """The same with backups, each to another folder beside the database."""
    work: Work = lambda db, turn: db.backup(f"{folder}-{turn}")  # noqa: E731
    return asyncio.run(_windows_of_coroutines(folder, turns, least * 10, work))


async def _windows_of_coroutines(folder: str, turns: int, least: int, work: Work) -> dict[str, Any]:
    pairs = documents.writes()
    async with fluxdb.aio.open(folder, limits=NO_CHECKPOINTS) as db:
        await _await_while(db, pairs, fewer_than(least))
        windows = []
        count = least
        for turn in range(turns):
            without = await _await_while(db, pairs, fewer_than(count))
            begin = time.perf_counter()
            checkpoint = asyncio.create_task(work(db, turn))
            during = await _await_while(db, pairs, unfinished(checkpoint))
            checkpoint_seconds = time.perf_counter() - begin
            await checkpoint
            count = max(least, len(during))
            windows.append(_window(without, during, checkpoint_seconds))
    return {"windows": windows}


async def _await_while(db: fluxdb.aio.FluxDB, pairs: Pairs, more: Callable[[int], bool]) -> list[int]:
    clock = time.perf_counter_ns
    samples: list[int] = []

    async def write() -> None:
        while more(len(samples)):
            key, value = next(pairs)
            begin = clock()
            await db.set(key, value)
            samples.append(clock() - begin)

    await asyncio.gather(*(write() for _ in range(COROUTINES)))
    return samples


def _window(without: list[int], during: list[int], checkpoint_seconds: float) -> dict[str, float]:
    return {
        **summary_us(without, "without"),
        **summary_us(during, "during"),
        "checkpoint_seconds": checkpoint_seconds,
    }
