"""The write path from the inside: what a group keeps together, what it refuses, what is on disk when a write returns."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fluxdb._core.commit import CHORE_CHECKPOINT, CHORE_CLOSED, CHORE_SPARE
from fluxdb._core.replay import STOP_END
from fluxdb.errors import ClosedError, InvalidKeyError, InvalidValueError, LimitError, VersionConflictError
from fluxdb.model import Kind

MakeLog = Callable[..., Any]


def test_g2_a_write_that_returned_is_in_the_files(log: Any) -> None:
    assert log.committer.write(Kind.SET, "a", b'{"x": 1}') == (1, 1)
    documents, stop = log.replayed()
    assert documents.get("a") == (b'{"x":1}', 1)
    assert (stop.reason, stop.records) == (STOP_END, 1)


def test_versions_go_on_over_deletion(log: Any) -> None:
    write = log.committer.write
    assert [write(Kind.SET, "a", b"1"), write(Kind.DELETE, "a", None), write(Kind.SET, "a", b"2")] == [
        (1, 1),
        (2, 2),
        (3, 3),
    ]
    assert log.documents.get("a") == (b"2", 3)


def test_versions_never_repeat_when_tombstones_are_forgotten(make_log: MakeLog) -> None:
    log = make_log(tombstones_max=2)
    write = log.committer.write
    last = {}
    for round_ in range(3):
        for key in "abcdefgh":
            version, _ = write(Kind.SET, key, str(round_).encode())
            assert version > last.get(key, 0)
            last[key], _ = write(Kind.DELETE, key, None)
            assert last[key] > version
    assert log.documents.tombstones == 2
    assert log.replayed()[0].digest() == log.documents.digest()


def test_a_tombstone_queue_of_rewritten_keys_stays_bounded(make_log: MakeLog) -> None:
    log = make_log(tombstones_max=4)
    channel = log.committer.channel()
    for _ in range(3000):
        channel.submit(Kind.SET, "k", b"1")
        channel.submit(Kind.DELETE, "k", None)
    drain(channel)
    assert log.documents.tombstones == 1
    assert log.replayed()[0].digest() == log.documents.digest()


def drain(channel: Any) -> list[Any]:
    outcomes: list[Any] = []
    while channel.outstanding:
        got = channel.collect()
        outcomes += [None] * got if isinstance(got, int) else got
    return outcomes


def test_g3_two_patches_of_one_group_both_take_effect(log: Any) -> None:
    channel = log.committer.channel()
    versions = [channel.submit(Kind.PATCH, "k", f'{{"m{i}":{i}}}'.encode())[0] for i in range(100)]
    assert drain(channel) == [None] * 100
    assert versions == list(range(1, 101))
    expected = "{" + ",".join(f'"m{i}":{i}' for i in range(100)) + "}"
    assert log.documents.get("k") == (expected.encode(), 100)
    assert log.replayed()[0].get("k") == (expected.encode(), 100)
    groups = log.committer.stats()["groups"]
    assert groups < 100, "nothing was batched, so the claim was not tested"


def test_g3_versions_are_unique_over_many_threads(log: Any) -> None:
    def work(_: int) -> list[int]:
        return [log.committer.write(Kind.PATCH, "n", b'{"a":1}')[0] for _ in range(50)]

    with ThreadPoolExecutor(8) as pool:
        versions = [version for part in pool.map(work, range(8)) for version in part]
    assert sorted(versions) == list(range(1, 401))


def test_if_version_holds_or_tells_the_actual_one(log: Any) -> None:
    write = log.committer.write
    with pytest.raises(VersionConflictError) as error:
        write(Kind.SET, "a", b"1", 5)
    assert (error.value.expected, error.value.actual) == (5, 0)
    assert write(Kind.SET, "a", b"1", 0) == (1, 1)
    with pytest.raises(VersionConflictError) as error:
        write(Kind.DELETE, "a", None, 0)
    assert error.value.actual == 1
    assert write(Kind.DELETE, "a", None, 1) == (2, 2)
    assert write(Kind.DELETE, "a", None, 0) is None
    with pytest.raises(VersionConflictError) as error:
        write(Kind.SET, "a", b"1", 2)
    assert error.value.actual == 0, "a deleted key does not exist"
    assert write(Kind.PATCH, "a", b'{"x":1}', 0) == (3, 3)


def test_delete_of_a_missing_key_writes_nothing(log: Any) -> None:
    assert log.committer.write(Kind.DELETE, "a", None) is None
    assert log.committer.stats()["records"] == 0


def test_g1_a_refusal_that_rests_on_an_undurable_write_waits_for_it(log: Any) -> None:
    channel = log.committer.channel()
    assert channel.submit(Kind.SET, "a", b"1") == (1, 1)
    assert channel.submit(Kind.SET, "a", b"2", 0) is not False
    assert channel.submit(Kind.DELETE, "a", None) == (2, 2)
    assert channel.submit(Kind.DELETE, "a", None) is None
    outcomes = drain(channel)
    assert outcomes[0] is None
    assert isinstance(outcomes[1], VersionConflictError)
    assert outcomes[1].actual == 1
    assert outcomes[2:] == [None, None]


@pytest.mark.parametrize(
    ("key", "text", "error"),
    [
        ("", b"1", InvalidKeyError),
        ("\ud800", b"1", InvalidKeyError),
        (7, b"1", InvalidKeyError),
        ("k" * 65, b"1", LimitError),
        ("é" * 33, b"1", LimitError),
        ("k", b"", InvalidValueError),
        ("k", b"{", InvalidValueError),
        ("k", b"18446744073709551616", InvalidValueError),
        ("k", b"[" * 17 + b"]" * 17, LimitError),
        ("k", b'"' + b"x" * 4095 + b'"', LimitError),
    ],
)
def test_g11_a_refused_write_leaves_nothing_behind(log: Any, key: Any, text: bytes, error: type[Exception]) -> None:
    for kind in (Kind.SET, Kind.PATCH):
        with pytest.raises(error):
            log.committer.write(kind, key, text)
    assert log.committer.stats()["records"] == 0
    assert log.committer.write(Kind.SET, "k", b"1") == (1, 1)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("k" * 64, b"1"),
        ("é" * 32, b"1"),
        ("k", b"[" * 16 + b"]" * 16),
        ("k", b'"' + b"x" * 4094 + b'"'),
        ("a\0\nb", b"null"),
    ],
)
def test_g11_what_is_just_within_a_limit_is_taken(log: Any, key: str, text: bytes) -> None:
    assert log.committer.write(Kind.SET, key, text) == (1, 1)
    assert log.documents.get(key) == (text, 1)


def test_a_patch_whose_result_is_too_large_is_refused(log: Any) -> None:
    half = b'{"%s":"' + b"x" * 3000 + b'"}'
    log.committer.write(Kind.PATCH, "k", half % b"a")
    with pytest.raises(LimitError, match="value_bytes_max"):
        log.committer.write(Kind.PATCH, "k", half % b"b")
    assert log.documents.get("k")[1] == 1


def test_white_space_does_not_count_against_the_value_limit(log: Any) -> None:
    assert log.committer.write(Kind.SET, "k", b"[" + b" " * 9000 + b"1]") == (1, 1)
    assert log.documents.get("k") == (b"[1]", 1)


def test_the_log_goes_on_in_the_next_segment(make_log: MakeLog) -> None:
    log = make_log(segment_bytes=65536)
    for i in range(400):
        log.committer.write(Kind.SET, f"k{i % 7}", str(i).encode())
    assert log.committer.stats()["rotations"] >= 3
    documents, stop = log.replayed()
    assert documents.digest() == log.documents.digest()
    assert stop.position == log.documents.position


def test_a_record_larger_than_a_segment_gets_a_segment_of_its_own_size(make_log: MakeLog) -> None:
    log = make_log(segment_bytes=65536, value_bytes_max=1 << 20)
    big = b'"' + b"x" * 300_000 + b'"'
    for i in range(3):
        log.committer.write(Kind.SET, f"big{i}", big)
        log.committer.write(Kind.SET, f"small{i}", b"1")
    assert log.replayed()[0].digest() == log.documents.digest()


def test_a_group_of_many_chunks_is_written_whole(make_log: MakeLog) -> None:
    log = make_log(value_bytes_max=1 << 20, group_bytes_max=64 << 20, segment_bytes=1 << 20)
    channel = log.committer.channel()
    values = [b'"' + bytes([97 + i % 26]) * 200_000 + b'"' for i in range(100)]
    for i, value in enumerate(values):
        assert channel.submit(Kind.SET, f"k{i}", value)
    assert drain(channel) == [None] * 100
    assert log.committer.stats()["groups"] < 100
    documents, _ = log.replayed()
    assert all(documents.get(f"k{i}") == (value, 1) for i, value in enumerate(values))


def test_backpressure_a_full_group_takes_no_more_and_says_when_it_does(make_log: MakeLog) -> None:
    log = make_log(group_bytes_max=4096)
    channel = log.committer.channel()
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


def wait_readable(descriptor: int) -> None:
    import select

    assert select.select([descriptor], [], [], 30)[0], "the loop was never told that there is room again"


def drain_once(channel: Any) -> list[Any]:
    got = channel.collect()
    return [None] * got if isinstance(got, int) else got


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


def test_close_settles_what_is_staged_and_refuses_the_rest(log: Any) -> None:
    channel = log.committer.channel()
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
            (Kind.PATCH, "a", b"1", b'{"x":null}', 2, 3),
            (Kind.DELETE, "a", b'{"x":null}', None, 3, 4),
            (Kind.SET, "a", None, b"null", 4, 5),
        ],
        False,
    )
    log.committer.unwatch("a")
    write(Kind.SET, "a", b"2")
    assert log.committer.take_events() == ([], False)


def test_g8_events_that_nobody_takes_are_dropped_and_that_is_told(make_log: MakeLog) -> None:
    log = make_log(event_bytes_max=10_000)
    log.committer.watch("a")
    for _ in range(200):
        log.committer.write(Kind.SET, "a", b'"' + b"x" * 500 + b'"')
    events, overflowed = log.committer.take_events()
    assert overflowed
    assert 1 <= len(events) < 20
    assert [event[4] for event in events] == list(range(1, len(events) + 1)), "those kept are the oldest, without a gap"
    assert log.committer.stats()["events_dropped"] == 200 - len(events)
    log.committer.write(Kind.SET, "a", b"1")
    assert log.committer.take_events() == ([(Kind.SET, "a", b'"' + b"x" * 500 + b'"', b"1", 201, 201)], False)


def test_a_spare_segment_is_asked_for_and_used(make_log: MakeLog) -> None:
    log = make_log(segment_bytes=65536)
    while log.committer.wait_for_chore(0) != CHORE_SPARE:
        log.committer.write(Kind.SET, "a", b"1")
    assert log.committer.prepare_spare()
    assert (log.folder / "log.spare").stat().st_size == 65536
    while log.committer.stats()["rotations"] == 0:
        log.committer.write(Kind.SET, "a", b"1")
    assert not (log.folder / "log.spare").exists()
    assert log.replayed()[0].digest() == log.documents.digest()


def test_a_checkpoint_is_asked_for_by_bytes_of_log(make_log: MakeLog) -> None:
    log = make_log(checkpoint_log_bytes=20 * 512)
    for _ in range(20):
        log.committer.write(Kind.SET, "a", b"1")
    assert log.committer.log_bytes == 20 * 512
    assert log.committer.wait_for_chore(60) & CHORE_CHECKPOINT
    log.committer.checkpointed(log.documents.position)
    assert log.committer.log_bytes == 0


def test_a_committer_that_was_abandoned_touches_nothing(log: Any) -> None:
    log.committer.write(Kind.SET, "a", b"1")
    log.committer.abandon()
    for call in (
        lambda: log.committer.write(Kind.SET, "a", b"2"),
        lambda: log.committer.watch("a"),
        lambda: log.committer.take_events(),
        lambda: log.committer.channel(),
    ):
        with pytest.raises(ClosedError):
            call()
    assert log.replayed()[0].get("a") == (b"1", 1)


def test_g3_many_groups_of_writes_to_one_key_lose_none(make_log: MakeLog) -> None:
    """Within a group a record is freed as soon as the next one replaces it; its address comes back for a later write."""
    log = make_log(group_bytes_max=4096)
    channel = log.committer.channel()
    versions = []
    for i in range(10_000):
        while (written := channel.submit(Kind.SET, "shared", b"%05d" % (10_000 + i))) is False:
            wait_readable(channel.fd)
            channel.collect()
        versions.append(written[0])
    drain(channel)
    assert versions == list(range(1, 10_001))
    assert log.committer.stats()["groups"] > 50, "there were too few groups to test the claim"
    assert log.replayed()[0].get("shared") == (b"19999", 10_000)


def test_a_tombstone_forgotten_at_once_is_no_danger_to_what_is_staged(make_log: MakeLog) -> None:
    log = make_log(tombstones_max=0)
    channel = log.committer.channel()
    last = 0
    for i in range(3000):
        for kind, text in ((Kind.SET, b"%d" % i), (Kind.DELETE, None)):
            version, _ = channel.submit(kind, f"k{i % 3}", text)
            assert version > 0
            if i % 3 == 0:
                assert version > last
                last = version
        if i % 5 == 0:
            channel.collect()
    drain(channel)
    assert log.documents.tombstones == 0
    assert log.replayed()[0].digest() == log.documents.digest()
