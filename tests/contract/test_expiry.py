"""Documents that expire: what sets, keeps and clears the time to live, and what is there once it is over."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from fluxdb import Document, InvalidValueError, VersionConflictError
from tests.contract.engines import Store

HOUR = 3600.0


def expiry_of(db: Store, key: str) -> float | None:
    document = db.get(key)
    assert document is not None
    return document.expires_at


def lasts(db: Store, key: str, seconds: float) -> bool:
    """The document expires so long from now, give or take the time that the test took."""
    expires_at = expiry_of(db, key)
    return expires_at is not None and -30 < expires_at - time.time() - seconds < 1


def wait_until_gone(db: Store, key: str) -> None:
    deadline = time.monotonic() + 20
    while db.get(key) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_document_names_when_it_expires_and_one_without_a_ttl_does_not(db: Store) -> None:
    db.set("session", {"user": 7}, ttl=HOUR)
    db.set("user", 1)
    assert lasts(db, "session", HOUR)
    assert db.get("user") == Document(1, 1)
    assert expiry_of(db, "user") is None


@pytest.mark.parametrize(
    ("write", "seconds"),
    [
        (lambda db: db.set("k", {}), None),
        (lambda db: db.set("k", {}, keep_ttl=True), HOUR),
        (lambda db: db.set("k", {}, ttl=timedelta(hours=5)), 5 * HOUR),
        (lambda db: db.patch("k", {"a": 1}), HOUR),
        (lambda db: db.patch("k", {"a": 1}, ttl=2 * HOUR), 2 * HOUR),
        (lambda db: db.touch("k", 3 * HOUR), 3 * HOUR),
        (lambda db: db.touch("k", None), None),
    ],
    ids=["set", "set keeps", "set with a timedelta", "patch", "patch with ttl", "touch", "touch for ever"],
)
def test_what_a_write_makes_of_the_time_to_live(
    db: Store, write: Callable[[Store], int], seconds: float | None
) -> None:
    db.set("k", {"v": 1}, ttl=HOUR)
    assert write(db) == 2
    assert expiry_of(db, "k") is None if seconds is None else lasts(db, "k", seconds)


@pytest.mark.guarantee(15)
def test_g15_once_its_time_is_over_a_document_is_gone_and_its_version_goes_on(db: Store) -> None:
    db.set("k", {"old": True}, ttl=0.05)
    db.set("stays", 1)
    wait_until_gone(db, "k")
    with pytest.raises(VersionConflictError) as caught:
        db.set("k", 1, if_version=1)
    assert caught.value.actual == 0
    assert db.touch("k", HOUR) is None
    assert db.delete("k") is None
    version = db.patch("k", {"new": True}, if_version=0)
    assert version > 2
    assert db.get("k") == Document({"new": True}, version)
    assert db.info()["keys"] == 2


@pytest.mark.guarantee(15)
def test_g15_an_expired_document_is_in_no_range_and_no_count(db: Store) -> None:
    for number in range(40):
        db.set(f"k:{number:02}", number, ttl=0.1 if number % 4 else HOUR)
    assert db.count("k:") <= 40  # the keys are in order from here on
    assert len(list(db.keys("k:"))) <= 40
    wait_until_gone(db, "k:39")
    stay = [f"k:{number:02}" for number in range(0, 40, 4)]
    assert list(db.keys("k:")) == stay
    assert [key for key, _ in db.scan("k:", reverse=True)] == stay[::-1]
    assert db.count("k:") == db.count() == len(stay)
    assert [document is not None for document in db.get_many(["k:00", "k:01", "k:04"])] == [True, False, True]
    db.set("k:01", 1)
    assert list(db.keys("k:", limit=2)) == ["k:00", "k:01"]
    assert db.count("k:") == len(stay) + 1


def test_touch_changes_the_time_alone_and_takes_a_condition(db: Store) -> None:
    db.set("k", {"v": 1})
    with pytest.raises(VersionConflictError):
        db.touch("k", 1, if_version=7)
    assert db.touch("k", HOUR, if_version=1) == 2
    document = db.get("k")
    assert document is not None
    assert (document.value, document.version) == ({"v": 1}, 2)
    assert db.touch("missing", HOUR) is None


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf"), 1e11, True, "60", timedelta(0)])
def test_a_time_to_live_that_is_none_is_refused_and_nothing_is_written(db: Store, ttl: Any) -> None:
    with pytest.raises(InvalidValueError, match="ttl"):
        db.set("k", 1, ttl=ttl)
    with pytest.raises(InvalidValueError, match="ttl"):
        db.patch("k", {}, ttl=ttl)
    with pytest.raises(InvalidValueError, match="ttl"):
        db.touch("k", ttl)
    assert db.info()["revision"] == 0


def test_ttl_and_keep_ttl_contradict_each_other(db: Store) -> None:
    with pytest.raises(InvalidValueError, match="contradict"):
        db.set("k", 1, ttl=1, keep_ttl=True)


def test_keep_ttl_of_a_document_that_has_none_is_none(db: Store) -> None:
    db.set("k", 1, keep_ttl=True)
    db.set("k", 2, keep_ttl=True)
    assert db.get("k") == Document(2, 2)


def test_a_document_that_expires_is_equal_shown_copied_and_pickled_with_its_time(db: Store) -> None:
    db.set("k", [1], ttl=HOUR)
    document = db.get("k")
    assert document is not None
    assert document != Document([1], 1)
    assert document == Document([1], 1, document.expires_at)
    assert repr(document) == f"Document(value=[1], version=1, expires_at={document.expires_at!r})"
    assert copy.deepcopy(document) == document
    assert pickle.loads(pickle.dumps(document)) == document


def test_a_batch_sets_keeps_and_changes_times_to_live(db: Store) -> None:
    for key in ("kept", "patched", "touched", "forever"):
        db.set(key, {}, ttl=HOUR)
    batch = db.batch()
    batch.set("new", 1, ttl=2 * HOUR)
    batch.set("kept", 1, keep_ttl=True)
    batch.patch("patched", {"a": 1}, ttl=timedelta(hours=3))
    batch.touch("touched", 4 * HOUR)
    batch.touch("forever", None)
    batch.touch("missing", HOUR)
    assert batch.commit().versions == (1, 2, 2, 2, 2, None)
    hours = {"new": 2, "kept": 1, "patched": 3, "touched": 4}
    assert all(lasts(db, key, count * HOUR) for key, count in hours.items())
    assert expiry_of(db, "forever") is None


@pytest.mark.guarantee(15)
def test_g15_a_batch_meets_an_expired_document_as_a_missing_one(db: Store) -> None:
    db.set("k", {"old": True}, ttl=0.05)
    wait_until_gone(db, "k")
    batch = db.batch()
    batch.check("k", exists=False)
    batch.patch("k", {"new": True}, if_version=0)
    version = batch.commit().versions[1]
    assert version is not None
    assert version > 2
    assert db.get("k") == Document({"new": True}, version)
    again = db.batch()
    again.touch("k", 0.05)
    again.commit()
    wait_until_gone(db, "k")
    failing = db.batch()
    failing.set("other", 1)
    failing.check("k", exists=True)
    with pytest.raises(VersionConflictError):
        failing.commit()
    assert db.get("other") is None


def test_a_batch_with_a_wrong_time_to_live_says_so_at_once(db: Store) -> None:
    batch = db.batch()
    with pytest.raises(InvalidValueError, match="ttl"):
        batch.set("k", 1, ttl=0)
    with pytest.raises(InvalidValueError, match="contradict"):
        batch.set("k", 1, ttl=1, keep_ttl=True)
    with pytest.raises(InvalidValueError, match="ttl"):
        batch.touch("k", -1)
    assert len(batch) == 0
