"""The records of a snapshot block, for the tools that read or make them in Python. All numbers are little-endian.

    record := head key value
    head      24 bytes
       0  u64  revision of the write that made it
       8  u64  version of the key
      16  u32  bytes of the value
      20  u16  bytes of the key (UTF-8), at least 1
      22  u8   1: a tombstone (then there is no value), else 0
      23  u8   0
    value     canonical JSON text

The database itself loads and writes blocks in compiled code, which keeps records in memory in this very form.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_HEAD = struct.Struct("<QQIHBB")
_TOMBSTONE = 1


class Record(NamedTuple):
    """The last that was written to a key. ``text`` is None for a tombstone."""

    key: str
    text: bytes | None
    version: int
    revision: int


def encode_record(record: Record) -> bytes:
    key = record.key.encode()
    text = record.text or b""
    flags = _TOMBSTONE if record.text is None else 0
    return _HEAD.pack(record.revision, record.version, len(text), len(key), flags, 0) + key + text


def decode_records(payload: bytes) -> Iterator[Record]:
    """The records of a block whose checksum was right."""
    at = 0
    while at < len(payload):
        revision, version, text_bytes, key_bytes, flags, _ = _HEAD.unpack_from(payload, at)
        text_at = at + _HEAD.size + key_bytes
        key = payload[at + _HEAD.size : text_at].decode()
        at = text_at + text_bytes
        yield Record(key, None if flags & _TOMBSTONE else payload[text_at:at], version, revision)
