"""Two threads at once against the same work in turn: half the time, where the core works without the GIL."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

from benchmarks.common import text_of
from fluxdb._core.json.merge import merge
from fluxdb._core.json.text import compact

CALLS = 5
SIZE = 2_000_000  # calls so long that handing the GIL over does not count


class Pair:
    params = ("merge", "compact")
    param_names = ("work",)

    def setup(self, work: str) -> None:
        text = text_of(SIZE)
        delta = b'{"another":"member","member000000":null}'
        self.once: Callable[[], object] = (lambda: merge(text, delta)) if work == "merge" else (lambda: compact(text))
        self.pool = ThreadPoolExecutor(2)
        wait([self.pool.submit(self.once) for _ in range(4)])

    def teardown(self, work: str) -> None:
        self.pool.shutdown()

    def time_in_turn(self, work: str) -> None:
        self._repeat()
        self._repeat()

    def time_in_parallel(self, work: str) -> None:
        wait([self.pool.submit(self._repeat) for _ in range(2)])

    def _repeat(self) -> None:
        for _ in range(CALLS):
            self.once()
