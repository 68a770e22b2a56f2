"""Writes in this process: one thread and 100 coroutines, alone against a bare log, and MIXED against SET.

MIXED is SET, GET, PATCH, DELETE in turn over 100 keys. The bare log is the least that a durable write can be: pwrite
and fdatasync on a file allocated ahead.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, closing
from pathlib import Path
from time import perf_counter_ns as clock
from typing import Any

import fluxdb
import fluxdb.aio
from tools.comparison import documents
from tools.comparison.documents import RECORD_BYTES
from tools.comparison.figure import Measurement, Turn, alternate, each_ns, percentile, rate, seconds, summary_us
from tools.comparison.setting import Setting

THREADS = 16
COROUTINES = 100
MIXED_KEYS = 100
MIXED_TURNS = 10
MIXED_NOTE = "both sides are ours; all four operations of MIXED count alike"


class BareLog:
    """Records at consecutive offsets of one file. It starts over at its beginning where the file is full."""

    def __init__(self, folder: Path, *, size: int = 16 * 2**20, record_bytes: int = RECORD_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(folder / "bare.log", os.O_RDWR | os.O_CREAT, 0o600)
        os.posix_fallocate(self._descriptor, 0, size)
        os.fsync(self._descriptor)
        self._size = size
        self._offset = 0
        self._record = os.urandom(record_bytes)

    def write(self) -> None:
        os.pwrite(self._descriptor, self._record, self._offset)
        os.fdatasync(self._descriptor)
        self._offset += len(self._record)
        if self._offset + len(self._record) > self._size:
            self._offset = 0

    def write_many(self, count: int) -> None:
        for _ in range(count):
            self.write()

    def close(self) -> None:
        os.close(self._descriptor)


def lone_p50(setting: Setting) -> Measurement:
    """p50 of one thread's SET, in microseconds, against a bare pwrite and fdatasync."""
    count = setting.pick(2_000, 100)
    detail: dict[str, float] = {}

    def p50(prefix: str, samples: list[int]) -> float:
        detail.update(summary_us(samples, prefix))
        return percentile(sorted(samples), 50) / 1e3

    with setting.fresh("lone") as folder, ExitStack() as stack:
        db = stack.enter_context(fluxdb.open(str(folder / "ours")))
        bare = stack.enter_context(closing(BareLog(folder / "bare")))
        pairs = documents.writes()
        turns = alternate(
            setting.pick(12, 2),
            lambda: p50("ours", each_ns(db.set, documents.take(pairs, count))),
            lambda: p50("other", each_ns(bare.write, [()] * count)),
            lambda: dict(detail),
        )
    return Measurement(turns, [f"{count} writes a turn", _p99_note(turns)])


def _p99_note(turns: list[Turn]) -> str:
    ours, other = (sorted(turn.detail[f"{side}_p99_us"] for turn in turns) for side in ("ours", "other"))
    return f"p99: ours {ours[len(ours) // 2]:.0f} us, bare {other[len(other) // 2]:.0f} us (medians of the turns')"


def coroutines_rate(setting: Setting) -> Measurement:
    """100 coroutines' SETs per second against the bare one-at-a-time rate."""
    with setting.fresh("coroutines") as folder, closing(BareLog(folder / "bare")) as bare:
        return asyncio.run(_coroutines_rate(setting, folder / "ours", bare))


async def _coroutines_rate(setting: Setting, folder: Path, bare: BareLog) -> Measurement:
    each = setting.pick(400, 20)
    count = setting.pick(2_000, 100)
    turns = []
    async with fluxdb.aio.open(str(folder)) as db:
        pairs = documents.writes()
        for _ in range(setting.pick(11, 3)):
            lists = [documents.take(pairs, each) for _ in range(COROUTINES)]
            ours = await rate_of_coroutines(db, lists)
            turns.append(Turn(ours, rate(count, lambda: bare.write_many(count))))
    return Measurement(turns[1:], ["the plain asyncio loop"])


async def rate_of_coroutines(db: fluxdb.aio.FluxDB, lists: list[list[tuple[str, Any]]]) -> float:
    async def write_list(pairs: list[tuple[str, Any]]) -> None:
        for key, value in pairs:
            await db.set(key, value)

    loop = asyncio.get_running_loop()
    begin = loop.time()
    await asyncio.gather(*map(write_list, lists))
    return sum(map(len, lists)) / (loop.time() - begin)


def rate_of(write: Any, pairs: list[tuple[str, Any]]) -> float:
    return rate(len(pairs), lambda: _write_all(write, pairs))


def _write_all(write: Any, pairs: list[tuple[str, Any]]) -> None:
    for key, value in pairs:
        write(key, value)


def rate_of_threads(write: Any, lists: list[list[tuple[str, Any]]]) -> float:
    """All threads stand ready before the clock starts."""
    barrier = threading.Barrier(len(lists) + 1)

    def run(pairs: list[tuple[str, Any]]) -> None:
        barrier.wait()
        _write_all(write, pairs)

    threads = [threading.Thread(target=run, args=(pairs,), daemon=True) for pairs in lists]
    for thread in threads:
        thread.start()

    def release_and_join() -> None:
        barrier.wait()
        for thread in threads:
            thread.join()

    return sum(map(len, lists)) / seconds(release_and_join)


def mixed_p99_one_thread(setting: Setting) -> Measurement:
    """In microseconds."""
    count = setting.pick(4_000, 200)
    with setting.fresh("mixed") as folder, fluxdb.open(str(folder)) as db:
        sets: list[Callable[[str, Any], object]] = [db.set]
        mixed: list[Callable[[str, Any], object]]
        mixed = [db.set, lambda key, _: db.get(key), db.patch, lambda key, _: db.delete(key)]
        _times(sets, count // 4)
        turns = [_turn(_times(mixed, count), _times(sets, count)) for _ in range(setting.pick(MIXED_TURNS, 2))]
    return Measurement(turns, [f"{count} operations a turn", MIXED_NOTE])


def _times(operations: list[Callable[[str, Any], object]], count: int) -> list[int]:
    samples = []
    for number, operation in zip(range(count), itertools.cycle(operations), strict=False):
        key, value = documents.key(number // len(operations) % MIXED_KEYS), documents.value(number)
        begin = clock()
        operation(key, value)
        samples.append(clock() - begin)
    return samples


def mixed_p99_coroutines(setting: Setting) -> Measurement:
    """In microseconds."""
    with setting.fresh("mixed") as folder:
        return asyncio.run(_mixed_p99_coroutines(setting, str(folder)))


async def _mixed_p99_coroutines(setting: Setting, folder: str) -> Measurement:
    each = setting.pick(400, 20)
    async with fluxdb.aio.open(folder) as db:
        sets: list[Callable[[str, Any], Coroutine[Any, Any, object]]] = [db.set]
        mixed: list[Callable[[str, Any], Coroutine[Any, Any, object]]]
        mixed = [db.set, lambda key, _: db.get(key), db.patch, lambda key, _: db.delete(key)]
        await _times_of_all(sets, each)
        turns = [
            _turn(await _times_of_all(mixed, each), await _times_of_all(sets, each))
            for _ in range(setting.pick(MIXED_TURNS, 2))
        ]
    return Measurement(turns, [f"{each} operations a coroutine and turn", MIXED_NOTE])


async def _times_of_all(operations: list[Callable[[str, Any], Coroutine[Any, Any, object]]], each: int) -> list[int]:
    samples: list[int] = []

    async def run(coroutine: int) -> None:
        for number, operation in zip(range(each), itertools.cycle(operations), strict=False):
            key, value = documents.key(coroutine % MIXED_KEYS), documents.value(number)
            begin = clock()
            await operation(key, value)
            samples.append(clock() - begin)

    await asyncio.gather(*map(run, range(COROUTINES)))
    return samples


def _turn(mixed: list[int], sets: list[int]) -> Turn:
    detail = {**summary_us(mixed, "mixed"), **summary_us(sets, "set")}
    return Turn(detail["mixed_p99_us"], detail["set_p99_us"], detail)
