"""The files of a database folder, by name.

    LOCK                            held by flock while the database is open; the owner's process id
    log-<16 digits>                 a segment of the log, numbered from 1 without gaps
    log.spare                       the next segment, allocated ahead; means nothing until it is renamed
    snapshot-<20 digits>            all documents as they were at that revision
    snapshot-<20 digits>.tmp        a snapshot that is not finished; means nothing
    segment.tmp, torn-tail.tmp      likewise, a segment, and a note about the log's end
    *.broken                        a copy that repair kept; never read

Anything else is left alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from fluxdb._core.segment import segment_name
from fluxdb.errors import CorruptionError, StorageError
from fluxdb.storage.oserrors import storage_errors

LOCK_NAME = "LOCK"
SPARE_NAME = "log.spare"
TEMPORARY_SUFFIX = ".tmp"
NOTE_NAME = "torn-tail.tmp"  # storage/tail.py says what it notes
SEGMENT_TEMPORARY_NAME = "segment.tmp"
BROKEN_SUFFIX = ".broken"

_NUMBERED = re.compile(r"(log|snapshot)-([0-9]+)\Z")
_UNFINISHED = re.compile(r"snapshot-[0-9]{20}\.tmp\Z")


class Folder(NamedTuple):
    """What lies in a folder. Nothing was opened to find out."""

    segments: list[int]  # numbers, ascending
    snapshots: list[int]  # revisions, the newest first
    leftovers: list[str]  # unfinished files: mean nothing, go at the next open
    others: list[str]  # not ours to read


def snapshot_name(revision: int) -> str:
    return f"snapshot-{revision:020d}"


def list_folder(directory: Path) -> Folder:
    """Classify the files of ``directory`` by name.

    Raises CorruptionError for a name that is one of ours written in another way (a second file of the same number, or a
    renumbered one), StorageError where the folder can't be read.
    """
    folder = Folder([], [], [], [])
    with storage_errors(f"can't read the folder {directory}"):
        for path in sorted(directory.iterdir()):
            _classify(folder, path.name, path.is_file())
    folder.segments.sort()
    folder.snapshots.sort(reverse=True)
    return folder


def _classify(folder: Folder, name: str, is_file: bool) -> None:
    numbered = _NUMBERED.match(name)
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
