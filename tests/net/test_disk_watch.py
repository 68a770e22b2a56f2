"""The server's log messages about the disk."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from fluxdb.net.disk_watch import HANGING_SECONDS, SLOW_BUCKET, DiskWatch


class FakeEngine:
    """Its own committer."""

    def __init__(self) -> None:
        self.closed = False
        self.poisoned: str | None = None
        self.histogram = [0] * 40
        self.writing_seconds = 0.0

    @property
    def committer(self) -> FakeEngine:
        return self

    def stats(self) -> dict[str, Any]:
        return {"fsync_ns_histogram": self.histogram}


def test_a_log_that_failed_is_told_once_with_the_way_out(caplog: pytest.LogCaptureFixture) -> None:
    engine = FakeEngine()
    watch = DiskWatch(cast("Any", engine))
    with caplog.at_level(logging.WARNING, "fluxdb.server"):
        watch.look()
        assert caplog.records == []
        engine.poisoned = "fdatasync failed: Input/output error"
        engine.closed = True  # no matter
        watch.look()
        watch.look()
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "fdatasync failed: Input/output error" in record.message
    assert "restart the server" in record.message


def test_slow_syncs_are_told_together_and_not_too_often(caplog: pytest.LogCaptureFixture) -> None:
    engine = FakeEngine()
    watch = DiskWatch(cast("Any", engine))
    with caplog.at_level(logging.WARNING, "fluxdb.server"):
        for _ in range(2):
            engine.histogram[SLOW_BUCKET] += 2
            engine.histogram[SLOW_BUCKET + 1] += 1
            engine.histogram[SLOW_BUCKET - 1] += 1
            watch.look()
    (record,) = caplog.records
    assert record.message.startswith("the disk is slow: 3 syncs")


def test_a_sync_that_hangs_is_told_while_it_lasts_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    engine = FakeEngine()
    watch = DiskWatch(cast("Any", engine))
    with caplog.at_level(logging.WARNING, "fluxdb.server"):
        for seconds in (HANGING_SECONDS, HANGING_SECONDS + 1.5, HANGING_SECONDS + 2.5, 0.1, 0.0):
            engine.writing_seconds = seconds
            watch.look()
    hangs, answers = [record.message for record in caplog.records]
    assert "a sync has taken 6 seconds so far" in hangs
    assert answers == "the disk answers again"
