"""Finding intact data after damage: groups of the log, blocks of a snapshot. Reads only."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fluxdb._core.base.crc32c import crc32c
from fluxdb._core.log.segment import SECTOR_BYTES
from fluxdb._core.log.survey import FoundFrame, GroupHeader, find_group, read_frames, read_group_header
from fluxdb.storage.snapshot import format as form
from fluxdb.storage.system.files import read_only
from fluxdb.storage.system.oserrors import storage_errors


class FoundGroup(NamedTuple):
    """A group of the log with a valid header; ``frames`` are its intact leading frames, without half a batch."""

    offset: int
    header: GroupHeader
    frames: list[FoundFrame]
    records: int  # leading ones that are whole, those of half a batch included

    @property
    def is_whole(self) -> bool:
        return self.records == self.header.records


def find_groups(data: bytearray, segment_number: int, offset: int, after_group: int) -> Iterator[FoundGroup]:
    """Yield the groups at or after ``offset`` with a number above ``after_group``, in file order."""
    while True:
        offset = find_group(data, offset, segment_number, after_group)
        header = read_group_header(data, offset) if offset >= 0 else None
        if header is None:
            return
        frames = read_frames(data, offset)
        group = FoundGroup(offset, header, _whole_batches(frames), len(frames))
        yield group
        offset += header.group_bytes if group.is_whole else SECTOR_BYTES


def _whole_batches(frames: list[FoundFrame]) -> list[FoundFrame]:
    """Leave out the batch at the end of which a part is missing: it takes effect as a whole or not at all."""
    count = len(frames)
    while count and frames[count - 1].joined:
        count -= 1
    return frames[:count]


class FoundBlock(NamedTuple):
    """A block of a snapshot: all of it, or those of its records that are proven by their own checksums."""

    offset: int
    payload: bytes  # of the intact records
    records: int
    number: int
    written: int  # number of records that it was written with

    @property
    def is_whole(self) -> bool:
        return self.records == self.written


def find_blocks(path: Path, revision: int) -> Iterator[FoundBlock]:
    """Yield the intact parts of a snapshot, wherever they lie in the file. Holds the file in memory. Raises
    StorageError.
    """
    with storage_errors(f"can't read {path}"):
        data = path.read_bytes()
    found = (
        _blocks_by_tail(data, revision)
        if form.TAIL_MAGIC in data or form.BLOCK_MAGIC in data
        else _blocks_of_format_1(data, revision)
    )
    yield from sorted(found)


def _blocks_of_format_1(data: bytes, revision: int) -> Iterator[FoundBlock]:
    for at in _places(data, form.BLOCK_MAGIC_1):
        head = data[at : at + form.BLOCK_HEAD_BYTES]
        if len(head) < form.BLOCK_HEAD_BYTES:
            return
        block = form.decode_block_head(head)
        payload = data[at + form.BLOCK_HEAD_BYTES :][: block.payload_bytes]
        if block.revision == revision and form.is_intact(head, payload):
            yield FoundBlock(at, payload, block.records, block.number, block.records)


def _blocks_by_tail(data: bytes, revision: int) -> Iterator[FoundBlock]:
    """Locate each block by its tail, which says where the rest lies; by its head if the directory is damaged."""
    known = set()
    for at in _places(data, form.TAIL_MAGIC):
        raw = data[at : at + form.TAIL_BYTES]
        if len(raw) < form.TAIL_BYTES:
            break
        tail = form.decode_tail(raw)
        directory_at = at - tail.records * form.ENTRY_BYTES
        records_at = directory_at - tail.payload_bytes
        if records_at >= form.BLOCK_HEAD_BYTES and form.is_intact(raw, data[directory_at:at]):
            known.add(tail.number)
            yield _prove(data[records_at:directory_at], data[directory_at:at], records_at, tail.number)
    for at in _places(data, form.BLOCK_MAGIC):
        raw = data[at : at + form.BLOCK_HEAD_BYTES]
        if len(raw) < form.BLOCK_HEAD_BYTES:
            break
        head, records_at = form.decode_block_head(raw), at + form.BLOCK_HEAD_BYTES
        if head.number in known or head.revision != revision or not head.records:
            continue
        directory_at = records_at + head.payload_bytes
        directory = data[directory_at : directory_at + head.records * form.ENTRY_BYTES]
        if len(directory) == head.records * form.ENTRY_BYTES:
            yield _prove(data[records_at:directory_at], directory, records_at, head.number)


def _prove(payload: bytes, directory: bytes, records_at: int, number: int) -> FoundBlock:
    """Keep the records whose checksum stands in the directory. After a damaged record, whose length may be damaged too,
    the next record is searched for.
    """
    checksums = struct.unpack(f"<{len(directory) // form.ENTRY_BYTES}I", directory)
    proven: list[bytes] = []
    at = index = 0
    while index < len(checksums):
        record = _record_at(payload, at)
        if record and crc32c(record) == checksums[index]:
            proven.append(record)
            at, index = at + len(record), index + 1
        else:
            at, index = _next_record(payload, at, {checksums[i]: i for i in range(index + 1, len(checksums))})
    offset = records_at - form.BLOCK_HEAD_BYTES
    return FoundBlock(offset, b"".join(proven), len(proven), number, len(checksums))


def _record_at(payload: bytes, at: int) -> bytes:
    return payload[at : at + form.record_bytes(payload, at)]


def _next_record(payload: bytes, at: int, later: dict[int, int]) -> tuple[int, int]:
    """Return where a record begins that has one of these checksums, and its index; the end if none does."""
    places = (at + form.record_bytes(payload, at), *range(at + 1, len(payload))) if later else ()
    for place in places:
        record = _record_at(payload, place)
        if record and (index := later.get(crc32c(record))) is not None:
            return place, index
    return len(payload), sys.maxsize


def _places(data: bytes, magic: bytes) -> Iterator[int]:
    at = -1
    while (at := data.find(magic, at + 1)) >= 0:
        yield at


def records_written(path: Path) -> int | None:
    """Return how many records the snapshot was written with; None if its footer is damaged. Raises StorageError."""
    with storage_errors(f"can't read {path}"), read_only(path) as file:
        footer = file.read()[-form.FOOTER_BYTES :]
    is_footer = len(footer) == form.FOOTER_BYTES and footer.startswith(form.FOOTER_MAGIC) and form.is_intact(footer)
    return form.decode_footer(footer).records if is_footer else None
