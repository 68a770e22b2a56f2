"""update() and transaction(), on every engine: read, compute, write if nothing has changed; again on a conflict."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fluxdb import ClosedError, Document, LimitError, Limits
from tests.contract.engines import Place, Store


def test_update_stores_what_the_function_makes(db: Store) -> None:
    assert db.update("n", lambda n: n + 1, 0) == Document(1, 1)
    assert db.update("n", lambda n: n + 1) == Document(2, 2)
    assert db.update("list", lambda items: [*(items or []), "x"]) == Document(["x"], 1)
    assert db.get("n") == Document(2, 2)


def test_g3_concurrent_updates_lose_nothing(db: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: db.update("n", lambda n: (n or 0) + 1), range(40)))
    assert db.get("n") == Document(40, 40)


def test_update_is_called_again_if_the_key_was_written_meanwhile(db: Store) -> None:
    seen = []

    def double(value: int) -> int:
        seen.append(value)
        return value * 2

    with ThreadPoolExecutor(1) as pool:

        def meddling(value: int) -> int:
            if len(seen) < 2:
                pool.submit(db.set, "n", 10 + len(seen)).result()
            return double(value)

        db.set("n", 1)
        transacted = db.transaction(lambda tx: tx.set("n", meddling(tx.get("n").value)))
    assert transacted is None
    assert seen == [1, 10, 11]
    assert db.get("n") == Document(22, 4)


def move(amount: int) -> Any:
    def transfer(tx: Any) -> Any:
        source, target = tx.get("source").value, tx.get("target").value
        tx.set("source", source - amount)
        tx.patch("target", {"n": target["n"] + amount})
        tx.increment("moves")
        return source - amount

    return transfer


def test_a_transaction_moves_and_returns_what_its_function_returns(db: Store) -> None:
    db.set("source", 10)
    db.set("target", {"n": 0})
    assert db.transaction(move(3)) == 7
    assert db.get("source") == Document(7, 2)
    assert db.get("target") == Document({"n": 3}, 2)
    assert db.get("moves") == Document(1, 1)


def test_g3_concurrent_transactions_keep_the_sum(db: Store) -> None:
    db.set("source", 100)
    db.set("target", {"n": 0})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: db.transaction(move(i)), range(1, 11)))
    assert db.get("source") == Document(45, 11)
    assert db.get("target") == Document({"n": 55}, 11)
    assert db.get("moves") == Document(10, 10)


def test_what_a_transaction_read_must_still_hold_even_if_it_writes_nothing(db: Store) -> None:
    db.set("a", 1)
    runs: list[Any] = []
    with ThreadPoolExecutor(1) as pool:

        def look(tx: Any) -> tuple[Any, Any]:
            seen = tx.get("a").value
            if not runs:
                pool.submit(db.set, "a", 2).result()
            runs.append(seen)
            return seen, tx.get("b")

        assert db.transaction(look) == (2, None)
    assert runs == [1, 2]


def test_a_read_is_repeatable_and_comes_before_the_write_of_its_key(db: Store) -> None:
    db.set("a", 1)
    with ThreadPoolExecutor(1) as pool:
        tries = []

        def read_twice(tx: Any) -> None:
            tries.append(tx.get("a").value)
            if len(tries) == 1:
                pool.submit(db.set, "a", 2).result()
            assert tx.get("a").value == tries[-1]
            tx.delete("a")
            with pytest.raises(ValueError, match="read it before"):
                tx.get("a")

        db.transaction(read_twice)
    assert tries == [1, 2]
    assert db.get("a") is None


def test_a_function_that_raises_writes_nothing(db: Store) -> None:
    kept = []

    def fail(tx: Any) -> None:
        kept.append(tx)
        tx.set("a", 1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.transaction(fail)
    assert db.get("a") is None
    db.transaction(kept.append)
    with pytest.raises(ClosedError):
        kept[1].set("a", 1)


def test_g11_the_tries_of_a_transaction_are_bounded(place: Place) -> None:
    with place.open(Limits(transaction_tries_max=3)) as db, ThreadPoolExecutor(1) as pool:
        runs = []

        def always_late(tx: Any) -> None:
            runs.append(tx.get("a"))
            pool.submit(db.set, "a", 1).result()
            tx.set("a", 2)

        with pytest.raises(LimitError, match="transaction_tries_max"):
            db.transaction(always_late)
        assert len(runs) == 3
        assert db.get("a") == Document(1, 3)
