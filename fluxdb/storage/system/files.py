"""Opening the files of a database folder: regular files, under their own names.

A link is not followed: its target belongs to somebody else, and would be overwritten. A pipe or a device can't hold
documents, and opening one may wait for ever. All functions raise OSError, which names the file and the way out.
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
    """Open the folder itself; its own path may contain links."""
    return owned(os.open, directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def open_file(path: Path, flags: int) -> Descriptor:
    """Open with the flags of os.open; a created file is readable by its owner only."""
    return owned(open_plain, path, flags)


def open_inside(folder: Descriptor, name: str, flags: int) -> Descriptor:
    """Open a file like open_file, in an open folder, wherever the folder's path leads by now."""
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    file = owned(partial(os.open, dir_fd=folder.fileno()), name, flags, 0o600)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise OSError(errno.EINVAL, f"{name} is not a regular file: move it away")
    return file


def read_only(path: Path) -> FileIO:
    """Open the file for reading, unbuffered."""
    return FileIO(path, "r", opener=open_plain)


def create_private(path: Path) -> FileIO:
    """Create the file, unbuffered, readable by its owner only, because it will hold documents."""
    return FileIO(path, "w+", opener=open_plain)
