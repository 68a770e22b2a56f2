"""Document and Event: small immutable classes that nothing takes for an array."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import sys
import weakref
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from fluxdb import Document, Event

if TYPE_CHECKING:
    from typing_extensions import assert_type

DOCUMENT = Document({"a": [1]}, 2)
EVENT = Event("k", None, {"a": [1]}, 1, "set", 7)
BOTH = pytest.mark.parametrize("item", [DOCUMENT, EVENT], ids=["document", "event"])


def test_it_shows_its_fields() -> None:
    assert repr(DOCUMENT) == "Document(value={'a': [1]}, version=2)"
    assert repr(EVENT) == "Event(key='k', old=None, new={'a': [1]}, version=1, op='set', revision=7, commit=7)"
    assert Document(value={"a": [1]}, version=2) == DOCUMENT
    assert Event(key="k", old=None, new={"a": [1]}, version=1, op="set", revision=7) == EVENT


@BOTH
def test_no_encoder_writes_it_as_an_array(item: Any) -> None:
    with pytest.raises(TypeError, match=r"Object of type \w+ is not JSON serializable"):
        json.dumps(item)
    with pytest.raises(TypeError, match=r"Type is not JSON serializable"):
        orjson.dumps(item)
    assert not isinstance(item, (tuple, list, dict))  # what FastAPI asks first
    for as_last_resort in (dict, vars):  # and what it tries then, before it gives up with an error
        with pytest.raises(TypeError):
            as_last_resort(item)


@BOTH
def test_it_can_be_neither_iterated_nor_indexed_nor_ordered(item: Any) -> None:
    for attempt in (
        iter,
        len,
        list,
        sorted,
        lambda it: it[0],
        lambda it: [*it],
        lambda it: it < it,
        lambda it: 1 in it,
    ):
        with pytest.raises(TypeError):
            attempt(item)
    with pytest.raises(TypeError, match=r"cannot unpack non-iterable fluxdb\.\w+ object"):
        _, _ = item


@BOTH
def test_it_can_not_be_changed(item: Any) -> None:
    before = repr(item)
    for name in ("value", "version", "key", "new", "more"):
        with pytest.raises(AttributeError):
            setattr(item, name, 1)
        with pytest.raises(AttributeError):
            delattr(item, name)
    given = (1, 2) if item is DOCUMENT else ("l", 1, 2, 3, "set", 4)
    with pytest.raises(TypeError, match=r"an? \w+ can't be changed"):
        item.__init__(*given)
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Mine", (type(item),), {})
    assert repr(item) == before


def test_equal_are_those_of_one_kind_with_equal_fields() -> None:
    assert Document([1, {"a": None}], 3) == Document([1, {"a": None}], 3)
    assert Document(1, 1) != Document(1, 2) and Document(1, 1) != Document(2, 1)
    fields: dict[str, Any] = {"key": "k", "old": 1, "new": 2, "version": 3, "op": "set", "revision": 4}
    event = Event(**fields)
    assert event == Event(**fields)
    for name, other in {"key": "l", "old": 2, "new": 1, "version": 4, "op": "patch", "revision": 5}.items():
        assert event != Event(**{**fields, name: other})
    others: list[object] = [(1, 1), [1, 1], Document(1, 1), 1, None]
    assert all(Event(**fields) != other and Document(1, 3) != other for other in others)


def test_it_is_hashable_where_its_values_are() -> None:
    assert hash(Document("x", 1)) == hash(Document("x", 1))
    assert {Document("x", 1), Document("x", 1), Document("x", 2)} == {Document("x", 1), Document("x", 2)}
    assert len({Event("k", None, 1, 1, "set", 1), Event("k", None, 1, 1, "set", 1), Event("k", 1, 2, 2, "set", 2)}) == 2
    for item in (DOCUMENT, EVENT):
        with pytest.raises(TypeError, match="unhashable type: 'dict'"):
            hash(item)


def test_match_takes_it_apart() -> None:
    found: Document | None = DOCUMENT
    match found:
        case Document({"a": inner}, version):
            if TYPE_CHECKING:
                assert_type(version, int)
            assert (inner, version) == ([1], 2)
        case _:
            pytest.fail("not matched")
    match EVENT:
        case Event(key, None, new, op="set"):
            if TYPE_CHECKING:
                assert_type(key, str)
            assert (key, new) == ("k", {"a": [1]})
        case _:
            pytest.fail("not matched")
    match found:
        case (_, _):
            pytest.fail("taken for a sequence")


@BOTH
def test_copies_and_pickles_are_equal(item: Any) -> None:
    assert copy.copy(item) == item
    deep = copy.deepcopy(item)
    inner, its = (deep.value, item.value) if item is DOCUMENT else (deep.new, item.new)
    assert deep == item and inner is not its and inner["a"] is not its["a"]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        text = pickle.dumps(item, protocol)
        assert pickle.loads(text) == item
        assert b"_core" not in text, "a pickle names the public class, which stays where it is"


def test_versions_go_as_far_as_the_largest() -> None:
    assert Document(None, 2**63 - 1).version == 2**63 - 1
    for wrong, error in ((-1, OverflowError), (2**64, OverflowError), ("1", TypeError), (None, TypeError)):
        with pytest.raises(error):
            Document(None, wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Document(1)  # type: ignore[call-arg]


def test_the_place_of_a_dropped_one_keeps_nothing_of_it() -> None:
    class Value:
        pass

    value = Value()
    is_alive = weakref.ref(value)
    documents = [Document(value, 1) for _ in range(200)]  # more than are kept for reuse
    events = [Event("k", value, value, 1, "set", 1) for _ in range(200)]
    del documents, events, value
    assert is_alive() is None
    key = "k" * 100
    count = sys.getrefcount(key)
    for _ in range(1000):
        Event(key, None, None, 1, "set", 1)
    assert sys.getrefcount(key) == count


def test_one_in_a_circle_is_collected() -> None:
    class Value:
        inner: Any

    value = Value()
    value.inner = [Document(value, 1), Event("k", None, value, 1, "set", 1)]
    is_alive = weakref.ref(value)
    del value
    gc.collect()
    assert is_alive() is None
