"""Many threads on one database: their writes share commit groups."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait

from benchmarks.common import KEYS, SyncDatabase, key, value

EACH = 20


class Threads(SyncDatabase):
    """So many calls of each thread, all threads at once; MIXED as many in all."""

    params = (1, 4, 16, 64)
    param_names = ("threads",)

    def setup(self, threads: int) -> None:
        super().setup()
        self.pool = ThreadPoolExecutor(threads)
        wait([self.pool.submit(self._get, number) for number in range(threads)])

    def teardown(self, threads: int) -> None:
        self.pool.shutdown()
        super().teardown()

    def time_set(self, threads: int) -> None:
        wait([self.pool.submit(self._set, number) for number in range(threads)])

    def time_get(self, threads: int) -> None:
        wait([self.pool.submit(self._get, number) for number in range(threads)])

    def time_mixed(self, threads: int) -> None:
        wait([self.pool.submit(self._mixed, number) for number in range(threads)])

    def _set(self, thread: int) -> None:
        for number in range(EACH):
            self.db.set(key((thread * EACH + number) % KEYS), value(number))

    def _get(self, thread: int) -> None:
        for number in range(EACH):
            self.db.get(key((thread * EACH + number) % KEYS))

    def _mixed(self, thread: int) -> None:
        name = key(thread % KEYS)
        for number in range(EACH // 4):
            self.db.set(name, value(number))
            self.db.get(name)
            self.db.patch(name, {"id": number})
            self.db.delete(name)
