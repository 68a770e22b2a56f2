"""A backup: a complete database at one revision, made of copies of files.

The files of a database up to a position, the end of a group, stand for the state at that position's revision: so the
newest snapshot and the log from there to that position are a database. The log is only appended to, and nobody is
stopped meanwhile; only the removal of files waits.

    copy the snapshot and the segments > note the log's end > sync > read all of it back > give the folder its name

The copy has another database id, because it continues with the same revisions as its source but other documents: a
client that resumes from "revision 900" must see that this is another database. So headers are rewritten, with their own
checksums; every other byte is the source's. The last segment ends soon after its last group: it does not need the room
that was allocated for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from functools import partial
from io import FileIO
from pathlib import Path
from typing import NamedTuple, TypeAlias

from fluxdb._core.log.replay import STOP_END, replay
from fluxdb._core.log.segment import SEGMENT_HEADER_BYTES, change_header
from fluxdb.errors import CorruptionError, StorageError
from fluxdb.limits import DEFAULT_LIMITS, FIRST_SEGMENT_BYTES, Limits
from fluxdb.model import Position
from fluxdb.storage.backup.copying import Copier
from fluxdb.storage.backup.destination import Destination
from fluxdb.storage.base import FIRST_POSITION, where_log_goes_on
from fluxdb.storage.layout import list_folder, require_database, snapshot_name
from fluxdb.storage.log_end import LogEnd, write_log_end
from fluxdb.storage.offline import shared_folder
from fluxdb.storage.progress import Progress, ProgressCallback
from fluxdb.storage.reader import read_folder
from fluxdb.storage.segments import SegmentFile, read_segment, read_segment_file
from fluxdb.storage.snapshot import format as form
from fluxdb.storage.snapshot.reader import SnapshotReader
from fluxdb.storage.snapshot.writer import Pace, steady
from fluxdb.storage.system.durable import sync_file, write_all
from fluxdb.storage.system.files import create_private, read_only
from fluxdb.storage.system.oserrors import storage_errors

CopyFile: TypeAlias = Callable[[FileIO, FileIO], None]  # from an open file to another


class Source(NamedTuple):
    """A database as it is at ``end``: durable, and none of its files goes while it is copied."""

    directory: Path
    snapshot: Position | None  # of the newest one
    end: Position


def backup_database(
    path: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    limits: Limits = DEFAULT_LIMITS,
    *,
    progress: ProgressCallback | None = None,
) -> int:
    """Back up a database that no process owns; return the revision.

    Raises LockedError, CorruptionError (nothing was made), and as copy_database.
    """
    with shared_folder(path) as directory:
        require_database(directory)
        recovered = read_folder(directory, tombstones_max=limits.tombstones_max)
        if recovered.damage is not None:
            raise recovered.damage
        source = Source(directory, recovered.snapshot, recovered.position)
        del recovered  # the documents: they are not needed
        copy_database(source, destination, progress=progress)
    return source.end.revision


def copy_database(
    source: Source,
    destination: str | os.PathLike[str],
    pace: Pace = steady,
    progress: ProgressCallback | None = None,
) -> None:
    """Make a durable, proven copy of the database in the folder ``destination``, which must be missing or empty.

    ``progress`` is called after each piece. Exceptions of it, and of ``pace``, end the backup. Raises LockedError,
    CorruptionError (the source, or what came back from the disk, is damaged), DiskFullError, StorageError. Nothing that
    opens is left then.
    """
    segments = [read_segment_file(source.directory, number) for number in list_folder(source.directory).segments]
    first, index = where_log_goes_on(source.snapshot or FIRST_POSITION, segments)
    needed = [segment for segment in segments[index:] if segment.number <= source.end.segment]
    with closing(Destination(destination, source.directory)) as target:
        copy = _Copy(source, target.folder, needed)
        copy.run(pace, progress)
        assert target.lock.folder is not None, "it is locked until it is closed"
        with storage_errors(f"can't write to {target.folder}"):
            write_log_end(target.lock.folder, LogEnd.at(copy.database_id, source.end))
        copy.prove(first)
        target.finish()


class _Copy:
    def __init__(self, source: Source, folder: Path, segments: list[SegmentFile]) -> None:
        self.database_id = os.urandom(16)
        self._source = source
        self._folder = folder
        self._segments = segments

    def run(self, pace: Pace, progress: ProgressCallback | None) -> None:
        """Copy all files. Raises DiskFullError, StorageError, CorruptionError."""
        meter = Progress(progress, self._total_bytes())
        copier = Copier(pace, meter)
        if self._source.snapshot is not None:
            name = snapshot_name(self._source.snapshot.revision)
            self._copy_file(name, partial(self._copy_snapshot, copier))
        for segment in self._segments:
            self._copy_file(segment.name, partial(self._copy_segment, copier, segment))
        meter.finish()

    def _total_bytes(self) -> int:
        total = sum(self._copied_bytes(segment) for segment in self._segments)
        if self._source.snapshot is None:
            return total
        path = self._source.directory / snapshot_name(self._source.snapshot.revision)
        with storage_errors(f"can't read {path}"):
            return total + path.stat().st_size

    def _copied_bytes(self, segment: SegmentFile) -> int:
        """Up to where it is copied. After its last group the last segment holds what is still being written."""
        return self._source.end.offset if segment.number == self._source.end.segment else segment.size

    def _copy_file(self, name: str, copy: CopyFile) -> None:
        with (
            storage_errors(f"can't back up {self._source.directory / name} to {self._folder}"),
            read_only(self._source.directory / name) as source,
            create_private(self._folder / name) as target,
        ):
            copy(source, target)
            sync_file(target.fileno())

    def _copy_snapshot(self, copier: Copier, source: FileIO, target: FileIO) -> None:
        head = form.change_database(os.pread(source.fileno(), form.HEADER_BYTES, 0), self.database_id)
        write_all(target.fileno(), head, 0)
        copier.copy(source, target, len(head), os.fstat(source.fileno()).st_size)

    def _copy_segment(self, copier: Copier, segment: SegmentFile, source: FileIO, target: FileIO) -> None:
        if segment.header is None:
            raise CorruptionError(segment.name, 0, segment.problem or "its header is damaged")
        end, segment_bytes = self._copied_bytes(segment), segment.header.segment_bytes
        if segment.number == self._source.end.segment:
            segment_bytes = max(FIRST_SEGMENT_BYTES, -(-end // SEGMENT_HEADER_BYTES) * SEGMENT_HEADER_BYTES)
        block = os.pread(source.fileno(), SEGMENT_HEADER_BYTES, 0)
        write_all(target.fileno(), change_header(block, self.database_id, segment_bytes), 0)
        copier.copy(source, target, SEGMENT_HEADER_BYTES, end)
        if segment_bytes > end:
            write_all(target.fileno(), bytes(segment_bytes - end), end)

    def prove(self, first: Position) -> None:
        """Read all of the copy back, as an open would. Raises CorruptionError, StorageError."""
        if self._source.snapshot is not None:
            with closing(SnapshotReader(self._folder, self._source.snapshot.revision)) as reader:
                for _ in reader.blocks():
                    pass
        position = first
        for segment in self._segments:
            copied = read_segment_file(self._folder, segment.number)
            if segment is not self._segments[0]:
                if copied.start is None or copied.start != position._replace(
                    segment=copied.number, offset=SEGMENT_HEADER_BYTES
                ):
                    raise CorruptionError(copied.name, 0, copied.problem or "it does not follow the segment before it")
                position = copied.start
            stop = replay(None, read_segment(self._folder, copied), position)
            if stop.reason != STOP_END:
                raise CorruptionError(copied.name, stop.position.offset, "the log stops here, and should not")
            position = stop.position
        if position != self._source.end:
            raise StorageError(f"the backup ends at {position}, not at {self._source.end}: nothing was kept of it")
