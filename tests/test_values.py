"""Python values on their way to JSON text."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import json
import math
import uuid
from typing import Any

import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import given

from fluxdb import Document, Event
from fluxdb.errors import InvalidValueError, LimitError
from fluxdb.values import decode, encode, encode_deep

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


class Colour(enum.Enum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


@dataclasses.dataclass
class Point:
    x: int


class Text(str):
    pass


Pair = collections.namedtuple("Pair", "left right")

REFUSED: list[tuple[Any, str]] = [
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
    (b"x", "type bytes, which is not JSON: decode it"),
    ({1, 2}, r"type set.*list\(...\)"),
    (datetime.datetime(2026, 1, 1), "isoformat"),
    (datetime.date(2026, 1, 1), "isoformat"),
    (decimal.Decimal(1), "type Decimal"),
    (uuid.UUID(int=1), "type UUID"),
    (Colour.RED, "type Colour"),
    (Number.ONE, r"type Number.*int\(...\)"),
    (Point(1), "asdict"),
    (Pair(1, 2), r"tuple\(...\)"),
    (Text("x"), r"str\(...\)"),
    (collections.OrderedDict(a=1), r"dict\(...\)"),
    (Document({}, 1), r"value is of type Document, which is not JSON: store its \.value$"),
    ([Event("k", None, {}, 1, "set", 1)], r"value\[0\] is of type Event, .*: store its \.new, or its \.old$"),
    (object(), "type object"),
    ([1, [2, [3, {'x\n"y': object()}]]], r'value\[1\]\[1\]\[1\]\["x\\n\\"y"\] is of type object'),
]


@given(PLAIN)
def test_plain_values_are_encoded_as_orjson_does(value: Any) -> None:
    assert encode(value) == orjson.dumps(value) == encode_deep(value)


@pytest.mark.parametrize(("value", "words"), REFUSED, ids=[f"refused{number}" for number in range(len(REFUSED))])
def test_what_is_not_plain_is_refused_with_its_place_and_the_way_out(value: Any, words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        encode(value)


def test_a_null_is_no_nan() -> None:
    assert encode({"a": None, "b": "null"}) == b'{"a":null,"b":"null"}'


def test_tuples_become_arrays() -> None:
    assert encode((1, (2,), [(3,)])) == b"[1,[2],[[3]]]"


@pytest.mark.parametrize("depth", [253, 254, 255, 256, 1023])
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
        assert str(caught.value) == f"{place} is one of those that hold it: that is no JSON"


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
