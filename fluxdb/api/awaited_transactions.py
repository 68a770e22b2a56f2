"""Read, compute, write if nothing has changed meanwhile; again on a conflict. Awaited; see ``transactions``."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

from fluxdb._core.base.model import Document
from fluxdb.api.batches import AwaitedBatch, check_step, condition
from fluxdb.api.transactions import Reads, Tries
from fluxdb.engine.handle import AsyncEngineHandle
from fluxdb.errors import VersionConflictError
from fluxdb.limits import DEFAULT_LIMITS
from fluxdb.values import encode

T = TypeVar("T")


class AwaitedTransaction(Reads):
    """As Transaction; get() is awaited."""

    def __init__(self, handle: AsyncEngineHandle) -> None:
        super().__init__()
        self._handle = handle

    async def get(self, key: str) -> Document | None:
        """As Transaction.get()."""
        self._check_unwritten(key)
        if key not in self._read:
            self._read[key] = await self._handle.get(key)
        return self._read[key]

    async def _commit(self) -> None:
        operations = self._begin_transaction()
        if operations:
            await self._handle.batch(operations)


class AwaitedBatches:
    """The batches of fluxdb.aio.FluxDB, with the same names as BlockingBatches."""

    _handle: AsyncEngineHandle
    _tries_max: int = DEFAULT_LIMITS.transaction_tries_max

    def batch(self) -> AwaitedBatch:
        """Collect operations that take effect together or not at all; await its commit(), or use ``async with``."""
        return AwaitedBatch(self._handle)

    async def increment(self, key: str, by: int = 1, path: str = "", *, if_version: int | None = None) -> Document:
        """Add ``by`` to the integer of the document, or to the one at ``path`` in it (a JSON Pointer: "/a/0").

        One write, without a retry: any number of callers may add at once. Returns the new number with the document's
        version. A missing one counts as 0, and missing objects on the way to it are made.
        Raises InvalidValueError if something else stands there (a float, too), or for another ``by``; LimitError if the
        sum is beyond 64 bits; and the errors of set().
        """
        written = await self._handle.increment(key, check_step(by), path, condition(if_version))
        return Document(written.value, written.version)

    async def update(
        self, key: str, function: Callable[[Any], Any] | Callable[[Any], Awaitable[Any]], default: Any = None
    ) -> Document:
        """Store what ``function`` makes of the value (of ``default`` if the key is missing). Returns the new document.

        ``function`` may be a coroutine function. If somebody else writes the key meanwhile, it is read again and
        ``function`` is called again, at most Limits.transaction_tries_max times, then LimitError.
        """
        tries = Tries(self._tries_max)
        while True:
            document = await self._handle.get(key)
            value = await _awaited(function(default if document is None else document.value))
            try:
                version, _ = await self._handle.set(key, encode(value), 0 if document is None else document.version)
            except VersionConflictError as conflict:
                pause = tries.pause_seconds(conflict)
            else:
                return Document(value, version)
            await asyncio.sleep(pause)

    @overload
    async def transaction(self, function: Callable[[AwaitedTransaction], Awaitable[T]]) -> T: ...

    @overload
    async def transaction(self, function: Callable[[AwaitedTransaction], T]) -> T: ...

    async def transaction(self, function: Callable[[AwaitedTransaction], Any]) -> Any:
        """Call ``function`` with a transaction, commit what it wrote if nothing it read has changed; return its result.

        ``function`` may be a coroutine function. On a conflict it is called again with a new transaction: it may run
        several times, at most Limits.transaction_tries_max, then LimitError. If it raises, nothing is written. See
        BlockingBatches.transaction().
        """
        tries = Tries(self._tries_max)
        while True:
            transaction = AwaitedTransaction(self._handle)
            result = await _awaited(function(transaction))
            try:
                await transaction._commit()
            except VersionConflictError as conflict:
                pause = tries.pause_seconds(conflict)
            else:
                return result
            await asyncio.sleep(pause)


async def _awaited(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result
