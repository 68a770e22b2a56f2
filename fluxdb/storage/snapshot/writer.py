"""Writing a snapshot: temporary file, sync, rename, sync of the folder."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import BinaryIO, TypeAlias

from fluxdb._core.documents.documents import block_directories
from fluxdb._core.documents.view import View
from fluxdb.limits import KIB, MIB
from fluxdb.model import Position
from fluxdb.storage.layout import TEMPORARY_SUFFIX, snapshot_name
from fluxdb.storage.snapshot import format as form
from fluxdb.storage.system.durable import allocate, sync_directory, sync_file
from fluxdb.storage.system.files import create_private
from fluxdb.storage.system.oserrors import storage_errors

# Writers wait for the documents' lock while a block is copied, and for the disk while a piece of it is synced: both are
# kept short. Space is allocated ahead, so that the file system has little to record: as much as was written already,
# because a small snapshot must not need much room.
BLOCK_BYTES_MIN = 64 * KIB  # damage to a block costs little
PIECE_BYTES = 128 * KIB
ALLOCATE_BYTES_MIN = 256 * KIB
ALLOCATE_BYTES_MAX = 16 * MIB
# When the log has become long, the checkpoint has to end: it takes more of the disk.
LARGE_PIECE_BYTES = 1 * MIB
# While nobody writes, each sync costs more than the piece; a writer that arrives waits for one of these at worst.
LONE_PIECE_BYTES = 4 * MIB


class Share(Enum):
    """The snapshot's share of the disk."""

    SMALL = 1  # others write, and go first
    LARGE = 2  # others write, and the snapshot has to end
    WHOLE = 3  # nobody else writes


# Called after each sync of a piece with the seconds that it took; may wait. Returns the next piece's share of the disk.
Pace: TypeAlias = Callable[[float], Share]


def steady(seconds: float) -> Share:
    """Pace as if others wrote, but without pauses."""
    return Share.SMALL


def piece_bytes(share: Share) -> int:
    """Bytes to write before the next sync."""
    return {Share.SMALL: PIECE_BYTES, Share.LARGE: LARGE_PIECE_BYTES, Share.WHOLE: LONE_PIECE_BYTES}[share]


def write_snapshot(directory: Path, database_id: bytes, view: View, pace: Pace = steady) -> int:
    """Write the view to its own file, durably; return its size in bytes. Holds one block at a time in memory.

    Exceptions of ``pace`` end the snapshot. Raises DiskFullError, StorageError; nothing is left over then, and the
    previous snapshot is unchanged.
    """
    times = form.Times(view.clock_ms, view.forgotten_revision)
    with closing(SnapshotWriter(directory, database_id, view.position, view.floors(), pace, times)) as writer:
        while True:
            payload, records = view.read_block(BLOCK_BYTES_MIN, naps=not writer.alone)
            if not records:
                return writer.commit()
            writer.add_records(payload)


class SnapshotWriter:
    """A snapshot being written: it counts for nothing until ``commit`` gives it its name."""

    def __init__(
        self,
        directory: Path,
        database_id: bytes,
        position: Position,
        floors: bytes,
        pace: Pace = steady,
        times: form.Times = form.Times(),  # noqa: B008  # immutable
    ) -> None:
        self._path = directory / snapshot_name(position.revision)
        self._temporary_path = self._path.with_suffix(TEMPORARY_SUFFIX)
        self._position = position
        self._pace = pace
        self._share = Share.SMALL
        self._doing = f"can't write {self._path}"
        self._totals = form.Totals(0, 0, 0)
        self._size = 0
        self._unsynced = 0
        self._allocated = 0
        self._sealed = False
        with storage_errors(self._doing):
            self._file: BinaryIO | None = create_private(self._temporary_path)
        try:
            self._write(form.encode_header(database_id, position, floors, times))
        except BaseException:
            self.close()
            raise

    @property
    def alone(self) -> bool:
        """True while nobody else writes, as far as the pace knows."""
        return self._share is Share.WHOLE

    def add_records(self, payload: bytes) -> None:
        """Append blocks of these records. Raises DiskFullError, StorageError."""
        whole = memoryview(payload)
        for begin, end, records, directory in block_directories(payload, BLOCK_BYTES_MIN):
            blocks, records_before, bytes_before = self._totals
            self._write(form.encode_block(blocks, self._position.revision, whole[begin:end], records, directory))
            self._totals = form.Totals(blocks + 1, records_before + records, bytes_before + end - begin)

    def seal(self) -> None:
        """End the file and make it durable, and free the space that was allocated ahead. Idempotent."""
        if self._sealed:
            return
        self._write(form.encode_footer(self._totals))
        with storage_errors(self._doing):
            assert self._file is not None
            self._file.truncate(self._size)
            sync_file(self._file.fileno())
        self._sealed = True

    def commit(self) -> int:
        """Make it durable, then its name; return the file's size. Raises DiskFullError, StorageError."""
        self.seal()
        with storage_errors(self._doing):
            assert self._file is not None
            self._file.close()
            self._temporary_path.replace(self._path)
            self._file = None
            sync_directory(self._path.parent)
        return self._size

    def close(self) -> None:
        """Remove the file. Does nothing after ``commit``. Raises StorageError."""
        if self._file is not None:
            with storage_errors(self._doing):
                self._file.close()
                self._file = None
                self._temporary_path.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        with storage_errors(self._doing):
            assert self._file is not None
            rest = memoryview(data)
            while rest:
                written = self._write_piece(self._file.fileno(), rest)
                rest = rest[written:]

    def _write_piece(self, descriptor: int, rest: memoryview) -> int:
        unsynced_max = piece_bytes(self._share)
        piece = rest[: max(unsynced_max - self._unsynced, 0)]
        if self._size + len(piece) > self._allocated:
            self._allocate_ahead(descriptor)
        written = os.pwrite(descriptor, piece, self._size) if piece else 0
        self._size += written
        self._unsynced += written
        if self._unsynced >= unsynced_max:
            began = time.monotonic()
            sync_file(descriptor)
            self._unsynced = 0
            self._share = self._pace(time.monotonic() - began)
        return written

    def _allocate_ahead(self, descriptor: int) -> None:
        """Allocate ahead. It only saves time: with less room, the pieces take what they find, or report a full disk."""
        try:
            byte_count = min(max(self._allocated, ALLOCATE_BYTES_MIN), ALLOCATE_BYTES_MAX)
            self._allocated = allocate(descriptor, self._allocated, byte_count)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EOPNOTSUPP):
                raise
            self._allocated = sys.maxsize
