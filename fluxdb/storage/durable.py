"""Making bytes and names durable. All raise OSError."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
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


def make_folder(directory: Path) -> None:
    """Create ``directory`` and its missing parents, each durable in its parent."""
    directory = directory.absolute()
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync_directory(path.parent)
    if not directory.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def create_private(path: Path) -> BinaryIO:
    """A new file of that name, unbuffered, that nobody else may read: documents are in it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "w+b", buffering=0)


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
