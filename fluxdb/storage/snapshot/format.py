"""How a snapshot lies on disk. All numbers are little-endian; checksums are XXH3-64 where nothing else is said.

    snapshot := header times floors block footer       nothing after the footer; no times before format 3
    floors   := empty | versions checksum
    block    := head record{records} directory tail    in format 1: head record{records}

    header     80 bytes                                  block head  40 bytes
       0  8 bytes  "FLUXSNAP"                               0  4 bytes  "FXB" and ff    (format 1: "FXSB")
       8  u32      format version, 3                        4  u32      number of records, at least 1
      12  u32      bytes of the floors: 0 or 32,768         8  u64      number of the block, from 0
      16  16 bytes id of the database                      16  u64      revision of the snapshot
      32  u64      revision that it stands for             24  u64      bytes of the records
      40  u64      last group of the log in it             32  u64      checksum of bytes 0 to 31 and all that
      48  u64      segment and                                          follows in the block
      56  u64      offset at which the log goes on
      64  u64      checksum in that last group's header  directory   4 bytes a record
      72  u64      checksum of bytes 0 to 71                0  u32      CRC-32C of the record

    times      24 bytes
       0  u64      clock of the database when it was written: milliseconds since 1970
       8  u64      latest revision of a tombstone that was forgotten (0: none was)
      16  u64      checksum of bytes 0 to 15

    versions   4,096 x u64: the highest version that     tail        32 bytes
               was forgotten with a tombstone, by
               CRC-32C of the key, its lowest 12 bits       0  4 bytes  "FXD" and ff
                                                            4  u32      number of records
    footer     40 bytes                                     8  u64      number of the block
       0  4 bytes  "FXSE"                                  16  u64      bytes of the records
       4  u32      0                                       24  u64      checksum of bytes 0 to 23 and the directory
       8  u64      number of blocks
      16  u64      number of records
      24  u64      bytes of all records
      32  u64      checksum of bytes 0 to 31

Magic, format version, length and checksum of the header stay as they are in all formats to come.

    record     revision u64, version u64, bytes of the value u32, bytes of the key u16, flags u8 (1: tombstone,
               4: it expires), 0 u8, key (UTF-8), value (canonical JSON; of a tombstone none); with the flag 4 the
               expiry u64: milliseconds since 1970

Opening looks at the checksums of blocks only. The directory is for repair: of a block that is damaged, each record
whose own checksum fits is kept (salvage.py). No key or value can pass for a block or a tail: no byte ff is in UTF-8.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from xxhash import xxh3_64

from fluxdb._core.documents.documents import NUMBER_MAX
from fluxdb.model import Position

SNAPSHOT_FORMAT_VERSION = 3

HEADER_BYTES = 80
TIMES_BYTES = 24
BLOCK_HEAD_BYTES = 40
ENTRY_BYTES = 4
TAIL_BYTES = 32
FOOTER_BYTES = 40
CHECKSUM_BYTES = 8
FLOORS_BYTES = 4096 * 8

HEADER_MAGIC = b"FLUXSNAP"
BLOCK_MAGIC = b"FXB\xff"
BLOCK_MAGIC_1 = b"FXSB"  # of format 1
TAIL_MAGIC = b"FXD\xff"
FOOTER_MAGIC = b"FXSE"

_HEADER = struct.Struct("<8sII16sQQQQQ")
_TIMES = struct.Struct("<QQ")
_BLOCK_HEAD = struct.Struct("<4sIQQQ")
_RECORD_HEAD = struct.Struct("<16xIHBB")
_TAIL = struct.Struct("<4sIQQ")
_FOOTER = struct.Struct("<4sIQQQ")
_CHECKSUM = struct.Struct("<Q")

_TOMBSTONE, _EXPIRES = 1, 4
_RECORD_FLAGS = (0, _TOMBSTONE, _EXPIRES)
_EXPIRY_BYTES = 8


class SnapshotHeader(NamedTuple):
    database_id: bytes
    position: Position
    floors_bytes: int
    format_version: int

    @property
    def times_bytes(self) -> int:
        return 0 if self.format_version < 3 else TIMES_BYTES

    @property
    def block_magic(self) -> bytes:
        return BLOCK_MAGIC_1 if self.format_version == 1 else BLOCK_MAGIC

    def trailer_bytes(self, records: int) -> int:
        """The directory and tail that follow so many records in a block."""
        return 0 if self.format_version == 1 else records * ENTRY_BYTES + TAIL_BYTES


class Times(NamedTuple):
    """The time at which it was written, and what is no longer known of the past."""

    clock_ms: int = 0  # since 1970; 0: not known
    forgotten_revision: int = 0  # the latest of a tombstone that was forgotten; 0: none was


class BlockHead(NamedTuple):
    magic: bytes
    records: int
    number: int
    revision: int
    payload_bytes: int


class Tail(NamedTuple):
    magic: bytes
    records: int
    number: int
    payload_bytes: int


class Totals(NamedTuple):
    """The content of the footer."""

    blocks: int
    records: int
    payload_bytes: int


def encode_header(database_id: bytes, position: Position, floors: bytes, times: Times = Times()) -> bytes:  # noqa: B008
    """The header, the times and the floors."""
    head = _HEADER.pack(HEADER_MAGIC, SNAPSHOT_FORMAT_VERSION, len(floors), database_id, *position)
    packed = _TIMES.pack(*times)
    return head + _checksum(head) + packed + _checksum(packed) + (floors + _checksum(floors) if floors else b"")


def decode_times(times: bytes) -> Times:
    """The times, whose checksum must be verified separately."""
    return Times._make(_TIMES.unpack_from(times))


def decode_header(head: bytes) -> SnapshotHeader:
    """Raises ValueError."""
    magic, format_version, floors_bytes, database_id, *position = _HEADER.unpack_from(head)
    if magic != HEADER_MAGIC:
        raise ValueError("it is not a FluxDB snapshot")
    if not is_intact(head):
        raise ValueError("the checksum of its header does not fit")
    if not 1 <= format_version <= SNAPSHOT_FORMAT_VERSION:
        raise NewerFormatError(format_version)
    if position[0] > NUMBER_MAX:
        raise ValueError(f"it speaks of revision {position[0]}, which can't be")
    if floors_bytes not in (0, FLOORS_BYTES):
        raise ValueError(f"it speaks of {floors_bytes} bytes of floors")
    return SnapshotHeader(database_id, Position(*position), floors_bytes, format_version)


def change_database(head: bytes, database_id: bytes) -> bytes:
    """The same header for a copy of the snapshot in another database. Raises ValueError."""
    decode_header(head)
    changed = head[:16] + database_id + head[32 : -_CHECKSUM.size]
    return changed + _checksum(changed)


class NewerFormatError(ValueError):
    """The file has a format that this version does not know."""


def floors_can_be(floors: bytes) -> bool:
    """Are these versions?"""
    versions: tuple[int, ...] = struct.unpack(f"<{len(floors) // 8}Q", floors)
    return max(versions) <= NUMBER_MAX


def encode_block(number: int, revision: int, payload: bytes | memoryview, records: int, directory: bytes) -> bytes:
    """All of the block."""
    tail = _TAIL.pack(TAIL_MAGIC, records, number, len(payload))
    tail += _checksum(tail, directory)
    head = _BLOCK_HEAD.pack(BLOCK_MAGIC, records, number, revision, len(payload))
    return b"".join((head, _checksum(head, payload, directory, tail), payload, directory, tail))


def decode_tail(tail: bytes) -> Tail:
    """The tail, whose checksum must be looked at apart."""
    return Tail._make(_TAIL.unpack_from(tail))


def decode_block_head(head: bytes) -> BlockHead:
    return BlockHead._make(_BLOCK_HEAD.unpack_from(head))


def record_bytes(payload: bytes, at: int) -> int:
    """The bytes of the record that begins there, as its own head says; 0 where none can."""
    if len(payload) - at < _RECORD_HEAD.size:
        return 0
    value_bytes, key_bytes, flags, zero = _RECORD_HEAD.unpack_from(payload, at)
    byte_count: int = _RECORD_HEAD.size + value_bytes + key_bytes + (_EXPIRY_BYTES if flags & _EXPIRES else 0)
    return byte_count if key_bytes and flags in _RECORD_FLAGS and not zero and byte_count <= len(payload) - at else 0


def encode_footer(totals: Totals) -> bytes:
    head = _FOOTER.pack(FOOTER_MAGIC, 0, *totals)
    return head + _checksum(head)


def decode_footer(head: bytes) -> Totals:
    """The footer, whose checksum must be looked at apart."""
    return Totals._make(_FOOTER.unpack_from(head)[2:])


def is_intact(head: bytes, rest: bytes | memoryview = b"") -> bool:
    """Does the checksum at the end of ``head`` stand for what is before it and ``rest``?"""
    return _checksum(head[: -_CHECKSUM.size], rest) == head[-_CHECKSUM.size :]


def _checksum(*parts: bytes | memoryview) -> bytes:
    digest = xxh3_64()
    for part in parts:
        digest.update(part)
    return _CHECKSUM.pack(digest.intdigest())
