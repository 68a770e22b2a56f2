"""GETMANY: documents of many keys at one revision."""

from __future__ import annotations

from typing import Any

import pytest

from fluxdb import ClosedError, Document, InvalidKeyError, InvalidValueError, LimitError, Limits
from tests.contract.engines import Place, Store


def test_documents_come_in_the_order_of_the_keys(db: Store) -> None:
    for number in range(100):
        db.set(f"k{number}", {"id": number})
    db.delete("k50")
    keys = [f"k{number}" for number in range(99, -1, -1)]
    wanted = [None if key == "k50" else Document({"id": int(key[1:])}, 1) for key in keys]
    assert db.get_many(keys) == wanted
    assert db.get_many(iter(keys)) == wanted


def test_a_key_may_be_missing_or_come_twice(db: Store) -> None:
    db.set("a", None)
    assert db.get_many(["a", "nobody", "a"]) == [Document(None, 1), None, Document(None, 1)]
    assert db.get_many([]) == []


def test_documents_of_every_size(db: Store) -> None:
    values = {f"k{size}": "x" * size for size in (0, 1, 510, 511, 512, 70_000, 300_000)}
    for key, value in values.items():
        db.set(key, value)
    assert [document and document.value for document in db.get_many(values)] == list(values.values())
    assert {key: document.value for key, document in db.scan()} == values


def test_each_document_is_the_readers_own(db: Store) -> None:
    db.set("k", [])
    first, second = db.get_many(["k", "k"])
    assert first is not None and second is not None
    first.value.append(1)
    assert second.value == [] and db.get("k") == Document([], 1)


def test_parts_of_many_documents(db: Store) -> None:
    db.set("a", {"n": {"x": 1}})
    db.set("b", {"n": {}})
    db.set("c", [])
    assert db.get_many(["a", "b", "c", "d"], "/n/x") == [Document(1, 1), None, None, None]
    with pytest.raises(InvalidValueError, match="JSON Pointer"):
        db.get_many(["a"], "n")


@pytest.mark.parametrize("key", ["", 5, None, "\ud800"])
def test_one_bad_key_rejects_them_all(db: Store, key: Any) -> None:
    with pytest.raises(InvalidKeyError):
        db.get_many(["a", key])


@pytest.mark.parametrize("keys", ["abc", b"abc"])
def test_a_text_is_no_list_of_keys(db: Store, keys: Any) -> None:
    with pytest.raises(InvalidKeyError, match=r"get_many\(\[key"):
        db.get_many(keys)


def test_too_many_keys_are_an_error_that_names_the_limit(place: Place) -> None:
    with place.open(Limits(page_documents_max=3)) as db:
        assert db.get_many(["a", "b", "c"]) == [None, None, None]
        with pytest.raises(LimitError, match="page_documents_max"):
            db.get_many(["a", "b", "c", "d"])


def test_a_key_that_is_too_long_is_an_error(db: Store) -> None:
    with pytest.raises(LimitError, match="key_bytes_max"):
        db.get_many(["a", "x" * 1_025])


def test_of_a_closed_database(place: Place) -> None:
    with place.open() as db:
        db.close()
        with pytest.raises(ClosedError):
            db.get_many(["a"])
