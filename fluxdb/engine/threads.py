"""Work that is done whole, although a signal handler raises.

Handlers run in the main thread, between any two steps of Python code, and what one raises (Ctrl-C) comes out there: the
rest of the work is not done, and a lock may stay taken. Other threads are never interrupted so. Work that must be
complete is therefore done by another thread, and the main thread waits for it; a handler that raises ends the wait, not
the work.
"""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Call(Generic[T]):
    """A call in a thread, and the gate at which another one waits for its end."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._result: T
        self._error: BaseException | None = None
        self.gate = _thread.allocate_lock()
        self.gate.acquire()

    def run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error
        finally:
            self.gate.release()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._result


def start(thread: threading.Thread) -> None:
    """Start a thread without interruption; thread.start() is many steps of Python code, and waits for the new thread.

    Raises RuntimeError where no thread can be made.
    """
    if not _handlers_run_here():
        thread.start()
        return
    call = _Call(thread.start)
    _thread.start_new_thread(call.run, ())  # one step
    call.gate.acquire()
    call.result()


def call_whole(work: Callable[[], T], name: str) -> T:
    """Return or raise the result of ``work``, which may be called again, or at the same time, if this is called again.

    Where no thread can be made, as at the interpreter's end, it is done here.
    """
    if not _handlers_run_here():
        return work()
    call = _Call(work)
    try:
        start(threading.Thread(target=call.run, name=name, daemon=True))
    except RuntimeError:
        return work()
    call.gate.acquire()
    return call.result()


def call_aside(work: Callable[[], object], name: str, patience_seconds: float) -> None:
    """Run ``work`` in another thread and wait a limited time: for finalizers, which run in the middle of anything."""
    call = _Call(work)
    thread = threading.Thread(target=call.run, name=name, daemon=False)
    try:
        _thread.start_new_thread(thread.start, ())  # which takes a lock that may be taken by the thread that is here
    except RuntimeError:
        work()
        return
    call.gate.acquire(timeout=patience_seconds)


def _handlers_run_here() -> bool:
    return threading.get_ident() == threading.main_thread().ident
