"""increment(), on every engine: exact 64-bit integers, in one write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fluxdb import Document, InvalidValueError, LimitError, VersionConflictError
from tests.contract.engines import Place, Store


def test_a_missing_number_counts_as_0(db: Store) -> None:
    assert db.increment("n") == Document(1, 1)
    assert db.increment("n", 41) == Document(42, 2)
    assert db.increment("user", -2, "/logins/week") == Document(-2, 1)
    assert db.get("user") == Document({"logins": {"week": -2}}, 1)


def test_it_leaves_the_rest_of_the_document_as_it_was(db: Store) -> None:
    db.set("a", {"x": [1, {"n": 2**53 + 1}], "y": "n", "a/b": 0})
    assert db.increment("a", 1, "/x/1/n") == Document(2**53 + 2, 2)
    assert db.increment("a", 1, "/a~1b") == Document(1, 3)
    assert db.get("a") == Document({"x": [1, {"n": 2**53 + 2}], "y": "n", "a/b": 1}, 3)


@pytest.mark.parametrize(("number", "by"), [(2**63 - 1, 1), (-(2**63), -1), (2**64 - 1, -1)])
def test_a_sum_beyond_64_bits_is_rejected(db: Store, number: int, by: int) -> None:
    db.set("n", number)
    with pytest.raises(LimitError, match="64-bit"):
        db.increment("n", by)
    assert db.get("n") == Document(number, 1)


@pytest.mark.parametrize("value", [1.5, "1", None, True, [1], {"n": 1}])
def test_something_else_than_an_integer_is_named_and_kept(db: Store, value: Any) -> None:
    db.set("n", {"at": value})
    with pytest.raises(InvalidValueError, match=r"no integer stands at .*key 'n'"):
        db.increment("n", 1, "/at")
    assert db.get("n") == Document({"at": value}, 1)


@pytest.mark.parametrize("by", [1.0, "1", None, True])
def test_only_integers_are_added(db: Store, by: Any) -> None:
    with pytest.raises(InvalidValueError, match="only an integer"):
        db.increment("n", by)
    with pytest.raises(LimitError):
        db.increment("n", 2**63)
    assert db.get("n") is None


def test_a_path_that_is_no_pointer_is_rejected(db: Store) -> None:
    with pytest.raises(InvalidValueError, match="JSON Pointer"):
        db.increment("n", 1, "x")


def test_it_takes_a_condition(db: Store) -> None:
    assert db.increment("n", if_version=0) == Document(1, 1)
    with pytest.raises(VersionConflictError) as caught:
        db.increment("n", if_version=7)
    assert caught.value.actual == 1


def test_g3_concurrent_increments_lose_nothing_and_each_returns_its_sum(place: Place) -> None:
    with place.open() as db:
        with ThreadPoolExecutor(8) as pool:
            sums = [document.value for document in pool.map(lambda _: db.increment("n", 1, "/x"), range(200))]
        assert sorted(sums) == list(range(1, 201))
    with place.open() as db:
        assert db.get("n") == Document({"x": 200}, 200)


def test_an_event_says_increment(db: Store) -> None:
    subscription = db.subscribe("n")
    db.increment("n", 2)
    event = subscription.get(10)
    assert event is not None
    assert (event.op, event.old, event.new, event.version) == ("increment", None, 2, 1)
    subscription.close()
