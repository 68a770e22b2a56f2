"""if_version: a write takes effect only where the current version is the one that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fluxdb import Document, InvalidValueError, VersionConflictError
from tests.contract.engines import Store

Write = Callable[[Store, Any], Any]

WRITES: dict[str, Write] = {
    "set": lambda db, version: db.set("k", {"new": 1}, if_version=version),
    "patch": lambda db, version: db.patch("k", {"new": 1}, if_version=version),
    "delete": lambda db, version: db.delete("k", if_version=version),
}
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


@each_write
def test_the_current_version_is_taken(db: Store, write: Write) -> None:
    db.set("k", {})
    db.set("k", {})
    assert write(db, 2) == 3


@each_write
@pytest.mark.parametrize("version", [0, 1, 3, 2**63 - 1])
def test_another_version_is_refused_and_nothing_changes(db: Store, write: Write, version: int) -> None:
    db.set("k", {})
    db.set("k", {"a": 1})
    with pytest.raises(VersionConflictError) as caught:
        write(db, version)
    assert (caught.value.expected, caught.value.actual) == (version, 2)
    assert db.get("k") == Document({"a": 1}, 2)
    assert db.info()["revision"] == 2


@pytest.mark.parametrize("name", ["set", "patch"])
def test_zero_is_for_a_key_that_does_not_exist(db: Store, name: str) -> None:
    assert WRITES[name](db, 0) == 1
    with pytest.raises(VersionConflictError):
        WRITES[name](db, 0)


@pytest.mark.parametrize("name", ["set", "patch"])
def test_a_deleted_key_does_not_exist_and_its_versions_go_on(db: Store, name: str) -> None:
    db.set("k", 1)
    db.delete("k")
    with pytest.raises(VersionConflictError) as caught:
        WRITES[name](db, 2)
    assert caught.value.actual == 0
    assert WRITES[name](db, 0) == 3


def test_delete_of_a_missing_key_with_a_version_conflicts(db: Store) -> None:
    with pytest.raises(VersionConflictError) as caught:
        db.delete("k", if_version=1)
    assert caught.value.actual == 0


def test_delete_with_zero_finds_nothing_to_delete(db: Store) -> None:
    assert db.delete("k", if_version=0) is None


@each_write
@pytest.mark.parametrize("version", [True, False, -1, 1.0, "1", 2**63, b"1"])
def test_only_whole_numbers_from_zero_are_versions(db: Store, write: Write, version: Any) -> None:
    db.set("k", {})
    with pytest.raises(InvalidValueError, match="if_version"):
        write(db, version)
    assert db.get("k") == Document({}, 1)
