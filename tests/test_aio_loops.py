"""Several event loops that take turns in one thread, as a test suite's session and its functions do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop

import fluxdb
from fluxdb import Document

NEW_LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@pytest.fixture(params=list(NEW_LOOPS.values()), ids=list(NEW_LOOPS))
def loops(request: pytest.FixtureRequest) -> Iterator[list[asyncio.AbstractEventLoop]]:
    made = [request.param() for _ in range(2)]
    yield made
    for loop in made:
        loop.close()


def test_loops_that_take_turns_each_get_their_own_replies(
    tmp_path: Path, loops: list[asyncio.AbstractEventLoop]
) -> None:
    async def opened() -> fluxdb.aio.FluxDB:
        return await fluxdb.aio.open(tmp_path)

    async def used(turn: int) -> None:
        assert await db.set("k", turn) == 3 * turn + 1
        assert await db.patch("k", {}) == 3 * turn + 2
        version, nothing = await asyncio.gather(db.set("k", turn), db.get("l"))
        assert (version, nothing) == (3 * turn + 3, None)

    session, function = loops
    db = session.run_until_complete(opened())
    for turn in range(4):
        (session if turn % 2 else function).run_until_complete(used(turn))
    session.run_until_complete(db.close())


def test_a_write_that_waits_in_a_loop_that_has_no_turn_is_told_when_it_has_one(
    tmp_path: Path, loops: list[asyncio.AbstractEventLoop]
) -> None:
    session, function = loops

    async def begun() -> asyncio.Future[int]:
        return asyncio.ensure_future(twin.set("k", 1))

    async def awaited(write: asyncio.Future[int]) -> int:
        return await write

    with fluxdb.open(tmp_path) as db:
        twin = fluxdb.aio.wrap(db)
        write = session.run_until_complete(begun())
        assert function.run_until_complete(twin.set("l", 1)) == 1
        assert session.run_until_complete(awaited(write)) == 1
        assert db.get("k") == Document(1, 1)


def test_a_loop_for_each_function_uses_a_database_of_the_session(tmp_path: Path) -> None:
    async def stored(key: str) -> None:
        assert await twin.set(key, 1) > 0

    with fluxdb.open(tmp_path) as db:
        twin = fluxdb.aio.wrap(db)
        for turn in range(3):
            for _ in range(2):
                asyncio.run(stored(str(turn)))
        assert db.info()["keys"] == 3
