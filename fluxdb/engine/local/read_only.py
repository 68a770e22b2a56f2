"""A database that is only looked at: the state as it was acknowledged last, in memory. Nothing on the disk changes.

A shared lock on the folder keeps owners out, so the state can't grow old meanwhile; other readers may look, too.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
import weakref
from collections.abc import Awaitable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from fluxdb._core.base.locked import Kept
from fluxdb.engine.handle import ANY_VERSION, AsyncSubscriber, Subscriber, Written
from fluxdb.engine.local.awaiting import done_aside
from fluxdb.engine.local.backup import Backup
from fluxdb.engine.local.reader import ReadActor
from fluxdb.engine.local.reading import ReadingEngine, ReadingLoopEngine
from fluxdb.engine.operation import BatchWritten, Incremented, Operation
from fluxdb.errors import ClosedError, ReadOnlyError, closed_error
from fluxdb.limits import Limits
from fluxdb.storage.backup.backup import Source, copy_database
from fluxdb.storage.layout import absolute, require_database, require_folder
from fluxdb.storage.lock import FolderLock
from fluxdb.storage.offline import database_state
from fluxdb.storage.progress import ProgressCallback
from fluxdb.storage.reader import Recovered, read_folder
from fluxdb.storage.system.usage import Usage, ordinary_first

log = logging.getLogger("fluxdb.storage")


class ReadOnlyEngine(ReadingEngine):
    """The documents of a folder, for who reads. Safe from any thread."""

    def __init__(self, path: Path, limits: Limits) -> None:
        """Raises LockedError, CorruptionError, StorageError (also where there is no database)."""
        self.closed = False
        self._process = os.getpid()
        self._limits = limits
        self._directory = absolute(path)
        self._close_lock = threading.Lock()
        require_folder(self._directory)
        self._lock = FolderLock.share(self._directory)
        try:
            self._state = _read(self._directory, limits)
        except BaseException:
            self._lock.release()
            raise
        self._state.documents.bound_keys(limits.key_bytes_max)
        self._usage = Usage(self._directory)
        self.reads = ReadActor(self._state.documents, limits)
        self.get = self.reads.get  # type: ignore[method-assign]  # the compiled call itself
        _open_engines.add(self)

    @property
    def directory(self) -> str:
        return str(self._directory)

    def set(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, ttl_ms: int = 0, keep_ttl: bool = False
    ) -> Written:
        self._reject()

    def patch(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, remove_nulls: bool = False, ttl_ms: int = 0
    ) -> Written:
        self._reject()

    def touch(self, key: str, ttl_ms: int = 0, if_version: int = ANY_VERSION) -> Written | None:
        self._reject()

    def delete(self, key: str, if_version: int = ANY_VERSION) -> Written | None:
        self._reject()

    def batch(self, operations: Sequence[Operation]) -> BatchWritten:
        self._reject()

    def increment(self, key: str, by: int = 1, path: str = "", if_version: int = ANY_VERSION) -> Incremented:
        self._reject()

    def subscribe(self, keys: Sequence[str], kept: Kept | None = None) -> Subscriber:
        self._reject()

    def checkpoint(self) -> int:
        self._reject()

    def backup(self, folder: str | os.PathLike[str], progress: ProgressCallback | None = None) -> int:
        return self.start_backup(folder, progress).result()

    def start_backup(self, folder: str | os.PathLike[str], progress: ProgressCallback | None = None) -> Backup:
        """A backup that runs from here on. Raises ClosedError."""
        self.check_open()
        source = Source(self._directory, self._state.snapshot, self._state.position)

        def copy(report: ProgressCallback) -> int:
            copy_database(source, folder, progress=report)
            return source.end.revision

        return Backup(copy, progress)

    def info(self) -> dict[str, Any]:
        self.ping()
        return {
            **ordinary_first(database_state(self._state), self._usage.members()),
            "read_only": True,
            "limits": asdict(self._limits),
        }

    def ping(self) -> None:
        self.check_open()

    def close(self) -> None:
        with self._close_lock:
            self.reads.close()
            self._lock.release()
            self.closed = True

    def close_aside(self) -> None:
        self.close()  # waits for nothing

    def abandon(self) -> None:
        """After fork, in the child: the folder stays the parent's to hold."""
        self._close_lock = threading.Lock()
        self.reads.close()
        self._lock.abandon()
        self.closed = True

    def check_open(self) -> None:
        if self.closed:
            raise closed_error(self._process)

    def _reject(self) -> NoReturn:
        self.ping()
        raise ReadOnlyError(
            f"{self._directory} was opened with read_only, so nothing in it changes: open it without, to write or watch"
        )

    def __del__(self) -> None:
        if not getattr(self, "closed", True) and hasattr(self, "reads"):
            self.close()
            warnings.warn(f"unclosed database {self.directory!r}", ResourceWarning, stacklevel=2, source=self)


class ReadOnlyLoopEngine(ReadingLoopEngine):
    """The same for the tasks of event loops: nothing in it waits."""

    def __init__(self, engine: ReadOnlyEngine, *, closes_engine: bool) -> None:
        self._engine = engine
        self._closes_engine = closes_engine
        self._closed = False

    def readable(self) -> ReadActor:
        return self._opened().reads

    async def index_built(self) -> None:
        reads = self.readable()
        if not reads.has_index:
            await done_aside(reads.build_index, "fluxdb-index")

    def set(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, ttl_ms: int = 0, keep_ttl: bool = False
    ) -> Awaitable[Written]:
        self._opened()._reject()

    def patch(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, remove_nulls: bool = False, ttl_ms: int = 0
    ) -> Awaitable[Written]:
        self._opened()._reject()

    def touch(self, key: str, ttl_ms: int = 0, if_version: int = ANY_VERSION) -> Awaitable[Written | None]:
        self._opened()._reject()

    def delete(self, key: str, if_version: int = ANY_VERSION) -> Awaitable[Written | None]:
        self._opened()._reject()

    async def batch(self, operations: Sequence[Operation]) -> BatchWritten:
        self._opened()._reject()

    async def increment(self, key: str, by: int = 1, path: str = "", if_version: int = ANY_VERSION) -> Incremented:
        self._opened()._reject()

    async def subscribe(self, keys: Sequence[str], kept: Kept | None = None) -> AsyncSubscriber:
        self._opened()._reject()

    async def checkpoint(self) -> int:
        return self._opened().checkpoint()

    async def backup(self, folder: str | os.PathLike[str], progress: ProgressCallback | None = None) -> int:
        from fluxdb.engine.local.awaiting import finished  # and asyncio, which takes a while to import

        return await finished(self._opened().start_backup(folder, progress))

    async def info(self) -> dict[str, Any]:
        return self._opened().info()

    async def ping(self) -> None:
        self._opened().ping()

    async def close(self) -> None:
        self._closed = True
        if self._closes_engine:
            self._engine.close()

    def check_open(self) -> None:
        self._opened().check_open()

    def _opened(self) -> ReadOnlyEngine:
        if self._closed:
            raise ClosedError("the database is closed")
        return self._engine


def _read(directory: Path, limits: Limits) -> Recovered:
    require_database(directory)
    state = read_folder(directory, tombstones_max=limits.tombstones_max)
    if state.damage is not None:
        raise state.damage
    if state.torn is not None:
        log.warning("%s: %s; what it holds is not shown", directory / state.torn.segment, state.torn)
    for warning in state.warnings:
        log.warning("%s: %s", directory, warning)
    return state


_open_engines: weakref.WeakSet[ReadOnlyEngine] = weakref.WeakSet()


def _abandon_in_child() -> None:
    for engine in list(_open_engines):
        if not engine.closed:
            engine.abandon()


os.register_at_fork(after_in_child=_abandon_in_child)
