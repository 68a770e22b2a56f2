"""Reading a snapshot back, block by block, checking every length and checksum."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from fluxdb._core.documents.documents import Documents
from fluxdb.errors import CorruptionError, StorageError
from fluxdb.storage.layout import snapshot_name
from fluxdb.storage.snapshot import format as form
from fluxdb.storage.system.files import read_only
from fluxdb.storage.system.oserrors import storage_errors


class SnapshotReader:
    """A snapshot that is being read. Every length is checked against the file before anything is allocated for it.

    Raises CorruptionError for damage, StorageError for a newer format or if the system refuses.
    """

    def __init__(self, directory: Path, revision: int) -> None:
        self.name = snapshot_name(revision)
        self._revision = revision
        with storage_errors(f"can't read {directory / self.name}"):
            self._file = read_only(directory / self.name)
            self.size = os.fstat(self._file.fileno()).st_size
        try:
            self.header, self.times, self.floors = self._read_header()
        except BaseException:
            self._file.close()
            raise

    def _read_header(self) -> tuple[form.SnapshotHeader, form.Times, bytes]:
        self._at = 0
        head = self._read(form.HEADER_BYTES, of=0)
        try:
            header = form.decode_header(head)
        except form.NewerFormatError as error:
            raise StorageError(
                f"{self.name} has format {error}, this FluxDB reads {form.SNAPSHOT_FORMAT_VERSION}: "
                "open it with the version that wrote it, or a newer one; nothing was changed"
            ) from None
        except ValueError as error:
            raise CorruptionError(self.name, 0, str(error)) from None
        if header.position.revision != self._revision:
            raise CorruptionError(
                self.name, 32, f"it stands for revision {header.position.revision}: the file was renamed"
            )
        times = self._read_times(header)
        return header, times, self._read_floors(header.floors_bytes)

    def _read_times(self, header: form.SnapshotHeader) -> form.Times:
        if not header.times_bytes:
            # Tombstones were forgotten if there are floors, nobody noted which ones.
            return form.Times(forgotten_revision=header.position.revision if header.floors_bytes else 0)
        times = self._read(header.times_bytes, of=self._at)
        if not form.is_intact(times):
            raise CorruptionError(self.name, form.HEADER_BYTES, "the checksum of its times does not match")
        return form.decode_times(times)

    def _read_floors(self, byte_count: int) -> bytes:
        if byte_count == 0:
            return b""
        floors = self._read(byte_count + form.CHECKSUM_BYTES, of=self._at)
        if not form.is_intact(floors):
            raise CorruptionError(self.name, form.HEADER_BYTES, "the checksum of its floors does not fit")
        if not form.floors_can_be(floors[:byte_count]):
            raise CorruptionError(self.name, form.HEADER_BYTES, "a version in its floors is invalid")
        return floors[:byte_count]

    def blocks(self) -> Iterator[tuple[int, memoryview, int]]:
        """Yield each block as (offset in the file, its records' bytes, their number), then check the footer."""
        totals = form.Totals(0, 0, 0)
        while True:
            at = self._at
            head = self._read(form.BLOCK_HEAD_BYTES, of=at)
            if head.startswith(form.FOOTER_MAGIC):
                return self._check_footer(at, head, totals)
            block = form.decode_block_head(head)
            expected = (self.header.block_magic, totals.blocks, self._revision)
            if (block.magic, block.number, block.revision) != expected:
                raise CorruptionError(self.name, at, "neither a block nor the footer is here")
            rest = self._read(block.payload_bytes + self.header.trailer_bytes(block.records), of=at)
            if not form.is_intact(head, rest):
                raise CorruptionError(self.name, at, f"the checksum of block {block.number} does not fit")
            totals = form.Totals(
                totals.blocks + 1, totals.records + block.records, totals.payload_bytes + block.payload_bytes
            )
            yield at, memoryview(rest)[: block.payload_bytes], block.records

    def _check_footer(self, at: int, head: bytes, totals: form.Totals) -> None:
        if not form.is_intact(head):
            raise CorruptionError(self.name, at, "the checksum of its footer does not fit")
        if form.decode_footer(head) != totals:
            raise CorruptionError(self.name, at, f"its footer does not count {totals.blocks} blocks")
        if self._at != self.size:
            raise CorruptionError(self.name, self._at, "there are bytes after its footer")

    def _read(self, byte_count: int, of: int) -> bytes:
        """Read the next bytes, of the part that begins at ``of``."""
        if byte_count > self.size - self._at:
            raise CorruptionError(self.name, of, "it is truncated, or a length in it is damaged")
        with storage_errors(f"can't read {self.name}"):
            data = self._file.read(byte_count)
            while len(data) < byte_count:
                piece = self._file.read(byte_count - len(data))
                if not piece:
                    raise CorruptionError(self.name, of, "it is truncated, or a length in it is damaged")
                data += piece
        self._at += byte_count
        return data

    def close(self) -> None:
        self._file.close()


def load_snapshot(
    reader: SnapshotReader, documents: Documents, progress: Callable[[int], None] = lambda byte_count: None
) -> None:
    """Fill ``documents``, which must be empty; after an error they hold a part and must not be used."""
    documents.begin(
        reader.header.position,
        reader.floors,
        clock_ms=reader.times.clock_ms,
        forgotten_revision=reader.times.forgotten_revision,
    )
    for at, payload, records in reader.blocks():
        try:
            found = documents.load_block(payload)
        except ValueError as error:
            raise CorruptionError(reader.name, at, str(error)) from None
        if found != records:
            raise CorruptionError(reader.name, at, f"a block of {records} records holds {found}")
        progress(len(payload))
    documents.loaded()
