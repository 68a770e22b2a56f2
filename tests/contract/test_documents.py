"""SET, GET, DELETE, PATCH, and the versions that they give."""

from __future__ import annotations

from typing import Any

import pytest

from fluxdb import Document
from tests.contract.engines import Place, Store


def test_a_missing_key_has_no_document(db: Store) -> None:
    assert db.get("nobody") is None


def test_set_stores_and_overwrites(db: Store) -> None:
    assert db.set("k", {"a": 1}) == 1
    assert db.get("k") == Document({"a": 1}, 1)
    assert db.set("k", [2]) == 2
    assert db.get("k") == Document([2], 2)


def test_a_document_is_its_readers_own(db: Store) -> None:
    db.set("k", {"a": []})
    first = db.get("k")
    assert first is not None
    first.value["a"].append(1)
    assert db.get("k") == Document({"a": []}, 1)


def test_delete_of_a_missing_key_writes_nothing(db: Store) -> None:
    before = db.info()["revision"]
    assert db.delete("nobody") is None
    assert db.info()["revision"] == before


def test_a_deleted_key_is_missing(db: Store) -> None:
    db.set("k", 1)
    assert db.delete("k") == 2
    assert db.get("k") is None
    assert db.delete("k") is None


def test_null_is_a_value_and_no_delete(db: Store) -> None:
    db.set("k", None)
    assert db.get("k") == Document(None, 1)
    assert db.delete("k") == 2


def test_versions_go_on_over_delete_and_recreation(db: Store) -> None:
    assert [db.set("k", 1), db.delete("k"), db.set("k", 2), db.delete("k"), db.patch("k", {})] == [1, 2, 3, 4, 5]


def test_versions_go_on_over_reopening(place: Place) -> None:
    with place.open() as db:
        db.set("kept", 1)
        db.set("gone", 1)
        db.delete("gone")
    with place.open() as db:
        assert db.set("kept", 2) == 2
        assert db.set("gone", 2) == 3
        db.delete("gone")
        db.checkpoint()
    with place.open() as db:
        assert db.set("gone", 3) == 5


def test_each_key_has_versions_of_its_own(db: Store) -> None:
    assert [db.set("a", 1), db.set("b", 1), db.set("a", 1), db.set("b", 1)] == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("before", "delta", "after"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
        ({"a": 1}, 7, 7),
        ({"a": 1}, None, None),
        ([1], {"a": 1}, {"a": 1}),
        ({"a": {"b": None}}, {"a": {"c": None}}, {"a": {"b": None, "c": None}}),
    ],
)
def test_patch_merges_objects_and_overwrites_with_anything_else(db: Store, before: Any, delta: Any, after: Any) -> None:
    db.set("k", before)
    assert db.patch("k", delta) == 2
    assert db.get("k") == Document(after, 2)


@pytest.mark.parametrize(
    ("before", "delta", "after"),
    [
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"b": 1}}, {"a": {"b": None, "c": 2}}, {"a": {"c": 2}}),
        ([1], {"a": {"b": None}}, {"a": {}}),
        ({"a": 1}, None, None),
    ],
)
def test_patch_with_remove_nulls_is_rfc_7396(db: Store, before: Any, delta: Any, after: Any) -> None:
    db.set("k", before)
    db.patch("k", delta, remove_nulls=True)
    assert db.get("k") == Document(after, 2)


def test_patch_of_a_missing_key_starts_from_nothing(db: Store) -> None:
    assert db.patch("k", {"a": None}) == 1
    assert db.get("k") == Document({"a": None}, 1)
    assert db.patch("l", {"a": None, "b": 1}, remove_nulls=True) == 1
    assert db.get("l") == Document({"b": 1}, 1)


def test_g6_reopening_gives_the_same_state(place: Place) -> None:
    with place.open() as db:
        for number in range(50):
            db.set(f"k{number}", {"n": number})
        for number in range(0, 50, 2):
            db.patch(f"k{number}", {"even": True})
        for number in range(0, 50, 5):
            db.delete(f"k{number}")
        before = {f"k{number}": db.get(f"k{number}") for number in range(50)}
        revision = db.info()["revision"]
    with place.open() as db:
        assert {key: db.get(key) for key in before} == before
        assert db.info()["revision"] == revision


def test_checkpoint_tells_the_revision_that_it_stands_for(db: Store) -> None:
    assert db.checkpoint() == 0
    db.set("k", 1)
    db.set("k", 2)
    assert db.checkpoint() == 2
    assert db.checkpoint() == 2


def test_info_counts(db: Store) -> None:
    db.set("a", 1)
    db.set("b", 1)
    db.delete("b")
    info = db.info()
    assert (info["keys"], info["tombstones"], info["revision"], info["subscribers"]) == (1, 1, 3, 0)
    assert info["limits"]["key_bytes_max"] == 1024
    assert info["disk_bytes"] > 0
    assert info["memory_bytes"] > 0
    assert 0 <= info["uptime_seconds"] < 3600
