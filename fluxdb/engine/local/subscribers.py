"""Subscribers that a blocking thread reads. (For tasks of an event loop: ``task_subscriber``.)"""

from __future__ import annotations

import threading

from fluxdb.engine.feed import FeedSubscriber


class ThreadSubscriber(FeedSubscriber):
    """A subscriber whose taker is a thread."""

    # No constructor, and no close, in Python: a signal handler could raise in the middle of it.
    __slots__ = ()

    def wait(self, timeout_seconds: float | None) -> None:
        gate = threading.Lock()
        gate.acquire()
        self.gate = gate
        try:
            if self._wait_at(gate):
                gate.acquire(timeout=-1 if timeout_seconds is None else min(timeout_seconds, threading.TIMEOUT_MAX))
        finally:
            self.gate = None
            self.feed.gates.discard(gate)
            self._begin_turn()


__all__ = ["FeedSubscriber", "ThreadSubscriber"]
