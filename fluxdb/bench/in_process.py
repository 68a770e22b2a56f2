"""Measures a database in this process: coroutines of one event loop, or threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import fluxdb
import fluxdb.aio
from fluxdb._core.load.histogram import LatencyHistogram
from fluxdb.bench.work import DELETE, GET, MIXED, MIXED_KEYS, PATCH, SET, Commits, Outcome, Progress, Work

TICK_SECONDS = 0.1
TURN_OPERATIONS = 4096

T = TypeVar("T")


def payload(i: int) -> dict[str, Any]:
    return {"id": i, "data": "benchmark data"}


def calls(db: Any, work: Work) -> Callable[[int], Any]:
    """Return the function for the i-th operation; for the asynchronous class it returns an awaitable."""
    keys = work.keys
    if work.operation == SET:
        return lambda i: db.set(f"bench:{i % keys}", payload(i))
    if work.operation == GET:
        return lambda i: db.get(f"bench:{i % keys}")
    if work.operation == PATCH:
        return lambda i: db.patch(f"bench:{i % keys}", {"id": i + 1})
    if work.operation == DELETE:
        return lambda i: db.delete(f"bench:{i % keys}")
    assert work.operation == MIXED
    in_turn = [calls(db, Work(operation, work.count, MIXED_KEYS)) for operation in (SET, GET, PATCH, DELETE)]
    return lambda i: in_turn[i & 3](i >> 2)


class Coroutines:
    """``concurrency`` tasks of one event loop, which is this object's own. Close it."""

    def __init__(self, folder: Path, concurrency: int) -> None:
        self._concurrency = concurrency
        self._loop = asyncio.new_event_loop()
        try:
            self._db = self._wait(_open(folder))
        except BaseException:
            self._loop.close()
            raise

    def run(self, work: Work, latencies: LatencyHistogram, progress: Progress | None) -> Outcome:
        return Outcome(self._wait(self._run(work, latencies, progress)))

    def commits(self) -> Commits:
        return Commits.of_info(self._wait(self._db.info()))

    def close(self) -> None:
        try:
            self._wait(self._db.close())
        finally:
            self._loop.close()

    def _wait(self, what: Coroutine[Any, Any, T]) -> T:
        """Ctrl-C ends the loop in the middle: then nothing of it may go on beside what comes next."""
        try:
            return self._loop.run_until_complete(what)
        except BaseException:
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            if tasks:
                self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            raise

    async def _run(self, work: Work, latencies: LatencyHistogram, progress: Progress | None) -> int:
        call = calls(self._db, work)
        numbers = iter(range(work.count))
        before = latencies.count
        ticker = asyncio.create_task(_tick(progress, lambda: latencies.count - before, work.count))
        ticker.add_done_callback(_seen)
        started = time.perf_counter_ns()
        await asyncio.gather(*(_work(call, numbers, latencies) for _ in range(self._concurrency)))
        elapsed_ns = time.perf_counter_ns() - started
        ticker.cancel()
        if progress is not None:
            progress(work.count, work.count)
        return elapsed_ns


async def _open(folder: Path) -> fluxdb.aio.FluxDB:
    return await fluxdb.aio.open(folder)


async def _work(call: Callable[[int], Awaitable[Any]], numbers: Iterator[int], latencies: LatencyHistogram) -> None:
    now = time.perf_counter_ns
    for i in numbers:
        started = now()
        await call(i)
        latencies.record(now() - started)
        if i % TURN_OPERATIONS == 0:
            await asyncio.sleep(0)  # a GET never waits: nothing else in the loop would run beside it


async def _tick(progress: Progress | None, done: Callable[[], int], total: int) -> None:
    while progress is not None:
        await asyncio.sleep(TICK_SECONDS)
        progress(done(), total)


def _seen(ticker: asyncio.Task[None]) -> None:
    """Ctrl-C while it draws ends the loop, and is raised there: the task must not complain of it once more."""
    if not ticker.cancelled():
        ticker.exception()


class Threads:
    """``concurrency`` threads that share one database. Close it."""

    def __init__(self, folder: Path, concurrency: int) -> None:
        self._concurrency = concurrency
        self._db = fluxdb.open(folder)

    def run(self, work: Work, latencies: LatencyHistogram, progress: Progress | None) -> Outcome:
        crew = _Crew(calls(self._db, work), work.count, self._concurrency)
        elapsed_ns = crew.run(progress)
        for each in crew.latencies:
            latencies.add(each)
        return Outcome(elapsed_ns)

    def commits(self) -> Commits:
        return Commits.of_info(self._db.info())

    def close(self) -> None:
        self._db.close()


class _Crew:
    """Threads that share the numbers of the operations; the first error ends them all.

    They wait until all are there: with GETs that never wait, the first ones would keep the interpreter from starting
    the others.
    """

    def __init__(self, call: Callable[[int], Any], count: int, threads: int) -> None:
        self.latencies = [LatencyHistogram() for _ in range(threads)]
        self._call = call
        self._count = count
        self._numbers = iter(range(count))
        self._error: BaseException | None = None
        self._stopping = False
        self._go = threading.Event()

    def run(self, progress: Progress | None) -> int:
        """Nanoseconds from when all were there to when the last had ended."""
        threads = [threading.Thread(target=self._work, args=(latencies,)) for latencies in self.latencies]
        try:
            for thread in threads:
                thread.start()
            started = time.perf_counter_ns()
            self._go.set()
            for thread in threads:
                self._wait(thread, progress)
            elapsed_ns = time.perf_counter_ns() - started
        finally:
            self._stopping = True
            self._go.set()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        if self._error is not None:
            raise self._error
        return elapsed_ns

    def _wait(self, thread: threading.Thread, progress: Progress | None) -> None:
        while thread.is_alive():
            thread.join(TICK_SECONDS)
            if progress is not None:
                progress(sum(each.count for each in self.latencies), self._count)

    def _work(self, latencies: LatencyHistogram) -> None:
        now = time.perf_counter_ns
        call = self._call
        self._go.wait()
        try:
            for i in self._numbers:
                if self._stopping:
                    return
                started = now()
                call(i)
                latencies.record(now() - started)
        except BaseException as error:
            self._error = self._error or error
            self._stopping = True
