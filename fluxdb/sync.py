"""The blocking API: ``fluxdb.open``. Its twin for asyncio is ``fluxdb.aio``."""

from __future__ import annotations

import os
import threading
import time
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fluxdb._core.base.locked import Kept, call_locked
from fluxdb._core.base.model import Document, Event
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
from fluxdb.values import check_version, encode, warn_of_stars

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
    """Open the database in the folder ``path``, which is made if it is missing. Or connect to a server.

    A folder: recovers what the last owner left, however it ended; when this returns, all that it acknowledged is there.
    With ``create=False`` a database that is not there is an error, and nothing is made.
    With ``read_only=True`` no byte on the disk is changed: it shows the state that was acknowledged last, rejects
    writes and subscriptions with ReadOnlyError, and keeps owners out until it is closed; others may read beside it.
    Raises LockedError (another process, or this one, has it open), CorruptionError, DiskFullError, StorageError (also
    for a folder that holds other things); ValueError for text that looks like an address, a variable or nothing.

    A server: ``fluxdb://[:password@]host[:port]``, ``fluxdbs://...`` (TLS; ``tls`` for settings of your own) or
    ``fluxdb+unix:///path``. ``timeout``: seconds that a call may take, connecting anew included (None: as long as it
    takes; so does checkpoint()), else RequestTimeoutError. Of ``limits``, those of subscribers count. A connection that
    is lost is made anew by the next call; a write that was on its way then raises ConnectionLostError with
    ``maybe_applied``, and is never sent twice.
    A request that timed out ends a connection on which nothing has come since it was sent.
    A subscription goes on by itself, too, but raises ConnectionLostError once, since events may have been missed.
    ``heartbeat_seconds``: after so long without a word while keys are watched the server is pinged, and a connection
    on which nothing comes for as long again is given up (0 or None: no ping).
    Raises ConnectionLostError, AuthError, ValueError (no such address, an unknown scheme). A folder whose name has
    ``://`` in it is named by a pathlib.Path.
    """
    remote = Remote(password, timeout, tls, heartbeat_seconds)
    return FluxDB(open_handle(path, limits, Local(create, read_only), remote))


class FluxDB(Uncopied, Blocking):
    """An open database. Safe from many threads at once; their writes are made durable together.

    Use it as a context manager, or close() it. A program that forgets to still ends, and keeps every acknowledged
    write.
    """

    not_copied = DATABASE

    def __init__(self, handle: EngineHandle) -> None:
        if not isinstance(handle, EngineHandle):
            raise TypeError(f"a FluxDB is not made by its class: {OPEN_IT}")
        self._handle = handle
        self._get = handle.get
        self._set = handle.set
        if type(self) is FluxDB:
            self.get = handle.get  # type: ignore[method-assign]  # a frame less: a tenth of a GET in process

    @property
    def handle(self) -> EngineHandle:
        """The engine behind it, which speaks JSON text instead of Python values."""
        return self._handle

    def get(self, key: str) -> Document | None:
        """The latest acknowledged document of ``key``, or None where there is none.

        Each call parses anew: the value is yours to change. Raises InvalidKeyError, ClosedError.
        """
        return self._get(key)

    def set(self, key: str, value: Any, *, if_version: int | None = None) -> int:
        """Store ``value``: None, bool, int, float, str, list, tuple, dict. Its version, once it is durable.

        Subclasses of these (OrderedDict, IntEnum) are stored as the plain values that they equal.
        ``if_version``: only where the current version is this one; 0: only where the key does not exist.
        Raises InvalidKeyError, InvalidValueError, LimitError, VersionConflictError, ClosedError, StorageError.
        """
        text = encode(value)
        return self._set(key, text, ANY_VERSION if if_version is None else check_version(if_version))[0]

    def patch(self, key: str, delta: Any, *, if_version: int | None = None, remove_nulls: bool = False) -> int:
        """Merge ``delta`` into the document, objects member by member at every depth. Its version, once it is durable.

        Anything but an object overwrites, null too; with ``remove_nulls`` a null removes the member (RFC 7396).
        A missing key starts from nothing. ``if_version`` and errors as in set().
        """
        condition = ANY_VERSION if if_version is None else check_version(if_version)
        return self._handle.patch(key, encode(delta), condition, remove_nulls=remove_nulls)[0]

    def delete(self, key: str, *, if_version: int | None = None) -> int | None:
        """Delete the document. The version of the deletion, once it is durable; None where there was nothing to delete.

        ``if_version`` and errors as in set().
        """
        written = self._handle.delete(key, ANY_VERSION if if_version is None else check_version(if_version))
        return None if written is None else written[0]

    def subscribe(self, *keys: str) -> Subscription:
        """Watch ``keys``: every change that commits after the return is told, in the order of the commits.

        Iterate over the subscription, and close it (or use it as a context manager). One that falls behind by more than
        Limits.subscriber_events_max events or subscriber_bytes_max bytes is evicted: the next event that is asked for
        raises SubscriberEvictedError, and what was not taken is gone. Over a connection that was lost, the next one
        raises ConnectionLostError, once: the subscription goes on by itself, but events may have been missed.
        A ``*`` is a character of a key like any other; a key that ends with one is warned about.
        Raises InvalidKeyError, LimitError, ClosedError, ValueError (no key).
        """
        warn_of_stars(keys)
        return Subscription(keys, self._handle)

    def checkpoint(self) -> int:
        """Write a snapshot of all that was acknowledged before, and retire that log. Its revision, once it is durable.

        Writers go on meanwhile; close() ends it with ClosedError, and the log keeps what it had. Checkpoints come by
        themselves, too (Limits.checkpoint_log_bytes and checkpoint_interval_seconds).
        Raises ClosedError, DiskFullError, StorageError.
        """
        return self._handle.checkpoint()

    def info(self) -> dict[str, Any]:
        """State, counters and limits. Raises ClosedError."""
        return self._handle.info()

    def ping(self) -> None:
        """Return where the database answers. Raises ClosedError where it does not."""
        self._handle.ping()

    def close(self) -> None:
        """Wait for writes on their way, end checkpoints and subscriptions, let go of the folder.

        Idempotent. Where a signal handler raises meanwhile (Ctrl-C), it goes on; call it again to wait for its end.
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
            handle.close_aside()  # first: a warning can be an error
            warnings.warn(f"unclosed database {handle.directory!r}", ResourceWarning, stacklevel=2, source=self)


_take = PARSER.take


class Subscription(Uncopied, Blocking):
    """The changes of some keys, as they are committed. Iterates Event; ends when it, or the database, is closed."""

    not_copied = SUBSCRIPTION

    def __init__(self, keys: tuple[str, ...], handle: EngineHandle) -> None:
        self._kept = Kept()
        self.keys = keys
        self._taking = threading.Lock()  # one taker at a time; others wait for him
        self._process = os.getpid()
        try:
            self._subscriber: Subscriber = handle.subscribe(keys, self._kept)
            self._feed_subscriber = self._subscriber if isinstance(self._subscriber, FeedSubscriber) else None
        except BaseException:  # of a signal handler, too
            self.close()
            raise

    def get(self, timeout: float | None = None) -> Event | None:
        """The next event; waits for it, at most ``timeout`` seconds (None: as long as it takes), then None.

        Raises SubscriberEvictedError; ConnectionLostError; ClosedError where there will be no more.
        """
        if self._feed_subscriber is not None:  # of a feed, any thread may take at any time
            event = _take(self._feed_subscriber)
            if event is not None or timeout == 0:
                return event
        if self._process != os.getpid():  # a forked child: the taker may be a thread that is not there
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
        """The revision of the last event that was taken; before the first, the one at which it subscribed."""
        return self._subscriber.last_revision

    def close(self) -> None:
        """Watch no more; what was not taken is gone. Idempotent; from any thread."""
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
