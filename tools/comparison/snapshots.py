"""One large database at rest: memory per document, a checkpoint of it, opening it, and replay of its log."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson

import fluxdb
import fluxdb.aio
from tools.comparison import documents, peers
from tools.comparison.builds import NO_CHECKPOINTS
from tools.comparison.figure import Measurement, Turn, seconds
from tools.comparison.peers import MissingPeerError
from tools.comparison.servers import Redis
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


def own_bytes_per_document(setting: Setting) -> Measurement:
    """The same against a bound of our own."""
    folder = setting.snapshotted()
    grown = [setting.child("builds:open_existing", folder=str(folder)) for _ in range(setting.pick(3, 1))]
    turns = [Turn(each["resident_bytes"] / setting.documents) for each in grown]
    return Measurement(turns, ["the index of keys included, which the first scan makes"])


def index_bytes_per_document(setting: Setting) -> Measurement:
    """Growth of a process that has opened a snapshot at its first scan, per document."""
    folder = setting.snapshotted()
    grown = [setting.child("builds:open_existing", folder=str(folder)) for _ in range(setting.pick(3, 1))]
    return Measurement([Turn(each["index_bytes"] / setting.documents) for each in grown])


def redis_pairs(count: int) -> Iterator[tuple[bytes, bytes]]:
    for number in range(count):
        yield documents.key(number).encode(), orjson.dumps(documents.value(number))


def redis_folder(setting: Setting) -> Path:
    """A folder with an RDB of the same documents. Made once in a run. Raises MissingPeerError."""
    peers.program("redis-server")
    path = setting.folder / "redis"
    if not (path / "dump.rdb").exists():
        shutil.rmtree(path, ignore_errors=True)
        with Redis(path) as server:
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


def checkpoint(setting: Setting) -> Measurement:
    """Seconds. One document is written before each, so that there is something to do."""
    notes = [f"{setting.documents} documents, no writes meanwhile; both sides sync and rename"]
    source = setting.snapshotted()
    with setting.fresh("saving") as folder, ExitStack() as stack:
        shutil.copytree(source, folder / "ours")
        db = stack.enter_context(fluxdb.open(str(folder / "ours"), limits=NO_CHECKPOINTS))
        try:
            server = stack.enter_context(Redis(redis_folder(setting)))
        except MissingPeerError as error:
            server = None
            notes.append(str(error))
        turns = []
        for number in range(setting.pick(7, 2)):
            db.set(documents.key(number), documents.value(number + 1))
            ours = seconds(db.checkpoint)
            turns.append(Turn(ours, seconds(server.save) if server else None))
    return Measurement(turns[1:], notes)


def open_snapshot(setting: Setting) -> Measurement:
    """Seconds of ``fluxdb.open`` against the seconds that redis-server says its own load took. Page cache warm."""
    folder = str(setting.snapshotted())
    notes = [f"{setting.documents} documents, page cache warm"]
    try:
        peer = redis_folder(setting)
    except MissingPeerError as error:
        peer = None
        notes.append(str(error))
    turns = []
    for _ in range(setting.pick(6, 2)):
        ours = setting.child("builds:open_existing", folder=folder)["seconds"]
        other = None
        if peer is not None:
            with Redis(peer) as server:
                other = server.seconds_to_load()
        turns.append(Turn(ours, other))
    return Measurement(turns[1:], notes)


def replay_rate(setting: Setting) -> Measurement:
    """Log records replayed per second, in thousands: the time to open a log alone less that of an empty database."""
    folder = str(setting.logged())
    megabytes = setting.build_facts["log_bytes"] / 1e6
    notes = [f"{setting.documents} records in {megabytes:.0f} MB of log, page cache warm, empty open taken off"]
    turns = []
    with setting.fresh("empty") as empty:
        for _ in range(setting.pick(6, 2)):
            nothing = setting.child("builds:open_existing", folder=str(empty))["seconds"]
            everything = setting.child("builds:open_existing", folder=folder)["seconds"]
            detail = {"open_seconds": everything, "empty_open_seconds": nothing}
            turns.append(Turn(setting.documents / (everything - nothing) / 1e3, None, detail))
    return Measurement(turns[1:], notes)
