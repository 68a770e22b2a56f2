"""The measured work: operations over numbered keys, and their results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, Protocol

from fluxdb._core.load.histogram import LatencyHistogram

SET: Final = "SET"
GET: Final = "GET"
PATCH: Final = "PATCH"
DELETE: Final = "DELETE"
MIXED: Final = "MIXED"
OPERATIONS: Final = (SET, GET, PATCH, DELETE, MIXED)

MIXED_KEYS: Final = 100
PERCENTILES: Final = (50, 95, 99)

Progress = Callable[[int, int], object]
Preparing = AbstractContextManager[Progress | None]


@dataclass(frozen=True, slots=True)
class Work:
    """``count`` times an operation, on the keys from 0 to ``keys`` - 1 in turn.

    MIXED does SET, GET, PATCH and DELETE to a key, then to the next.
    """

    operation: str
    count: int
    keys: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The duration of some work, and how much of it was rejected."""

    elapsed_ns: int
    errors: int = 0
    first_error: str = ""


@dataclass(frozen=True, slots=True)
class Commits:
    """The number of groups of writes that were made durable, each by one sync, and of the writes in them."""

    groups: int = 0
    writes: int = 0

    def __add__(self, other: Commits) -> Commits:
        return Commits(self.groups + other.groups, self.writes + other.writes)

    def __sub__(self, other: Commits) -> Commits:
        return Commits(self.groups - other.groups, self.writes - other.writes)

    @property
    def mean_group(self) -> float:
        return self.writes / self.groups if self.groups else 0.0

    @classmethod
    def of_info(cls, info: dict[str, Any]) -> Commits:
        """Read them from INFO."""
        return cls(info["commits"]["groups"], info["commits"]["records"])


class Target(Protocol):
    """The operations to measure."""

    def commits(self) -> Commits | None:
        """Since the database was opened; None if the server does not tell."""

    def run(self, work: Work, latencies: LatencyHistogram, progress: Progress | None) -> Outcome:
        """Do the work, and record how long each operation took. Raises FluxDBError."""


@dataclass(frozen=True, slots=True)
class Result:
    """A row of the table."""

    operation: str
    operations: int
    outcome: Outcome
    latencies: LatencyHistogram
    commits: Commits | None = None  # of the measured work

    @property
    def seconds(self) -> float:
        return self.outcome.elapsed_ns / 1e9

    @property
    def throughput(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds if self.seconds else 0.0

    def percentile_us(self, percent: float) -> float:
        return self.latencies.percentile(percent) / 1e3

    def members(self) -> dict[str, Any]:
        """Return the results for JSON. Times are in microseconds, except ``seconds``."""
        return {
            "operation": self.operation,
            "operations": self.operations,
            "errors": self.outcome.errors,
            "seconds": self.seconds,
            "throughput": self.throughput,
            **{f"p{percent}_us": self.percentile_us(percent) for percent in PERCENTILES},
            "mean_us": self.latencies.mean / 1e3,
            "max_us": self.latencies.max / 1e3,
            "groups": None if self.commits is None else self.commits.groups,
            "mean_group": None if self.commits is None else self.commits.mean_group,
        }


class Bench:
    """Measures one operation after the other; what a GET, PATCH or DELETE needs is stored before, unmeasured."""

    def __init__(self, target: Target, keys: int, preparing: Callable[[], Preparing] = nullcontext) -> None:
        """``preparing``: shows how storing gets on before the clock starts."""
        self._target = target
        self._preparing = preparing
        self._keys = keys
        self._stored = 0  # keys 0 to so many - 1 have a document

    def measure(self, operation: str, count: int, progress: Progress | None = None) -> Result:
        latencies = LatencyHistogram()
        total = Outcome(0)
        commits: Commits | None = Commits()
        done = 0
        for work in self._parts(operation, count):
            self._prepare(work)
            told = None if progress is None else continued(progress, done, count)
            before = self._target.commits()
            total = _sum(total, self._target.run(work, latencies, told))
            after = self._target.commits()
            commits = commits + (after - before) if commits and before and after else None
            done += work.count
            self._note(work)
        return Result(operation, count, total, latencies, commits)

    def _parts(self, operation: str, count: int) -> Iterator[Work]:
        """A DELETE of all keys leaves nothing to delete: more of them are done in rounds."""
        if operation == MIXED:
            yield Work(operation, count, MIXED_KEYS)
            return
        keys = min(self._keys, count)
        round_count = keys if operation == DELETE else count
        while count > 0:
            yield Work(operation, min(round_count, count), keys)
            count -= round_count

    def _prepare(self, work: Work) -> None:
        if work.operation not in (SET, MIXED) and self._stored < min(work.keys, work.count):
            fill = Work(SET, min(work.keys, work.count), work.keys)
            with self._preparing() as progress:
                self._target.run(fill, LatencyHistogram(), progress)
            self._note(fill)

    def _note(self, work: Work) -> None:
        if work.operation == SET:
            self._stored = max(self._stored, min(work.keys, work.count))
        elif work.operation == DELETE:
            self._stored = 0


def continued(progress: Progress, before: int, total: int) -> Progress:
    """Return a callback for a part of the work, when so much was done before it."""
    return lambda done, _: progress(before + done, total)


def _sum(one: Outcome, other: Outcome) -> Outcome:
    return Outcome(one.elapsed_ns + other.elapsed_ns, one.errors + other.errors, one.first_error or other.first_error)
