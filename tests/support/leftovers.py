"""Things that a test must not leave behind: descriptors and threads."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="NOT TESTED: there is no /proc here")


def resources() -> tuple[list[str], int]:
    """Open descriptors, by what they lead to, and threads."""
    found = []
    for number in list(Path("/proc/self/fd").iterdir()):
        with suppress(FileNotFoundError):  # that of the listing itself
            found.append(str(number.readlink()))
    return sorted(found), len(list(Path("/proc/self/task").iterdir()))


def is_no_more(now: tuple[list[str], int], before: tuple[list[str], int]) -> bool:
    gc.collect()  # an event loop that never ran is in a cycle
    return not Counter(now[0]) - Counter(before[0]) and now[1] <= before[1]


@contextmanager
def quick_collections() -> Iterator[None]:
    """Collections look at what is made from here on only: in a long test run there is much else."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)
