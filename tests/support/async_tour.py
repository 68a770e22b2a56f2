"""A program that goes through all of the awaited API, in process and over a network: async_tour.py LOOP FOLDER.

To be run by interpreters of other kinds (without assertions, in development mode), so it asserts nothing by ``assert``.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import fluxdb
from fluxdb import ClosedError, ConnectionLostError, Document, InvalidValueError, RequestTimeoutError
from fluxdb.aio import FluxDB
from tests.support.loops import LOOPS, run_on
from tests.support.real_server import real_server
from tests.support.small_server import SmallServer, small_server

TOUR_SECONDS_MAX = 100
PATIENCE_SECONDS = 3.0  # of a client that has no reply


def check(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{found!r}, not {expected!r}")


async def raises(kind: type[BaseException], awaited: Awaitable[Any]) -> Any:
    try:
        found = await awaited
    except kind as error:
        return error
    raise AssertionError(f"{found!r}, not {kind.__name__}")


async def every_operation(db: FluxDB) -> None:
    check(await db.set("k", {"a": 1}), 1)
    check(await db.patch("k", {"b": [None]}, if_version=1), 2)
    check((await raises(fluxdb.VersionConflictError, db.set("k", 0, if_version=1))).actual, 2)
    check(await db.get("k"), Document({"a": 1, "b": [None]}, 2))
    check(await db.get("none"), None)
    check(await db.delete("none"), None)
    await raises(InvalidValueError, db.set("k", float("nan")))
    large = "x" * 3_000_000
    await db.set("large", large)
    found = await db.get("large")
    check(found is not None and found.value == large, True)
    check(await db.delete("k"), 3)
    await db.ping()
    check((await db.info())["revision"] > 0, True)
    check(await db.checkpoint() > 0, True)


async def every_way_to_watch(db: FluxDB) -> None:
    async with db.subscribe("a", "b") as events:
        writes = [db.set("a", number) for number in range(100)]
        await asyncio.gather(*writes, db.set("b", None))
        told = [await anext(events) for _ in range(101)]
        check(sorted(event.version for event in told if event.key == "a"), list(range(1, 101)))
        check(await events.get(timeout=0.01), None)
        waiting = asyncio.ensure_future(events.get())
        await asyncio.sleep(0)
        waiting.cancel()
        await raises(asyncio.CancelledError, waiting)
        await db.delete("a")
        async for event in events:
            check((event.op, event.old, event.new), ("delete", 99, None))
            break
        waiting = asyncio.ensure_future(events.get())
        await asyncio.sleep(0)
        events.close()
        await raises(ClosedError, waiting)


async def cancelled_calls(db: FluxDB) -> None:
    tasks = [asyncio.ensure_future(db.set(f"c{number}", number)) for number in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    check(outcomes[1::2], [1] * 25)
    check([(await db.get(f"c{number}")) is not None for number in range(1, 50, 2)], [True] * 25)


async def tour(target: Path | str) -> None:
    async with fluxdb.aio.open(target) as db:
        await every_operation(db)
        await every_way_to_watch(db)
        await cancelled_calls(db)
    await raises(ClosedError, db.get("k"))


async def losing(server: SmallServer) -> None:
    async with fluxdb.aio.open(server.url, timeout=None) as db, db.subscribe("k") as events:
        server.silent = True
        writing = asyncio.ensure_future(db.set("a", 1))
        while b'"set"' not in server.lines_seen:
            await asyncio.sleep(0.001)
        await asyncio.to_thread(server.cut)
        check((await raises(ConnectionLostError, writing)).maybe_applied, True)
        server.silent = False
        await raises(ConnectionLostError, events.get())
        await db.set("k", "after")
        told = await events.get()
        check(told is not None and told.new, "after")
        await asyncio.to_thread(server.stop)
        await raises(ConnectionLostError, db.set("k", 1))
        await asyncio.to_thread(server.start)
        check(await db.get("k"), Document("after", 1))
    async with fluxdb.aio.open(server.url, timeout=PATIENCE_SECONDS) as db:
        server.silent = True
        await raises(RequestTimeoutError, db.get("k"))
        server.silent = False


async def all_of_it(kind: str, folder: Path) -> None:
    await tour(folder / "embedded")
    with real_server(folder / "served", fluxdb.DEFAULT_LIMITS, LOOPS[kind]) as url:
        await tour(url)
    with small_server(folder / "small") as server:
        await losing(server)


if __name__ == "__main__":
    loop_kind, path = sys.argv[1:]
    # Development mode names callbacks that took long, as they do on a busy machine.
    logging.getLogger("asyncio").addFilter(lambda record: not str(record.msg).startswith("Executing"))
    run_on(loop_kind, asyncio.wait_for(all_of_it(loop_kind, Path(path)), TOUR_SECONDS_MAX))
    print("all of it")
