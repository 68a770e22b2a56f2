"""Is what was opened still where it was opened?

A process holds a folder by its descriptors, and goes on writing to it wherever it is: deleted, moved away, hidden by
another one or by a mount. Nobody would find those writes. So its path is looked at now and then (a stat or two), and
no writes are taken while it leads elsewhere. They are taken again when the folder is back: nobody else can have owned
it meanwhile, since the lock is on the folder itself.

A path that can't be looked at (permissions, a disk that fails) says nothing, and changes nothing.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from fluxdb._core.base.descriptor import Descriptor

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_BACK = "put it back, or close the database and open it where it is now"
_LOST = "close the database; until then, its documents can be read here"


class Place:
    """Of a folder that is open, and of the segment that its log is written to."""

    def __init__(self, directory: Path, folder: Descriptor) -> None:
        self._directory = directory
        self._folder = folder
        self._segment: tuple[str, int] = ("", 0)  # the name, and the number of its file

    def folder_problem(self) -> str:
        """What became of the folder, in words; empty: it is there, or that can't be known."""
        opened = os.fstat(self._folder.fileno())
        try:
            there = self._directory.stat()
        except OSError as error:
            if error.errno not in _GONE:
                return ""
            if not opened.st_nlink:
                return f"{self._directory} was deleted while the database was open: {_LOST}"
            return f"{self._directory} was moved while the database was open: {_BACK}"
        if (there.st_dev, there.st_ino) != (opened.st_dev, opened.st_ino):
            return f"{self._directory} was replaced by another folder while the database was open: {_BACK}"
        return ""

    def segment_problem(self, name: str) -> str:
        """The same of the segment that is written to. Looked at again by the caller if that is another one by now."""
        path = self._directory / name
        try:
            number = path.stat().st_ino
        except OSError as error:
            if error.errno not in _GONE:
                return ""
            return f"{path} was deleted or moved while the database was open: {_LOST}"
        if self._segment[0] != name:
            self._segment = (name, number)
        elif self._segment[1] != number:
            return f"{path} was replaced while the database was open: {_LOST}"
        return ""
