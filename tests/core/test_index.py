"""The ordered index against a sorted list: any keys, in any order, with splits, joins and a fall back to nothing."""

from __future__ import annotations

import random
from bisect import bisect_left, insort

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxdb._core.documents.key_index import KeyIndex

BYTES = st.sampled_from([b"\x00", b"\n", b"a", b"b", b"\xc3\xa9", b"\xf0\x9f\x98\x80"])
SHORT_KEYS = st.lists(BYTES, min_size=1, max_size=4).map(b"".join)
# Beginnings that many keys share, so that the shared part of a leaf grows and shrinks; some keys fill a leaf alone.
LONG_KEYS = st.tuples(st.sampled_from([b"a" * 300, b"b" * 1020, b"b" * 1000 + b"c", b"user:"]), SHORT_KEYS).map(
    b"".join
)
KEYS = st.one_of(SHORT_KEYS, LONG_KEYS)


def check(index: KeyIndex, keys: list[bytes]) -> None:
    index.check()
    assert len(index) == len(keys)
    assert index.walk(0, len(keys) + 1) == keys
    assert index.walk(max(len(keys) - 1, 0), len(keys) + 1, reverse=True) == keys[::-1]


def put(index: KeyIndex, keys: list[bytes], key: bytes) -> None:
    index.insert(key)
    at = bisect_left(keys, key)
    if at == len(keys) or keys[at] != key:
        keys.insert(at, key)


def drop(index: KeyIndex, keys: list[bytes], key: bytes) -> None:
    index.remove(key)
    at = bisect_left(keys, key)
    if at < len(keys) and keys[at] == key:
        del keys[at]


@given(st.lists(st.tuples(st.booleans(), KEYS), max_size=120))
def test_it_is_a_sorted_set_of_any_keys(steps: list[tuple[bool, bytes]]) -> None:
    index = KeyIndex()
    keys: list[bytes] = []
    for is_put, key in steps:
        (put if is_put else drop)(index, keys, key)
    check(index, keys)
    for _, key in steps:
        at = bisect_left(keys, key)
        assert index.rank(key) == (at, at < len(keys) and keys[at] == key)


def orders(keys: list[bytes], seed: int) -> dict[str, list[bytes]]:
    shuffled = random.Random(seed).sample(keys, len(keys))
    return {"rising": keys, "falling": keys[::-1], "shuffled": shuffled}


MANY = {
    "numbers": [b"key%07d" % number for number in range(20_000)],
    "long": sorted({random.Random(number).randbytes(1 + number % 700) for number in range(3_000)}),
    "beginnings": [b"x" * length for length in range(1, 1_025)],
    "largest": [b"y" * 65_000 + b"%04d" % number for number in range(300)],
}


@pytest.mark.parametrize("kind", MANY)
@pytest.mark.parametrize("order", ["rising", "falling", "shuffled"])
@pytest.mark.parametrize("back", ["rising", "falling", "shuffled"])
def test_many_keys_come_and_go_in_any_order(kind: str, order: str, back: str) -> None:
    keys = MANY[kind]
    index = KeyIndex()
    for key in orders(keys, 1)[order]:
        index.insert(key)
    check(index, keys)
    leaving = orders(keys, 2)[back]
    left = set(keys)
    for number, key in enumerate(leaving):
        index.remove(key)
        left.discard(key)
        if number in (len(keys) // 2, len(keys) - 50):
            check(index, sorted(left))
    check(index, [])
    assert index.depth == 0 and index.node_bytes == 1_024
    index.insert(b"again")
    check(index, [b"again"])


def test_a_queue_that_is_filled_and_emptied_for_long_stays_small() -> None:
    rng = random.Random(7)
    index = KeyIndex()
    keys: list[bytes] = []
    for number in range(20_000):
        key = b"job:%08d" % number
        index.insert(key)
        keys.append(key)
        if len(keys) > 300:
            index.remove(keys.pop(rng.choice([0, 0, 0, len(keys) // 2])))
    check(index, keys)
    assert index.node_bytes < 40 * len(keys)


def test_keys_that_come_in_order_fill_their_leaves() -> None:
    index = KeyIndex()
    for number in range(100_000):
        index.insert(b"key%07d" % number)
    assert index.node_bytes / len(index) < 9


def test_removals_give_memory_back() -> None:
    keys = [b"key%07d" % number for number in range(50_000)]
    index = KeyIndex()
    for key in keys:
        index.insert(key)
    kept: list[bytes] = []
    for number, key in enumerate(keys):
        if number % 20:
            index.remove(key)
        else:
            insort(kept, key)
    check(index, kept)
    assert index.node_bytes / len(index) < 40


def test_what_is_there_or_missing_already_changes_nothing() -> None:
    index = KeyIndex()
    for key in (b"a", b"b", b"a", b"c"):
        index.insert(key)
    index.remove(b"nothing")
    check(index, [b"a", b"b", b"c"])
