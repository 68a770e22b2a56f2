"""Requests to a server besides its plain writes. A read is sent again after a lost connection; a write is not."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from fluxdb._core.base.model import Document
from fluxdb.engine.handle import ANY_VERSION, AsyncEngineHandle, EngineHandle
from fluxdb.engine.operation import BatchWritten, Incremented, Operation
from fluxdb.engine.ranges import Counted, Many, Page, ScanRange, StoredText
from fluxdb.engine.remote import reply, request

T = TypeVar("T")


class CallingEngine(EngineHandle):
    """The reads and the batches of RemoteEngine."""

    @abstractmethod
    def ask(self, body: bytes) -> bytes:
        """The reply to what changes nothing."""

    @abstractmethod
    def change(self, body: bytes, read: Callable[[bytes], T]) -> T:
        """Return what ``read`` makes of the reply to a write."""

    def get(self, key: str, path: str = "") -> Document | None:
        return reply.document(self.ask(request.get(key, path)))

    def get_text(self, key: str, path: str = "") -> tuple[bytes, int] | None:
        return reply.document_text(self.ask(request.get(key, path)))

    def get_many(self, keys: Iterable[str], path: str = "") -> Many[Document]:
        return reply.many(self.ask(request.get_many(keys, path)))

    def get_many_text(self, keys: Iterable[str], path: str = "") -> Many[tuple[bytes, int]]:
        return reply.many_text(self.ask(request.get_many(keys, path)))

    def scan(self, keys: ScanRange) -> Page[tuple[str, Document]]:
        return reply.page(self.ask(request.scan(keys)))

    def scan_keys(self, keys: ScanRange) -> Page[str]:
        return reply.page_keys(self.ask(request.scan(keys, keys_only=True)))

    def scan_text(self, keys: ScanRange) -> Page[StoredText]:
        return reply.page_text(self.ask(request.scan(keys)))

    def count(self, prefix: str = "") -> Counted:
        return reply.counted(self.ask(request.count(prefix)))

    def batch(self, operations: Sequence[Operation]) -> BatchWritten:
        return self.change(request.batch(operations), reply.batch_written)

    def increment(self, key: str, by: int = 1, path: str = "", if_version: int = ANY_VERSION) -> Incremented:
        return self.change(request.increment(key, by, path, if_version), reply.incremented)


class CallingLoopEngine(AsyncEngineHandle):
    """The reads and the batches of RemoteLoopEngine."""

    @abstractmethod
    async def ask(self, body: bytes) -> bytes:
        """The reply to what changes nothing."""

    @abstractmethod
    async def change(self, body: bytes, read: Callable[[bytes], T]) -> T:
        """Return what ``read`` makes of the reply to a write."""

    async def get(self, key: str, path: str = "") -> Document | None:
        return reply.document(await self.ask(request.get(key, path)))

    async def get_text(self, key: str, path: str = "") -> tuple[bytes, int] | None:
        return reply.document_text(await self.ask(request.get(key, path)))

    async def get_many(self, keys: Iterable[str], path: str = "") -> Many[Document]:
        return reply.many(await self.ask(request.get_many(keys, path)))

    async def get_many_text(self, keys: Iterable[str], path: str = "") -> Many[tuple[bytes, int]]:
        return reply.many_text(await self.ask(request.get_many(keys, path)))

    async def scan(self, keys: ScanRange) -> Page[tuple[str, Document]]:
        return reply.page(await self.ask(request.scan(keys)))

    async def scan_keys(self, keys: ScanRange) -> Page[str]:
        return reply.page_keys(await self.ask(request.scan(keys, keys_only=True)))

    async def scan_text(self, keys: ScanRange) -> Page[StoredText]:
        return reply.page_text(await self.ask(request.scan(keys)))

    async def count(self, prefix: str = "") -> Counted:
        return reply.counted(await self.ask(request.count(prefix)))

    async def batch(self, operations: Sequence[Operation]) -> BatchWritten:
        return await self.change(request.batch(operations), reply.batch_written)

    async def increment(self, key: str, by: int = 1, path: str = "", if_version: int = ANY_VERSION) -> Incremented:
        return await self.change(request.increment(key, by, path, if_version), reply.incremented)
