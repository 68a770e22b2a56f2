"""No bare OSError leaves storage: each becomes an error that says what could not be done, and the way out."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from fluxdb.errors import DiskFullError, StorageError

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

WAY_OUT: dict[int, str] = {
    errno.EACCES: "check its owner and permissions",
    errno.EPERM: "check its owner and permissions",
    errno.EROFS: "the file system is mounted read-only",
    errno.ENOENT: "check the path",
    errno.EEXIST: "a database is a folder, but a file has this name",
    errno.ENOTDIR: "a database is a folder, and a part of this path is a file",
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.EMFILE: "this process has too many files open (ulimit -n)",
    errno.ENFILE: "the system has too many files open",
    errno.EIO: "the disk reports a fault: see the system's log",
}


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn an OSError of the body into StorageError or DiskFullError. ``doing`` names the action and the path."""
    try:
        yield
    except OSError as error:
        raise as_storage_error(doing, error) from error


def errno_of(error: BaseException) -> int:
    """Return the system's error number that caused ``error``; EIO if it has none."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            return cause.errno
        if isinstance(cause, MemoryError):
            return errno.ENOMEM
        cause = cause.__cause__
    return errno.EIO


def as_storage_error(doing: str, error: OSError) -> StorageError:
    message = error.strerror or str(error)
    if error.errno in NO_ROOM:
        return DiskFullError(f"{doing}: {message}: free some space and try again")
    way_out = WAY_OUT.get(error.errno or 0)
    return StorageError(f"{doing}: {message}: {way_out}" if way_out else f"{doing}: {message}")
