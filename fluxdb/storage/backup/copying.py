"""Copying bytes from one file to another, at the pace of a checkpoint."""

from __future__ import annotations

import errno
import os
import time
from io import FileIO

from fluxdb.limits import MIB
from fluxdb.storage.progress import Progress
from fluxdb.storage.snapshot.writer import Pace, Share, piece_bytes
from fluxdb.storage.system.durable import sync_file, write_all

_READ_BYTES = 1 * MIB

# The system can copy without the bytes passing through this process, and some file systems then share the blocks. These
# are its ways of saying that it can't, here.
_NOT_BY_THE_SYSTEM = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY})
_copy_file_range = getattr(os, "copy_file_range", None)  # missing on macOS


class Copier:
    """Copies in pieces. Each is synced at once, so that writers wait for the disk no longer than for one of them."""

    def __init__(self, pace: Pace, progress: Progress) -> None:
        self._pace = pace
        self._progress = progress
        self._share = Share.SMALL

    def copy(self, source: FileIO, target: FileIO, begin: int, end: int) -> None:
        """Copy the bytes from ``begin`` to ``end`` to the same place, durably. Exceptions of the pace end it.

        Raises OSError, also if the source is shorter.
        """
        at = begin
        while at < end:
            copied = _copy_piece(source.fileno(), target.fileno(), at, min(piece_bytes(self._share), end - at))
            if not copied:
                raise OSError(errno.EIO, f"the file ends at byte {at}, before byte {end}")
            at += copied
            began = time.monotonic()
            sync_file(target.fileno())
            self._share = self._pace(time.monotonic() - began)
            self._progress.add(copied)


def _copy_piece(source: int, target: int, at: int, byte_count: int) -> int:
    """Copy up to so many bytes; return how many. 0: the source ends here."""
    if _copy_file_range is not None:
        try:
            copied: int = _copy_file_range(source, target, byte_count, at, at)
        except OSError as error:
            if error.errno not in _NOT_BY_THE_SYSTEM:
                raise
        else:
            if copied:
                return copied
    data = os.pread(source, min(byte_count, _READ_BYTES), at)
    write_all(target, data, at)
    return len(data)
