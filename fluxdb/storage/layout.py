"""The files of a database folder, by name.

    LOCK                            held by flock while the database is open; the owner's process id
    log-<16 digits>                 a segment of the log, numbered from 1 without gaps
    log.end                         where the log ended when the database was last closed (log_end.py)
    log.spare                       the next segment, allocated ahead; means nothing until it is renamed
    snapshot-<20 digits>            all documents as they were at that revision
    snapshot-<20 digits>.tmp        a snapshot that is not finished; means nothing
    segment.tmp, torn-tail.tmp      likewise, a segment, and a note about the log's end
    *.broken                        a copy that repair kept; never read

Anything else is left alone. All of these are regular files: a link is not followed.
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

_NUMBERED = re.compile(r"(log|snapshot)-([0-9]+)\Z")
_LOCK_BODY = re.compile(rb"[0-9 ]{20}\n")  # how it begins; a LOCK of other stores has something else, or nothing
_OF_NO_ONE = re.compile(r"\.|lost\+found\Z|.*\.broken\Z|salvaged-")  # what a folder for a database may hold beside it
_UNFINISHED = re.compile(r"snapshot-[0-9]{20}\.tmp\Z")


class Folder(NamedTuple):
    """What lies in a folder, but for log.end. Nothing was opened to find out."""

    segments: list[int]  # numbers, ascending
    snapshots: list[int]  # revisions, the newest first
    leftovers: list[str]  # unfinished files: mean nothing, go at the next open
    others: list[str]  # not ours to read


def snapshot_name(revision: int) -> str:
    return f"snapshot-{revision:020d}"


def absolute(path: Path) -> Path:
    """``path`` from the root. Raises StorageError where it is relative, and the current folder was deleted."""
    try:
        return path.absolute()
    except OSError as error:
        words = f"can't find {path}, which is relative: the current folder was deleted or can't be reached"
        raise as_storage_error(words, error) from error


def make_folder(directory: Path) -> None:
    """Make it, with its parents, unless it is there. Raises StorageError."""
    with storage_errors(f"can't create the folder {directory}"):
        if directory.is_symlink() and not directory.exists():
            there = directory.readlink()
            raise StorageError(f"{directory} is a link to {there}, and no folder is there: make it, or mount its disk")
        directory.mkdir(parents=True, exist_ok=True)


def check_is_ours(directory: Path) -> None:
    """A database is made in a folder that is empty, not among other people's files.

    Raises StorageError where the folder holds something and no database; CorruptionError as list_folder.
    """
    folder = list_folder(directory)
    if folder.segments or folder.snapshots or folder.leftovers or _has_our_lock(directory):
        return
    foreign = [name for name in folder.others if name != LOCK_NAME and not _OF_NO_ONE.match(name)]
    if foreign:
        more = f" and {len(foreign) - 1:,} more" if len(foreign) > 1 else ""
        raise StorageError(
            f"{directory} holds {foreign[0]}{more}, and no database: name the folder of a database, or one that is new"
            " or empty"
        )


def _has_our_lock(directory: Path) -> bool:
    try:
        with read_only(directory / LOCK_NAME) as file:
            return _LOCK_BODY.match(file.read(64)) is not None
    except OSError:
        return False


def require_folder(directory: Path) -> None:
    """Raises StorageError where there is none, or one that can't be reached."""
    with storage_errors(f"can't read the folder {directory}"):
        if directory.is_dir():
            return
        is_there = directory.exists()
    if is_there:
        raise StorageError(f"{directory} is a file: a database is a folder")
    raise StorageError(f"there is no database folder {directory}")


def require_database(directory: Path) -> None:
    """Raises StorageError where the folder holds no database, CorruptionError where only log.end is left of one, and
    for names that can't be ours.
    """
    folder = list_folder(directory)
    if not folder.segments and not folder.snapshots:
        noted, _ = read_log_end(directory)
        if noted is not None and noted.revision > 0:
            raise noted.whole_database_missing()
        raise StorageError(f"there is no database in {directory}")


def list_folder(directory: Path) -> Folder:
    """Classify the files of ``directory`` by name.

    Raises CorruptionError for a name that is one of ours written in another way (a second file of the same number, or a
    renumbered one), StorageError where the folder can't be read.
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
        raise StorageError(f"{name} has the name of a database file and is none: move it out of the folder")
    number = int(numbered[2])
    is_segment = numbered[1] == "log"
    proper_name = segment_name(number) if is_segment else snapshot_name(number)
    if name != proper_name or (is_segment and number == 0):
        raise CorruptionError(name, 0, "no database gives this name, so the file was renamed, or is a copy of another")
    (folder.segments if is_segment else folder.snapshots).append(number)
