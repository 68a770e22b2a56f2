"""One owner at a time: the lock on a database folder.

The lock is a flock on the file LOCK, which holds the owner's process id and, in a second line, a server's address. The
folder itself is locked as well, so that removing LOCK by hand does not let a second owner in. A flock belongs to the
open file, not to the process as lockf does, so a second open in the same process is rejected too. The kernel drops the
lock when the owner ends, however it ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

from fluxdb._core.base.descriptor import Descriptor
from fluxdb.errors import LockedError
from fluxdb.storage.layout import LOCK_NAME
from fluxdb.storage.place import Place
from fluxdb.storage.system.files import open_file, open_folder, read_only
from fluxdb.storage.system.oserrors import storage_errors

_PID_BYTES = 21
_ADDRESS_BYTES_MAX = 300
_ADDRESS = re.compile(rb"([!-~]+) *\n")  # in the line after it; a longer address is not reported
# The folder's own lock is a second safeguard: some network file systems lock no folders.
_NO_FOLDER_LOCKS = frozenset({errno.EBADF, errno.EINVAL, errno.EISDIR, errno.ENOLCK, errno.EOPNOTSUPP})
_TAKEN = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})


class FolderLock:
    """A held lock. ``release`` ends it; in a forked child ``abandon`` leaves it to the parent."""

    def __init__(self, directory: Path, descriptors: list[Descriptor], *, owns: bool) -> None:
        self.directory = directory
        self._descriptors = descriptors  # the last one is LOCK's if this lock owns the folder
        self._owns = owns
        self.place = Place(directory, descriptors[0])

    @classmethod
    def own(cls, directory: Path) -> FolderLock:
        """Lock out all other processes. Raises LockedError, StorageError."""
        descriptors: list[Descriptor] = []
        try:
            with storage_errors(f"can't lock the folder {directory}"):
                descriptors.append(open_folder(directory))
                _flock(descriptors[0], fcntl.LOCK_EX, directory, passed_over=_NO_FOLDER_LOCKS)
                descriptors.append(open_file(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT))
                _flock(descriptors[1], fcntl.LOCK_EX, directory)
                os.pwrite(descriptors[1].fileno(), _text(str(os.getpid())), 0)
            return cls(directory, descriptors, owns=True)
        except BaseException:
            _close(descriptors)
            raise

    @classmethod
    def share(cls, directory: Path) -> FolderLock:
        """Lock out owners, not other readers, and change nothing on disk. Raises LockedError, StorageError."""
        descriptors: list[Descriptor] = []
        try:
            with storage_errors(f"can't lock the folder {directory}"):
                descriptors.append(open_folder(directory))
                _flock(descriptors[0], fcntl.LOCK_SH, directory, passed_over=_NO_FOLDER_LOCKS)
                with suppress(FileNotFoundError):  # a copy lacks it, and the folder's own lock suffices
                    descriptors.append(open_file(directory / LOCK_NAME, os.O_RDONLY))
                    _flock(descriptors[1], fcntl.LOCK_SH, directory)
            return cls(directory, descriptors, owns=False)
        except BaseException:
            _close(descriptors)
            raise

    @property
    def folder(self) -> Descriptor | None:
        """The locked folder, wherever its path leads by now; None once the lock is released."""
        return self._descriptors[0] if self._descriptors else None

    def announce(self, address: str) -> None:
        """Note where the owner can be reached, for processes that find the folder locked. On a full disk only this is
        lost.
        """
        if self._owns and self._descriptors and len(address.encode()) <= _ADDRESS_BYTES_MAX:
            with suppress(OSError, ValueError):
                os.pwrite(self._descriptors[-1].fileno(), _text(str(os.getpid()), address), 0)

    def release(self) -> None:
        """Let the next owner in. Idempotent; call it again if it was interrupted."""
        if self._descriptors and self._owns:
            with suppress(OSError, ValueError):  # the id is a courtesy, the lock is the kernel's
                os.pwrite(self._descriptors[-1].fileno(), _text(""), 0)
        for descriptor in self._descriptors:
            with suppress(OSError, ValueError):  # already closed by an interrupted call
                fcntl.flock(descriptor.fileno(), fcntl.LOCK_UN)  # a forked child may still hold a copy of it
        _close(self._descriptors)

    def abandon(self) -> None:
        """Close a forked child's copies of the descriptors. The parent still owns the folder."""
        _close(self._descriptors)


def _text(pid: str, address: str = "") -> bytes:
    """Return the content of LOCK: of fixed length and written at once, so a reader sees no mix of two owners."""
    return f"{pid:<{_PID_BYTES - 1}}\n{address:<{_ADDRESS_BYTES_MAX}}\n".encode()


def _flock(descriptor: Descriptor, how: int, directory: Path, passed_over: frozenset[int] = frozenset()) -> None:
    try:
        fcntl.flock(descriptor.fileno(), how | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            raise LockedError(str(directory), *_owner(directory)) from None
        if error.errno not in passed_over:
            raise


def _owner(directory: Path) -> tuple[int, str]:
    """Return the process id in LOCK and the address; 0 and "" if its process is gone (then a reader holds the lock)."""
    try:
        with read_only(directory / LOCK_NAME) as file:
            text = file.read(1024)
        pid = int(text[:_PID_BYTES])
    except (OSError, ValueError):
        return 0, ""
    if not _is_alive(pid):
        return 0, ""
    address = _ADDRESS.fullmatch(text, _PID_BYTES)
    return pid, "" if address is None else address[1].decode()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # another user's process
    except (OSError, OverflowError):
        return False
    return pid > 0


def _close(descriptors: list[Descriptor]) -> None:
    for descriptor in descriptors:
        descriptor.close()
    descriptors.clear()
