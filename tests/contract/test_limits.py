"""G11: every limit of a document holds at N, and refuses at N + 1 with an error that names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fluxdb import Document, InvalidKeyError, LimitError, Limits
from fluxdb.limits import RANGES
from tests.contract.engines import Place, Store

LIMITS = Limits(key_bytes_max=8, value_bytes_max=64, depth_max=4)

KEY_CALLS: dict[str, Callable[[Store, Any], Any]] = {
    "get": lambda db, key: db.get(key),
    "set": lambda db, key: db.set(key, 1),
    "patch": lambda db, key: db.patch(key, {}),
    "delete": lambda db, key: db.delete(key),
    "subscribe": lambda db, key: db.subscribe(key),
}
each_call = pytest.mark.parametrize("call", KEY_CALLS.values(), ids=KEY_CALLS)


@pytest.mark.parametrize("key", ["\0", "\n", "a\0b\r\n", " ", "k" * 1024, "é" * 512, "\U0001f600" * 256, '"', "\x7f"])
def test_any_unicode_is_a_key(place: Place, key: str) -> None:
    with place.open() as db:
        db.set(key, 1)
        assert db.get(key) == Document(1, 1)
    with place.open() as db:
        assert db.get(key) == Document(1, 1)


def test_composed_and_decomposed_are_two_keys(db: Store) -> None:
    db.set("\u00e9", 1)
    assert db.get("e\u0301") is None


@each_call
@pytest.mark.parametrize("key", ["", "\ud800", "a\udfffb"])
def test_what_is_no_key_is_refused(db: Store, call: Callable[[Store, Any], Any], key: str) -> None:
    with pytest.raises(InvalidKeyError):
        call(db, key)


@each_call
@pytest.mark.parametrize("key", [None, 1, b"k", ["k"]])
def test_what_is_no_str_is_refused(db: Store, call: Callable[[Store, Any], Any], key: Any) -> None:
    with pytest.raises(InvalidKeyError):
        call(db, key)


@pytest.mark.parametrize("name", KEY_CALLS)
@pytest.mark.parametrize("key", ["12345678", "ééÿÿ"])
def test_g11_keys_at_the_limit_and_one_byte_over(place: Place, name: str, key: str) -> None:
    with place.open(LIMITS) as db:
        KEY_CALLS[name](db, key)
        with pytest.raises(LimitError, match="key_bytes_max"):
            KEY_CALLS[name](db, key + "x")


def test_g11_values_at_the_limit_and_one_byte_over(place: Place) -> None:
    with place.open(LIMITS) as db:
        db.set("k", "x" * 62)
        with pytest.raises(LimitError, match="value_bytes_max"):
            db.set("k", "x" * 63)
        assert db.get("k") == Document("x" * 62, 1)


def test_g11_the_result_of_a_patch_at_the_limit_and_one_byte_over(place: Place) -> None:
    with place.open(LIMITS) as db:
        db.set("k", {"a": ""})
        db.patch("k", {"b": "x" * 49})  # 64 bytes in all
        with pytest.raises(LimitError, match="value_bytes_max"):
            db.patch("k", {"b": "x" * 50})
        assert db.get("k") == Document({"a": "", "b": "x" * 49}, 2)


def test_g11_the_result_of_a_patch_is_held_to_the_limit(place: Place) -> None:
    with place.open(LIMITS) as db:
        db.set("k", {"a": "x" * 40})
        with pytest.raises(LimitError, match="value_bytes_max"):
            db.patch("k", {"b": "x" * 40})
        assert db.patch("k", {"b": "x" * 8}) == 2


def nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize("name", ["set", "patch"])
def test_g11_depth_at_the_limit_and_one_over(place: Place, name: str) -> None:
    with place.open(LIMITS) as db:
        write = db.set if name == "set" else db.patch
        write("k", nested(4))
        with pytest.raises(LimitError, match="depth_max"):
            write("k", nested(5))
        assert db.get("k") == Document(nested(4), 1)


def test_g11_the_deepest_that_can_be_set(place: Place) -> None:
    deepest = RANGES["depth_max"][1]
    with place.open(Limits(depth_max=deepest)) as db:
        db.set("k", nested(deepest))
        found = db.get("k")
        assert found is not None
        value = found.value
        for level in range(deepest):
            value = value["a"] if (deepest - 1 - level) % 2 == 0 else value[0]
        assert value == 1
        with pytest.raises((LimitError, ValueError)):
            db.set("k", nested(deepest + 1))


def test_after_a_refusal_the_next_call_works(place: Place) -> None:
    with place.open(LIMITS) as db:
        for bad in ("x" * 63, nested(5), {1: 1}, float("nan")):
            with pytest.raises((LimitError, ValueError)):
                db.set("k", bad)
        assert db.set("k", 1) == 1
