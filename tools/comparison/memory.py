"""Resident bytes per document, against redis-server's per key."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import orjson

from tools.comparison import documents, peers, redis
from tools.comparison.figure import Measurement, Turn
from tools.comparison.peers import MissingPeerError
from tools.comparison.setting import Setting


def bytes_per_document(setting: Setting) -> Measurement:
    """A fresh process that opens a snapshot: how much it grew, per document."""
    folder = setting.snapshotted()
    notes = [f"written through asyncio instead: {setting.build_facts['bytes_per_document']:.1f} B a document"]
    other: float | None = None
    try:
        other, rss = _redis_bytes(setting)
        notes.append(f"Redis: used_memory; its resident growth is {rss:.1f} B a key")
    except MissingPeerError as error:
        notes.append(str(error))
    turns = []
    for _ in range(setting.pick(3, 1)):
        grown = setting.child("builds:open_existing", folder=str(folder))["resident_bytes"]
        turns.append(Turn(grown / setting.documents, other))
    return Measurement(turns, notes)


def redis_pairs(count: int) -> Iterator[tuple[bytes, bytes]]:
    for number in range(count):
        yield documents.key(number).encode(), orjson.dumps(documents.value(number))


def redis_folder(setting: Setting) -> Path:
    """A folder with an RDB of the same documents. Made once in a run. Raises MissingPeerError."""
    peers.program("redis-server")
    path = setting.folder / "redis"
    if not (path / "dump.rdb").exists():
        shutil.rmtree(path, ignore_errors=True)
        with redis.Redis(path) as server:
            before = server.memory()
            server.load(redis_pairs(setting.documents))
            after = server.memory()
            server.save()
        (path / "memory.json").write_bytes(orjson.dumps([after[name] - before[name] for name in before]))
    return path


def _redis_bytes(setting: Setting) -> tuple[float, float]:
    """Growth of used_memory and of used_memory_rss per key, loaded by SETs."""
    used, rss = orjson.loads((redis_folder(setting) / "memory.json").read_bytes())
    return used / setting.documents, rss / setting.documents
