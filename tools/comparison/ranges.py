"""Reads of many documents in key order, in process against LMDB's cursor, over the network against Redis."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from statistics import median

import orjson

import fluxdb
from tools.comparison import documents
from tools.comparison.embedded import LmdbStore
from tools.comparison.figure import Measurement, Turn, alternate, rate
from tools.comparison.servers import Redis, fluxdb_server
from tools.comparison.setting import Setting

RANGE = 100
BATCH = 1_000


def scan_rate(setting: Setting) -> Measurement:
    """Thousands of documents per second, parsed, of a full scan."""
    return _full(setting, lambda db: _count(db.scan()), _parse_all)


def keys_rate(setting: Setting) -> Measurement:
    """Thousands of keys per second."""
    return _full(setting, lambda db: _count(db.keys()), lambda store: _count(store.keys_from("")))


def _count(found: Iterable[object]) -> int:
    return sum(1 for _ in found)


def _parse_all(store: LmdbStore) -> int:
    loads = orjson.loads
    count = 0
    for _, text in store.items_from(""):
        loads(text)
        count += 1
    return count


def _full(setting: Setting, ours: Callable[[fluxdb.FluxDB], int], other: Callable[[LmdbStore], int]) -> Measurement:
    count = setting.pick(200_000, 2_000)
    with _both(setting, count) as (db, store):
        if (ours(db), other(store)) != (count, count):
            raise RuntimeError("the two sides don't read as many documents")
        turns = alternate(
            setting.pick(9, 2),
            lambda: rate(count, lambda: ours(db)) / 1e3,
            lambda: rate(count, lambda: other(store)) / 1e3,
        )
    return Measurement(turns, [f"{count} documents in one pass; {LmdbStore.note}"])


def range_time(setting: Setting) -> Measurement:
    """Microseconds to read 100 documents, parsed, from a random place on: the median."""
    count, calls = setting.pick(200_000, 2_000), setting.pick(2_000, 50)

    def ours(db: fluxdb.FluxDB, start: str) -> int:
        return _count(db.scan(start=start, limit=RANGE))

    def other(store: LmdbStore, start: str) -> int:
        loads = orjson.loads
        found = zip(range(RANGE), store.items_from(start), strict=False)
        return _count(map(loads, (text for _, (_, text) in found)))

    with _both(setting, count) as (db, store):
        starts = [documents.key(random.randrange(count - RANGE)) for _ in range(calls)]
        if {ours(db, starts[0]), other(store, starts[0])} != {RANGE}:
            raise RuntimeError("the two sides don't read as many documents")
        turns = alternate(
            setting.pick(9, 2),
            lambda: _median_us(lambda start: ours(db, start), starts),
            lambda: _median_us(lambda start: other(store, start), starts),
        )
    return Measurement(turns, [f"{count} documents, {calls} ranges a turn; {LmdbStore.note}"])


def _median_us(read: Callable[[str], object], starts: list[str]) -> float:
    clock = time.perf_counter_ns
    samples = []
    for start in starts:
        begin = clock()
        read(start)
        samples.append(clock() - begin)
    return median(samples) / 1e3


@contextmanager
def _both(setting: Setting, count: int) -> Iterator[tuple[fluxdb.FluxDB, LmdbStore]]:
    with setting.fresh("ranges") as folder, ExitStack() as stack:
        db = stack.enter_context(fluxdb.open(str(folder / "ours")))
        store = stack.enter_context(closing(LmdbStore(folder / "other")))
        fill(db, count)
        store.set_many((documents.key(number), documents.value(number)) for number in range(count))
        yield db, store


def fill(db: fluxdb.FluxDB, count: int) -> None:
    """In batches."""
    for first in range(0, count, BATCH):
        batch = db.batch()
        for number in range(first, min(count, first + BATCH)):
            batch.set(documents.key(number), documents.value(number))
        batch.commit()


def network_range_time(setting: Setting) -> Measurement:
    """Ranges of 100 documents per second over one connection, against Redis: ZRANGEBYLEX, then MGET of its answer."""
    count, calls = setting.pick(100_000, 2_000), setting.pick(1_000, 30)
    with setting.fresh("network-ranges") as folder, ExitStack() as stack:
        redis = stack.enter_context(Redis(folder / "redis"))
        port = stack.enter_context(fluxdb_server(folder / "ours"))
        db = stack.enter_context(fluxdb.open(f"fluxdb://127.0.0.1:{port}"))
        fill(db, count)
        redis.load((documents.key(number).encode(), orjson.dumps(documents.value(number))) for number in range(count))
        redis.index(documents.key(number).encode() for number in range(count))
        starts = [documents.key(random.randrange(count - RANGE)) for _ in range(calls)]

        def ours() -> float:
            return rate(calls, lambda: [list(db.scan(start=start, limit=RANGE)) for start in starts])

        def other() -> float:
            loads = orjson.loads
            return rate(calls, lambda: [list(map(loads, redis.range(start.encode(), RANGE))) for start in starts])

        turns: list[Turn] = alternate(setting.pick(9, 2), ours, other)
    return Measurement(turns, [f"{count} documents, {calls} ranges a turn, parsed by orjson on both sides"])
