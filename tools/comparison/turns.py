"""A B A B: both sides in turn, so that what else the machine does hits both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from tools.comparison.figure import Turn


def alternate(
    turns: int,
    ours: Callable[[], float],
    other: Callable[[], float],
    detail: Callable[[], dict[str, float]] = dict,
) -> list[Turn]:
    """Runs both sides ``turns`` times after one turn each that is thrown away. ``detail`` is asked after each turn."""
    ours()
    other()
    detail()
    return [Turn(ours(), other(), detail()) for _ in range(turns)]


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - begin) / 1e9


def rate(count: int, work: Callable[[], object]) -> float:
    """How many per second, where ``work`` does ``count``."""
    return count / seconds(work)


def each_ns(write: Callable[..., object], arguments: Iterable[tuple[Any, ...]]) -> list[int]:
    """Calls ``write(*each)`` and gives back how long each call took."""
    clock = time.perf_counter_ns
    samples = []
    for each in arguments:
        begin = clock()
        write(*each)
        samples.append(clock() - begin)
    return samples
