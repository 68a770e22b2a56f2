"""Descriptors that an object owns: dropping it closes them, whatever exception came in between.

Between two steps of Python code a signal handler may raise: a number that os.open returned, and that nobody has stored
yet, would stay open for ever.
"""

import os
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

_T = TypeVar("_T")

class Descriptor:
    def fileno(self) -> int:
        """Return the number. Raises ValueError once it is closed, or was handed over."""
    def close(self) -> None:
        """Close it. Raises OSError, and is closed then too. Idempotent."""
    def __enter__(self) -> Descriptor: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

def owned(function: Callable[..., int], *arguments: object) -> Descriptor:
    """A descriptor that a compiled ``function`` opens."""

def give(taker: Callable[..., _T], *descriptors: Descriptor, **arguments: object) -> _T:
    """Call a compiled ``taker``; where it returns, the descriptors belong to what it returned."""

def open_plain(path: str | os.PathLike[str], flags: int) -> int:
    """Like os.open, but for a regular file only, and not through a link; a created file is private.

    Raises OSError, which says what else has that name, and that it has to be moved.
    """
