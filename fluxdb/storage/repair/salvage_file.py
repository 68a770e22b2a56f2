"""The side file of a repair: intact records that can't be applied because they stand after damage.

One JSON object per line:

    {"file":"log-0000000000000003","offset":8192,"group":17,"group_whole":true,"op":"set","key":"a","value":1,
     "version":4,"revision":40}

If a block of a snapshot is damaged, those of its records that their own checksums prove are kept in the database, and
listed so that you can look at them:

    {"file":"snapshot-00000000000000000040","offset":80,"block":0,"block_whole":false,"in_database":true,"op":"set",
     "key":"a","value":1,"version":4,"revision":40}

A patch has "delta" in place of "value", and "remove_nulls" if it followed RFC 7396; a delete, a touch and the removal
of an expired document ("op":"expire") have neither. "expires_at" is in seconds since 1970. "joined" marks a write whose
batch goes on with the next line. A batch of which a part is missing is left out as a whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import orjson

from fluxdb._core.documents.documents import read_records
from fluxdb._core.log.survey import FoundFrame
from fluxdb.model import OPERATION_OF, Kind
from fluxdb.storage.repair.salvage import FoundBlock, find_groups
from fluxdb.storage.segments import SegmentFile, read_segment
from fluxdb.storage.system.durable import sync_directory, sync_file, write_all
from fluxdb.storage.system.files import create_private
from fluxdb.storage.system.oserrors import storage_errors


class SalvageFile:
    """Made when the first record is added; durable after ``finish``. Raises DiskFullError, StorageError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._doing = f"can't write the records after the damage to {directory}"
        self._file: BinaryIO | None = None
        self.name: str | None = None
        self._size = 0
        self.records = 0
        self.revision_max = 0  # the highest that a valid header or record names

    def add_segment(self, segment: SegmentFile, offset: int, after_group: int, after_revision: int) -> None:
        """Add the intact records of the groups at or after ``offset`` that are later than the applied ones."""
        data = read_segment(self._directory, segment)
        for group in find_groups(data, segment.number, offset, after_group):
            header = group.header
            self.revision_max = max(self.revision_max, header.first_revision + header.records - 1)
            for frame in group.frames:
                if frame.revision > after_revision:
                    place = (segment.name, group.offset, header.group, group.is_whole)
                    self._write(_line(place, frame))

    def add_block(self, name: str, block: FoundBlock) -> None:
        """List the records of a damaged block that are kept in the database."""
        for key, text, version, revision, expires_at_ms in read_records(block.payload):
            place: dict[str, object] = {"file": name, "offset": block.offset, "block": block.number}
            place |= {"block_whole": False, "in_database": True, "op": "delete" if text is None else "set", "key": key}
            member = b"" if text is None else b',"value":%b' % text
            if expires_at_ms:
                member += b',"expires_at":%b' % orjson.dumps(expires_at_ms / 1000)
            self._write(b'%b%b,"version":%d,"revision":%d}\n' % (orjson.dumps(place)[:-1], member, version, revision))
            self.records -= 1  # it is not salvaged beside the database, but in it

    def _write(self, line: bytes) -> None:
        with storage_errors(self._doing):
            if self._file is None:
                self.name = self._free_name()
                self._file = create_private(self._directory / self.name)
            write_all(self._file.fileno(), line, self._size)
        self._size += len(line)
        self.records += 1

    def _free_name(self) -> str:
        number = 1
        while (self._directory / f"salvaged-{number}.jsonl").exists():
            number += 1
        return f"salvaged-{number}.jsonl"

    def finish(self) -> None:
        """Make the file durable."""
        if self._file is not None:
            with storage_errors(self._doing):
                sync_file(self._file.fileno())
                self._file.close()
                self._file = None
                sync_directory(self._directory)

    def close(self) -> None:
        """Remove the file if it was not finished."""
        if self._file is not None and self.name is not None:
            self._file.close()
            with storage_errors(self._doing):
                (self._directory / self.name).unlink(missing_ok=True)


def _line(place: tuple[str, int, int, bool], frame: FoundFrame) -> bytes:
    name, offset, group, is_whole = place
    op = OPERATION_OF.get(frame.kind, "set")
    head: dict[str, object] = {"file": name, "offset": offset, "group": group, "group_whole": is_whole}
    head |= {"op": op, "key": frame.key}
    member = b',"%b":%b' % (b"delta" if op == "patch" else b"value", frame.text) if frame.text else b""
    if frame.kind == Kind.PATCH_REMOVE_NULLS:
        member += b',"remove_nulls":true'
    if frame.expires_at_ms:
        member += b',"expires_at":%b' % orjson.dumps(frame.expires_at_ms / 1000)
    if frame.joined:
        member += b',"joined":true'
    return b'%b%b,"version":%d,"revision":%d}\n' % (orjson.dumps(head)[:-1], member, frame.version, frame.revision)
