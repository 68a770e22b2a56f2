"""SCAN, KEYS and COUNT: the documents of a range of keys, in key order."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from fluxdb import ClosedError, Document, InvalidKeyError, InvalidValueError, Limits
from tests.contract.engines import Place, Store

# Beginnings of each other, NUL and newline, code points of one to four bytes, NFC beside NFD, and the longest key.
KEYS = [
    "a",
    "a\0",
    "a\0b",
    "a\n",
    "aa",
    "ab",
    "b",
    "ba",
    "\x7f",
    "\u00e9",
    "e\u0301",
    "\uffff",
    "\U00010000",
    "x" * 1_024,
    "x" * 1_023,
]
ORDERED = sorted(KEYS, key=lambda key: key.encode())


def fill(db: Store, keys: list[str]) -> None:
    for number, key in enumerate(keys):
        db.set(key, number)


def expected(
    keys: list[str], prefix: str, start: str | None, end: str | None, after: str | None, reverse: bool
) -> list[str]:
    found = [key for key in sorted(keys) if key.startswith(prefix)]
    found = [key for key in found if (start is None or key >= start) and (end is None or key < end)]
    if reverse:
        return [key for key in reversed(found) if after is None or key < after]
    return [key for key in found if after is None or key > after]


def test_keys_are_in_the_order_of_their_code_points(db: Store) -> None:
    fill(db, KEYS)
    assert list(db.keys()) == ORDERED == sorted(KEYS)
    assert list(db.keys(reverse=True)) == ORDERED[::-1]
    assert list(db.scan()) == [(key, Document(KEYS.index(key), 1)) for key in ORDERED]


def test_every_bound_is_kept(db: Store) -> None:
    fill(db, KEYS)
    bounds = [None, "", "a", "a\0", "a\0a", "aaa", "b", "zzz", "\U00010000"]
    for prefix, start, end, reverse in product(
        ["", "a", "a\0", "b", "nothing", "x" * 1_023], bounds, bounds, [False, True]
    ):
        wanted = expected(KEYS, prefix, start, end, None, reverse)
        assert list(db.keys(prefix, start=start, end=end, reverse=reverse)) == wanted
    for after, reverse in product(bounds, [False, True]):
        wanted = expected(KEYS, "a", None, "b", after, reverse)
        assert [key for key, _ in db.scan("a", end="b", after=after, reverse=reverse)] == wanted


@pytest.mark.parametrize("limit", [0, 1, 3, 14, 15, 16])
def test_a_limit_is_kept(db: Store, limit: int) -> None:
    fill(db, KEYS)
    assert list(db.keys(limit=limit)) == ORDERED[:limit]
    assert [key for key, _ in db.scan(limit=limit, reverse=True)] == ORDERED[::-1][:limit]


def test_a_scan_goes_on_over_pages(place: Place) -> None:
    names = [f"user:{number:03}" for number in range(50)]
    with place.open(Limits(page_documents_max=7)) as db:
        fill(db, names)
        assert list(db.keys("user:")) == names
        assert [key for key, _ in db.scan("user:", reverse=True)] == names[::-1]
        assert list(db.keys(limit=20)) == names[:20]


def test_a_document_larger_than_a_page_travels_alone(place: Place) -> None:
    values = {"a": "x" * 10, "b": "y" * 5_000, "c": "z" * 100_000, "d": "", "e": "w" * 900}
    with place.open(Limits(page_bytes_max=1_024)) as db:
        for key, value in values.items():
            db.set(key, value)
        assert {key: document.value for key, document in db.scan()} == values
        assert [key for key, _ in db.scan(reverse=True)] == ["e", "d", "c", "b", "a"]


def test_what_is_deleted_is_in_no_range(db: Store) -> None:
    fill(db, KEYS)
    list(db.keys())  # from here on the order follows the writes
    for key in ("a\0", "ba", "\uffff"):
        db.delete(key)
    left = [key for key in ORDERED if key not in ("a\0", "ba", "\uffff")]
    assert list(db.keys()) == [key for key, _ in db.scan()] == left
    assert (db.count(), db.count("a"), db.count("ba")) == (len(left), 5, 0)
    db.set("ba", 1)
    db.delete("nobody")
    assert db.count("b") == 2


def test_a_scan_shows_the_newest_document(db: Store) -> None:
    db.set("k", {"a": 1})
    list(db.scan())
    db.patch("k", {"b": 2})
    db.set("new", 3)
    assert list(db.scan()) == [("k", Document({"a": 1, "b": 2}, 2)), ("new", Document(3, 1))]


def test_writes_while_a_scan_goes_on(place: Place) -> None:
    """Keys that exist throughout come exactly once, in order; keys that come or go meanwhile may come."""
    names = [f"{number:03}" for number in range(60)]
    with place.open(Limits(page_documents_max=5)) as db:
        fill(db, names)
        seen = []
        for number, (key, _) in enumerate(db.scan()):
            seen.append(key)
            db.set(f"{number:03}+", "new")
            if number == 20:
                db.delete("050")
        kept = [name for name in names if name != "050"]
        assert [key for key in seen if key in kept] == kept
        assert seen == sorted(set(seen)) and "050" not in seen


def test_the_order_is_there_again_after_reopening(place: Place) -> None:
    with place.open() as db:
        fill(db, KEYS)
        assert db.count("a") == 6
    with place.open() as db:
        assert list(db.keys()) == ORDERED


def test_counts(db: Store) -> None:
    assert (db.count(), db.count("a")) == (0, 0)
    fill(db, KEYS)
    assert [db.count(prefix) for prefix in ("", "a", "a\0", "x", "nothing")] == [15, 6, 2, 2, 0]


def test_contains(db: Store) -> None:
    db.set("k", None)
    assert db.contains("k") and not db.contains("nobody")
    db.delete("k")
    assert not db.contains("k")
    with pytest.raises(InvalidKeyError):
        db.contains("")


def test_of_an_empty_database(db: Store) -> None:
    assert list(db.scan()) == []
    assert list(db.keys(reverse=True)) == []


@pytest.mark.parametrize("bounds", [{"start": 5}, {"end": b"a"}, {"after": ["a"]}, {"start": "\ud800"}])
def test_a_bound_that_is_no_text_is_an_error(db: Store, bounds: dict[str, Any]) -> None:
    with pytest.raises(InvalidKeyError, match="a bound of a range"):
        list(db.keys(**bounds))


@pytest.mark.parametrize("prefix", [None, 5, "\ud800"])
def test_a_prefix_that_is_no_text_is_an_error(db: Store, prefix: Any) -> None:
    for call in (db.scan, db.keys):
        with pytest.raises(InvalidKeyError):
            list(call(prefix))
    with pytest.raises(InvalidKeyError):
        db.count(prefix)


@pytest.mark.parametrize("limit", [-1, 1.5, "3", True])
def test_a_limit_that_is_no_number_is_an_error(db: Store, limit: Any) -> None:
    with pytest.raises(InvalidValueError, match="limit must be a whole number"):
        list(db.scan(limit=limit))


def test_of_a_closed_database(place: Place) -> None:
    with place.open() as db:
        db.set("a", 1)
        db.set("b", 1)
        entries = db.keys()
        db.close()
        for call in (lambda: list(entries), lambda: list(db.scan()), db.count, lambda: db.contains("a")):
            with pytest.raises(ClosedError):
                call()
