"""G12: what is stored is what is read."""

from __future__ import annotations

import collections
import enum
import math
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from fluxdb import Document, InvalidValueError
from tests.contract.engines import Place, Store

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)


def same(left: Any, right: Any) -> bool:
    """Equal, in types too (1 is not 1.0, -0.0 not 0.0), members in order."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[member], right[member]) for member in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return bool(left == right)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES)
def test_g12_any_json_is_read_as_it_was_stored(db: Store, value: Any) -> None:
    version = db.set("k", value)
    found = db.get("k")
    assert found is not None
    assert found.version == version
    assert same(found.value, value)


EXACT: list[Any] = [2**64 - 1, -(2**63), 2**63, 2**53 + 1, 1e308, 5e-324, -0.0, 1e16, 0.1, {"": {"": None}}, [], {}]
EXACT += ["", "\0", "\u2028\u2029", "\U0010ffff", {"\0": "\x1f\x7f", "a\nb": '"\\/'}, [[[]], {}], True, 1, 1.0]


def test_g12_corner_cases_survive_a_restart(place: Place) -> None:
    with place.open() as db:
        db.set("log", EXACT)
        db.set("snapshot", EXACT)
        db.checkpoint()
        db.patch("log", {"all": EXACT})
    with place.open() as db:
        log, snapshot = db.get("log"), db.get("snapshot")
        assert log is not None
        assert snapshot is not None
        assert same(log.value, {"all": EXACT})
        assert same(snapshot.value, EXACT)


@pytest.mark.parametrize(
    "value",
    [
        *[
            float("nan"),
            float("inf"),
            -float("inf"),
            2**64,
            -(2**63) - 1,
            "\ud800",
            {"\udc00": 1},
            b"",
            bytearray(),
            {1},
        ],
        *[{1: 1}, {None: 1}, [1, [float("nan")]], {"a": {"b": 2**64}}],
    ],
    ids=ascii,
)
def test_g12_what_could_not_be_given_back_is_refused(db: Store, value: Any) -> None:
    for write in (db.set, db.patch):
        with pytest.raises(InvalidValueError):
            write("k", value)
    assert db.get("k") is None


def test_tuples_are_arrays(db: Store) -> None:
    db.set("k", (1, (2, [3])))
    assert db.get("k") == Document([1, [2, [3]]], 1)


class Colour(str, enum.Enum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


def test_a_str_enum_is_its_text_as_a_key_as_a_member_and_as_a_value(db: Store) -> None:
    with_events = db.subscribe(Colour.RED, "red")
    assert db.set(Colour.RED, {Colour.RED: Colour.RED}) == 1
    assert db.patch(Colour.RED, {"more": [Colour.RED]}, if_version=1) == 2
    assert db.get("red") == db.get(Colour.RED) == Document({"red": "red", "more": ["red"]}, 2)
    assert db.delete(Colour.RED) == 3
    told = [with_events.get(30) for _ in range(3)]
    assert [(event.key, type(event.key), event.version) for event in told if event] == [
        ("red", str, version) for version in (1, 2, 3)
    ]
    with_events.close()


def test_a_subclass_is_stored_as_what_it_equals(db: Store) -> None:
    value = collections.OrderedDict(b=collections.defaultdict(list, x=[Number.ONE]), a=1)
    value.move_to_end("b")
    db.set("k", value)
    found = db.get("k")
    assert found is not None
    assert same(found.value, {"a": 1, "b": {"x": [1]}})
