"""Batches of writes that take effect together, each synced: against a bare log, RocksDB, SQLite and LMDB."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import fluxdb
from tools.comparison import documents
from tools.comparison.documents import RECORD_BYTES
from tools.comparison.embedded import LmdbStore, RocksStore, SqliteStore
from tools.comparison.figure import Measurement, alternate, each_ns, percentile
from tools.comparison.setting import Setting
from tools.comparison.writes import BareLog

Pairs = list[tuple[str, Any]]
BatchStore = LmdbStore | RocksStore | SqliteStore


def bare_10(setting: Setting) -> Measurement:
    return _against_bare(setting, 10)


def bare_100(setting: Setting) -> Measurement:
    return _against_bare(setting, 100)


def bare_1000(setting: Setting) -> Measurement:
    return _against_bare(setting, 1_000)


def rocksdb_1000(setting: Setting) -> Measurement:
    return _against_store(setting, 1_000, RocksStore)


def sqlite_1000(setting: Setting) -> Measurement:
    return _against_store(setting, 1_000, SqliteStore)


def lmdb_1000(setting: Setting) -> Measurement:
    return _against_store(setting, 1_000, LmdbStore)


def _against_bare(setting: Setting, size: int) -> Measurement:
    """p50 of a batch in microseconds, against one write and fdatasync of as many bytes."""
    with setting.fresh("batch") as folder, ExitStack() as stack:
        db = stack.enter_context(fluxdb.open(str(folder / "ours")))
        bare = stack.enter_context(closing(BareLog(folder / "bare", record_bytes=size * RECORD_BYTES)))
        return _measurement(setting, size, db, lambda _: bare.write(), f"{size * RECORD_BYTES} bytes a write")


def _against_store(setting: Setting, size: int, open_store: Callable[[Path], BatchStore]) -> Measurement:
    """p50 of a batch in microseconds, against one synced transaction of the store."""
    with setting.fresh("batch") as folder, ExitStack() as stack:
        db = stack.enter_context(fluxdb.open(str(folder / "ours")))
        store = stack.enter_context(closing(open_store(folder / "other")))
        return _measurement(setting, size, db, store.set_many, store.note)


def _measurement(
    setting: Setting, size: int, db: fluxdb.FluxDB, other: Callable[[Pairs], object], note: str
) -> Measurement:
    count = setting.pick(max(50, 20_000 // size), 5)
    pairs = documents.writes()

    def write(batch_of: Pairs) -> None:
        batch = db.batch()
        for key, value in batch_of:
            batch.set(key, value)
        batch.commit()

    def p50(write_batch: Callable[[Pairs], object]) -> float:
        lists = [(documents.take(pairs, size),) for _ in range(count)]
        return percentile(sorted(each_ns(write_batch, lists)), 50) / 1e3

    os.sync()  # what an earlier figure left to be written is not part of this one
    turns = alternate(setting.pick(9, 2), lambda: p50(write), lambda: p50(other))
    return Measurement(turns, [f"{count} batches of {size} a turn; {note}"])
