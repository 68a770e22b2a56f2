"""A result that was requested, and its waiters."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from fluxdb.engine.feed import open_gate

T = TypeVar("T")


class Asked(Generic[T]):
    """Shared by all waiters, so none of them can cancel it.

    It has no lock: a thread that waits may be interrupted by a signal handler anywhere, and leaves nothing taken.
    """

    def __init__(self) -> None:
        self._done = False
        self._result: T
        self.error: BaseException | None = None  # once it is done
        self._watchers: deque[Callable[[], None]] = deque()

    def set_result(self, result: T) -> None:
        self._result = result
        self._settle()

    def set_error(self, error: BaseException) -> None:
        self.error = error
        self._settle()

    def _settle(self) -> None:
        self._done = True
        while self._watchers:
            self._watchers.popleft()()

    def when_done(self, watcher: Callable[[], None]) -> None:
        """Register a function to be called once, by any thread; at once if it is done."""
        self._watchers.append(watcher)
        if self._done:
            try:
                self._watchers.remove(watcher)
            except ValueError:
                return  # the thread that settles it has it
            watcher()

    def result(self, timeout_seconds: float | None = None) -> T:
        """Wait for the result. Raises its error, or TimeoutError."""
        gate = threading.Lock()
        gate.acquire()
        self.when_done(lambda: open_gate(gate))
        gate.acquire(timeout=-1 if timeout_seconds is None else timeout_seconds)
        if not self._done:
            raise TimeoutError
        if self.error is not None:
            raise self.error
        return self._result
