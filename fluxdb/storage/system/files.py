"""Opening what lies in a database folder: regular files, by their own names.

A link is not followed: what it leads to belongs to somebody else, and would be overwritten. A pipe or a device is no
file to keep documents in, and to open one may wait for ever. All raise OSError, which names the file and the way out.
"""

from __future__ import annotations

import errno
import os
import stat
from functools import partial
from io import FileIO
from pathlib import Path

from fluxdb._core.base.descriptor import Descriptor, open_plain, owned


def open_folder(directory: Path) -> Descriptor:
    """The folder itself; its own path may lead over links."""
    return owned(os.open, directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def open_file(path: Path, flags: int) -> Descriptor:
    """Flags as of os.open; a file that is made can be read by nobody else."""
    return owned(open_plain, path, flags)


def open_inside(folder: Descriptor, name: str, flags: int) -> Descriptor:
    """As open_file, of a file in a folder that is open, wherever the folder's path leads by now."""
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    file = owned(partial(os.open, dir_fd=folder.fileno()), name, flags, 0o600)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise OSError(errno.EINVAL, f"{name} is no regular file: move it away")
    return file


def read_only(path: Path) -> FileIO:
    """The file, unbuffered, to be read."""
    return FileIO(path, "r", opener=open_plain)


def create_private(path: Path) -> FileIO:
    """A new file of that name, unbuffered, that nobody else may read: documents are in it."""
    return FileIO(path, "w+", opener=open_plain)
