"""Who walks a feed from a thread that blocks. (From tasks of an event loop: ``task_subscriber``.)"""

from __future__ import annotations

import threading
from collections.abc import Callable

from fluxdb.engine.feed import Feed, FeedSubscriber, open_gate


class ThreadSubscriber(FeedSubscriber):
    """A subscriber whose taker is a thread."""

    __slots__ = ("_gate",)

    def __init__(self, feed: Feed, keys: tuple[str, ...], on_end: Callable[[FeedSubscriber], None]) -> None:
        super().__init__(feed, keys, on_end)
        self._gate: threading.Lock | None = None

    def wait(self, timeout_seconds: float | None) -> None:
        gate = threading.Lock()
        gate.acquire()
        self._gate = gate
        gates = self.feed.gates
        gates.add(gate)
        try:
            if not self._has_news():
                gate.acquire(timeout=-1 if timeout_seconds is None else min(timeout_seconds, threading.TIMEOUT_MAX))
        finally:
            self._gate = None
            self.feed.gates.discard(gate)

    def close(self) -> None:
        super().close()
        gate = self._gate
        if gate is not None:
            open_gate(gate)


__all__ = ["FeedSubscriber", "ThreadSubscriber"]
