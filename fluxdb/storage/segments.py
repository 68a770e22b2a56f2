"""The segments of a folder, each with its header."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from fluxdb._core.log.segment import SEGMENT_HEADER_BYTES, SegmentHeader, decode_header, segment_name
from fluxdb.errors import StorageError
from fluxdb.model import Position
from fluxdb.storage.system.files import read_only
from fluxdb.storage.system.oserrors import storage_errors


class SegmentFile(NamedTuple):
    """A segment whose header was read. ``header`` is None if it is damaged: ``problem`` says how."""

    number: int
    name: str
    size: int
    header: SegmentHeader | None
    problem: str | None

    @property
    def start(self) -> Position | None:
        """The position of its first group, and what comes before it."""
        return Position(*self.header.start) if self.header is not None else None


def read_segment_file(directory: Path, number: int) -> SegmentFile:
    """Read the header. Raises StorageError for a newer format, or if the system refuses."""
    name = segment_name(number)
    with storage_errors(f"can't read {directory / name}"), read_only(directory / name) as file:
        size = os.fstat(file.fileno()).st_size
        block = file.read(SEGMENT_HEADER_BYTES)
    try:
        header = decode_header(block)
    except StorageError as error:
        raise StorageError(f"{name}: {error}; nothing was changed") from None
    except ValueError as error:
        return SegmentFile(number, name, size, None, str(error))
    if header.number != number:
        return SegmentFile(number, name, size, None, f"it is segment {header.number}: it was renamed or is a copy")
    return SegmentFile(number, name, size, header, None)


def read_segment(directory: Path, segment: SegmentFile) -> bytearray:
    """Return the whole file, header included, as long as it is on disk. Raises StorageError."""
    data = bytearray(segment.size)
    with storage_errors(f"can't read {directory / segment.name}"), read_only(directory / segment.name) as file:
        view, at = memoryview(data), 0
        while at < len(data):
            count = file.readinto(view[at:])
            if not count:
                break  # the file got shorter meanwhile; the rest reads as zeros
            at += count
    return data
