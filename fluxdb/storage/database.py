"""One open database folder: the lock, the documents, the end of the log, and checkpoints."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fluxdb._core.base.locked import call_locked
from fluxdb._core.commit.committer import Committer
from fluxdb._core.documents.documents import Documents
from fluxdb._core.log.segment import segment_name
from fluxdb.errors import ClosedError, StorageError
from fluxdb.limits import DEFAULT_LIMITS, Limits
from fluxdb.model import Position
from fluxdb.storage.backup.backup import Source, copy_database
from fluxdb.storage.layout import (
    absolute,
    check_is_ours,
    make_folder,
    require_database,
    require_folder,
    snapshot_name,
)
from fluxdb.storage.lock import FolderLock
from fluxdb.storage.log_end import LogEnd, write_log_end
from fluxdb.storage.progress import ProgressCallback
from fluxdb.storage.reader import UNKNOWN_END, Recovered, read_folder
from fluxdb.storage.snapshot.pace import CheckpointPace, calm_log_bytes
from fluxdb.storage.snapshot.writer import Pace, Share, write_snapshot
from fluxdb.storage.system.oserrors import as_storage_error
from fluxdb.storage.writer import retire, take_over

log = logging.getLogger("fluxdb.storage")


class Database:
    """The one owner of a folder. Writes go through ``committer``, reads through ``documents``."""

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        limits: Limits = DEFAULT_LIMITS,
        *,
        create: bool = True,
        progress: ProgressCallback | None = None,
    ) -> Database:
        """Lock, read, decide, take over; only then serve. With ``create``, make a database that does not exist.

        Raises LockedError, CorruptionError (nothing was changed), DiskFullError, StorageError (also if no database
        exists and ``create`` is false, or if the folder holds other files; nothing was made).
        """
        directory = absolute(Path(path))
        if create:
            make_folder(directory)
            check_is_ours(directory)
        else:
            require_folder(directory)
            require_database(directory)
        lock = committer = None
        try:  # a signal handler may raise anywhere here
            lock = FolderLock.own(directory)
            recovered = read_folder(directory, tombstones_max=limits.tombstones_max, progress=progress)
            committer = take_over(recovered, limits)
            return cls(directory, limits, lock, recovered, committer)
        except BaseException:
            if committer is not None:
                committer.close()
            if lock is not None:
                lock.release()
            raise

    def __init__(
        self, directory: Path, limits: Limits, lock: FolderLock, recovered: Recovered, committer: Committer
    ) -> None:
        self.directory = directory
        self.limits = limits
        self.documents: Documents = recovered.documents
        self.committer = committer
        self._lock = lock
        self._database_id = recovered.database_id
        self._report = recovered.report()
        self._snapshot = recovered.snapshot
        self._noted = recovered.closed
        self._checkpointing = threading.Lock()
        self._looking = threading.Lock()
        self._retiring = threading.Lock()
        self._backing_up = threading.Lock()
        self._keeps_files = False  # a backup copies them; guarded by _retiring
        self._displaced = ""  # what became of the folder, as a message; empty: it is in place
        self._closed = False
        self._released = False
        _open_databases.add(self)
        _tell(recovered)

    def checkpoint(self) -> int:
        """Write a durable snapshot of the documents as they are now, then drop the log before it; return its revision.

        Writers continue meanwhile. Does nothing if nothing was written since the last checkpoint.
        Raises ClosedError, DiskFullError, StorageError: the log and the last snapshot are then unchanged.
        """
        with self._checkpointing:
            self._check_open()
            with self.documents.open_view() as view:
                position = view.position
                if self._snapshot is not None and self._snapshot.revision == position.revision:
                    return position.revision
                if position.revision == 0:
                    return 0
                self._check_place()
                write_snapshot(self.directory, self._database_id, view, self._pace())
            self._snapshot = position
            self._retire(position)
            self.committer.checkpointed(view.logged)
            return position.revision

    def _pace(self) -> Pace:
        """Share the disk with the writers; end the snapshot when the database is closed."""
        pace = CheckpointPace(lambda: self.committer.log_bytes, calm_log_bytes(self.limits))

        def after_sync(seconds: float) -> Share:
            self._check_open()
            self._check_place()
            return pace(seconds)

        return after_sync

    def _retire(self, snapshot: Position) -> None:
        """Remove old files, unless a backup copies them. A file that can't be removed now does not fail the checkpoint:
        the next one tries again.
        """
        self._check_place()
        with self._retiring:
            if self._keeps_files:
                return
            try:
                retire(self.directory, snapshot)
            except OSError as error:
                log.warning("%s", as_storage_error(f"can't remove old files of {self.directory}", error))

    def backup(self, destination: str | os.PathLike[str], progress: ProgressCallback | None = None) -> int:
        """Make a complete copy of the database in a new folder, as it is now; return its revision. One at a time.

        Writers and checkpoints continue meanwhile, but no file is removed. Not for a thread in which signal handlers
        run. Raises ClosedError (also if the database is closed meanwhile), and as copy_database.
        """
        with self._backing_up:
            self._check_open()
            self._check_place()
            with self._retiring:
                self._keeps_files = True
            try:
                source = Source(self.directory, self._snapshot, self.documents.position)
                copy_database(source, destination, self._pace(), progress)
                return source.end.revision
            finally:
                with self._retiring:
                    self._keeps_files = False
                if self._snapshot is not None and not self._closed:
                    self._retire(self._snapshot)

    def look(self) -> None:
        """Check that the folder is in place. If it is not, reject writes until it is back, and log that.

        Also log a clock that jumped ahead. Cheap enough to call often: a few system calls, none of which waits.
        """
        if self.documents.expiring and self.documents.take_clock_jump():
            log.error(
                "the system's clock jumped ahead by more than an hour: documents that expire by then are hidden, and "
                "removed in a minute, unless it is put right"
            )
        found = call_locked(self._looking, -1, self._look)
        if found is None:
            return
        if found:
            log.error("no more writes are accepted: %s. Writes of the last second may be lost", found)
        else:
            log.warning("%s is in its place again: writes are accepted", self.directory)

    def _look(self) -> str | None:
        """Return the new problem; empty: the old one is gone; None: no change."""
        if self._closed:
            return None
        problem = self._problem_of_place()
        if problem == self._displaced:
            return None
        self.committer.set_displaced(problem or None)
        self._displaced = problem
        return problem

    def _problem_of_place(self) -> str:
        place = self._lock.place
        problem = place.folder_problem()
        while not problem:
            number = self.committer.stats()["segment"]
            problem = place.segment_problem(segment_name(number))
            if number == self.committer.stats()["segment"]:
                break
            problem = ""  # the log moved on meanwhile, and a checkpoint may have removed that file
        return problem

    def _check_place(self) -> None:
        """Check that the folder's path still leads to the locked folder. Raises StorageError if not."""
        self.look()
        if self._displaced:
            raise StorageError(self._displaced)

    def info(self, *, digest: bool = False) -> dict[str, Any]:
        """Return the database's state, counters and limits. ``digest`` walks all documents. Raises ClosedError."""
        self._check_open()
        self.look()
        stats = self.committer.stats()
        position = self.documents.position
        known: dict[str, Any] = {
            "path": str(self.directory),
            "database_id": self._database_id.hex(),
            "revision": position.revision,
            "keys": len(self.documents),
            "tombstones": self.documents.tombstones,
            "data_bytes": self.documents.data_bytes,
            "log_bytes": self.committer.log_bytes,
            "segment": position.segment,
            "snapshot": None if self._snapshot is None else snapshot_name(self._snapshot.revision),
            "poisoned": self.committer.poisoned,
            "displaced": self._displaced or None,
            "commits": stats,
            "recovery": self._report,
            "limits": asdict(self.limits),
        }
        if digest:
            known["digest"] = self.documents.digest()
        return known

    def announce(self, address: str) -> None:
        """Make LockedError tell other processes that this folder is served at ``address``."""
        self._lock.announce(address)

    @property
    def closed(self) -> bool:
        return self._closed

    def stop_checkpoint(self) -> None:
        """Reject further calls; a snapshot or a backup being written ends with ClosedError after its next sync."""
        self.look()
        call_locked(self._looking, -1, self._stop_looking)

    def _stop_looking(self) -> None:
        self._closed = True

    def close(self) -> None:
        """Commit the writes in flight, and release the folder; a running snapshot or backup ends first.

        Idempotent; call it again if it was interrupted.
        """
        if self._released:
            return
        self.stop_checkpoint()
        call_locked(self._backing_up, -1, call_locked, self._checkpointing, -1, self._release)

    def _release(self) -> None:
        try:
            self.committer.close()
            self._note_log_end()
        finally:
            self._lock.release()
        _open_databases.discard(self)
        self._released = True

    def _note_log_end(self) -> None:
        """Note the log's end: all documents are durable by now. Without the note, the next open only knows less."""
        end, folder = LogEnd.at(self._database_id, self.documents.position), self._lock.folder
        if folder is None or end == self._noted:
            return
        try:
            write_log_end(folder, end)
        except FileNotFoundError:
            pass  # the folder was deleted
        except OSError as error:
            log.warning("%s", as_storage_error(f"can't note in {self.directory} where the log ends", error))

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(f"the database {self.directory} is closed")

    def _abandon(self) -> None:
        """Let go of everything in a forked child: log and lock stay the parent's."""
        self._closed = self._released = True
        self._looking = threading.Lock()
        self._checkpointing = threading.Lock()  # a thread that this process lacks may hold the parent's
        self._retiring = threading.Lock()
        self._backing_up = threading.Lock()
        self.committer.abandon()
        self._lock.abandon()


def _tell(recovered: Recovered) -> None:
    if recovered.torn is not None:
        log.warning("%s: cut off %s", recovered.directory / recovered.torn.segment, recovered.torn)
    elif not recovered.ends_as_closed and not recovered.is_new:
        log.info("%s: %s", recovered.directory, UNKNOWN_END)
    for warning in recovered.warnings:
        log.warning("%s: %s", recovered.directory, warning)


_open_databases: weakref.WeakSet[Database] = weakref.WeakSet()


def _abandon_all() -> None:
    for database in list(_open_databases):
        database._abandon()
    _open_databases.clear()


os.register_at_fork(after_in_child=_abandon_all)
