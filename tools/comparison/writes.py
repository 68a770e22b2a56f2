"""Writes: alone against a bare log and SQLite, from 16 threads, from 100 coroutines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import fluxdb
import fluxdb.aio
from tools.comparison import documents
from tools.comparison.bare import BareLog
from tools.comparison.figure import Measurement, Turn
from tools.comparison.samples import percentile, summary_us
from tools.comparison.setting import Setting
from tools.comparison.sqlite import SqliteStore, syncs_per_commit
from tools.comparison.turns import alternate, each_ns, rate, seconds

THREADS = 16
COROUTINES = 100


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


def lone_rate(setting: Setting) -> Measurement:
    """One thread's SETs per second against SQLite."""
    count = setting.pick(1_000, 50)
    with _ours_and_sqlite(setting) as (db, store, notes):
        pairs = documents.writes()
        turns = alternate(
            setting.pick(10, 2),
            lambda: rate_of(db.set, documents.take(pairs, count)),
            lambda: rate_of(store.set, documents.take(pairs, count)),
        )
    return Measurement(turns, notes)


def threads_rate(setting: Setting) -> Measurement:
    """16 threads' SETs per second against SQLite with one writer."""
    count = setting.pick(1_000, 50)
    with _ours_and_sqlite(setting) as (db, store, notes):
        pairs = documents.writes()
        turns = alternate(
            setting.pick(10, 2),
            lambda: rate_of_threads(db.set, [documents.take(pairs, count) for _ in range(THREADS)]),
            lambda: rate_of(store.set, documents.take(pairs, count)),
        )
    return Measurement(turns, notes)


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


@contextmanager
def _ours_and_sqlite(setting: Setting) -> Iterator[tuple[fluxdb.FluxDB, SqliteStore, list[str]]]:
    with setting.fresh("sqlite") as folder, ExitStack() as stack:
        syncs = syncs_per_commit(folder / "traced")
        note = "not checked, strace is missing" if syncs is None else f"{syncs:g} fsync or fdatasync a commit by strace"
        db = stack.enter_context(fluxdb.open(str(folder / "ours")))
        store = stack.enter_context(closing(SqliteStore(folder / "sqlite")))
        yield db, store, [f"SQLite: {note}"]
