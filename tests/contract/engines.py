"""The engines that the contract is asked of, each behind the same blocking names. To add one, add it to ENGINES."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import uvloop

import fluxdb
from fluxdb import DEFAULT_LIMITS, BatchResult, Document, Event, Limits
from fluxdb.values import Ttl

T = TypeVar("T")

NewLoop = Callable[[], asyncio.AbstractEventLoop]


class Subscribed(Protocol):
    def get(self, timeout: float | None = None) -> Event | None: ...
    def close(self) -> None: ...
    def __iter__(self) -> Iterator[Event]: ...
    @property
    def last_revision(self) -> int: ...


class Batched(Protocol):
    """fluxdb.Batch's names."""

    def check(self, key: str, version: int | None = None, *, exists: bool | None = None) -> None: ...
    def set(
        self,
        key: str,
        value: Any,
        *,
        if_version: int | None = None,
        ttl: Ttl | None = None,
        keep_ttl: bool = False,
    ) -> None: ...
    def patch(
        self,
        key: str,
        delta: Any,
        *,
        if_version: int | None = None,
        remove_nulls: bool = False,
        ttl: Ttl | None = None,
    ) -> None: ...
    def touch(self, key: str, ttl: Ttl | None, *, if_version: int | None = None) -> None: ...
    def delete(self, key: str, *, if_version: int | None = None) -> None: ...
    def increment(self, key: str, by: int = 1, path: str = "", *, if_version: int | None = None) -> None: ...
    def commit(self) -> BatchResult: ...
    def __len__(self) -> int: ...
    def __enter__(self) -> Batched: ...
    def __exit__(self, *raised: Any) -> None: ...
    @property
    def result(self) -> BatchResult | None: ...


class Store(Protocol):
    """fluxdb.FluxDB's names."""

    def get(self, key: str, path: str = "") -> Document | None: ...
    def scan(
        self,
        prefix: str = "",
        *,
        start: str | None = None,
        end: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[str, Document]]: ...
    def keys(
        self,
        prefix: str = "",
        *,
        start: str | None = None,
        end: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[str]: ...
    def count(self, prefix: str = "") -> int: ...
    def get_many(self, keys: Iterable[str], path: str = "") -> list[Document | None]: ...
    def contains(self, key: str) -> bool: ...
    def set(
        self,
        key: str,
        value: Any,
        *,
        if_version: int | None = None,
        ttl: Ttl | None = None,
        keep_ttl: bool = False,
    ) -> int: ...
    def patch(
        self,
        key: str,
        delta: Any,
        *,
        if_version: int | None = None,
        remove_nulls: bool = False,
        ttl: Ttl | None = None,
    ) -> int: ...
    def touch(self, key: str, ttl: Ttl | None, *, if_version: int | None = None) -> int | None: ...
    def delete(self, key: str, *, if_version: int | None = None) -> int | None: ...
    def batch(self) -> Batched: ...
    def increment(self, key: str, by: int = 1, path: str = "", *, if_version: int | None = None) -> Document: ...
    def update(self, key: str, function: Callable[[Any], Any], default: Any = None) -> Document: ...
    def transaction(self, function: Callable[[Any], T]) -> T: ...
    def subscribe(self, *keys: str) -> Subscribed: ...
    def checkpoint(self) -> int: ...
    def info(self) -> dict[str, Any]: ...
    def ping(self) -> None: ...
    def close(self) -> None: ...


class LoopThread:
    """An event loop in a separate thread."""

    def __init__(self, new_loop: NewLoop = asyncio.new_event_loop) -> None:
        self.loop = new_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class AwaitedSubscription:
    def __init__(self, thread: LoopThread, subscription: fluxdb.aio.Subscription) -> None:
        self._thread = thread
        self._subscription = subscription
        thread.run(subscription.__aenter__())

    @property
    def last_revision(self) -> int:
        return self._subscription.last_revision

    def get(self, timeout: float | None = None) -> Event | None:
        return self._thread.run(self._subscription.get(timeout))

    def __iter__(self) -> Iterator[Event]:
        while (event := self._thread.run(self._next())) is not None:
            yield event

    async def _next(self) -> Event | None:
        async for event in self._subscription:
            return event
        return None

    def close(self) -> None:
        async def close() -> None:
            self._subscription.close()

        self._thread.run(close())


class AwaitedBatch:
    """An awaited batch behind blocking names."""

    def __init__(self, thread: LoopThread, batch: Any) -> None:
        self._thread = thread
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __len__(self) -> int:
        return len(self._batch)

    def commit(self) -> BatchResult:
        result: BatchResult = self._thread.run(self._batch.commit())
        return result

    def __enter__(self) -> AwaitedBatch:
        self._thread.run(self._batch.__aenter__())
        return self

    def __exit__(self, *raised: Any) -> None:
        self._thread.run(self._batch.__aexit__(*raised))


class AwaitedTransaction:
    """An awaited transaction behind blocking names: for a function that runs in a thread."""

    def __init__(self, thread: LoopThread, transaction: Any) -> None:
        self._thread = thread
        self._transaction = transaction

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)

    def get(self, key: str) -> Document | None:
        document: Document | None = self._thread.run(self._transaction.get(key))
        return document


class Awaited:
    """An asynchronous database behind blocking names."""

    def __init__(self, thread: LoopThread, db: fluxdb.aio.FluxDB) -> None:
        self._thread = thread
        self._db = db

    def get(self, key: str, path: str = "") -> Document | None:
        return self._thread.run(self._db.get(key, path))

    def scan(self, prefix: str = "", **bounds: Any) -> Iterator[tuple[str, Document]]:
        return self._each(self._db.scan(prefix, **bounds))

    def keys(self, prefix: str = "", **bounds: Any) -> Iterator[str]:
        return self._each(self._db.keys(prefix, **bounds))

    def _each(self, entries: AsyncIterator[T]) -> Iterator[T]:
        end = object()

        async def take() -> T | object:
            return await anext(entries, end)

        while (entry := self._thread.run(take())) is not end:
            yield entry  # type: ignore[misc]

    def count(self, prefix: str = "") -> int:
        return self._thread.run(self._db.count(prefix))

    def get_many(self, keys: Iterable[str], path: str = "") -> list[Document | None]:
        return self._thread.run(self._db.get_many(keys, path))

    def contains(self, key: str) -> bool:
        return self._thread.run(self._db.contains(key))

    def set(
        self,
        key: str,
        value: Any,
        *,
        if_version: int | None = None,
        ttl: Ttl | None = None,
        keep_ttl: bool = False,
    ) -> int:
        return self._thread.run(self._db.set(key, value, if_version=if_version, ttl=ttl, keep_ttl=keep_ttl))

    def patch(
        self,
        key: str,
        delta: Any,
        *,
        if_version: int | None = None,
        remove_nulls: bool = False,
        ttl: Ttl | None = None,
    ) -> int:
        return self._thread.run(self._db.patch(key, delta, if_version=if_version, remove_nulls=remove_nulls, ttl=ttl))

    def touch(self, key: str, ttl: Ttl | None, *, if_version: int | None = None) -> int | None:
        return self._thread.run(self._db.touch(key, ttl, if_version=if_version))

    def delete(self, key: str, *, if_version: int | None = None) -> int | None:
        return self._thread.run(self._db.delete(key, if_version=if_version))

    def batch(self) -> Any:
        return AwaitedBatch(self._thread, self._db.batch())

    def increment(self, key: str, by: int = 1, path: str = "", *, if_version: int | None = None) -> Document:
        return self._thread.run(self._db.increment(key, by, path, if_version=if_version))

    def update(self, key: str, function: Callable[[Any], Any], default: Any = None) -> Document:
        return self._thread.run(self._db.update(key, function, default))

    def transaction(self, function: Callable[[Any], T]) -> T:
        async def call(transaction: Any) -> T:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(None, function, AwaitedTransaction(self._thread, transaction))

        result: T = self._thread.run(self._db.transaction(call))
        return result

    def subscribe(self, *keys: str) -> AwaitedSubscription:
        return AwaitedSubscription(self._thread, self._db.subscribe(*keys))

    def checkpoint(self) -> int:
        return self._thread.run(self._db.checkpoint())

    def info(self) -> dict[str, Any]:
        return self._thread.run(self._db.info())

    def ping(self) -> None:
        self._thread.run(self._db.ping())

    def close(self) -> None:
        self._thread.run(self._db.close())


class Wrapped(Awaited):
    """The twin of a blocking database, closed with it."""

    def __init__(self, thread: LoopThread, db: fluxdb.FluxDB) -> None:
        super().__init__(thread, fluxdb.aio.wrap(db))
        self._lender = db

    def close(self) -> None:
        super().close()
        self._lender.close()


def new_debug_loop() -> asyncio.AbstractEventLoop:
    """asyncio's loop that checks who calls it from where."""
    loop = asyncio.new_event_loop()
    loop.set_debug(True)
    return loop


@contextmanager
def open_blocking(path: Path, limits: Limits) -> Iterator[Store]:
    with fluxdb.open(path, limits=limits) as db:
        yield db


@contextmanager
def open_awaited(path: Path, limits: Limits, new_loop: NewLoop = asyncio.new_event_loop) -> Iterator[Store]:
    async def opened() -> fluxdb.aio.FluxDB:
        return await fluxdb.aio.open(path, limits=limits)

    thread = LoopThread(new_loop)
    try:
        db = thread.run(opened())
        try:
            yield Awaited(thread, db)
        finally:
            thread.run(db.close())
    finally:
        thread.close()


@contextmanager
def open_wrapped(path: Path, limits: Limits) -> Iterator[Store]:
    thread = LoopThread()
    try:
        with fluxdb.open(path, limits=limits) as db:
            yield Wrapped(thread, db)
    finally:
        thread.close()


Opener = Callable[[Path, Limits], AbstractContextManager[Store]]

ENGINES: dict[str, Opener] = {
    "blocking": open_blocking,
    "awaited": open_awaited,
    "awaited-uvloop": partial(open_awaited, new_loop=uvloop.new_event_loop),
    "awaited-debug": partial(open_awaited, new_loop=new_debug_loop),
    "wrapped": open_wrapped,
}


class Place:
    """A folder, and the engine that opens it."""

    def __init__(self, opener: Opener, path: Path, *, is_remote: bool = False) -> None:
        self._opener = opener
        self.is_remote = is_remote
        self.path = path

    def open(self, limits: Limits = DEFAULT_LIMITS) -> AbstractContextManager[Store]:
        return self._opener(self.path, limits)
