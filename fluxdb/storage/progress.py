"""Reporting the progress of a long piece of work."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

ProgressCallback: TypeAlias = Callable[[int, int], None]  # bytes done, bytes in total


class Progress:
    """Counts bytes and passes them on."""

    def __init__(self, callback: ProgressCallback | None, total_bytes: int) -> None:
        self._callback = callback
        self._done_bytes = 0
        self._total_bytes = total_bytes

    def add(self, byte_count: int) -> None:
        self._done_bytes = min(self._done_bytes + byte_count, self._total_bytes)
        if self._callback is not None:
            self._callback(self._done_bytes, self._total_bytes)

    def finish(self) -> None:
        """Report that all is done, however the bytes were counted."""
        self.add(self._total_bytes - self._done_bytes)
