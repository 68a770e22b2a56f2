"""A figure: a name, two bounds, and the turns that were measured for it; and how turns are measured.

Both sides take turns, A B A B, so that what else the machine does hits both. Plain statistics: medians, percentiles,
smallest and largest; no averages.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from tools.comparison.setting import Setting


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


class Verdict(str, Enum):
    AIM = "aim met"
    MUST = "must met"
    MISSED = "MISSED"
    OPEN = "not measured"
    NONE = "-"


@dataclass(frozen=True)
class Bound:
    """Bounds the ratio ours/other, or our own value, at most or at least by ``limit``."""

    of: Literal["ratio", "ours"]
    relation: Literal["<=", ">="]
    limit: float

    def holds(self, number: float) -> bool:
        return number <= self.limit if self.relation == "<=" else number >= self.limit

    def text(self, unit: str) -> str:
        return f"{self.relation} {self.limit:g}{'x' if self.of == 'ratio' else ' ' + unit}"


@dataclass(frozen=True)
class Turn:
    """One turn of each side, run one directly after the other. ``detail`` is for the raw data only."""

    ours: float
    other: float | None = None
    detail: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return self.ours / self.other if self.other else None


@dataclass
class Measurement:
    """All turns of one line of the table, and what a reader should know about them."""

    turns: list[Turn]
    notes: list[str] = field(default_factory=list)

    def ours(self) -> Spread | None:
        return spread([turn.ours for turn in self.turns])

    def other(self) -> Spread | None:
        return spread([turn.other for turn in self.turns if turn.other is not None])

    def ratio(self) -> Spread | None:
        """Return the median of the turns' ratios, not the ratio of the medians."""
        return spread([turn.ratio for turn in self.turns if turn.ratio is not None])


@dataclass(frozen=True)
class Figure:
    """One line of the table. Rates are per second, so that with rates more is better, and with times less."""

    name: str
    title: str
    other: str
    unit: str
    measure: Callable[[Setting], Measurement]
    must: Bound | None = None
    aim: Bound | None = None
    group: str = ""

    @property
    def more_is_better(self) -> bool:
        return self.unit.endswith("/s")

    def verdict(self, measurement: Measurement) -> Verdict:
        if self.must is None:
            return Verdict.NONE
        must = self._holds(self.must, measurement)
        if must is None:
            return Verdict.OPEN
        aim = self._holds(self.aim, measurement) if self.aim else None
        if aim:
            return Verdict.AIM
        return Verdict.MUST if must else Verdict.MISSED

    @staticmethod
    def _holds(bound: Bound, measurement: Measurement) -> bool | None:
        of = measurement.ours() if bound.of == "ours" else measurement.ratio()
        return None if of is None else bound.holds(of.median)


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
