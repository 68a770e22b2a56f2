"""How a snapshot lies on disk. All numbers are little-endian; checksums are XXH3-64.

    snapshot := header floors block{records} footer    nothing behind the footer
    floors   := empty | versions checksum

    header     80 bytes                                  block head  40 bytes, its records follow
       0  8 bytes  "FLUXSNAP"                               0  4 bytes  "FXSB"
       8  u32      format version, 1                        4  u32      number of records, at least 1
      12  u32      bytes of the floors: 0 or 32,768         8  u64      number of the block, from 0
      16  16 bytes id of the database                      16  u64      revision of the snapshot
      32  u64      revision that it stands for             24  u64      bytes of the records
      40  u64      last group of the log in it             32  u64      checksum of bytes 0 to 31 and the records
      48  u64      segment and
      56  u64      offset at which the log goes on       footer      40 bytes
      64  u64      checksum in that last group's header     0  4 bytes  "FXSE"
      72  u64      checksum of bytes 0 to 71                4  u32      0
                                                            8  u64      number of blocks
    versions   4,096 x u64: the highest version that       16  u64      number of records
               was forgotten with a tombstone, by          24  u64      bytes of all records
               CRC-32C of the key, its lowest 12 bits      32  u64      checksum of bytes 0 to 31

Magic, format version, length and checksum of the header stay as they are in all formats to come.

    record     revision u64, version u64, bytes of the value u32, bytes of the key u16, 1 for a tombstone u8, 0 u8,
               key (UTF-8), value (canonical JSON; of a tombstone none)
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from xxhash import xxh3_64

from fluxdb.model import NUMBER_MAX, Position

SNAPSHOT_FORMAT_VERSION = 1

HEADER_BYTES = 80
BLOCK_HEAD_BYTES = 40
FOOTER_BYTES = 40
CHECKSUM_BYTES = 8
FLOORS_BYTES = 4096 * 8

HEADER_MAGIC = b"FLUXSNAP"
BLOCK_MAGIC = b"FXSB"
FOOTER_MAGIC = b"FXSE"

_HEADER = struct.Struct("<8sII16sQQQQQ")
_BLOCK_HEAD = struct.Struct("<4sIQQQ")
_FOOTER = struct.Struct("<4sIQQQ")
_CHECKSUM = struct.Struct("<Q")


class SnapshotHeader(NamedTuple):
    database_id: bytes
    position: Position
    floors_bytes: int


class BlockHead(NamedTuple):
    magic: bytes
    records: int
    number: int
    revision: int
    payload_bytes: int


class Totals(NamedTuple):
    """What the footer says."""

    blocks: int
    records: int
    payload_bytes: int


def encode_header(database_id: bytes, position: Position, floors: bytes) -> bytes:
    """The header and the floors."""
    head = _HEADER.pack(HEADER_MAGIC, SNAPSHOT_FORMAT_VERSION, len(floors), database_id, *position)
    return head + _checksum(head) + (floors + _checksum(floors) if floors else b"")


def decode_header(head: bytes) -> SnapshotHeader:
    """Raises ValueError."""
    magic, format_version, floors_bytes, database_id, *position = _HEADER.unpack_from(head)
    if magic != HEADER_MAGIC:
        raise ValueError("it is not a FluxDB snapshot")
    if not is_intact(head):
        raise ValueError("the checksum of its header does not fit")
    if format_version > SNAPSHOT_FORMAT_VERSION:
        raise NewerFormatError(format_version)
    if position[0] > NUMBER_MAX:
        raise ValueError(f"it speaks of revision {position[0]}, which can't be")
    if floors_bytes not in (0, FLOORS_BYTES):
        raise ValueError(f"it speaks of {floors_bytes} bytes of floors")
    return SnapshotHeader(database_id, Position(*position), floors_bytes)


class NewerFormatError(ValueError):
    """The file has a format that this version does not know."""


def floors_can_be(floors: bytes) -> bool:
    """Are these versions?"""
    versions: tuple[int, ...] = struct.unpack(f"<{len(floors) // 8}Q", floors)
    return max(versions) <= NUMBER_MAX


def encode_block_head(number: int, revision: int, payload: bytes, records: int) -> bytes:
    head = _BLOCK_HEAD.pack(BLOCK_MAGIC, records, number, revision, len(payload))
    return head + _checksum(head, payload)


def decode_block_head(head: bytes) -> BlockHead:
    return BlockHead._make(_BLOCK_HEAD.unpack_from(head))


def encode_footer(totals: Totals) -> bytes:
    head = _FOOTER.pack(FOOTER_MAGIC, 0, *totals)
    return head + _checksum(head)


def decode_footer(head: bytes) -> Totals:
    """The footer, whose checksum must be looked at apart."""
    return Totals._make(_FOOTER.unpack_from(head)[2:])


def is_intact(head: bytes, rest: bytes = b"") -> bool:
    """Does the checksum at the end of ``head`` stand for what is before it and ``rest``?"""
    return _checksum(head[: -_CHECKSUM.size], rest) == head[-_CHECKSUM.size :]


def _checksum(head: bytes, rest: bytes = b"") -> bytes:
    digest = xxh3_64(head)
    digest.update(rest)
    return _CHECKSUM.pack(digest.intdigest())
