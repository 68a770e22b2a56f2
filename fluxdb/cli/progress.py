"""A progress bar for long work, on a terminal only."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from fluxdb.storage.progress import ProgressCallback

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

DELAY_SECONDS = 0.5
"""Shorter work shows no bar."""

COLUMNS_WIDE = 80
BAR_COLUMNS = 36
ERASE_LINE = "\r\x1b[2K"
SHOW_CURSOR = "\x1b[?25h"  # drawing the bar hides it


@contextmanager
def progress_bar(label: str) -> Iterator[ProgressCallback | None]:
    """Yield the callback for bytes done and bytes in total; None if stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    bar = _Bar(label)
    try:
        yield bar.update
    finally:
        bar.close()


class _Bar:
    def __init__(self, label: str) -> None:
        self._label = label
        self._shown_from = time.monotonic() + DELAY_SECONDS
        self._bar: ProgressBar[int] | None = None
        self._drawn_bytes = 0

    def update(self, done_bytes: int, total_bytes: int) -> None:
        if self._bar is None:
            if total_bytes == 0 or time.monotonic() < self._shown_from:
                return
            is_narrow = shutil.get_terminal_size().columns < COLUMNS_WIDE
            width = 0 if is_narrow else BAR_COLUMNS  # 0: the rest of the line
            self._bar = click.progressbar(length=total_bytes, label=self._label, width=width, file=sys.stderr)
            self._bar.__enter__()
        step = done_bytes - self._drawn_bytes
        if step >= total_bytes // 200 or done_bytes == total_bytes:
            self._bar.update(step)
            self._drawn_bytes = done_bytes

    def close(self) -> None:
        if self._bar is not None:
            sys.stderr.write(ERASE_LINE + SHOW_CURSOR)  # the next output takes its place
            sys.stderr.flush()
