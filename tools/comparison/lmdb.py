"""LMDB as a durable store of documents: a transaction for each call, synced as it comes (sync=True, metasync=True)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from tools.comparison import peers


class LmdbStore:
    """Written by one transaction at a time, whoever waits."""

    note = "LMDB as it comes: sync and metasync on; a transaction each"

    def __init__(self, folder: Path) -> None:
        lmdb = peers.module("lmdb")
        folder.mkdir(parents=True, exist_ok=True)
        self._environment = lmdb.open(str(folder), map_size=2**30)

    def set(self, key: str, value: Any) -> None:
        with self._environment.begin(write=True) as transaction:
            transaction.put(key.encode(), orjson.dumps(value))

    def get(self, key: str) -> Any:
        with self._environment.begin() as transaction:
            return orjson.loads(transaction.get(key.encode()))

    def close(self) -> None:
        self._environment.close()
