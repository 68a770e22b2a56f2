"""Making bytes and names durable. All raise OSError."""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


def sync_file(descriptor: int) -> None:
    """What was written to the file is on stable storage, and so is its size."""
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync there leaves it in the drive's cache
    else:
        os.fdatasync(descriptor)


def sync_directory(directory: Path) -> None:
    """Created, renamed and removed names of ``directory`` are on stable storage."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if sys.platform == "darwin":
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        else:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_private(path: Path) -> BinaryIO:
    """A new file of that name, unbuffered, that nobody else may read: documents are in it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "w+b", buffering=0)


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
