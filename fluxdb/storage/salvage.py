"""Finding what is whole behind damage: groups of the log, blocks of a snapshot. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fluxdb._core.segment import SECTOR_BYTES
from fluxdb._core.survey import GroupHeader, find_group, read_frames, read_group_header
from fluxdb.storage import snapshot_format as form
from fluxdb.storage.files import read_only
from fluxdb.storage.oserrors import storage_errors


class FoundGroup(NamedTuple):
    """A group of the log with a valid header; ``frames`` are the leading ones that are whole."""

    offset: int
    header: GroupHeader
    frames: list[tuple[int, int, int, str, bytes]]  # kind, revision, version, key, text

    @property
    def is_whole(self) -> bool:
        return len(self.frames) == self.header.records


def find_groups(data: bytearray, segment_number: int, offset: int, after_group: int) -> Iterator[FoundGroup]:
    """The groups at or behind ``offset`` with a number above ``after_group``, in the order in which they lie."""
    while True:
        offset = find_group(data, offset, segment_number, after_group)
        header = read_group_header(data, offset) if offset >= 0 else None
        if header is None:
            return
        group = FoundGroup(offset, header, read_frames(data, offset))
        yield group
        offset += header.group_bytes if group.is_whole else SECTOR_BYTES


class FoundBlock(NamedTuple):
    """A block of a snapshot whose checksum is right."""

    offset: int
    payload: bytes
    records: int
    number: int


def find_blocks(path: Path, revision: int) -> Iterator[FoundBlock]:
    """The whole blocks of a snapshot, wherever they lie in the file. Holds the file in memory. Raises StorageError."""
    with storage_errors(f"can't read {path}"), read_only(path) as file:
        data = file.read()
    at = 0
    while (at := data.find(form.BLOCK_MAGIC, at)) >= 0:
        block = _block_at(data, at, revision)
        if block is not None:
            yield block
            at += form.BLOCK_HEAD_BYTES + len(block.payload)
        else:
            at += len(form.BLOCK_MAGIC)


def _block_at(data: bytes, at: int, revision: int) -> FoundBlock | None:
    head = data[at : at + form.BLOCK_HEAD_BYTES]
    if len(head) < form.BLOCK_HEAD_BYTES:
        return None
    block = form.decode_block_head(head)
    start = at + form.BLOCK_HEAD_BYTES
    if block.revision != revision or block.payload_bytes > len(data) - start:
        return None
    payload = data[start : start + block.payload_bytes]
    return FoundBlock(at, payload, block.records, block.number) if form.is_intact(head, payload) else None


def records_written(path: Path) -> int | None:
    """How many records the snapshot was written with; None where its footer is damaged. Raises StorageError."""
    with storage_errors(f"can't read {path}"), read_only(path) as file:
        footer = file.read()[-form.FOOTER_BYTES :]
    is_footer = len(footer) == form.FOOTER_BYTES and footer.startswith(form.FOOTER_MAGIC) and form.is_intact(footer)
    return form.decode_footer(footer).records if is_footer else None
