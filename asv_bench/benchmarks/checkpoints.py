"""A checkpoint: how long it takes, and what it does to the writes that go on meanwhile."""

from __future__ import annotations

import threading
import time

import fluxdb
from benchmarks.common import NO_CHECKPOINTS, fill, key, new_folder, size, value

DOCUMENTS = size(100_000)


class Checkpoint:
    timeout = 300

    def setup_cache(self) -> str:
        folder = new_folder()
        fill(folder, DOCUMENTS)
        return folder

    def setup(self, folder: str) -> None:
        self.db = fluxdb.open(folder, limits=NO_CHECKPOINTS)

    def teardown(self, folder: str) -> None:
        self.db.close()

    def time_checkpoint(self, folder: str) -> None:
        self.db.set("changed", 1)
        self.db.checkpoint()

    def track_p99_of_set_during_checkpoints(self, folder: str) -> float:
        """Over five checkpoints, in microseconds."""
        done = threading.Event()
        thread = threading.Thread(target=self._checkpoints, args=(done,), daemon=True)
        samples = []
        thread.start()
        while not done.is_set():
            begin = time.perf_counter_ns()
            self.db.set(key(len(samples)), value(len(samples)))
            samples.append(time.perf_counter_ns() - begin)
        thread.join()
        samples.sort()
        return samples[len(samples) * 99 // 100] / 1e3

    track_p99_of_set_during_checkpoints.unit = "us"  # type: ignore[attr-defined]

    def _checkpoints(self, done: threading.Event) -> None:
        try:
            for number in range(5):
                self.db.set("changed", number)
                self.db.checkpoint()
        finally:
            done.set()
