"""Tasks that walk a feed."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from fluxdb._core.events.promise import Promise
from fluxdb._core.events.stream import EventStream
from fluxdb.engine.events import PARSER
from fluxdb.engine.feed import Feed
from fluxdb.engine.local.task_subscriber import LoopBell, TaskSubscriber


def test_tasks_that_share_a_subscription_leave_nothing_behind_however_often_they_wait() -> None:
    rung: list[int] = []

    class Bell(LoopBell):
        def ring(self, waiting: list[Promise[None]]) -> None:
            rung.append(len(waiting))
            super().ring(waiting)

    async def test() -> None:
        feed = Feed(100, 10_000)
        subscriber = TaskSubscriber(feed, ("k",), lambda _: None, Bell(asyncio.get_running_loop()))
        events = EventStream()
        events._feed_from(subscriber, PARSER)
        taken: list[int] = []

        async def take() -> None:
            with suppress(StopAsyncIteration):
                while True:
                    taken.append((await events.__anext__()).revision)

        tasks = [asyncio.ensure_future(take()) for _ in range(3)]
        for revision in range(1, 101):
            await asyncio.sleep(0)
            feed.append((1, "k", None, b"1", revision, revision, revision), 10)
        while len(taken) < 100:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        subscriber.close()
        await asyncio.gather(*tasks)
        assert taken == list(range(1, 101))
        assert max(rung) <= len(tasks)

    asyncio.run(asyncio.wait_for(test(), 60))


def test_g8_a_task_that_was_cancelled_waits_no_more() -> None:
    async def test() -> None:
        feed = Feed(10, 10_000)
        bell = LoopBell(asyncio.get_running_loop())
        cancelled, waits = (TaskSubscriber(feed, ("k",), lambda _: None, bell) for _ in range(2))
        feed.subscribers |= {cancelled, waits}
        cancelled.wait().cancel()
        waits.wait()
        for revision in range(1, 12):
            feed.append((1, "k", None, b"1", revision, revision, revision), 10)
        assert feed.sweep() == [cancelled]

    asyncio.run(asyncio.wait_for(test(), 60))
