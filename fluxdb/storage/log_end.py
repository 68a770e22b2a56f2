"""The note of where the log ended, written by each clean close: it shows what the log has lost since.

A log alone can't tell what stood after its end. A last group that lost a sector looks like one that a crash left
unfinished, and a missing last segment leaves no trace. The note tells, for everything up to the last clean close.

    log.end    one sector, rewritten in place; all numbers are little-endian
       0  8 bytes  "FLUXEND" and a zero
       8  u32      format version, 1
      12  u32      CRC-32C of bytes 0 to 11 and 16 to 511
      16  16 bytes id of the database
      32  u64      revision of the last write in the log    (0: none)
      40  u64      last group                               (0: none)
      48  u64      segment that it is in, and
      56  u64      offset at which the log goes on there
      64           zeros, up to 512

The note is a lower bound: "the log was durable up to here". Groups are only appended after it, so it stays true when
the database is opened again, whatever happens then. So nothing has to remove it before the first write: opening only
reads it, a SET never sees it, and at no moment could a crash find it false. A FluxDB that does not know the note leaves
it true as well. It is written after the last group is durable, and a sector reaches the disk whole or not at all, so a
crash leaves either the previous note or this one; for the very first note, a file that is empty or zeros.

It compares by revision, which survives a repair that begins a new log. It is a separate file, not a part of LOCK: LOCK
means nothing without its owner, is left out of copies, and may be removed; the note is a part of the database.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import NamedTuple

from fluxdb._core.base.crc32c import crc32c
from fluxdb._core.base.descriptor import Descriptor
from fluxdb._core.log.segment import SECTOR_BYTES, segment_name
from fluxdb.errors import CorruptionError
from fluxdb.model import Position
from fluxdb.storage.system.durable import sync_file, sync_open_directory, write_all
from fluxdb.storage.system.files import open_inside, read_only
from fluxdb.storage.system.oserrors import storage_errors

END_NAME = "log.end"

_MAGIC = b"FLUXEND\0"
_FORMAT_VERSION = 1
_HEAD = struct.Struct("<8sII")
_BODY = struct.Struct("<16sQQQQ")


class LogEnd(NamedTuple):
    """The end of the log when the database was closed. All of the log was durable."""

    database_id: bytes
    revision: int
    group: int
    segment: int
    offset: int

    @classmethod
    def at(cls, database_id: bytes, position: Position) -> LogEnd:
        return cls(database_id, position.revision, position.group, position.segment, position.offset)

    def __str__(self) -> str:
        return f"the database was closed at revision {self.revision}, in {segment_name(self.segment)}"

    def whole_database_missing(self) -> CorruptionError:
        """Return the damage for a folder in which only the note is left of the database."""
        reason = f"{self}; no segment and no snapshot is left. If they were removed on purpose, remove {END_NAME} too"
        return CorruptionError(segment_name(self.segment), 0, reason)


def read_log_end(directory: Path) -> tuple[LogEnd | None, str | None]:
    """Return the note, or what is wrong with it; neither if no close was noted. Raises StorageError.

    An unreadable note is no reason to fail: without it an open only knows less.
    """
    with storage_errors(f"can't read {directory / END_NAME}"):
        try:
            with read_only(directory / END_NAME) as file:
                block = file.read(SECTOR_BYTES)
        except FileNotFoundError:
            return None, None
    if not block.strip(b"\0"):
        return None, None
    if len(block) < SECTOR_BYTES:
        return None, f"it has {len(block)} bytes of {SECTOR_BYTES}"
    magic, format_version, checksum = _HEAD.unpack_from(block)
    if magic != _MAGIC or checksum != _checksum(block):
        return None, "its checksum does not fit"
    if format_version != _FORMAT_VERSION:
        return None, f"it has format {format_version}, this FluxDB reads {_FORMAT_VERSION}"
    return LogEnd._make(_BODY.unpack_from(block, _HEAD.size)), None


def write_log_end(folder: Descriptor, end: LogEnd) -> None:
    """Write the note durably. Raises OSError; the log is unaffected."""
    block = (_HEAD.pack(_MAGIC, _FORMAT_VERSION, 0) + _BODY.pack(*end)).ljust(SECTOR_BYTES, b"\0")
    head = _HEAD.pack(_MAGIC, _FORMAT_VERSION, _checksum(block))
    with open_inside(folder, END_NAME, os.O_RDWR | os.O_CREAT) as file:
        is_new = os.fstat(file.fileno()).st_size < SECTOR_BYTES
        write_all(file.fileno(), head + block[len(head) :], 0)
        sync_file(file.fileno())
    if is_new:
        sync_open_directory(folder)


def _checksum(block: bytes) -> int:
    return crc32c(block[_HEAD.size :], crc32c(block[: _HEAD.size - 4]))
