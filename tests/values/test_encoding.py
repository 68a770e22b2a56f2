"""Python values on their way to JSON text."""

from __future__ import annotations

import json
import math
import threading
from typing import Any

import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import given

from fluxdb.errors import InvalidValueError, LimitError
from fluxdb.values import decode, encode
from fluxdb.values.stepwise import encode_stepwise

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


REJECTED: list[tuple[Any, str]] = [
    (float("nan"), "value is nan, which JSON does not have"),
    ({"a": [1, float("inf")]}, r'value\["a"\]\[1\] is inf'),
    ([{"b": 2**64}], r'value\[0\]\["b"\] is an integer beyond 64 bits'),
    (-(2**63) - 1, "beyond 64 bits"),
    ("\ud800", "lone surrogate"),
    ({"a": "x\udfff"}, r'value\["a"\] holds a lone surrogate'),
    ({"a": {"\ud800": 1}}, r'value\["a"\] has the key .*lone surrogate'),
    ({"a": {1: 2}}, r'value\["a"\] has the key 1 of type int: keys of objects must be str'),
    ({None: 1}, "type NoneType"),
    ({(): 1}, "type tuple"),
    (object(), "value is of type object, which is not JSON"),
    ([1, [2, [3, {'x\n"y': object()}]]], r'value\[1\]\[1\]\[1\]\["x\\n\\"y"\] is of type object'),
]


@given(PLAIN)
def test_plain_values_are_encoded_as_orjson_does(value: Any) -> None:
    assert encode(value) == orjson.dumps(value) == encode_stepwise(value)


@pytest.mark.parametrize(("value", "words"), REJECTED, ids=range(len(REJECTED)))
def test_what_is_not_json_is_rejected_with_its_place(value: Any, words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        encode(value)


def test_a_null_is_no_nan() -> None:
    assert encode({"a": None, "b": "null"}) == b'{"a":null,"b":"null"}'


def test_tuples_become_arrays() -> None:
    assert encode((1, (2,), [(3,)])) == b"[1,[2],[[3]]]"


@pytest.mark.parametrize("depth", [127, 128, 129, 253, 254, 255, 256, 1023])
def test_nesting_goes_as_deep_as_can_be_set(depth: int) -> None:
    value: Any = 1
    for level in range(depth):
        value = [value, "x"] if level % 2 else {"k": value, "l": 0}
    text = encode(value)
    assert text.count(b"[") + text.count(b"{") == depth
    decode(text)


def test_what_is_nested_deeper_than_any_setting_allows_hits_a_limit() -> None:
    deep: Any = []
    for _ in range(1023):
        deep = [deep]
    with pytest.raises(LimitError, match=r"^value\[0\]\[0\]\[0\]\[\.\.\.\] is nested deeper than 1023, .* depth_max"):
        encode(deep)


def test_what_contains_itself_is_told_with_its_place() -> None:
    circle: list[Any] = [1]
    circle.append(circle)
    loop: dict[str, Any] = {}
    loop["x"] = {"y": loop}
    for value, place in (
        (circle, "value[1]"),
        (loop, 'value["x"]["y"]'),
        ([0, {"a": (circle,)}], 'value[1]["a"][0][1]'),
    ):
        with pytest.raises(InvalidValueError) as caught:
            encode(value)
        assert str(caught.value) == f"{place} contains itself, which JSON can't"


def test_the_place_in_an_error_is_short_however_long_the_keys() -> None:
    with pytest.raises(InvalidValueError) as caught:
        encode({"k" * 100_000: {"l" * 100_000: b""}})
    assert len(str(caught.value)) < 500


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_given_back_to_the_bit(value: float) -> None:
    back = decode(encode(value))
    assert (back, math.copysign(1, back)) == (value, math.copysign(1, value))


@given(PLAIN)
def test_the_standard_library_reads_the_same(value: Any) -> None:
    assert json.loads(encode(value)) == value


def test_values_nested_as_deep_as_can_be_set_fit_the_stack_of_a_small_thread() -> None:
    value: Any = 1
    for _ in range(1023):
        value = [value]
    encoded: list[bytes] = []
    before = threading.stack_size(64 * 1024)
    try:
        thread = threading.Thread(target=lambda: encoded.append(encode(value)))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join(60)
    assert encoded == [b"[" * 1023 + b"1" + b"]" * 1023]
