"""The blocking API: ``fluxdb.open``. Its twin for asyncio is ``fluxdb.aio``."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fluxdb._core.base.locked import Kept, call_locked
from fluxdb._core.base.model import Document, Event
from fluxdb.api.reads import BlockingReads
from fluxdb.api.transactions import BlockingBatches
from fluxdb.engine.events import PARSER, parse_event
from fluxdb.engine.feed import FeedSubscriber
from fluxdb.engine.handle import ANY_VERSION, EngineHandle, Subscriber
from fluxdb.engine.local.engine import Engine
from fluxdb.engine.uncopied import DATABASE, SUBSCRIPTION, Uncopied
from fluxdb.errors import ClosedError, ForkedError
from fluxdb.limits import DEFAULT_LIMITS, Limits
from fluxdb.opening import HEARTBEAT_SECONDS, TIMEOUT_SECONDS, Local, Remote, open_handle
from fluxdb.target import Target
from fluxdb.twin import OPEN_IT, Blocking
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
) -> FluxDB:
    """Open the database in the folder ``path``, made if it is missing; or connect to a server.

    A folder is recovered, however its last owner ended: when this returns, every acknowledged write is there. With
    ``create=False`` a missing database is an error, and nothing is made. With ``read_only=True`` no byte on the disk is
    changed: the database shows the last acknowledged state, rejects writes and subscriptions with ReadOnlyError, and
    keeps owners out until it is closed; others may read at the same time.
    Raises LockedError (the folder is open, in another process or this one), CorruptionError, DiskFullError,
    StorageError (also for a folder that holds other files); ValueError for text that looks like an address or a
    variable, or is empty.

    A server is addressed by ``fluxdb://[:password@]host[:port]``, ``fluxdbs://...`` (TLS; ``tls`` for custom settings)
    or ``fluxdb+unix:///path``. ``timeout``: seconds that a call may take, including a reconnect, before it raises
    RequestTimeoutError (None, and checkpoint(): no limit). Only the subscriber limits of ``limits`` apply. The next
    call after a lost connection reconnects; a write in flight raises ConnectionLostError with ``maybe_applied``, and is
    never sent twice. A request that timed out closes its connection if nothing arrived on it since the request. A
    subscription continues by itself after a lost connection, but raises ConnectionLostError once, because events may
    have been missed. ``heartbeat_seconds``: while keys are watched, a server that has been silent for so long is
    pinged, and the connection is dropped if nothing arrives for as long again (0 or None: no ping). Raises
    ConnectionLostError, AuthError, ValueError (no such address, an unknown scheme). Name a folder whose name contains
    ``://`` by a pathlib.Path.
    """
    remote = Remote(password, timeout, tls, heartbeat_seconds)
    db = FluxDB(open_handle(path, limits, Local(create, read_only), remote))
    db._tries_max = limits.transaction_tries_max
    return db


class FluxDB(BlockingReads, BlockingBatches, Uncopied, Blocking):
    """An open database. Safe to use from many threads at once; their writes become durable together.

    Use it as a context manager, or close() it. A program that forgets to still ends, and keeps every acknowledged
    write.
    """

    not_copied = DATABASE

    def __init__(self, handle: EngineHandle) -> None:
        if not isinstance(handle, EngineHandle):
            raise TypeError(f"a FluxDB is not made by calling its class: {OPEN_IT}")
        self._handle = handle
        self._get = handle.get
        self._set = handle.set
        if type(self) is FluxDB:
            self.get = handle.get  # type: ignore[method-assign]  # one frame less: a tenth of a GET in process

    @property
    def handle(self) -> EngineHandle:
        """The engine under this database. It takes and returns JSON text instead of Python values."""
        return self._handle

    def get(self, key: str, path: str = "") -> Document | None:
        """Return the latest acknowledged document of ``key``, or None if it does not exist.

        ``path``, a JSON Pointer (RFC 6901) such as "/address/city" or "/tags/0": that part of it alone, which is found
        without parsing the rest; None if the document has no such part.
        Each call parses the JSON again: the value is yours to change.
        Raises InvalidKeyError, ClosedError; InvalidValueError (the path is no JSON Pointer).
        """
        return self._get(key, path)

    def set(
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
            return self._set(key, text, condition)[0]
        lifetime_ms = ttl_ms(ttl, keep_ttl=keep_ttl)
        return self._handle.set(key, text, condition, ttl_ms=lifetime_ms, keep_ttl=keep_ttl)[0]

    def patch(
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
        written = self._handle.patch(key, encode(delta), condition, remove_nulls=remove_nulls, ttl_ms=lifetime_ms)
        return written[0]

    def touch(self, key: str, ttl: Ttl | None, *, if_version: int | None = None) -> int | None:
        """Have the document expire after ``ttl`` seconds (None: never); return its version, once that is durable, or
        None if the key does not exist.

        ``if_version`` and errors as in set().
        """
        condition = ANY_VERSION if if_version is None else check_version(if_version)
        written = self._handle.touch(key, ttl_ms(ttl), condition)
        return None if written is None else written[0]

    def delete(self, key: str, *, if_version: int | None = None) -> int | None:
        """Delete the document; return the version of the deletion, once it is durable, or None if the key did not
        exist.

        ``if_version`` and errors as in set().
        """
        written = self._handle.delete(key, ANY_VERSION if if_version is None else check_version(if_version))
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

    def checkpoint(self) -> int:
        """Write a snapshot of everything acknowledged so far, and retire that log; return the snapshot's revision.

        Writers continue meanwhile. close() ends it with ClosedError, and the log keeps what it had. Checkpoints also
        run automatically (Limits.checkpoint_log_bytes and checkpoint_interval_seconds). Raises ClosedError,
        DiskFullError, StorageError.
        """
        return self._handle.checkpoint()

    def backup(self, folder: str | os.PathLike[str], *, progress: Callable[[int, int], None] | None = None) -> int:
        """Make a complete copy of the database, as it is now, in the new folder ``folder``; return its revision.

        Writers continue meanwhile. The folder must be missing or empty; it gets its name when all of it is durable and
        was read back. To restore, open it, or a copy of it. ``progress`` is called with the bytes done and in all, by
        another thread. Against a server, the folder is on the server's disk: only for clients on its machine.
        Interrupting the call, or close(), ends the backup, and nothing is left of it. Raises ClosedError,
        DiskFullError, StorageError, CorruptionError.
        """
        return self._handle.backup(folder, progress)

    def info(self) -> dict[str, Any]:
        """Return state, counters and limits. Raises ClosedError."""
        return self._handle.info()

    def ping(self) -> None:
        """Check that the database answers. Raises ClosedError, and over a network ConnectionLostError."""
        self._handle.ping()

    def close(self) -> None:
        """Wait for writes in flight, end checkpoints and subscriptions, release the folder.

        Idempotent. If a signal handler raises meanwhile (Ctrl-C), closing continues; call it again to wait for its end.
        """
        self._handle.close()

    def __enter__(self) -> Self:
        self._handle.check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        handle = getattr(self, "_handle", None)
        if isinstance(handle, Engine) and not handle.closed:
            handle.close_aside()  # first, because a warning may be an error
            warnings.warn(f"unclosed database {handle.directory!r}", ResourceWarning, stacklevel=2, source=self)


_take = PARSER.take


class Subscription(Uncopied, Blocking):
    """The changes of some keys as they commit. Iterates over Event; ends when it or the database is closed."""

    not_copied = SUBSCRIPTION

    def __init__(self, keys: tuple[str, ...], handle: EngineHandle) -> None:
        self._kept = Kept()
        self.keys = keys
        self._taking = threading.Lock()  # one thread takes at a time; others wait for it
        self._process = os.getpid()
        try:
            self._subscriber: Subscriber = handle.subscribe(keys, self._kept)
            self._feed_subscriber = self._subscriber if isinstance(self._subscriber, FeedSubscriber) else None
        except BaseException:  # also from a signal handler
            self.close()
            raise

    def get(self, timeout: float | None = None) -> Event | None:
        """Return the next event; None if none arrives within ``timeout`` seconds (None: wait as long as it takes).

        Raises SubscriberEvictedError; ConnectionLostError; ClosedError after the last event.
        """
        if self._feed_subscriber is not None:  # any thread may take from a feed at any time
            event = _take(self._feed_subscriber)
            if event is not None or timeout == 0:
                return event
        if self._process != os.getpid():  # a forked child: the taking thread may not exist here
            self._taking, self._process = threading.Lock(), os.getpid()
        deadline = None if timeout is None else time.monotonic() + timeout
        turn_seconds = -1 if timeout is None else max(0.0, min(timeout, threading.TIMEOUT_MAX))
        return call_locked(self._taking, turn_seconds, self._get_until, deadline)

    def _get_until(self, deadline: float | None) -> Event | None:
        while True:
            raw = self._subscriber.take()
            if raw is not None:
                return parse_event(raw)
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return None
            self._subscriber.wait(left)

    @property
    def last_revision(self) -> int:
        """The revision of the last event taken; before the first, the one at which it subscribed."""
        return self._subscriber.last_revision

    def close(self) -> None:
        """Stop watching; pending events are lost. Idempotent; from any thread."""
        if self._kept.made is not None:
            self._kept.made.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        try:
            event = self.get()
        except ForkedError:
            raise
        except ClosedError:
            raise StopIteration from None
        assert event is not None
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_kept"):
            self.close()
