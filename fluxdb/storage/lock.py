"""One owner at a time: the lock on a database folder.

The lock is flock on the file LOCK, which holds the owner's process id. The folder itself is locked as well, so that
removing LOCK by hand does not let a second owner in. flock belongs to the open file, not to the process as lockf does,
so a second open in the same process is refused, too. The kernel drops the lock when the owner ends, however it ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from fluxdb.errors import LockedError, StorageError
from fluxdb.storage.layout import LOCK_NAME
from fluxdb.storage.oserrors import storage_errors

_PID_BYTES = 21  # written at once and in full, so a reader never sees half of one
# The folder's own lock is a second line: some network file systems lock no folders.
_NO_FOLDER_LOCKS = frozenset({errno.EBADF, errno.EINVAL, errno.EISDIR, errno.ENOLCK, errno.EOPNOTSUPP})
_TAKEN = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})


class FolderLock:
    """A held lock. ``release`` it; in a forked child ``abandon`` it, which leaves it to the parent."""

    def __init__(self, directory: Path, descriptors: list[int], *, owns: bool) -> None:
        self.directory = directory
        self._descriptors = descriptors  # the last one is LOCK's where the lock owns the folder
        self._owns = owns

    @classmethod
    def own(cls, directory: Path) -> FolderLock:
        """Lock out everybody else. Raises LockedError, StorageError."""
        descriptors: list[int] = []
        try:
            with storage_errors(f"can't lock the folder {directory}"):
                descriptors.append(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
                _flock(descriptors[0], fcntl.LOCK_EX, directory, passed_over=_NO_FOLDER_LOCKS)
                descriptors.append(os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                _flock(descriptors[1], fcntl.LOCK_EX, directory)
                os.pwrite(descriptors[1], f"{os.getpid():<{_PID_BYTES - 1}}\n".encode(), 0)
        except BaseException:
            _close(descriptors)
            raise
        return cls(directory, descriptors, owns=True)

    @classmethod
    def share(cls, directory: Path) -> FolderLock:
        """Lock out owners, not other readers, and change nothing on disk. Raises LockedError, StorageError."""
        descriptors: list[int] = []
        try:
            with storage_errors(f"can't lock the folder {directory}"):
                descriptors.append(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
                _flock(descriptors[0], fcntl.LOCK_SH, directory, passed_over=_NO_FOLDER_LOCKS)
                if (directory / LOCK_NAME).exists():  # not so in a copy, and the folder's own lock does
                    descriptors.append(os.open(directory / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC))
                    _flock(descriptors[1], fcntl.LOCK_SH, directory)
        except BaseException:
            _close(descriptors)
            raise
        return cls(directory, descriptors, owns=False)

    def check_place(self) -> None:
        """What goes by the folder's path would go to the folder that is locked. Raises StorageError where not."""
        with storage_errors(f"can't look at the folder {self.directory}"):
            owned = os.fstat(self._descriptors[0])
            try:
                there = self.directory.stat()
            except FileNotFoundError:
                there = None
        if there is None or (there.st_dev, there.st_ino) != (owned.st_dev, owned.st_ino):
            raise StorageError(
                f"{self.directory} is not the folder any more that was opened: it was moved, or replaced. Writes still"
                " go to the one that was opened; close it, and open it where it is now"
            )

    def release(self) -> None:
        """Let the next owner in. Idempotent."""
        descriptors, self._descriptors = self._descriptors, []
        if descriptors and self._owns:
            with suppress(OSError):  # the id is a courtesy, the lock is the kernel's
                os.pwrite(descriptors[-1], b" " * (_PID_BYTES - 1) + b"\n", 0)
        for descriptor in descriptors:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)  # a forked child may still hold a copy of the descriptor
        _close(descriptors)

    def abandon(self) -> None:
        """In a forked child: close its copies of the descriptors. The parent goes on owning the folder."""
        descriptors, self._descriptors = self._descriptors, []
        _close(descriptors)


def _flock(descriptor: int, how: int, directory: Path, passed_over: frozenset[int] = frozenset()) -> None:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            raise LockedError(str(directory), _owner(directory)) from None
        if error.errno not in passed_over:
            raise


def _owner(directory: Path) -> int:
    """The process id in LOCK; 0 where there is none, or its process is gone (then a reader holds the lock)."""
    try:
        pid = int((directory / LOCK_NAME).read_bytes()[:_PID_BYTES])
        return pid if _is_alive(pid) else 0
    except (OSError, ValueError):
        return 0


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # another user's
    except (OSError, OverflowError):
        return False
    return pid > 0


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
    descriptors.clear()
