"""An engine that keeps its documents in a dict, for tests of what the command line makes of an engine's answers."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from fluxdb._core.base.locked import Kept
from fluxdb._core.base.model import Document
from fluxdb._core.json.pointer import find
from fluxdb.engine.handle import ANY_VERSION, EngineHandle, RawEvent, Subscriber, Written
from fluxdb.engine.operation import BatchWritten, Incremented, Operation
from fluxdb.engine.ranges import Counted, Many, Page, ScanRange, StoredText
from fluxdb.errors import ClosedError, FluxDBError, VersionConflictError
from fluxdb.model import Kind
from fluxdb.storage.progress import ProgressCallback


class FakeSubscriber:
    """Events in a queue; an exception in it is raised."""

    def __init__(self) -> None:
        self.queue: queue.Queue[RawEvent | FluxDBError] = queue.Queue()
        self.last_revision = 0

    def take(self) -> RawEvent | None:
        try:
            item = self.queue.get_nowait()
        except queue.Empty:
            return None
        if isinstance(item, FluxDBError):
            self.queue.put(item)
            raise item
        return item

    def wait(self, timeout_seconds: float | None) -> None:
        self.queue.put(self.queue.get(timeout=60 if timeout_seconds is None else timeout_seconds))

    def close(self) -> None:
        self.queue.put(ClosedError("closed"))


class FakeEngine(EngineHandle):
    """``fail_with``: what the next call raises."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[bytes, int]] = {}
        self.revision = 0
        self.subscribers: dict[str, list[FakeSubscriber]] = {}
        self.fail_with: Exception | None = None
        self.ranges: list[ScanRange] = []  # that were asked for
        self.batches: list[list[Operation]] = []

    def get(self, key: str, path: str = "") -> Document | None:
        found = self.get_text(key, path)
        return None if found is None else Document(orjson.loads(found[0]), found[1])

    def get_text(self, key: str, path: str = "") -> tuple[bytes, int] | None:
        self._fail()
        found = self.documents.get(key)
        part = None if found is None else find(found[0], path)
        return None if found is None or part is None else (part, found[1])

    def scan(self, keys: ScanRange) -> Page[tuple[str, Document]]:
        page = self.scan_text(keys)
        entries = [(entry.key, Document(orjson.loads(entry.text), entry.version)) for entry in page.entries]
        return Page(entries, page.more, page.revision, page.last)

    def scan_keys(self, keys: ScanRange) -> Page[str]:
        page = self.scan_text(keys)
        return Page([entry.key for entry in page.entries], page.more, page.revision, page.last)

    def scan_text(self, keys: ScanRange) -> Page[StoredText]:
        """Pages of two documents."""
        self._fail()
        self.ranges.append(keys)
        prefix, start, end, after, limit, reverse = keys
        found = sorted((key for key in self.documents if key.startswith(prefix)), reverse=reverse)
        found = [key for key in found if (start is None or key >= start) and (end is None or key < end)]
        found = [key for key in found if after is None or (key < after if reverse else key > after)]
        entries = [StoredText(key, *self.documents[key]) for key in found[: min(2, limit or 2)]]
        return Page(entries, len(entries) < len(found), self.revision, entries[-1].key if entries else None)

    def count(self, prefix: str = "") -> Counted:
        self._fail()
        return Counted(sum(key.startswith(prefix) for key in self.documents), self.revision)

    def get_many(self, keys: Iterable[str], path: str = "") -> Many[Document]:
        return Many([self.get(key, path) for key in keys], self.revision)

    def get_many_text(self, keys: Iterable[str], path: str = "") -> Many[tuple[bytes, int]]:
        return Many([self.get_text(key, path) for key in keys], self.revision)

    def set(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, ttl_ms: int = 0, keep_ttl: bool = False
    ) -> Written:
        return self._write(Kind.SET, key, orjson.dumps(orjson.loads(text)), if_version)

    def touch(self, key: str, ttl_ms: int = 0, if_version: int = ANY_VERSION) -> Written | None:
        stored = self.documents.get(key)
        return None if stored is None else self._write(Kind.TOUCH, key, stored[0], if_version)

    def patch(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, remove_nulls: bool = False, ttl_ms: int = 0
    ) -> Written:
        old = orjson.loads(self.documents[key][0]) if key in self.documents else {}
        merged = old | orjson.loads(text)
        if remove_nulls:
            merged = {member: value for member, value in merged.items() if value is not None}
        return self._write(Kind.PATCH, key, orjson.dumps(merged), if_version)

    def delete(self, key: str, if_version: int = ANY_VERSION) -> Written | None:
        return self._write(Kind.DELETE, key, None, if_version) if key in self.documents else None

    def batch(self, operations: Sequence[Operation]) -> BatchWritten:
        self._fail()
        self.batches.append(list(operations))
        versions = [self._take(operation) for operation in operations]
        return BatchWritten(self.revision, versions)

    def _take(self, operation: Operation) -> int | None:
        kind, key, text, if_version = operation[:4]
        if kind == Kind.CHECK:
            return None
        if kind == Kind.INCREMENT:
            return self.increment(key, operation.by, operation.path, if_version).version
        if kind == Kind.DELETE:
            deleted = self.delete(key, if_version)
            return None if deleted is None else deleted[0]
        assert text is not None
        return (self.set if kind == Kind.SET else self.patch)(key, text, if_version)[0]

    def increment(self, key: str, by: int = 1, path: str = "", if_version: int = ANY_VERSION) -> Incremented:
        value = int(self.documents.get(key, (b"0", 0))[0]) + by
        return Incremented(value, *self._write(Kind.INCREMENT, key, b"%d" % value, if_version))

    def check_open(self) -> None:
        """It is."""

    def subscribe(self, keys: Sequence[str], kept: Kept | None = None) -> Subscriber:
        subscriber = FakeSubscriber()
        for key in keys:
            self.subscribers.setdefault(key, []).append(subscriber)
        return subscriber

    def checkpoint(self) -> int:
        self._fail()
        return self.revision

    def backup(self, folder: str | os.PathLike[str], progress: ProgressCallback | None = None) -> int:
        raise NotImplementedError

    def info(self) -> dict[str, Any]:
        return {"keys": len(self.documents), "revision": self.revision, "limits": {"key_bytes_max": 1024}}

    def ping(self) -> None:
        self._fail()

    def close(self) -> None:
        pass

    def _write(self, kind: Kind, key: str, new: bytes | None, if_version: int) -> Written:
        self._fail()
        old, version = self.documents.get(key, (None, 0))
        if if_version not in (ANY_VERSION, version):
            raise VersionConflictError(key, if_version, version)
        self.revision += 1
        if new is None:
            del self.documents[key]
        else:
            self.documents[key] = new, version + 1
        for subscriber in self.subscribers.get(key, []):
            subscriber.queue.put((kind, key, old, new, version + 1, self.revision, self.revision))
        return version + 1, self.revision

    def _fail(self) -> None:
        if self.fail_with is not None:
            error, self.fail_with = self.fail_with, None
            raise error
