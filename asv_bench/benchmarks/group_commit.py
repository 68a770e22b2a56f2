"""One commit by the number of records in it: what is paid once a group, and what once a record."""

from __future__ import annotations

import asyncio

from benchmarks.common import KEYS, AsyncDatabase, key, value


class GroupSize(AsyncDatabase):
    params = (1, 10, 100, 1_000, 10_000)
    param_names = ("records",)

    def time_group(self, records: int) -> None:
        """All are submitted before the loop turns, so that few groups take them."""
        self.run(self._write(records))

    async def _write(self, records: int) -> None:
        await asyncio.gather(*(self.db.set(key(number % KEYS), value(number)) for number in range(records)))
