"""RocksDB as a durable store of documents: each write goes to its log with sync=true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from tools.comparison import peers


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

    def set(self, key: str, value: Any) -> None:
        self._database.put(key.encode(), orjson.dumps(value))

    def get(self, key: str) -> Any:
        return orjson.loads(self._database.get(key.encode()))

    def close(self) -> None:
        self._database.close()
