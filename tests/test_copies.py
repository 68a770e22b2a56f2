"""Open objects can't be copied or pickled, and say what to do instead."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import fluxdb
from fluxdb import Document
from tests.support.small_server import small_server

WAYS: dict[str, Callable[[object], object]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "in a list": lambda value: copy.deepcopy([value]),
    **{f"pickle-{number}": lambda value, number=number: pickle.dumps(value, number) for number in range(6)},  # type: ignore[misc]
}
DATABASE = "database can't be copied or pickled: .* open it there"
SUBSCRIPTION = "subscription can't be copied or pickled: subscribe again"


@pytest.fixture(params=["folder", "server"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    if request.param == "folder":
        yield tmp_path / "db"
        return
    with small_server(tmp_path / "db") as server:
        yield server.url


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_database_and_its_subscriptions_are_no_values(target: Path | str, way: Callable[[object], object]) -> None:
    with fluxdb.open(target) as db, db.subscribe("k") as events:
        for value, words in ((db, DATABASE), (db.handle, DATABASE), (events, SUBSCRIPTION)):
            with pytest.raises(TypeError, match=words):
                way(value)
        db.set("k", 1)
        assert db.get("k") == Document(1, 1), "the original is as it was"


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_those_of_tasks_are_no_values(target: Path | str, way: Callable[[object], object]) -> None:
    async def used() -> None:
        opening = fluxdb.aio.open(target)
        async with opening as db, db.subscribe("k") as events:
            for value, words in (
                (opening, DATABASE),
                (db, DATABASE),
                (db.handle, DATABASE),
                (events, SUBSCRIPTION),
                (db.subscribe("l"), SUBSCRIPTION),
            ):
                with pytest.raises(TypeError, match=words):
                    way(value)
            await db.set("k", 1)
            assert await db.get("k") == Document(1, 1)

    asyncio.run(used())


def test_a_worker_process_that_is_handed_a_database_says_so(tmp_path: Path) -> None:
    with (
        fluxdb.open(tmp_path) as db,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as workers,
        pytest.raises(TypeError, match=DATABASE),
    ):
        workers.submit(len, db).result(60)
