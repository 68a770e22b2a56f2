"""The same work on other stores in this process: SET from one thread and from 16, GET."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import fluxdb
from tools.comparison import documents
from tools.comparison.figure import Measurement
from tools.comparison.lmdb import LmdbStore
from tools.comparison.rocksdb import RocksStore
from tools.comparison.setting import Setting
from tools.comparison.sqlite import SqliteStore
from tools.comparison.turns import alternate, rate
from tools.comparison.writes import THREADS, rate_of, rate_of_threads


class Store(Protocol):
    """Values are kept as JSON text, as ours are: dumped by ``set`` and parsed by ``get``, with orjson."""

    note: str

    def set(self, key: str, value: Any) -> None: ...

    def get(self, key: str) -> Any: ...

    def close(self) -> None: ...


Open = Callable[[Path], Store]


def lmdb_set(setting: Setting) -> Measurement:
    return _set(setting, LmdbStore)


def lmdb_threads(setting: Setting) -> Measurement:
    return _threads(setting, LmdbStore)


def lmdb_get(setting: Setting) -> Measurement:
    return _get(setting, LmdbStore)


def rocksdb_set(setting: Setting) -> Measurement:
    return _set(setting, RocksStore)


def rocksdb_threads(setting: Setting) -> Measurement:
    return _threads(setting, RocksStore)


def rocksdb_get(setting: Setting) -> Measurement:
    return _get(setting, RocksStore)


def sqlite_get(setting: Setting) -> Measurement:
    return _get(setting, SqliteStore)


def _set(setting: Setting, open_store: Open) -> Measurement:
    count = setting.pick(1_000, 50)
    with _both(setting, open_store) as (db, store):
        pairs = documents.writes()
        turns = alternate(
            setting.pick(8, 2),
            lambda: rate_of(db.set, documents.take(pairs, count)),
            lambda: rate_of(store.set, documents.take(pairs, count)),
        )
        return Measurement(turns, [store.note])


def _threads(setting: Setting, open_store: Open) -> Measurement:
    ours, other = setting.pick(1_000, 50), setting.pick(200, 20)
    with _both(setting, open_store) as (db, store):
        pairs = documents.writes()
        turns = alternate(
            setting.pick(8, 2),
            lambda: rate_of_threads(db.set, [documents.take(pairs, ours) for _ in range(THREADS)]),
            lambda: rate_of_threads(store.set, [documents.take(pairs, other) for _ in range(THREADS)]),
        )
        return Measurement(turns, [store.note])


def _get(setting: Setting, open_store: Open) -> Measurement:
    keys = [documents.key(number) for number in range(setting.pick(2_000, 100))]
    order = random.Random(1).choices(keys, k=setting.pick(100_000, 2_000))
    with _both(setting, open_store) as (db, store):
        for number, key in enumerate(keys):
            db.set(key, documents.value(number))
            store.set(key, documents.value(number))
        if any(store.get(key) != db.get(key).value for key in keys):  # type: ignore[union-attr]
            raise RuntimeError("the two sides don't hold the same documents")
        turns = alternate(
            setting.pick(8, 2),
            lambda: rate(len(order), lambda: _get_all(db.get, order)) / 1e3,
            lambda: rate(len(order), lambda: _get_all(store.get, order)) / 1e3,
        )
        return Measurement(turns, [f"{len(keys)} keys; {store.note}"])


def _get_all(get: Callable[[str], Any], order: list[str]) -> None:
    for key in order:
        get(key)


@contextmanager
def _both(setting: Setting, open_store: Open) -> Iterator[tuple[fluxdb.FluxDB, Store]]:
    with setting.fresh("stores") as folder, ExitStack() as stack:
        db = stack.enter_context(fluxdb.open(str(folder / "ours")))
        store = stack.enter_context(closing(open_store(folder / "other")))
        yield db, store
