"""Making bytes and names durable. All raise OSError."""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path

from fluxdb._core.base.descriptor import Descriptor
from fluxdb.storage.system.files import open_folder


def sync_file(descriptor: int) -> None:
    """What was written to the file is on stable storage, and so is its size."""
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync there leaves it in the drive's cache
    else:
        os.fdatasync(descriptor)


def sync_directory(directory: Path) -> None:
    """Created, renamed and removed names of ``directory`` are on stable storage."""
    with open_folder(directory) as descriptor:
        sync_open_directory(descriptor)


def sync_open_directory(directory: Descriptor) -> None:
    """The same for a directory that is open."""
    if sys.platform == "darwin":
        fcntl.fcntl(directory.fileno(), fcntl.F_FULLFSYNC)
    else:
        os.fsync(directory.fileno())


def sync_ancestors(directory: Path) -> None:
    """The folder's own name is on stable storage, and those of the folders that it is in, up to the mount."""
    device = directory.stat().st_dev
    for ancestor in directory.absolute().parents:
        if ancestor.stat().st_dev != device:
            return
        with suppress(PermissionError):  # not ours to read, so not ours to have made
            sync_directory(ancestor)


def allocate(descriptor: int, size: int, byte_count: int) -> int:
    """Make room for ``byte_count`` bytes behind ``size``, where the system can; the size then."""
    if sys.platform != "darwin":
        os.posix_fallocate(descriptor, size, byte_count)
    return size + byte_count


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """pwrite all of ``data``."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
