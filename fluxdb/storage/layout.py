"""The files of a database folder, by name.

    LOCK                            held by flock while the database is open; the owner's process id
    log-<16 digits>                 a segment of the log, numbered from 1 without gaps
    log.end                         where the log ended when the database was last closed (log_end.py)
    log.spare                       the next segment, allocated ahead; means nothing until it is renamed
    snapshot-<20 digits>            all documents as they were at that revision
    snapshot-<20 digits>.tmp        a snapshot that is not finished; means nothing
    segment.tmp, torn-tail.tmp      likewise, a segment, and a note about the log's end
    *.broken                        a copy that repair kept; never read
    backup.unfinished               this is a backup that is not whole: nothing opens the folder

Any other file is left alone. All of these are regular files: links are not followed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from fluxdb._core.log.segment import segment_name
from fluxdb.errors import CorruptionError, StorageError
from fluxdb.storage.log_end import END_NAME, read_log_end
from fluxdb.storage.system.files import read_only
from fluxdb.storage.system.oserrors import as_storage_error, storage_errors

LOCK_NAME = "LOCK"
SPARE_NAME = "log.spare"
TEMPORARY_SUFFIX = ".tmp"
NOTE_NAME = "torn-tail.tmp"  # storage/tail.py says what it notes
SEGMENT_TEMPORARY_NAME = "segment.tmp"
BROKEN_SUFFIX = ".broken"
UNFINISHED_BACKUP_NAME = "backup.unfinished"  # storage/backup/destination.py says when it is there

_NUMBERED = re.compile(r"(log|snapshot)-([0-9]+)\Z")
_LOCK_BODY = re.compile(rb"[0-9 ]{20}\n")  # how it begins; another store's LOCK has something else, or nothing
_OF_NO_ONE = re.compile(r"\.|lost\+found\Z|.*\.broken\Z|salvaged-")  # what a folder for a database may hold besides
_UNFINISHED = re.compile(r"snapshot-[0-9]{20}\.tmp\Z")


class Folder(NamedTuple):
    """The content of a folder, besides log.end. Nothing was opened to find out."""

    segments: list[int]  # numbers, ascending
    snapshots: list[int]  # revisions, newest first
    leftovers: list[str]  # unfinished files: mean nothing, removed by the next open
    others: list[str]  # not FluxDB's files


def snapshot_name(revision: int) -> str:
    return f"snapshot-{revision:020d}"


def absolute(path: Path) -> Path:
    """Return ``path`` from the root. Raises StorageError if it is relative and the current folder was deleted."""
    try:
        return path.absolute()
    except OSError as error:
        message = f"can't find {path}, which is relative: the current folder was deleted or can't be reached"
        raise as_storage_error(message, error) from error


def make_folder(directory: Path) -> None:
    """Make the folder and its parents if they are missing. Raises StorageError."""
    with storage_errors(f"can't create the folder {directory}"):
        if directory.is_symlink() and not directory.exists():
            there = directory.readlink()
            raise StorageError(f"{directory} is a link to {there}, and no folder is there: make it, or mount its disk")
        directory.mkdir(parents=True, exist_ok=True)


def check_is_ours(directory: Path) -> None:
    """Check that a database may be made here: only in an empty folder, not among other files.

    Raises StorageError if the folder holds files but no database; CorruptionError as list_folder does.
    """
    folder = list_folder(directory)
    _reject_unfinished_backup(directory, folder)
    if folder.segments or folder.snapshots or folder.leftovers or _has_our_lock(directory):
        return
    foreign = [name for name in folder.others if name != LOCK_NAME and not _OF_NO_ONE.match(name)]
    if foreign:
        more = f" and {len(foreign) - 1:,} more" if len(foreign) > 1 else ""
        raise StorageError(
            f"{directory} holds {foreign[0]}{more} but no database: name a database's folder, or a new or empty one"
        )


def _reject_unfinished_backup(directory: Path, folder: Folder) -> None:
    if UNFINISHED_BACKUP_NAME in folder.others:
        raise StorageError(f"{directory} is a backup that was not finished: back up again, or remove the folder")


def _has_our_lock(directory: Path) -> bool:
    try:
        with read_only(directory / LOCK_NAME) as file:
            return _LOCK_BODY.match(file.read(64)) is not None
    except OSError:
        return False


def require_folder(directory: Path) -> None:
    """Check that the folder exists. Raises StorageError if it does not, or can't be reached."""
    with storage_errors(f"can't read the folder {directory}"):
        if directory.is_dir():
            return
        is_there = directory.exists()
    if is_there:
        raise StorageError(f"{directory} is a file: a database is a folder")
    raise StorageError(f"there is no database folder {directory}")


def require_database(directory: Path) -> None:
    """Check that the folder holds a database.

    Raises StorageError if it holds none, CorruptionError if only log.end is left of one, and for names that no database
    gives.
    """
    folder = list_folder(directory)
    _reject_unfinished_backup(directory, folder)
    if not folder.segments and not folder.snapshots:
        noted, _ = read_log_end(directory)
        if noted is not None and noted.revision > 0:
            raise noted.whole_database_missing()
        raise StorageError(f"there is no database in {directory}")


def list_folder(directory: Path) -> Folder:
    """Classify the files of ``directory`` by name.

    Raises CorruptionError for a name of a database file in another spelling (a second file of the same number, or a
    renumbered one), StorageError if the folder can't be read.
    """
    folder = Folder([], [], [], [])
    with storage_errors(f"can't read the folder {directory}"):
        for path in sorted(directory.iterdir()):
            _classify(folder, path.name, path.is_file() and not path.is_symlink())
    folder.segments.sort()
    folder.snapshots.sort(reverse=True)
    return folder


def _classify(folder: Folder, name: str, is_file: bool) -> None:
    numbered = _NUMBERED.match(name)
    if name == END_NAME and is_file:
        return
    if numbered is None:
        unfinished = name in (SPARE_NAME, SEGMENT_TEMPORARY_NAME, NOTE_NAME) or _UNFINISHED.match(name)
        (folder.leftovers if unfinished and is_file else folder.others).append(name)
        return
    if not is_file:
        raise StorageError(f"{name} has the name of a database file but is not one: move it out of the folder")
    number = int(numbered[2])
    is_segment = numbered[1] == "log"
    proper_name = segment_name(number) if is_segment else snapshot_name(number)
    if name != proper_name or (is_segment and number == 0):
        raise CorruptionError(name, 0, "no database gives this name: the file was renamed, or is a copy")
    (folder.segments if is_segment else folder.snapshots).append(number)
