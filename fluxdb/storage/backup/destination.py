"""The folder that a backup is written to: at no moment does it open as a database unless it is whole.

    DEST.part    while files are copied; backup.unfinished is in it, so nothing opens it
    DEST         after the rename, until backup.unfinished is removed: nothing opens it either
    DEST         the backup

A crash leaves one of these. The next backup to the same place removes the unfinished one and starts again.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from fluxdb.errors import FluxDBError, StorageError
from fluxdb.storage.layout import LOCK_NAME, UNFINISHED_BACKUP_NAME, absolute, list_folder, make_folder
from fluxdb.storage.lock import FolderLock
from fluxdb.storage.system.durable import sync_ancestors, sync_directory, sync_file
from fluxdb.storage.system.files import create_private
from fluxdb.storage.system.oserrors import storage_errors

PART_SUFFIX = ".part"


class Destination:
    """A new folder, locked, and empty but for the mark of an unfinished backup. ``close`` it in any case."""

    def __init__(self, path: str | os.PathLike[str], source: Path) -> None:
        """Raises StorageError if ``path`` holds anything, or lies in the folder ``source``; LockedError if another
        backup is being written there.
        """
        self.path = _resolved(Path(path))
        self.folder = self.path.with_name(self.path.name + PART_SUFFIX)  # where the files are by now
        self._finished = False
        if _resolved(source) in (self.path, *self.path.parents):
            raise StorageError(f"{self.path} lies in the database's own folder {source}: name a folder outside of it")
        _free(self.path)
        make_folder(self.path.parent)
        with storage_errors(f"can't create the folder {self.folder}"):
            self.folder.mkdir(exist_ok=True)
        _require_unfinished(self.folder)
        self.lock = FolderLock.own(self.folder)
        try:
            with storage_errors(f"can't prepare {self.folder}"):
                self._mark()
        except BaseException:
            self.close()
            raise

    def _mark(self) -> None:
        with create_private(self.folder / UNFINISHED_BACKUP_NAME) as file:
            sync_file(file.fileno())
        _clear(self.folder)  # and make the mark's name durable, before anything else is in the folder
        sync_ancestors(self.folder)

    def finish(self) -> None:
        """Give the backup its name. All files in it must be durable. Raises StorageError."""
        with storage_errors(f"can't give the backup its name {self.path}"):
            sync_directory(self.folder)
            self.folder.rename(self.path)  # an empty folder of that name is replaced
            self.folder = self.path
            sync_directory(self.path.parent)
            (self.path / UNFINISHED_BACKUP_NAME).unlink()
            sync_directory(self.path)
        self._finished = True

    def close(self) -> None:
        """Unlock the folder. Remove it if it is unfinished, as far as that is possible."""
        try:
            if not self._finished:
                with suppress(OSError, FluxDBError):
                    _remove(self.folder)
        finally:
            self.lock.release()


def _resolved(path: Path) -> Path:
    if "\0" in str(path):
        raise StorageError(f"no folder has a name with a NUL in it: {str(path)!r}")
    with storage_errors(f"can't find {path}"):
        return absolute(path).resolve()


def _free(path: Path) -> None:
    """Check that ``path`` is missing, or an empty folder; remove an unfinished backup."""
    with storage_errors(f"can't look at {path}"):
        if not path.exists():
            return
        if not path.is_dir():
            raise StorageError(f"{path} is a file: name a new folder for the backup")
        if _is_unfinished(path):
            _discard(path)
            return
        first = next(iter(sorted(path.iterdir())), None)
    if first is not None:
        raise StorageError(f"{path} is not empty ({first.name} is there): name a new or empty folder for the backup")


def _discard(path: Path) -> None:
    lock = FolderLock.own(path)
    try:
        _remove(path)
    finally:
        lock.release()


def _is_unfinished(folder: Path) -> bool:
    return (folder / UNFINISHED_BACKUP_NAME).is_file()


def _require_unfinished(folder: Path) -> None:
    """Check that the folder is a backup that was not finished, or has nothing in it yet."""
    with storage_errors(f"can't look at {folder}"):
        if _is_unfinished(folder) and not folder.is_symlink():
            return
        names = {entry.name for entry in folder.iterdir()} - {LOCK_NAME}
    if names or folder.is_symlink():
        raise StorageError(f"{folder} is in the way, and no unfinished backup: move it, or name another folder")


def _clear(folder: Path) -> None:
    """Remove what an unfinished backup left, but not its mark. Raises StorageError for any other file."""
    known = list_folder(folder)
    others = [name for name in known.others if name not in (LOCK_NAME, UNFINISHED_BACKUP_NAME)]
    if others:
        raise StorageError(f"{folder} holds {others[0]}, which is not a backup's: move it, or name another folder")
    for entry in sorted(folder.iterdir()):
        if entry.name not in known.others:
            entry.unlink()
    sync_directory(folder)


def _remove(folder: Path) -> None:
    """Remove an unfinished backup: the mark last, so that a crash leaves nothing that opens."""
    _clear(folder)
    (folder / UNFINISHED_BACKUP_NAME).unlink(missing_ok=True)
    (folder / LOCK_NAME).unlink(missing_ok=True)
    folder.rmdir()
    sync_directory(folder.parent)
