"""The write path from the inside: what a group keeps together, what it refuses, what is on disk afterwards."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fluxdb._core.base.crc32c import crc32c
from fluxdb._core.commit.channel import Channel
from fluxdb._core.log.replay import STOP_END
from fluxdb._core.log.segment import SEGMENT_HEADER_BYTES, decode_header, segment_name
from fluxdb.errors import InvalidKeyError, InvalidValueError, LimitError, VersionConflictError
from fluxdb.model import Kind
from tests.core.conftest import drain, wait_readable

MakeLog = Callable[..., Any]
FLOOR_BUCKETS = 4096


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
    last: dict[str, int] = {}
    for round_ in range(3):
        for key in "abcdefgh":
            version, _ = write(Kind.SET, key, str(round_).encode())
            assert version > last.get(key, 0)
            last[key], _ = write(Kind.DELETE, key, None)
            assert last[key] > version
    assert log.documents.tombstones == 2
    assert log.replayed()[0].digest() == log.documents.digest()


def test_versions_never_fall_back_behind_another_forgotten_key_of_the_same_bucket(make_log: MakeLog) -> None:
    """Keys of one bucket share the highest version that any of them had, whichever is forgotten last."""
    bucket = crc32c(b"k0") % FLOOR_BUCKETS
    same = (f"k{i}" for i in range(100_000) if crc32c(b"k%d" % i) % FLOOR_BUCKETS == bucket)
    high, low, other = itertools.islice(same, 3)
    log = make_log(tombstones_max=0)
    write = log.committer.write
    for i in range(5):
        write(Kind.SET, high, b"%d" % i)
    write(Kind.SET, low, b"0")
    assert write(Kind.DELETE, high, None)[0] == 6
    assert write(Kind.DELETE, low, None)[0] == 2
    assert log.documents.tombstones == 0, "they are forgotten"
    assert write(Kind.SET, other, b"1")[0] == 7
    assert write(Kind.SET, high, b"1")[0] == 7
    assert log.replayed()[0].digest() == log.documents.digest()


def test_a_tombstone_queue_of_rewritten_keys_stays_bounded(make_log: MakeLog) -> None:
    log = make_log(tombstones_max=4)
    channel: Any = Channel(log.committer)
    for _ in range(3000):
        channel.submit(Kind.SET, "k", b"1")
        channel.submit(Kind.DELETE, "k", None)
    drain(channel)
    assert log.documents.tombstones == 1
    assert log.replayed()[0].digest() == log.documents.digest()


def test_g3_two_patches_of_one_group_both_take_effect(log: Any) -> None:
    channel: Any = Channel(log.committer)
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
    channel: Any = Channel(log.committer)
    assert channel.submit(Kind.SET, "a", b"1") == (1, 1)
    refusal = channel.submit(Kind.SET, "a", b"2", 0)
    assert channel.submit(Kind.DELETE, "a", None) == (2, 2)
    assert channel.submit(Kind.DELETE, "a", None) is None
    assert isinstance(refusal, VersionConflictError)
    assert (refusal.key, refusal.expected, refusal.actual) == ("a", 0, 1)
    assert channel.outstanding == 4, "it is staged, and holds once it is collected"
    assert drain(channel) == [None] * 4


def test_g1_a_refusal_told_to_a_thread_waits_for_what_it_rests_on(log: Any) -> None:
    channel: Any = Channel(log.committer)
    for i in range(0, 150, 3):  # each time the writes before are in flight
        key = f"k{i}"
        channel.submit(Kind.SET, key, b"1")
        channel.submit(Kind.DELETE, key, None)
        assert log.committer.write(Kind.DELETE, key, None) is None
        assert log.documents.position.revision == i + 2
        channel.submit(Kind.SET, key, b"2")
        with pytest.raises(VersionConflictError):
            log.committer.write(Kind.SET, key, b"3", 0)
        assert log.documents.position.revision == i + 3
    drain(channel)


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


@pytest.mark.parametrize("kept_bytes", [10, 100_000], ids=["merged at once", "merged aside"])
def test_g11_a_merged_value_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(
    make_log: MakeLog, kept_bytes: int
) -> None:
    kept = b'{"kept":"' + b"k" * kept_bytes + b'","new":"%s"}'
    limit = len(kept % b"") + 20
    log = make_log(value_bytes_max=limit)
    for key, new_bytes, error in (("within", 20, None), ("over", 21, LimitError)):
        log.committer.write(Kind.SET, key, kept % b"")
        delta = b'{"new":"' + b"n" * new_bytes + b'"}'
        if error is None:
            assert log.committer.write(Kind.PATCH, key, delta)[0] == 2
            assert log.documents.get(key) == (kept % (b"n" * new_bytes), 2)
        else:
            with pytest.raises(error, match=f"of {limit} bytes .value_bytes_max"):
                log.committer.write(Kind.PATCH, key, delta)
            assert log.documents.get(key) == (kept % b"", 1)


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


def test_a_spare_segment_that_is_too_small_for_a_record_is_not_taken(make_log: MakeLog) -> None:
    """Room for a group is had before a byte of it is written: so a full disk is a refusal, and no failure."""
    log = make_log(segment_bytes=65536, value_bytes_max=1 << 20)
    log.committer.prepare_spare()
    assert (log.folder / "log.spare").stat().st_size == 65536
    log.committer.write(Kind.SET, "big", b'"' + b"x" * 300_000 + b'"')
    segment = log.folder / segment_name(2)
    size = segment.stat().st_size
    assert decode_header(segment.read_bytes()[:SEGMENT_HEADER_BYTES]).segment_bytes == size > 300_000
    assert not (log.folder / "log.spare").exists()
    assert log.replayed()[0].digest() == log.documents.digest()


def test_a_group_of_many_chunks_is_written_whole(make_log: MakeLog) -> None:
    log = make_log(value_bytes_max=1 << 20, group_bytes_max=64 << 20, segment_bytes=1 << 20)
    channel: Any = Channel(log.committer)
    values = [b'"' + bytes([97 + i % 26]) * 200_000 + b'"' for i in range(100)]
    for i, value in enumerate(values):
        assert channel.submit(Kind.SET, f"k{i}", value)
    assert drain(channel) == [None] * 100
    assert log.committer.stats()["groups"] < 100
    documents, _ = log.replayed()
    assert all(documents.get(f"k{i}") == (value, 1) for i, value in enumerate(values))


def test_g3_many_groups_of_writes_to_one_key_lose_none(make_log: MakeLog) -> None:
    """In a group a record is freed as soon as the next one replaces it; its address comes back for a later write."""
    log = make_log(group_bytes_max=4096)
    channel: Any = Channel(log.committer)
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
    channel: Any = Channel(log.committer)
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
