"""The asyncio API: ``fluxdb.aio.open``. Its blocking twin is ``fluxdb.open``, with the same names."""

from __future__ import annotations

import asyncio
import contextlib
import os
import warnings
from collections.abc import Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from fluxdb._core.base.locked import Kept
from fluxdb._core.base.model import Document, Event
from fluxdb._core.events.stream import EventStream, TaskSubscriber
from fluxdb.api.awaited_transactions import AwaitedBatches
from fluxdb.api.reads import AwaitedReads
from fluxdb.engine.events import PARSER, parse_event
from fluxdb.engine.handle import ANY_VERSION, AsyncEngineHandle, AsyncSubscriber, EngineHandle
from fluxdb.engine.local.engine import Engine
from fluxdb.engine.local.loop import LoopEngine
from fluxdb.engine.local.read_only import ReadOnlyEngine, ReadOnlyLoopEngine
from fluxdb.engine.running_loop import running_loop
from fluxdb.engine.uncopied import DATABASE, SUBSCRIPTION, Uncopied
from fluxdb.errors import ClosedError, ForkedError
from fluxdb.limits import DEFAULT_LIMITS, Limits
from fluxdb.opening import HEARTBEAT_SECONDS, TIMEOUT_SECONDS, Local, Remote, check_options, connect, open_folder
from fluxdb.target import Target, is_url
from fluxdb.twin import OPEN_IT, Awaited
from fluxdb.values import Ttl, check_version, encode, ttl_ms, warn_of_stars

if TYPE_CHECKING:
    import ssl

    from typing_extensions import Self  # in typing from CPython 3.11 on


def open(
    path: Target,
    *,
    create: bool = True,
    read_only: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    password: str | None = None,
    timeout: float | None = TIMEOUT_SECONDS,
    tls: ssl.SSLContext | None = None,
    heartbeat_seconds: float | None = HEARTBEAT_SECONDS,
) -> Opening:
    """Open the database in the folder ``path``, made if it is missing; or connect to a server.

    Await the result, or use it with ``async with``; the event loop is not blocked meanwhile. Everything else is as in
    fluxdb.open. A connection belongs to the event loop that made it.
    """
    return Opening(path, limits, Local(create, read_only), Remote(password, timeout, tls, heartbeat_seconds))


def wrap(db: Lender) -> FluxDB:
    """Return the twin of an open fluxdb.FluxDB, over the same engine. Closing it leaves ``db`` open."""
    twin = FluxDB(_on_loops(db.handle, closes_engine=False))
    twin.lender = db
    twin._tries_max = db._tries_max
    return twin


def _on_loops(engine: EngineHandle, *, closes_engine: bool) -> AsyncEngineHandle:
    if isinstance(engine, Engine):
        return LoopEngine(engine, closes_engine=closes_engine)
    if isinstance(engine, ReadOnlyEngine):
        return ReadOnlyLoopEngine(engine, closes_engine=closes_engine)
    raise TypeError("only a database in this process has a twin")


class Lender(Protocol):
    """A blocking database, such as fluxdb.FluxDB."""

    _tries_max: int

    @property
    def handle(self) -> EngineHandle: ...


class Opening(Uncopied, Awaited):
    """A database that is being opened: ``async with open(path) as db``, or ``db = await open(path)``."""

    not_copied = DATABASE

    def __init__(self, path: Target, limits: Limits, local: Local, remote: Remote) -> None:
        check_options(limits, remote)
        self._path = path
        self._limits = limits
        self._local = local
        self._remote = remote
        self._db: FluxDB | None = None

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            opened = "db = await fluxdb.aio.open(...), or async with fluxdb.aio.open(...) as db"
            raise AttributeError(f"the database is not open yet, and has no {name}: {opened}", name=name, obj=self)

    def __await__(self) -> Generator[Any, None, FluxDB]:
        return self._open().__await__()

    async def __aenter__(self) -> FluxDB:
        self._db = await self._open()
        return self._db

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._db is not None:
            await self._db.close()

    async def _open(self) -> FluxDB:
        loop = running_loop()
        if is_url(self._path):
            return self._made(await connect(self._path, self._limits, self._local, self._remote))
        opening = loop.run_in_executor(None, open_folder, self._path, self._limits, self._local, self._remote)
        try:
            engine = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unwanted)
            raise
        return self._made(_on_loops(engine, closes_engine=True))

    def _made(self, handle: AsyncEngineHandle) -> FluxDB:
        db = FluxDB(handle)
        db._tries_max = self._limits.transaction_tries_max
        return db


def _close_unwanted(opening: asyncio.Future[Engine | ReadOnlyEngine]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close_aside()


class FluxDB(AwaitedReads, AwaitedBatches, Uncopied, Awaited):
    """An open database, for the tasks of one event loop. Their writes become durable together.

    Use it as an asynchronous context manager, or close() it. A program that forgets to still ends, and keeps every
    acknowledged write. A write whose await is cancelled may or may not take effect; it never affects another.
    """

    not_copied = DATABASE

    def __init__(self, handle: AsyncEngineHandle) -> None:
        if not isinstance(handle, AsyncEngineHandle):
            raise TypeError(f"a FluxDB is not made by calling its class: {OPEN_IT}")
        self._handle = handle
        self._get = handle.get
        self._set = handle.set
        self.lender: Lender | None = None  # of wrap(): kept alive as long as its twin

    @property
    def handle(self) -> AsyncEngineHandle:
        """The engine under this database. It takes and returns JSON text instead of Python values."""
        return self._handle

    async def get(self, key: str, path: str = "") -> Document | None:
        """Return the latest acknowledged document of ``key``, or None if it does not exist.

        ``path``, a JSON Pointer (RFC 6901) such as "/address/city" or "/tags/0": that part of it alone, which is found
        without parsing the rest; None if the document has no such part.
        Each call parses the JSON again: the value is yours to change.
        Raises InvalidKeyError, ClosedError; InvalidValueError (the path is no JSON Pointer).
        """
        return await self._get(key, path)

    async def set(
        self,
        key: str,
        value: Any,
        *,
        if_version: int | None = None,
        ttl: Ttl | None = None,
        keep_ttl: bool = False,
    ) -> int:
        """Store ``value`` (None, bool, int, float, str, list, tuple, dict); return its version, once it is durable.

        Subclasses of these (OrderedDict, IntEnum) are stored as the plain values that they equal.
        ``if_version``: write only if this is the current version; 0: only if the key does not exist.
        ``ttl``: seconds (or a timedelta) after which the document expires, with the precision of a millisecond; without
        it the document never expires, with ``keep_ttl`` it expires when it did before.
        Raises InvalidKeyError, InvalidValueError, LimitError, VersionConflictError, ClosedError, StorageError.
        """
        text = encode(value)
        condition = ANY_VERSION if if_version is None else check_version(if_version)
        if ttl is None and not keep_ttl:
            return (await self._set(key, text, condition))[0]
        lifetime_ms = ttl_ms(ttl, keep_ttl=keep_ttl)
        return (await self._handle.set(key, text, condition, ttl_ms=lifetime_ms, keep_ttl=keep_ttl))[0]

    async def patch(
        self,
        key: str,
        delta: Any,
        *,
        if_version: int | None = None,
        remove_nulls: bool = False,
        ttl: Ttl | None = None,
    ) -> int:
        """Merge ``delta`` into the document, objects member by member at every depth; return the version, once durable.

        Anything but an object overwrites, even null; with ``remove_nulls`` a null removes the member (RFC 7396).
        A missing key starts from nothing. The document expires when it did before, unless ``ttl`` names another time.
        ``if_version`` and errors as in set().
        """
        condition = ANY_VERSION if if_version is None else check_version(if_version)
        lifetime_ms = ttl_ms(ttl)
        written = await self._handle.patch(key, encode(delta), condition, remove_nulls=remove_nulls, ttl_ms=lifetime_ms)
        return written[0]

    async def touch(self, key: str, ttl: Ttl | None, *, if_version: int | None = None) -> int | None:
        """Have the document expire after ``ttl`` seconds (None: never); return its version, once that is durable, or
        None if the key does not exist.

        ``if_version`` and errors as in set().
        """
        condition = ANY_VERSION if if_version is None else check_version(if_version)
        written = await self._handle.touch(key, ttl_ms(ttl), condition)
        return None if written is None else written[0]

    async def delete(self, key: str, *, if_version: int | None = None) -> int | None:
        """Delete the document; return the version of the deletion, once it is durable, or None if the key did not
        exist.

        ``if_version`` and errors as in set().
        """
        written = await self._handle.delete(key, ANY_VERSION if if_version is None else check_version(if_version))
        return None if written is None else written[0]

    def subscribe(self, *keys: str) -> Subscription:
        """Watch ``keys``: the subscription gets every change that commits after this call, in the order of the commits.

        Iterate over the subscription, and close it (or use it as a context manager). A subscription that falls behind
        by more than Limits.subscriber_events_max events or subscriber_bytes_max bytes is evicted: the next get() raises
        SubscriberEvictedError, and pending events are lost. After a lost connection the next get() raises
        ConnectionLostError once: the subscription continues by itself, but events may have been missed. A ``*`` is an
        ordinary character of a key; a key that ends with one causes a warning. Raises InvalidKeyError, LimitError,
        ClosedError, ValueError (no key).
        """
        warn_of_stars(keys)
        return Subscription(keys, self._handle)

    async def checkpoint(self) -> int:
        """Write a snapshot of everything acknowledged so far, and retire that log; return the snapshot's revision.

        Writers continue meanwhile. close() ends it with ClosedError, and the log keeps what it had. Checkpoints also
        run automatically (Limits.checkpoint_log_bytes and checkpoint_interval_seconds). Raises ClosedError,
        DiskFullError, StorageError.
        """
        return await self._handle.checkpoint()

    async def backup(
        self, folder: str | os.PathLike[str], *, progress: Callable[[int, int], None] | None = None
    ) -> int:
        """Make a complete copy of the database, as it is now, in the new folder ``folder``; return its revision.

        Writers continue meanwhile. The folder must be missing or empty; it gets its name when all of it is durable and
        was read back. To restore, open it, or a copy of it. ``progress`` is called with the bytes done and in all, by
        another thread. Against a server, the folder is on the server's disk: only for clients on its machine.
        Interrupting the call, or close(), ends the backup, and nothing is left of it. Raises ClosedError,
        DiskFullError, StorageError, CorruptionError.
        """
        return await self._handle.backup(folder, progress)

    async def info(self) -> dict[str, Any]:
        """Return state, counters and limits. Raises ClosedError."""
        return await self._handle.info()

    async def ping(self) -> None:
        """Check that the database answers. Raises ClosedError, and over a network ConnectionLostError."""
        await self._handle.ping()

    async def close(self) -> None:
        """Wait for writes in flight, end checkpoints and subscriptions, release the folder.

        Idempotent. If a signal handler raises meanwhile (Ctrl-C), closing continues; call it again to wait for its end.
        """
        await self._handle.close()

    async def __aenter__(self) -> Self:
        self._handle.check_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __del__(self) -> None:
        handle = getattr(self, "_handle", None)
        if isinstance(handle, LoopEngine) and handle.forgotten:
            engine = handle.engine
            engine.close_aside()  # first, because a warning may be an error
            warnings.warn(f"unclosed database {engine.directory!r}", ResourceWarning, stacklevel=2, source=self)


class Subscription(Uncopied, Awaited, EventStream):
    """The changes of some keys as they commit. Iterates over Event; ends when it or the database is closed.

    It is active once it is awaited, entered, or asked for its first event.
    """

    not_copied = SUBSCRIPTION

    def __init__(self, keys: tuple[str, ...], handle: AsyncEngineHandle) -> None:
        self._kept = Kept()
        self.keys = keys
        self._handle = handle
        self._subscriber: AsyncSubscriber | None = None
        self._closed = False
        self._opening = asyncio.Lock()

    async def _open(self) -> AsyncSubscriber:
        async with self._opening:  # another task may have begun to open it
            if self._subscriber is None and not self._closed:
                self._subscriber = await self._handle.subscribe(self.keys, self._kept)
                if isinstance(self._subscriber, TaskSubscriber):
                    self._feed_from(self._subscriber, PARSER)  # __anext__ is a compiled call from here on
        if self._closed and self._subscriber is not None:
            self._subscriber.close()
        if self._subscriber is None:
            raise ClosedError("the subscription was closed")
        return self._subscriber

    async def get(self, timeout: float | None = None) -> Event | None:
        """Return the next event; None if none arrives within ``timeout`` seconds (None: wait as long as it takes).

        Cancelling it loses no event. Raises SubscriberEvictedError; ConnectionLostError; ClosedError at the end.
        """
        subscriber = self._subscriber or await self._open()
        if timeout is not None:
            return await self._get_until(subscriber, asyncio.get_running_loop().time() + timeout)
        while (raw := subscriber.take()) is None:
            await subscriber.wait()
        return parse_event(raw)

    async def _get_until(self, subscriber: AsyncSubscriber, deadline: float) -> Event | None:
        loop = asyncio.get_running_loop()
        while (raw := subscriber.take()) is None:
            seconds = deadline - loop.time()
            if seconds <= 0:
                return None
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(subscriber.wait(), seconds)
        return parse_event(raw)

    @property
    def last_revision(self) -> int:
        """The revision of the last event taken; before the first, the one at which it subscribed (0: none yet)."""
        return 0 if self._subscriber is None else self._subscriber.last_revision

    def close(self) -> None:
        """Stop watching; pending events are lost. Idempotent."""
        self._closed = True
        if self._kept.made is not None:
            self._kept.made.close()

    def __await__(self) -> Generator[Any, None, Self]:
        return self.__aenter__().__await__()

    def __aiter__(self) -> Self:
        return self

    async def _next_event(self) -> Event:
        """Do the same as get(), but raise StopAsyncIteration at the end."""
        try:
            subscriber = self._subscriber or await self._open()
            while (raw := subscriber.take()) is None:
                await subscriber.wait()
        except ForkedError:
            raise
        except ClosedError:
            raise StopAsyncIteration from None
        return parse_event(raw)

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_kept"):
            self.close()
