"""Batches in the write path: staged, applied, logged and answered as one, or not at all."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

from fluxdb._core.commit.channel import Channel
from fluxdb._core.log.segment import SEGMENT_HEADER_BYTES, segment_name
from fluxdb._core.log.survey import read_frames, read_group_header
from fluxdb.engine.operation import Operation
from fluxdb.errors import InvalidValueError, LimitError, VersionConflictError
from fluxdb.model import Kind
from tests.core.conftest import drain

MakeLog = Callable[..., Any]


def put(key: str, text: bytes = b"1", if_version: int = -1) -> Operation:
    return Operation(Kind.SET, key, text, if_version)


def patch(key: str, text: bytes, if_version: int = -1) -> Operation:
    return Operation(Kind.PATCH, key, text, if_version)


def delete(key: str, if_version: int = -1) -> Operation:
    return Operation(Kind.DELETE, key, None, if_version)


def check(key: str, version: int = -1, *, exists: bool = False) -> Operation:
    return Operation(Kind.CHECK, key, None, version, exists)


def increment(key: str, by: int = 1, path: str = "") -> Operation:
    return Operation(Kind.INCREMENT, key, by=by, path=path)


def whole(log: Any, keys: str = "abcdef") -> dict[str, Any]:
    """Return the state that a reader sees, which must be the same as in the files."""
    seen = {key: log.documents.get(key) for key in keys}
    replayed, _ = log.replayed()
    assert {key: replayed.get(key) for key in keys} == seen
    assert replayed.digest() == log.documents.digest()
    return seen


def joined_frames(log: Any) -> list[list[bool]]:
    """Return, for each group in the log, which of its frames are joined with the next one."""
    groups: list[list[bool]] = []
    for number in itertools.count(1):
        path = log.folder / segment_name(number)
        if not path.exists():
            return groups
        segment, offset = path.read_bytes(), SEGMENT_HEADER_BYTES
        while (header := read_group_header(segment, offset)) is not None:
            groups.append([frame.joined for frame in read_frames(segment, offset)])
            offset += -(-header.group_bytes // 512) * 512
    raise AssertionError


def test_a_batch_takes_effect_in_order_with_consecutive_revisions(log: Any) -> None:
    log.committer.write(Kind.SET, "c", b"0")
    batch = [put("a"), patch("a", b'{"x":1}'), delete("c"), put("a", b"2"), delete("a"), put("b", b"[]")]
    assert log.committer.write_batch(batch) == (7, [1, 2, 2, 3, 4, 1], [None] * 6)
    assert whole(log) == dict.fromkeys("acdef") | {"b": (b"[]", 1)}
    assert log.committer.stats()["groups"] == 2, "it is one group"


def test_a_delete_of_a_missing_key_in_a_batch_writes_nothing(log: Any) -> None:
    assert log.committer.write_batch([delete("a"), put("b"), delete("b"), delete("b")]) == (
        2,
        [None, 1, 2, None],
        [None] * 4,
    )
    assert log.committer.stats()["records"] == 2


def test_a_batch_of_checks_writes_nothing_and_names_its_revision(log: Any) -> None:
    log.committer.write_batch([put("a"), put("b")])
    assert log.committer.write_batch([check("a", 1), check("c", 0), check("b", exists=True)]) == (
        2,
        [None] * 3,
        [None] * 3,
    )
    assert log.committer.write_batch([]) == (2, [], [])
    assert log.committer.stats()["groups"] == 1


def test_every_condition_that_fails_is_named_and_nothing_is_left(log: Any) -> None:
    log.committer.write_batch([put("a"), put("b"), put("b")])
    before = log.documents.digest()
    batch = [
        put("c"),
        check("a", 1),
        put("a", b"2", 7),
        patch("b", b"{}", 2),
        check("b", 2),
        delete("d", 4),
        check("e", exists=True),
    ]
    with pytest.raises(VersionConflictError) as caught:
        log.committer.write_batch(batch)
    error = caught.value
    assert (error.key, error.expected, error.actual, error.index) == ("a", 7, 1, 2)
    assert error.conflicts == ((2, "a", 7, 1), (4, "b", 2, 3), (5, "d", 4, 0), (6, "e", None, 0))
    assert log.documents.digest() == before
    assert log.committer.write(Kind.SET, "c", b"1") == (1, 4), "no version and no revision was used up"
    assert log.committer.write(Kind.PATCH, "b", b"{}") == (3, 5)
    whole(log)


def test_a_condition_sees_what_its_batch_did_before(log: Any) -> None:
    batch = [
        check("a", 0),
        put("a"),
        check("a", 1),
        put("a", b"2", 1),
        delete("a", 2),
        check("a", 0),
        put("a", b"3", 0),
    ]
    assert log.committer.write_batch(batch)[1] == [None, 1, None, 2, 3, None, 4]
    assert whole(log)["a"] == (b"3", 4)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (put("a", b"{"), InvalidValueError),
        (put("a", b'"' + b"x" * 5000 + b'"'), LimitError),
        (put("k" * 65), LimitError),
        (patch("b", b'{"y":"' + b"x" * 4090 + b'"}'), LimitError),
        (increment("b"), InvalidValueError),
        (increment("a", path="/x" * 17), LimitError),
        (increment("n", 2**63 - 1), LimitError),
    ],
)
def test_one_bad_operation_rejects_the_batch_and_is_named(log: Any, bad: Operation, error: type[Exception]) -> None:
    log.committer.write_batch([put("b", b'{"x":1}'), increment("n")])
    before = log.documents.digest()
    with pytest.raises(error) as caught:
        log.committer.write_batch([put("c"), put("b", b'{"x":2}'), bad, put("d")])
    assert getattr(caught.value, "index", None) == 2
    assert log.documents.digest() == before
    assert log.committer.write(Kind.SET, "c", b"1") == (1, 3)
    whole(log)


def test_g11_a_batch_over_its_bounds_is_rejected_whole(make_log: MakeLog) -> None:
    log = make_log(batch_operations_max=3, batch_bytes_max=8192)
    log.committer.write_batch([put(key) for key in "abc"])
    with pytest.raises(LimitError, match="batch_operations_max"):
        log.committer.write_batch([put(key) for key in "abcd"])
    text = b'"' + b"x" * 4000 + b'"'
    log.committer.write_batch([put("a", text), put("b", text)])
    with pytest.raises(LimitError, match="batch_bytes_max"):
        log.committer.write_batch([put(key, text) for key in "abc"])
    assert log.documents.position.revision == 5


def test_g11_the_documents_that_a_batch_makes_are_bounded(make_log: MakeLog) -> None:
    log = make_log(batch_bytes_max=4096)
    for key in "abc":
        log.committer.write(Kind.SET, key, b'{"x":"' + b"x" * 4000 + b'"}')
    log.committer.write_batch([patch(key, b'{"y":1}') for key in "ab"])
    with pytest.raises(LimitError, match="the documents that the batch makes"):
        log.committer.write_batch([patch(key, b'{"y":2}') for key in "abc"])
    assert log.documents.position.revision == 5
    whole(log)


def test_a_batch_larger_than_a_group_and_a_segment_is_one_group(make_log: MakeLog) -> None:
    log = make_log(group_bytes_max=4096, segment_bytes=1 << 16, batch_bytes_max=1 << 20)
    log.committer.write(Kind.SET, "first", b"1")
    batch = [put(f"k{i}", b'"' + b"x" * 2000 + b'"') for i in range(100)]
    assert log.committer.write_batch(batch)[0] == 101
    stats = log.committer.stats()
    assert (stats["groups"], stats["records"], stats["segment"]) == (2, 101, 2)


def test_a_channel_answers_a_batch_once_and_in_its_turn(log: Any) -> None:
    channel: Any = Channel(log.committer)
    assert channel.submit(Kind.SET, "a", b"1") == (1, 1)
    assert channel.submit_batch([put("a"), increment("b", 4)]) == (3, [2, 1], [None, 4])
    conflict = channel.submit_batch([check("a", 1), check("b", 0), put("c")])
    assert channel.submit_batch([check("a", 2)]) == (3, [None], [None])
    assert channel.submit_batch([]) is not False
    assert channel.outstanding == 5
    assert drain(channel) == [None] * 5
    assert isinstance(conflict, VersionConflictError)
    assert conflict.conflicts == ((0, "a", 1, 2), (1, "b", 0, 1))
    assert log.documents.get("c") is None


def test_g3_batches_and_lone_writes_of_one_group_see_each_other(log: Any) -> None:
    channel: Any = Channel(log.committer)
    for i in range(200):
        channel.submit_batch([increment("a"), increment("b", 2, "/x"), check("a", 2 * i + 1)])
        channel.submit_batch([increment("a")])
    assert all(outcome is None for outcome in drain(channel))
    assert log.documents.get("a") == (b"400", 400)
    assert log.documents.get("b") == (b'{"x":400}', 200)
    whole(log)


def test_large_merges_work_inside_batches(make_log: MakeLog) -> None:
    """Each is done without the lock; the batch walks back for it, and finds the merges that are done."""
    log = make_log(value_bytes_max=1 << 20, group_bytes_max=8 << 20, batch_bytes_max=8 << 20, segment_bytes=16 << 20)
    large = b'{"s":"' + b"x" * 200_000 + b'"}'
    log.committer.write_batch([put("a", large), put("b", b"1"), patch("a", b'{"y":1}')])
    batch = [
        patch("a", b'{"y":2}'),
        put("c", large),
        patch("c", b'{"z":1}'),
        patch("a", b'{"z":3}'),
        increment("a", 5, "/y"),
    ]
    assert log.committer.write_batch(batch)[1:] == ([3, 1, 2, 4, 5], [None] * 4 + [7])
    assert log.documents.get("a")[0] == large[:-1] + b',"y":7,"z":3}'
    assert log.documents.get("c")[0] == large[:-1] + b',"z":1}'
    with pytest.raises(VersionConflictError):
        log.committer.write_batch([*batch, check("b", 9)])
    whole(log)


def test_g1_a_batch_of_checks_waits_for_what_it_rests_on(log: Any) -> None:
    channel: Any = Channel(log.committer)
    for i in range(100):
        channel.submit(Kind.SET, f"k{i}", b"1")
        revision, _, _ = log.committer.write_batch([check(f"k{i}", 1)])
        assert revision <= log.documents.position.revision
        assert log.documents.get(f"k{i}") is not None
    drain(channel)


def test_random_batches_are_what_a_model_says(log: Any) -> None:
    """Against a plain dict: all or nothing, in order; and the log gives the same state back."""
    chance = random.Random(7)
    model: dict[str, tuple[int, int]] = {}  # key -> (value, version), for live keys
    versions: dict[str, int] = {}
    written = rejected = 0
    for _ in range(600):
        trial, counts = dict(model), dict(versions)
        batch, fails = [], False
        for _ in range(chance.randint(1, 6)):
            key = chance.choice("abcdef")
            actual = trial[key][1] if key in trial else 0
            wanted = chance.choice([-1, -1, -1, actual, actual, chance.randint(0, 3)])
            kind = chance.choice([Kind.SET, Kind.DELETE, Kind.INCREMENT, Kind.CHECK])
            if kind is Kind.CHECK and wanted < 0:
                wanted = actual
            number = chance.randint(-9, 9)
            batch.append(Operation(kind, key, b"%d" % number if kind is Kind.SET else None, wanted, by=number))
            fails = fails or wanted not in (-1, actual)
            if kind is Kind.CHECK or (kind is Kind.DELETE and key not in trial):
                continue
            counts[key] = counts.get(key, 0) + 1
            value = number if kind is Kind.SET else trial.get(key, (0, 0))[0] + number
            if kind is Kind.DELETE:
                del trial[key]
            else:
                trial[key] = (value, counts[key])
        try:
            log.committer.write_batch(batch)
        except VersionConflictError:
            rejected += 1
            assert fails
        else:
            written += 1
            assert not fails
            model, versions = trial, counts
        assert {key: log.documents.get(key) for key in "abcdef"} == {
            key: (b"%d" % model[key][0], model[key][1]) if key in model else None for key in "abcdef"
        }
    assert written > 100 and rejected > 100
    whole(log)


INCREMENTS = [
    (None, "", b"5"),
    (None, "/a/b", b'{"a":{"b":5}}'),
    (b"7", "", b"12"),
    (b"-0", "", b"5"),
    (b'{"n":1}', "/n", b'{"n":6}'),
    (b'{"m":1,"n":1,"o":1}', "/n", b'{"m":1,"n":6,"o":1}'),
    (b'{"n":{"x":1}}', "/n/y", b'{"n":{"x":1,"y":5}}'),
    (b'{"n":[1,2]}', "/n/1", b'{"n":[1,7]}'),
    (b'[{"x":1}]', "/0/y/z", b'[{"x":1,"y":{"z":5}}]'),
    (b'{"a/b":{"~":1}}', "/a~1b/~0", b'{"a/b":{"~":6}}'),
    (b'{"":1}', "/", b'{"":6}'),
    (b'{"\\n\\"":1}', '/\n"', b'{"\\n\\"":6}'),
    (b"9223372036854775802", "", b"9223372036854775807"),
    (b"-9223372036854775808", "", b"-9223372036854775803"),
]


@pytest.mark.parametrize(("value", "path", "expected"), INCREMENTS)
def test_an_increment_adds_where_the_path_leads(log: Any, value: bytes | None, path: str, expected: bytes) -> None:
    if value is not None:
        log.committer.write(Kind.SET, "a", value)
    log.committer.write_batch([increment("a", 5, path)])
    assert whole(log)["a"][0] == expected


NOT_INTEGERS = [
    (b"1.5", "", "a number that is no integer"),
    (b"1e3", "", "a number that is no integer"),
    (b'{"n":"1"}', "/n", "a string"),
    (b'{"n":null}', "/n", "null"),
    (b'{"n":[]}', "/n", "an array"),
    (b"{}", "", "an object"),
    (b'{"n":true}', "/n/x", "true"),
    (b"[1]", "/1", "an array"),
    (b"[1]", "/-", "an array"),
]


@pytest.mark.parametrize(("value", "path", "standing"), NOT_INTEGERS)
def test_an_increment_of_something_else_names_what_stands_there(
    log: Any, value: bytes, path: str, standing: str
) -> None:
    log.committer.write(Kind.SET, "a", value)
    with pytest.raises(InvalidValueError, match=standing) as caught:
        log.committer.write_batch([increment("a", 1, path)])
    assert "key 'a'" in str(caught.value)
    assert path in str(caught.value)
    assert log.documents.get("a") == (value, 1)


@pytest.mark.parametrize(
    ("value", "by"), [(b"9223372036854775807", 1), (b"-9223372036854775808", -1), (b"18446744073709551615", -1)]
)
def test_an_increment_beyond_64_bits_is_rejected(log: Any, value: bytes, by: int) -> None:
    log.committer.write(Kind.SET, "a", value)
    with pytest.raises(LimitError, match="64-bit"):
        log.committer.write_batch([increment("a", by)])
    assert log.documents.get("a") == (value, 1)


def test_pipelined_batches_are_each_in_one_group(make_log: MakeLog) -> None:
    """Groups are small, so batches meet their bound: the log shows each batch joined, and whole in its group."""
    log = make_log(group_bytes_max=4096)
    channel: Any = Channel(log.committer)
    for i in range(60):
        while channel.submit_batch([put(f"k{j}", b'"%0200d"' % i) for j in range(1 + i % 9)]) is False:
            drain(channel)
    drain(channel)
    groups = joined_frames(log)
    assert len(groups) > 5
    assert not any(group[-1] for group in groups), "a batch goes on in the next group"
    joined = list(itertools.chain.from_iterable(groups))
    assert len(joined) == sum(1 + i % 9 for i in range(60))
    assert joined.count(False) == 60


def test_events_of_a_batch_name_its_last_revision_and_come_in_one_piece(log: Any) -> None:
    for key in ("a", "k7"):
        log.committer.watch(key)
    log.committer.write(Kind.SET, "a", b"0")
    log.committer.write_batch([put("a"), put("b"), increment("a", 2)])
    log.committer.write_batch([put("k7") for _ in range(600)])
    events, _, _, more = log.committer.take_events()
    assert [(event[0], event[5], event[6]) for event in events[:3]] == [
        (Kind.SET, 1, 1),
        (Kind.SET, 2, 4),
        (Kind.INCREMENT, 4, 4),
    ]
    assert (len(events), more) == (603, False), "a piece has 256 events, and the rest of a batch"
    assert {event[6] for event in events[3:]} == {604}


def test_g8_events_of_a_batch_are_dropped_together(make_log: MakeLog) -> None:
    log = make_log(event_bytes_max=8000)
    log.committer.watch("a")
    log.committer.write(Kind.SET, "a", b"0")
    log.committer.write_batch([put("a", b'"%01000d"' % i) for i in range(10)])
    events, lost, _, _ = log.committer.take_events()
    assert [event[5] for event in events] == [1]
    assert lost, "every subscriber is to be evicted"
    assert log.committer.stats()["events_dropped"] == 10


def test_g4_a_batch_that_is_cut_anywhere_is_recovered_whole_or_not_at_all(log: Any) -> None:
    log.committer.write_batch([put(key) for key in "abc"])
    before = log.replayed()[0].digest()
    log.committer.write_batch([put("a", b'"%0300d"' % 2), delete("b"), increment("c", 5), put("d", b'"%0700d"' % 3)])
    after = log.replayed()[0].digest()
    path, begin = log.folder / segment_name(1), SEGMENT_HEADER_BYTES + 512
    header = read_group_header(whole_bytes := path.read_bytes(), begin)
    assert header is not None and header.records == 4
    for cut in range(begin, begin + header.group_bytes + 1, 7):
        path.write_bytes(whole_bytes[:cut].ljust(len(whole_bytes), b"\0"))
        assert log.replayed()[0].digest() == before
    path.write_bytes(whole_bytes)
    assert log.replayed()[0].digest() == after
