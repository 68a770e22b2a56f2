"""Processes under the shim that run functions for a test: ``Worker.call("module:function", ...)``.

A worker outlives its calls, so that thousands of openings don't cost a process each. Its address space is bounded: a
length taken from a damaged file can't make it allocate without end unnoticed. A call that takes minutes is a hang.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import queue
import resource
import select
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support import shim

ROOT = Path(__file__).parents[2]
HANG_SECONDS = 120
SPARE_ADDRESS_BYTES = 384 << 20


class WorkerError(AssertionError):
    """The function raised, or the process died or hung. Holds its traceback."""


class Worker:
    """One process. Use from one thread."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "tests.support.worker"],
            env=shim.environment(),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin and self._process.stdout
        self._requests, self._replies = self._process.stdin, self._process.stdout.fileno()
        self._buffer = bytearray()

    @property
    def pid(self) -> int:
        return self._process.pid

    def call(self, function: str, **arguments: Any) -> Any:
        """Run it there; arguments and result go as JSON."""
        self._requests.write(json.dumps([function, arguments]).encode() + b"\n")
        self._requests.flush()
        while b"\n" not in self._buffer:
            if not select.select([self._replies], [], [], HANG_SECONDS)[0]:
                self._process.send_signal(signal.SIGABRT)  # faulthandler prints where it hangs
                raise WorkerError(f"{function}({arguments}) hangs")
            data = os.read(self._replies, 1 << 20)
            if not data:
                raise WorkerError(f"the worker died (exit code {self._process.wait()}) in {function}({arguments})")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        reply = json.loads(line)
        if "raised" in reply:
            raise WorkerError(f"in the worker, {function}({arguments}):\n{reply['raised']}")
        return reply["result"]

    def kill(self) -> None:
        """``kill -9``."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self._requests.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
        os.close(os.dup(self._replies))
        if self._process.stdout:
            self._process.stdout.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self.kill()
        self.close()


def worker_count() -> int:
    """One a test process where pytest-xdist runs several, else one a core."""
    return 1 if "PYTEST_XDIST_WORKER" in os.environ else os.cpu_count() or 1


class Pool:
    """Several workers, one thread for each."""

    def __init__(self, count: int | None = None) -> None:
        self.workers = [Worker() for _ in range(count or worker_count())]

    def run(self, jobs: Iterable[Any], do: Callable[[Worker, Any], Any]) -> Iterator[Any]:
        """``do(worker, job)`` for each job, results as they come; the first error ends it."""
        source = iter(jobs)
        source_lock = threading.Lock()
        results: queue.Queue[tuple[bool, Any]] = queue.Queue()
        stop = threading.Event()

        def work(worker: Worker) -> None:
            try:
                while not stop.is_set():
                    with source_lock:
                        job = next(source, results)
                    if job is results:
                        break
                    results.put((True, do(worker, job)))
            except BaseException as error:  # handed to the test, whatever it is
                results.put((False, error))
            else:
                results.put((False, None))

        threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in self.workers]
        for thread in threads:
            thread.start()
        running = len(threads)
        try:
            while running:
                more, result = results.get()
                if more:
                    yield result
                    continue
                running -= 1
                if result is not None:
                    raise result
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


def bound_address_space() -> None:
    """A little more than what is in use now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    bound = pages * os.sysconf("SC_PAGE_SIZE") + SPARE_ADDRESS_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))


def main() -> None:
    import fluxdb  # noqa: F401 - loaded before memory is bounded

    logging.getLogger("fluxdb").setLevel(logging.CRITICAL)  # it reports each torn tail: thousands of them

    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    bound_address_space()
    for line in sys.stdin.buffer:
        name, arguments = json.loads(line)
        module, _, function = name.partition(":")
        try:
            reply = {"result": getattr(importlib.import_module(module), function)(**arguments)}
        except BaseException:
            reply = {"raised": traceback.format_exc()}
        replies.write(json.dumps(reply).encode() + b"\n")


if __name__ == "__main__":
    main()
