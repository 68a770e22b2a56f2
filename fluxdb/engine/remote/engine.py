"""The engine of a server, for threads: their calls go through an event loop in a separate thread.

So the requests of all threads are pipelined over one connection, and a thread that waits can be interrupted.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from fluxdb._core.base.locked import Kept, call_locked
from fluxdb.engine import threads
from fluxdb.engine.handle import ANY_VERSION, Written
from fluxdb.engine.remote import forgotten, request
from fluxdb.engine.remote.calls import CallingEngine
from fluxdb.engine.remote.link import words
from fluxdb.engine.remote.loop import CLOSE_SECONDS_MAX, CONNECTION_CLOSED, RemoteLoopEngine, took_effect
from fluxdb.engine.remote.settings import Settings
from fluxdb.engine.remote.subscribers import ThreadSubscriber
from fluxdb.errors import FORKED_CONNECTION, ClosedError, ConnectionLostError, closed_error
from fluxdb.storage.progress import ProgressCallback

T = TypeVar("T")


class RemoteEngine(CallingEngine):
    """A server behind the names of an engine. Safe from any thread.

    Raises at the making: ConnectionLostError, AuthError, and whatever the server refuses the connection with.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._close_lock = threading.RLock()  # a signal handler may close it, too
        self._hand_over_lock = threading.RLock()
        self._stopped = False
        try:
            self._loop = asyncio.new_event_loop()
        except OSError as error:  # too many open files
            raise ConnectionLostError(f"no connection to {settings.address}: {words(error)}") from error
        self._thread = threading.Thread(target=_run, args=(self._loop,), name="fluxdb-client", daemon=True)
        self.closed = False
        self._released = False
        self._process = os.getpid()
        self._handle: RemoteLoopEngine
        try:  # a signal handler may raise anywhere here
            threads.start(self._thread)
            self._wait(self._connect())
        except BaseException:
            self.closed = True
            self._stop()
            raise
        forgotten.register(self)

    @property
    def name(self) -> str:
        """The server's address."""
        return str(self._settings.address)

    def ask(self, body: bytes) -> bytes:
        return self._call(self._handle.ask(body))

    def set(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, ttl_ms: int = 0, keep_ttl: bool = False
    ) -> Written:
        return took_effect(self._write(request.set(key, text, if_version, ttl_ms, keep_ttl)))

    def patch(
        self, key: str, text: bytes, if_version: int = ANY_VERSION, remove_nulls: bool = False, ttl_ms: int = 0
    ) -> Written:
        return took_effect(self._write(request.patch(key, text, if_version, remove_nulls, ttl_ms)))

    def touch(self, key: str, ttl_ms: int = 0, if_version: int = ANY_VERSION) -> Written | None:
        return self._write(request.touch(key, ttl_ms, if_version))

    def delete(self, key: str, if_version: int = ANY_VERSION) -> Written | None:
        return self._write(request.delete(key, if_version))

    def subscribe(self, keys: Sequence[str], kept: Kept | None = None) -> ThreadSubscriber:
        subscriber = (kept or Kept()).make(ThreadSubscriber, keys, self._settings.limits, self._handle.forget)
        self._call(self._handle.watch(subscriber))
        return subscriber

    def checkpoint(self) -> int:
        return self._call(self._handle.checkpoint())

    def backup(self, folder: str | os.PathLike[str], progress: ProgressCallback | None = None) -> int:
        return self._call(self._handle.backup(folder), changes=True)

    def info(self) -> dict[str, Any]:
        return self._call(self._handle.info())

    def ping(self) -> None:
        self._call(self._handle.ping())

    def ask_raw(self, body: bytes, *, changes: bool) -> bytes:
        """The reply as it is, an error's too."""
        return self._call(self._handle.ask_raw(body, changes=changes), changes=changes)

    def close(self) -> None:
        threads.call_whole(self._close_once, "fluxdb-close")

    def _close_once(self) -> None:
        """A second caller returns when it is closed, not before."""
        call_locked(self._close_lock, -1, self._close)

    def _close(self) -> None:
        """Each step may be repeated, where one was interrupted."""
        if self._released:
            return
        self.closed = True
        try:
            with contextlib.suppress(ClosedError):  # by a call that was interrupted behind it
                self._wait(self._handle.close(), 4 * CLOSE_SECONDS_MAX)
        finally:
            self._stop()
        self._released = True

    def close_forgotten(self) -> None:
        self.close()

    def abandon(self) -> None:
        """After fork, in the child: the thread and the connection are its parent's, and the locks may be held by
        threads that are not there."""
        self.closed = self._released = self._stopped = True
        self._close_lock = threading.RLock()
        self._hand_over_lock = threading.RLock()
        self._handle.abandon()

    def close_aside(self) -> None:
        """For finalizers, which run in the middle of anything."""
        threads.call_aside(self._close_once, "fluxdb-close", 0)

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None and not self.closed:
            self.close_aside()  # first: a warning can be an error
            forgotten.warn(self, stacklevel=2)

    def change(self, body: bytes, read: Callable[[bytes], T]) -> T:
        return self._call(self._handle.change(body, read), changes=True)

    def _write(self, body: bytes) -> Written | None:
        return self._call(self._handle.write(body), changes=True)

    def _call(self, coroutine: Coroutine[Any, Any, T], *, changes: bool = False) -> T:
        try:
            self.check_open()
        except ClosedError:
            coroutine.close()
            raise
        return self._wait(coroutine, changes=changes)

    def check_open(self) -> None:
        if self.closed:
            raise closed_error(self._process, CONNECTION_CLOSED, FORKED_CONNECTION)

    def _wait(self, coroutine: Coroutine[Any, Any, T], seconds_max: float | None = None, *, changes: bool = False) -> T:
        if threading.current_thread() is self._thread:  # in a handler of its log, say
            coroutine.close()
            raise RuntimeError("a blocking call from the connection's own thread would wait for itself")
        future = self._hand_over(coroutine)
        try:
            return future.result(seconds_max)
        except concurrent.futures.CancelledError:
            error = ClosedError("the connection was closed before the reply")
            error.maybe_applied = changes
            raise error from None
        except BaseException:  # Ctrl-C, for one: nobody waits for the reply any more
            future.cancel()
            raise

    def _hand_over(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Pass it to the loop. Work that arrives before the loop stops is begun, and so cancelled."""
        begun = call_locked(self._hand_over_lock, -1, self._begin, coroutine)
        if begun is not None:
            return begun
        coroutine.close()
        raise ClosedError("the connection was closed")

    def _begin(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T] | None:
        with contextlib.suppress(RuntimeError):  # a signal handler has closed it just now
            if not self._stopped:
                return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return None

    async def _connect(self) -> None:
        """In the loop's thread, where nothing comes between the connection and its owner."""
        self._handle = await RemoteLoopEngine.connect(self._settings)

    def _stop(self) -> None:
        """End what is left at once. May be repeated."""
        call_locked(self._hand_over_lock, -1, self._take_no_more)
        if self._thread.ident is not None:  # else it ends as it begins
            self._thread.join()

    def _take_no_more(self) -> None:
        self._stopped = True
        with contextlib.suppress(RuntimeError):  # the loop is closed
            if hasattr(self, "_handle"):
                self._handle.close_forgotten()
            self._loop.call_soon_threadsafe(self._loop.stop)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(_settled(left))
        loop.close()


async def _settled(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)  # sockets get closed; and threads hear of tasks that ended in the very turn of the stop
