"""How a checkpoint shares the disk with the writers."""

from __future__ import annotations

import pytest

from fluxdb.limits import KIB, MIB, Limits
from fluxdb.storage.snapshot.pace import LONE_SECONDS, PAUSE_SECONDS_MAX, PAUSE_SYNCS, CheckpointPace, calm_log_bytes
from fluxdb.storage.snapshot.writer import Share

CALM_BYTES = 1000
SYNC_SECONDS = 0.001
LONGEST_PAUSE = PAUSE_SYNCS * SYNC_SECONDS


class Writing:
    """Writers, the clock, and the pauses of the checkpoint between them."""

    def __init__(self) -> None:
        self.log_bytes = 0
        self.now = 0.0
        self.paused = 0.0
        self.pace = CheckpointPace(lambda: self.log_bytes, CALM_BYTES, lambda: self.now, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.paused += seconds
        self.now += seconds

    def next(self, log_bytes: int, sync_seconds: float = SYNC_SECONDS) -> tuple[Share, float]:
        """Share and pause after a sync, at so much log."""
        self.paused = 0.0
        self.now += sync_seconds
        self.log_bytes = log_bytes
        return self.pace(sync_seconds), self.paused


def test_the_pause_is_as_long_as_three_syncs_while_the_log_is_short() -> None:
    writing = Writing()
    assert writing.next(1) == (Share.SMALL, LONGEST_PAUSE)
    assert writing.next(CALM_BYTES) == (Share.SMALL, LONGEST_PAUSE)
    assert writing.next(CALM_BYTES - 1, sync_seconds=1.0) == (Share.SMALL, PAUSE_SECONDS_MAX)


def test_the_pause_shrinks_with_the_budget_that_is_left_and_the_pieces_grow_where_none_is() -> None:
    writing = Writing()
    for log_bytes, left in ((CALM_BYTES * 5 // 4, 0.75), (CALM_BYTES * 7 // 4, 0.25)):
        share, pause = writing.next(log_bytes)
        assert share is Share.SMALL
        assert pause == pytest.approx(left * LONGEST_PAUSE)
    assert writing.next(CALM_BYTES * 2) == (Share.LARGE, 0.0)
    assert writing.next(CALM_BYTES * 9) == (Share.LARGE, 0.0)


def test_all_of_the_disk_is_the_checkpoints_while_nobody_writes() -> None:
    writing = Writing()
    writing.now += 2 * LONE_SECONDS
    assert writing.next(0) == (Share.WHOLE, 0.0)
    assert writing.next(1) == (Share.SMALL, LONGEST_PAUSE)
    writing.now += 2 * LONE_SECONDS
    assert writing.next(1) == (Share.WHOLE, 0.0)


@pytest.mark.parametrize(
    ("limits", "calm_bytes"),
    [
        (Limits(), 64 * MIB),
        (Limits(log_bytes_max=64 * MIB), 32 * MIB),
        (Limits(checkpoint_log_bytes=0, log_bytes_max=100 * KIB), 50 * KIB),
        (Limits(checkpoint_log_bytes=1 << 50), 2048 * MIB),
    ],
)
def test_a_checkpoint_is_due_at_half_the_bound_of_the_log_at_the_latest(limits: Limits, calm_bytes: int) -> None:
    assert calm_log_bytes(limits) == calm_bytes
