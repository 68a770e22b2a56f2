"""A backup in a separate thread: a signal handler that raises (Ctrl-C) ends the wait for it, and then the backup."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeAlias

from fluxdb.engine import threads
from fluxdb.engine.asked import Asked
from fluxdb.errors import ClosedError
from fluxdb.storage.progress import ProgressCallback

# Does the work and returns its revision. It calls the callback after each piece; exceptions of that end it.
Work: TypeAlias = Callable[[ProgressCallback], int]


class Backup:
    """A backup that runs."""

    def __init__(self, work: Work, progress: ProgressCallback | None) -> None:
        """``progress`` is called in the backup's thread."""
        self.asked: Asked[int] = Asked()
        self._work = work
        self._progress = progress
        self._stopped = False
        threads.start(threading.Thread(target=self._run, name="fluxdb-backup", daemon=True))

    def result(self) -> int:
        """Wait for its end, and return its revision. If the wait is interrupted, nothing is left of the backup."""
        try:
            return self.asked.result()
        except BaseException:
            self.stop()
            self.ended()
            raise

    def stop(self) -> None:
        """End it after the piece that is being copied. It is removed then."""
        self._stopped = True

    def ended(self) -> None:
        """Wait until it has ended, whatever became of it."""
        gate = threading.Semaphore(0)
        self.asked.when_done(gate.release)
        gate.acquire()

    def _run(self) -> None:
        try:
            revision = self._work(self._report)
        except BaseException as error:
            self.asked.set_error(error)
        else:
            self.asked.set_result(revision)

    def _report(self, done_bytes: int, total_bytes: int) -> None:
        if self._stopped:
            raise ClosedError("the backup was stopped: nothing is left of it")
        if self._progress is not None:
            self._progress(done_bytes, total_bytes)
