"""Making bytes and names durable. All functions raise OSError."""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path

from fluxdb._core.base.descriptor import Descriptor
from fluxdb.storage.system.files import open_folder


def sync_file(descriptor: int) -> None:
    """Make everything written to the file durable, and its size."""
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # on macOS fsync leaves data in the drive's cache
    else:
        os.fdatasync(descriptor)


def sync_directory(directory: Path) -> None:
    """Make created, renamed and removed names of ``directory`` durable."""
    with open_folder(directory) as descriptor:
        sync_open_directory(descriptor)


def sync_open_directory(directory: Descriptor) -> None:
    """Do the same for an open directory."""
    if sys.platform == "darwin":
        fcntl.fcntl(directory.fileno(), fcntl.F_FULLFSYNC)
    else:
        os.fsync(directory.fileno())


def sync_ancestors(directory: Path) -> None:
    """Make the folder's own name durable, and those of the folders that contain it, up to the mount."""
    device = directory.stat().st_dev
    for ancestor in directory.absolute().parents:
        if ancestor.stat().st_dev != device:
            return
        with suppress(PermissionError):  # unreadable for us, so we did not make it
            sync_directory(ancestor)


def allocate(descriptor: int, size: int, byte_count: int) -> int:
    """Make room for ``byte_count`` bytes after ``size``, if the system can; return the size then."""
    if sys.platform != "darwin":
        os.posix_fallocate(descriptor, size, byte_count)
    return size + byte_count


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of ``data``, as pwrite."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
