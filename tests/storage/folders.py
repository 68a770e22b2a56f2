"""Database folders for the tests of storage: made, looked at, damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fluxdb._core.base.crc32c import crc32c
from fluxdb._core.log.replay import Stop, replay
from fluxdb._core.log.segment import FORMAT_VERSION
from fluxdb.errors import CorruptionError
from fluxdb.limits import KIB, Limits
from fluxdb.model import Kind, Position
from fluxdb.storage.database import Database
from fluxdb.storage.layout import list_folder, snapshot_name
from fluxdb.storage.log_end import END_NAME
from fluxdb.storage.segments import read_segment, read_segment_file

SMALL = Limits(segment_bytes=64 * KIB, group_bytes_max=16 * KIB, tombstones_max=8, checkpoint_log_bytes=0)
SECTOR_BYTES = 512
HEADER_BYTES = 4096


@contextmanager
def opened(path: Path, limits: Limits = SMALL) -> Iterator[Database]:
    database = Database.open(path, limits)
    try:
        yield database
    finally:
        database.close()


def put(database: Database, key: str, text: bytes = b"1") -> tuple[int, int]:
    """Version and revision of a SET."""
    written = database.committer.write(Kind.SET, key, text, -1)
    assert written is not None
    return written


def remove(database: Database, key: str) -> tuple[int, int] | None:
    return database.committer.write(Kind.DELETE, key, None, -1)


def patch(database: Database, key: str, text: bytes) -> tuple[int, int] | None:
    return database.committer.write(Kind.PATCH, key, text, -1)


def long_text(byte_count: int) -> bytes:
    return b'"' + b"x" * (byte_count - 2) + b'"'


def fill(path: Path, segments: int) -> str:
    """A closed database whose log has that many segments; the digest of its state."""
    with opened(path) as database:
        number = 0
        while database.info()["segment"] != segments:
            put(database, f"key {number % 40}", long_text(3000))
            number += 1
        put(database, "last", b'{"n":%d}' % number)
        return database.documents.digest()


def as_killed(path: Path) -> None:
    """As if the database had been killed, not closed: nothing notes where its log ended."""
    (path / END_NAME).unlink()


def contents(path: Path) -> dict[str, bytes]:
    """All files but LOCK, with their bytes."""
    return {file.name: file.read_bytes() for file in sorted(path.iterdir()) if file.name != "LOCK"}


def digest_of(path: Path, limits: Limits = SMALL) -> str:
    with opened(path, limits) as database:
        return database.documents.digest()


def segment_path(path: Path, number: int) -> Path:
    return path / f"log-{number:016d}"


def newest_snapshot(path: Path) -> Path:
    return path / snapshot_name(list_folder(path).snapshots[0])


def log_end(path: Path, number: int = -1) -> Stop:
    """Return where the groups of a segment (the last one) end, as replay alone sees it."""
    segment = read_segment_file(path, number if number > 0 else list_folder(path).segments[-1])
    assert segment.start is not None
    return replay(None, read_segment(path, segment), segment.start)


def group_offsets(path: Path, number: int) -> list[Position]:
    """The place of each group in a segment."""
    segment = read_segment_file(path, number)
    data = read_segment(path, segment)
    positions = [Position(*segment.header.start)] if segment.header is not None else []
    while True:
        position = positions[-1]
        size = int.from_bytes(data[position.offset + 40 : position.offset + 48], "little") + 68
        end = position.offset + (size + SECTOR_BYTES - 1) // SECTOR_BYTES * SECTOR_BYTES
        stop = replay(None, data[:end], position)
        if stop.groups == 0:
            return positions[:-1]
        positions.append(stop.position)


def overwrite(file: Path, offset: int, data: bytes) -> None:
    with file.open("r+b") as stream:
        stream.seek(offset)
        stream.write(data)


def make_newer(file: Path) -> None:
    """Give a segment the next format version, as a later FluxDB would write it."""
    block = bytearray(file.read_bytes()[:HEADER_BYTES])
    block[8:12] = (FORMAT_VERSION + 1).to_bytes(4, "little")
    block[12:16] = crc32c(bytes(block[16:]), crc32c(bytes(block[:12]))).to_bytes(4, "little")
    overwrite(file, 0, bytes(block))


def flip(file: Path, offset: int) -> None:
    """Turn one bit over."""
    byte = file.read_bytes()[offset]
    overwrite(file, offset, bytes([byte ^ 0x10]))


def refusal(path: Path) -> CorruptionError:
    """The opening is refused for damage, and changes nothing on disk."""
    before = contents(path)
    with pytest.raises(CorruptionError) as caught:
        Database.open(path, SMALL)
    assert contents(path) == before
    return caught.value
