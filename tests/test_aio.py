"""The asyncio API: many tasks, cancellation, backpressure, subscriptions, the end."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import fluxdb
from fluxdb import ClosedError, Document, Limits, LockedError, VersionConflictError
from fluxdb.aio import FluxDB
from tests.support.loops import anext_of, run


def test_g3_no_patch_of_many_tasks_is_lost(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        versions = await asyncio.gather(*[db.patch("k", {str(number): True}) for number in range(500)])
        assert versions == list(range(1, 501))
        found = await db.get("k")
        assert found is not None
        assert len(found.value) == 500
        assert (await db.info())["commits"]["groups"] < 100

    run(tmp_path, test)


def test_g3_two_writes_of_one_group_see_each_other(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        first, refused, *others = await asyncio.gather(
            db.set("k", {"a": 1}, if_version=0),
            db.set("k", {"lost": 1}, if_version=0),
            db.patch("k", {"b": 2}, if_version=1),
            db.delete("k", if_version=2),
            db.delete("k"),
            db.patch("k", {"c": 3}, if_version=0),
            return_exceptions=True,
        )
        assert isinstance(refused, VersionConflictError)
        assert (refused.expected, refused.actual) == (0, 1)
        assert [first, *others] == [1, 2, 3, None, 4]
        assert await db.get("k") == Document({"c": 3}, 4)

    run(tmp_path, test)


def test_g1_what_was_awaited_is_read(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        async def work(number: int) -> None:
            for round_number in range(20):
                version = await db.set(str(number), round_number)
                assert await db.get(str(number)) == Document(round_number, version)

        await asyncio.gather(*[work(number) for number in range(50)])

    run(tmp_path, test)


def test_g1_an_unfinished_write_is_not_read(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        writing = asyncio.ensure_future(db.set("k", 1))
        await asyncio.sleep(0)  # staged now; the loop has had no turn to hear of its end
        found = await db.get("k")
        assert found in (None, Document(1, 1))
        await writing

    run(tmp_path, test)


def test_cancellation_never_shifts_replies(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        rng = random.Random(7)
        expected: dict[str, int] = {}

        async def work(number: int) -> None:
            key = f"k{number}"
            for _ in range(30):
                version = await db.patch(key, {"n": number})
                assert version > expected.get(key, 0)
                found = await db.get(key)
                assert found is not None
                assert found.value["n"] == number
                assert found.version >= version
                expected[key] = version

        async def disturb(number: int) -> None:
            for _ in range(100):
                task = asyncio.ensure_future(db.patch(f"disturbed{number}", {"d": number}))
                await asyncio.sleep(rng.random() * 0.002)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        await asyncio.gather(*map(work, range(20)), *map(disturb, range(20)))

    run(tmp_path, test)


def test_backpressure_holds_writers_back_and_loses_none(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        versions = await asyncio.gather(*[db.set(f"k{number % 7}", "x" * 3000) for number in range(300)])
        assert sorted(versions) == sorted(1 + number // 7 for number in range(300))

    run(tmp_path, test, Limits(group_bytes_max=8192))


def test_a_write_larger_than_a_group_is_taken(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        values = ["x" * 50_000, "y", "z" * 50_000]
        await asyncio.gather(*[db.set(str(number), value) for number, value in enumerate(values)])
        for number, value in enumerate(values):
            assert await db.get(str(number)) == Document(value, 1)

    run(tmp_path, test, Limits(group_bytes_max=4096))


def test_a_cancelled_wait_for_room_writes_nothing(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        tasks = [asyncio.ensure_future(db.set(f"k{number}", "x" * 4000)) for number in range(100)]
        await asyncio.sleep(0)
        tasks[99].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await db.get("k98") is not None
        assert await db.get("k99") is None

    run(tmp_path, test, Limits(group_bytes_max=4096))


def test_two_loops_and_a_thread_write_at_once(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db:

        async def work(name: str) -> None:
            twin = fluxdb.aio.wrap(db)
            await asyncio.gather(*[twin.patch("k", {f"{name}{number}": True}) for number in range(100)])

        threads = [threading.Thread(target=lambda name=name: asyncio.run(work(name))) for name in "ab"]
        for thread in threads:
            thread.start()
        for number in range(100):
            db.patch("k", {f"c{number}": True})
        for thread in threads:
            thread.join(60)
        found = db.get("k")
        assert found is not None
        assert (len(found.value), found.version) == (300, 300)


def test_one_twin_serves_one_loop_after_another_and_two_at_once(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db:
        twin = fluxdb.aio.wrap(db)

        async def work() -> None:
            async with twin.subscribe("k") as events:
                for _ in range(20):
                    await asyncio.gather(*[twin.patch("k", {}) for _ in range(10)])
                    assert await events.get(timeout=30) is not None

        for _ in range(2):
            asyncio.run(work())
        threads = [threading.Thread(target=lambda: asyncio.run(work())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert db.set("k", 1) == 801
        with pytest.raises(RuntimeError, match="event loop of asyncio"):
            twin.handle.set("k", b"1")


# Opening and closing


def test_opening_does_not_block_the_loop(tmp_path: Path) -> None:
    async def within() -> None:
        opening = asyncio.ensure_future(opened())
        turns = 0
        while not opening.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 1
        await (await opening).close()

    async def opened() -> FluxDB:
        return await fluxdb.aio.open(tmp_path)

    asyncio.run(within())


def test_g10_an_open_folder_is_refused(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        with pytest.raises(LockedError):
            await fluxdb.aio.open(tmp_path)

    run(tmp_path, test)


def test_a_cancelled_opening_leaves_nothing_open(tmp_path: Path) -> None:
    async def within() -> None:
        async def opened() -> FluxDB:
            return await fluxdb.aio.open(tmp_path)

        for _ in range(5):
            opening = asyncio.ensure_future(opened())
            await asyncio.sleep(0)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            deadline = time.monotonic() + 30
            while True:
                try:
                    async with fluxdb.aio.open(tmp_path):
                        break
                except LockedError:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.01)

    asyncio.run(within())


def test_closing_waits_for_writes_on_their_way(tmp_path: Path) -> None:
    async def within() -> None:
        db = await fluxdb.aio.open(tmp_path)
        writing = [asyncio.ensure_future(db.set(f"k{number}", number)) for number in range(200)]
        await asyncio.sleep(0)
        await db.close()
        assert await asyncio.gather(*writing) == [1] * 200
        await db.close()
        with pytest.raises(ClosedError):
            await db.set("k", 1)

    asyncio.run(within())
    with fluxdb.open(tmp_path) as db:
        assert db.info()["keys"] == 200


def test_closing_refuses_writes_that_wait_for_room_or_takes_them(tmp_path: Path) -> None:
    async def within() -> None:
        db = await fluxdb.aio.open(tmp_path, limits=Limits(group_bytes_max=4096))
        writing = [asyncio.ensure_future(db.set(f"k{number}", "x" * 3000)) for number in range(50)]
        await asyncio.sleep(0)
        await db.close()
        for number, answer in enumerate(await asyncio.gather(*writing, return_exceptions=True)):
            if isinstance(answer, BaseException):
                assert isinstance(answer, ClosedError)
            else:
                kept.append(number)

    kept: list[int] = []
    asyncio.run(within())
    with fluxdb.open(tmp_path) as db:
        assert [number for number in range(50) if db.get(f"k{number}")] == kept


def test_a_database_outlives_the_loop_of_its_twin(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db:

        async def work() -> None:
            twin = fluxdb.aio.wrap(db)
            events = await twin.subscribe("k")
            await twin.set("k", 1)
            assert (await anext_of(events)).version >= 1

        for _ in range(3):
            asyncio.run(work())
        gc.collect()
        assert db.set("k", 2) == 4
        assert db.info()["subscribers"] == 0


def test_a_forgotten_database_is_closed_with_a_warning(tmp_path: Path) -> None:
    async def within() -> None:
        db = await fluxdb.aio.open(tmp_path)
        await db.set("k", 1)
        with pytest.warns(ResourceWarning, match="unclosed database"):
            del db
            gc.collect()

    asyncio.run(within())
    with fluxdb.open(tmp_path) as again:
        assert again.get("k") == Document(1, 1)


def test_a_twin_says_that_it_needs_a_loop_of_asyncio(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db:
        twin = fluxdb.aio.wrap(db)
        calls: list[Callable[[], Coroutine[Any, Any, object]]] = [
            lambda: twin.set("k", 1),
            lambda: twin.patch("k", {}),
            lambda: twin.delete("k"),
            twin.checkpoint,
            lambda: twin.subscribe("k").__aenter__(),
        ]
        for call in calls:
            with pytest.raises(RuntimeError, match=r"event loop of asyncio.*under trio"):
                call().send(None)
        assert db.get("k") is None


def test_only_a_database_in_this_process_has_a_twin() -> None:
    class Other:
        handle = None

    with pytest.raises(TypeError):
        fluxdb.aio.wrap(Other())  # type: ignore[arg-type]
