"""The surroundings of the write path: a full group, closing, events, maintenance, and the end of a committer."""

from __future__ import annotations

import contextlib
import errno
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fluxdb._core.commit.channel import Channel
from fluxdb._core.commit.committer import CHORE_CHECKPOINT, CHORE_CLOSED, CHORE_SPARE
from fluxdb.errors import ClosedError, StorageError
from fluxdb.model import Kind
from tests.core.conftest import drain, drain_once, wait_readable

MakeLog = Callable[..., Any]


def test_backpressure_a_full_group_takes_no_more_and_says_when_it_does(make_log: MakeLog) -> None:
    log = make_log(group_bytes_max=4096)
    channel = Channel(log.committer)
    taken = refused = 0
    for i in range(2000):
        while channel.submit(Kind.SET, f"k{i}", b'"' + b"x" * 200 + b'"') is False:
            refused += 1
            wait_readable(channel.fd)
            taken += len(drain_once(channel))
    taken += len(drain(channel))
    assert taken == 2000
    assert refused, "the group was never full, so the claim was not tested"
    assert len(log.documents) == 2000


def test_backpressure_threads_wait_for_room(make_log: MakeLog) -> None:
    log = make_log(group_bytes_max=4096)
    text = b'"' + b"x" * 1500 + b'"'

    def work(n: int) -> None:
        for i in range(20):
            log.committer.write(Kind.SET, f"{n}-{i}", text)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert len(log.documents) == 320
    assert log.replayed()[0].digest() == log.documents.digest()


def test_g11_what_a_group_of_patches_holds_in_memory_is_bounded(make_log: MakeLog) -> None:
    """A few bytes in the log, and the whole document in memory until the group is settled."""
    log = make_log(value_bytes_max=1 << 20, group_bytes_max=64 << 10)
    log.committer.write(Kind.SET, "k", b'{"n":0,"text":"%b"}' % (b"x" * 100_000))
    channel = Channel(log.committer)
    taken = 0
    for n in range(200):
        while channel.submit(Kind.PATCH, "k", b'{"n":%d}' % n) is False:
            wait_readable(channel.fd)
            taken += len(drain_once(channel))
    assert taken + len(drain(channel)) == 200
    two_or_three = 2  # of the histogram
    assert not any(log.committer.stats()["group_records_histogram"][two_or_three + 1 :]), "128 KiB hold two"


def test_g11_threads_that_patch_wait_for_room_in_memory(make_log: MakeLog) -> None:
    log = make_log(value_bytes_max=1 << 20, group_bytes_max=64 << 10)
    log.committer.write(Kind.SET, "k", b'{"text":"%b"}' % (b"x" * 100_000))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: log.committer.write(Kind.PATCH, "k", b'{"n%d":1}' % n), range(200)))
    assert log.documents.get("k")[1] == 201
    assert not any(log.committer.stats()["group_records_histogram"][3:])


def test_close_settles_what_is_staged_and_refuses_the_rest(log: Any) -> None:
    channel = Channel(log.committer)
    for i in range(50):
        channel.submit(Kind.SET, f"k{i}", b"1")
    log.committer.close()
    log.committer.close()
    assert drain(channel) == [None] * 50
    assert len(log.replayed()[0]) == 50
    with pytest.raises(ClosedError):
        log.committer.write(Kind.SET, "a", b"1")
    with pytest.raises(ClosedError):
        channel.submit(Kind.SET, "a", b"1")
    assert log.committer.wait_for_chore(60) & CHORE_CLOSED
    assert log.committer.wait_for_events(60) is False


def test_close_from_one_thread_while_others_write_loses_nothing_acknowledged(log: Any) -> None:
    acknowledged: list[str] = []
    started = threading.Barrier(9)

    def work(n: int) -> None:
        started.wait()
        for i in range(10_000):
            try:
                log.committer.write(Kind.SET, f"{n}-{i}", b"1")
            except ClosedError:
                return
            acknowledged.append(f"{n}-{i}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    started.wait()
    while len(acknowledged) < 100:
        pass
    log.committer.close()
    for thread in threads:
        thread.join()
    documents, _ = log.replayed()
    assert all(documents.get(key) for key in acknowledged)


def test_events_of_watched_keys_come_in_the_order_of_commits(log: Any) -> None:
    write = log.committer.write
    write(Kind.SET, "a", b"1")
    assert log.committer.watch("a") == 1
    write(Kind.SET, "b", b"1")
    write(Kind.PATCH, "a", b'{"x":null}')
    write(Kind.DELETE, "a", None)
    write(Kind.SET, "a", b"null")
    assert log.committer.take_events() == (
        [
            (Kind.PATCH, "a", b"1", b'{"x":null}', 2, 3, 3),
            (Kind.DELETE, "a", b'{"x":null}', None, 3, 4, 4),
            (Kind.SET, "a", None, b"null", 4, 5, 5),
        ],
        False,
        True,
        False,
    )
    log.committer.unwatch("a")
    write(Kind.SET, "a", b"2")
    assert log.committer.take_events() == ([], False, True, False)


def test_events_are_let_go_with_the_last_who_watches_any_key(log: Any) -> None:
    committer = log.committer
    for key in ("a", "b"):
        committer.watch(key)
    committer.write(Kind.SET, "a", b"1")
    committer.unwatch("a")
    assert committer.wait_for_events(0), "another is there to take them"
    committer.unwatch("b")
    assert not committer.wait_for_events(0), "whoever waits would be woken for what nobody takes, for ever"
    committer.watch("a")
    committer.write(Kind.SET, "a", b"2")
    assert committer.take_events()[0] == [(Kind.SET, "a", b"1", b"2", 2, 2, 2)]


def test_watched_keys_are_found_again_however_many_there_are(log: Any) -> None:
    committer = log.committer
    keys = [f"key {number}" for number in range(120_000)]  # more than 65,536 slots in one shard

    def watched() -> int:
        return int(committer.stats()["watched_keys"])

    for key in keys:
        committer.watch(key)
    assert watched() == len(keys)
    for key in keys[::2]:
        committer.unwatch(key)
    for key in keys[1::2]:
        committer.watch(key)
    assert watched() == len(keys) // 2, "those that stayed were found, and not added anew"
    for key in keys[1::2]:
        committer.unwatch(key)
        committer.unwatch(key)
    assert watched() == 0


def test_g8_events_that_nobody_takes_are_dropped_and_that_is_told(make_log: MakeLog) -> None:
    log = make_log(event_bytes_max=10_000)
    log.committer.watch("a")
    for _ in range(200):
        log.committer.write(Kind.SET, "a", b'"' + b"x" * 500 + b'"')
    events, overflowed, _, _ = log.committer.take_events()
    assert overflowed
    assert 1 <= len(events) < 20
    assert [event[4] for event in events] == list(range(1, len(events) + 1)), "those kept are the oldest, without a gap"
    assert log.committer.stats()["events_dropped"] == 200 - len(events)
    log.committer.write(Kind.SET, "a", b"1")
    assert log.committer.take_events()[:2] == ([(Kind.SET, "a", b'"' + b"x" * 500 + b'"', b"1", 201, 201, 201)], False)


def test_a_spare_segment_is_asked_for_and_used(make_log: MakeLog) -> None:
    log = make_log(segment_bytes=65536)
    while log.committer.wait_for_chore(0) != CHORE_SPARE:
        log.committer.write(Kind.SET, "a", b"1")
    assert log.committer.prepare_spare() == 0
    assert (log.folder / "log.spare").stat().st_size == 65536
    while log.committer.stats()["rotations"] == 0:
        log.committer.write(Kind.SET, "a", b"1")
    assert not (log.folder / "log.spare").exists()
    assert log.replayed()[0].digest() == log.documents.digest()


def test_a_committer_refuses_from_a_segment_that_it_could_not_make_to_the_next_write_or_spare(
    make_log: MakeLog,
) -> None:
    log = make_log(segment_bytes=65536)
    large = b'"' + b"x" * 4_000 + b'"'
    in_the_way = [log.folder / "segment.tmp", log.folder / "log.spare"]
    for path in in_the_way:
        path.mkdir()
    while not log.committer.refusing:
        with contextlib.suppress(StorageError):
            log.committer.write(Kind.SET, "a", large)
    log.committer.write(Kind.SET, "a", b"1")  # which fits in the segment
    assert not log.committer.refusing
    with pytest.raises(StorageError):
        log.committer.write(Kind.SET, "a", large)
    assert log.committer.prepare_spare() == errno.EISDIR
    assert log.committer.refusing
    for path in in_the_way:
        path.rmdir()
    assert log.committer.refusing, "nobody has tried"
    assert log.committer.prepare_spare() == 0
    assert not log.committer.refusing
    log.committer.write(Kind.SET, "a", large)


def test_a_checkpoint_is_asked_for_by_bytes_of_log(make_log: MakeLog) -> None:
    log = make_log(checkpoint_log_bytes=20 * 512)
    for _ in range(20):
        log.committer.write(Kind.SET, "a", b"1")
    assert log.committer.log_bytes == 20 * 512
    assert log.committer.wait_for_chore(60) & CHORE_CHECKPOINT
    with log.documents.open_view() as view:
        log.committer.checkpointed(view.logged)
    assert log.committer.log_bytes == 0


def test_log_is_counted_from_the_checkpoint_whatever_sizes_the_segments_have(make_log: MakeLog) -> None:
    log = make_log(segment_bytes=65536, value_bytes_max=1 << 20)
    log.committer.write(Kind.SET, "a", b"1")
    with log.documents.open_view() as view:
        for _ in range(2):
            log.committer.write(Kind.SET, "large", b'"' + b"x" * 300_000 + b'"')  # a segment of the size that it needs
            log.committer.write(Kind.SET, "a", b"1")
        log.committer.checkpointed(view.logged)
        assert log.committer.log_bytes == log.committer.stats()["bytes"] - 512
    with log.documents.open_view() as view:
        log.committer.checkpointed(view.logged)
    assert log.committer.log_bytes == 0


def test_a_forked_child_keeps_no_file_of_the_log_open(make_log: MakeLog) -> None:
    log = make_log(segment_bytes=65536)
    assert log.committer.prepare_spare() == 0
    while log.committer.stats()["rotations"] == 0:  # takes the spare, so another one is wanted
        log.committer.write(Kind.SET, "a", b"1")
    assert log.committer.prepare_spare() == 0

    def open_files() -> list[str]:
        targets = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
        return [target for target in targets if target.startswith(str(log.folder))]

    assert len(open_files()) == 3, "folder, segment, spare"
    log.committer.abandon()
    assert open_files() == []


def test_a_committer_that_was_abandoned_touches_nothing(log: Any) -> None:
    log.committer.write(Kind.SET, "a", b"1")
    log.committer.abandon()
    calls: list[Callable[[], Any]] = [
        lambda: log.committer.write(Kind.SET, "a", b"2"),
        lambda: log.committer.watch("a"),
        lambda: log.committer.take_events(),
        lambda: Channel(log.committer),
    ]
    for call in calls:
        with pytest.raises(ClosedError):
            call()
    assert log.replayed()[0].get("a") == (b"1", 1)


def test_a_forgotten_committer_in_a_cycle_ends_in_order(make_log: MakeLog) -> None:
    """The garbage collector finds the channel, the committer and the documents at once, in any order."""
    for _ in range(20):
        log = make_log()
        cycle: dict[str, Any] = {"channel": Channel(log.committer), "view": log.documents.open_view()}
        cycle["self"] = cycle
        cycle["channel"].submit(Kind.SET, "a", b"1")
        cycle["log"] = log.__dict__.pop("committer"), log.__dict__.pop("documents")
        log.committer = NothingToClose()
        del cycle
        gc.collect()
        assert log.replayed()[0].get("a") == (b"1", 1), "what was staged was committed on the way out"


class NothingToClose:
    def close(self) -> None:
        pass
