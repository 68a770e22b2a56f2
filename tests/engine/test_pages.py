"""G13: a page and a get_many show the documents at exactly one revision, whatever is written meanwhile."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import fluxdb
from fluxdb.engine.ranges import ScanRange

KEYS = 40
NAMES = [f"k{number:02}" for number in range(KEYS)]


@contextmanager
def writing(db: fluxdb.FluxDB) -> Iterator[None]:
    """Others write on: round by round one document more, so that no two revisions have the same documents."""
    done = threading.Event()
    counter = iter(range(10**9))
    lock = threading.Lock()

    def write() -> None:
        while not done.is_set():
            with lock:  # the order of the numbers is that of the commits
                number = next(counter)
                db.set(NAMES[number % KEYS], number)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def at_revision(revision: int) -> list[int | None]:
    """The documents that the writers have made of NAMES then: revision 1 is the number 0."""
    last = revision - 1
    numbers = [last - (last - place) % KEYS for place in range(KEYS)]
    return [number if number >= 0 else None for number in numbers]


def test_g13_a_page_is_at_one_revision(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path / "db") as db, writing(db):
        revisions: set[int] = set()
        while len(revisions) < 100:
            page = db.handle.scan(ScanRange())
            found = {key: document.value for key, document in page.entries}
            assert [found.get(name) for name in NAMES] == at_revision(page.revision)
            revisions.add(page.revision)


def test_g13_a_get_many_is_at_one_revision(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path / "db") as db, writing(db):
        revisions: set[int] = set()
        while len(revisions) < 100:
            many = db.handle.get_many(NAMES)
            assert [document and document.value for document in many.documents] == at_revision(many.revision)
            revisions.add(many.revision)


def test_g13_a_count_is_at_one_revision(tmp_path: Path) -> None:
    """The n-th write makes the n-th document."""
    with fluxdb.open(tmp_path / "db") as db:
        done = threading.Event()

        def write() -> None:
            number = 0
            while not done.is_set():
                db.set(f"n{number}", 0)
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            revisions: set[int] = set()
            while len(revisions) < 100:
                counted = db.handle.count("n")
                assert counted.count == counted.revision
                revisions.add(counted.revision)
        finally:
            done.set()
            writer.join()


def test_g13_a_scan_shows_every_key_that_existed_throughout_exactly_once(tmp_path: Path) -> None:
    rng = random.Random(5)
    kept = sorted(f"{rng.random()}" for _ in range(300))
    done = threading.Event()

    def churn() -> None:
        own = random.Random(6)
        while not done.is_set():
            key = f"{own.random()}+"
            db.set(key, 0)
            if own.random() < 0.8:
                db.delete(key)

    with fluxdb.open(tmp_path / "db", limits=fluxdb.Limits(page_documents_max=11)) as db:
        for key in kept:
            db.set(key, 1)
        writer = threading.Thread(target=churn)
        writer.start()
        try:
            for reverse in [False, True] * 10:
                seen = [key for key, _ in db.scan(reverse=reverse)]
                assert [key for key in seen if not key.endswith("+")] == (kept[::-1] if reverse else kept)
                assert seen == sorted(set(seen), reverse=reverse)
        finally:
            done.set()
            writer.join()


def test_the_order_is_built_while_others_write(tmp_path: Path) -> None:
    """Keys come and go while the index is built; in the end it has those that are there, and no others."""
    with fluxdb.open(tmp_path / "db") as db:
        for number in range(2_000):
            db.set(f"k{number:04}", 0)
        stop = threading.Event()
        written = [0, 0]

        def churn(place: int) -> None:
            rng = random.Random(place)
            while not stop.is_set() or written[place] < 200:
                key = f"k{rng.randrange(4_000):04}"
                db.delete(key) if rng.random() < 0.5 else db.set(key, 1)
                written[place] += 1

        threads = [threading.Thread(target=churn, args=(place,)) for place in (0, 1)]
        for thread in threads:
            thread.start()
        assert not db.handle.reads.has_index  # type: ignore[attr-defined]
        list(db.keys(limit=1))
        assert db.handle.reads.has_index  # type: ignore[attr-defined]
        stop.set()
        for thread in threads:
            thread.join()
        there = [f"k{number:04}" for number in range(4_000) if f"k{number:04}" in db]
        assert list(db.keys()) == there
        assert db.count("k") == len(there) == len(db)


def test_several_threads_that_scan_first_build_one_index(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path / "db") as db:
        for number in range(500):
            db.set(f"k{number:03}", 0)
        counts: list[int] = []
        threads = [threading.Thread(target=lambda: counts.append(len(list(db.keys())))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts == [500] * 6


def test_count_of_all_needs_no_index(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path / "db") as db:
        db.set("a", 1)
        assert (db.count(), len(db), bool(db)) == (1, 1, True)
        assert not db.handle.reads.has_index  # type: ignore[attr-defined]
        db.delete("a")
        assert len(db) == 0 and db


@pytest.mark.parametrize("read", ["scan", "keys"])
def test_a_read_only_database_has_an_order_too(tmp_path: Path, read: str) -> None:
    with fluxdb.open(tmp_path / "db") as db:
        for key in ("b", "a", "c"):
            db.set(key, 1)
    with fluxdb.open(tmp_path / "db", read_only=True) as db:
        assert len(list(getattr(db, read)())) == 3
        assert db.count("a") == 1 and "a" in db and db.get_many(["a"])[0] is not None
