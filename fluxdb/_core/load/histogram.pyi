"""Durations of requests: a histogram whose buckets are 1/128 of their value wide."""

class LatencyHistogram:
    """Counts times in nanoseconds; takes the same room however many."""

    def record(self, value_ns: int) -> None: ...
    def add(self, other: LatencyHistogram) -> None:
        """Count what ``other`` counted, too."""
    def percentile(self, percent: float) -> int:
        """The time in ns that ``percent`` of all did not exceed: at most 1/128 more than the exact one; 0 for none.

        ValueError where ``percent`` is not between 0 and 100."""
    @property
    def count(self) -> int: ...
    @property
    def min(self) -> int:
        """The least time in ns, exact; 0 if nothing was counted."""
    @property
    def max(self) -> int:
        """The greatest time in ns, exact."""
    @property
    def mean(self) -> float:
        """The mean time in ns, exact."""
