"""The engine in this process: the actors over an open database.

Every open engine is known here, so that it is closed at the interpreter's exit where the program forgot to, while
threads can still run; and so that a forked child lets go of what belongs to its parent.
"""

from __future__ import annotations

import atexit
import os
import threading
import warnings
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from fluxdb._core.base.locked import Kept, call_locked
from fluxdb._core.commit.committer import Committer
from fluxdb.engine import threads
from fluxdb.engine.handle import ANY_VERSION, Written
from fluxdb.engine.local.backup import Backup
from fluxdb.engine.local.maintenance import SnapshotActor
from fluxdb.engine.local.notifier import NotifyActor
from fluxdb.engine.local.reader import ReadActor
from fluxdb.engine.local.reading import ReadingEngine
from fluxdb.engine.local.subscribers import ThreadSubscriber
from fluxdb.engine.local.writer import WriteActor
from fluxdb.engine.operation import BatchWritten, Incremented, Operation
from fluxdb.errors import closed_error
from fluxdb.limits import Limits
from fluxdb.model import Kind
from fluxdb.storage.database import Database
from fluxdb.storage.progress import ProgressCallback
from fluxdb.storage.system.usage import Usage, ordinary_first

# As plain ints, the compiled core takes them without a detour.
SET = int(Kind.SET)
DELETE = int(Kind.DELETE)
PATCH = int(Kind.PATCH)
PATCH_REMOVE_NULLS = int(Kind.PATCH_REMOVE_NULLS)
INCREMENT = int(Kind.INCREMENT)
TOUCH = int(Kind.TOUCH)

FINALIZER_PATIENCE_SECONDS = 5.0


class Engine(ReadingEngine):
    """An open database with its actors."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self.limits = limits
        self._close_lock = threading.RLock()  # a signal handler may close it, too
        self._released = False
        self._process = os.getpid()
        self.closed = False
        self.reads = ReadActor(database.documents, limits)
        self.notify = NotifyActor(database.committer, limits)
        self.writes = WriteActor(database.committer, self.notify.dispatch)
        self._usage = Usage(database.directory)
        self.snapshots = SnapshotActor(
            database.committer, database.checkpoint, limits, database.look, self._usage.measure
        )
        self._write = self.writes.write
        self.get = self.reads.get  # type: ignore[method-assign]  # the compiled call itself: a frame less per GET
        _open_engines.add(self)

    @property
    def committer(self) -> Committer:
        """The write path itself: a server's connections write to it without a detour."""
        return self._database.committer

    @property
    def directory(self) -> str:
        return str(self._database.directory)

    def set(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, ttl_ms: int = 0, keep_ttl: bool = False
    ) -> Written:
        return took_effect(self._write(SET, key, text, if_version, ttl_ms, keep_ttl))

    def patch(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, remove_nulls: bool = False, ttl_ms: int = 0
    ) -> Written:
        return took_effect(self._write(PATCH_REMOVE_NULLS if remove_nulls else PATCH, key, text, if_version, ttl_ms))

    def touch(self, key: str, ttl_ms: int = 0, if_version: int = ANY_VERSION) -> Written | None:
        return self._write(TOUCH, key, None, if_version, ttl_ms)

    def delete(self, key: str, if_version: int = ANY_VERSION) -> Written | None:
        return self._write(DELETE, key, None, if_version)

    def batch(self, operations: Sequence[Operation]) -> BatchWritten:
        revision, versions, _ = self.writes.write_batch(operations)
        return BatchWritten(revision, versions)

    def increment(self, key: str, by: int = 1, path: str = "", if_version: int = ANY_VERSION) -> Incremented:
        operation = Operation(INCREMENT, key, None, if_version, by=by, path=path)
        return incremented(self.writes.write_batch((operation,)))

    def subscribe(self, keys: Sequence[str], kept: Kept | None = None) -> ThreadSubscriber:
        self.check_open()
        return self.notify.subscribe_thread(keys, kept)

    def checkpoint(self) -> int:
        self.check_open()
        return self.snapshots.ask().result()

    def backup(self, folder: str | os.PathLike[str], progress: ProgressCallback | None = None) -> int:
        return self.start_backup(folder, progress).result()

    def start_backup(self, folder: str | os.PathLike[str], progress: ProgressCallback | None = None) -> Backup:
        """A backup that runs from here on. Raises ClosedError."""
        self.check_open()
        return Backup(partial(self._database.backup, folder), progress)

    def info(self) -> dict[str, Any]:
        self.ping()
        return {
            **ordinary_first(self._database.info(), self._usage.members()),
            "read_only": False,
            "checkpoints": self.snapshots.checkpoints,
            "checkpoint_failures": self.snapshots.failures,
            "subscribers": self.notify.subscribers,
            "subscriber_evictions": self.notify.evictions,
            "queued_event_bytes": self.notify.queued_bytes,
        }

    def announce(self, address: str) -> None:
        """Have LockedError tell others that this folder is served at ``address``, in the form that --addr takes."""
        self._database.announce(address)

    def ping(self) -> None:
        self.check_open()
        self._database.look()

    def check_open(self) -> None:
        if self.closed:
            raise closed_error(self._process)

    def close(self) -> None:
        threads.call_whole(self._close_once, "fluxdb-close")

    def _close_once(self) -> None:
        """A second caller returns when it is closed, not before."""
        call_locked(self._close_lock, -1, self._close)

    def _close(self) -> None:
        """Each step may be repeated, where one was interrupted."""
        if self._released:
            return
        self.closed = True
        with ExitStack() as steps:  # last in, first out; each is done, whatever becomes of those before it
            steps.callback(self._database.close)
            steps.callback(self.reads.close)
            steps.callback(self.notify.close)
            steps.callback(self.writes.close)
            steps.callback(self.snapshots.close)
            steps.callback(self._database.stop_checkpoint)
        self._released = True

    def close_aside(self) -> None:
        """For finalizers, which run in the middle of anything: close in another thread, wait as long as is wise."""
        if not self._released:
            threads.call_aside(self._close_once, "fluxdb-close", FINALIZER_PATIENCE_SECONDS)

    def __del__(self) -> None:
        """Close an engine that nobody has: a signal handler raised before its maker could store it."""
        if hasattr(self, "snapshots"):
            self.close_aside()

    def abandon(self) -> None:
        """After fork, in the child: everything raises ClosedError from here on. The database lets go by itself."""
        self.closed = self._released = True
        self._close_lock = threading.RLock()
        self.reads.close()
        self.notify.abandon()
        self.writes.abandon()
        self.snapshots.abandon()


def took_effect(written: Written | None) -> Written:
    """Return the outcome of a SET or a PATCH, which always take effect if they don't raise."""
    assert written is not None
    return written


def incremented(outcome: tuple[int, list[int | None], list[int | None]]) -> Incremented:
    """Return the outcome of a batch of one INCREMENT, given its revision, versions, sums."""
    revision, (version,), (value,) = outcome
    assert value is not None and version is not None
    return Incremented(value, version, revision)


_open_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _close_forgotten() -> None:
    forgotten = [engine for engine in list(_open_engines) if not engine.closed]
    for engine in forgotten:
        engine.close()
    errors = []
    for engine in forgotten:
        try:
            warnings.warn(f"unclosed database {engine.directory!r}", ResourceWarning, stacklevel=1, source=engine)
        except ResourceWarning as error:  # noqa: PERF203 - where warnings are errors, each is named
            errors.append(str(error))
    if errors:
        raise ResourceWarning("; ".join(errors))


def _abandon_in_child() -> None:
    for engine in list(_open_engines):
        if not engine.closed:
            engine.abandon()


atexit.register(_close_forgotten)
os.register_at_fork(after_in_child=_abandon_in_child)
