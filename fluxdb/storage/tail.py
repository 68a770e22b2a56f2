"""Settling the end of the log: nothing of a torn tail stays after it, and its last group is certainly on disk.

After a failed sync, the page cache holds what was written and considers it clean: it reads as if all had gone well, and
a later sync does nothing for it. So everything that a sync may have failed for is written again before the next sync:

- the last group, which may have been read from the cache only; - the zeros over a torn tail. Once written to the cache,
they hide what the disk may still hold. So the tail's position and
  length are noted in a file before the first zero is written, and the next open that finds the note zeroes it again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from fluxdb._core.base.descriptor import Descriptor
from fluxdb.limits import MIB
from fluxdb.model import Position
from fluxdb.storage.layout import NOTE_NAME  # a leftover once the tail is settled: removed like all of them
from fluxdb.storage.reader import Recovered
from fluxdb.storage.system.durable import sync_directory, sync_file, write_all
from fluxdb.storage.system.files import create_private, open_file, read_only

_CHUNK_BYTES = 1 * MIB
_NOTE_BYTES_MAX = 1024


def settle_tail(recovered: Recovered) -> Descriptor:
    """Cut the torn tail off, rewrite the last group, sync; return the last segment. Raises OSError."""
    torn_bytes = _note(recovered)
    segment = open_file(recovered.directory / recovered.segments[-1].name, os.O_RDWR)
    try:
        _write_zeros(segment.fileno(), recovered.position.offset, torn_bytes)
        if recovered.last_group_offset >= 0:
            _rewrite(segment.fileno(), recovered.last_group_offset, recovered.position.offset)
        sync_file(segment.fileno())
    except BaseException:
        segment.close()
        raise
    return segment


def _note(recovered: Recovered) -> int:
    """Return how many bytes to zero after the end of the log, durably noted."""
    path = recovered.directory / NOTE_NAME
    noted_bytes = _read_note(path, recovered.position) if NOTE_NAME in recovered.leftovers else 0
    torn_bytes = max(noted_bytes, recovered.torn.byte_count if recovered.torn is not None else 0)
    if torn_bytes:
        with create_private(path) as file:
            write_all(file.fileno(), json.dumps([*recovered.position, torn_bytes]).encode(), 0)
            sync_file(file.fileno())
        sync_directory(recovered.directory)
        recovered.leftovers.append(NOTE_NAME)
    return torn_bytes


def _read_note(path: Path, position: Position) -> int:
    """Return the bytes that the note names; 0 if it is broken, or the log has moved on since."""
    try:
        with read_only(path) as file:
            *noted, byte_count = json.loads(file.read(_NOTE_BYTES_MAX))
    except (ValueError, TypeError):
        return 0
    return byte_count if noted == list(position) and isinstance(byte_count, int) and byte_count > 0 else 0


def _write_zeros(descriptor: int, offset: int, byte_count: int) -> None:
    end = min(offset + byte_count, os.fstat(descriptor).st_size)
    while offset < end:
        chunk_bytes = min(_CHUNK_BYTES, end - offset)
        write_all(descriptor, bytes(chunk_bytes), offset)
        offset += chunk_bytes


def _rewrite(descriptor: int, offset: int, end: int) -> None:
    while offset < end:
        chunk = os.pread(descriptor, min(_CHUNK_BYTES, end - offset), offset)
        if not chunk:
            return  # the file was cut right after the group: its padding is missing
        write_all(descriptor, chunk, offset)
        offset += len(chunk)
