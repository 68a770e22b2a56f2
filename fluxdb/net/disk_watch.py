"""Log messages when the disk is slow to make writes durable, and when it could not."""

from __future__ import annotations

import logging
import time
from typing import Any

from fluxdb.engine.local.engine import Engine

logger = logging.getLogger("fluxdb.server")

SLOW_BUCKET = 28  # in the histogram by bits of nanoseconds: 2^27 ns (134 ms) and more
WARNING_SECONDS = 10.0
HANGING_SECONDS = 5.0  # for a sync that has not returned: logged while it lasts


class DiskWatch:
    """Reads the committer's numbers now and then; it measures nothing itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._told = self._count()
        self._told_at = float("-inf")
        self._failure_told = False
        self._hanging = False

    def _count(self) -> int:
        stats: dict[str, Any] = self._engine.committer.stats()
        histogram: list[int] = stats["fsync_ns_histogram"]
        return sum(histogram[SLOW_BUCKET:])

    def look(self) -> None:
        """Report a failed log, once; a sync that hangs; and, at most every WARNING_SECONDS, slow syncs
        since the last report."""
        self._look_for_failure()
        self._look_for_a_hang()
        self._look_for_slow_syncs()

    def _look_for_failure(self) -> None:
        failure = self._engine.committer.poisoned
        if failure is not None and not self._failure_told:
            self._failure_told = True
            logger.error(
                "no more writes are accepted: %s; fix the disk, then restart the server. Reads continue, acknowledged "
                "writes are kept, and clients that got an unknown outcome have to check it after the restart",
                failure,
            )

    def _look_for_a_hang(self) -> None:
        seconds = self._engine.committer.writing_seconds
        hanging = seconds > HANGING_SECONDS
        if hanging and not self._hanging:
            logger.warning(
                "the disk does not answer: a sync has taken %d seconds so far; writes wait for it, reads continue",
                seconds,
            )
        elif self._hanging and not hanging:
            logger.warning("the disk answers again")
        self._hanging = hanging

    def _look_for_slow_syncs(self) -> None:
        now = time.monotonic()
        if now - self._told_at < WARNING_SECONDS or self._engine.closed:
            return
        count = self._count()
        if count > self._told:
            slow_ms = (1 << (SLOW_BUCKET - 1)) // 1_000_000
            logger.warning("the disk is slow: %d syncs took more than %d ms each", count - self._told, slow_ms)
            self._told, self._told_at = count, now
