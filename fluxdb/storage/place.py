"""Checks that an open folder is still where it was opened.

A process holds a folder by its descriptors, and keeps writing to it wherever it is: deleted, moved away, hidden by
another folder or by a mount. Nobody would find those writes. So the path is checked now and then (a stat or two), and
writes are rejected while it leads elsewhere. They are accepted again when the folder is back: nobody else can have
owned it in between, because the lock is on the folder itself.

A path that can't be checked (permissions, a failing disk) says nothing and changes nothing.
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
    """The place of an open folder, and of the segment that its log is written to."""

    def __init__(self, directory: Path, folder: Descriptor) -> None:
        self._directory = directory
        self._folder = folder
        self._segment: tuple[str, int] = ("", 0)  # the name, and the number of its file

    def folder_problem(self) -> str:
        """Return what became of the folder, as a message; empty: it is in place, or that can't be known."""
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
        """Return the same for the written segment. The caller checks again if the log has moved to another one."""
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
