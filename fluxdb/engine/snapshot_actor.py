"""The snapshot actor: one daemon thread that does what must not hold up a write.

It allocates the next segment ahead, and writes snapshots: when the log has grown by so many bytes since the last,
when so much time has passed and something was written, and when asked to. One at a time. Who asks while one runs gets
the next one, since the running one may not hold what he has written. Nothing that fails here ends the thread: it is
logged, and tried again later. While the log is full, and writes are refused since no checkpoint succeeds, it is tried
again after one second, then two, up to a minute.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from fluxdb._core.commit import CHORE_CHECKPOINT, CHORE_CLOSED, CHORE_SPARE, Committer
from fluxdb.errors import ClosedError
from fluxdb.limits import Limits
from fluxdb.storage.oserrors import errno_of

logger = logging.getLogger("fluxdb.snapshot")

IDLE_SECONDS = 60.0
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 1.0, 60.0


class SnapshotActor:
    """Owner of checkpoints. ``write_snapshot`` writes one and returns its revision."""

    def __init__(self, committer: Committer, write_snapshot: Callable[[], int], limits: Limits) -> None:
        self._committer = committer
        self._write_snapshot = write_snapshot
        self._interval_seconds = limits.checkpoint_interval_seconds
        self._lock = threading.Lock()
        self._asked: Future[int] | None = None  # shared by all who asked since the last snapshot began
        self._stopping = threading.Event()
        self._spare_asked = False
        self._next_by_time = time.monotonic() + self._interval_seconds
        self._retry_at = math.inf
        self._retry_seconds = RETRY_SECONDS_MIN
        self.checkpoints = 0
        self.failures = 0
        self.last_checkpoint_at = 0.0  # in seconds since 1970; 0: not yet
        self._thread = threading.Thread(target=self._run, name="fluxdb-snapshot", daemon=True)
        self._thread.start()

    def ask(self) -> Future[int]:
        """A checkpoint of all that was acknowledged before the call; shared with others, so it can't be cancelled."""
        with self._lock:
            if self._stopping.is_set():
                raise ClosedError("the database is closed")
            if self._asked is None:
                self._asked = Future()
                self._asked.set_running_or_notify_cancel()
            asked = self._asked
        self._committer.wake()
        return asked

    def ask_spare(self) -> None:
        """After a write was refused for want of a segment: try again to have one, so that the next is taken."""
        self._spare_asked = True
        self._committer.wake()

    def _run(self) -> None:
        while not self._stopping.is_set():
            chores = self._committer.wait_for_chore(self._patience_seconds())
            if self._stopping.is_set() or chores & CHORE_CLOSED:
                return
            if chores & CHORE_SPARE:
                self._prepare_spare()
            if self._spare_asked:
                self._spare_asked = False
                self._prepare_asked_spare()
            if self._asked is not None or chores & CHORE_CHECKPOINT or self._due_by_time():
                self._checkpoint()

    def _patience_seconds(self) -> float:
        due_at = min(self._retry_at, self._next_by_time if self._interval_seconds else math.inf)
        return min(IDLE_SECONDS, max(0.01, due_at - time.monotonic()))

    def _due_by_time(self) -> bool:
        if time.monotonic() >= self._retry_at:
            return True
        if not self._interval_seconds or time.monotonic() < self._next_by_time:
            return False
        self._next_by_time = time.monotonic() + self._interval_seconds
        return self._committer.log_bytes > 0

    def _prepare_spare(self) -> None:
        try:
            error = self._committer.prepare_spare()
            if error:
                logger.warning(
                    "can't allocate the next log segment ahead: %s; writes go on until this one is full",
                    os.strerror(error),
                )
        except Exception:
            logger.exception("could not allocate the next log segment ahead")

    def _prepare_asked_spare(self) -> None:
        """Whoever asks looks for himself: silent while there is no room, so that polling does not fill the log."""
        try:
            if self._committer.prepare_spare() == 0:
                logger.info("the next log segment is allocated: writes are taken")
        except Exception:
            logger.exception("could not allocate the next log segment")

    def _checkpoint(self) -> None:
        with self._lock:
            asked, self._asked = self._asked, None
        try:
            revision = self._write_snapshot()
        except Exception as error:
            self._note_failure(error)
            if asked is None:
                logger.exception("an automatic checkpoint failed; it will be tried again")
            else:
                asked.set_exception(error)
            return
        self.checkpoints += 1
        self._retry_at, self._retry_seconds = math.inf, RETRY_SECONDS_MIN
        self.last_checkpoint_at = time.time()
        self._next_by_time = time.monotonic() + self._interval_seconds
        if asked is not None:
            asked.set_result(revision)

    def _note_failure(self, error: Exception) -> None:
        self.failures += 1
        self._retry_at = math.inf
        if isinstance(error, ClosedError):
            return
        self._committer.checkpoint_failed(errno_of(error))
        if self._committer.log_is_full:
            self._retry_at = time.monotonic() + self._retry_seconds
            self._retry_seconds = min(2 * self._retry_seconds, RETRY_SECONDS_MAX)

    def close(self) -> None:
        """Let a running checkpoint end, refuse those that were asked for. Idempotent."""
        with self._lock:
            self._stopping.set()
        self._committer.wake()
        if self._thread is not threading.current_thread():
            self._thread.join()
        with self._lock:
            asked, self._asked = self._asked, None
        if asked is not None:
            asked.set_exception(ClosedError("the database was closed before the checkpoint began"))

    def abandon(self) -> None:
        """After fork, in the child: the thread is not there, and its locks may be held."""
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._stopping.set()
