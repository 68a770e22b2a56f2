"""One write told to many: from SET until the last subscriber has it."""

from __future__ import annotations

import asyncio

from benchmarks.common import AsyncDatabase

WRITES = 20


class FanOut(AsyncDatabase):
    params = (1, 100, 10_000)
    param_names = ("subscribers",)

    def setup(self, subscribers: int) -> None:
        super().setup()
        self.missing = 0
        self.told = asyncio.Event()
        self.run(self._subscribe(subscribers))

    def teardown(self, subscribers: int) -> None:
        self.run(self._unsubscribe())
        super().teardown()

    def time_set_until_all_are_told(self, subscribers: int) -> None:
        self.run(self._write(subscribers))

    async def _write(self, subscribers: int) -> None:
        for number in range(WRITES):
            self.missing = subscribers
            self.told.clear()
            await self.db.set("watched", number)
            await self.told.wait()

    async def _subscribe(self, count: int) -> None:
        ready = asyncio.Semaphore(0)
        self.tasks = [asyncio.create_task(self._follow(ready)) for _ in range(count)]
        for _ in range(count):
            await ready.acquire()

    async def _unsubscribe(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _follow(self, ready: asyncio.Semaphore) -> None:
        async with self.db.subscribe("watched") as events:
            ready.release()
            async for _ in events:
                self.missing -= 1
                if self.missing == 0:
                    self.told.set()
