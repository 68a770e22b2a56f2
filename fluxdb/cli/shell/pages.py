"""A range that is read page by page, each when the one before it was dealt with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from fluxdb.engine.ranges import Page, ScanRange

T = TypeVar("T")


def pages(scan: Callable[[ScanRange], Page[T]], keys: ScanRange) -> Iterator[Page[T]]:
    """Yield the pages of ``keys``, at least one, until the range or its limit is at an end."""
    left = keys.limit
    while True:
        page = scan(keys._replace(limit=left))
        yield page
        if left is not None:
            left -= len(page.entries)
        if not page.more or left == 0:
            return
        keys = keys._replace(after=page.last)
