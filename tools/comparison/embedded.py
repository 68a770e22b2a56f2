"""Other stores in this process: SQLite, LMDB and RocksDB, each as durable as FluxDB, at the same work."""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import orjson

import fluxdb
import fluxdb.aio
from tools.comparison import documents, peers
from tools.comparison.figure import Measurement, alternate, rate
from tools.comparison.setting import Setting
from tools.comparison.writes import THREADS, rate_of, rate_of_threads

SELECT = "SELECT value FROM documents WHERE key = ?"
UPSERT = "INSERT OR REPLACE INTO documents (key, value) VALUES (?, ?)"


Pairs = Iterable[tuple[str, Any]]


class Store(Protocol):
    """Values are kept as JSON text, as ours are: dumped by ``set`` and parsed by ``get``, with orjson."""

    note: str

    def set(self, key: str, value: Any) -> None: ...

    def get(self, key: str) -> Any: ...

    def close(self) -> None: ...


Open = Callable[[Path], Store]


class SqliteStore:
    """One connection in autocommit mode: each ``set`` is one transaction, synced when it returns."""

    note = "SQLite: WAL, synchronous=FULL"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(folder / "peer.sqlite", isolation_level=None)
        self._pragma("journal_mode=WAL", "wal")
        self._pragma("synchronous=FULL", None)
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS documents (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
        )
        self._execute = self._connection.cursor().execute

    def set(self, key: str, value: Any) -> None:
        self._execute(UPSERT, (key, orjson.dumps(value)))

    def set_many(self, pairs: Pairs) -> None:
        """In one transaction."""
        self._execute("BEGIN")
        self._connection.executemany(UPSERT, ((key, orjson.dumps(value)) for key, value in pairs))
        self._execute("COMMIT")

    def get(self, key: str) -> Any:
        return orjson.loads(self._execute(SELECT, (key,)).fetchone()[0])

    def close(self) -> None:
        self._connection.close()

    def _pragma(self, assignment: str, expected: str | None) -> None:
        row = self._connection.execute(f"PRAGMA {assignment}").fetchone()
        if expected is not None and (row is None or row[0] != expected):
            raise RuntimeError(f"SQLite did not take PRAGMA {assignment}: it said {row}")


def syncs_per_commit(folder: Path, commits: int = 100) -> float | None:
    """How many fsync/fdatasync calls the kernel sees per commit; None where strace is missing or may not trace."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    code = (
        "import sys; from pathlib import Path; from tools.comparison.embedded import SqliteStore\n"
        "store = SqliteStore(Path(sys.argv[1]))\n"
        f"for number in range({commits}): store.set(f'key{{number}}', number)\n"
        "import os; os._exit(0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [strace, "-f", "-e", "trace=fsync,fdatasync", sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    if done.returncode != 0:
        return None
    return len(re.findall(r"f(?:data)?sync\(", done.stderr)) / commits


class LmdbStore:
    """Written by one transaction at a time; other writers wait."""

    note = "LMDB as it comes: sync and metasync on; a transaction each"

    def __init__(self, folder: Path) -> None:
        lmdb = peers.module("lmdb")
        folder.mkdir(parents=True, exist_ok=True)
        self._environment = lmdb.open(str(folder), map_size=2**30)

    def set(self, key: str, value: Any) -> None:
        with self._environment.begin(write=True) as transaction:
            transaction.put(key.encode(), orjson.dumps(value))

    def set_many(self, pairs: Pairs) -> None:
        """In one transaction."""
        with self._environment.begin(write=True) as transaction:
            for key, value in pairs:
                transaction.put(key.encode(), orjson.dumps(value))

    def items_from(self, start: str) -> Iterator[tuple[bytes, bytes]]:
        """Keys and JSON texts in order, from the first key that is not before ``start``."""
        with self._environment.begin() as transaction, transaction.cursor() as cursor:
            if cursor.set_range(start.encode()) if start else cursor.first():
                yield from cursor.iternext()

    def keys_from(self, start: str) -> Iterator[str]:
        with self._environment.begin() as transaction, transaction.cursor() as cursor:
            if cursor.set_range(start.encode()) if start else cursor.first():
                yield from (key.decode() for key in cursor.iternext(values=False))

    def get(self, key: str) -> Any:
        with self._environment.begin() as transaction:
            return orjson.loads(transaction.get(key.encode()))

    def close(self) -> None:
        self._environment.close()


class RocksStore:
    """Through rocksdict. Threads that write at once share a sync."""

    note = "RocksDB by rocksdict: WriteOptions.sync, keys and values as bytes"

    def __init__(self, folder: Path) -> None:
        rocksdict = peers.module("rocksdict")
        folder.mkdir(parents=True, exist_ok=True)
        options = rocksdict.Options(raw_mode=True)
        options.create_if_missing(True)
        self._database = rocksdict.Rdict(str(folder), options=options)
        synced = rocksdict.WriteOptions()
        synced.sync = True
        self._database.set_write_options(synced)
        self._batch = rocksdict.WriteBatch

    def set(self, key: str, value: Any) -> None:
        self._database.put(key.encode(), orjson.dumps(value))

    def set_many(self, pairs: Pairs) -> None:
        """In one synced WriteBatch."""
        batch = self._batch(raw_mode=True)
        for key, value in pairs:
            batch.put(key.encode(), orjson.dumps(value))
        self._database.write(batch)

    def get(self, key: str) -> Any:
        return orjson.loads(self._database.get(key.encode()))

    def close(self) -> None:
        self._database.close()


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


@contextmanager
def _ours_and_sqlite(setting: Setting) -> Iterator[tuple[fluxdb.FluxDB, SqliteStore, list[str]]]:
    with setting.fresh("sqlite") as folder, ExitStack() as stack:
        syncs = syncs_per_commit(folder / "traced")
        note = "not checked, strace is missing" if syncs is None else f"{syncs:g} fsync or fdatasync a commit by strace"
        db = stack.enter_context(fluxdb.open(str(folder / "ours")))
        store = stack.enter_context(closing(SqliteStore(folder / "sqlite")))
        yield db, store, [f"SQLite: {note}"]


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
