"""Plain statistics: medians, percentiles, smallest and largest. No averages."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple


class Spread(NamedTuple):
    median: float
    low: float
    high: float


def spread(numbers: Sequence[float]) -> Spread | None:
    """None where there are no numbers."""
    if not numbers:
        return None
    return Spread(median(numbers), min(numbers), max(numbers))


def percentile(sorted_samples: Sequence[int], percent: float) -> int:
    """The smallest sample that ``percent`` of all samples don't exceed. ``sorted_samples`` must be in order."""
    count = len(sorted_samples)
    rank = -(-count * percent // 100)
    return sorted_samples[min(count - 1, max(0, int(rank) - 1))]


def summary_us(samples_ns: list[int], prefix: str) -> dict[str, float]:
    """Count, p50, p99 and the largest of the samples, in microseconds, under names that begin with ``prefix``."""
    ordered = sorted(samples_ns)
    return {
        f"{prefix}_count": len(ordered),
        f"{prefix}_p50_us": percentile(ordered, 50) / 1e3,
        f"{prefix}_p99_us": percentile(ordered, 99) / 1e3,
        f"{prefix}_max_us": ordered[-1] / 1e3,
    }
