"""The bound of the log: writers wait for a checkpoint, and hear when it fails."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fluxdb._core.commit.channel import Channel
from fluxdb._core.commit.committer import CHORE_CHECKPOINT
from fluxdb.errors import ClosedError, DiskFullError, StorageError
from fluxdb.model import Kind
from tests.core.conftest import wait_readable

BOUND = 128 * 1024
SECTOR = 512  # a small write takes one

MakeLog = Callable[..., Any]


class Writer(threading.Thread):
    """Writes in a thread until it is refused."""

    def __init__(self, log: Any) -> None:
        super().__init__(daemon=True)
        self.log = log
        self.written = 0
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            while True:
                self.log.committer.write(Kind.SET, "k", b"1")
                self.written += 1
        except Exception as error:
            self.error = error


def wait_until_full(log: Any) -> None:
    while not (chores := log.committer.wait_for_chore(30)) & CHORE_CHECKPOINT:
        assert chores, "no checkpoint is asked for"
    assert log.committer.log_is_full


def checkpoint(log: Any) -> None:
    with log.documents.open_view() as view:
        log.committer.checkpointed(view.logged)


@pytest.fixture
def full(make_log: MakeLog) -> Any:
    log = make_log(log_bytes_max=BOUND)
    for _ in range(BOUND // SECTOR):
        log.committer.write(Kind.SET, "k", b"1")
    return log


def test_g11_a_thread_waits_for_a_checkpoint_when_the_log_is_at_its_bound(make_log: MakeLog) -> None:
    log = make_log(log_bytes_max=BOUND)
    writer = Writer(log)
    for round_number in range(1, 4):
        wait_until_full(log)
        assert log.committer.log_bytes == BOUND
        assert writer.written <= round_number * BOUND // SECTOR
        checkpoint(log)
    wait_until_full(log)
    log.committer.close()
    writer.join(30)
    assert isinstance(writer.error, ClosedError), "who waits when the database is closed is not forgotten"
    assert writer.written == 4 * BOUND // SECTOR


def test_g11_an_event_loop_hears_when_the_log_has_room_again(full: Any) -> None:
    channel = Channel(full.committer)
    assert channel.submit(Kind.SET, "k", b"2") is False
    assert full.documents.get("k")[0] == b"1"
    checkpoint(full)
    wait_readable(channel.fd)
    assert channel.submit(Kind.SET, "k", b"2")


def test_a_checkpoint_that_fails_refuses_those_who_wait_for_it(full: Any) -> None:
    writer = Writer(full)
    channel = Channel(full.committer)
    assert channel.submit(Kind.SET, "k", b"2") is False
    full.committer.checkpoint_failed(errno.ENOSPC)
    writer.join(30)
    assert isinstance(writer.error, DiskFullError)
    assert "log_bytes_max" in str(writer.error)
    assert not writer.error.maybe_applied
    wait_readable(channel.fd)
    with pytest.raises(DiskFullError, match="log_bytes_max"):
        channel.submit(Kind.SET, "k", b"2")
    assert full.committer.checkpoint_failure is not None
    assert full.documents.get("k")[0] == b"1"


def test_a_checkpoint_after_one_that_failed_lets_writers_go_on(full: Any) -> None:
    full.committer.checkpoint_failed(errno.EIO)
    with pytest.raises(StorageError, match="Input/output error") as caught:
        full.committer.write(Kind.SET, "k", b"2")
    assert not isinstance(caught.value, DiskFullError)
    checkpoint(full)
    assert full.committer.checkpoint_failure is None
    full.committer.write(Kind.SET, "k", b"2")


def test_a_checkpoint_that_failed_before_the_log_was_full_refuses_nobody(make_log: MakeLog) -> None:
    log = make_log(log_bytes_max=BOUND)
    log.committer.write(Kind.SET, "k", b"1")
    log.committer.checkpoint_failed(errno.ENOSPC)
    assert log.committer.checkpoint_failure is None
    writer = Writer(log)
    wait_until_full(log)
    assert writer.error is None
    checkpoint(log)
    wait_until_full(log)
    log.committer.close()
    writer.join(30)
    assert isinstance(writer.error, ClosedError)


def test_reads_go_on_while_the_log_is_full(full: Any) -> None:
    full.committer.checkpoint_failed(errno.ENOSPC)
    assert full.documents.get("k") == (b"1", BOUND // SECTOR)


def test_a_log_that_is_full_when_it_is_opened_asks_for_a_checkpoint(make_log: MakeLog) -> None:
    log = make_log(log_bytes_max=BOUND, log_bytes=BOUND)
    wait_until_full(log)
    checkpoint(log)
    log.committer.write(Kind.SET, "k", b"1")
