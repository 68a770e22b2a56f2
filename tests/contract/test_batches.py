"""Batches, on every engine: all or nothing, in order, with conditions."""

from __future__ import annotations

import pytest

from fluxdb import (
    BatchResult,
    ClosedError,
    Document,
    InvalidKeyError,
    InvalidValueError,
    LimitError,
    Limits,
    VersionConflictError,
)
from tests.contract.engines import Place, Store


def test_a_batch_takes_effect_in_order(db: Store) -> None:
    db.set("c", 0)
    batch = db.batch()
    batch.check("c", version=1)
    batch.set("a", {"x": 1})
    batch.patch("a", {"y": 2})
    batch.delete("c")
    batch.delete("missing")
    batch.increment("a", 5, "/x")
    assert len(batch) == 6
    assert batch.commit() == BatchResult(5, (None, 1, 2, 2, None, 3))
    assert db.get("a") == Document({"x": 6, "y": 2}, 3)
    assert db.get("c") is None


def test_a_failed_condition_leaves_nothing_and_all_are_named(db: Store) -> None:
    db.set("a", 1)
    db.set("b", 1)
    batch = db.batch()
    batch.set("new", 1)
    batch.check("a", version=7)
    batch.set("b", 2, if_version=0)
    batch.check("gone", exists=True)
    batch.check("a", exists=False)
    with pytest.raises(VersionConflictError) as caught:
        batch.commit()
    error = caught.value
    assert (error.key, error.expected, error.actual, error.index) == ("a", 7, 1, 1)
    assert error.conflicts == ((1, "a", 7, 1), (2, "b", 0, 1), (3, "gone", None, 0), (4, "a", 0, 1))
    assert db.get("new") is None
    assert db.get("b") == Document(1, 1)
    assert db.set("new", 1) == 1


def test_conditions_see_what_the_batch_did_before(db: Store) -> None:
    batch = db.batch()
    batch.check("a", exists=False)
    batch.set("a", 1, if_version=0)
    batch.check("a", exists=True)
    batch.delete("a", if_version=1)
    batch.set("a", 2, if_version=0)
    assert batch.commit().versions == (None, 1, None, 2, 3)
    assert db.get("a") == Document(2, 3)


def test_a_bad_operation_is_named_and_nothing_is_written(db: Store) -> None:
    db.set("text", "x")
    batch = db.batch()
    batch.set("a", 1)
    batch.increment("text")
    with pytest.raises(InvalidValueError) as caught:
        batch.commit()
    assert caught.value.index == 1
    assert db.get("a") is None
    batch = db.batch()
    batch.set("", 1)
    with pytest.raises(InvalidKeyError):
        batch.commit()


def test_a_value_is_checked_and_copied_when_it_is_given(db: Store) -> None:
    value = {"x": 1}
    with db.batch() as batch:
        batch.set("a", value)
        value["x"] = 2
        with pytest.raises(InvalidValueError):
            batch.set("b", object())
    assert batch.result == BatchResult(1, (1,))
    assert db.get("a") == Document({"x": 1}, 1)


def test_a_context_manager_drops_everything_if_the_block_raises(db: Store) -> None:
    with pytest.raises(ZeroDivisionError), db.batch() as batch:
        batch.set("a", 1)
        raise ZeroDivisionError
    assert db.get("a") is None
    assert batch.result is None
    with pytest.raises(ClosedError, match="is over"):
        batch.set("a", 1)


def test_a_committed_batch_takes_nothing_more(db: Store) -> None:
    batch = db.batch()
    batch.set("a", 1)
    batch.commit()
    with pytest.raises(ClosedError, match="is over"):
        batch.commit()
    with pytest.raises(ClosedError, match="is over"):
        batch.delete("a")
    assert db.get("a") == Document(1, 1)


def test_a_batch_that_was_rejected_can_be_committed_again(db: Store) -> None:
    db.set("a", 1)
    batch = db.batch()
    batch.set("a", 2, if_version=2)
    with pytest.raises(VersionConflictError):
        batch.commit()
    db.set("a", 1)
    assert batch.commit().versions == (3,)


def test_a_batch_without_writes_says_where_its_checks_held(db: Store) -> None:
    db.set("a", 1)
    with db.batch() as checks:
        checks.check("a", version=1)
        checks.delete("b")
    assert checks.result == BatchResult(1, (None, None))
    assert db.batch().commit() == BatchResult(1, ())


def test_a_check_needs_one_condition(db: Store) -> None:
    batch = db.batch()
    with pytest.raises(ValueError, match="version, or exists"):
        batch.check("a")
    with pytest.raises(ValueError, match="version, or exists"):
        batch.check("a", version=1, exists=True)


def test_g11_a_batch_over_its_bounds_is_rejected_by_name(place: Place) -> None:
    with place.open(Limits(batch_operations_max=2, batch_bytes_max=1 << 20, value_bytes_max=1 << 20)) as db:
        batch = db.batch()
        for key in "abc":
            batch.set(key, 1)
        with pytest.raises(LimitError, match="batch_operations_max"):
            batch.commit()
        batch = db.batch()
        for key in "ab":
            batch.set(key, "x" * 600_000)
        with pytest.raises(LimitError, match="batch_bytes_max"):
            batch.commit()
        assert db.get("a") is None


def test_g2_batches_are_there_after_reopening(place: Place) -> None:
    with place.open() as db:
        for i in range(20):
            with db.batch() as batch:
                batch.increment("a")
                batch.increment("b", -1, "/n")
                batch.set(f"k{i}", i)
    with place.open() as db:
        assert db.get("a") == Document(20, 20)
        assert db.get("b") == Document({"n": -20}, 20)
        assert db.get("k19") == Document(19, 1)
