"""Merge-patch at its bounds: depth, many members, and text that is not what it should be."""

from __future__ import annotations

from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxdb._core.json.merge import merge
from fluxdb._core.json.text import compact

DEPTH_MAX = 1026
TARGET = orjson.dumps({"a": 1, "b": {"c": ["x", {"y": "\\"}], "d": {"e": None}}, '"': '"', "l": "x" * 60, "z": True})
DELTA = orjson.dumps({"b": {"c": {"n": [None, "}"]}, "d": {"e": None, "f": "\\"}}, "l": None, "new": {"m": {}}})


@pytest.mark.parametrize("remove_nulls", [False, True])
def test_the_deepest_texts_are_merged(remove_nulls: bool) -> None:
    target = '{"a":1,"b":' * DEPTH_MAX + "1" + "}" * DEPTH_MAX
    delta = '{"b":' * DEPTH_MAX + '"x"' + "}" * DEPTH_MAX
    result = merge(target.encode(), delta.encode(), remove_nulls)
    assert result.decode() == '{"a":1,"b":' * DEPTH_MAX + '"x"' + "}" * DEPTH_MAX
    assert merge(b"0", delta.encode(), remove_nulls) == delta.encode()
    removing = ('{"b":' * DEPTH_MAX + "null" + "}" * DEPTH_MAX).encode()
    without = (b'{"a":1,"b":' * (DEPTH_MAX - 1) + b'{"a":1}' + b"}" * (DEPTH_MAX - 1)).decode()
    assert merge(target.encode(), removing, True).decode() == without
    stripped = b'{"b":' * (DEPTH_MAX - 1) + b"{}" + b"}" * (DEPTH_MAX - 1)
    assert merge(None, removing, True) == stripped


def test_a_delta_deeper_than_any_canonical_text_is_refused() -> None:
    for depth in (DEPTH_MAX + 1, 1_000_000):
        with pytest.raises(ValueError, match="not canonical"):
            merge(b'{"b":' * depth + b"1" + b"}" * depth, b'{"b":' * depth + b"1" + b"}" * depth)


def test_a_target_may_be_deeper_than_the_delta_goes() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    assert merge(b'{"a":' + deep + b',"b":1}', b'{"b":2}') == b'{"a":' + deep + b',"b":2}'


# These would take minutes if the time grew with the product of the two sides' members.


def members(start: int, stop: int, value: bytes) -> bytes:
    return b",".join(b'"member %d":%b' % (i, value) for i in range(start, stop))


def test_a_hundred_thousand_members_on_both_sides() -> None:
    count = 100_000
    target = b"{" + members(0, count, b"1") + b"}"
    delta = b"{" + members(count // 2, count + count // 2, b"null") + b"}"
    half = members(0, count // 2, b"1")
    expected = b"{" + half + b"," + members(count // 2, count + count // 2, b"null") + b"}"
    assert merge(target, delta) == expected
    assert merge(target, delta, True) == b"{" + half + b"}"
    assert merge(b'{"o":' + target + b"}", b'{"o":' + delta + b"}") == b'{"o":' + expected + b"}"


def test_a_hundred_thousand_members_against_a_few() -> None:
    target = b"{" + members(0, 100_000, b"1") + b"}"
    for few in range(1, 40):
        delta = b"{" + members(99_999, 99_999 + few, b"2") + b"}"
        assert merge(target, delta) == target[:-2] + b"2" + delta[len('{"member 99999":2') :]
    assert (
        merge(b'{"member 7":0}', target)
        == b'{"member 7":1,' + members(0, 7, b"1") + b"," + members(8, 100_000, b"1") + b"}"
    )


def test_a_name_that_is_everywhere_but_where_it_counts() -> None:
    inner = b"[" + b'{"a":1},' * 200_000 + b"0]"
    assert merge(b'{"x":' + inner + b"}", b'{"a":2}') == b'{"x":' + inner + b',"a":2}'
    assert merge(b'{"x":' + inner + b',"a":1}', b'{"a":2}') == b'{"x":' + inner + b',"a":2}'


def test_a_deep_delta_is_read_once() -> None:
    deep = b'{"a":' * 1023 + b'{"s":"' + b"x" * 4_000_000 + b'"}' + b"}" * 1023
    assert merge(deep, deep) == deep
    assert merge(None, deep, True) == deep


# Text that is not canonical: a ValueError or some output, but never a crash, nor a byte from outside.


def assert_survives(target: bytes, delta: bytes) -> None:
    for remove_nulls in (False, True):
        with suppress(ValueError):
            assert len(merge(target, delta, remove_nulls)) <= len(target) + len(delta) + 2


def test_every_cut_of_a_delta_is_refused() -> None:
    for end in range(len(DELTA)):
        with pytest.raises(ValueError, match="not canonical"):
            merge(TARGET, DELTA[:end])


def test_no_cut_of_a_target_is_read_beyond() -> None:
    for end in range(len(TARGET)):
        assert_survives(TARGET[:end], DELTA)
        assert_survives(TARGET[:end], b'{"nowhere":0}')
        assert_survives(TARGET[:end], b'{"":0}')


def test_no_changed_byte_leads_astray() -> None:
    for text, other, swap in [(TARGET, DELTA, False), (DELTA, TARGET, True), (DELTA, DELTA, False)]:
        changed = bytearray(text)
        for place in range(len(text)):
            for byte in b'{}[],:"\\ n0a\x00\xff':
                changed[place] = byte
                pair = (other, bytes(changed)) if swap else (bytes(changed), other)
                assert_survives(*pair)
            changed[place] = text[place]


@given(st.lists(st.sampled_from([*'{}[],:"\\n0a', '"a":', '{"a":', "null"]), max_size=20).map("".join))
def test_no_heap_of_tokens_leads_astray(text: str) -> None:
    for other in (DELTA, b'{"a":{"a":null,"b":1}}', b'{"":1}', b"{}"):
        assert_survives(text.encode(), other)
        assert_survives(other, text.encode())
        assert_survives(b'{"a":' + text.encode() + b"}", other)


def test_a_target_with_a_member_twice_does_not_overflow() -> None:
    for few in (1, 10):
        delta = b"{" + members(0, few, b'{"k":"' + b"x" * 1000 + b'"}') + b"}"
        for target in (b'{"member 0":1,"member 0":1,"member 0":1}', b'{"member 0":{},"member 0":{}}'):
            assert_survives(target, delta)


def test_only_bytes_are_taken() -> None:
    assert merge(None, compact(b" 1 ")) == b"1"
    with pytest.raises(TypeError):
        merge("{}", b"{}")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        merge(b"{}", None)  # type: ignore[arg-type]
