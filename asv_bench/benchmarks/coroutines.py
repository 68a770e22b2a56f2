"""100 coroutines of one event loop, ten calls each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.common import COROUTINES, KEYS, AsyncDatabase, key, value

EACH = 10


class Coroutines(AsyncDatabase):
    def time_set(self) -> None:
        self.run(self._all(self._set))

    def time_get(self) -> None:
        self.run(self._all(self._get))

    def time_mixed(self) -> None:
        self.run(self._all(self._mixed))

    async def _all(self, work: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        await asyncio.gather(*(work(number) for number in range(COROUTINES)))

    async def _set(self, number: int) -> None:
        for round_ in range(EACH):
            await self.db.set(key(number % KEYS), value(round_))

    async def _get(self, number: int) -> None:
        for _ in range(EACH):
            await self.db.get(key(number % KEYS))

    async def _mixed(self, number: int) -> None:
        name = key(number % KEYS)
        for round_ in range(EACH):
            await self.db.set(name, value(round_))
            await self.db.get(name)
            await self.db.patch(name, {"id": round_})
            await self.db.delete(name)
