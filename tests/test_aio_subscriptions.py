"""Subscriptions that are taken by tasks."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
from pathlib import Path
from typing import Any

import pytest

import fluxdb
from fluxdb import ClosedError, Limits, SubscriberEvictedError
from fluxdb.aio import FluxDB
from fluxdb.limits import MIB
from tests.support.loops import anext_of, run


def test_a_subscription_is_awaited_entered_or_iterated(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        awaited = await db.subscribe("k")
        async with db.subscribe("k") as entered:
            assert (await db.info())["subscribers"] == 2
            await db.set("k", 1)
            async for event in awaited:
                assert event.new == 1
                break
            assert await entered.get() == event
        awaited.close()
        assert (await db.info())["subscribers"] == 0

        iterated = db.subscribe("k")
        asyncio.get_running_loop().call_later(0.05, lambda: tasks.append(asyncio.ensure_future(db.set("k", 2))))
        async for event in iterated:
            assert event.new == 2
            break
        iterated.close()
        await tasks[0]

    tasks: list[asyncio.Future[int]] = []
    run(tmp_path, test)


def test_cancelling_a_wait_loses_no_event(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        async with db.subscribe("k") as events:
            taken: list[int] = []

            async def take() -> None:
                taken.append((await anext_of(events)).new)

            async def write() -> None:
                for number in range(200):
                    await db.set("k", number)

            writing = asyncio.ensure_future(write())
            while len(taken) < 200:
                task = asyncio.ensure_future(take())
                await asyncio.sleep(random.random() * 0.0005)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                if writing.done() and len(taken) < 200:
                    await asyncio.sleep(0)
            assert taken == list(range(200))
            await writing

    run(tmp_path, test)


def test_closing_wakes_who_waits(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        async with db.subscribe("k") as events:
            waiting = [asyncio.ensure_future(events.get()) for _ in range(3)]
            await asyncio.sleep(0)
            events.close()
            for task in waiting:
                with pytest.raises(ClosedError):
                    await task

    run(tmp_path, test)


def test_closing_the_database_ends_iteration(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        async def watch() -> list[Any]:
            return [event.new async for event in events]

        events = await db.subscribe("k")
        watching = asyncio.ensure_future(watch())
        for number in range(10):
            await db.set("k", number)
        await db.close()
        assert await watching == list(range(10))

    run(tmp_path, test)


def test_writes_of_a_thread_reach_a_watching_task(tmp_path: Path) -> None:
    with fluxdb.open(tmp_path) as db:

        async def watch() -> None:
            async with fluxdb.aio.wrap(db).subscribe("k") as events:
                thread = threading.Thread(target=lambda: [db.set("k", number) for number in range(50)])
                thread.start()
                assert [(await anext_of(events)).new for _ in range(50)] == list(range(50))
                thread.join()

        asyncio.run(asyncio.wait_for(watch(), 60))


def test_g8_a_slow_task_is_evicted_and_the_others_see_all(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        slow = await db.subscribe("k")
        async with db.subscribe("k") as fast:
            for number in range(11):
                await db.set("k", number)
                assert (await anext_of(fast)).new == number
        with pytest.raises(SubscriberEvictedError):
            await slow.get()
        assert (await db.info())["subscriber_evictions"] == 1

    run(tmp_path, test, Limits(subscriber_events_max=10))


async def take(events: fluxdb.aio.Subscription, count: int) -> list[Any]:
    return [(await anext_of(events)).new for _ in range(count)]


def test_g8_a_commit_group_larger_than_the_bound_evicts_nobody_who_keeps_up(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        count = 5000  # the loop stages them in one turn: so a dispatch, or two, bring them all
        keeps, sleeps = await db.subscribe("k"), await db.subscribe("k")
        for _ in range(4):
            taking = asyncio.ensure_future(take(keeps, count))
            writes = [db.handle.set("k", b"%d" % number) for number in range(count)]
            await asyncio.gather(*(asyncio.ensure_future(write) for write in writes))
            assert await taking == list(range(count))
        with pytest.raises(SubscriberEvictedError):
            await sleeps.get()
        assert (await db.info())["subscribers"] == 1

    run(tmp_path, test)


def test_g8_large_groups_of_many_keys_are_bounded_together(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        subscriptions = [await db.subscribe(f"k{number}") for number in range(10)]
        for number in range(10):
            texts = (b'"' + b"x" * 90 + b'"' for _ in range(500))
            await asyncio.gather(*(asyncio.ensure_future(db.handle.set(f"k{number}", text)) for text in texts))
        info = await db.info()
        assert 0 < info["queued_event_bytes"] <= MIB  # a burst is about 280 KB
        assert 0 < info["subscriber_evictions"] < 10
        for events in subscriptions:
            events.close()
        assert (await db.info())["queued_event_bytes"] == 0

    run(tmp_path, test, Limits(subscriber_events_max=10, queued_event_bytes_max=MIB))


def test_what_one_does_to_an_event_is_not_seen_by_another(tmp_path: Path) -> None:
    value = {"a": {"b": [1, [2], {"c": 3}]}, "d": "e", "f": [[]], "g": 1.5, "h": None}

    async def test(db: FluxDB) -> None:
        subscriptions = [await db.subscribe("k") for _ in range(5)]
        await db.set("k", value)
        await db.set("k", [value, 1])
        for events in subscriptions:
            first, second = await anext_of(events), await anext_of(events)
            assert (first.old, first.new, second.old, second.new) == (None, value, value, [value, 1])
            first.new["a"]["b"][2]["c"] = second.old["a"]["b"][1] = second.new[0]["f"] = "spoilt"
            first.new["f"][0].append("spoilt")
            second.new.append("spoilt")

    run(tmp_path, test)


def test_the_next_event_can_be_awaited_by_any_means(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        async with db.subscribe("k") as events:
            task = asyncio.create_task(events.__anext__())
            await asyncio.sleep(0)
            await db.set("k", 1)
            assert (await task).new == 1
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(events.__anext__(), 0.01)
            waiting = [asyncio.ensure_future(events.__anext__()) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[1].cancel()
            await asyncio.gather(db.set("k", 2), db.set("k", 3))
            assert [(await waiting[0]).new, (await waiting[2]).new] == [2, 3]
            late = asyncio.ensure_future(events.__anext__())
            await asyncio.sleep(0)
            events.close()
            with pytest.raises(StopAsyncIteration):
                await events.__anext__()
            outcomes: list[object] = list(await asyncio.gather(late, return_exceptions=True))
            assert isinstance(outcomes[0], RuntimeError | StopAsyncIteration)

    run(tmp_path, test)


def test_g8_ten_thousand_waiting_tasks_are_told(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        subscribers = [await db.subscribe("k") for _ in range(10_000)]
        waiting = [asyncio.ensure_future(events.get()) for events in subscribers]
        await asyncio.sleep(0)
        await db.set("k", 1)
        told = await asyncio.gather(*waiting)
        assert {event.new for event in told if event is not None} == {1}
        assert len(told) == 10_000
        for events in subscribers:
            events.close()
        assert (await db.info())["subscribers"] == 0

    run(tmp_path, test)


def test_a_dropped_subscription_is_removed(tmp_path: Path) -> None:
    async def test(db: FluxDB) -> None:
        events: fluxdb.aio.Subscription | None = await db.subscribe("k")
        assert (await db.info())["subscribers"] == 1
        del events
        gc.collect()
        assert (await db.info())["subscribers"] == 0

    run(tmp_path, test)
