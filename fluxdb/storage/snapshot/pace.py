"""How a checkpoint shares the disk with writers: it leaves them less and less as the log grows."""

from __future__ import annotations

import time
from collections.abc import Callable

from fluxdb.limits import Limits
from fluxdb.storage.snapshot.writer import Share

PAUSE_SYNCS = 3  # the longest pause: this many times as long as the sync before it took
PAUSE_SECONDS_MAX = 0.02
LONE_SECONDS = 0.02  # after so long without a write or a sync, the checkpoint runs at full speed


def calm_log_bytes(limits: Limits) -> int:
    """Return the log size up to which a due checkpoint leaves most of the disk to the writers."""
    bound = limits.log_bytes_max // 2
    return min(limits.checkpoint_log_bytes or bound, bound)


class CheckpointPace:
    """Called after each sync of a piece: waits, and returns the share of the disk for the next one.

    Up to ``calm_bytes`` of log a checkpoint waits three times as long as its syncs take. From there the pauses shrink
    in proportion to what is left until twice as much; beyond that it runs without pauses, in larger pieces. So it ends
    while the log is still about that size, unless the disk is too slow for both. While nobody writes it does not pause.
    """

    def __init__(
        self,
        log_bytes: Callable[[], int],
        calm_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._log_bytes = log_bytes
        self._calm_bytes = max(calm_bytes, 1)
        self._clock = clock
        self._sleep = sleep
        self._seen_bytes, self._written_at = log_bytes(), clock()

    def __call__(self, sync_seconds: float) -> Share:
        log_bytes, now = self._log_bytes(), self._clock()
        if log_bytes != self._seen_bytes:
            self._seen_bytes, self._written_at = log_bytes, now
        if now - self._written_at > sync_seconds + LONE_SECONDS:
            return Share.WHOLE
        left = min(max(2 - log_bytes / self._calm_bytes, 0.0), 1.0)
        if not left:
            return Share.LARGE
        if self._written_at == now:
            self._sleep(min(sync_seconds * PAUSE_SYNCS, PAUSE_SECONDS_MAX) * left)
        return Share.SMALL
