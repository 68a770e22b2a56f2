"""Documents that expire: hidden from their time on, removed by a separate kind of write, on a clock that tests set."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from fluxdb._core.base.clock import pretend
from fluxdb._core.base.model import Document
from fluxdb._core.commit.channel import Channel
from fluxdb._core.documents.documents import Documents, read_records
from fluxdb._core.documents.reads import Reader
from fluxdb.errors import VersionConflictError
from fluxdb.model import Kind
from tests.core.conftest import START, drain

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
STEADY_MS = 50_000_000


class Clock:
    """The system's clocks, in the hands of a test."""

    def __init__(self) -> None:
        self.wall_ms = NOW_MS
        self.steady_ms = STEADY_MS
        self._set()

    def _set(self) -> None:
        pretend(self.wall_ms, self.steady_ms)

    def pass_ms(self, duration_ms: int) -> None:
        """Time goes by."""
        self.wall_ms += duration_ms
        self.steady_ms += duration_ms
        self._set()

    def step_ms(self, by_ms: int) -> None:
        """Somebody sets the clock."""
        self.wall_ms += by_ms
        self._set()


@pytest.fixture
def clock() -> Iterator[Clock]:
    yield Clock()
    pretend()


def until(condition: Callable[[], bool]) -> None:
    """The native thread is given its time: its own waits are real."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def removed(log: Any) -> bool:
    return bool(log.documents.stored == 0)


# Hidden


@pytest.mark.guarantee(15)
def test_g15_a_document_is_there_until_its_time_and_in_no_read_from_then_on(clock: Clock, log: Any) -> None:
    log.committer.write(Kind.SET, "a", b"1", ttl_ms=1000)
    log.committer.write(Kind.SET, "stays", b"2")
    clock.pass_ms(999)
    assert (log.documents.get("a"), len(log.documents)) == ((b"1", 1), 2)
    clock.pass_ms(1)
    assert (log.documents.get("a"), len(log.documents)) == (None, 1)
    assert log.documents.get("stays") == (b"2", 1)


@pytest.mark.guarantee(15)
@pytest.mark.parametrize("has_index", [False, True])
def test_g15_an_expired_document_is_in_no_page_before_it_is_removed(clock: Clock, log: Any, has_index: bool) -> None:
    reader = Reader(log.documents, orjson.loads)
    log.committer.write(Kind.SET, "a", b"1", ttl_ms=1000)
    log.committer.write(Kind.SET, "stays", b"2")
    if has_index:
        reader.build_index()
    clock.pass_ms(1000)
    assert reader.get_many(["a", "stays"])[0] == [None, Document(2, 1)]
    assert (reader.get("a"), reader.contains("a")) == (None, False)
    assert list(reader.scan("", None, None, None, None, False)[0]) == [("stays", Document(2, 1))]
    assert list(reader.scan_keys("", None, None, None, None, False)[0]) == ["stays"]
    assert reader.count("a")[0] == 0
    assert log.documents.position.revision == 2, "nothing was removed yet"


@pytest.mark.guarantee(15)
def test_g15_a_condition_sees_an_expired_document_as_missing_and_its_version_goes_on(clock: Clock, log: Any) -> None:
    log.committer.write(Kind.SET, "a", b'{"old":1}', ttl_ms=1000)
    clock.pass_ms(1000)
    with pytest.raises(VersionConflictError) as caught:
        log.committer.write(Kind.SET, "a", b"2", 1)
    assert caught.value.actual == 0
    version, _ = log.committer.write(Kind.PATCH, "a", b'{"new":1}', 0)
    assert version == 3, "its removal took one"
    assert log.documents.get("a") == (b'{"new":1}', 3)


@pytest.mark.guarantee(15)
def test_g15_a_delete_and_a_touch_find_no_expired_document(clock: Clock, log: Any) -> None:
    log.committer.write(Kind.SET, "a", b"1", ttl_ms=1000)
    clock.pass_ms(1000)
    assert log.committer.write(Kind.TOUCH, "a", None, ttl_ms=5000) is None
    assert log.committer.write(Kind.DELETE, "a", None) is None
    assert log.documents.get("a") is None


# An expiry is kept, or changed


@pytest.mark.parametrize(
    ("write", "expires_at_ms"),
    [
        (lambda w: w(Kind.SET, "a", b"2"), 0),
        (lambda w: w(Kind.SET, "a", b"2", keep_ttl=True), NOW_MS + 9000),
        (lambda w: w(Kind.SET, "a", b"2", ttl_ms=50), NOW_MS + 150),
        (lambda w: w(Kind.PATCH, "a", b'{"x":1}'), NOW_MS + 9000),
        (lambda w: w(Kind.PATCH, "a", b'{"x":1}', ttl_ms=50), NOW_MS + 150),
        (lambda w: w(Kind.TOUCH, "a", None, ttl_ms=50), NOW_MS + 150),
        (lambda w: w(Kind.TOUCH, "a", None), 0),
    ],
    ids=["set", "set keeps", "set with ttl", "patch", "patch with ttl", "touch", "touch for ever"],
)
def test_what_a_write_makes_of_an_expiry_is_the_same_after_replay(
    clock: Clock, log: Any, write: Callable[[Any], Any], expires_at_ms: int
) -> None:
    log.committer.write(Kind.SET, "a", b'{"v":1}', ttl_ms=9000)
    clock.pass_ms(100)
    assert write(log.committer.write)[0] == 2
    text, version, expiry = log.documents.get_stored("a")
    assert (version, expiry) == (2, expires_at_ms)
    replayed, _ = log.replayed()
    assert replayed.get_stored("a") == (text, version, expiry)
    assert replayed.digest() == log.documents.digest()


def test_a_large_document_is_touched_and_patched_aside_and_keeps_what_it_should(
    clock: Clock, make_log: Callable[..., Any]
) -> None:
    log = make_log(value_bytes_max=1 << 20, group_bytes_max=1 << 20)
    text = b'{"text":"' + b"x" * 100_000 + b'"}'
    log.committer.write(Kind.SET, "a", text, ttl_ms=9000)
    log.committer.write(Kind.TOUCH, "a", None, ttl_ms=50_000)
    assert log.documents.get_stored("a") == (text, 2, NOW_MS + 50_000)
    log.committer.write(Kind.PATCH, "a", b'{"n":1}')
    log.committer.write(Kind.PATCH, "a", b'{"n":2}', ttl_ms=70_000)
    assert log.documents.get_stored("a") == (text[:-1] + b',"n":2}', 4, NOW_MS + 70_000)
    assert log.replayed()[0].digest() == log.documents.digest()


@pytest.mark.parametrize(
    ("kind", "text", "options"),
    [
        (Kind.DELETE, None, {"ttl_ms": 1}),
        (Kind.PATCH, b"{}", {"keep_ttl": True}),
        (Kind.SET, b"1", {"keep_ttl": True, "ttl_ms": 1}),
        (Kind.SET, b"1", {"ttl_ms": 1 << 60}),
        (Kind.EXPIRE, None, {}),
    ],
)
def test_what_makes_no_sense_is_refused(log: Any, kind: Kind, text: bytes | None, options: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        log.committer.write(kind, "a", text, **options)
    assert log.documents.position.revision == 0


# Removal


@pytest.mark.guarantee(15)
def test_g15_removal_is_a_versioned_write_with_an_event_that_has_the_old_value(clock: Clock, log: Any) -> None:
    log.committer.watch("a")
    log.committer.write(Kind.SET, "a", b'{"v":1}', ttl_ms=1000)
    log.committer.write(Kind.TOUCH, "a", None, ttl_ms=2000)
    clock.pass_ms(2000)
    until(lambda: removed(log))
    events = [event[:6] for event in log.committer.take_events()[0]]
    assert events == [
        (Kind.SET, "a", None, b'{"v":1}', 1, 1),
        (Kind.TOUCH, "a", b'{"v":1}', b'{"v":1}', 2, 2),
        (Kind.EXPIRE, "a", b'{"v":1}', None, 3, 3),
    ]
    assert log.documents.tombstones == 1
    assert log.committer.write(Kind.SET, "a", b"2") == (4, 4)


def test_a_write_that_meets_an_expired_document_tells_of_its_removal_first(clock: Clock, log: Any) -> None:
    log.committer.watch("a")
    log.committer.write(Kind.SET, "a", b"1", ttl_ms=1000)
    clock.pass_ms(1000)
    log.committer.write(Kind.SET, "a", b"2")
    events = [event[:6] for event in log.committer.take_events()[0]]
    assert events[1:] == [(Kind.EXPIRE, "a", b"1", None, 2, 2), (Kind.SET, "a", None, b"2", 3, 3)]


def test_many_that_expire_together_are_all_removed_and_nothing_is_left_of_them(clock: Clock, log: Any) -> None:
    channel = Channel(log.committer)
    for number in range(3000):
        while channel.submit(Kind.SET, f"key {number}", b"1", ttl_ms=1000 + number % 7) is False:
            drain(channel)
    channel.submit(Kind.SET, "stays", b"1")
    drain(channel)
    clock.pass_ms(2000)
    assert len(log.documents) == 1, "at once, though hardly any is removed yet"
    until(lambda: bool(log.documents.stored == 1))
    assert (log.documents.expiring, log.documents.expiry_entries) == (0, 0)
    replayed, _ = log.replayed()
    assert replayed.digest() == log.documents.digest()
    channel.close()


def test_stale_entries_are_swept(clock: Clock, log: Any) -> None:
    channel = Channel(log.committer)
    random_ttl = random.Random(7)
    for number in range(20_000):
        while channel.submit(Kind.SET, f"key {number % 50}", b"1", ttl_ms=random_ttl.randrange(10**6, 10**9)) is False:
            drain(channel)
    drain(channel)
    assert log.documents.expiring == 50
    assert log.documents.expiry_entries < 300
    clock.pass_ms(10**9)
    assert len(log.documents) == 0
    channel.close()


# The clock


@pytest.mark.guarantee(15)
def test_g15_a_clock_that_steps_back_brings_nothing_back_and_does_not_stand_still(clock: Clock, log: Any) -> None:
    log.committer.write(Kind.SET, "a", b"1", ttl_ms=1000)
    log.committer.write(Kind.SET, "b", b"1", ttl_ms=2000)
    clock.pass_ms(1000)
    assert len(log.documents) == 1
    clock.step_ms(-HOUR_MS)
    assert (log.documents.get("a"), log.documents.get("b")) == (None, (b"1", 1))
    clock.pass_ms(1000)
    assert log.documents.get("b") is None


@pytest.mark.guarantee(15)
def test_g15_the_log_remembers_what_time_it_was(clock: Clock, log: Any) -> None:
    log.committer.write(Kind.SET, "a", b"1", ttl_ms=60_000)
    clock.pass_ms(59_000)
    log.committer.write(Kind.SET, "b", b"1")
    clock.step_ms(-HOUR_MS)
    replayed, _ = log.replayed()
    assert replayed.clock_ms == NOW_MS + 59_000
    clock.pass_ms(1000)
    assert replayed.get("a") is None


def test_a_jump_ahead_hides_at_once_and_removes_nothing_for_a_minute(clock: Clock, log: Any) -> None:
    log.committer.write(Kind.SET, "a", b"1", ttl_ms=30 * HOUR_MS)
    clock.step_ms(31 * HOUR_MS)
    assert (log.documents.get("a"), len(log.documents)) == (None, 0)
    assert (log.documents.take_clock_jump(), log.documents.take_clock_jump()) == (True, False)
    log.committer.write(Kind.SET, "b", b"1")
    assert log.documents.stored == 2
    clock.pass_ms(1000)
    assert log.documents.clock_ms == NOW_MS + 1000, "what the log notes is not doubted"
    clock.step_ms(-31 * HOUR_MS)
    assert (log.documents.get("a"), len(log.documents)) == ((b"1", 1), 2), "it was put right: nothing is lost"


def test_a_jump_ahead_that_lasts_is_believed_after_a_minute(clock: Clock, log: Any) -> None:
    log.committer.write(Kind.SET, "a", b"1", ttl_ms=30 * HOUR_MS)
    clock.step_ms(31 * HOUR_MS)
    assert len(log.documents) == 0
    clock.pass_ms(60_000)
    until(lambda: removed(log))
    clock.step_ms(-31 * HOUR_MS)
    assert log.documents.get("a") is None


def test_replay_does_not_look_at_the_clock(clock: Clock, log: Any) -> None:
    log.committer.write(Kind.SET, "a", b'{"v":1}', ttl_ms=1000)
    log.committer.write(Kind.PATCH, "a", b'{"w":2}')
    digest = log.documents.digest()
    clock.pass_ms(HOUR_MS // 2)
    replayed, _ = log.replayed()
    assert replayed.digest() == digest
    assert replayed.get_stored("a") == (b'{"v":1,"w":2}', 2, NOW_MS + 1000)


# Its parts


def test_a_document_without_an_expiry_has_no_entry(log: Any) -> None:
    for number in range(100):
        log.committer.write(Kind.SET, f"key {number}", b"1")
    assert (log.documents.expiring, log.documents.expiry_entries) == (0, 0)


def test_a_view_and_a_block_carry_the_expiry(clock: Clock, log: Any) -> None:
    log.committer.write(Kind.SET, "a", b"1", ttl_ms=1000)
    log.committer.write(Kind.SET, "b", b"1")
    with log.documents.open_view() as view:
        block, count = view.read_block(1 << 20)
    assert {record.key: record.expires_at_ms for record in read_records(block)} == {"a": NOW_MS + 1000, "b": 0}
    loaded = Documents()
    loaded.begin(START._replace(revision=2), b"")
    assert loaded.load_block(block) == count
    loaded.loaded()
    assert (loaded.expiring, len(loaded)) == (1, 2)
    clock.pass_ms(1000)
    assert (loaded.stored, len(loaded)) == (2, 1)
