"""Making a database from a dump: the same documents, versions and revision, and so the same digest."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fluxdb._core.documents.documents import NUMBER_MAX, Documents, pack_record
from fluxdb.errors import FluxDBError, InvalidKeyError, InvalidValueError, LimitError, StorageError
from fluxdb.limits import DEFAULT_LIMITS, Limits
from fluxdb.storage.base import FIRST_POSITION
from fluxdb.storage.dump.lines import Entry, Head, line_bytes_max, parse_line
from fluxdb.storage.layout import LOCK_NAME, absolute, list_folder, make_folder
from fluxdb.storage.lock import FolderLock
from fluxdb.storage.log_end import END_NAME, LogEnd, write_log_end
from fluxdb.storage.progress import Progress, ProgressCallback
from fluxdb.storage.rebuild import write_database
from fluxdb.storage.system.durable import sync_ancestors, sync_directory
from fluxdb.storage.system.oserrors import storage_errors


class Loaded(NamedTuple):
    """The counts of what was loaded."""

    documents: int
    tombstones: int
    revision: int
    is_dump: bool  # the file began with a dump's first line, so it is known to be complete


def load_database(
    path: str | os.PathLike[str],
    lines: BinaryIO,
    limits: Limits = DEFAULT_LIMITS,
    *,
    total_bytes: int = 0,
    progress: ProgressCallback | None = None,
) -> Loaded:
    """Make a new database in ``path``, which must be missing or empty, from a dump, or from lines of key and value.

    A line without "version" gets 1; one without "revision" the next one (lines of a dump have both). All or nothing: on
    any error no database is made. Raises InvalidValueError, InvalidKeyError, LimitError (with the line's number),
    LockedError, DiskFullError, StorageError.
    """
    directory = absolute(Path(path))
    made = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    had_lock = (directory / LOCK_NAME).exists()
    make_folder(directory)
    lock = FolderLock.own(directory)
    done = False
    try:
        _require_empty(directory)
        loading = _Loading(limits)
        meter = Progress(progress, total_bytes)
        for number, line in _numbered(lines, line_bytes_max(limits)):
            _add(loading, number, line)
            meter.add(len(line))
        with storage_errors(f"can't make {directory} durable"):
            sync_ancestors(directory)
        loaded, end = loading.finish(directory)
        done = True
        if lock.folder is not None:
            with suppress(OSError):  # without the note, an open only knows less
                write_log_end(lock.folder, end)
        return loaded
    finally:
        if not done and not had_lock:
            _take_back(directory, made)
        lock.release()


def _require_empty(directory: Path) -> None:
    folder = list_folder(directory)
    if folder.segments or folder.snapshots:
        raise StorageError(f"{directory} already holds a database: load into a new folder")
    others = [name for name in (*folder.others, END_NAME) if name != LOCK_NAME and (directory / name).exists()]
    if others:
        raise StorageError(f"{directory} is not empty ({others[0]} is there): load into a new folder")


def _numbered(lines: BinaryIO, bytes_max: int) -> Iterator[tuple[int, bytes]]:
    number = 0
    with storage_errors("can't read the dump"):
        while line := lines.readline(bytes_max + 1):
            number += 1
            if len(line) > bytes_max:
                raise LimitError(f"line {number}: it is longer than {bytes_max} bytes, the most that its limits allow")
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if line.strip():
                yield number, line


def _add(loading: _Loading, number: int, line: bytes) -> None:
    try:
        loading.add(parse_line(line, loading.limits))
    except (InvalidValueError, InvalidKeyError, LimitError) as error:
        raise type(error)(f"line {number}: {error}") from None


class _Loading:
    """The documents read so far, and the counts that the first line promised."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.lines = 0
        self._head: Head | None = None
        self._revision = 0
        self._documents = Documents(tombstones_max=limits.tombstones_max)

    def add(self, line: Head | Entry) -> None:
        """Add a line. Raises InvalidValueError."""
        self.lines += 1
        if self.lines == 1:
            self._head = line if isinstance(line, Head) else None
            self._begin()
        elif isinstance(line, Head):
            raise InvalidValueError("this is the first line of another dump: does the file hold two dumps?")
        if isinstance(line, Entry):
            self._add_entry(line)

    def _begin(self) -> None:
        floors = b"" if self._head is None else self._head.floors
        # A dump does not say which tombstones were forgotten, only that some were.
        forgotten = self._head.revision if self._head is not None and floors else 0
        self._documents.begin(FIRST_POSITION._replace(revision=NUMBER_MAX), floors, forgotten_revision=forgotten)

    def _add_entry(self, entry: Entry) -> None:
        if self._head is not None and not 0 < entry.revision <= self._head.revision:
            raise InvalidValueError(f'"revision" must be from 1 to {self._head.revision}, as the first line says')
        revision = entry.revision or self._revision + 1
        self._revision = max(self._revision, revision)
        try:
            self._documents.load_block(pack_record(entry.key, entry.text, entry.version, revision, entry.expires_at_ms))
        except ValueError as error:
            raise InvalidValueError(str(error)) from None

    def finish(self, directory: Path) -> tuple[Loaded, LogEnd]:
        """Check the counts. Raises InvalidValueError if lines are missing, DiskFullError, StorageError."""
        documents, head = self._documents, self._head
        if not self.lines:
            raise InvalidValueError("the file is empty: it lacks even the first line of a dump")
        found = (documents.stored, documents.tombstones)
        if head is not None and found != (head.documents, head.tombstones):
            raise InvalidValueError(
                f"{found[0]} documents and {found[1]} deleted keys were found, but the first line promises "
                f"{head.documents} and {head.tombstones}: the dump was truncated or changed"
            )
        documents.loaded()
        revision = self._revision if head is None else head.revision
        database_id = os.urandom(16)
        write_database(directory, database_id, documents, revision)
        loaded = Loaded(documents.stored, documents.tombstones, revision, head is not None)
        return loaded, LogEnd.at(database_id, FIRST_POSITION._replace(revision=revision))


def _take_back(directory: Path, made: list[Path]) -> None:
    """Remove what was made for a database that failed to load: LOCK and the folders, the innermost first."""
    with suppress(OSError, FluxDBError):
        (directory / LOCK_NAME).unlink(missing_ok=True)
        for folder in made:
            folder.rmdir()
        sync_directory(made[-1].parent if made else directory)
