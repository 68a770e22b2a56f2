"""The snapshot actor: one daemon thread that does what must not hold up a write.

Every second it checks that the folder is in its place. It allocates the next segment ahead, and writes snapshots: when
the log has grown by so many bytes since the last one, when so much time has passed and something was written, and on
request; one at a time. A request during a running snapshot gets the next one, because the running one may lack the
latest writes. Nothing that fails here ends the thread: it is logged, and tried again later. While the log is full, and
writes are rejected because no checkpoint succeeds, it tries again after one second, then two, up to a minute. Closing
ends a running snapshot, no matter who requested it: the log has everything that it would have had.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable

from fluxdb._core.base.locked import call_locked
from fluxdb._core.commit.committer import CHORE_CHECKPOINT, CHORE_CLOSED, CHORE_SPARE, Committer
from fluxdb.engine import threads
from fluxdb.engine.asked import Asked
from fluxdb.errors import ClosedError
from fluxdb.limits import Limits
from fluxdb.storage.system.oserrors import errno_of

logger = logging.getLogger("fluxdb.snapshot")

LOOK_SECONDS = 1.0  # so soon a folder that was deleted, moved or replaced is noticed
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 1.0, 60.0


class SnapshotActor:
    """Owner of checkpoints. ``write_snapshot`` writes one and returns its revision; ``look`` sees to the folder."""

    def __init__(
        self,
        committer: Committer,
        write_snapshot: Callable[[], int],
        limits: Limits,
        look: Callable[[], None] = lambda: None,
        files_changed: Callable[[], None] = lambda: None,
    ) -> None:
        """``files_changed`` is called in the actor's thread after it may have made or removed files."""
        self._committer = committer
        self._files_changed = files_changed
        self._write_snapshot = write_snapshot
        self._look = look
        self._interval_seconds = limits.checkpoint_interval_seconds
        self._lock = threading.Lock()
        self._asked: Asked[int] | None = None  # shared by all who asked since the last snapshot began
        self.closing = False
        self._spare_asked = False
        self._next_by_time = time.monotonic() + self._interval_seconds
        self._retry_at = math.inf
        self._retry_seconds = RETRY_SECONDS_MIN
        self.checkpoints = 0
        self.failures = 0
        self.last_checkpoint_at = 0.0  # in seconds since 1970; 0: not yet
        self._thread = threading.Thread(target=self._run, name="fluxdb-snapshot", daemon=True)
        threads.start(self._thread)

    def ask(self) -> Asked[int]:
        """A checkpoint of all that was acknowledged before the call. Raises ClosedError."""
        asked = call_locked(self._lock, -1, self._share)
        assert asked is not None
        self._committer.wake()
        return asked

    def _share(self) -> Asked[int]:
        if self.closing:
            raise ClosedError("the database is closed")
        self._asked = asked = self._asked or Asked()
        return asked

    def ask_spare(self) -> None:
        """After a write was refused for want of a segment: try again to have one, so that the next is taken."""
        self._spare_asked = True
        self._committer.wake()

    def _run(self) -> None:
        while not self.closing:
            chores = self._committer.wait_for_chore(self._patience_seconds())
            if self.closing or chores & CHORE_CLOSED:
                return
            self._look_at_folder()
            if chores & CHORE_SPARE:
                self._prepare_spare()
            if self._spare_asked:
                self._spare_asked = False
                self._prepare_asked_spare()
            if self._asked is not None or chores & CHORE_CHECKPOINT or self._due_by_time():
                self._checkpoint()
            if chores:
                self._files_changed()

    def _patience_seconds(self) -> float:
        due_at = min(self._retry_at, self._next_by_time if self._interval_seconds else math.inf)
        return min(LOOK_SECONDS, max(0.01, due_at - time.monotonic()))

    def _due_by_time(self) -> bool:
        if time.monotonic() >= self._retry_at:
            return True
        if not self._interval_seconds or time.monotonic() < self._next_by_time:
            return False
        self._next_by_time = time.monotonic() + self._interval_seconds
        return self._committer.log_bytes > 0

    def _look_at_folder(self) -> None:
        try:
            self._look()
        except Exception:
            logger.exception("could not look whether the folder is in its place")

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
        """Allocate for a caller that checks the result itself: silent while the disk is full, so that polling does not
        fill the log.
        """
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
            self._failed(asked, error)
            return
        self._files_changed()
        self.checkpoints += 1
        self._retry_at, self._retry_seconds = math.inf, RETRY_SECONDS_MIN
        self.last_checkpoint_at = time.time()
        self._next_by_time = time.monotonic() + self._interval_seconds
        if asked is not None:
            asked.set_result(revision)

    def _failed(self, asked: Asked[int] | None, error: Exception) -> None:
        self._retry_at = math.inf
        if isinstance(error, ClosedError):  # closing sets that off before it comes here
            error = ClosedError("the database was closed before the checkpoint was complete: the log keeps what it had")
        else:
            self._note_failure(error)
            if asked is None:
                logger.error("an automatic checkpoint failed; it will be tried again", exc_info=error)
        if asked is not None:
            asked.set_error(error)

    def _note_failure(self, error: Exception) -> None:
        self.failures += 1
        self._committer.checkpoint_failed(errno_of(error))
        if self._committer.log_is_full:
            self._retry_at = time.monotonic() + self._retry_seconds
            self._retry_seconds = min(2 * self._retry_seconds, RETRY_SECONDS_MAX)

    def close(self) -> None:
        """Wait until ``write_snapshot`` has ended, refuse what was asked for. Idempotent."""
        call_locked(self._lock, -1, self._refuse)
        self._committer.wake()
        if self._thread is not threading.current_thread():
            self._thread.join()
        asked = self._asked  # no more are: its place is kept for a call that goes on where this one was interrupted
        if asked is not None:
            asked.set_error(ClosedError("the database was closed before the checkpoint began"))

    def _refuse(self) -> None:
        self.closing = True

    def abandon(self) -> None:
        """After fork, in the child: the thread is not there, and its locks may be held."""
        self._lock = threading.Lock()
        self.closing = True
