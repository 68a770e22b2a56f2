"""The table, the tombstones and views, through their Python surface."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxdb._core.base.crc32c import crc32c
from fluxdb._core.base.model import Document
from fluxdb._core.commit.channel import Channel
from fluxdb._core.documents.documents import Documents, pack_record, read_records
from fluxdb._core.documents.reads import Reader
from fluxdb.errors import ClosedError, InvalidKeyError
from fluxdb.model import Kind, Position
from tests.core.conftest import drain, wait_readable

MakeLog = Callable[..., Any]


def loaded(records: Sequence[tuple[str, bytes | None, int, int]], *, tombstones_max: int = 100) -> Documents:
    documents = Documents(tombstones_max=tombstones_max)
    documents.begin(Position(10**9, 1, 1, 4096, 0), b"")
    assert documents.load_block(b"".join(pack_record(*record) for record in records)) == len(records)
    documents.loaded()
    return documents


def test_every_key_is_found_again_whatever_grows_meanwhile() -> None:
    keys = [f"key {i}" for i in range(50_000)]
    documents = loaded([(key, str(i).encode(), 1, i + 1) for i, key in enumerate(keys)])
    assert len(documents) == len(keys)
    assert all(documents.get(key) == (str(i).encode(), 1) for i, key in enumerate(keys))
    assert documents.get("key 50000") is None


@given(st.lists(st.tuples(st.sampled_from([Kind.SET, Kind.DELETE]), st.integers(0, 40)), max_size=200))
@settings(max_examples=50, deadline=None)
def test_the_table_agrees_with_a_dict(log_of: Any, steps: list[tuple[Kind, int]]) -> None:
    log = log_of()
    channel = Channel(log.committer)
    model: dict[str, bytes] = {}
    for i, (kind, number) in enumerate(steps):
        key = f"k{number}"
        if kind == Kind.SET:
            channel.submit(kind, key, str(i).encode())
            model[key] = str(i).encode()
        else:
            channel.submit(kind, key, None)
            model.pop(key, None)
    while channel.outstanding:
        channel.collect()
    log.committer.close()
    assert {f"k{n}": found[0] for n in range(41) if (found := log.documents.get(f"k{n}"))} == model
    assert len(log.documents) == len(model)
    assert log.documents.data_bytes == sum(len(key) + len(value) for key, value in model.items())


@pytest.fixture(scope="module")
def log_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Any]:
    from tests.core.conftest import Log

    return lambda: Log(tmp_path_factory.mktemp("log"), segment_bytes=65536, tombstones_max=8)


def test_records_round_trip_through_a_block() -> None:
    records = [
        ("a", b"1", 1, 1, 0),
        ("deleted", None, 9, 2, 0),
        ("é\0", b'{"x":null}', 3, 7, 0),
        ("soon", b"2", 1, 8, 9),
    ]
    assert read_records(b"".join(pack_record(*record) for record in records)) == records


@pytest.mark.parametrize("cut", range(1, len(pack_record("key", b"value", 1, 1))))
def test_a_block_cut_short_is_refused(cut: int) -> None:
    documents = Documents()
    documents.begin(Position(5, 1, 1, 4096, 0), b"")
    block = pack_record("other", b"1", 1, 1) + pack_record("key", b"value", 1, 1)[:-cut]
    if cut == len(pack_record("key", b"value", 1, 1)):
        return
    with pytest.raises(ValueError, match="parse"):
        documents.load_block(block)


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        (pack_record("a", b"1", 0, 1), "version"),
        (pack_record("a", b"1", 1, 6), "revision"),
        (pack_record("a", b"1", 1, 1) * 2, "twice"),
    ],
)
def test_a_block_that_says_the_impossible_is_refused(block: bytes, complaint: str) -> None:
    documents = Documents()
    documents.begin(Position(5, 1, 1, 4096, 0), b"")
    with pytest.raises(ValueError, match=complaint):
        documents.load_block(block)


def test_the_digest_tells_values_versions_and_keys_apart() -> None:
    base = [("a", b"12", 1, 1), ("b", b"3", 1, 2)]
    digest = loaded(base).digest()
    assert digest == loaded(base[::-1]).digest(), "the order of loading does not count"
    for other in (
        [("a", b"13", 1, 1), ("b", b"3", 1, 2)],
        [("a", b"12", 2, 1), ("b", b"3", 1, 2)],
        [("a1", b"2", 1, 1), ("b", b"3", 1, 2)],
        [("a", None, 1, 1), ("b", b"3", 1, 2)],
        base[:1],
    ):
        assert loaded(other).digest() != digest


def test_too_many_tombstones_are_forgotten_oldest_first() -> None:
    documents = loaded([(f"k{i}", None, 5, 100 - i) for i in range(10)], tombstones_max=3)
    assert documents.tombstones == 3
    with documents.open_view() as view:
        left = read_records(view.read_block(1 << 20)[0])
        floors = view.floors()
    assert sorted(record[0] for record in left) == ["k0", "k1", "k2"]
    assert len(floors) == 4096 * 8
    assert 1 <= floors.count((5).to_bytes(8, "little")) <= 7


def read_all(view: Any, bytes_min: int = 1000) -> dict[str, tuple[bytes | None, int]]:
    seen: dict[str, tuple[bytes | None, int]] = {}
    while True:
        block, count = view.read_block(bytes_min)
        if not block:
            return seen
        records = read_records(block)
        assert len(records) == count
        for key, text, version, *_ in records:
            assert key not in seen, "a view holds each key once"
            seen[key] = (text, version)


def test_g9_a_view_shows_one_revision_while_writers_go_on(log: Any) -> None:
    write = log.committer.write
    channel = Channel(log.committer)
    for i in range(3000):
        channel.submit(Kind.SET, f"k{i}", b"0")
    while channel.outstanding:
        channel.collect()
    write(Kind.DELETE, "k7", None)
    before = {f"k{i}": (b"0", 1) for i in range(3000)} | {"k7": (None, 2)}
    stop = threading.Event()

    def disturb() -> None:
        i = 0
        while not stop.is_set():
            key = f"k{i * 7919 % 3500}"
            log.committer.write(Kind.DELETE if i % 3 == 0 else Kind.SET, key, None if i % 3 == 0 else b"1")
            i += 1

    with log.documents.open_view() as view:
        position = view.position
        thread = threading.Thread(target=disturb)
        thread.start()
        first = view.read_block(1)
        while log.committer.stats()["records"] < 3400:
            pass
        seen = read_all(view)
        stop.set()
        thread.join()
    for key, text, version, *_ in read_records(first[0]):
        seen[key] = (text, version)
    assert seen == before
    assert position.revision == 3001


def test_g9_a_view_keeps_what_is_replaced_in_the_shard_that_it_copies_next(log: Any) -> None:
    channel = Channel(log.committer)
    keys = [f"k{i}" for i in range(12_000)]  # of 4,096 shards: some are in the first one
    for text in (b"0", b"1"):
        for key in keys:
            while channel.submit(Kind.SET, key, text) is False:
                wait_readable(channel.fd)
                channel.collect()
        drain(channel)
        if text == b"0":
            view = log.documents.open_view()
    with view:
        assert read_all(view) == dict.fromkeys(keys, (b"0", 1))


def test_g9_a_view_opens_between_groups_also_while_large_ones_are_applied(make_log: MakeLog) -> None:
    """A large group is applied in several holds of the lock: a view of a part of it is neither made nor refused."""
    log = make_log(group_bytes_max=16 << 20, segment_bytes=16 << 20)
    channel = Channel(log.committer)
    keys = [f"k{i}" for i in range(10_000)]
    stop = threading.Event()

    def write_groups() -> None:
        while not stop.is_set():
            for key in keys:
                while channel.submit(Kind.SET, key, b"1") is False:
                    wait_readable(channel.fd)
                    channel.collect()
            drain(channel)

    writing = threading.Thread(target=write_groups)
    writing.start()
    try:
        while log.committer.stats()["groups"] < 400:
            for _ in range(1000):  # the moments between two holds are short
                log.documents.open_view().close()
    finally:
        stop.set()
        writing.join(60)
    assert sum(log.committer.stats()["group_records_histogram"][10:]), "no group had more than 511 records"


def test_one_view_at_a_time(log: Any) -> None:
    with log.documents.open_view(), pytest.raises(RuntimeError, match="open already"):
        log.documents.open_view()
    log.documents.open_view().close()


def test_a_view_that_was_dropped_is_closed(log: Any) -> None:
    log.documents.open_view()
    log.documents.open_view().close()


def test_a_reader_gives_documents_that_live_on(log: Any) -> None:
    reader = Reader(log.documents, orjson.loads)
    channel = Channel(log.committer)
    for _ in range(1000):
        channel.submit(Kind.SET, "a", b'{"x":[1,2]}')
    while channel.outstanding:
        channel.collect()
    got = [reader.get("a") for _ in range(100)]
    assert all(document == Document({"x": [1, 2]}, 1000) for document in got)
    assert all(type(document) is Document for document in got)
    first = got[0]
    assert first is not None
    assert sys.getrefcount(first.version) < 1000
    assert reader.get("b") is None
    for key in ("", "\udc00", 3, None, b"a"):
        with pytest.raises(InvalidKeyError):
            reader.get(key)  # type: ignore[arg-type]
    reader.close()
    with pytest.raises(ClosedError):
        reader.get("a")


def test_large_values_are_read_whole_while_they_are_replaced(make_log: MakeLog) -> None:
    log = make_log(value_bytes_max=1 << 20, segment_bytes=16 << 20)
    texts = [b'"' + bytes([97 + i]) * 300_000 + b'"' for i in range(4)]
    log.committer.write(Kind.SET, "big", texts[0])
    stop = threading.Event()
    wrong: list[bytes] = []

    def read() -> None:
        while not stop.is_set():
            text, _ = log.documents.get("big")
            if text not in texts:
                wrong.append(text)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(60):
        log.committer.write(Kind.SET, "big", texts[i % 4])
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


def test_stale_tombstones_are_dropped_a_few_at_a_time_and_the_oldest_is_forgotten_first(make_log: MakeLog) -> None:
    """Against a model that knows the order of deletions: each version tells what was forgotten by then."""
    tombstones_max = 20
    log = make_log(tombstones_max=tombstones_max)
    random = Random(5)
    live: dict[str, int] = {}
    deleted: dict[str, int] = {}  # in the order of their deletion
    floors: dict[int, int] = {}
    entries = [0]
    for _ in range(8_000):
        seldom = 0.5 if entries[-1] > 1_100 else 0.002  # so that much is forgotten in the middle of a sweep
        key = f"seldom {random.randrange(60)}" if random.random() < seldom else f"k{random.randrange(12)}"
        bucket = crc32c(key.encode()) & 4095
        version = live.pop(key, 0) or deleted.pop(key, 0) or floors.get(bucket, 0)
        remove = log.documents.get(key) is not None
        written = log.committer.write(Kind.DELETE if remove else Kind.SET, key, None if remove else b"1")
        assert written[0] == version + 1
        (deleted if remove else live)[key] = version + 1
        while len(deleted) > tombstones_max:
            oldest = next(iter(deleted))
            bucket = crc32c(oldest.encode()) & 4095
            floors[bucket] = max(floors.get(bucket, 0), deleted.pop(oldest))
        assert log.documents.tombstones == len(deleted)
        entries.append(log.documents.tombstone_entries)
    longest = entries.index(max(entries))
    assert 1_064 < entries[longest] < 2_048, "a sweep began, and came to its end"
    assert min(entries[longest:]) < 100, "it dropped what was stale"
    assert log.replayed()[0].digest() == log.documents.digest()
