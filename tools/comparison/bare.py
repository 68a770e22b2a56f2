"""The least that a durable write can be: pwrite and fdatasync on a file allocated ahead."""

from __future__ import annotations

import os
from pathlib import Path

from tools.comparison.documents import RECORD_BYTES


class BareLog:
    """Records at consecutive offsets of one file. It starts over at its beginning where the file is full."""

    def __init__(self, folder: Path, *, size: int = 16 * 2**20) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(folder / "bare.log", os.O_RDWR | os.O_CREAT, 0o600)
        os.posix_fallocate(self._descriptor, 0, size)
        os.fsync(self._descriptor)
        self._size = size
        self._offset = 0
        self._record = os.urandom(RECORD_BYTES)

    def write(self) -> None:
        os.pwrite(self._descriptor, self._record, self._offset)
        os.fdatasync(self._descriptor)
        self._offset += RECORD_BYTES
        if self._offset + RECORD_BYTES > self._size:
            self._offset = 0

    def write_many(self, count: int) -> None:
        for _ in range(count):
            self.write()

    def close(self) -> None:
        os.close(self._descriptor)
