"""The reads of an engine in this process, for threads and for the tasks of event loops, over one read actor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from fluxdb._core.base.model import Document
from fluxdb.engine.handle import AsyncEngineHandle, EngineHandle
from fluxdb.engine.local.reader import ReadActor
from fluxdb.engine.ranges import Counted, Many, Page, ScanRange, StoredText


class ReadingEngine(EngineHandle):
    """An engine whose documents are in this process."""

    reads: ReadActor

    def get(self, key: str, path: str = "") -> Document | None:
        return self.reads.get(key, path)

    def get_text(self, key: str, path: str = "") -> tuple[bytes, int] | None:
        return self.reads.get_text(key, path)

    def contains(self, key: str) -> bool:
        return self.reads.contains(key)

    def scan(self, keys: ScanRange) -> Page[tuple[str, Document]]:
        return self.reads.scan(keys)

    def scan_keys(self, keys: ScanRange) -> Page[str]:
        return self.reads.scan_keys(keys)

    def scan_text(self, keys: ScanRange) -> Page[StoredText]:
        return self.reads.scan_text(keys)

    def count(self, prefix: str = "") -> Counted:
        return self.reads.count(prefix)

    def get_many(self, keys: Iterable[str], path: str = "") -> Many[Document]:
        return self.reads.get_many(keys, path)

    def get_many_text(self, keys: Iterable[str], path: str = "") -> Many[tuple[bytes, int]]:
        return self.reads.get_many_text(keys, path)


class ReadingLoopEngine(AsyncEngineHandle):
    """The same for tasks. Only the building of the index takes long enough to need a thread."""

    @abstractmethod
    def readable(self) -> ReadActor:
        """The read actor of the engine. Raises ClosedError."""

    @abstractmethod
    async def index_built(self) -> None:
        """Return when there is an index, which is built without blocking the event loop."""

    async def get(self, key: str, path: str = "") -> Document | None:
        return self.readable().get(key, path)

    async def get_text(self, key: str, path: str = "") -> tuple[bytes, int] | None:
        return self.readable().get_text(key, path)

    async def contains(self, key: str) -> bool:
        return self.readable().contains(key)

    async def scan(self, keys: ScanRange) -> Page[tuple[str, Document]]:
        await self.index_built()
        return self.readable().scan(keys)

    async def scan_keys(self, keys: ScanRange) -> Page[str]:
        await self.index_built()
        return self.readable().scan_keys(keys)

    async def scan_text(self, keys: ScanRange) -> Page[StoredText]:
        await self.index_built()
        return self.readable().scan_text(keys)

    async def count(self, prefix: str = "") -> Counted:
        if prefix:
            await self.index_built()
        return self.readable().count(prefix)

    async def get_many(self, keys: Iterable[str], path: str = "") -> Many[Document]:
        return self.readable().get_many(keys, path)

    async def get_many_text(self, keys: Iterable[str], path: str = "") -> Many[tuple[bytes, int]]:
        return self.readable().get_many_text(keys, path)
