"""When checkpoints come, and who shares which."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable
from typing import cast

import pytest

from fluxdb._core.commit.committer import CHORE_CHECKPOINT, CHORE_SPARE, Committer
from fluxdb.engine.local import maintenance as snapshot_actor
from fluxdb.engine.local.maintenance import SnapshotActor
from fluxdb.errors import ClosedError, DiskFullError
from fluxdb.limits import Limits


class FakeCommitter:
    """Has the chores that it is given, once."""

    def __init__(self) -> None:
        self.log_bytes = 1
        self.spares = 0
        self.log_is_full = False
        self.checkpoint_errors: list[int] = []
        self.spare_error: Exception | None = None
        self._chores = 0
        self._woken = threading.Event()

    def give(self, chore: int) -> None:
        self._chores |= chore
        self._woken.set()

    def wait_for_chore(self, timeout_seconds: float) -> int:
        self._woken.wait(timeout_seconds)
        self._woken.clear()
        chores, self._chores = self._chores, 0
        return chores

    def wake(self) -> None:
        self._woken.set()

    def checkpoint_failed(self, error: int) -> None:
        self.checkpoint_errors.append(error)

    def prepare_spare(self) -> int:
        self.spares += 1
        if self.spare_error is not None:
            raise self.spare_error
        return 0 if self.spares > 1 else errno.ENOENT


class Snapshots:
    """Writes none; counts, and waits at ``gate`` where it is closed."""

    def __init__(self) -> None:
        self.begun = 0
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None

    def __call__(self) -> int:
        self.begun += 1
        revision = self.begun
        assert self.gate.wait(30)
        if self.error is not None:
            raise self.error
        return revision


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Bench:
    def __init__(self, limits: Limits) -> None:
        self.committer = FakeCommitter()
        self.snapshots = Snapshots()
        self.actor = SnapshotActor(cast("Committer", self.committer), self.snapshots, limits)


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Bench:
    made = Bench(Limits(checkpoint_interval_seconds=0))
    request.addfinalizer(made.actor.close)
    return made


def test_who_asks_gets_the_revision(bench: Bench) -> None:
    assert bench.actor.ask().result(30) == 1
    assert bench.actor.ask().result(30) == 2
    assert bench.actor.checkpoints == 2


def test_who_asks_while_one_runs_shares_the_next(bench: Bench) -> None:
    bench.snapshots.gate.clear()
    running = bench.actor.ask()
    until(lambda: bench.snapshots.begun == 1)
    later = [bench.actor.ask() for _ in range(5)]
    bench.snapshots.gate.set()
    assert running.result(30) == 1
    assert [asked.result(30) for asked in later] == [2] * 5
    assert bench.snapshots.begun == 2


def test_a_chore_brings_one(bench: Bench) -> None:
    bench.committer.give(CHORE_CHECKPOINT)
    until(lambda: bench.actor.checkpoints == 1)


def test_a_spare_segment_is_prepared_and_a_failure_named(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "fluxdb.snapshot"):
        for spares in (1, 2):  # the second one is made
            bench.committer.give(CHORE_SPARE)
            until(lambda spares=spares: bench.committer.spares == spares)  # type: ignore[misc]
        bench.actor.close()
    assert [record.message for record in caplog.records] == [
        "can't allocate the next log segment ahead: No such file or directory; writes go on until this one is full"
    ]
    assert bench.snapshots.begun == 0


def test_a_spare_segment_that_is_asked_for_is_tried_each_time_without_a_warning(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "fluxdb.snapshot"):
        for tries in (1, 2):  # the second finds room
            bench.actor.ask_spare()
            until(lambda tries=tries: bench.committer.spares == tries)  # type: ignore[misc]
        until(lambda: len(caplog.records) == 1)
    assert caplog.records[0].levelno == logging.INFO


def test_a_failure_is_raised_for_who_asked_and_the_next_one_is_made(bench: Bench) -> None:
    bench.snapshots.error = DiskFullError("no room")
    with pytest.raises(DiskFullError):
        bench.actor.ask().result(30)
    bench.snapshots.error = None
    assert bench.actor.ask().result(30) == 2


def test_a_failure_of_its_own_accord_is_logged_and_ends_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.snapshots.error = DiskFullError("no room")
    bench.committer.spare_error = OSError("no")
    with caplog.at_level(logging.ERROR, "fluxdb.snapshot"):
        bench.committer.give(CHORE_CHECKPOINT | CHORE_SPARE)
        until(lambda: len(caplog.records) == 2)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert bench.actor.failures == 1
    bench.snapshots.error = None
    assert bench.actor.ask().result(30) == 2


def test_time_brings_one_where_something_was_written(request: pytest.FixtureRequest) -> None:
    bench = Bench(Limits(checkpoint_interval_seconds=1))
    request.addfinalizer(bench.actor.close)
    until(lambda: bench.actor.checkpoints == 1)


def test_time_brings_none_where_nothing_was_written(request: pytest.FixtureRequest) -> None:
    bench = Bench(Limits(checkpoint_interval_seconds=1))
    request.addfinalizer(bench.actor.close)
    bench.committer.log_bytes = 0
    time.sleep(1.3)
    assert bench.snapshots.begun == 0


def test_closing_refuses_the_one_that_it_ended_and_the_next(bench: Bench) -> None:
    bench.snapshots.gate.clear()
    running = bench.actor.ask()
    until(lambda: bench.snapshots.begun == 1)
    waiting = bench.actor.ask()
    closing = threading.Thread(target=bench.actor.close)
    closing.start()
    until(lambda: bench.actor.closing)
    bench.snapshots.error = ClosedError("the database is closed")
    bench.snapshots.gate.set()
    closing.join(30)
    with pytest.raises(ClosedError, match="before the checkpoint was complete"):
        running.result(0)
    with pytest.raises(ClosedError, match="before the checkpoint began"):
        waiting.result(0)
    with pytest.raises(ClosedError):
        bench.actor.ask()
    bench.actor.close()


def test_the_committer_hears_of_a_failed_checkpoint_and_why(bench: Bench) -> None:
    failed = DiskFullError("no room")
    failed.__cause__ = OSError(errno.ENOSPC, "no room")
    for error in (failed, MemoryError(), RuntimeError()):
        bench.snapshots.error = error
        with pytest.raises(type(error)):
            bench.actor.ask().result(30)
    assert bench.committer.checkpoint_errors == [errno.ENOSPC, errno.ENOMEM, errno.EIO]


def test_a_failed_checkpoint_is_tried_again_while_the_log_is_full(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_actor, "RETRY_SECONDS_MIN", 0.01)
    bench.committer.log_is_full = True
    bench.snapshots.error = RuntimeError()
    bench.committer.give(CHORE_CHECKPOINT)
    until(lambda: len(bench.committer.checkpoint_errors) == 1)
    bench.snapshots.error = None
    until(lambda: bench.actor.checkpoints == 1)


def test_the_committer_hears_nothing_of_a_checkpoint_that_the_end_cut_short(bench: Bench) -> None:
    bench.snapshots.error = ClosedError("closed")
    with pytest.raises(ClosedError):
        bench.actor.ask().result(30)
    assert bench.committer.checkpoint_errors == []


def test_an_automatic_one_that_closing_ended_is_not_logged_and_no_failure(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.snapshots.gate.clear()
    bench.committer.give(CHORE_CHECKPOINT)
    until(lambda: bench.snapshots.begun == 1)
    closing = threading.Thread(target=bench.actor.close)
    closing.start()
    until(lambda: bench.actor.closing)
    bench.snapshots.error = ClosedError("the database is closed")
    bench.snapshots.gate.set()
    closing.join(30)
    assert caplog.records == []
    assert bench.actor.failures == 0
