"""Measures a server with the compiled load generator."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence

from fluxdb._core.load.generator import LoadGenerator
from fluxdb._core.load.histogram import LatencyHistogram
from fluxdb.bench.connections import server_info
from fluxdb.bench.requests import FLUX, requests_of
from fluxdb.bench.work import Commits, Outcome, Progress, Work, continued

KEYS_AT_ONCE = 100_000
"""Requests are built for so many keys, some 10 MB of them; more keys are measured piece by piece."""


class NetworkTarget:
    """A server, over connections that are there."""

    def __init__(
        self, sockets: Sequence[socket.socket], protocol: str, pipeline: int, *, timeout: float, deadline: float
    ) -> None:
        """``timeout``: seconds that it may stay silent; ``deadline``: seconds that a piece of work may take."""
        self._sockets = sockets
        self._protocol = protocol
        self._pipeline = pipeline
        self._timeout = timeout
        self._deadline = deadline

    def commits(self) -> Commits | None:
        """Asked over the first connection, while no load is on it."""
        if self._protocol != FLUX:
            return None
        info = server_info(self._sockets[0], self._timeout)
        return None if info is None else Commits.of_info(info)

    def run(self, work: Work, latencies: LatencyHistogram, progress: Progress | None) -> Outcome:
        elapsed_ns = errors = done = 0
        first_error = ""
        for first, keys, count in _pieces(work):
            requests = requests_of(self._protocol, work.operation, first, keys)
            generator = LoadGenerator(
                self._sockets, requests.text, requests.lengths, protocol=self._protocol, pipeline=self._pipeline
            )
            result = generator.run(
                count,
                latencies,
                silence_seconds=self._timeout,
                deadline_seconds=self._deadline,
                progress=None if progress is None else continued(progress, done, work.count),
            )
            done += count
            elapsed_ns += result.elapsed_ns
            errors += result.errors
            first_error = first_error or result.first_error
        return Outcome(elapsed_ns, errors, first_error)


def _pieces(work: Work) -> Iterator[tuple[int, int, int]]:
    """First key, keys, requests: all at once where the keys are few."""
    if work.keys <= KEYS_AT_ONCE:
        yield 0, work.keys, work.count
        return
    first, left = 0, work.count
    while left:
        keys = min(KEYS_AT_ONCE, work.keys - first, left)
        yield first, keys, keys
        left -= keys
        first = (first + keys) % work.keys
